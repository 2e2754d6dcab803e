"""Panels of whole frames: their runs, the four counts, and what reports and the shell show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from runkit.api.words import CONFIDENCES, OUTCOMES, RUN_STATUSES, Vocabulary
from runkit.arguments import Hours, checked
from runkit.display.text import (
    MISSING,
    agent_title,
    counted,
    day,
    first_text,
    flag,
    in_words,
    lasted,
    moment,
    plural,
    short_id,
)
from runkit.facts import (
    NOT_IN_THE_DATA,
    Facts,
    ReadLine,
    findings_of,
    is_known,
    outputs_of,
    positions,
    returned_by,
    runs_in_order,
    what_was_read,
)
from runkit.screens.blocks import (
    Block,
    Decision,
    Decisions,
    Quote,
    Table,
    Tile,
    Tiles,
    confidence_word,
    dotted,
    records,
)
from runkit.screens.fleet import LOW, RUN_NAMES, needs_of, needs_tables, with_limit
from runkit.screens.one_run import step_table, with_sources
from runkit.screens.panel import NOTHING_READ, Panel
from runkit.tables.frames import Frames

RUN_COLUMNS = [
    *RUN_NAMES,
    "status",
    "outcome",
    "confidence",
    "created_at",
    "working_s",
    "waiting_s",
    "run_id",
]
RESULT = ["title", "summary", "confidence", "sources", "agent"]  # beside the last
INDENT = "\u2003"  # before a child step
SHOWN_RUN = [*RUN_NAMES, "what", "confidence", "working_s", "wait_s", "since", "run_id"]
HEAD_TIMES = ["created_at", "duration_s", "working_s", "waiting_s"]


def runs_panel(f: Frames) -> Panel:
    """Show the runs of some frames: what `f` itself looks like."""
    sizes = [plural(len(f[name]), name.removesuffix("s")) for name in f]
    table = runs_table(f)
    blocks = [Table(table), *problems_of(f)]
    return Panel(f"Frames: {', '.join(sizes)}", table, what_was_read(f), blocks)


def runs_table(f: Frames) -> pd.DataFrame:
    """Return runs for people, in their order on screens."""
    runs = runs_in_order(Facts(f).runs)
    return runs[RUN_COLUMNS].rename(columns={"outcome": "what"})


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


def section(panel: Panel) -> Panel | None:
    """Return a panel for a page whose head says what was read; None if it has no rows."""
    return replace(panel, read=NOTHING_READ) if len(panel) else None


def heading(f: Frames) -> str:
    """Return what a report is about: a business or an agent, or how many runs."""
    if len(f) != 1:
        return plural(len(f), "run")
    run = f.runs.iloc[0]
    return first_text(run["business_name"]) or agent_title(run["agent"], run["agent_name"])


def _run_head(f: Frames, title: str, notes: tuple[str, ...], sla_h: float | None) -> Panel:
    """Show how one run ended, and what was decided beside what was proposed."""
    run = f.runs.iloc[0]
    agent = agent_title(run["agent"], run["agent_name"])
    ending = _ending(f, run)
    decisions = decisions_of(f, sla_h)
    is_open = "waiting" in ending.status.means and f.interrupts["outcome"].eq("pending").any()
    blocks: list[Block] = [ending]
    if is_open and not (ending.heading or ending.text):
        blocks = []  # the open question says it
    if decisions:
        blocks.append(Decisions(decisions))
    line = what_was_read(f)
    name = title or heading(f)
    of_agent = agent if name != agent else ""
    about = dotted(*notes, of_agent, f"run {short_id(run['run_id'])}", line.counted)
    return Panel(name, f.runs, line._replace(counted=about), blocks)


def decisions_of(f: Frames, sla_h: float | None) -> list[Decision]:
    """Return the questions of a run with their decisions, open ones first, then the newest."""
    order = positions(f.interrupts["outcome"], OUTCOMES)
    questions = with_limit(f.interrupts, sla_h).assign(order=order, later=-f.interrupts.index)
    is_proposal = f.artifacts["origin"].eq("proposal")
    proposals = f.artifacts[is_proposal].groupby("step_id")
    decisions = []
    for question in records(questions.sort_values(["order", "later"])):
        key = question["step_id"]
        proposed = [{"title": question["proposed"], "summary": ""}]
        if key in proposals.groups:
            proposed = records(proposals.get_group(key))
        note = dotted(
            question["answered_by"],
            _when(question),
            question["wait_s"] and f"waited {lasted(question['wait_s'])}",
            question.get("limit"),
        )
        decisions.append(
            Decision(
                question["label"] or NOT_IN_THE_DATA,
                OUTCOMES.find(question["outcome"]),
                [(item["title"] or "", item["summary"] or "") for item in proposed],
                question["decision"] or "",
                question["reason"] or "",
                note,
            )
        )
    return decisions


def _when(question: dict[str, Any]) -> str:
    """Write when a question was answered, else since when it is asked."""
    if question["answered_at"]:
        return moment(question["answered_at"])
    return f"since {moment(question['asked_at'])}" if question["asked_at"] else ""


def folded_panel(f: Frames) -> Panel:
    """Show what a chart draws as tables that are folded: the steps of a run, or the runs."""
    if len(f) != 1:
        runs = runs_table(f)
        return Panel("", runs, what_was_read(f), [Table(runs, "Runs", shown=0)])
    steps = indented(f.steps)
    results = with_sources(f, outputs_of(f).iloc[:-1])
    blocks = [Table(steps, "Steps", shown=0)]
    if len(results):
        blocks.append(Table(results[RESULT], "Other results", shown=0))
    return Panel("", f.steps if len(steps) else results, what_was_read(f), blocks)


def indented(steps: pd.DataFrame) -> pd.DataFrame:
    """Return steps for people, a child step further right than its parent."""
    indent = steps["depth"].map(lambda depth: INDENT * depth).astype("str")
    return step_table(steps.assign(label=indent + steps["label"]))


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
    rows = answered.merge(f.runs[["run_id", *RUN_NAMES]], "left", "run_id")
    rows = rows.sort_values("answered_at", ascending=False, kind="stable", ignore_index=True)
    columns = ["label", "proposed", "decision", "answered_by", "answered_at", "reason"]
    table = rows[[*RUN_NAMES, *columns, "wait_s", "run_id"]]
    seen = Table(table[[*RUN_NAMES, *columns, "run_id"]].rename(columns={"label": "question"}))
    return Panel("Questions answered", table, what_was_read(f), [seen])


@checked
def show_panel(f: Frames, *, sla_h: Hours | None = None) -> Panel:
    """Show some runs in a terminal: one with its steps as a tree, many by status."""
    return _tree_panel(f, sla_h) if len(f) == 1 else _groups_panel(f, sla_h)


def _tree_panel(f: Frames, sla_h: float | None) -> Panel:
    first = head(f, sla_h=sla_h)
    steps = indented(f.steps)[["step", "state", "error", "duration_s"]]
    blocks = [*first.blocks, Table(f.runs[HEAD_TIMES])]
    if len(steps):
        blocks.append(Table(steps, "Steps"))
    return Panel(first.title, f.steps, first.read, [*blocks, *problems_of(f)])


def _groups_panel(f: Frames, sla_h: float | None) -> Panel:
    """Show runs by status, those with an open question first."""
    runs = runs_in_order(Facts(f).runs)
    is_asked = runs["wait_s"].notna()
    since = runs["ended_at"].fillna(runs["created_at"]).mask(is_asked).map(day, "ignore")
    shown = runs.assign(since=since, what=runs["outcome"])[SHOWN_RUN]
    status = runs["status"].astype("str").mask(is_asked, "interrupted")
    groups = with_limit(shown, sla_h).groupby(status.map(_label), sort=False)
    blocks = [Table(group, str(label), len(group)) for label, group in groups]
    return Panel("", runs, what_was_read(f), [*blocks, *problems_of(f)])


def _label(status: object) -> str:
    label = RUN_STATUSES.find(status).label
    return label.lower() if status in RUN_STATUSES else label


@checked
def inbox_panel(f: Frames, where: str = "", *, sla_h: Hours | None = None) -> Panel:
    """Show the questions that wait for a reviewer, the longest first; `where` they are from."""
    waiting, *_ = needs_tables(needs_of(Facts(f, sla_h)))
    line = what_was_read(f)
    line = line._replace(counted=dotted(where, line.counted))
    return Panel("", waiting.df, line, [waiting._replace(heading=waiting.heading.lower())])


def changed_panel(table: pd.DataFrame) -> Panel:
    """Show what has changed since an earlier state; `table` is the frame of `runkit.changes()`."""
    columns = [*RUN_NAMES, "what", "before", "after", "run_id"]
    line = ReadLine("", table.attrs.get("sentence", ""))
    return Panel("What changed", table, line, [Table(table[columns])])


# ------------------------------------------------------------------------------------------ tiles


def status_tiles(facts: Facts) -> Tiles:
    """Return the four counts that are read first."""
    run_ids, status = facts.runs["run_id"], facts.runs["status"]
    is_word = is_known(status, RUN_STATUSES)
    others = other_words(status, RUN_STATUSES)
    runs_of = {
        "interrupted": facts.waiting,
        "error": facts.of_status("failed"),
        "running": facts.of_status("running"),
    }
    tiles = []
    for word, runs in runs_of.items():
        line = RUN_STATUSES.find(word)
        is_so = run_ids.isin(runs["run_id"])
        flags = flag(is_so, is_so | is_word)
        tiles.append(count_tile(f"{line.label} {line.icon}", flags, "runs", others, line.role))
    if facts.sla_h is not None:
        late = f"{counted(facts.waiting['is_late'])} questions over {facts.sla_h:g} h"
        tiles[0] = tiles[0]._replace(rest=dotted(tiles[0].rest, late))
    return Tiles([*tiles, _low_tile(facts)])


def _low_tile(facts: Facts) -> Tile:
    """Count the completed runs with low confidence."""
    rated = pd.concat([findings_of(facts.frames), outputs_of(facts.frames)])
    is_done = rated["run_id"].isin(facts.of_status("done")["run_id"])
    others = other_words(rated.loc[is_done, "confidence"], CONFIDENCES)
    return count_tile(LOW, facts.low_runs, "completed", others, "fail")


def count_tile(name: str, flags: pd.Series[bool], noun: str, words: str, role: str) -> Tile:
    """Return a count as a large number, and what it is of in small.

    `words` are those that nobody can count, as they came.
    """
    number, _, rest = counted(flags).partition(" ")
    known, _, unknown = rest.partition(", ")
    if number == MISSING:
        known, unknown = f"of {len(flags):,}", "not known"
    elif unknown:
        known = f"{known} known"
    text = ", ".join(filter(None, [f"{known} {noun}", unknown]))
    text = ": ".join(filter(None, [text, words]))
    return Tile(name, number, text, role if flags.any() else "muted")


def other_words(words: pd.Series[str], vocabulary: Vocabulary) -> str:
    """Return the words that a vocabulary does not have, as they came."""
    given = words.dropna()
    others = given[~is_known(given, vocabulary)].astype("str").unique()
    return ", ".join(others)
