"""Runs in a terminal: tables that fit its width, and trees of steps.

In color, unless NO_COLOR is set or the output is no terminal. Control characters are shown as
codes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runkit.charts import one_run
from runkit.charts.gantt import time_words
from runkit.charts.needs_attention import MARKS
from runkit.charts.panel import Row, lasting, words_of
from runkit.display.counts import Span, age, lasted, waiting_words
from runkit.display.status_words import (
    CAUGHT_UP,
    MAY_BE_MISSING,
    MISSING,
    outcome_words,
    status,
)
from runkit.display.text import (
    agent_title,
    first_text,
    live_moment,
    plural,
    short_id,
    visible,
)
from runkit.facts import Facts, run_facts
from runkit.tables.frames import Frames, status_counts
from runkit.tables.run_rules import (
    NO_CAUSE,
    explanations,
    findings_of,
    is_shown,
    wait_of,
    why_no_steps,
)
from runkit.tables.schema import LAPSED, PENDING

Lines: TypeAlias = Iterable[Table | Text | str]
# rich's style by a field of `runkit.display.colors.Theme`, or "bold"
STYLES = {
    "fail": "red",
    "ok": "green",
    "attention": "yellow",
    "accent": "blue",
    "muted": "bright_black",
}
PIPE = 400  # characters of a line that is not shown on a terminal
WIDE = 110  # columns of a terminal that has room for more columns of a table
NAME = 27  # columns for the name of a business
# These columns are shortened if the terminal is narrow.
CUT = ("Business", "Agent", "Question", "Outcome", "Step")
RIGHT = ("Work", "Waiting", "Age", "Time")  # columns of durations
MAX_VALUE = 200  # characters
MORE_OF_ERROR = r"(?s)(?::| \().*"  # what a table leaves out of an error
# The order of runs by status, or by the confidence of a completed one.
RANKS = {
    "interrupted": 0,
    "error": 1,
    "running": 2,
    "low": 3,
    "unrated": 3,
    "medium": 4,
    "high": 5,
}
LAST = RANKS["high"]  # the rank of a run that needs nobody
WEAK = {**MARKS, "unrated": (MISSING, "muted")}  # the mark of a completed run, and its color


def console() -> Console:
    """Build the console of stdout."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Console(
        file=sys.stdout,
        width=None if sys.stdout.isatty() else PIPE,
        color_system=None if is_plain else "auto",
        highlight=False,
    )


def write(lines: Lines) -> None:
    """Write tables, and lines of text, to stdout."""
    screen = console()
    for line in lines:
        screen.print(Text(visible(line)) if isinstance(line, str) else line)


def styled(text: object, color: str = "") -> Text:
    """Return text on one line, with its control characters visible; a table cuts it to fit."""
    line = visible(str(text).replace("\n", " "))
    return Text(line, STYLES.get(color, color), no_wrap=True, overflow="ellipsis")


