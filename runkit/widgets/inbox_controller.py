"""The questions that are waiting for a reviewer, over all runs: the state of the inbox, without widgets.

The API has no filter for waiting questions. So a full check reads all runs of the last 30 days: once at the
start, and when a person asks for it. A quick check reads the known runs that have not ended and the first
page of the list, where new runs appear as far as known. Runs that have ended are dropped, and their expired
questions stay, so that the cost of a check depends on what is waiting now.

An older state of a run never replaces a newer one. Times are in seconds.
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
from runkit.text import moment, plural, shorten
from runkit.widgets import jobs
from runkit.widgets.answer_controller import AnswerController
from runkit.widgets.controller import Controller
from runkit.widgets.question import question_of
from runkit.widgets.receipts import Receipt

DAYS = 30
MAX_NAMED = 3  # runs named in a sentence
FIRST_PAGE = 100  # runs: the documented maximum of one page
INTERVAL = 15.0
MAX_LABEL = 80  # characters of a question in a line
REQUESTS_A_SECOND = 5.0  # on average at most: a quarter of the API's rate limit
Key = tuple[str, str]  # ids of the run and of its question


class Row(NamedTuple):
    """A question, with columns of `frames(...).interrupts` and the names of its run.

    `wait_s` is as of the last check. `outcome` is pending or lapsed (expired). `asked_at` and `wait_s` are
    None if no step gives them, and `business_name` is None until the business is identified.
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
    """Everything that a view shows. The higher `version` is the newer one.

    `coverage` tells what was checked and when, `error` why the last check failed, and `message` the result
    of the last click. The next check is due at `next_at`. `is_refreshing` is true during a full check, and
    `is_opening` while a question is read. `receipts` has a sentence for each question that was opened here
    and is closed. `form` is the open one.
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
    """All waiting questions, oldest first, and the form of the open one.

    A question has expired if its run ended after a check found it waiting. Every method may be called from
    any thread.
    """

    def __init__(self, client: Client, *, who: str | None = None, use_drafts: bool = True) -> None:
        super().__init__()
        self.client = client
        self._who, self._use_drafts = who, use_drafts
        self._read_lock = threading.Lock()  # one check at a time
        self._runs: dict[str, Run] = {}  # that have not ended
        self._ended: set[str] = set()  # ids of runs that a slow check must not bring back
        self._forms: dict[Key, AnswerController] = {}  # so that entries survive opening another question
        self._full_check_at = self._read_at = datetime.now(UTC)
        self._due = 0.0
        self._businesses: deque[Business] | None = None  # whose threads were not read yet
        self._unidentified: set[str] = set()  # runs that belong to none of the account's businesses
        self._snapshot = Snapshot()

    # -- checking

    def read(self, *, full: bool) -> None:
        """Read what is waiting. Raises what `client.runs.list` and `fetch` raise."""
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
                unreadable = [run for run in fetched if run.status == "interrupted" and not run.interrupts]
                if unreadable:
                    labels = ", ".join(run.label for run in unreadable[:MAX_NAMED])
                    reasons.append(
                        f"the questions of {plural(len(unreadable), 'run')} can't be read ({labels})"
                    )
                if deleted:
                    reasons.append(f"the API no longer has {plural(len(deleted), 'run')} of this list")
                self._schedule(full, coverage=self._coverage(reasons), error="")
        by_id = {run.id: run for run in fetched}
        for (run_id, _), form in self._forms.copy().items():
            if run_id in by_id:
                form.update_run(by_id[run_id])
        self._notify()

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
        """Read the threads of one more business, first those in review; False when all runs are identified.

        One request at a time, so that the reviewer's requests need not wait.
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
            log.warning("the businesses of %s could not be read: %s", plural(len(missing), "run"), error)
            self._unidentified |= missing
        with self._lock:
            runs = [businesses.identified(self._runs[run_id]) for run_id in missing if run_id in self._runs]
            identified = [run for run in runs if run.business_id is not None]
            self._update_runs(identified)
        if identified:
            self._notify()
        return True

    def refresh_all(self) -> None:
        """Start a full check as a job, unless one is running."""
        with self._lock:
            if self._snapshot.is_refreshing:
                return
            self._change(is_refreshing=True, message="Refreshing…")
        self._notify()
        jobs.start(lambda: self.refresh(full=True), "inbox")

    def _schedule(self, is_full: bool, **changes: Any) -> None:
        """Record the result of a check, and schedule the next one: the more runs it reads, the later."""
        pause = pause_after(1 + len(self._runs))
        self._due = time.monotonic() + pause
        if is_full and self._snapshot.is_refreshing:
            changes |= {"is_refreshing": False, "message": ""}
        self._change(next_at=datetime.now(UTC) + timedelta(seconds=pause), **changes)

    def _coverage(self, reasons: list[str]) -> str:
        checked = f"Last full check {moment(self._full_check_at)} (runs of the last {DAYS} days)"
        updated = f" · updated {moment(self._read_at)}" if self._read_at > self._full_check_at else ""
        missing = f" Questions may be missing: {'; '.join(reasons)}." if reasons else ""
        return f"{checked}{updated}.{missing}"

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
        """Open the form of a question, as a job; the form that was open keeps its entries."""
        with self._lock:
            if self._snapshot.is_opening:
                return
            message = "Opening the question…" if key else "No question to open."
            self._change(message=message, is_opening=key is not None)
        self._notify()
        if key is not None:
            jobs.start(lambda: self._open(*key), "inbox")

    def _open(self, run_id: str, interrupt_id: str) -> None:
        try:
            form = self._form(run_id, interrupt_id)
            message = "" if form else "This question is already closed."
        except Exception as error:
            form, message = None, f"The question couldn't be opened. {jobs.error_message(error)}"
        with self._lock:
            self._change(message=message, is_opening=False, form=form or self._snapshot.form)
        self._notify()

    def _form(self, run_id: str, interrupt_id: str) -> AnswerController | None:
        run = self.client.runs.get(self._runs.get(run_id, run_id))
        with self._lock:
            self._update_runs([run])
        form = self._forms.get((run_id, interrupt_id))
        if form is not None:
            form.update_run(run)
            if not form.snapshot.is_final:
                return form
        question = question_of(run, interrupt_id)
        if question is None:
            return None
        new = AnswerController(self.client, question, who=self._who, use_drafts=self._use_drafts)
        self._forms[run_id, interrupt_id] = new
        new.subscribe(lambda snapshot: self._on_answer(new, snapshot.receipt))
        return new

    def _on_answer(self, form: AnswerController, receipt: Receipt | None) -> None:
        """Replace a finished form by its receipt."""
        if receipt is None:
            return
        with self._lock:
            self._update_runs([form.run])
            key = form.question.run.id, form.question.interrupt_id
            if self._forms.get(key) is form:
                del self._forms[key]
            heading = f"{form.run.label} · {shorten(form.question.label, MAX_LABEL)}"
            receipts = (*self._snapshot.receipts, f"{heading}: {receipt.title}")
            current = self._snapshot.form
            self._change(receipts=receipts, form=None if current is form else current, message="")
        self._notify()

    # -- state changes, all under the lock

    def _change(self, **changes: Any) -> None:
        self._snapshot = replace(self._snapshot, version=self._snapshot.version + 1, **changes)


def pause_after(n_requests: int) -> float:
    """Give the seconds between two checks of so many requests."""
    return max(INTERVAL, n_requests / REQUESTS_A_SECOND)


def rows_of(runs: Iterable[Run]) -> tuple[Row, ...]:
    """Give the unanswered questions of runs, oldest first."""
    f = frames(list(runs))
    questions = f.interrupts.sort_values("asked_at", kind="stable")
    questions = questions.merge(f.runs[["run_id", "business_name", "agent_name"]], on="run_id")
    is_unanswered = questions["outcome"].isin(("pending", "lapsed"))
    rows = questions.loc[is_unanswered, list(Row._fields)].astype(object)
    return tuple(Row(*values) for values in rows.where(rows.notna(), None).itertuples(index=False, name=None))
