"""`client.runs`: everything about runs."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import PositiveInt

from runkit.api.contract import RUN_READ, without_none
from runkit.api.models import Business, Event, Feedback, Run
from runkit.api.words import RUN_STATUSES
from runkit.arguments import Moment, Seconds, Words, checked, read_moment, status_words
from runkit.client._http import Http, path_to
from runkit.client._reader import RunReader, fetch, full_ids_of
from runkit.client._replies import read_event
from runkit.client.businesses import Businesses
from runkit.client.resume import deliver
from runkit.client.run_list import DOWN, Pages, RunList, is_stopped, read_runs
from runkit.display.messages import log
from runkit.display.text import duration
from runkit.errors import ApiError, NotFound, WaitTimeout

POLL_FIRST = 0.05  # seconds; a run in the sandbox takes about one
POLL_GROWTH = 1.5
# agents work for minutes, so a delay of 5 s is fine; 100 waits stay within the rate limit
POLL_MAX = 5.0


class Runs:
    """Create, read, list, follow, answer and rate runs.

    Every method takes a `Run`, its id or the first 8 characters; then all runs are listed. The
    business is known of runs that the client created, listed by business or identified.
    """

    def __init__(self, http: Http, businesses: Businesses) -> None:
        self._http = http
        self._businesses = businesses
        self.reader = RunReader(http, businesses)

    @checked
    def create(
        self,
        agent: str,
        business_id: str | Business | None = None,
        prompt: str | None = None,
        thread_id: str | None = None,
    ) -> Run:
        """Start a run and return at once, with status `running`.

        Parameters
        ----------
        agent
            The agent's type, such as `cip_orchestrator`.
        business_id
            The business to work on, as a `Business` or by its id. By its id it is read first, as
            the API's runs do not name it; if that fails, no run is created.
        prompt
            Sent only if given: the API's object page has one, its request schema does not.
        thread_id
            The thread to work in.

        Raises
        ------
        ApiError
            `NotFound` for an unknown agent, business or thread, `Invalid` without a business and a
            thread or for a business in audit, or `MaybeSent` if it is unknown whether the run was
            created: check `runs.list` first.
        """
        try:
            business = self._businesses._facts_about(business_id)
        except ApiError as error:
            error.add_note("No run was created: its business is read first, and could not be.")
            raise
        body = without_none(
            type=agent,
            business_id=business.get("business_id"),
            thread_id=thread_id,
            prompt=prompt,  # [A] 35
        )
        run = self.reader.from_reply(self._http.post("/runs", body))
        if business and run.thread_id:
            self._businesses._by_thread[run.thread_id] = business
        return run.with_local_fields(**business)

    @checked
    def get(self, run: str | Run) -> Run:
        """Read one run, with its steps.

        `read_at` is the server's time of the response. Raises `NotFound`, and any other `ApiError`.
        """
        return self.reader.read(self._full_id(run))

    @checked
    def list(
        self,
        limit: PositiveInt | None = None,
        status: Words | None = None,
        since: Moment | None = None,
        business_id: str | Business | None = None,
        progress: bool = True,
        *,
        with_businesses: bool = False,
    ) -> RunList:
        """List runs without steps, in the API's order (newest first, as far as known).

        The API has no filters, so this reads all pages and filters here.

        Parameters
        ----------
        limit
            The maximum number of runs after filtering.
        status
            One status or several, in the API's words or the screen's (`waiting`, `failed`).
        since
            Only runs created at or after it: a datetime, a date, ISO 8601, `7d`, `12h` or `now`, in
            UTC without an offset. A relative one takes a request for the server's time.
        business_id
            One business, by id or as a `Business`; the runs know it. Its threads are read first.
        progress
            Show a counter if it takes longer than 2 seconds.
        with_businesses
            Find the business of each run by the threads of the businesses, at most a request for
            each; runs that no thread leads to stay without one.

        Returns
        -------
        RunList
            `missing` has the reasons why runs may be missing: `limit` cut the list, one was missed
            while reading, or one without a thread may be of the business. Empty means complete.

        Raises
        ------
        UsageError
            For an unknown status, or a `since` that is not a time.
        NotFound
            If there is no such business; a part of an id is none.
        ApiError
            If the list cannot be read.
        """
        words = status_words(status)
        start = read_moment("since", since, self._now)
        business = self._businesses._facts_about(business_id)
        missing: list[str] = []
        if business:
            threads = self._businesses._note_threads(business)
            missing += (f"threads: {reason}" for reason in threads.missing)
        pages = Pages(self._http, "/runs", self.reader.parse, progress=progress)
        runs = read_runs(pages, words, start, business.get("business_id"), limit)
        missing += runs.missing
        if with_businesses and not is_stopped(missing):
            named = self._businesses.identify(runs, progress=progress)
            missing += named.missing
            runs = runs.with_items(named)
        return replace(runs, missing=tuple(missing))

    @checked
    def fetch(
        self,
        ids_or_runs: str | Run | Iterable[str | Run],
        progress: bool = True,
        *,
        known: RunList | None = None,
        into: str | Path | IO[bytes] | None = None,
    ) -> RunList:
        """Read many runs with their steps, within the client's rate limit.

        A read that fails is tried again, as each read of the client. If the host stays down, or the
        key is refused on the way, what has arrived is returned; so it is after Ctrl-C.

        Parameters
        ----------
        ids_or_runs
            Ids or runs, one or several. One that comes twice is read once.
        progress
            Count the runs in a line, which leaves nothing in the notebook.
        known
            An earlier result of `fetch`. A run that `list` shows in the state in which it was read
            then is not read again, unless it is `running`; its `read_at` is that of the list.
        into
            A folder, where each call writes a new NDJSON file, line by line as runs arrive;
            `runkit.frames` reads the folder. Runs that the folder has in the state that `list`
            shows are not read again, and those that it has as open are read also if they are not
            asked for. Or an open binary file, which gets the same lines.

        Returns
        -------
        RunList
            In the order of the ids; with a folder, those that were read. `missing` has the reasons
            why runs are missing, those of the list that was given included.

        Raises
        ------
        ApiError
            If the key is refused, or the host goes down, before any run was read.
        UsageError
            For a folder that has runs of another host, or cannot be written.
        StorageError
            If the disk does not take a run; those that came before are in the file.
        """
        return fetch(self.reader, ids_or_runs, known, into, progress, self.list)

    @checked
    def wait(self, run: str | Run, timeout: Seconds | None = 300) -> Run:
        """Wait until a run is completed, in error or interrupted, and return it with its steps.

        It is read again and again, after 0.05 seconds at first and after 5 at most.

        Parameters
        ----------
        run
            The run.
        timeout
            Seconds of real time in which a read may begin; None waits forever.

        Raises
        ------
        WaitTimeout
            Its `run` is the last state read.
        ApiError
            If the run cannot be read.
        """
        run_id = self._full_id(run)
        http = self._http
        end = http.clock() + (math.inf if timeout is None else timeout)
        pause = POLL_FIRST
        last = self.reader.read(run_id)
        while RUN_STATUSES.is_a(last.status, "running"):
            if http.clock() + pause >= end:
                raise WaitTimeout(
                    f"{last.label} was still running after {duration(timeout)}; wait again with a "
                    "longer timeout=, or follow it with runs.stream",
                    last,
                )
            http.sleep(pause)
            pause = min(POLL_MAX, pause * POLL_GROWTH)
            last = self.reader.read(run_id)
        return last

    @checked
    def resume(
        self,
        run: str | Run,
        interrupt_id: str | None,
        answer: Mapping[str, Any],
        *,
        who: str | None = None,
    ) -> Run:
        """Answer a question (interrupt).

        It is checked against the question, then sent once and never repeated. Without a clear
        response (none, or 5xx), the run is read about 1, 3 and 10 seconds later. If the question is
        closed by then, the run is returned, and a warning in the log says that delivery is
        unconfirmed: the API does not name who answered.

        `runkit.answer_log()` has the answer before it is sent, and then what became of it.

        Parameters
        ----------
        run
            The run, which is read first if it is not given as a `Run`.
        interrupt_id
            The id of the question. One without an id (None) can only be answered in Middesk.
        answer
            Middesk does not document its content; runkit assumes the following.

            - a proposal: `{"decision": "approve"}` or `"reject"`, with a `note`, which is needed to
              dismiss a hit
            - a proposal that you edit:
              `{"decision": "approve", "actions": [{"type": …, "payload": …}]}`
            - a request for a document: `{"decision": "approve", "document_id": "…"}`, or
              `{"decision": "reject"}`
            - a decision: `{"decision": "approved"}`, `"in_review"`, or `"rejected"` with a `note`
            - combined proposals: `{"proposals": [{"agent": …, "decision": "approve"}, …]}`
        who
            The self-declared name for the log; the login by default.

        Returns
        -------
        Run
            The run afterwards.

        Raises
        ------
        UsageError
            If it cannot be an answer.
        ApiError
            `Conflict` if the question was no longer open, `Invalid` if the API refuses this answer,
            `Unavailable` if nothing was sent, `MaybeSent` if the question is still open after the
            last check.
        """
        known = run if isinstance(run, Run) else self.get(run)
        return deliver(self.reader, known, interrupt_id, answer, who=who).run

    @checked
    def feedback(
        self,
        run: str | Run,
        artifact_id: str,
        rating: Literal["positive", "negative"],
        comment: str | None = None,
    ) -> Feedback:
        """Rate the artifact `artifact_id` of a run.

        A comment has at most 5,000 characters. Raises `Invalid` and any other `ApiError`.
        """
        run_id = self._full_id(run)
        body = without_none(rating=rating.upper(), artifact_id=artifact_id, comment=comment)
        reply = self._http.post(path_to("runs", run_id, "feedback"), body)
        return reply.read(Feedback.from_json)

    @checked
    def stream(self, run: str | Run) -> Generator[Event, None, None]:
        """Follow a run: yield its events as they arrive.

        They are `RUN_STARTED`, `STATE_SNAPSHOT`, `RUN_FINISHED` and `RUN_ERROR`. The last event is
        always `RUN_READ`, which is runkit's own: its `.run` is the run with its steps, read after
        the stream ended, was lost or expired. If that run is still `running`, the stream was lost:
        call again, or `wait`. Closing the iterator closes the connection.

        Raises `ContractError` for a stream that shows another run, and any other `ApiError` if the
        run cannot be read.
        """
        run_id = self._full_id(run)
        try:
            for message in self._http.events(path_to("runs", run_id, "stream")):
                event = read_event(message, run_id)
                if event is not None:
                    yield event
        except (NotFound, *DOWN) as error:  # [A] 9
            log.info("the stream ended early, so the run is read: %s", error)
        last = self.reader.read(run_id)
        yield Event.from_json({"type": RUN_READ, "run_id": run_id, "snapshot": last.to_dict()})

    def _full_id(self, run: str | Run) -> str:
        return next(full_ids_of([run], self.list))

    def _now(self) -> datetime:
        """Read the server's time from the `Date` of a small response, else this machine's."""
        return self._http.get("/runs", {"per_page": 1}).read_at or datetime.now(UTC)
