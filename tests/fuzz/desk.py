"""People at forms of one question, the world around them, and what must hold after each event.

The real machine behind its real inputs, and an API that knows the truth.
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import wraps
from typing import Any

import httpx
import pytest
from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fuzz.cards import Card, Complaints, Patient
from fuzz.questions import (
    COLUMNS,
    QUESTIONS,
    TEXTS,
    Json,
    at_first,
    is_whole,
    meant,
    parts,
    shown,
    without_decision,
)
from fuzz.stepwise import (
    QUESTION,
    RUN,
    TRIES,
    Api,
    Gremlin,
    Held,
    Outcome,
    Post,
    Wire,
    garbled,
    raised,
    refused,
    told,
)
from runkit import answers
from runkit.client import Client
from runkit.errors import RunkitError
from runkit.models import Run
from runkit.widgets import display, jobs
from runkit.widgets.controller import EDITABLE, OFFLINE, AnswerController, Snapshot, State
from runkit.widgets.form import InterruptForm
from runkit.widgets.question import Receipt

NOWHERE = "/dev/null/state"
RESTORED = "Draft restored."
MAY_ARRIVE = "may still arrive"


numbers = st.integers(0, 50)
MOSTLY = st.sampled_from([True] * 4 + [False])
READS = (*["ok"] * 14, "old", "no connection", "503", "401", "404", "garbled", "gremlin")
POSTS = (
    *["ok"] * 6,
    *("lost", "late", "dropped", "502", "502 done", "still shown", "garbled", "302"),
    *("401", "403", "429", "422", "422 note", "no connection", "gremlin", "gremlin done"),
)
REPLIES = st.lists(st.tuples(numbers, st.sampled_from(READS), st.sampled_from(POSTS), numbers), max_size=4)
ELSEWHERE = st.sampled_from(["nothing"] * 12 + ["disk", "arrives", "answer", "another question", "end"])
Replies = list[tuple[int, str, str, int]]
OFFERED = {State.UNKNOWN: "check"}  # in the other states: to submit
BUTTONS = st.sampled_from(["offered"] * 4 + ["submit", "check"])
SIGNED = " · signed "
CLAIMS = {
    State.SETTLED: ("", "Closed. We couldn't confirm "),
    State.CONFLICT: (
        "Answered from another notebook",
        "Already answered",
        "Not sent. The question has changed.",
        "We couldn't confirm that your answer",
    ),
    State.EXPIRED: ("Expired: the run ended first",),
}


def event(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Something that happens at a card; then requests may be answered, and something may happen elsewhere.

    All in one rule: a run of the test leaves many rules out, and without answers no form gets anywhere.
    """

    def decorate(act: Callable[..., None]) -> Callable[..., None]:
        @rule(number=numbers, elsewhere=ELSEWHERE, replies=REPLIES, **drawn)
        @wraps(act)
        def happen(desk: Desk, number: int, elsewhere: str, replies: Replies, **given: Any) -> None:
            act(desk, desk.card(number), **given)
            desk.nothing_is_wrong()
            if desk.api.held or number % 4 == 0:  # mostly while something is on its way
                desk.happen(elsewhere)
            desk.reply(replies)

        return happen

    return decorate


