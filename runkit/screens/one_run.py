"""Panels of one run: what it found, what it asked of reviewers, what a step returned, how it ended.

`findings`, `questions` and `step` take exactly one run, `beside_others` several, as `Frames` or as
anything that `frames()` takes; each returns a `Panel`. `runkit.one_run` is this module.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from runkit.analysis.compare import of_one_run
from runkit.api.reading import leaves
from runkit.api.words import OUTCOMES, RUN_STATUSES, TIERS
from runkit.arguments import checked
from runkit.display.text import (
    MISSING,
    agent_title,
    brief,
    first_text,
    lasted,
    moment,
    plural,
    short_id,
)
from runkit.errors import UsageError
from runkit.facts import (
    NOT_IN_THE_DATA,
    ReadLine,
    ending_text,
    findings_of,
    outputs_of,
    returned_by,
    what_was_read,
)
from runkit.screens.blocks import (
    TIME,
    Block,
    Decision,
    Decisions,
    Quote,
    SourceCell,
    Table,
    cell_of,
    confidence_word,
    dotted,
    records,
)
from runkit.screens.fleet import weakest_first, with_limit, work_of
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

__all__ = [
    "beside_others",
    "findings",
    "questions",
    "step",
]

SHORTEST_ID = 8  # characters of an id that are enough
N_SLOWEST = 5  # steps beside those of other runs
FINDING_COLUMNS = [
    "title",
    "summary",
    "confidence",
    "n_sources",
    "best_tier",
    "agent",
    "artifact_no",
    "type",
    "step_id",
]
QUESTION_COLUMNS = [
    *("label", "kind", "agent", "proposed", "outcome", "decision", "answered_by", "answered_at"),
    *("reason", "asked_at", "wait_s", "run_id", "interrupt_id", "step_id"),
]
AUDIT = [
    "label",
    "proposed",
    "outcome",
    "decision",
    "answered_by",
    "answered_at",
    "reason",
]
AUDIT_NAMES = {"label": "question", "wait_s": "waited_s"}
STEP_FINDING = [
    "title",
    "summary",
    "confidence",
    "sources",
]
FINDING_SHOWN = [*STEP_FINDING, "agent"]
WHOLE = {"working_s": "Work", "waiting_s": "Waiting"}
INDENT = "\u2003"  # before a child step
BESIDE = {
    "what": "str",
    "this_run_s": "float64",
    "median_s": "float64",
    "n_others": "Int64",
}


def __dir__() -> list[str]:
    return __all__


@checked
def findings(f: Source) -> Panel:
    """Show what one run found, with its sources: the lowest confidence first.

    Parameters
    ----------
    f
        `Frames` of exactly one run, or anything that `frames()` takes.

    Returns
    -------
    Panel
        A row for each finding; one whose confidence is not known is last.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = of_one_run(f, "f")
    table = weakest_first(findings_of(f)).reset_index(drop=True)
    seen = Table(with_sources(f, table)[FINDING_SHOWN])
    return Panel("Findings", table[FINDING_COLUMNS], _read_of(f), [seen])


def with_sources(f: Frames, artifacts: pd.DataFrame) -> pd.DataFrame:
    """Return artifacts of one run with the list of their sources, for people."""
    cells: dict[int, list[SourceCell]] = {}
    for source in records(f.sources):
        tier = TIERS.find(source["source_tier"] or MISSING)
        cell = SourceCell(tier, source["source_name"] or "", source["url"] or "")
        cells.setdefault(source["artifact_no"], []).append(cell)
    return artifacts.assign(sources=artifacts["artifact_no"].astype("object").map(cells))


