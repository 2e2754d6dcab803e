"""Panels that tell of whole frames: their runs, and the first screens of reports and the shell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.words import RUN_STATUSES
from runkit.display.text import agent_title, first_text, in_words, plural, short_id
from runkit.facts import Facts, ReadLine, runs_in_order, what_was_read
from runkit.screens.blocks import Block, Quote, Table
from runkit.screens.cells import confidence_word, dotted
from runkit.screens.needs import NAMES, WAITING, status_tiles, waiting_of
from runkit.screens.one_run import AUDIT, questions, step_table
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames
from runkit.tables.run_rules import outputs_of, returned_by

RUN = [*NAMES, "status", "outcome", "confidence", "created_at", "working_s", "waiting_s", "run_id"]
INDENT = "\u2003"  # before a child step
SHOWN_RUN = [*NAMES, "what", "confidence", "working_s", "waiting_s", "since", "run_id"]


def runs_panel(f: Frames) -> Panel:
    """Show the runs of some frames: what `f` itself looks like."""
    facts = Facts(f)
    sizes = [plural(len(f[name]), name.removesuffix("s")) for name in f]
    runs = runs_in_order(facts.runs)
    table = runs[RUN].rename(columns={"outcome": "what"})
    blocks: list[Block] = [Table(table)]
    problems = f.problems
    if len(problems):
        by = problems.assign(problem=problems["problem"].astype("str")).groupby("problem")
        kinds = by.agg(n=("n", "sum"), location=("location", "first"), detail=("detail", "first"))
        kinds = kinds.reset_index()
        kinds["problem"] = kinds["problem"].map(in_words)
        blocks.append(Table(kinds, "Problems in the data", int(problems["n"].sum())))
    return Panel(f"Frames: {', '.join(sizes)}", table, what_was_read(f), blocks)


def head(f: Frames, title: str = "", *notes: str) -> Panel:
    """Show the first screen of a report: how one run ended, or the counts of many.

    `notes` stand in the line of what was read.
    """
    if len(f) == 1:
        return _run_head(f, title, notes)
    line = what_was_read(f)
    line = line._replace(counted=dotted(*notes, line.counted))
    return Panel(title or heading(f), f.runs, line, [status_tiles(Facts(f))])


def heading(f: Frames) -> str:
    """Return what a report is about: a business or an agent, or how many runs."""
    if len(f) != 1:
        return plural(len(f), "run")
    run = f.runs.iloc[0]
    return first_text(run["business_name"]) or agent_title(run["agent"], run["agent_name"])


def _run_head(f: Frames, title: str, notes: tuple[str, ...]) -> Panel:
    """Show how one run ended, and what was decided beside what was proposed."""
    run = f.runs.iloc[0]
    agent = agent_title(run["agent"], run["agent_name"])
    asked = questions(f)
    blocks: list[Block] = [_ending(f, run)]
    if len(asked):
        shown = asked.table[[*AUDIT, "asked_at", "wait_s"]].rename(columns={"label": "question"})
        blocks.append(Table(shown, "Questions"))
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


def show_panel(f: Frames) -> Panel:
    """Show some runs in a terminal: one with its steps, many by status."""
    if len(f) == 1:
        first = head(f)
        steps = f.steps
        indent = steps["depth"].map(lambda depth: INDENT * depth).astype("str")
        table = step_table(steps.assign(label=indent + steps["label"]))
        return Panel(first.title, steps, first.read, [*first.blocks, Table(table, "Steps")])
    runs = runs_in_order(Facts(f).runs)
    since = runs["since"].fillna(runs["ended_at"]).fillna(runs["created_at"])
    table = runs.rename(columns={"outcome": "what"}).assign(since=since)
    groups = table.groupby(table["status"].map(_label, na_action=None), sort=False, observed=True)
    blocks = [Table(group[SHOWN_RUN], str(label), len(group)) for label, group in groups]
    return Panel(plural(len(f), "run"), runs, what_was_read(f), blocks)


def _label(status: object) -> str:
    return RUN_STATUSES.find(status).label


def inbox_panel(f: Frames, sla_h: float | None = None) -> Panel:
    """Show the questions that wait for a reviewer, the longest first."""
    facts = Facts(f, sla_h)
    table = waiting_of(facts)
    if sla_h is not None:
        late = facts.waiting["is_late"]
        table.insert(len(table.columns) - 1, f"over_{sla_h:g}_h", late)
    return Panel(
        WAITING, table, what_was_read(f), [Table(table, WAITING, table["run_id"].nunique())]
    )


def changed_panel(table: pd.DataFrame) -> Panel:
    """Show what has changed since an earlier state; `table` is the frame of `runkit.changes()`."""
    columns = [*NAMES, "what", "before", "after", "run_id"]
    line = ReadLine("", table.attrs.get("sentence", ""))
    return Panel("What changed", table, line, [Table(table[columns])])
