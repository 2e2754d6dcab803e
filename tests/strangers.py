"""Runs that are not the sandbox's, in the forms that other accounts send, with what is so of each.

`FORMS` has one function for each form; `fleet` mixes runs of which everything is known. The truth
stands beside the JSON that is built, and is never read from it, nor from the library. Every
generator takes a `random.Random`, so that a seed gives the same runs on each machine.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from support import Json, artifact, at, flat, object_page_form, question, run, step

HOUR, DAY = 3_600, 86_400  # seconds
STRONG = ("government", "primary")
# words of absence, which a screen says only where the data proves them
ABSENCE = re.compile(r"\b(no|none|nothing|identical|unchanged|all caught up|0)\b", re.IGNORECASE)
LEVELS = ("low", "medium", "high")


@dataclass(frozen=True)
class Finding:
    """A finding or an output: its title, the agent's word of confidence, and its sources' tiers."""

    title: str
    confidence: str | None = "high"
    tiers: tuple[str | None, ...] = ()
    is_output: bool = False


@dataclass(frozen=True)
class Question:
    """A question to a person or decided by policy; times in seconds since `support.START`.

    `ending` is a word of `interrupts.outcome`; `start` is None where nothing in the run says when it was asked.
    """

    label: str
    start: float | None
    answered: float | None = None
    ending: str = "pending"
    decision: str | None = None
    answered_by: str | None = None


@dataclass(frozen=True)
class Truth:
    """What is so of one run.

    `outcome` is that of the frames; of a failed run it contains `reason`, the text of the failure.
    `cause` is the label of the step in which it failed.
    """

    status: str = "completed"
    outcome: str | None = None
    cause: str | None = None
    reason: str | None = None
    n_failed: int = 0
    findings: tuple[Finding, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def weakest(self) -> Finding | None:
        """The finding or output with the lowest rating, the findings first; None if none is rated."""
        rated = [item for item in self.findings if item.confidence in LEVELS]
        rated.sort(key=lambda item: (LEVELS.index(str(item.confidence)), item.is_output))
        return rated[0] if rated else None


@dataclass(frozen=True)
class Stranger:
    """A run as the API would send it, and what is so of it."""

    raw: Json
    truth: Truth

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.raw["id"])


Form = Callable[[random.Random], list[Stranger]]


def raws(strangers: list[Stranger]) -> list[Json]:
    """The JSON of some runs."""
    return [stranger.raw for stranger in strangers]


def page(strangers: list[Stranger]) -> Json:
    """A list page: one JSON document, so that its newest time is known to be before its reading."""
    return {"object": "list", "data": raws(strangers), "has_more": False}


def new_id(rng: random.Random) -> str:
    """An id whose first eight characters tell it from others."""
    return f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"


def stranger(rng: random.Random, *steps: Json, truth: Truth, **more: Any) -> Stranger:
    """A run that ends when its truth's status is final."""
    is_open = truth.status in ("running", "interrupted")
    fields = {"status": truth.status} | more
    if is_open:
        fields |= {"end": None}
    raw = run(*steps, run_id=new_id(rng), **fields)
    for item in flat(raw["steps"]):
        item["id"] = f"{raw['id'][:8]}-{item['id']}"
        item["run_id"] = raw["id"]
    for item in flat(raw["steps"]):
        for child in item["steps"]:
            child["parent_step_id"] = item["id"]
    return Stranger(raw, truth)


def evidence(finding: Finding) -> Json:
    """The artifact of a finding: a source for each of its tiers."""
    sources = [
        {"url": f"https://source.example/{finding.title}/{number}", "source_name": "Register"}
        | ({} if tier is None else {"source_tier": tier, "source_type": "registry"})
        for number, tier in enumerate(finding.tiers)
    ]
    rated = {} if finding.confidence is None else {"confidence": finding.confidence}
    return {"title": finding.title, "type": "registration", "sources": sources} | rated


def item_of(number: int, interrupt: Question, **more: Any) -> Json:
    """The pending item of a question, with an id of its own."""
    value = {"type": "decision", "label": interrupt.label, "agent": "cip_orchestrator"}
    return {"id": f"int-{number}", "value": value} | more


# -------------------------------------------------------------------------------------------- forms


def own_time(rng: random.Random) -> list[Stranger]:
    """A step of ten minutes with a child of one: the step itself is at work for nine."""
    long = 10 * rng.randint(50, 70)
    short = rng.randint(40, 70)
    child = step("child", 5, 5 + short)
    parent = step("parent", 0, long, label="Researching", steps=[child])
    return [stranger(rng, parent, end=long + 30, truth=Truth())]


