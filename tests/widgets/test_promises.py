"""Forms in a real kernel: one answer, to the question that was shown, and nothing that was typed is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runkit
from tests.client.conftest import DROP, Answer, Received, Server
from tests.end_to_end.kernels.conftest import Kernel
from tests.widgets.kernel_card import Card

Compose = Callable[..., dict[str, Any]]
NOTE = "born in 1951, ours in 1984"
NOWHERE = "/dev/null/state"  # a folder that nobody can make


def n_posts(server: Server) -> int:
    return sum(line.startswith("POST") for line in server.lines)


@pytest.fixture
def waiting(run_json: Compose, question: dict[str, Any]) -> dict[str, Any]:
    """The run `run-1` while its question `int-1` waits."""
    return run_json(status="interrupted", interrupts=[question], steps=[])


@pytest.fixture(scope="module")
def start_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Kernel]]:
    """Start kernels as they are installed."""
    running: list[Kernel] = []

    def start() -> Kernel:
        ipython = tmp_path_factory.mktemp("ipython")
        running.append(Kernel("installed", ipython, {"IPYTHONDIR": str(ipython)}))
        return running[-1]

    yield start
    for kernel in running:
        kernel.close()


@pytest.fixture(scope="module")
def kernel(start_kernel: Callable[[], Kernel]) -> Kernel:
    """One kernel for all forms."""
    return start_kernel()


@pytest.fixture
def pending(server: Server, waiting: dict[str, Any]) -> Server:
    """The server, on which the question waits until the answer is taken."""
    server.script = lambda request: Answer(waiting)
    return server


def closes(server: Server, before: Any, after: Any, written: Answer | None = None) -> None:
    """Let the question wait until an answer has come, and be closed from then on."""
    server.script = lambda request: (
        (request.method == "POST" and written) or Answer(after if n_posts(server) else before)
    )


def test_an_answer(
    kernel: Kernel, pending: Server, waiting: dict[str, Any], run_json: Compose, state_dir: Path
) -> None:
    """Chosen, typed and sent: one POST with what was typed, and a receipt of what the API took."""
    card = Card(kernel, pending, state_dir)
    closes(pending, waiting, run_json(steps=[]))
    assert card.answer("approve", NOTE) == "settled"
    [body] = [request.body for request in pending.requests if request.method == "POST"]
    assert body["input"] == {"decision": "approve", "note": NOTE}
    assert card.is_confirmed


def test_a_double_click(
    kernel: Kernel, pending: Server, waiting: dict[str, Any], run_json: Compose
) -> None:
    """Two quick presses are one POST, also where no log of answers can be kept that would tell."""
    card = Card(kernel, pending, NOWHERE)

    def slowly(request: Received) -> Answer:
        if request.method != "POST":
            return Answer(waiting)
        time.sleep(0.3)
        return Answer(run_json(steps=[]))

    pending.script = slowly
    card.press("reject", times=2)
    assert card.verdict() == "settled"
    assert n_posts(pending) == 1


def test_a_lost_reply_is_no_receipt(
    kernel: Kernel, pending: Server, waiting: dict[str, Any], run_json: Compose, state_dir: Path
) -> None:
    """The question is closed, but nobody knows by whose answer: one POST, and nothing is confirmed."""
    card = Card(kernel, pending, state_dir)
    closes(pending, waiting, run_json(steps=[]), DROP)
    assert card.answer("reject") == "settled"
    assert n_posts(pending) == 1
    assert not card.is_confirmed


def test_a_question_that_changed_is_not_answered(
    kernel: Kernel,
    pending: Server,
    waiting: dict[str, Any],
    question: dict[str, Any],
    state_dir: Path,
) -> None:
    """Another question under the same id gets no answer that was meant for the first."""
    card = Card(kernel, pending, state_dir)
    other = {**question, "value": {**question["value"], "label": "Dismiss all hits?"}}
    pending.script = lambda request: Answer({**waiting, "interrupts": [other]})
    assert card.answer("reject") == "conflict"
    assert n_posts(pending) == 0


def test_a_question_that_is_closed_is_not_answered(
    kernel: Kernel, pending: Server, run_json: Compose, state_dir: Path
) -> None:
    """Whoever was first: the run is read again before anything is sent."""
    card = Card(kernel, pending, state_dir)
    pending.script = lambda request: Answer(run_json(status="running", steps=[]))
    assert card.answer("reject") == "conflict"
    assert n_posts(pending) == 0


def test_an_answer_meant_for_another_question(
    kernel: Kernel, pending: Server, state_dir: Path
) -> None:
    """A page that has not drawn the next question yet answers nothing."""
    card = Card(kernel, pending, state_dir)
    card.press_for_another("reject")
    assert (card.verdict(), n_posts(pending)) == ("open", 0)
    card.close()


def test_a_saved_notebook_holds_no_question(
    kernel: Kernel, pending: Server, state_dir: Path
) -> None:
    """The widgets hold code and style: neither the question nor what was typed."""
    card = Card(kernel, pending, state_dir)
    card.type_note(NOTE)
    card.draw()
    assert card.note == NOTE
    assert "AnyModel" in card.widgets
    assert "Dismiss?" not in card.widgets
    assert NOTE not in card.widgets
    card.close()


def test_a_dismissal_needs_a_note(
    kernel: Kernel, pending: Server, waiting: dict[str, Any], state_dir: Path
) -> None:
    """Without a reason nothing is sent; blanks are no reason."""
    card = Card(kernel, pending, state_dir)
    assert card.answer("approve") == "invalid"
    assert card.answer("approve", "  ") == "invalid"
    assert n_posts(pending) == 0
    card.close()


def test_a_refused_answer_can_be_sent_again(
    kernel: Kernel, pending: Server, waiting: dict[str, Any], run_json: Compose, state_dir: Path
) -> None:
    """The API says no, for now: the form says that it failed, keeps what was typed, and the next try goes."""
    card = Card(kernel, pending, state_dir)
    closes(pending, waiting, waiting, Answer(status=403))
    assert card.answer("approve", NOTE) == "failed"
    card.draw()
    assert card.note == NOTE
    closes(pending, waiting, run_json(steps=[]))
    pending.requests.clear()
    assert card.answer("approve") == "settled"
    assert n_posts(pending) == 1


def test_what_was_typed_outlives_the_kernel(
    start_kernel: Callable[[], Kernel], kernel: Kernel, pending: Server, state_dir: Path
) -> None:
    """A form in a new kernel begins with it; the first form writes it a moment after the last key."""
    Card(kernel, pending, state_dir).type_note(NOTE)
    deadline = time.monotonic() + 5
    again = Card(start_kernel(), pending, state_dir)
    while again.note != NOTE and time.monotonic() < deadline:
        again.show()
    assert again.note == NOTE


def test_what_was_typed_goes_with_its_question(
    kernel: Kernel, pending: Server, waiting: dict[str, Any], run_json: Compose, state_dir: Path
) -> None:
    """A settled answer leaves no draft behind: asked again, the question begins empty."""
    card = Card(kernel, pending, state_dir)
    card.type_note(NOTE)
    card.show()
    assert card.note == NOTE
    closes(pending, waiting, run_json(steps=[]))
    assert card.answer("reject") == "settled"
    pending.script = lambda request: Answer(waiting)
    card.show()
    assert card.note == ""


def test_a_monitor_follows_a_run_that_asks(
    kernel: Kernel, pending: Server, waiting: dict[str, Any], run_json: Compose, state_dir: Path
) -> None:
    """While the question waits it is on screen; a colleague's answer is noticed without a click."""
    card = Card(kernel, pending, state_dir)
    card.close()
    for slow in (
        "import nbformat",
        "import plotly.graph_objects",
        "runkit.gantt(client.runs.get('run-1'))",
    ):
        # a cell each, so that on a busy machine none takes longer than a kernel may
        kernel.run(slow)
    kernel.run("monitor = runkit.RunMonitor(client, 'run-1')\nmonitor")
    assert kernel.value("monitor.run.status") == "'interrupted'"
    card.draw()
    n_reads, deadline = len(pending.requests), time.monotonic() + 20
    while len(pending.requests) == n_reads:  # it goes on while the question waits
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pending.script = lambda request: Answer(run_json(updated_at="2026-02-03T10:05:00Z", steps=[]))
    deadline = time.monotonic() + 20
    while kernel.value("monitor.run.status") != "'completed'":
        assert time.monotonic() < deadline, "the monitor did not notice"
        time.sleep(0.05)
    assert n_posts(pending) == 0


def test_every_question_that_waits_is_there() -> None:
    """As many as runs are interrupted in the past 30 days, until they are answered."""
    with runkit.sandbox(history=90) as box, box.client(rate=None) as client:
        asking = client.runs.list(status="interrupted", progress=False)
        assert len(asking) > 3
        inbox = runkit.InterruptInbox(client)
        assert {row.run_id for row in inbox.rows} == set(asking.ids)
        assert inbox.rows[0].kind == "dismissal"
        for kind in {row.kind for row in inbox.rows}:
            times = [row.asked_at for row in inbox.rows if row.kind == kind]
            assert times == sorted(times)
        assert all(row.wait_s > 60 for row in inbox.rows)
        first = inbox.rows[0]
        box.end_run(first.run_id)
        assert first.run_id not in {row.run_id for row in runkit.InterruptInbox(client).rows}
