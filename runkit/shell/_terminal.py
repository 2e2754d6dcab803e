"""Runs in a terminal: tables that fit its width, and trees of steps.

In color, unless NO_COLOR is set or the output is no terminal. Control characters are shown as
codes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runkit.api.words import CONFIDENCES, OUTCOMES, RUN_STATUSES
from runkit.display.counts import lasted as lasting
from runkit.display.text import (
    MISSING,
    agent_title,
    first_text,
    live_moment,
    plural,
    short_id,
    shorten,
    visible,
)
from runkit.facts import Facts, run_facts, what_was_read
from runkit.tables import run_rules
from runkit.tables.frames import Frames
from runkit.tables.run_rules import outcome_words, time_words

Row: TypeAlias = "dict[Any, Any]"
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
RIGHT = ("Work", "Waiting", "Time")  # columns of durations
MAX_VALUE = 200  # characters


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
    table = _grid("", "Business" if is_named else "Agent", "Run", head, *more.values(), "Since")
    for row in rows.to_dict("records"):
        state = RUN_STATUSES.find(row["status"])
        since = "" if pd.isna(row["since"]) else live_moment(row["since"])
        table.add_row(
            styled(state.icon, state.role),
            styled(first_text(row[name]) or MISSING, "bold"),
            styled(short_id(row["run_id"]), "muted"),
            styled(words_of(row["text"], MAX_VALUE)),
            *(styled(row[name]) for name in more),
            styled(since, "attention" if "waiting" in state.means else "muted"),
        )
    return table


def run_table(f: Frames, *, has_all: bool = True) -> Lines:
    """Yield a table of the runs, what needs somebody first.

    Without `has_all`, it leaves out completed runs, and counts them.
    """
    ranked = _ranked(Facts(f))
    is_done = run_rules.is_a(ranked["status"], RUN_STATUSES, "done")
    runs = ranked if has_all else ranked[~is_done]
    yield styled(f"{plural(len(f.runs), 'run')}: {status_counts(f.runs)}")
    yield styled(str(what_was_read(f)), "attention" if f.missing else "muted")
    yield Text()
    if len(runs):
        yield _rows(runs, "Outcome", {"sure": "Confidence", "work": "Work", "wait": "Waiting"})
    n_more = len(ranked) - len(runs)
    if n_more:
        yield styled(f"+ {n_more:,} completed: --all", "muted")


def _ranked(facts: Facts) -> pd.DataFrame:
    """Return the runs in order: waiting, failed, running, completed; with the table's columns."""
    runs = facts.runs
    is_asked = runs["since"].notna()
    since = runs["since"].fillna(runs["ended_at"]).fillna(runs["created_at"])
    runs = runs.assign(
        rank=run_rules.positions(runs["status"], RUN_STATUSES),
        text=runs["outcome"].fillna(MISSING),
        sure=runs["confidence"].astype("str").fillna(MISSING),
        work=runs["working_s"].map(lasting),
        wait=runs["wait_s"].where(is_asked, runs["waiting_s"]).map(lasting),
        since=since,
    )
    order = ["rank", "wait_s", "working_s"]
    return runs.sort_values(order, ascending=[True, False, False], kind="stable")


def inbox(f: Frames, source: str, missing: str | None = None) -> Lines:
    """Yield the questions that wait for a reviewer, the longest first.

    `source` says in the head where and when they were read, `missing` what could not be read.
    """
    waiting = Facts(f).waiting
    if missing:
        yield styled(missing, "attention")
    head = styled(plural(len(waiting), "question waiting", "questions waiting"), "attention")
    if waiting.empty:
        yield head + styled(f" in {plural(len(f.runs), 'run')}  {source}", "muted")
        return
    oldest = lasting(waiting["wait_s"].max())
    yield head + styled(f", oldest {oldest}  ") + styled(source, "muted")
    yield Text()
    names = f.runs[["run_id", "business_name", "agent_name", "status"]]
    named = waiting.drop(columns="business_name").merge(names, on="run_id")
    text = named["label"].fillna(run_rules.NOT_IN_THE_DATA)
    rows = named.assign(text=text, since=named["asked_at"], wait=named["wait_s"].map(lasting))
    yield _rows(rows, "Question", {"wait": "Waiting"})
    yield Text()
    yield styled("Answer in a notebook: runkit.InterruptInbox(runkit.Client())", "muted")
    yield styled("As data: runkit inbox --json (exit code 4: something waits)", "muted")


