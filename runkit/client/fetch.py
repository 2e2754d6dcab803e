"""Many runs at once: a pool of threads, runs as they arrive, and patience with a host that is away.

An error about one run (403, 404, 410, 422 and the like) arrives as the outcome of that run. A 401 ends the
batch, and so does a 403 if nothing else is ever answered: then it is about the key. A 403 that comes before
anything was answered is therefore kept back until it is known which of the two it is.

A request of a batch is sent once. When it brings nothing usable (no connection, a lost or cut answer, 429,
500, 502, 503, 504) its id goes back into the line, and the host counts as away until something is answered
again: meanwhile one request at a time asks, and all others wait. The thread that iterates decides all this;
the threads of the pool only ask. Times are in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Condition

from runkit.client.runlist import RunList
from runkit.client.transport import RETRY_AFTER_MOST, RETRY_STATUSES
from runkit.errors import ApiError, AuthError, RateLimited, Unavailable, UsageError
from runkit.logs import log
from runkit.models import Run
from runkit.progress import Bar
from runkit.text import plural, shorten

AHEAD = 4  # ids a worker that are on their way or wait for the consumer: with 8 workers, 32 runs in memory
# however slow it is, and 1.6 s of work at 20 a second, so that a consumer may write for a second
PATIENCE = 60.0  # without anything usable: a host that is restarted or deployed is back by then
PATIENCE_AT_FIRST = 5.0  # the same for a host that has answered nothing yet: the address may be wrong
PROBE_FIRST = 0.25  # the wait before the second question to a host that is away; the first goes at once
PROBE_MOST = 2.0  # it doubles up to this: the batch goes on so long after the host is back, at most
LOST_MOST = 8  # times that a run may be lost while others arrive: if one in five is, 1 in 400,000 runs fails
LOOK_AROUND = 0.5  # a wait without end hides Ctrl-C on Windows
NAMED = 3  # failed ids that `why` names; the rest is counted, all are in `errors`

Arrival = tuple[str, Run | ApiError]
Ask = Callable[[str, Callable[[], bool]], Run]  # reads a run, if it is still wanted when its turn has come


@dataclass(eq=False)
class _Asked:
    """An id on its way. `n_answers` is how many others had been answered when it was sent, or lost last."""

    run_id: str
    n_answers: int
    n_lost: int = 0
    is_probe: bool = False


class Batch:
    """Reads each of `ids`, which may be lazy, with `ask`. For one use, by one thread."""

    def __init__(
        self,
        ask: Ask,
        ids: Iterable[str],
        *,
        workers: int,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        is_host_known: bool = False,
        on_idle: Callable[[], object] | None = None,
    ) -> None:
        self._ask = ask
        self._is_host_known = is_host_known  # it has answered this client before
        self._on_idle = on_idle
        self._ids = iter(ids)
        self._workers = workers
        self._clock = clock
        self._sleep = sleep
        self._line: deque[_Asked] = deque()  # to be sent, for the first time or again
        self._forbidden: list[tuple[str, AuthError]] = []  # 403 before anything was answered
        self._n_out = 0  # sent, and not judged yet
        self._n_answers = 0
        self._away_since: float | None = None
        self._n_probes = 0  # since then
        self._is_probing = False
        self._is_shut = False  # nobody but a probe may go
        self._is_over = False
        self._landed: deque[tuple[_Asked, Future[Run | None]]] = deque()
        self._landing = Condition()

    def arrivals(self) -> Generator[Arrival, None, None]:
        """Give each id with its run, or with the error that it ended with, in the order of arrival.

        Raises `AuthError` for a 401, and for a 403 if nothing else was answered; and what the last question
        came to when patience has run out. Once this has ended or was closed, nothing more is sent.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="runkit-fetch")
        try:
            while self._send(pool):
                yield from self._judge(*self._wait())
                self._landed.popleft()  # only now: what is interrupted before this is in `landed`
            if self._forbidden:
                raise self._forbidden[0][1]
        finally:
            self._is_over = True
            # What is on its way may end by itself; waiting for it would hold up whoever pressed Ctrl-C.
            pool.shutdown(wait=False, cancel_futures=True)

    def landed(self) -> dict[str, Run]:
        """Give the runs that had arrived and were not taken when the iteration ended."""
        done = [(asked, one) for asked, one in list(self._landed) if not one.cancelled()]
        runs = ((asked.run_id, one.result()) for asked, one in done if one.exception() is None)
        return {run_id: run for run_id, run in runs if run is not None}

    def _send(self, pool: ThreadPoolExecutor) -> bool:
        """Send what may go now; tells whether anything is on its way."""
        room = self._workers * AHEAD - self._n_out - len(self._line) - len(self._forbidden)
        fresh = zip(range(room), self._ids, strict=False)  # the range first: it must not swallow an id
        self._line.extend(_Asked(run_id, self._n_answers) for _, run_id in fresh)
        if self._away_since is None:
            while self._line:
                self._submit(pool, self._line.popleft())
        elif self._line and not self._is_probing:
            self._is_probing = True
            self._submit(pool, self._line.popleft(), probe_after=self._wait_before_probe())
        return self._n_out > 0

    def _submit(self, pool: ThreadPoolExecutor, asked: _Asked, probe_after: float | None = None) -> None:
        asked.is_probe = probe_after is not None
        self._n_out += 1
        pool.submit(self._read, asked, probe_after).add_done_callback(partial(self._land, asked))

    def _read(self, asked: _Asked, probe_after: float | None) -> Run | None:
        """Ask for one run, in a thread of the pool; None if its turn came while the host is away."""
        if probe_after:
            self._sleep(probe_after)
        if self._is_over or (self._is_shut and not asked.is_probe):
            return None
        try:
            return self._ask(asked.run_id, self._is_wanted)
        except ApiError as error:
            self._is_shut = self._is_shut or _may_pass(error)  # at once: the consumer may be slow
            raise

    def _is_wanted(self) -> bool:
        return not self._is_over

    def _land(self, asked: _Asked, future: Future[Run | None]) -> None:
        with self._landing:
            self._landed.append((asked, future))
            self._landing.notify()

    def _wait(self) -> tuple[_Asked, Future[Run | None]]:
        while True:
            with self._landing:
                if not self._landed:
                    self._landing.wait(LOOK_AROUND)
                if self._landed:
                    return self._landed[0]
            if self._on_idle is not None:
                self._on_idle()

    def _judge(self, asked: _Asked, future: Future[Run | None]) -> list[Arrival]:
        """Give what arrived; nothing if the id went back into the line."""
        self._n_out -= 1
        if asked.is_probe:
            self._is_probing = False
        error = future.exception()
        if error is None:
            run = future.result()
            if run is None:
                self._line.append(asked)
                return []
            return self._answered(asked, run)
        if not isinstance(error, ApiError) or (isinstance(error, AuthError) and error.status == 401):
            raise error
        if _may_pass(error):
            return self._lost(asked, error)
        return self._answered(asked, error)

    def _answered(self, asked: _Asked, outcome: Run | ApiError) -> list[Arrival]:
        if self._n_probes > 1:
            log.warning("answers come again after %.0f s", self._clock() - (self._away_since or 0))
        self._away_since, self._n_probes, self._is_shut = None, 0, False
        if isinstance(outcome, AuthError) and not (self._is_host_known or self._n_answers):
            self._forbidden.append((asked.run_id, outcome))
            return []
        self._n_answers += 1
        forbidden, self._forbidden = self._forbidden, []
        return [*forbidden, (asked.run_id, outcome)]

    def _lost(self, asked: _Asked, error: ApiError) -> list[Arrival]:
        """Put an id back, unless patience with it or with the host is at an end."""
        now = self._clock()
        self._is_shut = True
        if self._away_since is None:
            self._away_since = now
        is_limited = isinstance(error, RateLimited)
        is_known = self._is_host_known or self._n_answers > 0
        patience = PATIENCE if is_known or is_limited else PATIENCE_AT_FIRST
        is_over = now - self._away_since >= patience
        is_alone = not self._line and not self._n_out  # the last one, and lost while others were answered
        is_its_own = is_alone and asked.n_lost > 0 and self._n_answers > 0
        if (is_over and not is_its_own) or _asks_for_more_than(error, RETRY_AFTER_MOST):
            raise error
        if asked.is_probe and self._n_probes == 1:
            log.warning("trying again for up to %.0f s: %s", patience, error)
        if _is_about_the_run(error) or (self._n_answers > asked.n_answers and not is_limited):
            asked.n_lost += 1
        asked.n_answers = self._n_answers
        if asked.n_lost == LOST_MOST or is_over:
            return [(asked.run_id, error)]
        self._line.append(asked)  # at its end, so that a run that is always lost does not hide a host
        return []

    def _wait_before_probe(self) -> float:
        self._n_probes += 1
        return min(PROBE_MOST, PROBE_FIRST * 2.0 ** (self._n_probes - 2)) if self._n_probes > 1 else 0.0


