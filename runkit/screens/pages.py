"""Panels that tell of whole frames: their runs, and the first screens of reports and the shell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.words import RUN_STATUSES
from runkit.arguments import Hours, checked
from runkit.display.text import MISSING, agent_title, day, first_text, in_words, plural, short_id
from runkit.facts import Facts, ReadLine, runs_in_order, what_was_read
from runkit.screens.blocks import Block, Quote, Table
from runkit.screens.cells import confidence_word, dotted
from runkit.screens.needs import NAMES, status_tiles, waiting_of, with_late
from runkit.screens.one_run import AUDIT, findings, questions, step_table
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames
from runkit.tables.run_rules import outputs_of, returned_by

RUN = [*NAMES, "status", "outcome", "confidence", "created_at", "working_s", "waiting_s", "run_id"]
SHOWN_RUN = [*NAMES, "what", "confidence", "working_s", "wait_s", "since", "run_id"]
ASKED = ["question", "proposed", "outcome", "decision", "answered_by", "reason", "wait_s", "limit"]
TIMES = ["created_at", "duration_s", "working_s", "waiting_s"]


def runs_panel(f: Frames) -> Panel:
    """Show the runs of some frames: what `f` itself looks like."""
    facts = Facts(f)
    sizes = [plural(len(f[name]), name.removesuffix("s")) for name in f]
    runs = runs_in_order(facts.runs)
    table = runs[RUN].rename(columns={"outcome": "what"})
    blocks = [Table(table), *problems_of(f)]
    return Panel(f"Frames: {', '.join(sizes)}", table, what_was_read(f), blocks)


def problems_of(f: Frames) -> list[Table]:
    """Return the kinds of problems in the data as a table, if there are any."""
    problems = f.problems
    if problems.empty:
        return []
    by = problems.assign(problem=problems["problem"].astype("str")).groupby("problem")
    kinds = by.agg(n=("n", "sum"), location=("location", "first"), detail=("detail", "first"))
    kinds = kinds.reset_index()
    kinds["problem"] = kinds["problem"].map(in_words)
    return [Table(kinds, "Problems in the data")]


def head(f: Frames, title: str = "", *notes: str, sla_h: float | None = None) -> Panel:
    """Show the first screen of a report: how one run ended, or the counts of many.

    `notes` stand in the line of what was read.
    """
    if len(f) == 1:
        return _run_head(f, title, notes, sla_h)
    line = what_was_read(f)
    line = line._replace(counted=dotted(*notes, line.counted))
    return Panel(title or heading(f), f.runs, line, [status_tiles(Facts(f, sla_h))])


def heading(f: Frames) -> str:
    """Return what a report is about: a business or an agent, or how many runs."""
    if len(f) != 1:
        return plural(len(f), "run")
    run = f.runs.iloc[0]
    return first_text(run["business_name"]) or agent_title(run["agent"], run["agent_name"])


def _run_head(f: Frames, title: str, notes: tuple[str, ...], sla_h: float | None) -> Panel:
    """Show how one run ended, and what was decided beside what was proposed."""
    run = f.runs.iloc[0]
    named = first_text(run["business_name"])
    agent = agent_title(run["agent"], run["agent_name"]) if named or title else ""
    asked = questions(f)
    blocks: list[Block] = [_ending(f, run)]
    if len(asked):
        shown = asked.table[[*AUDIT, "asked_at", "wait_s"]].rename(columns={"label": "question"})
        blocks.append(Table(with_late(shown, sla_h), "Questions"))
    line = what_was_read(f)
    about = dotted(*notes, agent, f"run {short_id(run['run_id'])}", line.counted)
    return Panel(title or heading(f), f.runs, line._replace(counted=about), blocks)


def _ending(f: Frames, run: pd.Series[Any]) -> Quote:
    """Quote how a run ended: its failure, or what it delivered."""
    status = RUN_STATUSES.find(run["status"])
    outputs = outputs_of(f).tail(1)
    outcome = first_text(run["outcome"]) or ""
    if "failed" in status.means or outputs.empty:
        is_over = "over" in status.means
        texts = [] if "failed" in status.means else returned_by(f)
        return Quote(status, outcome if is_over else "", "\n".join(texts))
    output = outputs.iloc[0]
    given = first_text(output["confidence"])
    confidence = confidence_word(given) if given else None
    text = first_text(output["summary"]) or ""
    note = dotted(*returned_by(f))
    return Quote(status, outcome, text, note, confidence)


def answered_panel(f: Frames) -> Panel:
    """Show the questions that were answered, the newest first, for an auditor."""
    facts = Facts(f)
    answered = facts.ended("answered").drop(columns="business_name")
    rows = answered.merge(f.runs[["run_id", *NAMES]], "left", "run_id")
    rows = rows.sort_values("answered_at", ascending=False, kind="stable", ignore_index=True)
    columns = ["label", "proposed", "decision", "answered_by", "answered_at", "reason", "wait_s"]
    table = rows[[*NAMES, *columns, "run_id"]]
    seen = Table(table.rename(columns={"label": "question"}))
    return Panel("Questions answered", table, what_was_read(f), [seen])


@checked
def show_panel(f: Frames, *, sla_h: Hours | None = None) -> Panel:
    """Show some runs in a terminal: one with its steps as a tree, many by status."""
    return _tree_panel(f, sla_h) if len(f) == 1 else _groups_panel(f, sla_h)


def _tree_panel(f: Frames, sla_h: float | None) -> Panel:
    first = head(f)
    asked = with_late(f.interrupts, sla_h).rename(columns={"label": "question"})
    labels = branches(f.steps) + f.steps["label"].fillna(MISSING)
    tree = step_table(f.steps.assign(label=labels))
    tables = {
        "Questions": asked.reindex(columns=ASKED),
        "Steps": tree[["step", "state", "error", "duration_s"]],
        "Findings": findings(f).table[["title", "confidence"]],
    }
    blocks = [first.blocks[0], Table(f.runs[TIMES])]
    blocks += [Table(table, name) for name, table in tables.items() if len(table)]
    return Panel(first.title, f.steps, first.read, [*blocks, *problems_of(f)])


def branches(steps: pd.DataFrame) -> pd.Series[str]:
    """Draw the branches of a tree in front of each step, in tree order."""
    is_last = ~steps.duplicated("parent_step_id", keep="last")
    open_branches: list[str] = []
    stems = []
    for depth, last in zip(steps["depth"], is_last, strict=True):
        del open_branches[depth:]
        stems.append("".join(open_branches) + ("└─ " if last else "├─ "))
        open_branches.append("   " if last else "│  ")
    return pd.Series(stems, steps.index, "str")


def _groups_panel(f: Frames, sla_h: float | None) -> Panel:
    """Show runs by status, those with an open question first."""
    runs = runs_in_order(Facts(f).runs)
    is_asked = runs["wait_s"].notna()
    since = runs["ended_at"].fillna(runs["created_at"]).mask(is_asked).map(day, "ignore")
    shown = runs.assign(since=since, what=runs["outcome"])[SHOWN_RUN]
    status = runs["status"].astype("str").mask(is_asked, "interrupted")
    groups = with_late(shown, sla_h).groupby(status.map(_label), sort=False)
    blocks = [Table(group, str(label), len(group)) for label, group in groups]
    return Panel("", runs, what_was_read(f), [*blocks, *problems_of(f)])


def _label(status: object) -> str:
    label = RUN_STATUSES.find(status).label
    return label.lower() if status in RUN_STATUSES else label


@checked
def inbox_panel(f: Frames, where: str = "", *, sla_h: Hours | None = None) -> Panel:
    """Show the questions that wait for a reviewer, the longest first; `where` they are from."""
    table = waiting_of(Facts(f, sla_h))
    line = what_was_read(f)
    line = line._replace(counted=dotted(where, line.counted))
    n_runs = table["run_id"].nunique()
    return Panel("", table, line, [Table(table, "waiting for a reviewer", n_runs)])


def changed_panel(table: pd.DataFrame) -> Panel:
    """Show what has changed since an earlier state; `table` is the frame of `runkit.changes()`."""
    columns = [*NAMES, "what", "before", "after", "run_id"]
    line = ReadLine("", table.attrs.get("sentence", ""))
    return Panel("What changed", table, line, [Table(table[columns])])