def spanning_step(rng: random.Random) -> list[Stranger]:
    """The whole run is in one step; its gaps are the work of that step."""
    end = rng.randint(200, 400)
    inner = [step("first", 10, 50), step("second", 90, 120)]
    return [stranger(rng, step("all", 0, end, steps=inner), end=end, truth=Truth())]


def result_only(rng: random.Random) -> list[Stranger]:
    """An output step whose product is its result, without an artifact."""
    score = rng.randint(1, 99)
    result = {"recommendation": "reject", "risk_score": score}
    output = step("out", 50, 100, type="output", name="summary", result=result)
    truth = Truth(outcome=f"recommendation: reject, risk score: {score}")
    return [stranger(rng, step("work", 0, 50), output, truth=truth)]


def findings_only(rng: random.Random) -> list[Stranger]:
    """`output: null`, and low findings."""
    findings = tuple(Finding(f"Finding {n}", "low", ("government",)) for n in range(2))
    work = step("work", 0, 90, artifacts=[evidence(item) for item in findings])
    return [stranger(rng, work, output=None, truth=Truth(findings=findings))]


REASONS = (
    lambda text: {"error": text},
    lambda text: {"message": text},
    lambda text: {"error_message": text},
    lambda text: {"reason": text},
    lambda text: {"detail": text},
    lambda text: {"exception": text},
    lambda text: {"errors": [{"message": text}, {"message": "and another"}]},
    lambda text: {"error": {"code": "E42", "message": text}},
    lambda text: {"type": "about:blank", "title": text, "status": 502},
)


def reason_in_result(rng: random.Random) -> list[Stranger]:
    """A failed step whose result holds the reason, in nine shapes; no error step."""
    strangers = []
    for number, shape in enumerate(REASONS):
        text = f"Register {rng.randint(100, 999)} refused the request {number}"
        failed = step("f", 20, 60, label="Reading the register", status="error", result=shape(text))
        truth = Truth("error", cause="Reading the register", reason=text, n_failed=1)
        strangers.append(stranger(rng, step("work", 0, 20), failed, truth=truth))
    return strangers


def failed_without_step(rng: random.Random) -> list[Stranger]:
    """A failed run in which no step failed."""
    return [stranger(rng, step("work", 0, rng.randint(40, 90)), truth=Truth("error"))]


def two_causes(rng: random.Random) -> list[Stranger]:
    """Two failed steps inside a failed group: the one that ended last is the cause."""
    last = rng.randint(60, 90)
    causes = [
        step("late", 10, last, label="Reading the report", status="error"),
        step("early", 20, 40, label="Resolving the owners", status="error"),
    ]
    group = step("group", 0, 95, label="Researching", status="error", steps=causes)
    reason = "Reading the report failed"
    truth = Truth("error", cause="Reading the report", reason=reason, n_failed=2)
    return [stranger(rng, group, truth=truth)]


def other_tiers(rng: random.Random) -> list[Stranger]:
    """Tiers and types of sources in words of another account, and none at all."""
    words = rng.sample(["web", "commercial", "unverified", "registry"], 2)
    findings = (
        Finding("Web only", "high", tuple(words)),
        Finding("No tier", "high", (None, None)),
        Finding("No source", "high"),
    )
    work = step("work", 0, 90, artifacts=[evidence(item) for item in findings])
    return [stranger(rng, work, truth=Truth(findings=findings))]


def odd_confidence(rng: random.Random) -> list[Stranger]:
    """Findings without confidence, and with a number as text."""
    findings = (
        Finding("Unrated", None, ("government",)),
        Finding("Number", f"0.{rng.randint(10, 99)}", ("primary",)),
    )
    work = step("work", 0, 90, artifacts=[evidence(item) for item in findings])
    return [stranger(rng, work, truth=Truth(findings=findings))]


def answered_without_id(rng: random.Random) -> list[Stranger]:
    """An answered question whose result names a reviewer and a decision, but no interrupt id."""
    answered = rng.randint(40, 80)
    result = {"decision": "approve", "reviewer": "Ana Ortiz", "comment": "seen"}
    interrupt = question("q", 20, answered, label="Approve the business?", result=result)
    proposal = Finding("Registered agent found", None, ("government",))
    interrupt["artifacts"] = [evidence(proposal)]
    truth = Truth(
        findings=(proposal,),
        questions=(
            Question("Approve the business?", 20, answered, "answered", "approved", "Ana Ortiz"),
        ),
    )
    return [stranger(rng, step("work", 0, 20), interrupt, truth=truth)]


