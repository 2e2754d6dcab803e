"""Rating what a run found, on a real sandbox, without a kernel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import runkit
from runkit.client import Client
from runkit.models import Run
from runkit.server import Sandbox
from runkit.widgets.feedback import FeedbackController, FeedbackForm, Rating, artifacts_of, static
from tests.widgets.pages import Page

HOSTILE = '<img src=x onerror=alert(1)> $x$ $y$ "'


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with runkit.sandbox(speed=3000) as box:
        yield box


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with box.client(rate=None) as client:
        yield client
    box.clear_faults()


@pytest.fixture
def run(box: Sandbox, client: Client) -> Run:
    """A completed run; each has artifacts that nobody has rated."""
    return client.runs.wait(client.runs.create("cip_orchestrator", box.business("clean_pass")), poll=0.02)


def shown(client: Client, run: Run) -> FeedbackForm:
    form = FeedbackForm(client, run)
    form._ipython_display_()
    return form


def rate(form: FeedbackForm, rating: str, comment: str = "", clicks: int = 1) -> Rating:
    """Press a button of the first artifact, and wait for what becomes of it."""
    page = Page(form.widget)
    first_id = page.drawn["rows"][0]["id"]
    for _ in range(clicks):
        page.tell(rate=first_id, rating=rating, comment=comment)
    eventually(lambda: not first(form).is_sending)
    return first(form)


def first(form: FeedbackForm) -> Rating:
    return next(iter(form.controller.snapshot.values()))


def eventually(holds: Callable[[], object]) -> None:
    """Wait for a job to end."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run_with(artifacts: list[dict[str, Any]], run: Run) -> Run:
    return Run.from_json({**run.to_dict(), "output": {"artifacts": artifacts}, "steps": []})


def test_what_can_be_rated(run: Run) -> None:
    """All artifacts are there, the output's first, each once although steps repeat them."""
    output = run.output.artifacts[0].to_dict() if run.output else {}
    again = {**run.to_dict()["steps"][0], "artifacts": [output]}
    repeated = Run.from_json({**run.to_dict(), "steps": [again, *run.to_dict()["steps"]]})
    found = artifacts_of(repeated)
    assert found == artifacts_of(run)
    assert found[0].to_dict() == output
    assert len(found) > 3


def test_a_rating_is_sent_and_replaced(client: Client, run: Run) -> None:
    """It is said when a rating was taken, and when it replaced an earlier one."""
    form = shown(client, run)
    standing = rate(form, "positive", "well found")
    assert standing.receipt.startswith("Rated positive, ")
    assert "Replaced" not in standing.receipt
    assert "Replaced an earlier rating" in rate(form, "negative").receipt
    assert "Rated negative" in static(form.controller)["text/html"]
    assert repr(form).endswith(f"1 of {len(form.controller.artifacts)} rated, SANDBOX)")


def test_a_double_click(box: Sandbox, client: Client, run: Run) -> None:
    """A click while a rating is on its way does nothing, nor does one for the rating that was just taken."""
    box.fault("slow", "/feedback", seconds=0.3)
    form = shown(client, run)
    rate(form, "positive", clicks=3)
    assert "Replaced" not in rate(form, "positive").receipt


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "Not rated. Feedback may not be enabled"),
        (422, "Not rated. POST"),
        (401, "Not rated. POST"),
    ],
)
def test_a_refusal(box: Sandbox, client: Client, run: Run, status: int, words: str) -> None:
    """A refusal stands at its artifact in words, and what was typed can be sent again."""
    box.fault("refuse", "/feedback", status=status)
    form = shown(client, run)
    assert rate(form, "positive").problem.startswith(words)
    standing = rate(form, "positive")
    assert (standing.problem, standing.receipt[:14]) == ("", "Rated positive")


def test_a_lost_reply(box: Sandbox, client: Client, run: Run) -> None:
    """A rating of unknown fate may be sent again, and replaces itself if it had arrived."""
    box.fault("lose_reply", "/feedback")
    form = shown(client, run)
    assert rate(form, "positive").problem.startswith(
        "We couldn't confirm it arrived. Sending it again replaces it."
    )
    assert "Replaced an earlier rating" in rate(form, "positive").receipt


def test_a_long_comment(client: Client, run: Run) -> None:
    """A comment of more than 5,000 characters is not sent."""
    assert "at most 5,000" in rate(shown(client, run), "positive", "x" * 5001).problem


def test_read_only(box: Sandbox, run: Run) -> None:
    """A client that may not write says so at once, and when somebody tries."""
    with box.client(read_only=True) as reader:
        form = shown(reader, run)
        assert "Read-only" in static(form.controller)["text/html"]
        assert "nothing was sent" in rate(form, "positive").problem


def test_a_closed_client(client: Client, run: Run) -> None:
    """The card says so."""
    form = shown(client, run)
    client.close()
    assert "this client has been closed" in rate(form, "positive").problem


def test_an_error_that_nobody_expected(
    client: Client, run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends as words on the card as well."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    form = shown(client, run)
    monkeypatch.setattr(client.runs, "feedback", fail)
    assert "Something went wrong here (RuntimeError)" in rate(form, "positive").problem
    assert len(caplog.records) == 1


def test_artifacts_without_id(client: Client, run: Run) -> None:
    """They are listed with the reason why they cannot be rated, and no inputs."""
    bare = run_with([{"title": "A finding", "type": "x"}, {"title": "A finding", "type": "x"}], run)
    controller = FeedbackController(client, bare)
    assert (len(controller.artifacts), controller.snapshot) == (2, {})
    assert static(controller)["text/html"].count("the API gave it no ID") == 2


def test_many_artifacts(client: Client, run: Run) -> None:
    """At most 20 are shown, and how many are not is said."""
    many = [{"title": f"Finding {number}", "type": "x", "id": str(number)} for number in range(25)]
    controller = FeedbackController(client, run_with(many, run))
    assert len(controller.snapshot) == 20
    assert "5 more artifacts not shown" in static(controller)["text/html"]


def test_text_of_a_run_stays_text(client: Client, run: Run) -> None:
    """Titles and summaries are escaped."""
    item = {"title": HOSTILE, "type": "x", "id": HOSTILE, "summary": HOSTILE, "confidence": HOSTILE}
    controller = FeedbackController(client, run_with([item], run))
    assert "<img" not in static(controller)["text/html"]


def test_showing_it_again(client: Client, run: Run) -> None:
    """The form of the same run takes the place of the earlier one."""
    earlier, later = shown(client, run), FeedbackForm(client, run)
    card = earlier.widget
    later._ipython_display_()
    assert card.comm is None
    later.close()
