"""The monitor on a real sandbox and in a real IPython, which records what it displays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

import runkit
from runkit import answers
from runkit.client import Client
from runkit.models import Run
from runkit.text import esc
from runkit.widgets.monitor import RunMonitor
from support import until
from tests.faults import FaultyBox, sandbox
from tests.widgets.pages import Page

PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


class Shown:
    """What a cell shows: its outputs in order, each as it was last updated."""

    def __init__(self, publisher: CapturingDisplayPublisher) -> None:
        self._publisher = publisher

    def outputs(self) -> list[dict[str, Any]]:
        """Return the mime bundles."""
        by_id: dict[str, dict[str, Any]] = {}
        for output in tuple(self._publisher.outputs):
            by_id[output["transient"]["display_id"]] = output["data"]
        return list(by_id.values())

    def html(self) -> str:
        """Return the HTML of the first output, which survives without a kernel."""
        return str(self.outputs()[0]["text/html"])


def followers() -> int:
    return sum(item.name == "runkit-watch" for item in threading.enumerate())


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """A shell that keeps what is displayed."""
    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher(parent=shell)
    monkeypatch.setattr(shell, "display_pub", publisher)
    yield Shown(publisher)
    InteractiveShell.clear_instance()
    until(lambda: followers() == 0)


@pytest.fixture
def box() -> Iterator[FaultyBox]:
    with sandbox(speed=300) as box:
        yield box


@pytest.fixture
def client(box: FaultyBox) -> Iterator[Client]:
    with box.client(rate=None) as client:
        yield client


def begin(box: FaultyBox, client: Client, scenario: str) -> Run:
    return client.runs.create("cip_orchestrator", business_id=box.business(scenario))


def watch(client: Client, run: Run) -> RunMonitor:
    """Show a monitor, and look at it as a front end does."""
    monitor = RunMonitor(client, run)
    monitor._ipython_display_()
    monitor._on_views(1)
    return monitor


def ask(monitor: RunMonitor) -> Page:
    """Wait for the question; gives the page of its card."""
    until(lambda: has_question(monitor), 30)
    assert monitor._card is not None
    return Page(monitor._card)


def look_now(monitor: RunMonitor) -> None:
    """Do not wait for the next look."""
    monitor._on_views(0)
    monitor._on_views(1)


def has_question(monitor: RunMonitor) -> bool:
    return bool(monitor._forms.forms)


def test_a_run_is_followed_answered_and_found(box: FaultyBox, client: Client, shown: Shown) -> None:
    """The form comes when it pauses, the run goes on from there, and its findings stand there at the end."""
    monitor = watch(client, begin(box, client, "address_gap"))
    page = ask(monitor)
    until(lambda: "Add a source for the office address?" in shown.html())
    page.answer("approve")
    until(lambda: monitor.run.is_finished, 30)
    until(lambda: WIDGET not in shown.outputs()[1])
    assert "CIP summary for Lakeline Family Dental PLLC" in shown.html()
    assert "Source added, " in shown.html()
    assert PLOTLY in shown.outputs()[1]


def test_somebody_else_answers(box: FaultyBox, client: Client, shown: Shown) -> None:
    """The form goes, and the receipt names who answered."""
    run = client.runs.wait(begin(box, client, "watchlist_hit"))
    monitor = watch(client, run)
    page = ask(monitor)
    with box.client(second_reviewer=True) as colleague:
        body = {"interrupt_id": run.interrupts[0].id, "input": {"decision": "reject"}}
        # as from another machine: not in our log
        colleague._http.post(f"/runs/{run.id}/resume", body)
    until(lambda: not has_question(monitor), 20)
    until(lambda: "Already answered by Priya Raman" in shown.html())
    until(lambda: "question" not in page.view)
    monitor.close()


def test_the_run_ends_while_an_answer_is_on_its_way(
    box: FaultyBox, client: Client, shown: Shown
) -> None:
    """The form stays until the verdict, which stands in the words although live updates are off."""
    run = client.runs.wait(begin(box, client, "watchlist_hit"))
    monitor = watch(client, run)
    page = ask(monitor)
    box.fault("slow", on="/resume", seconds=6)
    page.answer("reject")
    [controller] = monitor._forms.forms.values()
    until(lambda: [entry.delivery for entry in answers.entries([run.id])] == ["sending"])
    box.end_run(run.id)
    look_now(monitor)
    until(lambda: "Live updates off." in shown.html())
    assert (controller.snapshot.receipt, has_question(monitor)) == (None, True)
    until(lambda: "Run finished. Live updates off." in shown.html())
    assert controller.snapshot.receipt is not None
    assert str(esc(controller.snapshot.receipt.title)) in shown.html()


def test_a_refusal_that_lasts(
    box: FaultyBox, client: Client, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was typed stays, and the card says that live updates stopped, and why."""
    monitor = watch(client, client.runs.wait(begin(box, client, "watchlist_hit")))
    page = ask(monitor)
    page.type(note="not him")
    box.fault("refuse", on="GET /runs", times=99, status=401)
    look_now(monitor)
    until(lambda: "Live updates stopped" in shown.html())
    assert "401" in shown.html()
    [controller] = monitor._forms.forms.values()
    assert controller.entries["0"]["note"] == "not him"
    monitor.close()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "garble", "on": "GET /runs", "times": None, "chance": 0.2},
        {"kind": "refuse", "on": "GET /runs", "times": None, "chance": 0.5},
        {"kind": "skew", "on": "ANY /", "times": None, "by": -1e6},
    ],
    ids=lambda fault: f"{fault['kind']} {fault['on']}",
)
def test_a_run_is_followed_through_trouble(
    box: FaultyBox, client: Client, shown: Shown, fault: dict[str, Any]
) -> None:
    """Whatever the network does, the monitor ends with the run as it is, and never shows it going back."""
    steps: list[int] = []
    run = begin(box, client, "clean_pass")
    box.fault(**fault)
    monitor = watch(client, run)
    until(lambda: bool(steps.append(len(monitor.run.steps)) or monitor.run.is_finished), 60)
    until(lambda: followers() == 0)
    assert steps == sorted(steps)
    assert (monitor._is_over, monitor.run.status) == (True, "completed")
    assert "CIP summary" in shown.html()


