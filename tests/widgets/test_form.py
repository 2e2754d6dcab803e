"""A form as its cell shows it, without a kernel: what it says, what a click does, and what is left of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ipywidgets as w
import pytest

import runkit
from runkit import answers
from runkit.client import Client
from runkit.errors import UsageError
from runkit.models import Run
from runkit.widgets import display, feedback
from runkit.widgets.answer_controller import AnswerController, State
from runkit.widgets.feedback import FeedbackForm
from runkit.widgets.form import InterruptForm
from runkit.widgets.inbox import InterruptInbox
from runkit.widgets.monitor import RunMonitor
from runkit.widgets.view import FormView
from tests.client.conftest import Answer, Server
from tests.widgets.asking import Asking, finish, until

HOSTILE = "<img src=x onerror=alert(1)> $x$ \u202e"


def walk(widget: w.Widget) -> Iterator[w.Widget]:
    """A widget and all that it contains."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


class Card:
    """A view as a person sees it."""

    def __init__(self, controller: AnswerController) -> None:
        self.controller = controller
        self.view = FormView(controller)

    def named(self, words: str) -> Any:
        """Find what is described so."""
        return next(one for one in walk(self.view.box) if getattr(one, "description", None) == words)

    def choose(self, shown: str, nth: int = 0) -> None:
        """Choose from a list."""
        lists = [one for one in walk(self.view.box) if isinstance(one, w.Dropdown)]
        lists[nth].label = shown

    @property
    def button(self) -> w.Button:
        """The button that sends."""
        return next(one for one in walk(self.view.box) if "runkit-at-submit" in one._dom_classes)

    @property
    def text(self) -> str:
        """All HTML that is shown."""
        return "".join(one.value for one in walk(self.view.box) if isinstance(one, w.HTML))


def is_shown(widget: w.Widget, card: Card) -> bool:
    """Whether a widget and all around it are shown."""
    chain = [one for one in walk(card.view.box) if widget in walk(one)]
    return all(one.layout.display != "none" for one in chain)


def test_an_answer_by_clicks(asking: Asking) -> None:
    """Chosen, typed, sent and confirmed; the card becomes the receipt and its inputs are closed."""
    card = Card(asking.controller())
    inputs = [one for one in walk(card.view.box) if isinstance(one, w.Dropdown | w.Textarea | w.Button)]
    assert card.button.description == "Send answer"
    card.choose("Dismiss the hit")
    assert card.button.description == "Dismiss the hit"
    card.named("Note (required to dismiss)").value = "not him"
    yes = card.named("Yes, dismiss the hit")
    assert not is_shown(yes, card)
    card.button.click()
    assert is_shown(yes, card)
    assert card.view.guard.focus_on["class"] == "runkit-at-back"
    yes.click()
    finish()
    assert card.controller.snapshot.state is State.SETTLED
    assert "Answered by" in card.text
    assert card.view.guard.announcement.startswith("Answered by")
    assert all(one.comm is None for one in inputs)


def test_errors_are_shown_and_get_the_focus(asking: Asking) -> None:
    """An answer that does not fit says so beside its field, for a screen reader too."""
    card = Card(asking.controller())
    card.choose("Dismiss the hit")
    card.button.click()
    assert "Error: a dismissal needs a note" in card.text
    assert list(card.view.guard.errors) == ["runkit-at-0-2d-note"]
    assert card.view.guard.focus_on["class"] == "runkit-at-0-2d-note"
    card.named("Note (required to dismiss)").value = "not him"
    assert "Error" not in card.text
    assert card.view.guard.errors == {}


def test_going_back(asking: Asking) -> None:
    """What cannot be taken back is not sent by going back."""
    card = Card(asking.controller())
    card.choose("Dismiss the hit")
    card.named("Note (required to dismiss)").value = "not him"
    card.button.click()
    card.named("Go back").click()
    assert "Not sent." in card.text
    assert (card.controller.snapshot.state, asking.wire.posts) == (State.OPEN, 0)


def test_unknown_offers_a_look(asking: Asking) -> None:
    """While nobody knows whether the answer arrived, the only thing to do is to look."""
    card = Card(asking.controller())
    look = card.named("Check again")
    asking.box.fault("drop")
    asking.pauses.append(lambda: asking.box.fault("drop", on="GET /runs", times=99))
    card.choose("Keep the hit")
    card.button.click()
    finish()
    assert is_shown(look, card)
    assert card.button.description == "Sent, not yet confirmed"
    asking.box.clear_faults()
    look.click()
    finish()
    assert not is_shown(look, card)
    assert "may still arrive" in card.text