def two_open(rng: random.Random) -> list[Stranger]:
    """Two questions that wait together, with steps that name no interrupt id."""
    first = Question("Dismiss the hit?", 20)
    second = Question("Approve?", 20 + rng.randint(5, 50))
    steps = [question(f"q{n}", q.start, None, label=q.label) for n, q in enumerate([first, second])]
    items = [item_of(n, q) for n, q in enumerate([first, second])]
    truth = Truth("interrupted", outcome=first.label, questions=(first, second))
    asking = stranger(
        rng, step("work", 0, 20), *steps, truth=truth, interrupts=items, updated_at=at(80)
    )
    return [asking]


def asked_again(rng: random.Random) -> list[Stranger]:
    """A question that was answered, and asked again with the same id; the second one waits.

    Its step has that id, too, or only the label, or neither.
    """
    answered = rng.randint(30, 60)
    closed = Question("Upload a letter", 10, answered, "answered")
    again = Question("Upload a letter", answered + 10)
    known = {"interrupt_id": "int-0"}
    truth = Truth("interrupted", outcome=again.label, questions=(closed, again))
    more = {"truth": truth, "interrupts": [item_of(0, again)], "updated_at": at(90)}
    return [
        stranger(
            rng,
            question("q1", 10, answered, label=closed.label, result=known),
            question("q2", again.start, None, label=label, result=result),
            **more,
        )
        for label, result in [(again.label, known), (again.label, None), (None, None)]
    ]


def closed_by_nobody(rng: random.Random) -> list[Stranger]:
    """A completed question without any result: a person answered, nobody knows who."""
    answered = rng.randint(30, 60)
    interrupt = Question("Is this the owner?", 10, answered, "answered")
    closed = question("q", 10, answered, label=interrupt.label)
    return [stranger(rng, closed, truth=Truth(questions=(interrupt,)))]


def flat_and_shuffled(rng: random.Random) -> list[Stranger]:
    """Steps in one list, in any order, with their parents by id only."""
    [original] = own_time(rng)
    raw = copy.deepcopy(original.raw)
    steps = [item | {"steps": []} for item in flat(raw["steps"])]
    rng.shuffle(steps)
    return [replace(original, raw=raw | {"steps": steps})]


def object_page(rng: random.Random) -> list[Stranger]:
    """The fields of the object page only: neither thread, agent nor business."""
    finding = Finding("TIN matches", "high", ("government",))
    output = Finding("Summary", "medium", (), is_output=True)
    steps = [
        step("work", 0, 50, artifacts=[evidence(finding)]),
        step("out", 50, 100, type="output", artifacts=[evidence(output)]),
    ]
    for item in steps:
        del item["agent"]
    made = stranger(rng, *steps, truth=Truth(outcome="Summary", findings=(finding, output)))
    return [replace(made, raw=object_page_form(made.raw))]


def null_labels(rng: random.Random) -> list[Stranger]:
    """Steps without labels; the name stands for the label."""
    steps = [
        step("a", 0, 50, label=None, name="read_register"),
        step("b", 50, 90, label=None, name="check_owner", status="error"),
    ]
    truth = Truth("error", cause="check_owner", reason="check_owner failed", n_failed=1)
    return [stranger(rng, *steps, truth=truth)]


def ends_before_start(rng: random.Random) -> list[Stranger]:
    """`ended_at` lies before `started_at`, though steps ran for minutes."""
    work = step("work", 0, rng.randint(300, 500))
    raw = {"ended_at": at(-60), "updated_at": at(500)}
    return [stranger(rng, work, truth=Truth(), **raw)]


def same_damage(rng: random.Random) -> list[Stranger]:
    """A confidence that is a number, in each of several runs; the last run is clean."""
    strangers = []
    for number in range(4):
        damaged = artifact(f"Finding {number}", confidence=0.5 if number < 3 else "high")
        finding = Finding(damaged["title"], None if number < 3 else "high")
        work = step("work", 0, 50, artifacts=[damaged])
        strangers.append(stranger(rng, work, truth=Truth(findings=(finding,))))
    return strangers


def odd_results(rng: random.Random) -> list[Stranger]:
    """Results that are a list, a number, and an object nested six deep."""
    deep: Any = rng.randint(1, 9)
    for name in "fedcba":
        deep = {name: deep}
    steps = [
        step(f"s{n}", 10 * n, 10 * n + 10, result=value)
        for n, value in enumerate([["a", 1, {"b": None}], 42, deep])
    ]
    return [stranger(rng, *steps, truth=Truth())]