def run_tree(f: Frames) -> Lines:
    """Yield a description of one run, and its steps as a tree with durations.

    ◆ marks the critical path.
    """
    [run] = run_facts(f).to_dict("records")
    yield from _run_head(run)
    yield styled(str(what_was_read(f)), "attention" if f.missing else "muted")
    yield Text()
    steps = f.steps
    if steps.empty:
        yield run_rules.STEPS_NOT_READ
        return

    questions = {row["step_id"]: row for row in f.interrupts.to_dict("records")}
    table = _grid("Step", "Time", "", has_heads=False)
    for (stem, indent), step in zip(_stems(steps), steps.to_dict("records"), strict=True):
        question = questions.get(step["step_id"])
        mark = "◆" if step["critical_s"] > 0 else ""
        label = words_of(step["label"])
        is_failed = step["state"] == "failed"
        text = styled(f"✕ {label}", "fail") if is_failed else styled(label)
        table.add_row(styled(stem, "muted") + text, lasting(step["duration_s"]), mark)
        detail = _ending(question) if question else step["error"]
        if pd.notna(detail):
            color = "muted" if question else "fail"
            table.add_row(styled(f"{indent}  ", "muted") + styled(detail, color))
    yield table
    if steps["critical_s"].gt(0).any():
        yield styled("◆ on the critical path", "muted")
    yield from _findings(f)


def _findings(f: Frames) -> Lines:
    """Name the findings of a run, weakest first, and say how to see a step with its result."""
    findings = run_rules.findings_of(f)
    order = run_rules.positions(findings["confidence"], CONFIDENCES)
    findings = findings.assign(order=order).sort_values("order", ascending=False, kind="stable")
    confidence = findings["confidence"].astype("str").fillna(MISSING).map(words_of)
    titles = findings["title"].map(words_of) + " (" + confidence + ")"
    yield Text()
    if len(findings):
        yield styled(f"{plural(len(findings), 'finding')}: {', '.join(titles)}")
    yield styled("One step with its result: add --step and its label", "muted")


def words_of(value: object, limit: int = 120) -> str:
    """Return a text of a run on one line and cut; a dash if it is missing or blank."""
    return shorten(value, limit) or MISSING if isinstance(value, str) else MISSING


def status_counts(runs: pd.DataFrame) -> str:
    """Write how many runs have each status, the most frequent first: "3 completed, 1 failed"."""
    labels = runs["status"].astype("str").map(lambda word: RUN_STATUSES.find(word).label.lower())
    words = (f"{n:,} {label}" for label, n in labels.value_counts().items())
    return shorten(", ".join(words), 500)


def _run_head(run: Row) -> Lines:
    """Describe a run: whose it is, how it ended, and where its time went."""
    name = _name_of(run)
    agent = agent_title(None, run["agent_name"])
    state = RUN_STATUSES.find(run["status"])
    parts = [styled(name, "bold"), styled(short_id(run["run_id"]), "muted")]
    if name != agent:
        parts.append(styled(f"· {agent}", "muted"))
    parts.append(styled(f" {state}", state.role))
    if pd.notna(run["confidence"]):
        parts.append(styled(f"{run['confidence']} confidence"))
    yield Text(" ").join(parts)

    is_failed = "failed" in state.means
    outcome = first_text(run["outcome"])
    if outcome:
        yield styled(outcome, "fail" if is_failed else "")
    yield styled(f"{time_words(run)} · created {live_moment(run['created_at'])}")


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
    is_settled = OUTCOMES.is_a(question["outcome"], "settled")
    when = question["answered_at" if is_settled else "asked_at"]
    return text if pd.isna(when) else f"{text}, {live_moment(when)}"


def _name_of(run: Row) -> str:
    """Return the name of a run: its business, else its agent."""
    return first_text(run["business_name"]) or agent_title(None, run["agent_name"])