@checked
def questions(f: Source) -> Panel:
    """Show what one run asked of reviewers, a row for each question in the order of asking.

    Parameters
    ----------
    f
        `Frames` of exactly one run, or anything that `frames()` takes. Answers that the data lacks
        come with `frames(source, answers=runkit.answer_log())`.

    Returns
    -------
    Panel
        The audit table: the question, what was proposed, how it ended, what was decided, by whom,
        when, why, and how long it waited.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = of_one_run(f, "f")
    table = f.interrupts.sort_values("asked_at", kind="stable", ignore_index=True)[QUESTION_COLUMNS]
    seen = with_decided(table)[["label", "proposed", "decided", "reason"]]
    return Panel("Questions", table, _read_of(f), [Table(seen.rename(columns=AUDIT_NAMES))])


def with_decided(questions: pd.DataFrame) -> pd.DataFrame:
    """Add to questions how each ended: what was decided and by whom, when, and the wait."""
    decided = []
    for question in records(questions):
        is_open = question["outcome"] == "pending"
        when = question["asked_at"] if is_open else question["answered_at"]
        wait = question["wait_s"]
        written = None if when is None else cell_of(when, "when", TIME)
        waited = None if wait is None else f"{'waiting' if is_open else 'waited'} {lasted(wait)}"
        decided.append([ending_text(question), dotted(written, waited)])
    return questions.assign(decided=pd.Series(decided, questions.index, "object"))


@checked
def step(f: Source, name: str) -> Panel:
    """Show what one step returned: its result, and its findings with their sources.

    Parameters
    ----------
    f
        `Frames` of exactly one run, or anything that `frames()` takes.
    name
        The id of a step, its first 8 characters, the step's name, or its label.

    Returns
    -------
    Panel
        A row for each value of the result: its `path` and `value`. Values of fields whose name says
        that they are secret are masked. If several steps have the name, their rows.

    Raises
    ------
    UsageError
        For another number of runs, and if no step has the id, name or label.
    """
    f = of_one_run(f, "f")
    steps = _find_steps(f.steps, name)
    table = step_table(steps)
    if len(steps) > 1:
        return Panel(name, table, _read_of(f))
    row = steps.iloc[0]
    values = pd.DataFrame(leaves(row["result"]), columns=["path", "value"], dtype="str")
    is_own = f.artifacts["step_id"].eq(row["step_id"]) & f.artifacts["origin"].eq("finding")
    own = with_sources(f, f.artifacts[is_own])
    parts = {"": table.drop(columns="step"), "Result": values, "Findings": own[STEP_FINDING]}
    blocks = [Table(part, heading) for heading, part in parts.items() if len(part)]
    return Panel(str(row["label"]), values, _read_of(f), blocks)


def step_table(steps: pd.DataFrame) -> pd.DataFrame:
    """Return steps for people, in tree order."""
    columns = ["label", "state", "error", "agent", "started_at", "duration_s", "step_id"]
    table = steps[columns].rename(columns={"label": "step"})
    return table.reset_index(drop=True)


def _find_steps(steps: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the steps with an id, the first characters of an id, a name, or a label.

    Raises `UsageError` if there is none.
    """
    step_id = steps["step_id"]
    text = name.strip().casefold()
    is_id = step_id.eq(name) | step_id.str.startswith(name) & (len(name) >= SHORTEST_ID)
    is_named = steps["label"].str.casefold().eq(text) | steps["name"].str.casefold().eq(text)
    found = steps[is_id | is_named]
    if found.empty:
        raise UsageError(
            f"no step is {brief(name)}; expected the id of a step, its first {SHORTEST_ID} "
            "characters, its name or its label."
        )
    return found


@checked
def beside_others(f: Source, run_id: str) -> Panel:
    """Show the times of a run beside the median of its agent's other completed runs.

    Parameters
    ----------
    f
        `Frames` of several runs, or anything that `frames()` takes.
    run_id
        One of them; its first 8 characters are enough.

    Returns
    -------
    Panel
        Rows for its work, its waiting and its five slowest steps by name: `this_run_s`, the
        `median_s` of the other runs, and `n_others`, how many runs that is the median of. Of steps
        the time is their own, without that of their child steps.

    Raises
    ------
    UsageError
        For an id that is not in the frames.
    """
    f = frames(f)
    own = f.select(run_id)
    run_id, agent, agent_name = own.runs[["run_id", "agent", "agent_name"]].iloc[0]
    is_other = f.runs["agent"].eq(agent) & f.runs["run_id"].ne(run_id)
    others = f.runs[is_other & f.runs["status"].eq("completed")]
    wholes = f.runs.set_index("run_id")[[*WHOLE]].T
    work = work_of(f)
    steps = work.pivot_table("self_s", "name", "run_id", "sum").reindex(columns=wholes.columns)
    slowest = steps[run_id].dropna().nlargest(N_SLOWEST).index
    labels = work[work["run_id"].eq(run_id)].groupby("name")["label"].first()
    times = pd.concat([wholes, steps.loc[slowest]])
    of_others = times[others["run_id"]]
    columns = {
        "what": [*WHOLE.values(), *labels[slowest]],
        "this_run_s": times[run_id],
        "median_s": of_others.median(axis=1),
        "n_others": of_others.count(axis=1),
    }
    table = pd.DataFrame(columns).astype(BESIDE).reset_index(drop=True)
    seen = table if len(others) else table[["what", "this_run_s"]]
    of_agent = f"{plural(len(others), 'other completed run')} of {agent_title(agent, agent_name)}"
    title = f"{name_of_run(own)} {short_id(run_id)} beside others"
    return Panel(title, table, what_was_read(f), [Table(seen, caption=of_agent)])