def _grid(*heads: str, has_heads: bool = True) -> Table:
    """Build an empty table without lines."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=has_heads)
    table.header_style = STYLES["muted"]
    for head in heads:
        table.add_column(
            head,
            no_wrap=head not in CUT,
            justify="right" if head in RIGHT else "left",
            max_width=NAME if head in CUT[:2] else None,
        )
    return table


def _rows(rows: pd.DataFrame, head: str, more: Mapping[str, str]) -> Table:
    """Build a table with a row for each run or question.

    `more` are the columns and heads that only a wide terminal shows.
    """
    if console().width < WIDE:
        more = {}
    is_named = rows["business_name"].notna().any()
    name = "business_name" if is_named else "agent_name"
    table = _grid("", "Business" if is_named else "Agent", "Run", head, *more.values(), "Age")
    for row in rows.to_dict("records"):
        state = status(row["status"])
        mark = WEAK.get(str(row.get("weak")), (state.icon or "?", state.color))
        table.add_row(
            styled(*mark),
            styled(first_text(row[name]) or MISSING, "bold"),
            styled(short_id(row["run_id"]), "muted"),
            styled(words_of(row["text"], MAX_VALUE)),
            *(styled(row[name]) for name in more),
            styled(
                age(Span(row["age_s"], bool(row["is_least"]))),
                "attention" if row["status"] == "interrupted" else "muted",
            ),
        )
    return table


def run_table(f: Frames, *, has_all: bool = True) -> Lines:
    """Yield a table of the runs, what needs somebody first.

    Without `has_all`, it leaves out the runs that nobody needs to look at, and counts them.
    """
    facts = Facts(f)
    ranked = _ranked(facts)
    runs = ranked if has_all else ranked[ranked["rank"] < LAST]
    as_of = styled(f"  as of {live_moment(facts.as_of)}", "muted")
    yield styled(f"{plural(len(f.runs), 'run')}: {status_counts(f.runs)}") + as_of
    yield Text()
    if len(runs):
        yield _rows(runs, "Outcome", {"sure": "Confidence", "work": "Work", "wait": "Waiting"})
    if n_more := len(ranked) - len(runs):
        words = f"✓ {n_more:,} more completed, all high confidence; list them with --all"
        yield styled(words, "muted")


def _ranked(facts: Facts) -> pd.DataFrame:
    """Return the runs in the order of `RANKS`, with the columns of the table.

    The age of a run is how long its question waits, else the time since it ended or was created.
    """
    runs = facts.runs
    position = {run_id: number for number, run_id in enumerate(facts.waiting["run_id"].unique())}
    statuses = runs["status"].astype("str")
    level = runs["level"].mask(runs["unrated"].notna(), "unrated").where(statuses.eq("completed"))
    # A high output does not say how sure the agent was of findings that were not read.
    level = level.mask(runs["is_low"].isna() & level.eq("high"))
    weak = level.where(level.ne("high"))
    outcome = runs["outcome"]
    brief_error = outcome.str.replace(MORE_OF_ERROR, "", regex=True)
    outcome = outcome.mask(statuses.eq("error"), brief_error)
    is_waiting = statuses.eq("interrupted")
    since = runs["ended_at"].fillna(runs["created_at"])
    runs = runs.assign(
        rank=level.fillna(statuses).map(RANKS).fillna(RANKS["low"]),
        position=runs["run_id"].map(position),
        text=runs["rating"].where(weak.notna()).fillna(outcome).fillna(MISSING),
        weak=weak,
        sure=runs["confidence"].astype("str").str.capitalize().fillna(MISSING),
        work=runs["working_s"].map(lasting),
        wait=[
            lasted(wait_of(run)) if is_open else lasting(run["waiting_s"])
            for run, is_open in zip(runs.to_dict("records"), is_waiting, strict=True)
        ],
        age_s=runs["wait_s"].where(is_waiting, (facts.as_of - since).dt.total_seconds()),
    )
    order = ["rank", "position", "age_s", "created_at"]  # of the last the newest is first
    return runs.sort_values(order, ascending=[True, True, True, False])


def inbox(f: Frames, source: str, missing: str | None = None) -> Lines:
    """Yield the questions that wait for a reviewer, by kind, then the oldest first.

    `source` says in the head where and when they were read, `missing` what could not be read.
    """
    facts = Facts(f)
    if facts.open_questions.is_none:
        state = f"{MAY_BE_MISSING}: {missing}" if missing else CAUGHT_UP
        yield styled(f"{state}.  ") + styled(source, "muted")
        return

    head = styled(waiting_words(facts.open_questions), "attention")
    yield head + styled(f", oldest {lasted(facts.oldest)}  ") + styled(source, "muted")
    yield Text()
    names = f.runs[["run_id", "business_name", "agent_name", "status"]]
    named = facts.waiting.merge(names, on="run_id")
    yield _rows(named.assign(text=named["label"], age_s=named["wait_s"]), "Question", {})
    yield Text()
    yield styled("Answer in a notebook: runkit.InterruptInbox(runkit.Client())", "muted")
    yield styled("As data: runkit inbox --json (exit code 4: something waits)", "muted")


def run_tree(f: Frames) -> Lines:
    """Yield a description of one run, and its steps as a tree with durations.

    ◆ marks the critical path.
    """
    [run] = run_facts(f).to_dict("records")
    yield from _run_head(run)
    if run["status"] == "error":
        for what, agents in one_run.unfinished_agents(f).items():
            yield styled(f"{what}: ") + styled(agents, "bold")
    yield Text()
    steps = f.steps[is_shown(f.steps)].assign(error=explanations(f.steps))
    if steps.empty:
        yield why_no_steps(f)
        return

    questions = {row["step_id"]: row for row in f.interrupts.to_dict("records")}
    # A failed run has no critical path.
    has_path = run["status"] != "error" and steps["is_critical"].any()
    table = _grid("Step", "Time", "", has_heads=False)
    for (stem, indent), step in zip(_stems(steps), steps.to_dict("records"), strict=True):
        question = questions.get(step["step_id"])
        time = lasting(question["wait_s"] if question else step["duration_s"])
        mark = "◆" if has_path and step["is_critical"] else ""
        label = words_of(step["label"])
        text = styled(f"✕ {label}", "fail") if step["is_failed"] else styled(label)
        table.add_row(styled(stem, "muted") + text, time, mark)
        detail = _ending(question) if question else step["error"]
        if pd.notna(detail):
            color = "muted" if question else "fail"
            table.add_row(styled(f"{indent}  ", "muted") + styled(detail, color))
    yield table
    if has_path:
        yield styled("◆ on the critical path", "muted")
    yield from _findings(f)


def _findings(f: Frames) -> Lines:
    """Name the findings of a run, weakest first, and say how to see a step with its result."""
    findings = findings_of(f).sort_values("confidence", kind="stable")  # weakest first
    confidence = findings["confidence_text"].fillna(MISSING).map(words_of)
    titles = findings["title"].map(words_of) + " (" + confidence + ")"
    yield Text()
    if len(findings):
        yield styled(f"{plural(len(findings), 'finding')}: {', '.join(titles)}")
    yield styled("One step with its result: add --step and its label", "muted")


def step_lines(f: Frames, name: str) -> Lines:
    """Yield the description of one step and its result, or a list of steps with one name."""
    [run] = f.runs.to_dict("records")
    panel = one_run.step(f, name)
    yield styled(f"{_name_of(run)} ", "bold") + styled(short_id(run["run_id"]), "muted")
    yield styled(panel.title, "bold")
    yield styled(panel.sentence)
    yield Text()
    rows = panel.table.rename(columns={"duration_s": "duration"})
    yield _cells(rows, has_heads="part" not in rows)


def _cells(rows: pd.DataFrame, *, has_heads: bool) -> Table:
    """Build a table whose texts are not cut: they break between words."""
    table = _grid(has_heads=has_heads)
    for name in rows:
        table.add_column(str(name))
    for row in rows.itertuples(index=False):
        cells = (
            words_of(cell, MAX_VALUE) if isinstance(cell, str) else lasting(cell) for cell in row
        )
        table.add_row(*map(Text, cells))
    return table


def _run_head(run: Row) -> Lines:
    """Describe a run: whose it is, how it ended, and where its time went."""
    name = _name_of(run)
    agent = agent_title(None, run["agent_name"])
    state = status(run["status"])
    parts = [styled(name, "bold"), styled(short_id(run["run_id"]), "muted")]
    if name != agent:
        parts.append(styled(f"· {agent}", "muted"))
    parts.append(styled(f" {state}", state.color))
    if pd.notna(run["confidence"]):
        parts.append(styled(str(run["confidence"]).capitalize()))
    yield Text(" ").join(parts)

    is_failed = run["status"] == "error"
    outcome = first_text(run["outcome"]) or (NO_CAUSE[run["has_steps"]] if is_failed else "")
    if outcome:
        yield styled(outcome, "fail" if is_failed else "")
    yield styled(f"{time_words(run, str)} · created {live_moment(run['created_at'])}")


def _stems(steps: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Draw the branches of a tree in front of each step, and of a line below it, in tree order."""
    is_last = ~steps.duplicated("parent_step_id", keep="last")
    branches: list[str] = []
    for depth, last in zip(steps["depth"], is_last, strict=True):
        del branches[depth:]
        stem = "".join(branches)
        branches.append("   " if last else "│  ")
        yield stem + ("└─ " if last else "├─ "), "".join(branches)


def _ending(question: Row) -> str:
    """Describe how a question ended, by whom and when, as far as it is known."""
    text = outcome_words(question)
    is_settled = question["outcome"] not in (PENDING, LAPSED)
    when = question["answered_at" if is_settled else "asked_at"]
    return text if pd.isna(when) else f"{text}, {live_moment(when)}"


def _name_of(run: Row) -> str:
    """Return the name of a run: its business, else its agent."""
    return first_text(run["business_name"]) or agent_title(None, run["agent_name"])