def _may_pass(error: ApiError) -> bool:
    """Whether the same question may be answered later."""
    return isinstance(error, RateLimited | Unavailable) and (
        error.status is None or error.status in RETRY_STATUSES
    )


def _is_about_the_run(error: ApiError) -> bool:
    """Whether the server answered and failed: the other statuses that pass are said for all runs."""
    return error.status == 500


def _asks_for_more_than(error: ApiError, seconds: float) -> bool:
    return isinstance(error, RateLimited) and (error.retry_after or 0) > seconds


def gather(
    batch: Batch,
    ids: Sequence[str],
    have: Mapping[str, Run],
    *,
    progress: bool,
    clock: Callable[[], datetime],
) -> RunList:
    """Take all that a batch brings, beside `have`, in the order of `ids`.

    Ctrl-C and a host that stays away end it with what arrived. Raises `AuthError`, whose `runs` are what
    arrived, and what failed when nothing at all could be read.
    """
    found = {one: have[one.lower()] for one in ids if one.lower() in have}
    errors: dict[str, ApiError] = {}
    n_missing = len(ids) - len(found)
    is_shown = progress and n_missing > 0
    bar = Bar(total=n_missing, unit="run", delay=1, disable=not is_shown)

    def runs(stopped: str | None) -> RunList:
        found.update(batch.landed())
        arrived = tuple(found[one] for one in ids if one in found)
        why = _why(ids, found, errors, stopped)
        return RunList(arrived, why, requested=tuple(ids), errors=errors, clock=clock)

    try:
        with bar, closing(batch.arrivals()) as arrivals:
            for one, outcome in arrivals:
                if isinstance(outcome, Run):
                    found[one] = outcome
                else:
                    errors[one] = outcome
                bar.update()
    except KeyboardInterrupt:
        return runs("interrupted")
    except AuthError as error:
        error.runs = runs("stopped because the key was refused")
        raise
    except (Unavailable, RateLimited) as error:
        if not found and not errors:
            raise
        return runs(f"stopped because no answer came any more ({shorten(str(error), 100)})")
    return runs(None)


