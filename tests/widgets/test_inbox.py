"""The inbox: what it lists, what it looked at, and which question follows an answer."""

from __future__ import annotations

from typing import Any

import pytest

import runkit
import support
from tests.client.conftest import KEY, Answer
from tests.widgets.asking import NOTE, on_a_loop, quick_client, until

SCENARIOS = ["watchlist_hit", "address_gap", "decision"]


async def open_inbox(asking, *scenarios, **options):
    """Return an inbox of new questions, and their runs."""
    runs = [asking.run(scenario) for scenario in scenarios]
    inbox = runkit.InterruptInbox(asking.client, who="Ana", **options)
    await until(lambda: inbox.work.is_idle)
    return inbox, runs


def waiting(inbox) -> list[str]:
    return [question.run.id for question in inbox.questions]


def shown(inbox) -> str:
    """The run whose form is shown."""
    return inbox.listing.form.run.id


async def reject(inbox):
    """Answer the question that is shown."""
    form = inbox.listing.form
    proposal = form.inputs.proposals[0]
    proposal.texts["note"].value = NOTE
    proposal.choice.value = proposal.kind.choices[-1].word
    form.send_button.click()
    await until(lambda: form.receipt)
    await until(lambda: inbox.listing.form is not None or not inbox.questions)


@on_a_loop
async def test_the_longest_wait_is_first_and_the_next_one_follows_each_answer(asking):
    inbox, runs = await open_inbox(asking, *SCENARIOS)
    ids = [run.id for run in runs]
    assert waiting(inbox) == ids
    names = {item.scenario: item.name for item in asking.box.businesses}
    await until(lambda: names[SCENARIOS[0]] in inbox.saved_html)
    lines = [line for line, _ in inbox.listing.choice.options]
    assert len({*map(str.index, lines, map(names.get, SCENARIOS))}) == 1
    assert [line.split()[-1] for line in lines] == [each[:8] for each in ids]
    inbox.listing.choice.value = inbox.questions[1].key
    await until(lambda: inbox.listing.form is not None)
    assert shown(inbox) == ids[1]
    await reject(inbox)
    assert (shown(inbox), waiting(inbox)) == (ids[2], [ids[0], ids[2]])
    await reject(inbox)
    assert shown(inbox) == ids[0]
    await reject(inbox)
    assert (inbox.listing.form, inbox.questions) == (None, [])
    assert [receipt.delivery for receipt in inbox.receipts] == ["confirmed"] * 3


@on_a_loop
async def test_what_was_typed_stays_whatever_is_chosen_or_refreshed(asking):
    inbox, runs = await open_inbox(asking, "watchlist_hit", "decision")
    first, second = (question.key for question in inbox.questions)
    inbox.listing.form.inputs.proposals[0].texts["note"].value = NOTE
    for key in (second, first):
        inbox.listing.choice.value = key
        await inbox.listing.refresh()
    assert shown(inbox) == runs[0].id
    assert inbox.listing.form.inputs.proposals[0].texts["note"].value == NOTE


@on_a_loop
async def test_a_closed_question_stays_in_the_list_with_what_was_typed(asking):
    inbox, [run, other] = await open_inbox(asking, "watchlist_hit", "decision")
    form = inbox.listing.form
    form.inputs.proposals[0].texts["note"].value = NOTE
    asking.answer_elsewhere(run)
    await inbox.listing.refresh()
    assert (waiting(inbox), inbox.listing.form) == ([other.id], form)
    assert "closed" in inbox.listing.choice.options[-1][0]
    assert form.inputs.proposals[0].texts["note"].value == NOTE
    assert not form.can_send


@on_a_loop
async def test_a_failed_refresh_keeps_the_list_and_says_why(asking):
    inbox, [run] = await open_inbox(asking, "watchlist_hit")
    asking.box.fault("refuse", on="GET /runs", status=401, times=9)
    await inbox.listing.refresh()
    assert waiting(inbox) == [run.id]
    assert "401" in inbox.listing.parts[0].children[0].value