def one_business(rng: random.Random) -> list[Stranger]:
    """Five runs of a business that has two names."""
    business_id = new_id(rng)
    strangers = []
    for number in range(5):
        name = "Northwind LLC" if number < 3 else "Northwind Holdings LLC"
        local = {"business_id": business_id, "business_name": name}
        made = stranger(rng, step("work", 0, 50), truth=Truth(), _runkit=local)
        strangers.append(made)
    return strangers


def open_group(rng: random.Random) -> list[Stranger]:
    """A group that was never closed, in a run that has ended: it ends with its last child."""
    last = rng.randint(40, 70)
    group = step("group", 0, None, label="Researching", steps=[step("child", 5, last)])
    return [stranger(rng, group, end=DAY, truth=Truth())]


def step_across_question(rng: random.Random) -> list[Stranger]:
    """A step without children that spans a question."""
    start = 20
    answered = rng.randint(60, 80)
    steps = [
        step("across", 0, 100),
        question("q", start, answered, label="Approve?"),
    ]
    truth = Truth(questions=(Question("Approve?", start, answered, "answered"),))
    return [stranger(rng, *steps, truth=truth)]


FORMS: dict[str, Form] = {
    form.__name__: form
    for form in (
        *(own_time, spanning_step, result_only, findings_only, reason_in_result),
        *(failed_without_step, two_causes, other_tiers, odd_confidence, answered_without_id),
        *(two_open, asked_again, closed_by_nobody, flat_and_shuffled, object_page, null_labels),
        *(ends_before_start, same_damage, odd_results, one_business, open_group),
        step_across_question,
    )
}


def strangers_of(seed: int = 0) -> list[Stranger]:
    """Runs in each form."""
    rng = random.Random(seed)
    return [made for form in FORMS.values() for made in form(rng)]


# ------------------------------------------------------------------------------------------- fleets


@dataclass(frozen=True)
class Fleet:
    """Some runs of which everything is known, read at `read_at` seconds after `support.START`."""

    strangers: list[Stranger]
    read_at: float

    @property
    def page(self) -> Json:
        """The list page with all runs."""
        return page(self.strangers)

    @property
    def truths(self) -> list[Truth]:
        """What is so of each run."""
        return [made.truth for made in self.strangers]

    @property
    def findings(self) -> list[Finding]:
        """The findings of all runs, without their outputs."""
        found = [item for truth in self.truths for item in truth.findings]
        return [item for item in found if not item.is_output]

    def waits_s(self, ending: str) -> list[float]:
        """How long each question with this ending waited, until it was read if it is open."""
        questions = [item for truth in self.truths for item in truth.questions]
        return [
            (self.read_at if item.answered is None else item.answered) - (item.start or 0)
            for item in questions
            if item.ending == ending
        ]


def fleet(rng: random.Random, n_runs: int = 12) -> Fleet:
    """A mix of runs in all states, read in one response, with nothing left out."""
    read_at = 30 * DAY + rng.randint(0, DAY)
    return Fleet([_known_run(rng, read_at) for _ in range(n_runs)], read_at)


def _known_run(rng: random.Random, read_at: float) -> Stranger:
    """A run with groups, rated findings, questions, a failure with its reason, or an output."""
    start = rng.uniform(0, 20 * DAY)
    status = rng.choice(["completed", "completed", "interrupted", "error", "running"])
    clock = start
    steps: list[Json] = []
    findings: list[Finding] = []
    questions: list[Question] = []
    for number in range(rng.randint(1, 3)):
        clock, group, found = _group(rng, number, clock)
        steps.append(group)
        findings += found
        if rng.random() < 0.6:
            clock, interrupt, closed = _closed_question(rng, number, clock)
            steps.append(interrupt)
            questions.append(closed)

    fields: Json = {}
    outcome = cause = reason = None
    n_failed = 0
    if status == "interrupted":
        clock = read_at - rng.choice([HOUR / 2, 3 * HOUR, 8 * HOUR, 5 * DAY])
        pending = [Question(f"Open question {n}", clock + n) for n in range(rng.randint(1, 2))]
        steps += [
            question(f"open{n}", q.start or 0, None, label=q.label) for n, q in enumerate(pending)
        ]
        fields["interrupts"] = [item_of(n, q) for n, q in enumerate(pending)]
        questions += pending
        outcome = pending[0].label
        clock = clock + len(pending)
        if len(pending) == 2:
            fields["ended_at"] = at(clock)  # the time of the pause
    elif status == "error":
        cause = "Reading the register"
        reason = f"Register {rng.randint(1, 3)} is down"
        n_failed = 1
        failed = step("failed", clock, clock + 40, label=cause, status="error")
        failed["result"] = {"error": reason}
        steps.append(failed)
        clock += 40
    elif status == "completed":
        output = Finding("Summary", rng.choice(LEVELS), is_output=True)
        findings.append(output)
        steps.append(step("out", clock, clock + 9, type="output", artifacts=[evidence(output)]))
        outcome = output.title
        clock = clock + 9
    truth = Truth(status, outcome, cause, reason, n_failed, tuple(findings), tuple(questions))
    times = {"start": start, "updated_at": at(clock)}
    if status in ("completed", "error"):
        times |= {"end": clock}
    local = {"read_at": at(read_at)}
    return stranger(rng, *steps, truth=truth, _runkit=local, **times, **fields)


