"""A form as its cell shows it, without a kernel: what it says, what a click does, and what is left of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest
from comm import get_comm_manager

import runkit
from runkit import Client, FeedbackForm, InterruptForm, InterruptInbox, Run, RunMonitor
from runkit.errors import UsageError
from support import until
from tests.client.conftest import Answer, Server
from tests.widgets.asking import Asking, finish
from tests.widgets.pages import Page

Open = Callable[[InterruptForm], Page]


@pytest.fixture
def in_a_page() -> Iterator[Open]:
    """Show forms in pages, and take them away in the end."""
    forms: list[InterruptForm] = []

    def show(form: InterruptForm) -> Page:
        forms.append(form)
        return Page(form.widget)

    yield show
    for form in forms:
        form.close()


# ---------------------------------------------------------------------------------------- in a page


def test_an_answer_by_a_page(asking: Asking, in_a_page: Open) -> None:
    """The question is told when the page is ready; an answer ends as a receipt that a reload shows, too."""
    form = InterruptForm(
        asking.client, asking.run(), reasons={"dismissal": ["Another date of birth"]}
    )
    page = in_a_page(form)
    question, status = page.view["question"], page.view["status"]
    assert (question["business"], question["title"]) == (
        "Tacoma Harbor Imports LLC",
        "Dismiss 1 potential hit?",
    )
    [section] = question["sections"]
    assert [verb["button"] for verb in section["verbs"]] == ["Dismiss the hit", "Keep the hit"]
    assert section["reasons"] == ["Another date of birth"]
    assert (status["state"], page.view["receipt"]) == ("open", None)
    page.answer("approve", note="not him")
    finish()
    assert form.state == "settled"
    for item in (page, in_a_page(form)):
        assert item.view["receipt"]["title"].startswith("Hit dismissed, ")


@pytest.mark.parametrize(
    "content",
    [
        {"verb": "approve"},
        {"verb": "approve", "values": {}, "digest": "0" * 64},
        {"verb": 3, "values": {"0": 7}},
        {"verb": "approve", "values": {"0": {"note": ["x"], "sources": "y"}}},
        {"who": 3, "open": [1], "ready": 7},
    ],
)
def test_odd_messages(asking: Asking, in_a_page: Open, content: dict[str, Any]) -> None:
    """What no page sends does nothing."""
    form = InterruptForm(asking.client, asking.run())
    page = in_a_page(form)
    whole = {"digest": page.view["question"]["digest"]} if "digest" not in content else {}
    page.tell(**content, **whole)
    assert form.state in ("open", "invalid")
    assert asking.wire.posts == 0


def test_a_name_is_asked_for(
    asking: Asking, in_a_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login that is no person's name is shown as such; the name that is given signs the answer."""
    monkeypatch.setenv("JUPYTERHUB_USER", "jovyan")
    form = InterruptForm(asking.client, asking.run())
    page = in_a_page(form)
    page.answer("reject")
    assert page.view["status"]["ask"]
    assert (form.state, page.view["status"]["message"]) == (
        "invalid",
        "Not sent. Type your name first.",
    )
    page.tell(who="Ana Ortiz")
    assert (page.view["status"]["who"], page.view["status"]["ask"]) == ("Ana Ortiz", False)
    page.answer("reject")
    finish()
    assert form.receipt is not None
    assert form.receipt.title.endswith("signed Ana Ortiz")
    assert list(runkit.answer_log()["answered_by"]) == ["Ana Ortiz"]


# ---------------------------------------------------------------------------------------- in a cell


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What cells show, in an IPython without a kernel; an output that is updated is replaced."""
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield publisher.outputs
    InteractiveShell.clear_instance()


def bundles(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs of a cell as they are in the end."""
    last: dict[Any, dict[str, Any]] = {}
    for number, output in enumerate(shown):
        last[(output.get("transient") or {}).get("display_id", number)] = output["data"]
    return list(last.values())


