"""The case of a question: the run's other findings, and what other runs of the business tell."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

import runkit
from runkit.api.models import Run
from runkit.client import Client
from support import jobs_end, until
from tests.faults import sandbox
from tests.widgets.conftest import threads
from tests.widgets.pages import Page
from tests.widgets.test_inbox import refresh

Json = dict[str, Any]


@pytest.fixture
def box():
    with sandbox(speed=3000, now="2026-03-01") as box:  # its clock counts, not this machine's
        yield box


def case_of(client: Client, run: Run, n_lines: int) -> Json:
    """Return the case on the card of a form, once it is read; it has some number of lines."""
    form = runkit.InterruptForm(client, run, who="Ana Ortiz")
    page = Page(form.widget)
    until(lambda: threads("case") == 0)
    page.tell()
    form.close()
    assert len(page.view["case"]["lines"]) == n_lines
    return dict(page.view["case"])


def texts(line: Json) -> list[str]:
    """Return the title of a folded line and the texts of its rows, or the text of an open line."""

    def text(row: Json) -> str:
        pills = (word for word, _ in row["pills"])
        return " ".join(filter(None, (row["run"], *pills, row["text"], row["end"])))

    return [line["title"], *map(text, line["rows"])] if "title" in line else [text(line)]


def test_other_findings_come_weakest_first(client, start):
    """A finding of the question is not repeated; the case names the business's status."""
    run = start("watchlist_hit")
    case = case_of(client, run, 1)
    assert case["status"].startswith("Business in review, as of ")
    assert f'client.runs.get("{run.id[:8]}")' in case["code"]
    found = runkit.frames(run).artifacts.query("origin == 'step'")
    [line] = case["lines"]
    confidences = [finding["confidence"] for finding in line["findings"]]
    assert len(confidences) == len(set(found["title"]) - {"Watchlist hit is another person"})
    assert confidences == sorted(confidences, key=["Low", "Medium", "High"].index)
    assert line["title"].startswith(f"{len(confidences)} other findings: ")


def test_two_questions_about_one_business_name_each_other(client, start):
    """Each names the other one, and the older one that a newer run may have made it stale."""
    first, second = (start("decision") for _ in range(2))
    _, is_open, runs = case_of(client, first, 3)["lines"]
    [text] = texts(is_open)
    assert text.startswith(
        f"◷ 2 open 1st question about this business; the 2nd {second.id[:8]} is "
    )
    assert is_open["key"].startswith(f"{second.id} {second.interrupts[0].id} ")
    title, row = texts(runs)
    assert title == "1 other run of this business, waiting; 1 is newer than this question"
    assert (row.startswith(f"{second.id[:8]} ◷ Waiting"), row.endswith("newer")) == (True, True)
    assert (
        texts(case_of(client, second, 3)["lines"][2])[0] == "1 other run of this business, waiting"
    )


def test_earlier_answers_about_a_business_are_listed(client, start):
    first = start("decision")
    answer = {"decision": "rejected", "note": "virtual office"}
    client.runs.wait(
        client.runs.resume(first, first.interrupts[0].id, answer, who="Bo Lind"), poll=0.02
    )
    _, runs, request, sent = case_of(client, start("decision"), 4)["lines"]
    assert texts(runs)[0] == "1 other run of this business, completed"
    assert texts(request)[0] == "1 earlier question about this business, rejected"
    assert texts(request)[1].startswith(f"{first.id[:8]} ")
    assert " Rejected by Bo Lind, " in texts(request)[1]
    assert texts(sent) == ["Earlier answers on this machine: 1"]


def test_the_case_of_an_unknown_business_has_only_findings(box, start):
    """The case of its question has the findings only."""
    run = start("decision")
    start("decision")
    with box.client(rate=None) as stranger:
        case = case_of(stranger, stranger.runs.get(run.id), 1)
        jobs_end()
    assert (case["status"], "other findings" in case["lines"][0]["title"]) == ("", True)


def test_the_case_says_that_other_runs_could_not_be_read(box, client, start):
    """The case says so, and the question can be answered."""
    form = runkit.InterruptForm(client, start("decision"))
    box.fault("refuse", on="GET /runs", status=403, times=9)
    page = Page(form.widget)
    until(lambda: len(page.view["case"]["lines"]) == 2)
    [text] = texts(page.view["case"]["lines"][1])
    assert text.startswith("Other runs and answers about this business couldn't be read. ")
    assert page.view["status"]["state"] == "open"
    form.close()


def test_the_case_on_a_page_opens_the_other_question(client, start, live):
    """Both rows say how many are open; "Show it" opens the other one; what is unfolded stays so."""
    first, second = (start("decision") for _ in range(2))
    inbox = runkit.InterruptInbox(client, who="Ana Ortiz")
    card = live.add(inbox.widget)
    expect(card.locator(".rk-item").filter(has_text="2 open")).to_have_count(2)
    case = card.locator(".rk-case")
    head = card.locator(".rk-head code")
    live.until(
        lambda: case.get_by_text("1st question").count() and head.inner_text() == first.id[:8]
    )
    case.locator("summary").first.click()  # those of a decision are open
    refresh(inbox)
    live.settle()
    expect(case.locator("details").first).not_to_have_attribute("open", "")
    case.get_by_role("button", name="Show it").click()
    live.until(lambda: head.inner_text() == second.id[:8])
    live.until(lambda: case.get_by_text("2nd question").count())
    inbox.close()


def test_the_case_of_the_next_question_knows_the_answer_before(client, start):
    """Before any check has read the answered run again."""
    first, second = (start("decision") for _ in range(2))
    inbox = runkit.InterruptInbox(client, who="Ana Ortiz")
    page = Page(inbox.widget)
    until(lambda: page.view["question"]["run"] == first.id[:8] and threads("case") == 0)
    page.answer("rejected", note="virtual office")
    until(lambda: page.view["question"]["run"] == second.id[:8] and threads("case") == 0)
    page.tell()
    assert "2 open" not in str(page.view["case"])
    inbox.close()