def _group(rng: random.Random, number: int, clock: float) -> tuple[float, Json, list[Finding]]:
    """A group with one or two steps and their findings; the time when it ends."""
    children = []
    findings = []
    start = clock
    for child in range(rng.randint(1, 2)):
        n_tiers = rng.randint(0, 2)
        tiers = tuple(rng.choice([*STRONG, "secondary"]) for _ in range(n_tiers))
        finding = Finding(f"Finding {rng.getrandbits(32):08x}", rng.choice(LEVELS), tiers)
        end = clock + rng.randint(10, 300)
        children.append(step(f"{number}.{child}", clock, end, artifacts=[evidence(finding)]))
        findings.append(finding)
        clock = end
    return clock, step(f"{number}", start, clock, steps=children), findings


def _closed_question(rng: random.Random, number: int, clock: float) -> tuple[float, Json, Question]:
    """A question that a person answered after 1 or 45 minutes or a day, or that the policy decided."""
    ending = rng.choice(["answered", "answered", "auto_approve"])
    end = clock + (0 if ending == "auto_approve" else rng.choice([60, 45 * 60, DAY]))
    label = f"Question {number}"
    result = {} if ending == "answered" else {"resolution": ending}
    interrupt = question(f"q{number}", clock, end, label=label, result=result)
    return end, interrupt, Question(label, clock, end, ending)


# ----------------------------------------------------------------------------------------- removals


def _without(part: str, field: str) -> Callable[[Json], None]:
    """Leave a field out of the steps but questions, in which it is how they ended, or of a part."""

    def remove(raw: Json) -> None:
        steps = flat(raw["steps"])
        parts = [item for item in steps if item["type"] != "interrupt"]
        if part != "steps":
            parts = [item for step in steps for item in step["artifacts"]]
        if part == "sources":
            parts = [source for item in parts for source in item["sources"]]
        for item in parts:
            item.pop(field, None)

    return remove


def without_steps(raw: Json) -> None:
    """Leave a run as the list of runs shows it."""
    raw["steps"] = []


def without_steps_and_questions(raw: Json) -> None:
    """Leave out the items of its open questions, too."""
    raw["steps"] = []
    raw["interrupts"] = []


def without_read_time(raw: Json) -> None:
    """Leave a run as it stands in a plain file."""
    raw.pop("_runkit", None)


def without_labels(raw: Json) -> None:
    """Leave out the labels of steps."""
    for item in flat(raw["steps"]):
        item["label"] = None


def without_pairing(raw: Json) -> None:
    """Leave out all by which the item and the step of a question are known to be one."""
    without_labels(raw)
    for item in raw["interrupts"]:
        item.pop("id", None)


REMOVALS: dict[str, Callable[[Json], None]] = {
    "without_steps": without_steps,
    "without_steps_and_questions": without_steps_and_questions,
    "without_read_time": without_read_time,
    "without_results": _without("steps", "result"),
    "without_confidence": _without("artifacts", "confidence"),
    "without_tiers": _without("sources", "source_tier"),
    "without_labels": without_labels,
    "without_pairing": without_pairing,
}


def reduced(document: Json, names: list[str], share: float, rng: random.Random) -> Json:
    """A list page from which a share of the runs has lost some information."""
    reduced_page = copy.deepcopy(document)
    for raw in reduced_page["data"]:
        for name in names:
            if rng.random() < share:
                REMOVALS[name](raw)
    return reduced_page
