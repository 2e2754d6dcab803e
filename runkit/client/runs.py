"""`client.runs`: everything about runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from runkit import contract
from runkit.answers import UNKNOWN
from runkit.client.audit import audited
from runkit.client.businesses import Businesses, KnownBusinesses
from runkit.client.connection import Connection, path_to
from runkit.client.fetch import Arrival, Batch, check_workers, gather, reusable
from runkit.client.paging import read_pages
from runkit.client.replies import Reply
from runkit.client.resources import check_amount, check_limit, check_texts
from runkit.client.resume import Delivery, deliver, is_pending
from runkit.client.runlist import RunList
from runkit.client.stream import EventStream
from runkit.contract import full_id, status_words, time_bound
from runkit.errors import ContractError, RateLimited, Unavailable, UsageError, WaitTimeout
from runkit.logs import log
from runkit.models import Run
from runkit.objects import Business, Feedback, Page
from runkit.text import duration, plural, shorten

_SHORT_ID = re.compile(r"[0-9a-fA-F-]{8,35}")  # the first characters of a UUID
POLL_FIRST = 0.25  # seconds; a sandbox run takes about one
POLL_GROWTH = 1.5
POLL_MOST = 5.0  # an agent works for minutes, so 5 s late does not matter, and 100 waits still fit the rate


class Runs:
    """Create, read, list, follow, answer and rate runs.

    Wherever a run is expected, its id or the `Run` will do. A `Run` passes its `business_id` on, which the
    API never returns; runs that this client created or listed by business keep it as well.
    """

    def __init__(
        self,
        connection: Connection,
        businesses: Businesses,
        known: KnownBusinesses,
        *,
        sleep: Callable[[float], object],
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._businesses = businesses
        self._known = known
        self._sleep = sleep
        self._clock = clock

    def create(
        self,
        agent: str,
        business_id: str | Business | None = None,
        prompt: str | None = None,
        thread_id: str | None = None,
    ) -> Run:
        """Start a run of an agent (its type, such as `cip_orchestrator`) on a business or inside a thread.

        Answers at once, with status `running`. `prompt` is sent only when given: the API's object page speaks
        of one, its request schema has none.

        Raises `UsageError` without a business and a thread, `NotFound`, `Invalid` (422: the business is in
        audit), `MaybeSent` when it is unknown whether the run was created: look at `runs.list` first.
        """
        business = business_id
        business_id = business.id if isinstance(business, Business) else business
        optional = {"business_id": business_id, "prompt": prompt, "thread_id": thread_id}
        check_texts(optional, agent=agent)
        if business_id is None and thread_id is None:
            raise UsageError("a run needs business_id= or thread_id=; the API refuses one without context")
        body = contract.create_run_body(agent, business_id, thread_id, prompt)
        run = self._run(self._connection.post("/runs", body), business_id=business_id)
        if business is None:
            return run
        self._businesses.ensure_known(business)
        return self._businesses.identified(run)

    def get(self, run: str | Run, steps: bool = True) -> Run:
        """Read one run, with its steps unless `steps=False`. `read_at` is the server's time of the answer.

        Raises `NotFound`, and any other `ApiError`.
        """
        return self._get(run, include="steps" if steps else None)

    def list(
        self,
        limit: int | None = None,
        status: str | Iterable[str] | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        business_id: str | Business | Iterable[str | Business] | None = None,
        progress: bool = True,
    ) -> RunList:
        """List runs without steps, in the API's order (newest first, as far as known).

        The API filters nothing, so this reads pages and filters here; `limit` counts after the filter.
        `since` (included) and `until` (excluded) bound `created_at`: aware datetimes or ISO 8601 strings,
        without an offset UTC. `status` is one word or several. `business_id` is one id or `Business`, or
        several: their threads are found first, and the runs then know their business. When it takes longer
        than 2 seconds, a bar counts the runs that were read (unless `progress` is off).

        The list says whether it is whole (`is_complete`, `why`), as of its first page: not when `limit` cut
        it, nor when a run may have been missed while it was read, nor, with `business_id`, when runs have no
        thread and so may be of that business.
        """
        check_limit(limit)
        words = status_words(status)
        after, before = time_bound("since", since), time_bound("until", until)
        threads = None if business_id is None else self._businesses.threads_of(business_id, progress)
        unassigned: set[str] = set()  # runs that tell neither thread nor business

        def keep(run: Run) -> bool:
            return (
                (words is None or run.status in words)
                and (after is None or run.created_at >= after)
                and (before is None or run.created_at < before)
                and is_of_business(run)
            )

        def is_of_business(run: Run) -> bool:
            if threads is not None and run.thread_id is None and run.business_id is None:
                unassigned.add(run.id)
            return threads is None or run.business_id in threads

        listing = read_pages(self._page, Run.from_json, keep, limit=limit, since=after, progress=progress)
        reasons = [f"threads: {one.why}" for one in (threads or {}).values() if one.why]
        reasons += [listing.why] if listing.why else []
        if unassigned:
            which = "this business" if len(threads or ()) == 1 else "these businesses"
            reasons.append(f"{plural(len(unassigned), 'run')} without a thread may be of {which}")
        runs = listing.kept
        return RunList(runs, "; ".join(reasons) or None, listing.total_count, clock=self._now)

    def fetch(
        self,
        ids_or_runs: str | Run | Iterable[str | Run],
        have: Iterable[Run] | None = None,
        progress: bool = True,
        workers: int = 8,
    ) -> RunList:
        """Read many runs with their steps, `workers` at a time, at the client's pace, in the order asked.

        An id that comes twice is read once. Runs in `have` that have ended and have their steps are not read
        again, so `runs = client.runs.fetch(runs.requested, have=runs)` goes on where Ctrl-C stopped: that
        returns what had arrived. A run that cannot be read is left out, named in `why` and found in `errors`.
        The bar (`progress`) leaves nothing in the notebook. A host that goes away is
        waited for as in `arriving`; when it stays away, what had arrived is returned, too.

        Raises `AuthError` for a 401, and for a 403 if nothing else is answered; what had arrived is in its
        `runs`. Raises what failed when nothing at all could be read.
        """
        check_workers(workers)
        known = reusable(have)
        ids = tuple({one.lower(): one for one in self._ids(ids_or_runs)}.values())
        batch = self._batch((one for one in ids if one.lower() not in known), workers)
        return gather(batch, ids, known, progress=progress, clock=self._now)

    def arriving(
        self,
        ids_or_runs: str | Run | Iterable[str | Run],
        *,
        workers: int = 8,
        on_idle: Callable[[], object] | None = None,
    ) -> Generator[Arrival, None, None]:
        """Read many runs as `fetch` does; give each id and its run, or the error it ended with, on arrival.

        `ids_or_runs` may be lazy and without end: it is iterated in the caller's thread, and at most 4 ids a
        worker are on their way or wait to be taken. An id that comes twice is read twice. What brings no
        usable answer (no connection, a lost or cut answer, 429, 500, 502, 503, 504) is tried again, by one
        worker alone until something is answered.

        `on_idle` is called now and then, in the caller's thread, while nothing arrives.

        Closing the iterator ends it: nothing more is sent. So does leaving a `for` loop, unless something
        else holds on to the iterator, as a traceback does: `contextlib.closing` is certain.

        Raises `AuthError` for a 401, and for a 403 if nothing else is answered; `Unavailable` when for 60
        seconds nothing could be read (5 when the host has not answered at all), or `RateLimited` if the
        limiter said so or asks to wait for longer; `UsageError` for what is no id, when its turn comes.
        """
        check_workers(workers)
        return self._batch(self._ids(ids_or_runs), workers, on_idle).arrivals()

    def wait(self, run: str | Run, timeout: float | None = 300, poll: float | None = None) -> Run:
        """Wait until a run no longer runs (completed, error or interrupted) and give it with its steps.

        `timeout` is in seconds of real time, None waits forever. `poll` is the time between two looks in
        seconds; left out, it grows from 0.25 to 5. Once the run was seen, lost connections are waited out.
        The last read, with the steps, may take the client's `timeout` longer.

        Raises `WaitTimeout`, whose `run` is the last state seen (None if other requests at the client's pace
        left no turn for this one), and as `get` when it cannot be read at all.
        """
        if timeout is not None:
            check_amount("timeout", timeout, "seconds", ", or None to wait forever")
        if poll is not None:
            check_amount("poll", poll, "seconds", ", or None to look ever less often")
        deadline = None if timeout is None else self._clock() + timeout
        pause = POLL_FIRST if poll is None else poll
        try:
            last = self._get(run, None, deadline, include=None)
        except RateLimited as error:
            if error.status is not None:
                raise
            raise WaitTimeout(f"no turn within {duration(timeout)}: {error}") from None
        while last.status == "running":
            left = float("inf") if deadline is None else deadline - self._clock()
            if left <= 0:
                raise WaitTimeout(
                    f"run {last.id} was still running after {duration(timeout)}; wait again with a longer "
                    "timeout=, or follow it with runs.stream",
                    last,
                )
            self._sleep(min(pause, left))
            pause = pause if poll is not None else min(POLL_MOST, pause * POLL_GROWTH)
            try:
                last = self._get(last, None, deadline, include=None)
            except (Unavailable, RateLimited) as error:
                log.warning("waiting goes on: %s", error)
        latest = None if deadline is None else max(deadline, self._clock() + self._connection.timeout)
        return self._get(last, None, latest, include="steps")

    def resume(
        self, run: str | Run, interrupt_id: str, answer: Mapping[str, Any], *, who: str | None = None
    ) -> Run:
        """Answer a question (interrupt), as `{"decision": "approve"}`, and give the run as it is afterwards.

        Where `run` is a `Run` that shows the question, the answer is checked before it is sent: the decision
        is one of the words for this kind of question, and the dismissal of a hit has a note that says why.

        The answer is sent once, never again by itself. When its fate is unknown (no answer, 5xx), the run is
        read 1, 3 and 10 seconds later. If the question is gone, the run is returned and a warning in the log
        says that delivery is unconfirmed: the API does not name who answered.

        Before it is sent it is noted in `runkit.answer_log()`, and its verdict afterwards. `who` is the name
        that the log has then: self-declared, the login if not given.

        Raises `MaybeSent` if the question still waits then, `Conflict` if it was no longer open, `Invalid` if
        the API refuses this answer to an open question, `Unavailable` if nothing was sent, `UsageError` for
        what is no answer.
        """
        delivery = self.deliver(run, interrupt_id, answer, who=who)
        if delivery.fate == UNKNOWN or delivery.run is None:
            raise delivery.maybe_sent()
        return delivery.run

    def deliver(
        self,
        run: str | Run,
        interrupt_id: str,
        answer: Mapping[str, Any],
        *,
        who: str | None = None,
        step_id: str | None = None,
        on_doubt: Callable[[str], object] | None = None,
    ) -> Delivery:
        """Answer as `resume` does, and say how sure it is that the answer arrived.

        `step_id` is the step of the question, for `runkit.answer_log()`. `on_doubt` is told why before the
        looks of a doubtful delivery.

        Raises as `resume`, but `unknown` is a `Delivery` and no `MaybeSent`.
        """
        run_id = self._full_id(run)
        path = path_to("runs", run_id, "resume")
        if not isinstance(interrupt_id, str) or not interrupt_id.strip():
            raise UsageError(f"interrupt_id={interrupt_id!r}; expected the id of one of run.interrupts")
        if not isinstance(answer, Mapping):
            raise UsageError(
                f'answer must be an object such as {{"decision": "approve"}}; got {type(answer).__name__}'
            )
        check_texts({"who": who})
        if who is not None and not who.strip():
            raise UsageError("who= is blank; expected the name of who answers, or None for the login")
        shown = [item for item in run.interrupts if item.id == interrupt_id] if isinstance(run, Run) else []
        for item in shown:
            contract.check_answer(item.value, answer)
        body = contract.resume_body(interrupt_id, answer)
        target = self._connection.target
        with audited(target, run, interrupt_id, answer, by=who, step_id=step_id) as note:
            return note(
                deliver(
                    lambda: self._run(self._connection.post(path, body, include="steps"), run_id),
                    lambda: self.get(run),
                    interrupt_id,
                    run if isinstance(run, Run) and is_pending(run, interrupt_id) else None,
                    sleep=self._sleep,
                    on_doubt=on_doubt,
                )
            )

    def feedback(
        self, run: str | Run, artifact_id: str | None, rating: str, comment: str | None = None
    ) -> Feedback:
        """Rate one artifact of a run `positive` or `negative`, with a comment of at most 5,000 characters.

        Raises `UsageError` for an artifact without an id: the API cannot take a rating of it.
        """
        check_texts({"artifact_id": artifact_id})
        if artifact_id is None or not artifact_id.strip():
            raise UsageError(
                "the artifact has no id, and the API cannot take a rating without one; "
                "whether artifacts carry ids is up to the API"
            )
        run_id = self._full_id(run)
        body = contract.feedback_body(artifact_id, rating, comment)
        return self._connection.post(path_to("runs", run_id, "feedback"), body).read(Feedback)

    def stream(self, run: str | Run, on_gap: Callable[[Run | None], object] | None = None) -> EventStream:
        """Follow a run: `RUN_STARTED`, `STATE_SNAPSHOT`, `RUN_FINISHED`, `RUN_ERROR`, each once.

        The last event is always `RUN_READ`, which is runkit's own: its `.run` is the run with its steps, read
        after the stream was over, so that the caller learns the truth whether it ended, dropped or is no
        longer kept by the API. Should that run still be `running`, the stream was lost for good: wait, or
        call again. Closing the iterator, from any thread, ends it at once and closes the connection.

        `on_gap` is called in the thread that iterates: with the run as it was just read each time the stream
        broke off and is about to be opened again, with None each time it is open.

        Raises `NotFound`, `AuthError`, `ContractError` for a stream that shows another run, `UsageError`, and
        `Unavailable` when not even the run can be read.
        """
        run_id = self._full_id(run)
        path = path_to("runs", run_id, "stream")
        if on_gap is not None and not callable(on_gap):
            raise UsageError(f"on_gap={on_gap!r}; expected a function of a run, or None")
        return EventStream(run_id, lambda: self._connection.stream(path), lambda: self.get(run), on_gap)

    def _now(self) -> datetime:
        """The server's time, from the `Date` of its smallest answer; this machine's if it says none."""
        reply = self._connection.get("/runs", page=1, per_page=1)
        return reply.read_at or datetime.now(UTC)

    def _batch(self, ids: Iterable[str], workers: int, on_idle: Callable[[], object] | None = None) -> Batch:
        def read_run(run_id: str, is_wanted: Callable[[], bool]) -> Run:
            return self._get(run_id, is_wanted, include="steps")

        return Batch(
            read_run,
            ids,
            workers=workers,
            clock=self._clock,
            sleep=self._sleep,
            is_host_known=self._connection.has_answered,
            on_idle=on_idle,
        )

    def _ids(self, ids_or_runs: str | Run | Iterable[str | Run]) -> Iterator[str]:
        """Give the ids, each checked in its turn, and keep what the runs know of their businesses."""
        several = [ids_or_runs] if isinstance(ids_or_runs, str | Run) else ids_or_runs
        if not isinstance(several, Iterable):
            raise UsageError(f"got {type(several).__name__}; expected an id, a Run, or several of them")
        return map(self._checked_id, several)

    def _checked_id(self, one: str | Run) -> str:
        run_id = self._full_id(one)
        path_to(run_id)
        return run_id

    def _get(
        self,
        run: str | Run,
        wanted: Callable[[], bool] | None = None,
        until: float | None = None,
        *,
        include: str | None,
    ) -> Run:
        run_id = self._full_id(run)
        reply = self._connection.get(path_to("runs", run_id), wanted, until, include=include)
        return self._run(reply, run_id)

    def _full_id(self, run: str | Run) -> str:
        """Give the whole id, and keep what a run knows of its business."""
        if isinstance(run, Run):
            self._known.add_from(run)
            return run.id
        if not isinstance(run, str) or not _SHORT_ID.fullmatch(run):
            return run
        found = full_id(run, self._known.run_ids())
        return found or full_id(run, self.list(progress=False).ids) or run

    def _with_local_fields(self, reply: Reply, raw: dict[str, Any]) -> dict[str, Any]:
        """Add what the client knows of a run and the API does not return."""
        facts = self._known.for_run(raw.get("id"), raw.get("thread_id"))
        return contract.with_local_fields(raw, self._connection.target.host, reply.read_at, facts)

    def _run(self, reply: Reply, asked: str | None = None, business_id: str | None = None) -> Run:
        if business_id is not None and isinstance(reply.value, dict):
            self._known.add_run(str(reply.value.get("id")), business_id)
        run = reply.read(Run, lambda raw: self._with_local_fields(reply, raw))
        if asked is not None and not contract.is_same_id(asked, run.id):
            found = self._connection.target.secret.redact(run.id)
            raise ContractError(
                f"{reply.source}: the API answered with run {shorten(found, 100)!r}. "
                "Check base_url and the proxy."
            )
        return run

    def _page(self, number: int) -> Page:
        reply = self._connection.get("/runs", page=number, per_page=contract.PER_PAGE)
        page = reply.page()
        known = (self._with_local_fields(reply, raw) for raw in page.data)
        return page.model_copy(update={"data": tuple(known)})
