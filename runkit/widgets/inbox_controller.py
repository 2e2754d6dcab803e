"""What waits for a person over all runs, kept up to date: the tested heart of the inbox, in plain Python.

The API filters nothing, so what waits cannot be asked for. Everything of the last 30 days is looked through
once, and again when a person wishes it; in between the runs that are known and have not ended are read again,
and the start of the list, which is where new runs are, as far as known. A run that has ended is let go, and
its lapsed questions stay, so that a look costs what waits and not what has ever waited.

A run is shown as it was last changed: what a slow look brings of a run that was answered meanwhile is passed
over. Times are in seconds.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from runkit.client import Client
from runkit.errors import ApiError, NotFound
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Business
from runkit.tables.frames import frames
from runkit.text import moment, plural, short_id, shorten
from runkit.widgets import answer_controller as forms
from runkit.widgets import jobs
from runkit.widgets.answer_controller import AnswerController
from runkit.widgets.controller import Controller
from runkit.widgets.question import question_of

DAYS = 30
MAX_NAMED = 3  # run ids in a sentence
FIRST_PAGE = 100  # runs at the start of the list: one page, as long as the API's cap is the documented one
INTERVAL = 15.0
MAX_LABEL = 80  # characters of a question where it stands in a line
REQUESTS_A_SECOND = 5.0  # at most, on average: a quarter of what the API allows a customer
Key = tuple[str, str]  # ids of the run and of its question


class Row(NamedTuple):
    """A question, with columns of `frames(...).interrupts` and its run's names; `wait_s` as of the last look.

    `outcome` is pending or lapsed; where no step tells, `asked_at` and `wait_s` are None. `business_name` is
    None until the business is identified.
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


@dataclass(frozen=True)
class Snapshot:
    """All that a view shows. Of two, the one with the higher `version` is the newer.

    `coverage` says what was looked at and when, `error` why the last look failed, `message` what became of
    the last click; `next_at` is when the next look is due. `is_refreshing` while everything is looked through,
    `is_opening` while a question is read. `receipts` are one sentence for each question that was opened here
    and is closed; `form` is the one that is open.
    """

    version: int = 0
    waiting: tuple[Row, ...] = ()
    expired: tuple[Row, ...] = ()
    coverage: str = ""
    error: str = ""
    message: str = ""
    next_at: datetime | None = None
    is_refreshing: bool = False
    is_opening: bool = False
    receipts: tuple[str, ...] = ()
    form: AnswerController | None = None