def _read_of(f: Frames, *notes: str) -> ReadLine:
    """Write what was read of one run; what its source lacks is not missing in it."""
    reasons = [f"of the source: {reason}" for reason in f.source_missing]
    return what_was_read(replace(f, source_missing=()), *notes, *reasons)


# ------------------------------------------------------------------------- how it ended, its steps


def head_of_run(f: Frames, title: str = "", *notes: str, sla_h: float | None = None) -> Panel:
    """Show how a run ended, and what was decided beside what was proposed."""
    run = f.runs.iloc[0]
    name = title or name_of_run(f)
    agent = agent_title(run["agent"], run["agent_name"])
    of_agent = agent if name != agent else ""
    line = _read_of(f, *notes, of_agent, f"run {short_id(run['run_id'])}")
    blocks: list[Block] = [_ending(f)]
    if decisions := decisions_of(f, sla_h):
        blocks.append(Decisions(decisions))
    return Panel(name, f.runs, line, blocks)


def name_of_run(f: Frames) -> str:
    """Return what a run is about: its business, else its agent."""
    run = f.runs.iloc[0]
    return first_text(run["business_name"]) or agent_title(run["agent"], run["agent_name"])


def _ending(f: Frames) -> Quote:
    """Quote the status of a run, and its failure or what it delivered."""
    [run] = records(f.runs)
    status = RUN_STATUSES.find(run["status"])
    verb = "ended" if run["ended_at"] else "created"
    when = f"{verb} {moment(run[f'{verb}_at'])}"
    if "failed" in status.means:
        return Quote(status, when, "", note=run["outcome"] or "")
    output = next(iter(records(outputs_of(f).tail(1))), {})
    title = output.get("title") or output.get("type") or ""
    confidence = output.get("confidence")
    word = confidence_word(confidence) if confidence else None
    returned = dotted(*returned_by(f).get(run["run_id"], []))
    return Quote(status, when, title, output.get("summary") or "", returned, word)


def decisions_of(f: Frames, sla_h: float | None) -> list[Decision]:
    """Return the questions of a run with their decisions, open ones first, then the newest."""
    proposals: dict[str | None, list[tuple[str, str]]] = {}
    for artifact in records(f.artifacts[f.artifacts["origin"].eq("proposal")]):
        proposal = artifact["title"] or "", artifact["summary"] or ""
        key = first_text(artifact["step_id"], artifact["interrupt_id"])
        proposals.setdefault(key, []).append(proposal)
    questions = records(with_limit(f.interrupts, sla_h)[::-1])
    questions.sort(key=lambda question: question["outcome"] != "pending")
    decisions = []
    for question in questions:
        when = question["answered_at"] and moment(question["answered_at"])
        since = question["asked_at"] and f"since {moment(question['asked_at'])}"
        verb = "waiting" if question["outcome"] == "pending" else "waited"
        waited = question["wait_s"] and f"{verb} {lasted(question['wait_s'])}"
        is_silent = question["outcome"] == "answered" and not question["decision"]
        silent = "decision not in the data" if is_silent else ""
        key = first_text(question["step_id"], question["interrupt_id"])
        decision = Decision(
            question["label"] or NOT_IN_THE_DATA,
            OUTCOMES.find(question["outcome"]),
            proposals.get(key, [(question["proposed"] or "", "")]),
            question["decision"] or "",
            question["reason"] or "",
            dotted(silent, question["answered_by"], when or since, waited, question.get("limit")),
        )
        decisions.append(decision)
    return decisions


def indented(steps: pd.DataFrame) -> pd.DataFrame:
    """Return steps for people, a child step further right than its parent."""
    indent = steps["depth"].map(lambda depth: INDENT * depth).astype("str")
    return step_table(steps.assign(label=indent + steps["label"]))
