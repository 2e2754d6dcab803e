"""Everything that clients sent, in memory, and the clock. Computed values are not stored."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Annotated, Any, TypeVar

from pydantic import Field

from runkit.arguments import Moment, checked, read_moment
from runkit.errors import UsageError
from runkit.server._accounts import ACCOUNT, SPACE, Json, id_in, iso
from runkit.server._clock import Clock, ClockState
from runkit.server._recorded_files import read_recordings
from runkit.server._recordings import DESCRIPTIONS, SeededBusiness, agent_json, packaged, renamed
from runkit.server._replay import (
    Answer,
    PlacedInterrupt,
    PlacedRun,
    RunSpec,
    cut,
    next_stop,
    pending,
    place,
)
from runkit.server._web import RequestError, or_list

# that are kept in memory; a run of 16 steps has some 20 kB, and is made in 0.6 ms
MAX_RUNS = 2_000
SPREAD = 0.4  # the share of its time that work takes more or less than in the recording
FEW = 60  # runs of history; more of them are about more businesses
FORM_EVERY = 7  # each seventh run of history has a form that other accounts send
MINUTE = 60_000
# history ends this long before now, so that none of its runs is still working
QUIET = 15 * MINUTE
LAST_YEAR = 9000  # the last start, as a datetime ends with the year 9999
Item = TypeVar("Item")


class Store:
    """Threads, runs, answers and other requests. Not thread-safe, except `clock.now`.

    Raises `UsageError` for an invalid option.
    """

    @checked
    def __init__(
        self,
        history: Annotated[int, Field(ge=0, le=100_000)] = 0,
        speed: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60,
        seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0,  # as JSON carries it
        now: Moment | None = None,
        replay: str | Path | None = None,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self.is_closing = False  # ends all streams
        self.unknown: SeededBusiness | None = None
        if replay is None:
            self.unknown, *self.businesses = packaged()
            self.businesses += renamed() if history > FEW else ()
        else:
            self.businesses = read_recordings(replay)
        self.by_id = {business.id: business for business in self.businesses}
        by_hit = {business.hit_id: business for business in self.businesses if business.hit_id}
        self.objects = {"businesses": self.by_id, "watchlist_result": by_hit}  # of actions, by id
        recorded = {item.agent for business in self.businesses for item in business.recordings}
        kinds = [*DESCRIPTIONS] if replay is None else sorted(recorded)
        self.agents = {kind: agent_json(kind) for kind in kinds}
        self.spread = SPREAD if replay is None else 0.0
        self.counts: dict[str, int] = defaultdict(int)
        self.threads: dict[str, Json] = {}
        self.runs: dict[str, RunSpec] = {}
        self.runs_of: dict[str, list[str]] = defaultdict(list)  # by thread, and by business
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.rated: set[tuple[str, str]] = set()  # runs and artifacts
        self.actions: dict[str, list[Json]] = defaultdict(list)  # of people, by business
        self.agent_actions: dict[str, list[Json]] = {}  # of agents, by run; they are small
        self._place = lru_cache(MAX_RUNS)(self._place_run)
        real, self.seed = real_time(), seed
        self.clock = Clock(ClockState(_start(now, real), real, 0, speed), real_time)
        _add_history(self, history)

    def new_id(self, kind: str) -> str:
        """Return the id of a new object of a kind, which depends on seed and count."""
        self.counts[kind] += 1
        return id_in(SPACE, f"{self.seed}/{kind}/{self.counts[kind]}")

    def run(self, run_id: str, steps: bool = False) -> Json:
        """Return a run now; 404 if there is none."""
        return cut(self.placed(run_id), self.clock.now(), steps)

    def business(self, business_id: str) -> SeededBusiness:
        """Return the business of an id; an unknown one is a clean pass without details.

        404 for an unknown one where a file is replayed.
        """
        if business_id in self.by_id or self.unknown is None:
            return get_or_404(self.by_id, "business", business_id)
        return replace(self.unknown, id=business_id)

    def thread(self, thread_id: str) -> Json:
        """Return a thread now; 404 if there is none.

        [A] 19: interrupted if any of its runs is, else running, else error if the last failed.
        """
        row = get_or_404(self.threads, "thread", thread_id)
        runs = [self.run(run_id) for run_id in self.runs_of[thread_id]]
        statuses = [run["status"] for run in runs]
        status = "error" if statuses[-1:] == ["error"] else "completed"
        for word in ("running", "interrupted"):
            status = word if word in statuses else status
        created_at = iso(row["created"])
        return {
            "object": "thread",
            "id": row["id"],
            "created_at": created_at,
            "updated_at": max((run["updated_at"] for run in runs), default=created_at),
            "status": status,
            "metadata": None,
            "requester": ACCOUNT,
        }

    def add_thread(self, business_id: str | None, created: int) -> str:
        """Add a thread and return its id."""
        thread_id = self.new_id("threads")
        row = {"id": thread_id, "created": created, "business_id": business_id}
        self.threads[thread_id] = row
        return thread_id

    def add_run(self, agent: str, business_id: str, thread_id: str, now: int, **more: Any) -> str:
        """Add a run and return its id; without a thread it gets a new one."""
        recorded = {recording.agent for recording in self.business(business_id).recordings}
        if agent not in recorded:
            message = (
                f"no run of {agent} on this business is recorded; expected {or_list(recorded)}"
            )
            raise RequestError(422, message, "type")
        thread_id = thread_id or self.add_thread(business_id, now)
        run_id = self.new_id("runs")
        seed = f"{self.seed}/{self.counts['runs']}"
        self.runs[run_id] = RunSpec(run_id, thread_id, agent, business_id, seed, now, **more)
        for owner in (thread_id, business_id):
            self.runs_of[owner].append(run_id)
        self._expect(run_id)
        return run_id

    def add_answer(self, run_id: str, answer: Answer) -> None:
        """Add an answer to a question of a run, which goes on."""
        self.answers[run_id].append(answer)
        self._expect(run_id)

    def end_run(self, run_id: str, at: int) -> None:
        """End a run early."""
        self.runs[run_id] = self.runs[run_id]._replace(stopped_at=at)
        self._expect(run_id)

    def _expect(self, run_id: str) -> None:
        """Let the clock know until when a run works."""
        self.clock.expect(next_stop(self.placed(run_id), self.clock.now()))

    def placed(self, run_id: str) -> PlacedRun:
        """Return all that a run does with its answers so far; 404 if there is no such run."""
        spec = get_or_404(self.runs, "run", run_id)
        return self._place(spec, len(self.answers[run_id]))

    def _place_run(self, spec: RunSpec, _: int) -> PlacedRun:
        recordings = self.business(spec.business_id).of_agent(spec.agent)
        placed = place(recordings, spec, self.answers[spec.id], self.spread)
        self.agent_actions[spec.id] = placed.actions
        return placed


def get_or_404(items: Mapping[str, Item], what: str, item_id: str) -> Item:
    """Return an item by its id; 404 if there is none."""
    if item_id not in items:
        raise RequestError(404, f"{what} not found: {item_id[:80]!r}")
    return items[item_id]


def _start(now: Moment | None, real: float) -> int:
    """Return the virtual milliseconds at the start: `now`, else the real time."""
    moment = read_moment("now", now)
    if moment is None:
        return int(real * 1000)
    if moment.year > LAST_YEAR:
        raise UsageError(f"now={now!r} is too late; give a time before the year {LAST_YEAR + 1}")
    return round(moment.timestamp() * 1000)


# -- the made-up history


def _add_history(store: Store, count: int) -> None:
    """Add runs of the last two weeks, with answers; they do not change the businesses."""
    now, random = store.clock.now(), Random(f"{store.seed}/history")  # noqa: S311 - no secret
    weights = [business.weight for business in store.businesses]
    days = range(now - 14 * 24 * 60 * MINUTE, now - QUIET)
    forms = [business for business in store.businesses if business.is_form]
    for number, created in enumerate(sorted(random.choice(days) for _ in range(count))):
        business = random.choices(store.businesses, weights)[0]
        if forms and number % FORM_EVERY == FORM_EVERY - 1:
            business = forms[number // FORM_EVERY % len(forms)]
        agent = business.recordings[0].agent
        run_id = store.add_run(agent, business.id, "", created, past_until=now)
        while interrupts := pending(store.placed(run_id), now):
            answer = _history_answer(interrupts[0], random)
            if answer.at > now - QUIET or random.random() < 0.2:  # not answered yet
                break
            store.add_answer(run_id, answer)


def _history_answer(interrupt: PlacedInterrupt, random: Random) -> Answer:
    """Build an answer: 30% come the next morning, the others within minutes; 75% are a yes."""
    minutes = random.uniform(540, 960) if random.random() < 0.3 else random.uniform(1, 25)
    is_no = random.random() < 0.25
    verdicts = {agent: words[is_no] for agent, words in interrupt.verdicts.items()}
    note = random.choice((None, "checked by ops", "matches our records"))
    if "dismissal" in interrupt.questions.values() and not is_no:
        note = note or "not the listed person"  # a dismissal needs a note
    notes = dict.fromkeys(verdicts, note) if note else {}
    answered_at = int(interrupt.asked_at) + round(minutes * MINUTE)
    return Answer(interrupt.item["id"], answered_at, verdicts, notes, {})