def _why(
    ids: Sequence[str], found: Mapping[str, Run], errors: Mapping[str, ApiError], stopped: str | None
) -> str | None:
    whys = []
    if stopped:
        whys.append(f"{stopped}: {len(found):,} of {plural(len(ids), 'run')} arrived")
    if errors:
        named = "; ".join(
            f"{one} ({shorten(str(error), 100)})" for one, error in list(errors.items())[:NAMED]
        )
        more = f"; and {len(errors) - NAMED:,} more, see .errors" if len(errors) > NAMED else ""
        whys.append(f"{plural(len(errors), 'run')} could not be read: {named}{more}")
    return "; ".join(whys) or None


def reusable(have: Iterable[Run] | None) -> dict[str, Run]:
    """Give the runs that need not be read again, by id: those that have ended and have their steps."""
    runs = [] if have is None else have
    if isinstance(runs, Run | str) or not isinstance(runs, Iterable):
        raise UsageError(f"have= is a {type(runs).__name__}; expected several runs, as a RunList is")
    known = {}
    for run in runs:
        if not isinstance(run, Run):
            raise UsageError(f"have= holds a {type(run).__name__}; expected runs, such as those of a RunList")
        if run.is_finished and run.to_dict().get("steps") is not None:
            known[run.id.lower()] = run
    return known


def check_workers(workers: int) -> int:
    """Check the size of the pool."""
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 64:
        raise UsageError(f"workers={workers!r}; expected a whole number from 1 to 64")
    return workers
