"""Everything that clients sent, in memory, and the clock. Computed values are not stored."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any, TypeVar

from pydantic import Field

from runkit.api.contract import Json
from runkit.arguments import Moment, checked, read_moment
from runkit.errors import UsageError
from runkit.server._recordings import (
    ACCOUNT,
    SPACE,
    Recording,
    SeededBusiness,
    agent_json,
    id_in,
    iso,
    packaged,
    read_recordings,
)
from runkit.server._replay import (
    Answer,
    PlacedInterrupt,
    PlacedRun,
    RunSpec,
    cut,
    next_stop,
    pending,
    place,
    status_at,
    updated,
)
from runkit.server._web import RequestError

SPREAD = 0.4  # the share of its time that work takes more or less than in the recording
FORM_EVERY = 7  # each seventh run of history has a form that other accounts send
MINUTE = 60_000
# history ends this long before now, so that none of its runs is still working
QUIET = 15 * MINUTE
# for a question after which the recording goes on alike, whatever the answer
ANY_VERDICT = ["approve", "reject"]
# who answered the questions of history, and why; these people are fictitious
NOTES_OF_YES = ("", "checked by ops", "matches our records")
NOTES_OF_NO = ("needs another look", "the evidence is thin", "differs from our records")
REVIEWERS = ("Ana Ortiz", "Ben Adeyemi", "Chloe Martin")
Item = TypeVar("Item")


class Clock:
    """The server's virtual clock, without a background task.

    It runs at `speed` while any run is working, and at real speed while every open run waits for a
    reviewer. What a run will do says when it next stops (at a question or at its end), so the
    latest stop, `busy_until`, is all the clock needs: virtual time is a piecewise linear function
    of real time. A run that the operator ends early does not change `busy_until`. The clock can be
    read from any thread, and never runs backward.

    Virtual times are whole milliseconds since 1970 (UTC); real times are seconds as from
    `time.time`.
    """

    def __init__(self, start: int, speed: float, real_time: Callable[[], float]) -> None:
        self.speed = speed
        self._real_time = real_time
        self._anchor = (start, real_time(), 0)  # virtual, real, busy_until
        self._latest = start

    def now(self) -> int:
        """Return the virtual time in milliseconds."""
        virtual, real, busy_until = self._anchor
        passed = max(0.0, (self._real_time() - real) * 1000)
        busy = max(0, busy_until - virtual)
        fast = min(passed * self.speed, busy)
        slow = max(0.0, passed - busy / self.speed)
        self._latest = max(self._latest, virtual + math.floor(fast + slow))
        return self._latest

    def expect(self, stop: int) -> None:
        """Run at `speed` at least until `stop`, when a run next stops (0: it waits)."""
        self._anchor = (self.now(), self._real_time(), max(self._anchor[2], stop))


class Store:
    """Threads, runs, answers and other requests. Only `now` and `end_run` are thread-safe.

    Raises `UsageError` for an invalid option.
    """

    @checked
    def __init__(
        self,
        history: Annotated[int, Field(ge=0, le=20_000)] = 0,
        speed: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60,
        seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0,  # as JSON carries it
        now: Moment | None = None,
        replay: str | Path | None = None,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self.is_closing = False  # ends all streams
        if replay is None:
            self.businesses = [*packaged()]
            self.spread = SPREAD
        else:
            self.businesses = read_recordings(replay)
            self.spread = 0.0
        self.by_id = {business.id: business for business in self.businesses}
        recorded = {item.agent for business in self.businesses for item in business.recordings}
        self.agents = {kind: agent_json(kind) for kind in sorted(recorded)}
        self.counts: Counter[str] = Counter()
        self.threads: dict[str, Json] = {}
        self.runs: dict[str, PlacedRun] = {}
        self.runs_of: dict[str, list[str]] = defaultdict(list)  # by thread, and by business
        self.rated: set[tuple[str, str]] = set()  # runs and artifacts
        self.seed = seed
        moment = read_moment("now", now)
        start = real_time() if moment is None else moment.timestamp()
        self.clock = Clock(round(start * 1000), speed, real_time)
        _add_history(self, history)

    def new_id(self, kind: str) -> str:
        """Return the id of a new object of a kind, which depends on seed and count."""
        self.counts[kind] += 1
        return id_in(SPACE, f"{self.seed}/{kind}/{self.counts[kind]}")

    def placed(self, run_id: str) -> PlacedRun:
        """Return all that a run does with its answers so far; 404 if there is no such run."""
        return get_or_404(self.runs, "run", run_id)

    def run(self, run_id: str, steps: bool = False) -> Json:
        """Return a run now; 404 if there is none."""
        return cut(self.placed(run_id), self.clock.now(), steps)

    def thread(self, thread_id: str) -> Json:
        """Return a thread now.

        [A] 19: interrupted if any of its runs is, else running, else error if the last failed.
        """
        row = self.threads[thread_id]
        now = self.clock.now()
        runs = [self.runs[run_id] for run_id in self.runs_of[thread_id]]
        statuses = [status_at(run, now) for run in runs]
        words = ("interrupted", "running", statuses[-1])
        return {
            "object": "thread",
            "id": thread_id,
            "created_at": iso(row["created"]),
            "updated_at": iso(max(updated(run, now) for run in runs)),
            "status": next(word for word in words if word in statuses),
            "metadata": None,
            "requester": ACCOUNT,
        }

    def add_run(self, agent: str, business_id: str, thread_id: str, now: int, **more: Any) -> str:
        """Add a run and return its id; without a thread it gets a new one."""
        business = get_or_404(self.by_id, "business", business_id)
        recorded = {recording.agent for recording in business.recordings}
        if agent not in recorded:
            message = f"no run of {agent} on this business is recorded; run another agent on it"
            raise RequestError(422, message, "type")
        if not thread_id:
            thread_id = self.new_id("threads")
            self.threads[thread_id] = {"created": now, "business_id": business_id}
        run_id = self.new_id("runs")
        seed = f"{self.seed}/{self.counts['runs']}"
        self._place(RunSpec(run_id, thread_id, agent, business_id, seed, now, **more), ())
        for owner in (thread_id, business_id):
            self.runs_of[owner].append(run_id)
        return run_id

    def add_answer(self, run_id: str, answer: Answer) -> None:
        """Add an answer to a question of a run, which goes on."""
        run = self.runs[run_id]
        self._place(run.spec, (*run.answers.values(), answer))

    def end_run(self, run_id: str) -> None:
        """End a run now. Raises `UsageError` for one that is unknown or has ended."""
        run = self.runs.get(run_id)
        now = self.clock.now()
        if run is None or run.ended <= now:
            raise UsageError(f"run {run_id!r} is unknown or has ended; end one that works or waits")
        self._place(run.spec._replace(stopped_at=now), (*run.answers.values(),))

    def _place(self, spec: RunSpec, answers: Sequence[Answer]) -> None:
        """Place a run, and let the clock know until when it works."""
        recordings = self.by_id[spec.business_id].of_agent(spec.agent)
        run = self.runs[spec.id] = place(recordings, spec, answers, self.spread)
        self.clock.expect(next_stop(run, self.clock.now()))


def get_or_404(items: Mapping[str, Item], what: str, item_id: str) -> Item:
    """Return an item by its id; 404 if there is none."""
    if item_id not in items:
        raise RequestError(404, f"{what} not found: {item_id[:80]!r}")
    return items[item_id]


# -- businesses


def business_now(store: Store, business: SeededBusiness) -> Json:
    """Return the JSON of a business, with the status of the last decision on it ([A] 12)."""
    decisions = [
        action["payload"]["status"]
        for action, spec in _done_on(store, business)
        if action["type"] == "decision" and action["at"] > spec.history_until
    ]
    return business.body | {"status": [business.body["status"], *decisions][-1]}


def actions_on(store: Store, business: SeededBusiness) -> list[Json]:
    """Return the actions on a business and on its hit until now, in order."""
    recorded = _done_on(store, business)
    return [_action_json(action, spec, business) for action, spec in recorded]


def _done_on(store: Store, business: SeededBusiness) -> list[tuple[Json, RunSpec]]:
    """Return what the runs on a business did until now, in order."""
    now = store.clock.now()
    runs = [store.placed(run_id) for run_id in store.runs_of[business.id]]
    actions = [(action, run.spec) for run in runs for action in run.actions(now)]
    return sorted(actions, key=lambda item: item[0]["at"])


def _action_json(action: Json, spec: RunSpec, business: SeededBusiness) -> Json:
    """Return an action as the API shows it; the sandbox does not say what it changed."""
    is_hit = action["type"] == "dismissal"
    account = {"id": ACCOUNT["id"], "name": ACCOUNT["name"]}
    run = {"id": spec.id, "thread_id": spec.thread_id, "agent": spec.agent, "status": "running"}
    return {
        "id": id_in(spec.id, action["id"]),
        "type": action["type"],
        "object_type": "Watchlist::Result" if is_hit else "Business",
        "object_id": business.hit_id if is_hit else business.id,
        "created_at": iso(action["at"]),
        "note": action["note"],
        "metadata": {},
        "effects": [],
        "actors": [
            {"actor_type": "account", "data": account},
            {"actor_type": "run", "data": run},
        ],
    }


# -- the made-up history


def _add_history(store: Store, count: int) -> None:
    """Add runs of the last two weeks, with answers; they do not change the businesses."""
    now = store.clock.now()
    random = Random(f"{store.seed}/history")  # noqa: S311 - no secret
    weights = [business.weight for business in store.businesses]
    days = range(now - 14 * 24 * 60 * MINUTE, now - QUIET)
    forms = [business for business in store.businesses if business.is_form]
    for number, created in enumerate(sorted(random.choice(days) for _ in range(count))):
        business = random.choices(store.businesses, weights)[0]
        if forms and number % FORM_EVERY == FORM_EVERY - 1:
            business = forms[number // FORM_EVERY % len(forms)]
        agent = business.recordings[0].agent
        run_id = store.add_run(agent, business.id, "", created, history_until=now)
        while interrupts := pending(store.placed(run_id), now):
            answer = _history_answer(interrupts[0], business.of_agent(agent), random)
            if answer.at > now - QUIET or random.random() < 0.2:  # not answered yet
                break
            store.add_answer(run_id, answer)


def _history_answer(
    interrupt: PlacedInterrupt, recordings: Sequence[Recording], random: Random
) -> Answer:
    """Build an answer: 30% come the next morning, the others within minutes; 75% are a yes."""
    minutes = random.uniform(540, 960) if random.random() < 0.3 else random.uniform(1, 25)
    is_no = random.random() < 0.25
    verdicts = {}
    recorded = [recording.answers.get(interrupt.recorded_id, {}) for recording in recordings]
    for agent in interrupt.questions:
        words = dict.fromkeys(given[agent] for given in recorded if agent in given)
        verdicts[agent] = [*words, *ANY_VERDICT][is_no]
    note = random.choice(NOTES_OF_NO if is_no else NOTES_OF_YES)
    if "dismissal" in interrupt.questions.values() and not is_no:
        note = note or "not the listed person"  # [A] 13: it is required
    notes = dict.fromkeys(verdicts, note)
    asked_at = int(interrupt.asked_at)
    decision = "reject" if is_no else "approve"
    shown: Json = {"answered_by": {"name": REVIEWERS[asked_at % len(REVIEWERS)]}, "note": note}
    if len(verdicts) > 1:
        shown["proposals"] = [{"agent": agent, "decision": decision} for agent in verdicts]
    else:
        shown["decision"] = decision
    answered_at = asked_at + round(minutes * MINUTE)
    return Answer(interrupt.recorded_id, answered_at, verdicts, notes, shown)
