"""The questions that are waiting for a reviewer, over all runs: the state of the inbox, without widgets.

The API has no filter for waiting questions. So a full check reads all runs of the last 30 days: once at the
start, and when a person asks for it. A quick check reads the known runs that have not ended and the first
page of the list, where new runs appear as far as known. Runs that have ended are dropped, and their expired
questions stay, so that the cost of a check depends on what is waiting now.

An older state of a run never replaces a newer one. Times are in seconds.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from runkit.answers import declared_name
from runkit.client import Client
from runkit.client.resume import is_stale
from runkit.errors import ApiError, NotFound
from runkit.logs import log
from runkit.models import Run
from runkit.tables.facts import KIND_ORDER
from runkit.tables.frames import frames
from runkit.text import moment, plural
from runkit.widgets import jobs
from runkit.widgets.controller import MAX_NAME, AnswerController, Controller
from runkit.widgets.controller import Snapshot as AnswerSnapshot
from runkit.widgets.question import Receipt, State, question_of

DAYS = 30
MAX_NAMED = 3  # runs named in a sentence
FIRST_PAGE = 100  # runs: the documented maximum of one page
INTERVAL = 15.0
REQUESTS_A_SECOND = 5.0  # on average at most: a quarter of the API's rate limit
Key = tuple[str, str]  # ids of the run and of its question


class Row(NamedTuple):
    """A question, with columns of `frames(...).interrupts` and the names of its run.

    `wait_s` is as of the last check. `outcome` is pending or lapsed (expired). `asked_at` and `wait_s` are
    None if no step gives them; the business is None until it is identified.
    """

    run_id: str
    interrupt_id: str | None
    asked_at: datetime | None
    wait_s: float | None
    agent: str | None
    label: str | None
    kind: str
    n_proposals: int
    outcome: str
    business_name: str | None = None
    agent_name: str | None = None
    business_id: str | None = None


class Closed(NamedTuple):
    """A question that was opened here and is closed."""

    run: Run
    receipt: Receipt


@dataclass(frozen=True)
class Snapshot:
    """Everything that a view shows.

    `coverage` tells what was checked and when, `error` why the last check failed, and `message` the result
    of the last click. `is_refreshing` is true during a full check, and `is_opening` while a question is read.
    `closed` are the questions that were opened here and are closed. `form` is the open one.
    """

    waiting: tuple[Row, ...] = ()
    expired: tuple[Row, ...] = ()
    coverage: str = ""
    error: str = ""
    message: str = ""
    read_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_refreshing: bool = False
    is_opening: bool = False
    closed: tuple[Closed, ...] = ()
    form: AnswerController | None = None


class InboxController(Controller[Snapshot]):
    """All waiting questions, by kind and then the oldest first, and the form of the open one.

    A question has expired if its run ended after a check found it waiting. Every method may be called from
    any thread. `options` are those of an `AnswerController`.
    """

    def __init__(self, client: Client, *, who: str | None = None, **options: Any) -> None:
        super().__init__()
        self.client = client
        self._who, self._options = who, options
        self._later: list[Key] = []  # put to the end of the list, for this session
        self._wanted: Key | None = None  # the question that was clicked last
        # the question that opens when the open one is closed; the page tells it, for it has the filter
        self.following: Key | None = None
        self._read_lock = threading.Lock()  # one check at a time
        self._runs: dict[str, Run] = {}  # that have not ended
        self._listed: dict[str, Run] = {}  # of the last 30 days, without steps
        # their questions: making 5,000 anew would take 10 s
        self._rows: dict[str, list[Row]] = {}
        self._ended: set[str] = set()  # ids of runs that a slow check must not bring back
        # so that entries survive opening another question
        self._forms: dict[Key, AnswerController] = {}
        self._full_check_at = self._read_at = datetime.now(UTC)
        self._due = 0.0
        # runs that belong to none of the account's businesses
        self._unidentified: set[str] = set()
        self._snapshot = Snapshot()

    @property
    def who(self) -> str:
        """The name of the person who answers."""
        return self._who or declared_name()

    # -- checking

    def read(self, *, full: bool) -> None:
        """Read what is waiting. Raises what `client.runs.list` and `fetch` raise."""
        runs = self.client.runs
        with self._read_lock:
            with self._lock:
                known = list(self._runs.values())
            if full:
                since = runs.list(limit=1).now() - timedelta(days=DAYS)
                listed = runs.list(since=since)
            else:
                listed = runs.list(limit=FIRST_PAGE)
            self._listed = {run.id: run for run in [*([] if full else self._listed.values()), *listed]}
            waiting = [run for run in listed if run.status == "interrupted"]
            fetched = runs.fetch([*known, *waiting], progress=False)
            deleted = [run_id for run_id, error in fetched.errors.items() if isinstance(error, NotFound)]
            unreadable = [run for run in fetched if run.status == "interrupted" and not run.interrupts]
            labels = ", ".join(run.label for run in unreadable[:MAX_NAMED])
            questions = f"the questions of {plural(len(unreadable), 'run')} can't be read ({labels})"
            gone = f"the API no longer has {plural(len(deleted), 'run')} of this list" if deleted else ""
            reasons = [listed.why if full else "", fetched.why, questions if labels else "", gone]
            with self._lock:
                self._read_at = datetime.now(UTC)
                if full:
                    self._full_check_at = self._read_at
                    self._unidentified = set()
                self._update_runs(fetched, deleted)
                self._schedule(full, coverage=self._coverage("; ".join(filter(None, reasons))), error="")
        self._update_forms(fetched)
        self._notify()

    def _update_forms(self, runs: Iterable[Run]) -> None:
        by_id = {run.id: run for run in runs}
        for (run_id, _), form in self._forms.copy().items():
            if run_id in by_id:
                form.update_run(by_id[run_id])

    def refresh(self, *, full: bool = False) -> None:
        """Read what is waiting; a failure becomes a message."""
        try:
            self.read(full=full)
        except Exception as error:
            failed = f"Update failed at {moment(datetime.now(UTC))}. {jobs.error_message(error)}"
            with self._lock:
                self._schedule(full, error=f"{failed} Showing questions as of {moment(self._read_at)}.")
            self._notify()

    def tick(self) -> float:
        """Refresh if it is time; gives the seconds until the next time."""
        if time.monotonic() >= self._due:
            self.refresh()
        left = max(0.0, self._due - time.monotonic())
        return min(left, 1 / REQUESTS_A_SECOND) if self._identify_next() else left

    def _identify_next(self) -> bool:
        """Search one more business for the runs without one; False when there is none left to search.

        One request at a time, so that the reviewer's requests need not wait.
        """
        with self._lock:
            runs = {run.id: run for run in self._runs.values() if run.interrupts and run.business_id is None}
        missing = [run for run_id, run in runs.items() if run_id not in self._unidentified]
        if not missing:
            return False
        try:
            searched = self.client.businesses.identify(missing, at_most=1, progress=False)
        except ApiError as error:
            log.warning("the businesses of %s could not be read: %s", plural(len(missing), "run"), error)
            self._unidentified |= set(runs)
            return False
        identified = [run for run in searched if run.business_id is not None]
        if identified:
            with self._lock:
                self._update_runs(identified)
            self._update_forms(identified)
            self._notify()
        return not searched.is_complete

    def refresh_all(self) -> None:
        """Start a full check as a job, unless one is running."""
        with self._lock:
            if self._snapshot.is_refreshing:
                return
            self._change(is_refreshing=True, message="Refreshing…")
            if problem := jobs.start(lambda: self.refresh(full=True), "refresh"):
                self._change(is_refreshing=False, message=problem)
        self._notify()

    def _schedule(self, is_full: bool, **changes: Any) -> None:
        """Record the result of a check, and schedule the next one: the more runs it reads, the later."""
        self._due = time.monotonic() + pause_after(1 + len(self._runs))
        if is_full and self._snapshot.is_refreshing:
            changes |= {"is_refreshing": False, "message": ""}
        self._change(read_at=self._read_at, **changes)

    def _coverage(self, missing: str) -> str:
        checked = f"Last full check {moment(self._full_check_at)} (runs of the last {DAYS} days)"
        updated = f" · updated {moment(self._read_at)}" if self._read_at > self._full_check_at else ""
        return f"{checked}{updated}.{f' Questions may be missing: {missing}.' if missing else ''}"

    def _update_runs(self, read: Iterable[Run], deleted: Iterable[str] = ()) -> None:
        """Take the newer ones of these runs, and make the rows of those that have changed."""
        known, expired = self._runs, list(self._snapshot.expired)
        newer = [run for run in read if run.id not in self._ended and not is_stale(run, known.get(run.id))]
        changed = [run for run in newer if run.id not in known or _content(run) != _content(known[run.id])]
        self._runs |= {run.id: run for run in newer}
        self._rows |= {run.id: [] for run in changed}
        for row in rows_of(changed) if changed else ():
            (self._rows[row.run_id] if row.outcome == "pending" else expired).append(row)
        ended = {run.id for run in changed if run.is_finished}
        self._ended |= ended
        for run_id in ended.union(deleted):
            self._runs.pop(run_id, None)
            self._rows.pop(run_id, None)
        waiting = [
            row._replace(wait_s=(read_at - row.asked_at).total_seconds()) if read_at and row.asked_at else row
            for run_id, rows in self._rows.items()
            for read_at in [self._runs[run_id].read_at]
            for row in rows
        ]
        waiting.sort(key=_place)
        self._change(waiting=tuple(waiting), expired=tuple(expired))

    # -- answering

    def rows(self) -> list[Row]:
        """Return the waiting questions that can be answered, in their order; those put off are at the end."""
        with self._lock:
            rows = [row for row in self._snapshot.waiting if row.interrupt_id or self._is_unnamed(row)]
            order = {key: number for number, key in enumerate(self._later, 1)}
        return sorted(rows, key=lambda row: order.get(key_of(row), 0))

    def _is_unnamed(self, row: Row) -> bool:
        """Whether the run of a row has a question without an id, which is shown and cannot be answered."""
        return any(item.id is None for item in self._runs[row.run_id].interrupts)

    def open(self, key: Key | None) -> None:
        """Open the form of a question, as a job; the form that was open keeps its entries."""
        if key is None:
            return
        with self._lock:
            self._wanted, self.following = key, None
            self._change(message="Opening the question…", is_opening=True)
            if problem := jobs.start(lambda: self._open(key), "open"):
                self._change(message=problem, is_opening=False)
        self._notify()

    def open_first(self) -> None:
        """Open the first question, unless one was opened before: the page knows which ones it lists."""
        if self._wanted is None:
            self.open(next(map(key_of, self.rows()), None))

    def put_off(self, key: Key) -> None:
        """Move a question to the end of the list, and open `following`, if there is one."""
        with self._lock:
            self._later = [other for other in self._later if other != key] + [key]
            if self.following is None:
                self._change(form=None)
        self._notify()
        self.open(self.following)

    def sign(self, name: str) -> None:
        """Take the name of the person who answers, for all questions."""
        self._who = name.strip()[:MAX_NAME] or self._who
        for form in self._forms.copy().values():
            form.sign(name)

    def _open(self, key: Key) -> None:
        try:
            form = self._form(*key)
            message = "" if form else "This question is already closed."
        except Exception as error:
            form, message = None, f"The question couldn't be opened. {jobs.error_message(error)}"
        with self._lock:
            if self._wanted == key:  # else another one was clicked in the meantime
                self._change(message=message, is_opening=False, form=form or self._snapshot.form)
        self._notify()

    def _form(self, run_id: str, interrupt_id: str) -> AnswerController | None:
        key = run_id, interrupt_id
        run = self.client.runs.get(self._runs.get(run_id, run_id))
        with self._lock:
            self._update_runs([run])
        if (form := self._forms.get(key)) is not None:
            form.update_run(run)
            if not form.snapshot.is_final:
                form.read_case()
                return form
        question = question_of(run, interrupt_id)
        if question is None:
            return None
        options = {"who": self._who, "listed": lambda: list(self._listed.values()), **self._options}
        new = AnswerController(self.client, question, **options)
        with self._lock:
            form = self._forms.setdefault(key, new)  # one, however often it is clicked
        if form is new:
            new.note_display()
            new.subscribe(lambda snapshot: self._on_answer(new, snapshot))
        form.read_case()
        return form

    def _on_answer(self, form: AnswerController, snapshot: AnswerSnapshot) -> None:
        """Follow a form; a finished one goes to the end of the list, and `following` opens."""
        key, receipt, following = form.question.row_key, snapshot.receipt, None
        with self._lock:
            if receipt is not None and self._forms.get(key) is form:
                del self._forms[key]
                self._update_runs([form.run])
                self._change(closed=(*self._snapshot.closed, Closed(form.run, receipt)), message="")
                # which a person may want to copy
                is_kept = snapshot.state is State.CONFLICT and form.typed
                if self._snapshot.form is form and not is_kept:
                    following = self.following
                    self._change(form=None)
        self._notify()
        self.open(following)

    def _change(self, **changes: Any) -> None:
        """Change the state, under the lock."""
        self._snapshot = replace(self._snapshot, **changes)


def key_of(row: Row) -> Key:
    """Return the ids of a row's run and question."""
    return row.run_id, row.interrupt_id or ""


def _place(row: Row) -> tuple[int, float]:
    """Return what the list is sorted by, as all screens are: the kind, then the oldest first."""
    return KIND_ORDER.index(row.kind), row.asked_at.timestamp() if row.asked_at else math.inf


def _content(run: Run) -> tuple[object, ...]:
    """Return what the rows of a run depend on, besides the time."""
    return run.updated_at, run.status, run.business_name, run.to_dict().get("interrupts")


def pause_after(n_requests: int) -> float:
    """Return the seconds between two checks of so many requests."""
    return max(INTERVAL, n_requests / REQUESTS_A_SECOND)


def rows_of(runs: Iterable[Run]) -> tuple[Row, ...]:
    """Return the unanswered questions of runs."""
    f = frames(list(runs))
    names = f.runs[["run_id", "business_name", "agent_name", "business_id"]]
    questions = f.interrupts.merge(names, on="run_id")
    is_unanswered = questions["outcome"].isin(("pending", "lapsed"))
    rows = questions.loc[is_unanswered, list(Row._fields)].astype(object)
    return tuple(Row(*values) for values in rows.where(rows.notna(), None).itertuples(index=False, name=None))
