"""`InterruptInbox`: everything that waits for a reviewer, over all runs, answered in one place.

The API has no filter for waiting questions. So a full check reads all runs of the last 30 days:
once at the start, and when a person asks for it. A quick check reads the first page of the list,
where new runs appear as far as known, and the known runs that have not ended, unless they are
listed there as they were read. Runs that have ended
are dropped, and their expired questions stay, so that the cost of a check depends on what is
waiting now.

An older state of a run never replaces a newer one. Times are in seconds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.arguments import NonBlank, checked
from runkit.charts.panel import HOUR, SLA_H
from runkit.client import Client, RunList
from runkit.client.resume import is_stale
from runkit.display.counts import Count, short
from runkit.display.log import log
from runkit.display.status_words import MISSING, OUTCOMES
from runkit.display.text import duration, live_moment, plural, short_id, shorten
from runkit.errors import NotFound, RunkitError
from runkit.widgets import _static_form, _threads
from runkit.widgets._answer_states import DAYS, AnswerController, Forms, Reasons
from runkit.widgets._card import CellOutput
from runkit.widgets._question import Question, Row, State, age_of, in_order, questions_of

FIRST_PAGE = 100  # runs: the documented maximum of one page
INTERVAL = 15.0
REQUESTS_A_SECOND = 5.0  # on average at most: a quarter of the API's rate limit
MAX_NAMED = 3  # runs named in a sentence
MAX_LABEL = 80  # characters of a question in a line
MAX_ROWS = 200  # lines of the list
LATE = SLA_H * HOUR  # seconds, after which an age is in the color of attention
CAUGHT_UP = "You're all caught up"
EXPIRED = f"{OUTCOMES['lapsed']}. This doesn't count as a rejection."


class InboxController(Forms):
    """All waiting questions and the form of the open one.

    Options are those of an `AnswerController`. A question has expired if its run ended after a
    check found it waiting. `following` is the question that opens when the open one is closed; the
    page chooses it, as it has the filter. `coverage` says what was checked and when, `error` why
    the last check failed, and `message` is the result of the last click.
    """

    def __init__(self, client: Client, **options: Any) -> None:
        super().__init__(client, list_runs=lambda: [*self._recent.values()], **options)
        self.form: AnswerController | None = None  # the open one
        self.following: str | None = None
        self.expired: list[Question] = []
        self.coverage = self.error = self.message = ""
        self.is_refreshing = self.is_opening = False
        self.read_at = self._full_check_at = datetime.now(UTC)
        self._later: list[str] = []  # put to the end of the list, for this session
        self._wanted: str | None = None  # the question that was clicked last
        self._read_lock = threading.Lock()  # one check at a time
        self._runs: dict[str, Run] = {}  # the runs that have not ended
        self._recent: dict[str, Run] = {}  # the runs of the last 30 days, without steps
        # Questions are kept by run, as building 5,000 anew for each check would take 10 s.
        self._questions: dict[str, list[Question]] = {}
        self._ended: set[str] = set()  # ids of runs that a slow check must not bring back
        # ids of runs that belong to none of the account's businesses
        self._unidentified: set[str] = set()
        self._due = time.monotonic() + INTERVAL

    @property
    def waiting(self) -> list[Question]:
        """The waiting questions in the one order."""
        with self._lock:
            return in_order(chain.from_iterable(self._questions.values()))

    @property
    def listed(self) -> list[Question]:
        """The waiting questions; those put off are at the end."""
        order = {key: number for number, key in enumerate(self._later, 1)}
        return sorted(self.waiting, key=lambda question: order.get(question.key, 0))

    # -- checking

    def read(self, *, full: bool) -> None:
        """Read what is waiting. Raises what `client.runs.list` and `fetch` raise."""
        with self._read_lock:
            listed = self._list(full=full)
            waiting = [run for run in listed if run.status == "interrupted"]
            due = [*self._runs.values(), *waiting]
            fetched = self.client.runs.fetch(due, progress=False, listed=listed)
            self._recent |= {run.id: run for run in fetched}
            gaps = [listed.why if full else "", fetched.why, _unreadable(fetched)]
            missing = "; ".join(filter(None, gaps))
            with self._lock:
                self._update(fetched)
                for run_id, error in fetched.errors.items():
                    if isinstance(error, NotFound):
                        self._drop(run_id)
                self.read_at, self.error = datetime.now(UTC), ""
                if full:
                    self._full_check_at, self._unidentified = self.read_at, set()
                checked_at = live_moment(self._full_check_at)
                self.coverage = f"Last full check {checked_at}, runs of the last {DAYS} days."
                if missing:
                    self.coverage += f" Questions may be missing: {missing}."
        self.update_forms(fetched)
        self._notify()

    def _list(self, *, full: bool) -> RunList:
        """List all runs of the last 30 days, or those of the first page."""
        runs = self.client.runs
        if full:
            listed = runs.list(since=f"{DAYS}d")
            self._recent = {}
        else:
            listed = runs.list(limit=FIRST_PAGE)
        self._recent |= {run.id: run for run in listed}
        return listed

    def refresh(self, *, full: bool = False) -> None:
        """Read what is waiting; a failure becomes a message."""
        try:
            self.read(full=full)
        except Exception as error:
            message = _threads.error_message(error)
            failure = f"Update failed at {live_moment(datetime.now(UTC))}. {message}"
            self.error = f"{failure} Showing questions as of {live_moment(self.read_at)}."
        # the more runs a check reads, the later is the next one
        self._due = time.monotonic() + max(INTERVAL, (1 + len(self._runs)) / REQUESTS_A_SECOND)
        if full:
            self.is_refreshing, self.message = False, ""
        self._notify()

    def refresh_all(self) -> None:
        """Start a full check as a job, unless one is running."""
        with self._lock:
            if self.is_refreshing:
                return
            _threads.start(lambda: self.refresh(full=True), "refresh")
            self.is_refreshing, self.message = True, "Refreshing…"
        self._notify()

    def tick(self) -> float:
        """Refresh if it is time; return the seconds until the next time."""
        if time.monotonic() >= self._due:
            self.refresh()
        wait = max(0.0, self._due - time.monotonic())
        return min(wait, 1 / REQUESTS_A_SECOND) if self._identify_next() else wait

    def _identify_next(self) -> bool:
        """Search one more business for the runs without one; False if none is left.

        One request at a time, so that the reviewer's requests need not wait.
        """
        unnamed = [
            run
            for run in tuple(self._runs.values())
            if run.interrupts and run.business_id is None and run.id not in self._unidentified
        ]
        if not unnamed:
            return False
        try:
            searched = self.client.businesses.identify(unnamed, at_most=1, progress=False)
        except RunkitError as error:
            n_runs = plural(len(unnamed), "run")
            log.warning("the businesses of %s could not be read: %s", n_runs, error)
            self._unidentified |= {run.id for run in unnamed}
            return False
        named = [run for run in searched if run.business_id is not None]
        if named:
            self._update(named)
            self.update_forms(named)
            self._notify()
        return not searched.is_complete

    def _update(self, runs: Iterable[Run]) -> None:
        """Take the newer ones of these runs, and the questions of those that have changed."""
        with self._lock:
            newer = [run for run in runs if self._is_newer(run)]
            changed = [run for run in newer if not self._is_same(run)]
            for run in newer:
                self._runs[run.id] = run
                questions = self._questions.get(run.id, ())
                self._questions[run.id] = [replace(question, run=run) for question in questions]
            for run in changed:
                for question in self._questions[run.id]:
                    if question.outcome(run).word == "expired":
                        self.expired.append(question)
                self._questions[run.id] = []
            for question in questions_of(changed) if changed else ():
                self._questions[question.run.id].append(question)
            for run in changed:
                if run.is_finished:
                    self._ended.add(run.id)
                    self._drop(run.id)

    def _is_newer(self, run: Run) -> bool:
        """Return whether a run is newer than what is known of it, and had not ended before."""
        return run.id not in self._ended and not is_stale(run, self._runs.get(run.id))

    def _is_same(self, run: Run) -> bool:
        """Return whether a run has the same questions as before."""
        last = self._runs.get(run.id)
        if last is None or (last.updated_at, last.status) != (run.updated_at, run.status):
            return False
        # the API does not promise that `updated_at` changes with every question
        last_ids = {question.interrupt_id or "" for question in self._questions.get(run.id, ())}
        return last_ids == {item.id or "" for item in run.interrupts}

    def _drop(self, run_id: str) -> None:
        self._runs.pop(run_id, None)
        self._questions.pop(run_id, None)

    # -- answering

    def open(self, key: str | None) -> None:
        """Open the form of a question, as a job; the form that was open keeps its entries."""
        if key is None:
            return
        with self._lock:
            _threads.start(lambda: self._open(key), "open")
            self._wanted, self.following, self.is_opening, self.message = key, None, True, ""
        self._notify()

    def open_first(self) -> None:
        """Open the first question, unless one was opened before."""
        if self._wanted is None:
            self.open(next((question.key for question in self.listed), None))

    def put_off(self, key: str) -> None:
        """Move a question to the end of the list, and open `following`, if there is one."""
        with self._lock:
            self._later = [other for other in self._later if other != key] + [key]
            self.form = self.form if self.following else None
        self._notify()
        self.open(self.following)

    def sign(self, name: str) -> None:
        """Take the name of the person who answers, for all questions."""
        self.options["who"] = name.strip() or None
        for form in tuple(self.forms.values()):
            form.sign(name)

    def _open(self, key: str) -> None:
        try:
            run_id = key.partition(" ")[0]
            run = self.client.runs.get(self._runs.get(run_id, run_id))
            self._update([run])
            self.update_forms([run])
            # another check may have read a newer state meanwhile
            questions = self._questions.get(run.id, ())
            question = next((question for question in questions if question.key == key), None)
            form = self.form_of(question) if question else None
            message = "" if form else "This question is already closed."
        except Exception as error:
            form, message = (
                None,
                f"The question couldn't be opened. {_threads.error_message(error)}",
            )
        with self._lock:
            if self._wanted == key:  # else another one was clicked in the meantime
                is_open = form is not None and key in self.forms
                self.is_opening, self.message = False, message
                self.form = form if is_open else self.form
        self._notify()

    def _follow(self, form: AnswerController) -> None:
        """Follow a form; a finished one goes to the end of the list, and `following` opens."""
        following = None
        with self._lock:
            if self._move_closed(form):
                self.message = ""
                self._update([form.run])
                # what was typed may be worth a copy
                is_kept = form.snapshot.state is State.CONFLICT and form.typed
                if self.form is form and not is_kept:
                    self.form, following = None, self.following
                    self.is_opening = following is not None  # else the page opens its first row
        self._notify()
        self.open(following)


class InterruptInbox(CellOutput):
    """Everything that is waiting for a reviewer; the last line of a cell shows it.

    Dismissals come first, then decisions and the other kinds, of each kind the oldest first.

    The constructor reads all runs of the last 30 days. While it is displayed, the inbox checks the
    known runs and the first 100 of the list every 15 seconds, or less often if many are waiting.
    The button ↻ (Refresh all) reads everything again. The first question is open, and after an
    answer the next one that the list shows; a list of more than 20 can be filtered. `rows` are the
    waiting questions and `expired` those whose run has ended; `pandas.DataFrame(inbox.rows)` makes
    a frame of either.

    The cell gets two outputs: a table that stays readable without a kernel, and the inbox: a list
    beside the card of one question, as in `InterruptForm`. Showing an inbox of the same host again
    closes the earlier one. A read-only client shows questions and answers none. `.widget` is the
    inbox as an ipywidget, for a VBox or a Tab, and for marimo.

    Parameters
    ----------
    client : Client
        Reads runs and sends answers.
    who : str, optional
        Name of the person who answers, as for `InterruptForm`.
    drafts : bool
        Whether to keep what was typed on this machine, as for `InterruptForm`.
    reasons, receipts
        As for `InterruptForm`.

    Attributes
    ----------
    controller
        The state behind the screen: which questions are waiting, which form is open.

    Raises
    ------
    UsageError
        If an option is not known.
    RunkitError
        Whatever `client.runs.list` raises; later failures are shown on the card.
    """

    _end_text = "Inbox closed. Rerun the cell to use it."

    @checked
    def __init__(
        self,
        client: Client,
        *,
        who: NonBlank | None = None,
        drafts: bool = True,
        reasons: Reasons | None = None,
        receipts: Literal["full", "short"] = "full",
    ) -> None:
        self._client = client
        self.controller = InboxController(
            client, who=who, drafts=drafts, reasons=reasons, receipts=receipts
        )
        self.controller.read(full=True)
        self._ticker = _threads.Ticker(self.controller.tick, "inbox")
        self.controller.subscribe(self._changed)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The waiting questions, by kind and then the oldest first, as of the last check."""
        return tuple(question.row for question in self.controller.waiting)

    @property
    def expired(self) -> tuple[Row, ...]:
        """The questions whose run ended first, which doesn't count as a rejection."""
        return tuple(question.row for question in self.controller.expired)

    def __repr__(self) -> str:
        return f"InterruptInbox({summary(self.controller)}, {self._client.mode})"

    # -- in a notebook

    def _key(self) -> object:
        return "inbox", self._client.host

    def _on_views(self, n_views: int) -> None:
        super()._on_views(n_views)
        if n_views:
            self.controller.open_first()

    def _receive(self, content: Json) -> None:
        controller, form = self.controller, self.controller.form
        controller.following = content.get("next")
        if content.get("refresh"):
            controller.refresh_all()
        controller.open(content.get("open"))
        if later := content.get("later"):
            controller.put_off(later)
        if isinstance(content.get("who"), str):
            controller.sign(content["who"])
        elif form is not None:
            form.receive(content)

    def _describe(self) -> Json:
        controller, form = self.controller, self.controller.form
        title, questions = summary(controller), controller.listed
        failure = "Update failed." if controller.error else ""
        last = [closed.snapshot.message for closed in controller.closed[-1:]]
        where = f"{self._client.mode} {self._client.host}"
        return {
            **(_static_form.describe_form(form) if form else {"empty": self._empty()}),
            "kind": "inbox",
            "title": title,
            "lines": [f"{where} · {controller.coverage}", controller.error],
            "mode": self._client.mode,
            "oldest": oldest(questions),
            "error": f"{controller.error} {controller.message}".strip(),
            "age": (datetime.now(UTC) - controller.read_at).total_seconds(),
            "rows": rows_of(controller, questions),
            "open": form.question.key if form else None,
            "is_opening": controller.is_opening,
            # what is spoken has no times and ages, which change all the time
            "spoken": " ".join(filter(None, (*last, controller.message, f"{title}.", failure))),
        }

    def _empty(self) -> Json:
        """Describe the card when no question is open."""
        controller = self.controller
        if controller.is_opening:
            return {"title": "Opening the question…"}
        title = "No question is open." if controller.waiting else summary(controller)
        return {"title": title, "text": controller.coverage}