VIEW = "application/vnd.jupyter.widget-view+json"


def test_a_receipt_has_the_time_of_the_server(in_a_page: Open) -> None:
    with (
        runkit.sandbox(speed=3000, now="2020-03-01T10:00:00Z") as box,
        box.client(rate=None) as client,
    ):
        created = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
        form = InterruptForm(client, client.runs.wait(created, poll=0.05), who="Ada")
        in_a_page(form).answer("approve", note="Another person")
        until(lambda: form.receipt is not None)
    assert "Mar 1, 2020" in str(form.receipt)


@pytest.mark.parametrize("receipts", ["full", "short"])
def test_two_outputs_that_become_a_receipt(
    asking: Asking, shown: list[dict[str, Any]], receipts: Literal["full", "short"]
) -> None:
    """What is asked stays as HTML without a kernel; the card's output ends as a receipt without a widget."""
    form = InterruptForm(asking.client, asking.run(), who="Ada", receipts=receipts)
    form._ipython_display_()
    head, card = bundles(shown)
    assert VIEW not in head
    assert "Dismiss 1 potential hit?" in head["text/html"]
    assert f"SANDBOX {asking.client.host}" in head["text/html"]
    assert "No buttons below? Install anywidget where JupyterLab runs" in head["text/html"]
    assert VIEW in card
    assert "Rerun the cell" in card["text/html"]
    assert form.controller is not None
    form.controller.edit({"0": {"decision": "reject", "note": "a reason of ours"}})
    form.controller.submit()
    finish()
    head, card = bundles(shown)
    assert VIEW not in card
    assert "Hit kept, " in card["text/plain"]
    assert "signed Ada" in card["text/plain"]
    assert "Watchlist hit is another person" in card["text/html"]
    assert ("a reason of ours" in card["text/html"]) is (receipts == "full")
    assert repr(form).endswith(", settled, SANDBOX)")
    form.close()


def test_the_cell_again(asking: Asking, shown: list[dict[str, Any]]) -> None:
    """Running the cell again takes the place of the first form, and after the answer shows its receipt."""
    run = asking.run()
    first, second = InterruptForm(asking.client, run), InterruptForm(asking.client, run)
    first._ipython_display_()
    first._on_views(1)
    second._ipython_display_()
    assert [VIEW in bundle for bundle in bundles(shown)] == [False, False, False, True]
    assert "Form closed" in bundles(shown)[1]["text/html"]
    asking.client.runs.resume(run, run.interrupts[0].id, {"decision": "reject"})
    shown.clear()
    third = InterruptForm(asking.client, run)
    third._ipython_display_()
    [receipt] = bundles(shown)
    assert (third.state, VIEW in receipt) == ("closed", False)
    assert "Hit kept" in receipt["text/html"]
    second.close()


@pytest.mark.parametrize("kind", [InterruptForm, InterruptInbox, RunMonitor])
def test_three_displays_and_a_close(asking: Asking, shown: list[dict[str, Any]], kind: Any) -> None:
    """No listener, view, widget or thread is left of them."""
    run = asking.run()
    made = kind(asking.client) if kind is InterruptInbox else kind(asking.client, run)
    comms = get_comm_manager().comms  # type: ignore[no-untyped-call]
    n_comms, controller = len(comms), getattr(made, "controller", None)
    n_listeners = len(controller._listeners) if controller else 0
    cards = []
    for _ in range(3):
        made._ipython_display_()
        cards.append(made._card)
        Page(cards[-1])
    assert sum(VIEW in bundle for bundle in bundles(shown)) == 1
    made.close()
    assert [card.comm for card in cards] == [None] * 3
    assert len(comms) == n_comms
    assert controller is None or len(controller._listeners) == n_listeners
    names = ("runkit-form", "runkit-inbox", "runkit-watch")
    until(lambda: not any(thread.name in names for thread in threading.enumerate()))