def test_all_at_once(asking: Asking) -> None:
    """One click chooses for every proposal; each can be changed after that."""
    card = Card(asking.controller("combined_proposal"))
    assert card.button.description == "0 of 2 answered"
    card.named("Approve all").click()
    assert card.button.description == "Approve all 2"
    card.named("Reject all").click()
    assert card.button.description == "Reject all 2"
    card.choose("Verify the TIN")
    assert card.button.description == "Approve 1 of 2"


def test_what_was_typed_is_here_again(asking: Asking) -> None:
    """A form that is made anew, as after a restart, shows the draft in its inputs."""
    first = Card(asking.controller())
    first.named("Note (required to dismiss)").value = "half a sen"
    until(
        lambda: (
            AnswerController(asking.client, first.controller.question).entries["0"].get("note")
            == "half a sen"
        )
    )
    second = Card(AnswerController(asking.client, first.controller.question))
    assert second.named("Note (required to dismiss)").value == "half a sen"
    assert "Draft restored" in second.text


def test_an_older_snapshot_is_not_shown(asking: Asking) -> None:
    """News that arrives late, on another thread, does not take the card back."""
    card = Card(asking.controller())
    before = card.controller.snapshot
    card.choose("Keep the hit")
    card.view.render(before)
    assert card.button.description == "Keep the hit"


def test_text_of_a_run_is_text(server: Server, client: Client, run_json: Any) -> None:
    """Whatever a question and the API say is escaped wherever the card shows it as HTML."""
    proposals = [
        {"type": "dismissal", "agent": f"{HOSTILE} {n}", "label": HOSTILE, "artifacts": [{"title": HOSTILE}]}
        for n in range(2)
    ]
    value = {"label": HOSTILE, "proposals": proposals}
    pending = run_json(status="interrupted", interrupts=[{"id": "i", "value": value}], steps=[])
    no = Answer({"errors": [{"message": HOSTILE, "parameter": "input.proposals[1].note"}]}, status=422)
    server.script = lambda asked: no if asked.method == "POST" else Answer(pending)
    form = InterruptForm(client, "run-1")
    assert form.controller is not None
    card = Card(form.controller)
    card.named("Reject all").click()
    card.button.click()
    finish()
    assert form.state == "failed"
    assert "onerror" in card.text
    assert "<img" not in card.text


# -------------------------------------------------------------------------------------------------- in a cell


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


def test_two_outputs_that_become_a_receipt(asking: Asking, shown: list[dict[str, Any]]) -> None:
    """What is asked stays as HTML without a kernel; the card's output ends as a receipt without a widget."""
    form = InterruptForm(asking.client, asking.run(), who="Ada")
    form._ipython_display_()
    head, card = bundles(shown)
    assert VIEW not in head
    assert "Dismiss 1 potential hit?" in head["text/html"]
    assert f"SANDBOX {asking.client.host}" in head["text/html"]
    assert "Rerun this cell" in head["text/html"]
    assert VIEW in card
    assert "Rerun the cell" in card["text/html"]
    assert form.controller is not None
    form.controller.edit({"0": {"decision": "reject", "note": "a secret of ours"}})
    form.controller.submit()
    finish()
    head, card = bundles(shown)
    assert VIEW not in card
    assert "Answered by Ada" in card["text/html"]
    assert "a secret of ours" not in json.dumps([head, card]) + repr(form)
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
    assert "Answered by" in receipt["text/html"]
    second.close()


def test_it_looks_while_somebody_looks(asking: Asking, shown: list[dict[str, Any]], monkeypatch: Any) -> None:
    """A form that is on a page notices an answer from elsewhere; its thread ends with that."""
    monkeypatch.setattr("runkit.widgets.form.CHECK_INTERVAL", 0.05)
    form = InterruptForm(asking.client, asking.run())
    form._ipython_display_()
    form._on_views(1)
    assert form.controller is not None
    asking.answer_elsewhere(form.controller.question)
    until(lambda: form.state == "conflict")
    until(lambda: "by Ole (according to the API)" in bundles(shown)[1]["text/html"])
    form._on_views(1)
    form.close()


def test_nothing_waits(asking: Asking) -> None:
    """A run without a question, and a question that is none of it, say so."""
    run = asking.run()
    assert "'another' isn't waiting" in str(InterruptForm(asking.client, run, "another").receipt)
    asking.box.end_run(run.id)
    assert "no question of this run is waiting" in str(InterruptForm(asking.client, run).receipt)