def _unreadable(runs: RunList) -> str:
    """Name the waiting runs whose questions cannot be read; empty if there are none."""
    labels = [run.label for run in runs if run.status == "interrupted" and not run.interrupts]
    if not labels:
        return ""
    n_runs, names = plural(len(labels), "run"), ", ".join(labels[:MAX_NAMED])
    return f"the questions of {n_runs} can't be read ({names})"


def summary(controller: InboxController) -> str:
    """Return the number of questions."""
    n, n_expired = len(controller.waiting), len(controller.expired)
    waiting = f"{plural(n, 'question')} waiting" if n else CAUGHT_UP
    return f"{waiting}, {n_expired:,} expired" if n_expired else waiting


def oldest(questions: Sequence[Question]) -> str:
    """Return how old the questions are: `oldest 12 d · all over 4 h`."""
    waits = [question.wait_s for question in questions if question.wait_s is not None]
    if not waits:
        return ""
    text = f"oldest {age_of(max(waits))}"
    late = Count(sum(wait > LATE for wait in waits), n := len(questions), n - len(waits))
    return f"{text} · {short(late, f'over {duration(LATE)}')}" if late.n else text


def rows_of(controller: InboxController, questions: Sequence[Question]) -> list[Json]:
    """Describe the list: the waiting questions, the closed ones, and the expired ones."""
    n_open = Counter(question.run.business_id for question in questions)
    n_open[None] = 1  # runs of unknown businesses are not counted together
    waiting = [_row(question, n_open=n_open[question.run.business_id]) for question in questions]
    closed = [_closed_row(form) for form in reversed(controller.closed)]
    expired = [_row(question, is_fixed=True) for question in controller.expired]
    rows = [
        *_first(waiting, "inbox.rows has all"),
        *_first(closed, "runkit.answer_log() has your answers"),
        *([{"head": EXPIRED}] if expired else []),
        *_first(expired, "inbox.expired has all"),
    ]
    return [*rows, {"head": controller.coverage}] if rows else []


def _first(rows: list[Json], where: str) -> list[Json]:
    """Return at most `MAX_ROWS` lines of the list, and a line about the number left out."""
    if len(rows) <= MAX_ROWS:
        return rows
    return [*rows[:MAX_ROWS], {"head": f"{MAX_ROWS:,} of {len(rows):,} listed; {where}"}]


def _row(question: Question, **more: Any) -> Json:
    """Describe a line of the list."""
    run, wait_s = question.run, question.wait_s or 0
    return {
        "key": question.key,
        "business": shorten(run.business_name or "", 100),
        "run": short_id(run.id),
        "question": shorten(question.label, MAX_LABEL),
        "age": MISSING if question.wait_s is None else age_of(question.wait_s),
        "tone": "attention" if wait_s > LATE else "",
        **more,
    }


def _closed_row(form: AnswerController) -> Json:
    """Describe a question that was answered here, or is closed otherwise."""
    is_settled = form.snapshot.state is State.SETTLED
    return {
        **_row(form.question),
        "question": shorten(form.snapshot.message, 200),
        "age": "✓ Answered" if is_settled else "Closed",
        "tone": "ok" if is_settled else "",
        "is_fixed": True,
        "is_done": True,
    }