def test_it_looks_while_somebody_looks(
    asking: Asking, shown: list[dict[str, Any]], monkeypatch: Any
) -> None:
    """A form that is on a page notices an answer from elsewhere; its thread ends with that."""
    monkeypatch.setattr("runkit.widgets.form.CHECK_INTERVAL", 0.05)
    form = InterruptForm(asking.client, asking.run())
    form._ipython_display_()
    form._on_views(1)
    assert form.controller is not None
    asking.answer_elsewhere(form.controller.question)
    until(lambda: form.state == "conflict")
    until(lambda: "by Priya Raman" in bundles(shown)[1]["text/html"])
    form._on_views(1)
    form.close()


@pytest.mark.parametrize("interrupts", [[], None, ["?"], 7])
@pytest.mark.parametrize("name", [None, "int-1"])
def test_a_question_that_cannot_be_read(
    server: Server, client: Client, run_json: Any, interrupts: Any, name: str | None
) -> None:
    """It is not said that none waits, and the form names the way around."""
    server.script = lambda request: Answer(run_json(status="interrupted", interrupts=interrupts))
    receipt = InterruptForm(client, "run-1", name).receipt
    assert receipt is not None
    assert (
        "can't be read; answer with client.runs.resume(run, interrupt_id, answer)" in receipt.title
    )


UNNAMED = {
    "agent": "x",
    "label": "Dismiss it?",
    "artifacts": [{"title": "Hit", "type": "dismissal"}],
}


def test_a_question_without_an_id_is_shown_and_not_answered(
    server: Server, client: Client, run_json: Any, in_a_page: Open
) -> None:
    """In a form and in an inbox: with its evidence, and nothing is ever sent."""
    run = run_json(status="interrupted", interrupts=[UNNAMED], steps=[])
    listed = {"object": "list", "data": [run], "has_more": False, "total_count": 1}
    server.script = lambda request: Answer(listed if request.path == "/runs" else run)
    form = InterruptForm(client, "run-1")
    page = in_a_page(form)
    assert page.view["question"]["title"] == "Dismiss it?"
    assert page.view["question"]["proposals"][0]["evidence"][0]["title"] == "Hit"
    assert page.view["status"]["read_only"]
    page.answer("approve", note="Another person")
    assert form.state == "failed"
    assert page.view["status"]["message"] == "This question has no id; answer it in Middesk."
    controller = InterruptInbox(client).controller
    controller.open_first()
    until(lambda: controller.form is not None)
    controller.form.submit()
    assert controller.form.snapshot.state == "failed"
    assert [request.path for request in server.requests if request.method == "POST"] == []


def test_a_prefix_of_the_run_id(asking: Asking) -> None:
    run = asking.run()
    widgets = [
        kind(asking.client, run.id[:8]) for kind in (InterruptForm, RunMonitor, FeedbackForm)
    ]
    for widget in widgets:
        assert run.id[:8] in repr(widget)
        assert run.id not in repr(widget)


def test_which_of_several(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """Two questions at once: one must be named."""
    both = [question, {"id": "int-2", "value": {"type": "dismissal", "label": "And this?"}}]
    server.script = lambda request: Answer(
        run_json(status="interrupted", interrupts=both, steps=[])
    )
    with pytest.raises(UsageError, match=r"2 questions waiting; choose one .*'int-2': And this\?"):
        InterruptForm(client, "run-1")
    assert InterruptForm(client, "run-1", "int-2").state == "open"


def awaited(form: InterruptForm) -> Run:
    """Wait for the answer on a thread of its own: the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(form.answered())).result()


def test_nobody_can_click_here(asking: Asking) -> None:
    """Outside a notebook a wait would have no end: it is refused at once, and says what to do instead."""
    form = runkit.InterruptForm(asking.client, asking.run())
    with pytest.raises(UsageError, match="needs an open notebook; answer with client"):
        awaited(form)