@pytest.mark.parametrize("interrupts", [[], None, [{"id": "int-1"}], [{"value": {}}], 7])
@pytest.mark.parametrize("name", [None, "int-1"])
def test_a_question_that_cannot_be_read(
    server: Server, client: Client, run_json: Any, interrupts: Any, name: str | None
) -> None:
    """It is not said that none waits, and the form names the way around."""
    server.script = lambda asked: Answer(run_json(status="interrupted", interrupts=interrupts))
    receipt = InterruptForm(client, "run-1", name).receipt
    assert receipt is not None
    assert "can't be read; answer with client.runs.resume(run, interrupt_id, answer)" in receipt.title


def test_an_inbox_says_whose_question_cannot_be_read(server: Server, client: Client, run_json: Any) -> None:
    """It cannot list it, and does not pass over it."""
    broken = run_json(status="interrupted", interrupts=[], steps=[])
    listed = {"object": "list", "data": [broken], "has_more": False, "total_count": 1}
    server.script = lambda asked: Answer(listed if asked.path == "/runs" else broken)
    controller = InterruptInbox(client).controller
    assert controller.snapshot.waiting == ()
    assert "the questions of 1 run can't be read (" in controller.snapshot.coverage


def test_a_prefix_of_the_run_id(asking: Asking) -> None:
    """All take 8 characters of the id, and show the business and the short id, never the whole one."""
    run = asking.client.runs.get(asking.run())  # the client learns its business
    short = run.id[:8]
    label = f"Tacoma Harbor Imports LLC · {short}"
    form = InterruptForm(asking.client, short)
    monitor, ratings = RunMonitor(asking.client, short), FeedbackForm(asking.client, short)
    assert form.run.id == monitor.run.id == ratings.controller.run.id == run.id
    assert [repr(one).partition("(")[2].startswith(label) for one in (form, monitor, ratings)] == [True] * 3
    assert form.controller is not None
    header = str(display.header(form.controller.question, asking.client))
    for text in (repr(form), repr(monitor), repr(ratings), header, str(feedback.static(ratings.controller))):
        assert label in text
        assert run.id not in text


def test_which_of_several(server: Server, client: Client, run_json: Any, question: Any) -> None:
    """Two questions at once: one must be named."""
    both = [question, {"id": "int-2", "value": {"type": "dismissal", "label": "And this?"}}]
    server.script = lambda asked: Answer(run_json(status="interrupted", interrupts=both, steps=[]))
    with pytest.raises(UsageError, match=r"2 questions waiting; choose one .*'int-2': And this\?"):
        InterruptForm(client, "run-1")
    assert InterruptForm(client, "run-1", "int-2").state == "open"


def test_after_a_kernel_died_in_mid_send(asking: Asking) -> None:
    """An answer without a verdict: warned of while the question waits, unconfirmed once it is closed."""
    run = asking.run()
    known = {"host": asking.client.host, "interrupt_id": run.interrupts[0].id, "run_id": run.id}
    answers.begin({"decision": "reject"}, "Ada", known)
    form = InterruptForm(asking.client, run)
    assert form.controller is not None
    assert "may still arrive" in form.controller.snapshot.message
    asking.answer_elsewhere(form.controller.question)
    again = InterruptForm(asking.client, run)
    assert again.receipt is not None
    assert again.receipt.title.startswith("Closed. We couldn't confirm ")


def awaited(form: InterruptForm) -> Run:
    """Wait for the answer on a thread of its own: the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(form.answered())).result()


def test_nobody_can_click_here(asking: Asking) -> None:
    """Outside a notebook a wait would have no end: it is refused at once, and says what to do instead."""
    form = runkit.InterruptForm(asking.client, asking.run())
    with pytest.raises(UsageError, match="needs an open notebook; answer with client"):
        awaited(form)


def test_waiting_for_what_is_closed(asking: Asking) -> None:
    """An answered question needs no waiting."""
    run = asking.run()
    asking.client.runs.resume(run, run.interrupts[0].id, {"decision": "reject"})
    assert awaited(InterruptForm(asking.client, run)).id == run.id


def test_documents_that_cannot_be_listed(asking: Asking) -> None:
    """The form asks for a document by its id then."""
    run = asking.run("tin_mismatch")
    assert [bool(fields_of(InterruptForm(asking.client, run)))] == [True]
    asking.box.fault("drop", on="GET /businesses", times=99)
    assert fields_of(InterruptForm(asking.client, run)) == ()


def fields_of(form: InterruptForm) -> tuple[Any, ...]:
    """The documents that a form offers."""
    assert form.controller is not None
    return next(one for one in form.controller.form.sections[0].fields if one.name == "document_id").choices
