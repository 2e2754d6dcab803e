"""Panels of one run: what it found, what it asked of reviewers, what a step returned.

`findings`, `questions` and `step` take `Frames` of exactly one run, `beside_others` those of
several; each returns a `Panel`. `runkit.one_run` is this module.
"""

from __future__ import annotations

import pandas as pd

from runkit.analysis.compare import one_run
from runkit.api import jsontext
from runkit.api.words import TIERS
from runkit.arguments import check_kind, checked
from runkit.display.text import MISSING, agent_title, brief, short_id
from runkit.errors import UsageError
from runkit.facts import ReadLine, findings_of, what_was_read
from runkit.screens.blocks import Block, SourceCell, Table, dotted, records
from runkit.screens.fleet import weakest_first, work_of
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames

__all__ = ["beside_others", "findings", "questions", "step"]

SHORTEST_ID = 8  # characters of an id that are enough
N_SLOWEST = 5  # steps beside those of other runs
KIND = ["agent", "name"]  # what makes two steps alike
FINDING_COLUMNS = [
    "title",
    "summary",
    "confidence",
    "n_sources",
    "best_tier",
    "agent",
    "artifact_no",
]
QUESTION_COLUMNS = [
    *("label", "kind", "agent", "proposed", "outcome", "decision", "answered_by", "answered_at"),
    *("reason", "asked_at", "wait_s", "run_id", "interrupt_id", "step_id"),
]
AUDIT = ["label", "proposed", "outcome", "decision", "answered_by", "answered_at", "reason"]
AUDIT_NAMES = {"label": "question", "wait_s": "waited_s"}
BESIDE = {"what": "str", "this_run_s": "float64", "median_s": "float64", "n_others": "Int64"}


def __dir__() -> list[str]:
    return __all__


@checked
def findings(f: Frames) -> Panel:
    """Show what one run found, the weakest finding first, with its sources.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        A row for each finding.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = _of_one(f)
    table = weakest_first(findings_of(f)).reset_index(drop=True)
    seen = Table(with_sources(f, table)[["title", "summary", "confidence", "sources", "agent"]])
    return Panel("Findings", table[[*FINDING_COLUMNS, "type", "step_id"]], what_was_read(f), [seen])


def with_sources(f: Frames, artifacts: pd.DataFrame) -> pd.DataFrame:
    """Return artifacts of one run with the list of their sources, for people."""
    cells: dict[int, list[SourceCell]] = {}
    for source in records(f.sources):
        tier = TIERS.find(source["source_tier"] or MISSING)
        name = source["source_name"] or source["host"] or ""
        cell = SourceCell(tier, name, source["url"] or "")
        cells.setdefault(source["artifact_no"], []).append(cell)
    return artifacts.assign(sources=artifacts["artifact_no"].astype("object").map(cells))


@checked
def questions(f: Frames) -> Panel:
    """Show what one run asked of reviewers, a row for each question in the order of asking.

    Parameters
    ----------
    f
        Frames of exactly one run; answers that the data lacks come with `frames(answers=)`.

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
    f = _of_one(f)
    table = f.interrupts.sort_values("asked_at", kind="stable", ignore_index=True)[QUESTION_COLUMNS]
    seen = Table(table[[*AUDIT, "wait_s"]].rename(columns=AUDIT_NAMES))
    return Panel("Questions", table, what_was_read(f), [seen])