class InboxController(Controller[Snapshot]):
    """All questions that wait, oldest first, and the form of the one that is open.

    Lapsed are those that it saw waiting before their run ended. Every method may be called from any thread.
    """

    def __init__(self, client: Client, *, who: str | None = None, use_drafts: bool = True) -> None:
        super().__init__()
        self.client = client
        self._who, self._use_drafts = who, use_drafts
        self._read_lock = threading.Lock()  # one at a time
        self._runs: dict[str, Run] = {}  # that have not ended
        self._ended: set[str] = set()  # by id: a slow look must not bring them back
        self._forms: dict[Key, AnswerController] = {}  # what was typed outlives opening another question
        self._full_check_at = self._read_at = datetime.now(UTC)
        self._due = 0.0
        self._businesses: deque[Business] | None = None  # whose threads are still to be read
        self._unidentified: set[str] = set()  # runs that are about none of the account's businesses
        self._snapshot = Snapshot()

    # -- looking

    def read(self, *, full: bool) -> None:
        """Read what waits. Raises what `client.runs.list` and `fetch` raise; what is shown stays then."""
        runs = self.client.runs
        with self._read_lock:
            with self._lock:
                known = list(self._runs.values())
            if full:
                since = runs.list(limit=1).now() - timedelta(days=DAYS)
                listed = runs.list(status="interrupted", since=since)
                missing = listed.why
            else:
                listed, missing = runs.list(limit=FIRST_PAGE), None
            waiting = [run for run in listed if run.status == "interrupted"]
            fetched = runs.fetch([*known, *waiting], progress=False)
            deleted = [run_id for run_id, error in fetched.errors.items() if isinstance(error, NotFound)]
            with self._lock:
                self._read_at = datetime.now(UTC)
                if full:
                    self._full_check_at = self._read_at
                    self._unidentified = set()
                self._update_runs(fetched, deleted)
                reasons = [reason for reason in (missing, fetched.why) if reason]
                unreadable = [run.id for run in fetched if run.status == "interrupted" and not run.interrupts]
                if unreadable:
                    runs_in_words = plural(len(unreadable), "interrupted run")
                    named = ", ".join(map(short_id, unreadable[:MAX_NAMED]))
                    reasons.append(f"the question of {runs_in_words} cannot be read ({named})")
                if deleted:
                    reasons.append(f"{plural(len(deleted), 'run')} that the API no longer has left the list")
                self._schedule(full, coverage=self._coverage(reasons), error="")
        read = {run.id: run for run in fetched}
        for (run_id, _), form in self._forms.copy().items():
            if run_id in read:
                form.update_run(read[run_id])
        self._notify()

    def refresh(self, *, full: bool = False) -> None:
        """Look, and say it in words when that fails."""
        try:
            self.read(full=full)
        except Exception as error:
            told = f"The look at {moment(datetime.now(UTC))} failed. {jobs.error_message(error)}"
            with self._lock:
                self._schedule(full, error=f"{told} What is shown is of {self._read_at:%H:%M} UTC.")
            self._notify()

    def tick(self) -> float:
        """Look if it is time to; gives the time until the next look."""
        if time.monotonic() >= self._due:
            self.refresh()
        left = max(0.0, self._due - time.monotonic())
        return min(left, 1 / REQUESTS_A_SECOND) if self._identify_next() else left

    def _identify_next(self) -> bool:
        """Read the threads of one more business, those in review first; False when every run has its own.

        One request at a time, so that those of the reviewer do not wait.
        """
        with self._lock:
            missing = {run.id for run in self._runs.values() if run.interrupts and run.business_id is None}
        if not missing - self._unidentified:
            self._businesses = None
            return False
        businesses = self.client.businesses
        try:
            if self._businesses is None:
                listed = businesses.list(progress=False)
                self._businesses = deque(sorted(listed, key=lambda one: one.status != "in_review"))
                return True
            if self._businesses:
                businesses.threads_of(self._businesses.popleft(), progress=False)
            else:
                self._unidentified |= missing
        except ApiError as error:
            log.warning("the businesses of %s stay unknown: %s", plural(len(missing), "run"), error)
            self._unidentified |= missing
        with self._lock:
            found = [businesses.identified(self._runs[one]) for one in missing if one in self._runs]
            found = [run for run in found if run.business_id is not None]
            self._update_runs(found)
        if found:
            self._notify()
        return True

    def refresh_all(self) -> None:
        """Look through everything again, as a job; does nothing while that is being done."""
        with self._lock:
            if self._snapshot.is_refreshing:
                return
            self._change(is_refreshing=True, message="Looking through everything.")
        self._notify()
        jobs.start(lambda: self.refresh(full=True), "inbox")

    def _schedule(self, is_full: bool, **changes: Any) -> None:
        """Note what a look brought, and when the next one is due: the more runs it reads, the later."""
        pause = pause_after(1 + len(self._runs))
        self._due = time.monotonic() + pause
        if is_full and self._snapshot.is_refreshing:
            changes |= {"is_refreshing": False, "message": ""}
        self._change(next_at=datetime.now(UTC) + timedelta(seconds=pause), **changes)

    def _coverage(self, reasons: list[str]) -> str:
        through = f"All runs of the last {DAYS} days were looked through at {moment(self._full_check_at)}"
        since = ""
        if self._read_at > self._full_check_at:
            since = f", the known ones and the first {FIRST_PAGE} of the list at {moment(self._read_at)}"
        missing = f" Something may be missing: {'; '.join(reasons)}." if reasons else ""
        return f"{through}{since}.{missing}"

    def _update_runs(self, read: Iterable[Run], deleted: Iterable[str] = ()) -> None:
        for run in read:
            known = self._runs.get(run.id)
            if run.id not in self._ended and (known is None or known.updated_at <= run.updated_at):
                self._runs[run.id] = run
        for run_id in deleted:
            self._runs.pop(run_id, None)
        rows = rows_of(self._runs.values())
        waiting = tuple(row for row in rows if row.outcome == "pending")
        expired = (row for row in rows if row.outcome == "lapsed")
        self._change(waiting=waiting, expired=(*self._snapshot.expired, *expired))
        self._ended |= {run.id for run in self._runs.values() if run.is_finished}
        self._runs = {run_id: run for run_id, run in self._runs.items() if run_id not in self._ended}

    # -- answering

    def open(self, key: Key | None) -> None:
        """Open the form of a question, as a job; the one that was open keeps what was typed."""
        with self._lock:
            if self._snapshot.is_opening:
                return
            told = "Opening the question." if key else "There is no question to open."
            self._change(message=told, is_opening=key is not None)
        self._notify()
        if key is not None:
            jobs.start(lambda: self._open(*key), "inbox")

    def _open(self, run_id: str, interrupt_id: str) -> None:
        try:
            form = self._form(run_id, interrupt_id)
            told = "" if form else "This question is closed by now."
        except Exception as error:
            form, told = None, f"The question could not be opened. {jobs.error_message(error)}"
        with self._lock:
            self._change(message=told, is_opening=False, form=form or self._snapshot.form)
        self._notify()

    def _form(self, run_id: str, interrupt_id: str) -> AnswerController | None:
        run = self.client.runs.get(self._runs.get(run_id, run_id))
        with self._lock:
            self._update_runs([run])
        kept = self._forms.get((run_id, interrupt_id))
        if kept is not None:
            kept.update_run(run)
            if not kept.snapshot.is_final:
                return kept
        question = question_of(run, interrupt_id)
        if question is None:
            return None
        form = AnswerController(self.client, question, who=self._who, use_drafts=self._use_drafts)
        self._forms[run_id, interrupt_id] = form
        form.subscribe(lambda snapshot: self._on_answer(form, snapshot))
        return form

    def _on_answer(self, form: AnswerController, answered: forms.Snapshot) -> None:
        """Put a receipt in the place of a form that is done."""
        if answered.receipt is None:
            return
        with self._lock:
            self._update_runs([form.run])
            key = form.question.run.id, form.question.interrupt_id
            if self._forms.get(key) is form:
                del self._forms[key]
            about = f"{form.run.label} · {shorten(form.question.label, MAX_LABEL)}"
            receipts = (*self._snapshot.receipts, f"{about}: {answered.receipt.title}")
            shown = self._snapshot.form
            self._change(receipts=receipts, form=None if shown is form else shown, message="")
        self._notify()

    # -- changes of state; all under the lock

    def _change(self, **changes: Any) -> None:
        self._snapshot = replace(self._snapshot, version=self._snapshot.version + 1, **changes)


def pause_after(n_requests: int) -> float:
    """Give the time between two looks of so many requests."""
    return max(INTERVAL, n_requests / REQUESTS_A_SECOND)


def rows_of(runs: Iterable[Run]) -> tuple[Row, ...]:
    """Give the questions of runs that nobody has answered, oldest first."""
    f = frames(list(runs))
    asked = f.interrupts.sort_values("asked_at", kind="stable")
    asked = asked.merge(f.runs[["run_id", "business_name", "agent_name"]], on="run_id")
    left = asked.loc[asked["outcome"].isin(("pending", "lapsed")), list(Row._fields)].astype(object)
    return tuple(Row(*values) for values in left.where(left.notna(), None).itertuples(index=False, name=None))
