"""The state behind an inbox, without widgets: what waits, and which question is open.

The API has no filter for waiting questions. So a full check reads all runs of the last 30 days:
once at the start, and when a person asks for it. A quick check reads the first page of the list,
where new runs appear as far as known, and the known runs that have not ended, unless they are
listed there as they were read. Runs that have ended are read no more, so that the cost of a check
depends on what is waiting now; their expired questions stay.

An older state of a run never replaces a newer one. Times are in seconds, and those that are shown
are of the server's clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from operator import call
from typing import Any

from runkit.api.models import Run
from runkit.client import Client, RunList
from runkit.client.resume import is_stale
from runkit.display.text import live_moment, plural, short_id, shorten
from runkit.widgets._answer_states import DAYS, AnswerController, Forms
from runkit.widgets._event_queue import Event, EventQueue, error_message
from runkit.widgets._page_messages import FromPage
from runkit.widgets._question import Question, in_order, questions_of

FIRST_PAGE = 100  # runs: the documented maximum of one page
INTERVAL = 15.0
REQUESTS_A_SECOND = 5.0  # on average at most: a quarter of the API's rate limit
MAX_NAMED = 3  # runs named in a sentence
MAX_LABEL = 80  # characters of a question in a line
MAX_ROWS = 200  # lines of the list


class InboxController(Forms):
    """All waiting questions and the form of the open one, on one queue.

    Options are those of an `AnswerController`. A question has expired if its run ended after a
    check found it waiting. `coverage` says what was checked and when, `error` why the last check
    failed, and `message` is the result of the last click.

    What is open is decided in `settle` and by what a person asks for, by the order and the filter
    of the list that was shown last.
    """

    def __init__(self, client: Client, queue: EventQueue, **options: Any) -> None:
        super().__init__(client, queue, list_runs=lambda: self._recent.values(), **options)
        self.form: AnswerController | None = None  # the open one
        self.expired: list[Question] = []
        self.coverage = self.missing = self.error = self.message = self.filter = ""
        self.is_refreshing = self.is_shown = False
        self._full_check_at: datetime  # of the server's clock
        self.read_s = time.monotonic()  # when the list was read last
        self._order: list[str] = []  # keys of the waiting questions as they were listed last
        self._following: str | None = None  # the key after the one that was closed
        self._later: list[str] = []  # put to the end of the list, for this session
        self._is_reading = False
        self._searched_s = 0.0  # the check after which businesses were searched last
        # by id; also those that have ended, as a slow check must not bring them back
        self._runs: dict[str, Run] = {}
        self._recent: dict[str, Run] = {}  # the runs of the last 30 days
        # Questions are kept by run, as building 5,000 anew for each check would take 10 s.
        self._questions: dict[str, list[Question]] = {}
        self._pause = INTERVAL
        self._due = time.monotonic() + INTERVAL

    @property
    def waiting(self) -> list[Question]:
        """The waiting questions in the one order."""
        return in_order(chain.from_iterable([*self._questions.values()]))

    @property
    def listed(self) -> list[Question]:
        """The waiting questions that match the filter; those put off are at the end."""
        order = {key: number for number, key in enumerate(self._later, 1)}
        words = self.filter.strip().lower()
        questions = self.waiting
        if words:
            questions = [
                item for item in questions if words in " ".join(texts_of(item).values()).lower()
            ]
        return sorted(questions, key=lambda question: order.get(question.key, 0))

    # -- checking: a thread reads, and the queue takes what was read

    def check(self) -> None:
        """Read what is waiting, unless that is under way; a failure becomes a message."""
        if not self._is_reading:
            full = self.is_refreshing
            known = [run for run in self._runs.values() if not run.is_finished]
            # the more runs a check reads, the later is the next one
            self._pause = max(INTERVAL, (1 + len(known)) / REQUESTS_A_SECOND)
            work = partial(self.read, full, known)
            self.queue.start("refresh", work, call, partial(self._failed, full))
            self._is_reading = True

    def read(self, full: bool, known: Iterable[Run]) -> Event:
        """Read all runs of the last 30 days, or those of the first page, and the known ones.

        Returns the event that takes them. Raises what `client.runs.list` and `fetch` raise.
        """
        runs = self.client.runs
        listed = runs.list(since=f"{DAYS}d") if full else runs.list(limit=FIRST_PAGE)
        newest = {run.id: run for run in listed}
        asked: list[str | Run] = [newest.get(run.id, run.id) for run in known]
        asked += [run for run in listed if run.is_waiting]
        read = RunList(tuple(known), with_steps=True)
        fetched = runs.fetch(asked, progress=False, known=read)
        return partial(self._take, full, listed, fetched)

    def _take(self, full: bool, listed: RunList, fetched: RunList) -> None:
        """Take what a check has read."""
        newest = {run.id: run for run in (*listed, *fetched)}
        self._recent = newest if full else self._recent | newest  # other threads read the old one
        self._update(fetched)
        self.read_s = time.monotonic()
        self.error = ""
        if full:
            self._full_check_at = listed.read_at or datetime.now(UTC)
        checked_at = live_moment(self._full_check_at)
        self.coverage = f"Last full check {checked_at}, runs of the last {DAYS} days."
        lost = [run.label for run in fetched if run.is_waiting and not self._questions.get(run.id)]
        gaps = [*(listed.missing if full else ()), *fetched.missing]
        if lost:
            names = ", ".join(lost[:MAX_NAMED])
            gaps.append(f"the questions of {plural(len(lost), 'run')} can't be read ({names})")
        self.missing = "; ".join(gaps)
        if self.missing:
            self.coverage += f" Questions may be missing: {self.missing}."
        self.update_forms(fetched)
        self._checked(full)

    def _failed(self, full: bool, error: Exception) -> None:
        self.error = f"Update failed. {error_message(error)}"
        self._checked(full)

    def _checked(self, full: bool) -> None:
        self._due = time.monotonic() + self._pause
        self._is_reading = False
        if full:
            self.is_refreshing = False
            self.message = ""
        elif self.is_refreshing:
            self.check()

    def refresh_all(self) -> None:
        """Start a full check, unless one is running; the case of the open question, too."""
        if not self.is_refreshing:
            self.is_refreshing = True
            self.message = "Refreshing…"
            self.check()
            if self.form is not None:
                self.form.read_case()

    def tick(self) -> float:
        """Refresh if it is time, and after each check search more businesses of runs without one.

        Returns the seconds until the next time.
        """
        if time.monotonic() >= self._due:
            self.check()
        unnamed = [run for run in self._runs.values() if run.interrupts and not run.business_id]
        if unnamed and self._searched_s != self.read_s:
            identify = self.client.businesses.identify
            self._searched_s = self.read_s
            search = partial(identify, unnamed, progress=False)
            self.queue.start("identify", search, self._identified, error_message)
        return max(1.0, self._due - time.monotonic())

    def _identified(self, searched: RunList) -> None:
        named = [run for run in searched if run.business_id is not None]
        self._update(named)
        self.update_forms(named)

    def _update(self, runs: Iterable[Run]) -> None:
        """Take the newer ones of these runs, and the questions of those that have changed."""
        newer = [run for run in runs if not is_stale(run, self._runs.get(run.id))]
        changed = [run for run in newer if run != self._runs.get(run.id)]
        questions: dict[str, list[Question]] = {run.id: [] for run in changed}
        for question in questions_of(changed) if changed else ():
            questions[question.run.id].append(question)
        for run in newer:
            before = [replace(item, run=run) for item in self._questions.get(run.id, ())]
            self._questions[run.id] = questions.get(run.id, before)  # at once: a cell may list them
            self._runs[run.id] = run
            if run.id in questions:
                self.expired += [item for item in before if item.outcome(run).word == "expired"]

    # -- what is open

    def receive(self, message: FromPage) -> None:
        """Take what a person did."""
        match message:
            case {"refresh": True}:
                self.refresh_all()
            case {"filter": text}:
                self.filter = text
            case {"open": key}:
                self.open(key)
            case {"step": by}:
                self._step(by)
            case {"later": key}:
                self._put_off(key)
            case {"who": name}:
                self._sign(name)
            case {"digest": digest}:  # it goes to its question, whichever is open by now
                for form in [*self.forms.values()]:
                    if form.question.shown_digest == digest:
                        form.receive(message)

    def open(self, key: str | None) -> None:
        """Open the form of a question, or a receipt; the form that was open keeps its entries."""
        receipts = {form.question.key: form for form in self.closed}
        waiting = {question.key: question for question in self.waiting}
        if key in receipts:
            self.form = receipts[key]
            self.message = ""
        elif key in waiting:
            self.form = self.form_of(waiting[key])
            self.message = ""
            self.form.check()
        elif key is not None:
            self.message = "This question is not in the list. ↻ reads all again."

    def _step(self, by: int) -> None:
        """Open the next row of the list, or the one before."""
        key = self.form.question.key if self.form else None
        if key in self._order:
            at = self._order.index(key) + by
            self.open(self._order[at] if 0 <= at < len(self._order) else None)
        else:
            self.open(self._following or next(iter(self._order), None))

    def _put_off(self, key: str) -> None:
        """Move a question to the end of the list, and open the one that follows."""
        self._later = [other for other in self._later if other != key] + [key]
        following = self._after(key)
        self.form = self.form if following else None
        self.open(following)

    def _after(self, key: str) -> str | None:
        """Return the key that follows in the list as it was shown, at its end the first one."""
        at = self._order.index(key) if key in self._order else -1
        waiting = {question.key for question in self.listed} - {key}
        rest = [*self._order[at + 1 :], *self._order[: at + 1]]
        return next((other for other in rest if other in waiting), None)

    def _sign(self, name: str) -> None:
        """Take the name of the person who answers, for all questions."""
        self.options["who"] = name.strip() or None
        for form in self.forms.values():
            form.sign(name)

    def settle(self) -> None:
        """Move forms that have ended to the end of the list, and open the row after the open one.

        The first row opens if none is open, but not one that was put off.
        """
        for form in self.move_closed():
            self.message = ""
            self._update([form.run])
            self._recent = self._recent | {form.run.id: form.run}  # for the case of the next one
            if self.form is form:
                self._following = self._after(form.question.key)
                if not form.offered:  # what was typed may be worth a copy
                    self.form = None
                    self.open(self._following)
        listed = [question.key for question in self.listed]
        if self.is_shown and self.form is None:
            self.open(next((key for key in listed if key not in self._later), None))
        self._order = listed[:MAX_ROWS]


def texts_of(question: Question) -> dict[str, str]:
    """Return the texts of a line of the list, which the filter searches."""
    return {
        "business": shorten(question.run.business_name or "", 100),
        "run": short_id(question.run.id),
        "question": shorten(question.label, MAX_LABEL),
    }