@checked
def step(f: Frames, name: str) -> Panel:
    """Show what one step returned: its result, and its findings with their sources.

    Parameters
    ----------
    f
        Frames of exactly one run.
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
    f = _of_one(f)
    steps = _find_steps(f.steps, name)
    table = step_table(steps)
    if len(steps) > 1:
        return Panel(name, table, what_was_read(f))
    row = steps.iloc[0]
    values = pd.DataFrame(jsontext.leaves(row["result"]), columns=["path", "value"], dtype="str")
    is_own = f.artifacts["step_id"].eq(row["step_id"]) & f.artifacts["origin"].eq("finding")
    own = with_sources(f, f.artifacts[is_own])
    parts = {
        "Result": values,
        "Findings": own[["title", "summary", "confidence", "sources"]],
    }
    blocks: list[Block] = [Table(table)]
    blocks += [Table(part, heading) for heading, part in parts.items() if len(part)]
    missing, counted_runs = what_was_read(f)
    run = f.runs.iloc[0]
    where = dotted(
        run["business_name"], agent_title(row["agent"]), f"run {short_id(run['run_id'])}"
    )
    return Panel(str(row["label"]), values, ReadLine(missing, f"{where} · {counted_runs}"), blocks)


def tables_of_step(f: Frames, name: str) -> dict[str, pd.DataFrame]:
    """Return the rows of one step in each frame; see `step`."""
    ids = _find_steps(f.steps, name)["step_id"]
    artifacts = f.artifacts[f.artifacts["step_id"].isin(ids)]
    return {
        "steps": f.steps[f.steps["step_id"].isin(ids)],
        "artifacts": artifacts,
        "sources": f.sources[f.sources["artifact_no"].isin(artifacts["artifact_no"])],
        "interrupts": f.interrupts[f.interrupts["step_id"].isin(ids)],
    }


def step_table(steps: pd.DataFrame) -> pd.DataFrame:
    """Return steps for people, in tree order."""
    columns = ["label", "state", "error", "agent", "started_at", "duration_s", "step_id"]
    table = steps[columns].rename(columns={"label": "step"})
    return table.reset_index(drop=True)


def _find_steps(steps: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the steps with an id, the first characters of an id, a name, or a label.

    Raises `UsageError` if there is none.
    """
    by_id = steps["step_id"]
    is_prefix = by_id.str.startswith(name) & (len(name) >= SHORTEST_ID)
    words = name.strip().casefold()
    is_label, is_name = (steps[column].str.casefold().eq(words) for column in ("label", "name"))
    for is_match in (by_id.eq(name), is_prefix, is_label, is_name):
        if is_match.any():
            return steps[is_match]
    raise UsageError(
        f"no step is {brief(name)}; expected the id of a step, its first {SHORTEST_ID} characters, "
        "its name or its label."
    )


@checked
def beside_others(f: Frames, run_id: str) -> Panel:
    """Show the times of a run beside the median of its agent's other completed runs.

    Parameters
    ----------
    f
        Frames of several runs.
    run_id
        One of them; its first 8 characters are enough.

    Returns
    -------
    Panel
        Rows for its work, its waiting and its five slowest steps: `this_run_s`, the `median_s` of
        the other runs, and `n_others`, how many runs that is the median of. Of steps the time is
        their own, without that of their child steps.

    Raises
    ------
    UsageError
        For an id that is not in the frames.
    """
    check_kind("f", f, Frames)
    run = f.select(run_id).runs.iloc[0]
    is_other = f.runs["agent"].eq(run["agent"]) & f.runs["run_id"].ne(run["run_id"])
    others = f.runs[is_other & f.runs["status"].eq("completed")]
    rows = []
    for what, column in (("Work", "working_s"), ("Waiting", "waiting_s")):
        known = others[column].dropna()
        rows.append((what, run[column], known.median(), len(known)))
    work = work_of(f)
    own = work[work["run_id"].eq(run["run_id"])]
    slowest = own.groupby(KIND, dropna=False).agg(label=("label", "first"), own_s=("self_s", "sum"))
    sums = work[work["run_id"].isin(others["run_id"])].groupby([*KIND, "run_id"], dropna=False)
    by_run = sums["self_s"].sum().groupby(KIND, dropna=False)
    medians = slowest.join(by_run.agg(median_s="median", n="size"))
    for _, kind in medians.nlargest(N_SLOWEST, "own_s").iterrows():
        n_others = 0 if pd.isna(kind["n"]) else int(kind["n"])
        rows.append((kind["label"], kind["own_s"], kind["median_s"], n_others))
    table = pd.DataFrame(rows, columns=[*BESIDE]).astype(BESIDE)
    name = run["business_name"] if pd.notna(run["business_name"]) else agent_title(run["agent"])
    title = f"{name} {short_id(run['run_id'])} beside others"
    return Panel(title, table, what_was_read(f))


def _of_one(f: Frames) -> Frames:
    """Check that frames hold exactly one run. Raises `UsageError`."""
    check_kind("f", f, Frames)
    return one_run(f, "f")