def range_of_chart(monitor: RunMonitor) -> Any:
    [output] = monitor._live.outputs
    return output["data"][PLOTLY]["layout"]["xaxis"]["range"]


def test_the_card_is_out_of_sight(box: FaultyBox, client: Client, shown: Shown) -> None:
    """When its output is cleared nothing is followed, and when it is drawn again it goes on."""
    monitor = watch(client, begin(box, client, "watchlist_hit"))
    monitor._on_views(0)
    until(lambda: followers() == 0)
    monitor._on_views(1)
    until(lambda: monitor.run.status == "interrupted", 30)
    monitor.close()


def test_a_reset_shows_the_whole_run(box: FaultyBox, client: Client, shown: Shown) -> None:
    monitor = watch(client, begin(box, client, "watchlist_hit"))
    assert monitor._card is not None
    page = Page(monitor._card)
    page.tell(zoom=[10, 20])
    until(lambda: range_of_chart(monitor) == [10, 20], 30)  # the chart of the run that waits
    page.tell(zoom=None)
    until(
        lambda: (
            range_of_chart(monitor)
            == list(runkit.gantt(runkit.frames(monitor.run)).layout.xaxis.range)
        )
    )
    monitor.close()


async def until_ended(monitor: RunMonitor) -> None:
    await monitor.ended(timeout=1)


UNATTENDED = """
import runkit
box = runkit.sandbox(speed=3000)
client = box.client(rate=None)
run, done = [
    client.runs.wait(client.runs.create("cip_orchestrator", box.business(one)), poll=0.02)
    for one in ("watchlist_hit", "clean_pass")
]
form = runkit.InterruptForm(client, run)
form.controller.edit({"0": {"decision": "reject", "note": "typed"}})
display(form, runkit.RunMonitor(client, run), runkit.InterruptInbox(client))
display(runkit.FeedbackForm(client, done))
"""


def test_a_notebook_that_runs_without_a_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that was typed gets into its file, as there are no widgets; each card names its twin."""
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(tmp_path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(UNATTENDED)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    assert "widgets" not in notebook.metadata
    assert not [item for item in outputs if WIDGET in item.data]
    twins = [item.data["text/plain"] for item in outputs if "headless" in item.data["text/plain"]]
    assert ["resume" in item for item in twins] == [True, True, True, False]
    assert "client.runs.feedback(" in twins[3]