@on_a_loop
async def test_it_refreshes_itself_and_a_newer_one_takes_its_place(asking):
    first, _ = await open_inbox(asking, refresh_every=0.05)
    second, _ = await open_inbox(asking, refresh_every=0.05)
    run = asking.run("decision")
    await until(lambda: waiting(second) == [run.id])
    assert waiting(first) == []
    second.close()


@on_a_loop
async def test_a_limit_marks_what_waits_longer(asking):
    """The time of the first passes on the sandbox's clock while the second works."""
    inbox, _ = await open_inbox(asking, "watchlist_hit", "decision", sla_h=0.01)
    lines = [line for line, _ in inbox.listing.choice.options]
    assert [line.endswith("over 0.01 h") for line in lines] == [True, False]
    assert "(1 over 0.01 h)" in inbox.listing.sentence


def test_every_question_that_waits_is_there():
    """As many as runs are interrupted in the past 30 days of the server's clock."""
    with runkit.sandbox(history=90) as box, box.client(rate=None) as client:
        listed = client.runs.list(since="30d", progress=False)
        inbox = runkit.InterruptInbox(client)
        assert {*waiting(inbox)} == {run.id for run in listed if run.status == "interrupted"}
        assert f"in {len(listed):,} runs created since" in inbox.listing.sentence
        assert inbox.listing.choice.rows == len(inbox.questions)


# -------------------------------------------------------------------------- a list of another account


OPEN: dict[str, Any] = {"id": "q", "value": {"type": "dismissal", "label": "Dismiss?"}}


def waiting_run(**more):
    step = support.question("s1", 20, None)
    fields = {"status": "interrupted", "interrupts": [OPEN], **more}
    return support.run(step, run_id="aaaaaaaa-1", end=None, **fields)


@pytest.mark.parametrize(
    "listed",
    [
        waiting_run(status="awaiting_human"),
        waiting_run(status="awaiting_human", interrupts=[]),
        waiting_run(steps=[support.question("s1", 20, None)] * 2),
    ],
    ids=["unknown status", "only a step", "one step twice"],
)
@on_a_loop
async def test_a_question_waits_whatever_the_status_is_called(server, listed):
    """And whatever the list says of it: what has no steps there is read with them."""
    bare = {name: value for name, value in listed.items() if name != "steps"}

    def reply(request):
        if request.path == "/runs":
            return Answer({"data": [bare], "has_more": False, "total_count": 1})
        return Answer(listed if "aaaaaaaa" in request.path else {"data": [], "has_more": False})

    server.script = reply
    with quick_client(KEY, server.url, []) as client:
        inbox = runkit.InterruptInbox(client, since=None)
        await until(lambda: inbox.work.is_idle)
        assert waiting(inbox) == ["aaaaaaaa-1"]
        assert inbox.listing.form is not None


@on_a_loop
async def test_a_run_that_cannot_be_read_again_stays_and_is_missing(server):
    listed = waiting_run()
    status = [200]

    def reply(request):
        if request.path == "/runs":
            return Answer({"data": [listed], "has_more": False, "total_count": 1})
        return Answer(
            waiting_run() if "aaaaaaaa" in request.path else {"data": []}, status=status[0]
        )

    server.script = reply
    with quick_client(KEY, server.url, []) as client:
        inbox = runkit.InterruptInbox(client, since=None)
        await until(lambda: inbox.work.is_idle)
        assert "May be missing" not in inbox.listing.sentence
        await inbox.listing.refresh()
        assert server.lines.count("GET /runs/aaaaaaaa-1") == 1
        listed["updated_at"] = support.at(500)
        status[0] = 404
        await inbox.listing.refresh()
        assert waiting(inbox) == ["aaaaaaaa-1"]
        assert "May be missing: " in inbox.listing.sentence
