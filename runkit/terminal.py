"""Runs in a terminal: tables, status pills and step trees.

In color, unless NO_COLOR is set or the output is no terminal. Control characters are shown as codes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd

from runkit.charts.heading import time_words
from runkit.charts.panel import Panel, lasting, oldest, waited, words_of
from runkit.style import CONFIDENCE_COLORS, MISSING, outcome_words, status
from runkit.tables.facts import explanations, findings_of, is_shown, open_questions, unmeasured_waits
from runkit.tables.frames import Frames
from runkit.text import agent_title, day, moment, one_line, plural, short_id, shorten, visible

Cell = tuple[str, str]  # a text, and its color: a field of `runkit.style.Theme`, or "bold"
# ANSI
CODES = {"bold": 1, "fail": 31, "ok": 32, "attention": 33, "accent": 34, "muted": 90, "text": 39}
MAX_CELL, MAX_NAME, MAX_VALUE = 60, 40, 200  # characters
ANSWER_HINT = (
    "Answer in a notebook with runkit.InterruptInbox(client), or in Python with client.runs.resume(…)."
)


def write(lines: Iterable[str]) -> None:
    """Write lines of `paint` and plain text to stdout."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def paint(text: str, color: str = "text") -> str:
    """Give visible text on one line, in a color where the terminal shows colors."""
    line = visible(text.replace("\n", " "))
    is_colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{CODES[color]}m{line}\x1b[0m" if is_colored and color != "text" else line


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]], right: Collection[str] = ()) -> list[str]:
    """Lay out rows under muted heads; the columns in `right` are aligned to the right."""
    lines = [
        [(head, "muted") for head in heads],
        *([(one_line(text), color) for text, color in row] for row in rows),
    ]
    widths = [max(len(line[at][0]) for line in lines) for at in range(len(heads))]
    texts = []
    for line in lines:
        cells = []
        for head, (text, color), width in zip(heads, line, widths, strict=True):
            space = " " * (width - len(text))
            cells.append(space + paint(text, color) if head in right else paint(text, color) + space)
        texts.append("  ".join(cells).rstrip())
    return texts


def run_table(f: Frames) -> list[str]:
    """Lay out a row for each run: its outcome or question, and where its time went."""
    runs = f.runs.assign(waits_since=unmeasured_waits(f))
    heads = ("Business", "Run", "Status", "Outcome or question", "Confidence", "Work", "Waiting")
    return table(heads, [list(_run_cells(run)) for run in runs.to_dict("records")], right=("Work", "Waiting"))


def _run_cells(run: dict[Any, Any]) -> Iterator[Cell]:
    state = status(run["status"])
    is_open = run["status"] == "interrupted"
    yield shorten(name_of(run), MAX_NAME), "bold"
    yield short_id(run["run_id"]), "muted"
    yield str(state), state.color
    yield words_of(run["outcome"], MAX_CELL), "text"
    yield confidence(run["confidence"])
    yield lasting(run["working_s"]), "text"
    yield _waiting(run), "attention" if is_open else "text"


def _waiting(run: dict[Any, Any]) -> str:
    """Return how long a run has waited, or since when if it is not known until when."""
    if pd.notna(run["waits_since"]):
        return f"since {day(run['waits_since'])}"
    return lasting(run["waiting_s"]) + (" so far" if run["status"] == "interrupted" else "")


def totals(f: Frames) -> str:
    """Count runs by status, what needs somebody first."""
    counts = f.runs["status"].astype("str").value_counts()
    known = [word for word in ("interrupted", "error", "running", "completed") if word in counts]
    words = [*known, *counts.index.drop(known)]
    states = [(counts[word], status(word)) for word in words]
    return " · ".join(paint(f"{n:,} {state.word.lower()}", state.color) for n, state in states)


def inbox(f: Frames, checked_at: str) -> list[str]:
    """List the questions that wait for a reviewer, those first that have waited longest."""
    asks = open_questions(f)
    if asks.empty:
        return [f"You're all caught up. Last check {checked_at}."]
    named = asks.merge(f.runs[["run_id", "business_name", "agent_name"]], on="run_id")
    rows = [list(_question_cells(ask)) for ask in named.to_dict("records")]
    head = paint(f"{plural(len(rows), 'question')} waiting", "bold")
    lines = table(("Waiting", "Business", "Run", "Question"), rows, right=("Waiting",))
    return [
        f"{head}, oldest {oldest(asks)} · last check {checked_at}",
        "",
        *lines,
        "",
        paint(ANSWER_HINT, "muted"),
    ]


def _question_cells(ask: dict[Any, Any]) -> Iterator[Cell]:
    yield waited(ask["wait_s"], ask["asked_at"]), "attention"
    yield shorten(name_of(ask), MAX_NAME), "bold"
    yield short_id(ask["run_id"]), "muted"
    yield words_of(ask["label"], MAX_CELL), "text"