class Desk(RuleBasedStateMachine):
    """People at forms of one question, on one machine, and the world around them."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.folder = tempfile.mkdtemp(prefix="runkit-desk-")
        self.patch.setenv(answers.DIR_NAME, self.folder)
        self.complaints = Complaints()
        self.loggers = [logging.getLogger(name) for name in ("runkit", "traitlets")]
        for logger in self.loggers:
            logger.addHandler(self.complaints)
        self.every: list[Card] = []
        self.clients: list[Client] = []
        self.forget()

    def forget(self) -> None:
        """Nothing has happened yet."""
        self.cards: list[Card] = []  # that somebody can still use
        self.was_read: dict[threading.Thread, Json] = {}  # the run, as a job saw it last
        self.posts: list[Post] = []
        self.seen: list[Held] = []
        self.drafts: dict[str, Json] = {}  # on the disk, by the digest of the question

    @initialize(value=st.sampled_from(QUESTIONS), tells_who=st.booleans())
    def begin(self, value: Json, tells_who: bool) -> None:
        """A question is asked, and somebody opens it in two notebooks."""
        self.api = Api(value, tells_who=tells_who)
        self.patch.setattr(jobs, "start", self.api.start)
        self.open()
        self.open()

    def begin_again(self, number: int) -> None:
        """All is over, and another question comes on another day, to a disk that is empty."""
        self.clean()
        self.folder = tempfile.mkdtemp(prefix="runkit-desk-")
        self.patch.setenv(answers.DIR_NAME, self.folder)
        self.forget()
        self.begin(QUESTIONS[number % len(QUESTIONS)], number % 2 == 0)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.clean()
        for client in self.clients:
            client.close()
        for logger in self.loggers:
            logger.removeHandler(self.complaints)
        self.patch.undo()

    def clean(self) -> None:
        """End all that is under way, and take away what was kept."""
        self.kill("dropped")
        shutil.rmtree(self.folder)

    @property
    def is_kept(self) -> bool:
        """Whether the state folder can be used."""
        return str(answers.folder()) != NOWHERE

    def card(self, number: int) -> Card:
        """Choose a card."""
        if not self.api.held and not any(card.is_live for card in self.cards):
            self.begin_again(number)
        return self.cards[number % len(self.cards)]

    # -- people

    def open(self) -> None:
        """The cell is run, again or in another notebook."""
        number = len(self.every)
        client = Patient("mk_test_desk", "http://127.0.0.1:1/v1", rate=None, transport=Wire(self.api, number))
        self.clients.append(client)
        form = InterruptForm(client, RUN)
        if form.controller is None:
            self.check_nothing_waits(form)
            return
        digest, value = form.controller.question.digest, self.api.value
        draft = self.drafts.get(digest) if self.is_kept else None
        empty = {key: at_first(one) for key, one in parts(value).items()}
        draft = without_decision(value, draft) if draft is not None else None
        card = Card(number, form, draft or empty)
        card.is_edited = draft is not None
        message = card.controller.snapshot.message
        assert (RESTORED in message) == (draft is not None and draft != empty), (message, draft, empty)
        if any(self.is_logged(post, card) for post in self.posts):
            assert MAY_ARRIVE in message
            card.told_of = [post for post in self.posts if self.is_logged(post, card)]
        self.cards.append(card)
        self.every.append(card)

    def check_nothing_waits(self, form: InterruptForm) -> None:
        """What is said of a question that was closed before the cell was run."""
        receipt = form.receipt
        assert receipt is not None
        assert not self.api.is_open
        if SIGNED in receipt.title:
            assert any(post.reply == "confirmed" for post in self.posts)
        elif receipt.title.startswith("Closed. "):
            assert any(post.is_logged_in_doubt for post in self.posts)
        else:
            assert receipt.title.startswith("Nothing to answer")
            assert not any(self.is_kept and post.is_noted and post.may_have_arrived for post in self.posts)
        if self.is_kept:
            self.drafts.clear()

    @event(place=numbers, nth=numbers)
    def type(self, card: Card, place: int, nth: int) -> None:
        """Somebody types something, or chooses."""
        if card.controller.snapshot.is_final:
            card.send()  # what was on its way when the receipt came
        if not card.is_live:
            return
        places = list(card.inputs())
        self.put(card, *places[place % len(places)], nth)
        card.send()
        self.note_saved(card)

    def put(self, card: Card, page: Json, entered: Json, name: str, choices: list[Any], nth: int) -> None:
        """Put one of its values into an input."""
        values = choices or list(TEXTS.get(name, TEXTS[""]))
        value = values[nth % len(values)]
        if entered[name] != value:
            card.is_edited = card.is_unsaved = True
        entered[name], page[name] = value, value

    @event(nth=numbers)
    def answer(self, card: Card, nth: int) -> None:
        """Somebody gives a whole answer, and means it."""
        for page, entered, name, choices in list(card.inputs()) if card.is_live else ():
            if choices:
                self.put(card, page, entered, name, choices, nth % 2)
            elif name in ("note", "raw") or not is_whole(entered, name):
                self.put(card, page, entered, name, choices, 0)
        self.click_at(card, "submit")

    @event(nth=numbers)
    def change_rows(self, card: Card, nth: int) -> None:
        """Somebody adds a row or removes one."""
        tables = card.tables() if card.is_live else []
        if not tables:
            return
        page, rows, name = tables[nth % len(tables)]
        if nth % 3 == 0 and len(rows) < 4:
            for one in (page, rows):
                one.append(dict.fromkeys(COLUMNS[name], ""))
        elif rows:
            for one in (page, rows):
                del one[nth % len(rows)]
        else:
            return
        card.is_edited = card.is_unsaved = True
        card.send()
        self.note_saved(card)

    @event(nth=numbers)
    def press_on_another_question(self, card: Card, nth: int) -> None:
        """A page that shows another question sends an answer: it is ignored."""
        before = card.controller.snapshot
        card.send("approve", digest=f"{nth:064x}")
        assert card.controller.snapshot == before

    @event(which=BUTTONS, has_threads=MOSTLY)
    def click(self, card: Card, which: str, has_threads: bool) -> None:
        """Somebody clicks, maybe while the machine has no thread to give."""
        self.api.has_threads = has_threads
        self.click_at(card, OFFERED.get(card.state, "submit") if which == "offered" else which)
        self.api.has_threads = True

    def click_at(self, card: Card, which: str) -> None:
        """Click, and see that what begins was shown and let go."""
        before, answer = card.state, meant(card.value, card.entries)
        card.act(which)
        self.note_saved(card)
        after = card.state
        if which == "submit" and before in EDITABLE and self.api.has_threads:
            assert after is (State.INVALID if answer is None else State.SENDING)
        if after is State.FAILED and not self.api.has_threads:
            card.attempt = None
        if after is State.SENDING is not before:
            assert which == "submit"
            assert answer is not None
            card.allowed, card.attempt = answer, None
        self.api.settle()

    @event(how=st.sampled_from(["look", "hear"]), age=numbers)
    def pass_time(self, card: Card, how: str, age: int) -> None:
        """The form looks by itself, or hears what somebody else has read."""
        if how == "hear":
            card.controller.update_run(Run.from_json(self.api.past[age % len(self.api.past)]))
        else:
            self.api.start(lambda: watch(card.controller), "watch")
            self.api.settle()

    def note_saved(self, card: Card) -> None:
        """Note what is on the disk now."""
        if card.is_unsaved and self.is_kept and not card.controller.snapshot.is_final:
            self.drafts[card.controller.question.digest] = deepcopy(card.entries)
        card.is_unsaved = False

    @event(what=st.sampled_from(["open", "open", "open", "close", "dropped", "lost", "late"]))
    def run_cell(self, card: Card, what: str) -> None:
        """The cell is run, here or in another notebook; cleared; or run after the kernel has died."""
        if what == "open":
            if len(self.cards) < 3:
                self.open()
        elif what == "close":
            self.close(card)
        elif self.api.is_open or self.api.held:
            self.kill(what)
            self.open()

    def close(self, card: Card) -> None:
        """Take a form away; what is on its way goes on."""
        card.is_open = False

    def kill(self, fate: str) -> None:
        """End all jobs; an answer that was on its way has a fate that nobody here knows."""
        for thread, held in list(self.api.held.items()):
            if held.is_post:
                self.take(held, fate)
            self.api.let(thread, raised(SystemExit()))
        for card in self.cards:
            self.close(card)
        self.cards.clear()

    # -- the world

    def reply(self, replies: Replies) -> None:
        """Requests get an answer, or none."""
        for nth, read, post, age in replies:
            threads = list(self.api.held)
            if not threads:
                return
            thread = threads[nth % len(threads)]
            held = self.api.held[thread]
            if held.is_post:
                self.api.let(thread, self.take(held, post), TRIES if post == "no connection" else 1)
            else:
                times = TRIES if read in ("no connection", "503") else 1
                self.api.let(thread, self.give(thread, read, age), times)
            self.nothing_is_wrong()

    def give(self, thread: threading.Thread, how: str, age: int) -> Outcome:
        """Answer a read."""
        if how in ("ok", "old"):
            state = self.api.now if how == "ok" else self.api.past[age % len(self.api.past)]
            self.was_read[thread] = state
            return told(state)
        if how == "garbled":
            return garbled
        if how.isdigit():
            return refused(int(how))
        return raised(Gremlin() if how == "gremlin" else httpx.ConnectError("no"))

    def take(self, held: Held, how: str) -> Outcome:
        """Answer a POST: what the API does with it, and what it says."""
        api = self.api
        post = next(one for one in reversed(self.posts) if one.card == held.card)
        before = api.now
        if how in ("ok", "still shown", "422", "422 note") and not api.is_open:
            post.reply = "refused"
            return refused(422)
        if how in ("ok", "lost", "502 done", "still shown", "garbled", "gremlin done"):
            api.close(post)
        if how == "late":
            api.late.append(post)
        replies = {"ok": "confirmed", "422": "refused", "422 note": "refused"}
        replies |= dict.fromkeys(("401", "403", "429", "no connection"), "failed")
        post.reply = replies.get(how, "doubt")
        if how in ("ok", "still shown"):
            return told(api.now if how == "ok" else before)
        if how == "garbled":
            return garbled
        if how[:3].isdigit():
            return refused(int(how[:3]), "input.note" if how == "422 note" else None)
        errors = {"no connection": httpx.ConnectError, "late": httpx.ReadTimeout}
        return raised(Gremlin() if "gremlin" in how else errors.get(how, httpx.ReadError)("no"))

    def happen(self, what: str) -> None:
        """Something happens elsewhere: a late answer arrives, or the state folder is lost, or there again."""
        if what == "disk":
            self.patch.setenv(answers.DIR_NAME, NOWHERE if self.is_kept else self.folder)
        elif what == "arrives" and self.api.late:
            self.api.close(self.api.late.pop(0))
        elif what == "answer":
            self.api.close("Ole")
        elif what == "another question" and self.api.is_open:
            self.api.ask_anew({**self.api.value, "n": len(self.api.past)})
        elif what == "end" and self.api.status != "error":
            self.api.end()

    # -- what must hold

    def is_logged(self, post: Post, card: Card) -> bool:
        """Whether the log tells this card of an answer to its question that may have arrived."""
        return self.is_kept and post.is_noted and post.may_have_arrived and post.asked == card.value

    def may_doubt(self, post: Post, card: Card) -> bool:
        """Whether this card can know that the answer may have arrived."""
        return (post.card == card.number and post.reply == "doubt") or self.is_logged(post, card)

    def nothing_is_wrong(self) -> None:
        """After each event, also one within a rule."""
        for error in (*self.api.crashes, *self.complaints.errors):
            raise AssertionError("nobody caught this") from error
        for thread, held in self.api.held.items():
            if held.is_post and held not in self.seen:
                self.seen.append(held)
                self.check_sent(self.every[held.card], held, self.was_read[thread])
        for card in self.every:
            for snapshot in card.heard[card.n_checked + 1 :]:
                card.n_checked += 1
                self.check_told(card, card.heard[card.n_checked - 1], snapshot)

    @invariant()
    def all_is_shown(self) -> None:
        """After each rule: it takes longer."""
        self.nothing_is_wrong()
        for card in self.cards:
            assert card.heard[-1] == card.controller.snapshot
            self.check_shown(card)

    def check_sent(self, card: Card, held: Held, was_read: Json) -> None:
        """One answer for each click that let it go, as it was shown, to the question that was shown."""
        allowed, card.allowed = card.allowed, None
        earlier = list(self.posts)
        card.attempt = Post(card.number, held.body["input"], card.value, self.is_kept)
        self.posts.append(card.attempt)
        assert allowed is not None, "sent without a click"
        assert held.body == {"interrupt_id": QUESTION, "input": allowed}
        assert [item["value"] for item in was_read["interrupts"]] == [card.value], "to another question"
        for post in earlier:
            if self.may_doubt(post, card):
                assert post in card.told_of, "beside an answer that may still arrive"

    def check_told(self, card: Card, before: Snapshot, now: Snapshot) -> None:
        """What a card says is so, and it says something."""
        if currently_in_test_context():
            note(f"card {card.number}: {now.state}, {now.message!r}")
        if now == before:
            return
        assert not before.is_final, "it was over"
        assert now.message.strip() or now.state is State.OPEN
        assert all(words.strip() for errors in now.errors.values() for words in errors.values())
        assert bool(now.errors) or now.state is not State.INVALID
        assert now.is_final == (now.receipt is not None)
        post = card.attempt
        if post is not None and not post.is_over and now.state not in (State.SENDING, State.UNKNOWN):
            post.is_over, post.is_reply_noted = True, self.is_kept
        doubts = [one for one in self.posts if self.may_doubt(one, card)]
        if MAY_ARRIVE in now.message:
            card.told_of += doubts
        if now.state is State.FAILED:
            assert post is None or post.reply in ("failed", "refused")
        if now.state is State.UNKNOWN:
            assert post is not None
            assert post.reply in ("doubt", "refused")
            post.reply = "doubt"  # an error that nobody expects may hide that it was refused
        if before.state is State.UNKNOWN and now.state is State.OPEN:
            assert post in card.told_of
        if before.state is State.SENDING and now.state is State.OPEN:
            assert now.message.startswith("Not sent")
        if now.message.startswith("Not sent") and not now.message.startswith("Not sent this"):
            assert not any(one.reply == "doubt" and one.card == card.number for one in self.posts)
        if now.receipt is not None:
            self.check_receipt(card, now.state, now.receipt, doubts)

    def check_receipt(self, card: Card, state: State, receipt: Receipt, doubts: list[Post]) -> None:
        """A receipt claims no more than is known, and no less."""
        title, post = receipt.title, card.attempt
        assert title == card.controller.snapshot.message
        assert title.startswith(CLAIMS[state])
        assert not re.search(r": ?\.|  |\(\)|^,", title)
        assert all(words.strip() for fact in receipt.facts for words in fact)
        if "question has changed" in title:
            assert self.api.value != card.value
        elif state is State.EXPIRED:
            assert (self.api.status, self.api.closed_by) == ("error", None)
        else:
            assert self.api.closed_by is not None
        if SIGNED in title and not title.startswith("Answered from another"):
            assert post is not None
            assert (post.reply, self.api.closed_by) == ("confirmed", post)
        elif title.startswith("Closed. "):
            in_log = (one.asked == card.value and one.is_logged_in_doubt for one in self.posts)
            assert doubts or any(in_log)
        elif title.startswith("Answered from another"):
            assert isinstance(self.api.closed_by, Post)
            assert self.api.closed_by.card != card.number
        elif title.startswith(("Already answered", "Not sent")) or "doesn't count" in title:
            assert not doubts
            assert not any(
                self.is_kept and one.reply == "confirmed" and one.is_reply_noted for one in self.posts
            )
        if self.is_kept and "question has changed" in title:
            self.drafts.pop(card.controller.question.digest, None)
        elif self.is_kept:
            self.drafts.clear()

    def check_shown(self, card: Card) -> None:
        """What was typed stands in the inputs, and the buttons say and offer what they do."""
        if not card.is_live:
            return
        snapshot, page = card.controller.snapshot, display.describe_form(card.controller)
        if card.is_edited:
            card.inputs_shown, kept = page["values"], card.inputs_shown
            for now, entered, name, _ in card.inputs():
                if name != "decision" or len(card.entries) > 1:
                    assert now[name] == shown(entered[name]) or now[name] == entered[name]
            card.inputs_shown = kept
        status = page["status"]
        message = f"{OFFLINE} {snapshot.message}".strip() if snapshot.is_offline else snapshot.message
        assert (status["message"], status["state"]) == (shown(message), str(snapshot.state))
        assert status["inert"] == (card.state not in EDITABLE)
        assert status["errors"] == snapshot.errors


def watch(form: AnswerController) -> None:
    """Look, as a form does from time to time."""
    with suppress(RunkitError, Gremlin):
        form.refresh()
