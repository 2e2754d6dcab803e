"""What whole frames look like: four counts, their runs, their questions, and what changed."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from runkit.api.words import CONFIDENCES, RUN_STATUSES, Vocabulary
from runkit.arguments import Hours, checked
from runkit.display.text import counted, day, flag, lasted, plural
from runkit.facts import (
    Facts,
    ReadLine,
    is_known,
    outputs_of,
    runs_in_order,
    times_text,
    what_was_read,
)
from runkit.screens.blocks import Table, Tile, Tiles, dotted, with_name
from runkit.screens.fleet import (
    LOW_GROUP,
    MAX_NEEDS,
    RUN_NAMES,
    SLOWEST,
    needs_of,
    needs_tables,
    rated_of,
    slowest_steps,
    with_limit,
    with_names,
)
from runkit.screens.one_run import (
    AUDIT,
    AUDIT_NAMES,
    FINDING_SHOWN,
    INDENT,
    head_of_run,
    indented,
    name_of_run,
    with_decided,
    with_sources,
)
from runkit.screens.panel import NOTHING_READ, Panel
from runkit.tables.frames import Frames

RUN_COLUMNS = [
    *RUN_NAMES,
    "status",
    "what",
    "confidence",
    "working_s",
    "wait_s",
    "limit",
    "since",
    "run_id",
]


def head(f: Frames, title: str = "", *notes: str, sla_h: float | None = None) -> Panel:
    """Show the first screen of a report: how one run ended, or the counts of many.

    `notes` stand in the line of what was read.
    """
    if len(f) == 1:
        return head_of_run(f, title, *notes, sla_h=sla_h)
    tiles = status_tiles(Facts(f, sla_h))
    return Panel(title or heading(f), f.runs, what_was_read(f, *notes), [tiles])


def heading(f: Frames) -> str:
    """Return what a report is about: a business or an agent, or how many runs."""
    return name_of_run(f) if len(f) == 1 else plural(len(f), "run")


def section(panel: Panel, n_rows: int = 1) -> Panel | None:
    """Return a panel for a page whose head says what was read; None if it has fewer rows."""
    return replace(panel, read=NOTHING_READ) if len(panel) >= n_rows else None


def runs_panel(f: Frames) -> Panel:
    """Show the runs of some frames: what `f` itself looks like."""
    sizes = [plural(len(f[name]), name.removesuffix("s")) for name in f]
    table = runs_table(f)
    line = what_was_read(f)
    line = line._replace(counted=f"{line.counted}; as_of= sets another time")
    blocks = [Table(table), *problems_of(f)]
    return Panel(f"Frames: {', '.join(sizes)}", table, line, blocks)


def folded_tables(f: Frames) -> Panel:
    """Show what a chart draws as folded tables: one run with its other results, or many runs."""
    if len(f) == 1:
        results = with_sources(f, outputs_of(f).iloc[:-1])[FINDING_SHOWN]
        parts = {"Steps": indented(f.steps), "Other results": results}
    else:
        parts = {"Runs": runs_table(f), "Slowest steps": slowest_steps(f).table[SLOWEST]}
    blocks = [Table(part, name, shown=0) for name, part in parts.items() if len(part)]
    table = next(iter(parts.values()))
    return Panel("", table, what_was_read(f), blocks)


def runs_table(f: Frames, sla_h: float | None = None) -> pd.DataFrame:
    """Return runs for people, in their order on screens.

    `what` is the outcome. `since` is the day of its open question, else of its end, else on which
    it was created; its year stands where it is not that of `as_of`.
    """
    runs = with_limit(runs_in_order(Facts(f).runs), sla_h)
    since = runs["since"].fillna(runs["ended_at"]).fillna(runs["created_at"])
    days = since.map(lambda when: day(when, has_year=when.year != f.as_of.year), "ignore")
    return runs.assign(what=runs["outcome"], since=days).reindex(columns=RUN_COLUMNS)


def problems_of(f: Frames) -> list[Table]:
    """Return the kinds of problems in the data as a table, if there are any."""
    kinds = _kinds_of_problems(f)
    kinds["location"] = kinds["location"].str.replace(r"^[^$]*/", "", regex=True)  # the folder
    return [Table(kinds, "Problems in the data")] if len(kinds) else []


def problems_panel(f: Frames) -> Panel:
    """Show the kinds of problems in the data of a report, without the folders of the files."""
    kinds = _kinds_of_problems(f).drop(columns="location")
    return Panel("Problems in the data", kinds, what_was_read(f))


def _kinds_of_problems(f: Frames) -> pd.DataFrame:
    """Count the problems of each kind; the first of a kind stands for the others."""
    by = f.problems.groupby("problem", as_index=False, observed=True)
    return by.agg({"n": "sum", "location": "first", "detail": "first", "run_id": "first"})


@checked
def show_panel(f: Frames, *, sla_h: Hours | None = None) -> Panel:
    """Show some runs in a terminal: one with its steps as a tree, many by status."""
    panel = _tree_panel(f, sla_h) if len(f) == 1 else _groups_panel(f, sla_h)
    return replace(panel, blocks=[*panel.blocks, *problems_of(f)])


def _tree_panel(f: Frames, sla_h: float | None) -> Panel:
    """Show a run: how it ended, its questions, its times, and its steps as a tree."""
    first = head_of_run(f, sla_h=sla_h)
    steps = Table(_tree(f), times_text(f.runs.to_dict("records")[0]))
    return replace(first, table=f.steps, blocks=[*first.blocks, steps])


def _tree(f: Frames) -> pd.DataFrame:
    """Return steps as a tree, with their errors, and the day of each start if there are several.

    A failed step has the error of the step of type error that follows it.
    """
    is_error = f.steps["type"].eq("error")
    reported = f.steps["error"].where(is_error & f.steps["state"].shift().eq("failed"))
    error = f.steps["error"].fillna(reported.shift(-1))
    is_repeated = is_error & error.eq(error.shift())
    tree = indented(f.steps).assign(what=error.mask(error.eq(f.steps["label"])))
    tree["duration_s"] = tree["duration_s"].mask(is_error)
    tree["step"] = tree["step"].str.replace(INDENT, "  ")
    if tree["started_at"].dt.date.nunique() == 1:
        tree["started_at"] = tree["started_at"].dt.strftime("%H:%M:%S")
    tree = tree[~is_repeated]
    if tree["what"].notna().any():
        tree["what"] = tree["what"].fillna("")
    return tree[["step", "state", "agent", "started_at", "duration_s", "what"]]


def _groups_panel(f: Frames, sla_h: float | None) -> Panel:
    """Show runs by status, those with an open question first."""
    runs = with_name(runs_table(f, sla_h))
    is_waiting = runs["wait_s"].notna()
    status = runs.pop("status").astype("str").mask(is_waiting, "interrupted")
    labels = status.map(lambda word: RUN_STATUSES.find(word).label)
    roles = {line.label: line.role for line in RUN_STATUSES.lines}
    groups = runs.assign(since=runs["since"].mask(is_waiting)).groupby(labels, sort=False)
    blocks = [
        Table(group, str(label), len(group), role=roles.get(str(label), "text"))
        for label, group in groups
    ]
    return Panel("", runs, what_was_read(f), blocks)


@checked
def inbox_panel(f: Frames, where: str = "", *, sla_h: Hours | None = None) -> Panel:
    """Show the questions that wait for a reviewer, the longest first; `where` they are from."""
    waiting, *_ = needs_tables(needs_of(Facts(f, sla_h)))
    return Panel("", waiting.df, what_was_read(f, where), [waiting])


def answered_panel(f: Frames) -> Panel:
    """Show the questions that were answered, the newest first, for an auditor."""
    rows = with_names(Facts(f).ended("answered"), f)
    rows = rows.sort_values("answered_at", ascending=False, kind="stable", ignore_index=True)
    table = rows[[*RUN_NAMES, *AUDIT, "wait_s", "run_id"]].drop(columns="outcome")
    table = table.rename(columns=AUDIT_NAMES)
    median, p90 = map(lasted, table["waited_s"].quantile([0.5, 0.9]))
    size = plural(len(table), "question")
    caption = f"{size} · median wait {median} · 90th percentile {p90}"
    shown = [*RUN_NAMES, "label", "proposed", "decided", "reason", "run_id"]
    seen = with_decided(rows)[shown].rename(columns=AUDIT_NAMES)
    parts = [Table(seen, shown=MAX_NEEDS, caption=caption)]
    return Panel("Questions answered", table, what_was_read(f), parts)


def changed_panel(table: pd.DataFrame) -> Panel:
    """Show what has changed since an earlier state; `table` is the frame of `runkit.changes()`."""
    line = ReadLine("", table.attrs.get("sentence", ""))
    return Panel("What changed", table[[*RUN_NAMES, "what", "before", "after", "run_id"]], line)


# ------------------------------------------------------------------------------------------ tiles


def status_tiles(facts: Facts) -> Tiles:
    """Return the four counts that are read first."""
    status = facts.runs["status"]
    is_word = is_known(status, RUN_STATUSES)
    unknown = unknown_words(status, RUN_STATUSES)
    runs_of = {
        "interrupted": facts.waiting,
        "error": facts.of_status("failed"),
        "running": facts.of_status("running"),
    }
    tiles = []
    for word, runs in runs_of.items():
        line = RUN_STATUSES.find(word)
        is_so = facts.runs["run_id"].isin(runs["run_id"])
        flags = flag(is_so, is_so | is_word)
        tiles.append(count_tile(str(line), flags, "runs", unknown, line.role))
    if facts.sla_h is not None:
        over = f"{counted(facts.waiting['is_late'], 'questions')} over {facts.sla_h:g} h"
        tiles[0] = tiles[0]._replace(rest=dotted(tiles[0].rest, over))
    return Tiles([*tiles, _low_tile(facts)])


def _low_tile(facts: Facts) -> Tile:
    """Count the completed runs with low confidence."""
    unknown = unknown_words(rated_of(facts)["confidence"], CONFIDENCES)
    return count_tile(LOW_GROUP, facts.low_runs, "completed runs", unknown, "fail")


def count_tile(name: str, flags: pd.Series[bool], noun: str, unknown: str, role: str) -> Tile:
    """Return a count as a large number, and what it is of in small.

    `unknown` has the words that nobody can count.
    """
    number, _, rest = counted(flags, noun).partition(" ")
    rest = f"{rest} {unknown}".strip()
    return Tile(name, number, rest, role if flags.any() else "muted")


def unknown_words(words: pd.Series[str], vocabulary: Vocabulary) -> str:
    """Quote the words that a vocabulary does not have, as they came: `(“strong”, “0.87”)`."""
    given = words.dropna()
    others = given[~is_known(given, vocabulary)].astype("str").unique()
    return f"(“{'”, “'.join(others)}”)" if len(others) else ""
