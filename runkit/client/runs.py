"""`client.runs`: everything about runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any, TypeGuard

from pydantic import PositiveInt

from runkit import contract, questions
from runkit.answers import UNKNOWN, Display
from runkit.arguments import (
    Moment,
    NonBlank,
    Seconds,
    Words,
    Workers,
    checked,
    full_id,
    read_moment,
    status_words,
)
from runkit.client.businesses import NAME_TIMEOUT, Businesses, KnownBusinesses
from runkit.client.fetch import DOWN, Arrival, arrivals, collect, missing_words, reusable
from runkit.client.http import OUTAGE_TIMEOUT, Http, Until, never, path_to
from runkit.client.paging import Pages, read_pages
from runkit.client.replies import Reply
from runkit.client.resume import Delivery, PendingQuestion, deliver, is_pending, log_columns
from runkit.client.runlist import RunList
from runkit.client.stream import follow
from runkit.errors import ApiError, AuthError, ContractError, MaybeSent, RateLimited, UsageError, WaitTimeout
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Business, Event, Feedback
from runkit.text import brief, duration, plural, shorten

_SHORT_ID = re.compile(r"[0-9a-fA-F-]{8,35}")  # the first characters of a UUID
# seconds that the read of one run is repeated: a person waits for it, often at a form
READ_TIMEOUT = 10.0
CHECK_TIMEOUT = 3.0  # the same for a check whether an answer arrived, of which there are three
POLL_FIRST = 0.25  # seconds; a run in the sandbox takes about one
POLL_GROWTH = 1.5
# agents work for minutes, so a delay of 5 s is fine; 100 waits stay within the rate limit
POLL_MAX = 5.0


class Runs:
    """Create, read, list, follow, answer and rate runs.

    Every method takes a `Run`, its id or the first 8 characters of it. The API does not return the business
    of a run: the client remembers it from `Run` objects, and for runs that it created or listed by business.
    """

    def __init__(self, http: Http, businesses: Businesses, known: KnownBusinesses) -> None:
        self._http = http
        self._businesses = businesses
        self._known = known

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
            The business to work on, by id or as a `Business`.
        prompt
            Sent only if given: the API's object page has one, its request schema does not.
        thread_id
            The thread to work in.

        Raises
        ------
        UsageError
            Without a business and a thread.
        ApiError
            `NotFound`, `Invalid` for a business that is in audit (422), or `MaybeSent` if it is unknown
            whether the run was created: check `runs.list` first.
        """
        business = business_id
        business_id = business.id if isinstance(business, Business) else business
        if business_id is None and thread_id is None:
            raise UsageError("a run needs business_id= or thread_id=; the API refuses one without context")
        body = contract.create_body(agent, business_id, thread_id, prompt)
        run = self._run(self._http.post("/runs", body))
        if business is None or business_id is None:
            return run
        self._known.of_run[run.id.lower()] = business_id
        self._businesses.ensure_known(business, NAME_TIMEOUT)
        return self._businesses.identified(run)

    @checked
    def get(self, run: str | Run, steps: bool = True) -> Run:
        """Read one run, with its steps unless `steps=False`. `read_at` is the server's time of the response.

        A failed read is repeated for up to 10 seconds, because a person waits for it, and one without any
        response for `timeout` seconds is not. Raises `NotFound`, and any other `ApiError`.
        """
        run_id = self._known_id(run, self._pages_of_ids())
        end = self._http.clock() + max(2 * READ_TIMEOUT, self._http.timeout)
        return self._read(run_id, lambda: end, steps=steps, retry_for=READ_TIMEOUT)

    @checked
    def list(
        self,
        limit: PositiveInt | None = None,
        status: Words | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        business_id: str | Business | Iterable[str | Business] | None = None,
        progress: bool = True,
    ) -> RunList:
        """List runs without steps, in the API's order (newest first, as far as known).

        The API has no filters, so this reads all pages and filters here.

        Parameters
        ----------
        limit
            The maximum number of runs after filtering.
        status
            One status or several, in the API's words or the screen's (`waiting`, `failed`).
        since, until
            Bounds of `created_at`, `since` included and `until` excluded: datetimes, dates, ISO 8601 strings,
            `7d`, `12h`, `yesterday`, `today` or `now`, in UTC without an offset. What is relative to now is
            measured by the server's clock, which takes a request.
        business_id
            One id or `Business`, or several. Their threads are read first, and the runs know their business.
        progress
            Show a counter if it takes longer than 2 seconds.

        Returns
        -------
        RunList
            It says whether it is complete (`is_complete`, `why`) as of its first page. It is not if `limit`
            cut it, if a run may have been missed while reading, or, with `business_id`, if a run without a
            thread may belong to that business.

        Raises
        ------
        UsageError
            For an unknown status, or a bound that is not a time.
        ApiError
            If the list cannot be read.
        """
        words = status_words(status)
        after, before = read_moment("since", since, self._now), read_moment("until", until, self._now)
        threads = None if business_id is None else self._businesses.threads_of(business_id, progress)
        unassigned: set[str] = set()  # runs without a thread and a business

        def keep(run: Run) -> bool:
            if words is not None and run.status not in words:
                return False
            if (after and run.created_at < after) or (before and run.created_at >= before):
                return False
            if threads is not None and run.thread_id is None and run.business_id is None:
                unassigned.add(run.id)
            return threads is None or run.business_id in threads

        listed = read_pages(
            self._http, "/runs", self._parse, keep=keep, limit=limit, since=after, progress=progress
        )
        reasons = [f"threads: {one.why}" for one in (threads or {}).values() if one.why]
        if unassigned:
            reasons.append(f"{plural(len(unassigned), 'run')} without a thread may be missing")
        is_cut_only = listed.is_cut_only and not reasons
        why = "; ".join([*reasons, *filter(None, [listed.why])]) or None
        return RunList(listed.items, why, listed.total_count, is_cut_only=is_cut_only, clock=self._now)

    @checked
    def fetch(
        self,
        ids_or_runs: str | Run | Iterable[str | Run],
        have: Iterable[Run] | None = None,
        progress: bool = True,
        workers: Workers = 8,
    ) -> RunList:
        """Read many runs with their steps, within the client's rate limit.

        Ctrl-C returns what has arrived; `runs = client.runs.fetch(runs.requested, have=runs)` reads the rest.
        A host that goes down is retried as in `arriving`; if it stays down, what has arrived is returned.

        Parameters
        ----------
        ids_or_runs
            Ids or runs, one or several. One that comes twice is read once.
        have
            Runs that are not read again if they are finished and have their steps.
        progress
            Show a progress bar, which leaves nothing in the notebook.
        workers
            How many runs are read at a time.

        Returns
        -------
        RunList
            In the order of the ids. A run that could not be read is named in `why`, and in `errors`.

        Raises
        ------
        AuthError
            For a 401, and for a 403 if there is no other response; what has arrived is in its `runs`.
        Unavailable, RateLimited
            If the host went down before any run was read.
        """
        known = reusable(have)
        ids = tuple({one.lower(): one for one in self._ids(ids_or_runs)}.values())
        loaded = {one: known[one.lower()] for one in ids if one.lower() in known}
        missing = [one for one in ids if one not in loaded]
        errors: dict[str, ApiError] = {}
        arriving = arrivals(self._http, self._read, iter(missing), workers)
        stop = collect(arriving, loaded.__setitem__, errors, len(missing), progress)
        if isinstance(stop, DOWN) and not loaded and not errors:
            raise stop
        why = "; ".join(missing_words(stop, errors, len(loaded), len(ids))) or None
        arrived = tuple(loaded[one] for one in ids if one in loaded)
        runs = RunList(arrived, why, requested=ids, errors=errors, clock=self._now)
        if isinstance(stop, AuthError):
            stop.runs = runs
            raise stop
        return runs

    @checked
    def arriving(
        self,
        ids_or_runs: str | Run | Iterable[str | Run],
        *,
        workers: Workers = 8,
        on_idle: Callable[[], object] | None = None,
    ) -> Generator[Arrival, None, None]:
        """Read many runs as `fetch` does, and give each id with its run or its error when it arrives.

        A request without a usable response (no connection, a lost or truncated one, 429, 5xx) is repeated
        for up to a minute.

        Closing the iterator ends it: nothing more is sent. So does leaving a `for` loop, unless something
        else keeps the iterator, as a traceback does. Use `contextlib.closing` to be certain.

        Parameters
        ----------
        ids_or_runs
            Ids or runs; may be lazy and endless. It is iterated in the caller's thread, and at most 4 ids a
            worker are in flight or waiting for the caller. An id that comes twice is read twice.
        workers
            How many runs are read at a time.
        on_idle
            Called regularly in the caller's thread while nothing arrives.

        Raises
        ------
        AuthError
            For a 401, and for a 403 if there is no other response.
        Unavailable, RateLimited
            If each worker in turn has failed, for 60 seconds, or for 5 if the host has never responded.
        """
        return arrivals(self._http, self._read, self._ids(ids_or_runs), workers, on_idle)

    @checked
    def wait(self, run: str | Run, timeout: Seconds | None = 300, poll: Seconds | None = None) -> Run:
        """Wait until a run is no longer running (completed, error or interrupted); gives it with its steps.

        Parameters
        ----------
        run
            The run.
        timeout
            Seconds of real time; None waits forever. The last read, with the steps, may take the client's
            `timeout` longer.
        poll
            Seconds between two reads; by default it grows from 0.25 to 5.

        Raises
        ------
        WaitTimeout
            Its `run` is the last state read, or None if the rate limit left no slot for this request.
        ApiError
            If the run cannot be read at first; later failures are retried.
        """
        deadline = math.inf if timeout is None else self._http.clock() + timeout
        pause = 0.0
        last: Run | None = None
        while True:
            left = deadline - self._http.clock()
            if left <= 0:
                raise WaitTimeout(
                    f"{last.label if last else brief(run)} was still running after {duration(timeout)}; wait "
                    "again with a longer timeout=, or follow it with runs.stream",
                    last,
                )
            if pause:
                self._http.sleep(min(pause, left))
            pause = poll or min(POLL_MAX, pause * POLL_GROWTH or POLL_FIRST)
            try:
                run = self._known_id(run, self._pages_of_ids(lambda: deadline))
                last = self._read(run, lambda: deadline, steps=False)
            except DOWN as error:
                is_unsent = isinstance(error, RateLimited) and error.status is None
                if last is None and not is_unsent:
                    raise
                log.warning("still waiting: %s", error)
                continue
            if last.status != "running":
                last = self._read_whole(run, deadline)
            if last.status != "running":
                return last

    @checked
    def resume(
        self,
        run: str | Run,
        interrupt_id: NonBlank | None,
        answer: Mapping[str, Any],
        *,
        who: NonBlank | None = None,
    ) -> Run:
        """Answer a question (interrupt).

        The answer is sent once and never repeated. Without a clear response (none, or 5xx), the run is read
        1, 3 and 10 seconds later. If the question is closed by then, the run is returned, and a warning in
        the log says that delivery is unconfirmed: the API does not name who answered.

        Before it is sent, the answer is logged in `runkit.answer_log()`, and its outcome afterwards.

        Parameters
        ----------
        run
            The run. With a `Run` that shows the question, the answer is checked before it is sent: its
            decision must fit the kind of question, and dismissing a hit needs a note. The first characters
            of an id must be those of one run only; all runs are listed to find out.
        interrupt_id
            The id of the question. One without an id (None) can only be answered in Middesk.
        answer
            Middesk does not document its content; runkit assumes the following.

            | question | answer |
            | --- | --- |
            | a proposal | `{"decision": "approve"}` or `"reject"`, with a `note`, needed to dismiss a hit |
            | one that you edit | `{"decision": "approve", "actions": [{"type": …, "payload": …}]}` |
            | a document request | `{"decision": "approve", "document_id": "…"}`, or `"reject"` without one |
            | a decision | `{"decision": "approved"}`, `"rejected"` or `"in_review"` |
            | combined proposals | `{"proposals": [{"agent": …, "decision": "approve"}, …]}` |
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
            `Unavailable` if nothing was sent, `MaybeSent` if the question is still open after the last check.
        """
        delivery = self.deliver(run, interrupt_id, answer, who=who)
        if delivery.outcome == UNKNOWN or delivery.run is None:
            raise MaybeSent(delivery.message)
        return delivery.run

    @checked
    def deliver(
        self,
        run: str | Run,
        interrupt_id: NonBlank | None,
        answer: Mapping[str, Any],
        *,
        who: NonBlank | None = None,
        step_id: str | None = None,
        display: Display | None = None,
        on_checking: Callable[[str], object] | None = None,
    ) -> Delivery:
        """Answer as `resume` does, and give the outcome: confirmed, unconfirmed or unknown.

        Parameters are those of `resume`, and for `runkit.answer_log()` `step_id`, the step of the question,
        and `display`, when a form showed the question and how many of its sources were opened.
        `on_checking` is called with the reason before the run is read to check whether the answer arrived.
        Raises as `resume`, but never `MaybeSent`.
        """
        if interrupt_id is None:
            raise UsageError("interrupt_id=None. This question has no id; answer it in Middesk.")
        run_id = self.full_id(run)
        path_to(run_id)
        target = self._http.target
        columns: dict[str, str | None] = {"host": target.host, "mode": target.mode}
        columns |= {"run_id": run_id, "interrupt_id": interrupt_id}
        before = None
        if isinstance(run, Run):
            for item in run.interrupts:
                if item.id == interrupt_id:
                    questions.check_answer(item.value, answer)
            columns |= log_columns(run, interrupt_id)
            before = run if is_pending(run, interrupt_id) else None
        if step_id:
            columns["step_id"] = step_id

        def read_run() -> Run:
            end = self._http.clock() + max(2 * CHECK_TIMEOUT, self._http.timeout)
            return self._read(run_id, lambda: end, retry_for=CHECK_TIMEOUT)

        read_reply = partial(self._run, requested=run_id)
        question = PendingQuestion(run_id, interrupt_id, before, read_run, read_reply, on_checking)
        return deliver(self._http, question, answer, columns, by=who, display=display)

    @checked
    def feedback(
        self, run: str | Run, artifact_id: str | None, rating: str, comment: str | None = None
    ) -> Feedback:
        """Rate the artifact `artifact_id` of a run: `rating` is `positive` or `negative`.

        `comment` has at most 5,000 characters. Raises `UsageError` without an id, and any other `ApiError`.
        """
        if not artifact_id or not artifact_id.strip():
            raise UsageError(
                "the artifact has no id, so the API cannot rate it; expected the id of an artifact. "
                "Only the API gives ids to artifacts."
            )
        run_id = self.full_id(run)
        body = contract.feedback_body(artifact_id, rating, comment)
        return self._http.post(path_to("runs", run_id, "feedback"), body).read(Feedback)

    @checked
    def stream(self, run: str | Run) -> Generator[Event, None, None]:
        """Follow a run: `RUN_STARTED`, `STATE_SNAPSHOT`, `RUN_FINISHED`, `RUN_ERROR`, each once.

        The last event is always `RUN_READ`, which is runkit's own: its `.run` is the run with its steps, read
        after the stream ended, was lost or expired. If that run is still `running`, the stream could not be
        restored: wait, or call again. Closing the iterator closes the connection.

        Raises `ContractError` for a stream that shows another run, and any other `ApiError` if the run cannot
        be read.
        """
        run_id = self._known_id(run, self._pages_of_ids())
        open_stream = partial(self._http.stream, path_to("runs", run_id, "stream"))
        read_run = partial(self._read, run_id)
        return follow(run_id, open_stream, read_run, self._http.sleep, self._http.timeout)

    @checked
    def full_id(self, run: str | Run) -> str:
        """Return the full id of a run that something is sent about: all runs are listed if it is short.

        Raises `UsageError` if the first characters of an id are those of several runs, or may be: the list
        is not complete.
        """
        if not _is_short(run):
            return self._known_id(run, iter(()))
        listed = self.list(progress=False)
        run_id = full_id(run, listed.ids)
        if run_id not in (None, run) and listed.why is not None:
            raise UsageError(
                f"{brief(run)} may be the start of several ids: not all runs could be listed ({listed.why}). "
                f"Pass the whole id; the only one that was found is {run_id}."
            )
        return run_id or run

    def _now(self) -> datetime:
        """The server's time, from the `Date` of a small response; this machine's without one."""
        return self._http.get("/runs", {"per_page": 1}).read_at or datetime.now(UTC)

    def _ids(self, ids_or_runs: str | Run | Iterable[str | Run]) -> Iterator[str]:
        """Give the ids, each checked when it is iterated, and remember the businesses of runs."""
        several: Iterable[str | Run] = [ids_or_runs] if isinstance(ids_or_runs, str | Run) else ids_or_runs
        pages = self._pages_of_ids()
        return (self._checked_id(run, pages) for run in several)

    def _checked_id(self, run: str | Run, pages: Iterator[frozenset[str]]) -> str:
        run_id = self._known_id(run, pages)
        path_to(run_id)
        return run_id

    def _read(
        self, run_id: str, until: Until = never, *, steps: bool = True, retry_for: float = OUTAGE_TIMEOUT
    ) -> Run:
        query = {"include": "steps" if steps else None}
        return self._run(self._http.get(path_to("runs", run_id), query, until, retry_for), run_id)

    def _read_whole(self, run_id: str, deadline: float) -> Run:
        """Read a run that has stopped with its steps, until the deadline or for one timeout longer."""
        end = max(deadline, self._http.clock() + self._http.timeout)
        return self._read(run_id, lambda: end)

    def _known_id(self, run: str | Run, pages: Iterator[frozenset[str]]) -> str:
        """Return the full id, and remember what a run knows about its business.

        The first characters of an id are looked up among the known runs, then in pages of ids, up to the
        first page that has it.
        """
        if isinstance(run, Run):
            self._known.add_from(run)
            return run.id
        if not _is_short(run):
            return run
        for ids in chain([frozenset(self._known.run_ids)], pages):
            run_id = full_id(run, ids)
            if run_id is not None:
                return run_id
        return run

    def _pages_of_ids(self, until: Until = never) -> Iterator[frozenset[str]]:
        """Yield the ids of all runs, page by page."""
        for page in Pages(self._parse).read(self._http, "/runs", until=until):
            yield frozenset(run.id for run in page)

    def _parse(self, raw: dict[str, Any], reply: Reply) -> Run:
        return Run.from_json(self._with_local_fields(reply, raw))

    def _with_local_fields(self, reply: Reply, raw: dict[str, Any]) -> dict[str, Any]:
        """Add what the client knows about a run and the API does not return."""
        facts = self._known.for_run(raw.get("id"), raw.get("thread_id"))
        host = self._http.target.host
        return contract.with_local_fields(raw, read_from=host, read_at=reply.read_at, **facts)

    def _run(self, reply: Reply, requested: str | None = None) -> Run:
        run = reply.read(Run, partial(self._with_local_fields, reply))
        if requested is not None and not contract.is_same_id(requested, run.id):
            other = self._http.target.secret.redact(run.id)
            raise ContractError(
                f"{reply.source}: the API returned run {shorten(other, 100)!r}. Check base_url and the proxy."
            )
        return run


def _is_short(run: str | Run) -> TypeGuard[str]:
    """Whether this is the start of an id."""
    return isinstance(run, str) and _SHORT_ID.fullmatch(run) is not None
