"""Rating what a run found, on a real sandbox, without a kernel."""

from __future__ import annotations

from typing import Any

import pytest

from runkit.api.models import Run
from runkit.widgets.feedback_form import FeedbackForm
from support import until


@pytest.fixture
def run(start):
    """Return a completed run, whose artifacts nobody has rated."""
    return start("clean_pass")


class Row:
    """The widgets of one artifact."""

    def __init__(self, form: FeedbackForm, number: int = 0) -> None:
        self.head, self.line, self.status = form.widget.children[1 + number].children
        if self.line.children:
            self.comment, *self.buttons = self.line.children

    def rate(self, at: int) -> str:
        """Press a button, and return what the row says at the end."""
        self.buttons[at].click()
        return self.finished()

    def finished(self) -> str:
        """Wait until nothing is being sent, and return what the row says."""
        until(lambda: not self.buttons[0].disabled)
        return str(self.status.value)


def html(form: FeedbackForm) -> str:
    return str(form._static()["text/html"])


def test_another_rating_replaces_the_first(client, run):
    form = FeedbackForm(client, run)
    row = Row(form)
    n_rows = len(form.widget.children) - 1
    assert "Replaced" not in row.rate(0)
    assert "Replaced an earlier rating" in row.rate(1)
    assert form.widget.children[0].value == f"1 of {n_rows} rated"
    assert "Rated not helpful" in html(form)


def test_a_comment_is_sent_with_the_rating(client, run, monkeypatch):
    sent: list[Any] = []
    send = client.runs.feedback
    monkeypatch.setattr(
        client.runs, "feedback", lambda *values: (sent.append(values[2:]), send(*values))[1]
    )
    row = Row(FeedbackForm(client, run))
    row.comment.value = "well found"
    row.rate(0)
    assert sent == [("positive", "well found")]


def test_a_double_click_sends_one_rating(box, client, run):
    box.fault("hold", "/feedback")
    row = Row(FeedbackForm(client, run))
    for button in (*row.buttons, row.buttons[0]):
        button.click()
    box.clear_faults()
    assert "Rated helpful" in row.finished()
    assert "Replaced" not in row.status.value


@pytest.mark.parametrize(
    ("fault", "again"),
    [("refuse", "Rated helpful"), ("lose_reply", "Replaced an earlier rating")],
)
def test_a_rating_that_fails_can_be_sent_again(box, client, run, fault, again):
    box.fault(fault, "/feedback", status=403)
    row = Row(FeedbackForm(client, run))
    assert "confirm the rating" in row.rate(0)
    assert again in row.rate(0)


def test_a_read_only_client_has_no_controls(box, run):
    with box.client(read_only=True) as reader:
        form = FeedbackForm(reader, run)
        row = Row(form)
    assert (len(row.line.children), "Read-only" in row.status.value) == (0, True)
    assert "Read-only" in html(form)


def test_artifacts_without_an_id_have_no_controls(client, run, monkeypatch):
    found = [{"title": "A finding", "type": "x"}] * 2
    given = Run.from_json({**run.to_dict(), "output": {"artifacts": found}, "steps": []})
    monkeypatch.setattr(client.runs, "get", lambda _run: given)
    form = FeedbackForm(client, run)
    assert [len(Row(form, number).line.children) for number in range(2)] == [0, 0]
    assert html(form).count("the API gave it no ID") == 2