def run_tree(f: Frames) -> Iterator[str]:
    """Describe one run, and lay out its steps as a tree with durations; ◆ marks the critical path."""
    run = f.runs.iloc[0].to_dict() | {"waits_since": unmeasured_waits(f).iloc[0]}
    yield from _run_head(run)
    yield ""
    steps = f.steps[is_shown(f.steps)].assign(error=explanations(f.steps))
    if steps.empty:
        yield "No steps." if run["has_steps"] else "The steps were not delivered."
        return
    asks = {ask["step_id"]: ask for ask in f.interrupts.to_dict("records")}
    stems = _stems(steps)
    crosses = steps["is_failed"].map({True: "✕ ", False: ""})
    labels = [cross + words_of(label, MAX_CELL) for cross, label in zip(crosses, steps["label"], strict=True)]
    width = max(map(len, map("".join, zip(stems, labels, strict=True))))
    for stem, label, step in zip(stems, labels, steps.to_dict("records"), strict=True):
        space = " " * (width - len(stem + label))
        mark = "◆" if step["is_critical"] and run["status"] != "error" else " "
        ask = asks.get(step["step_id"])
        is_unmeasured = ask is not None and pd.isna(ask["wait_s"])
        time = MISSING if is_unmeasured else lasting(step["duration_s"])
        note = "" if ask is None else _ending(ask)
        color = "bold" if step["n_children"] else "text"
        color = "fail" if step["is_failed"] else "attention" if step["type"] == "interrupt" else color
        line = (
            f"{paint(stem, 'muted')}{paint(label, color)}{space}  {time:>13}  {mark}  {paint(note, 'muted')}"
        )
        yield line.rstrip()
        if pd.notna(step["error"]):
            yield f"{' ' * len(stem)}  {paint(words_of(step['error'], MAX_CELL), 'fail')}"
    if run["status"] != "error":  # what failed has no critical path
        yield f"\n{paint('◆ on the critical path', 'muted')}"
    yield from _findings(f)


def _findings(f: Frames) -> Iterator[str]:
    """Name the findings of a run, and say how to see a step with its result."""
    rows = findings_of(f)
    named = [
        f"{words_of(title, MAX_NAME)} ({words_of(sure)})"
        for title, sure in zip(rows["title"], rows["confidence"], strict=True)
    ]
    yield ""
    if named:
        yield f"{plural(len(named), 'finding')}: {paint(', '.join(named))}"
    has_more = f.steps["error"].notna() | f.steps["result"].fillna("{}").ne("{}")
    names = f.steps.loc[has_more, ["name", "step_id"]].drop_duplicates("name", keep=False).dropna()
    if len(names):
        command = f"runkit show {short_id(f.runs['run_id'].iloc[0])} --step {words_of(names['name'].iloc[0])}"
        yield paint(f"A step with its result: {command}", "muted")


def step_lines(panel: Panel) -> list[str]:
    """Describe one step: what it returned, its times, findings and sources; or list steps of one name."""
    head = [f"{paint(panel.title, 'bold')}", paint(panel.sentence), ""]
    shown = panel.table.rename(columns={"duration_s": "duration"})
    cells = shown.map(lambda cell: words_of(cell, MAX_VALUE) if isinstance(cell, str) else lasting(cell))
    return [*head, *table([*cells], [[(cell, "text") for cell in row] for row in cells.to_numpy()])]


def _run_head(run: dict[Any, Any]) -> Iterator[str]:
    """Describe a run in three lines: whose it is, how it ended, and where its time went."""
    name, agent = name_of(run), agent_title(None, run["agent_name"])
    state, by = status(run["status"]), "" if name == agent else f" · {paint(agent)}"
    yield (
        f"{paint(name, 'bold')} {paint(short_id(run['run_id']), 'muted')}{by}  "
        f"{paint(str(state), state.color)} {paint(*confidence(run['confidence']))}"
    )
    if run["status"] == "error":
        error = "No step says why." if pd.isna(run["outcome"]) else run["outcome"]
        yield f"No result: the review failed. {paint(error, 'fail')}"
    elif isinstance(run["outcome"], str):
        yield paint(run["outcome"])
    yield f"{time_words(run, partial(paint, color='bold'))} · created {moment(run['created_at'])}"


def _stems(steps: pd.DataFrame) -> list[str]:
    """Draw the branches of a tree in front of each step, which are in tree order."""
    is_last = ~steps.duplicated("parent_step_id", keep="last")
    stems: list[str] = []
    branches: list[str] = []
    for depth, last in zip(steps["depth"], is_last, strict=True):
        del branches[depth:]
        stems.append("".join(branches) + ("└─ " if last else "├─ "))
        branches.append("   " if last else "│  ")
    return stems


def _ending(ask: dict[Any, Any]) -> str:
    """Say how a question ended, by whom and when, as far as it is known."""
    words = outcome_words(ask["kind"], ask["outcome"], ask["decision"])
    by = f" by {ask['answered_by']}" if pd.notna(ask["answered_by"]) else ""
    when = ask["answered_at"] if pd.notna(ask["answered_at"]) else ask["asked_at"]
    return f"{words}{by}" + (f", {moment(when)}" if pd.notna(when) else "")


def name_of(run: dict[Any, Any]) -> str:
    """Name a run by its business, else by its agent."""
    return agent_title(None, run["agent_name"]) if pd.isna(run["business_name"]) else run["business_name"]


def confidence(word: object) -> Cell:
    """Give the cell of a confidence."""
    if not isinstance(word, str):
        return MISSING, "muted"
    return word.capitalize(), CONFIDENCE_COLORS.get(word, "muted")
