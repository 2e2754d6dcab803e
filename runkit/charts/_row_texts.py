"""The words in the rows of a chart: their labels, the texts at the ends of bars, and the hover."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.jsontext import returned
from runkit.api.words import RUN_STATUSES, STATES
from runkit.charts._rows import HEAD
from runkit.charts.lines import Line, Span, shown
from runkit.display.text import agent_title, day, duration, first_text, plural
from runkit.tables.frames import Frames
from runkit.tables.run_rules import short_ids, time_parts
from runkit.time_budget import Ints

MAX_NAME, MAX_LABEL, MAX_REASON, MAX_HOVER = 30, 60, 80, 80  # characters
MAX_VALUES = 3  # findings, and values of a result, in a hover text
INDENT = "\u00a0" * 4
MAX_INDENT = 5
NOT_KNOWN = "length not known"
WITHOUT_STEPS = "steps not in the data"
STEP_FIELDS = (
    *("run_id", "step_id", "label", "agent_name", "state", "started_at", "duration_s", "self_s"),
    *("result", "depth", "start", "asked", "is_wait", "is_leaf", "is_failed", "is_running"),
    *("is_waiting", "is_on_path"),
)
Row = dict[Any, Any]


def with_texts(
    f: Frames, runs: pd.DataFrame, table: pd.DataFrame, rows: pd.DataFrame, row_of: Ints
) -> pd.DataFrame:
    """Add `label`, `text` (both lines) and `hover` (a list of texts) to rows.

    Parameters
    ----------
    f
        Frames of the runs.
    runs
        The runs with `wait_s`, `since` and `reason`, in the order of the frames.
    table
        The table of `Items`.
    rows
        The rows of `choose_rows`.
    row_of
        The row in which each item is drawn.
    """
    ids = short_ids(runs["run_id"]).tolist()
    names = run_names(runs)
    of_run = runs.to_dict("records")
    is_head = rows["item"] == HEAD
    steps = table.loc[rows.loc[~is_head, "item"], [*STEP_FIELDS]].to_dict("index")
    found = _findings(f, {step["step_id"] for step in steps.values()})
    failures = _failures(table, row_of)
    waits = _open_waits(table, row_of)
    is_mixed = bool(is_head.any() and not is_head.all())
    texts = []
    for row, run, item in zip(rows.index, rows["run"], rows["item"], strict=True):
        if item == HEAD:
            label = _run_label(of_run[run], names[run], ids[run], is_bold=is_mixed)
            texts.append((label, _run_text(of_run[run]), _run_hover(of_run[run], ids[run])))
        else:
            step = steps[item] | {"why": failures.get(row), "wait": waits.get(row)}
            results = found.get((step["run_id"], step["step_id"]), [])
            texts.append(
                (
                    _step_label(step, below_run=is_mixed),
                    _step_text(step),
                    _step_hover(step, results),
                )
            )
    labels, ends, hovers = map(list, zip(*texts, strict=True))
    return rows.assign(label=labels, text=ends, hover=hovers)


def run_names(runs: pd.DataFrame) -> list[str]:
    """Return what runs are called beside their ids, empty for a name that most of them share."""
    pairs = zip(runs["business_name"], runs["agent_name"], runs["agent"], strict=True)
    names = pd.Series([first_text(pair[0]) or agent_title(pair[2], pair[1]) for pair in pairs])
    share = names.map(names.value_counts(normalize=True))
    is_plain = (share > 0.5) & (len(names) > 1) & runs["business_name"].isna().to_numpy()
    return names.mask(is_plain, "").tolist()


def _failures(table: pd.DataFrame, row: Ints) -> dict[int, str]:
    """Return why what is drawn in a row failed, the last reason of each row."""
    is_said = table["error"].notna().to_numpy()
    return dict(zip(row[is_said].tolist(), table["error"][is_said], strict=True))


def _open_waits(table: pd.DataFrame, row: Ints) -> dict[int, tuple[Any, Any]]:
    """Return the longest open question that is drawn in a row: its seconds, and since when."""
    is_open = table["is_waiting"].to_numpy()
    questions = table.loc[is_open, ["duration_s", "started_at"]].assign(row=row[is_open])
    longest = questions.sort_values("duration_s", kind="stable", na_position="first")
    seconds, since = longest["duration_s"], longest["started_at"]
    return dict(zip(longest["row"], zip(seconds, since, strict=True), strict=True))


def _findings(f: Frames, step_ids: set[str]) -> dict[Any, list[str]]:
    """Return what steps found, and how sure they were, by run and step."""
    found: dict[Any, list[str]] = {}
    artifacts = f.artifacts[f.artifacts["step_id"].isin(step_ids)]
    columns = (artifacts[name] for name in ("run_id", "step_id", "title", "confidence"))
    for run_id, step_id, title, confidence in zip(*columns, strict=True):
        words = shown(title, MAX_HOVER)
        if isinstance(confidence, str):
            words = f"{words} · {shown(confidence, 20)} confidence"
        found.setdefault((run_id, step_id), []).append(words)
    return found


# -------------------------------------------------------------------------------- rows of runs


def _run_label(run: Row, name: str, short: str, *, is_bold: bool) -> Line:
    state = RUN_STATUSES.find(run["status"])
    line = [Span(f"{state.icon} ", state.role, is_bold=True)]
    if name:
        line.append(Span(f"{shown(name, MAX_NAME)} ", is_bold=is_bold))
    return [*line, Span(shown(short, MAX_LABEL), "muted")]


def _run_text(run: Row) -> Line:
    """Write what a run took, what it waits for, and why it failed."""
    line = _worked(run)
    if RUN_STATUSES.is_a(run["status"], "running"):
        line.append(Span(" so far", "muted"))
    if pd.notna(run["since"]) or pd.notna(run["wait_s"]):
        line.append(_waiting(run["wait_s"], run["since"]))
    elif RUN_STATUSES.is_a(run["status"], "waiting"):
        line.append(Span("  waiting", "attention", is_bold=True))
    elif pd.notna(run["waiting_s"]) and run["waiting_s"]:
        line.append(Span(f"  + {duration(run['waiting_s'])} wait", "muted"))
    if isinstance(run["reason"], str):
        line.append(Span(f"  {shown(run['reason'], MAX_REASON)}", "fail"))
    return line


def _worked(run: Row) -> Line:
    if not run["has_steps"]:
        return [Span(WITHOUT_STEPS, "muted")]
    if pd.isna(run["working_s"]):
        return [Span(NOT_KNOWN, "muted")]
    return [Span(duration(run["working_s"]))]


def _waiting(seconds: Any, since: Any) -> Span:
    """Write how long a question has been open; of a wait that is not known only since when."""
    words = ["waiting"]
    if pd.notna(seconds):
        words.append(duration(seconds))
    text = " ".join(words)
    if pd.notna(since):
        text += f", since {day(since, has_year=False)}"
    return Span(f"  {text}", "attention", is_bold=True)


def _run_hover(run: Row, short: str) -> list[str]:
    name = first_text(run["business_name"]) or ""
    agent = agent_title(run["agent"], run["agent_name"])
    head = " · ".join(filter(None, [shown(name, MAX_HOVER) if name else "", shown(agent), short]))
    lines = [head, str(RUN_STATUSES.find(shown(run["status"], 30)))]
    if isinstance(run["outcome"], str):
        lines.append(shown(run["outcome"], MAX_HOVER))
    return [*lines, ", ".join(filter(None, time_parts(run)))]


# -------------------------------------------------------------------------------- rows of steps


def _step_label(step: Row, *, below_run: bool) -> Line:
    depth = min(step["depth"] + below_run, MAX_INDENT)
    name = shown(step["label"], MAX_LABEL)
    return [Span(INDENT * depth + name, is_bold=not step["is_leaf"] and not below_run)]


def _step_text(step: Row) -> Line:
    length = _length(step)
    if step["is_wait"]:
        if step["is_waiting"]:
            return [_trimmed(_waiting(step["duration_s"], step["started_at"]))]
        ending = first_text(step["asked"]) or STATES.find(step["state"]).label
        return [Span(length, "attention"), Span(f"  {shown(ending, MAX_REASON)}", "attention")]
    if step["is_failed"]:
        line = [Span(f"✕ {length}", "fail", is_bold=True)]
    else:
        line = [Span(length, "text" if step["is_on_path"] else "muted")]
    if step["why"]:
        line.append(Span(f"  {shown(step['why'], MAX_REASON)}", "fail"))
    if step["wait"]:
        line.append(_waiting(*step["wait"]))
    return line


def _trimmed(span: Span) -> Span:
    return span._replace(text=span.text.strip())


def _length(step: Row) -> str:
    if pd.isna(step["duration_s"]):
        return NOT_KNOWN
    words = duration(step["duration_s"])
    return f"{words} so far" if step["is_running"] else words


def _step_hover(step: Row, found: list[str]) -> list[str]:
    """Write the agent of a step, its times, and what it found, returned, or was asked."""
    ending = first_text(step["asked"]) if step["is_wait"] else None
    state = ending or str(STATES.find(step["state"]))
    lines = [shown(step["label"], MAX_HOVER), f"{shown(step['agent_name'], 40)} · {shown(state)}"]
    times = [_length(step)]
    if pd.notna(step["self_s"]) and not step["is_leaf"]:
        times.append(f"{duration(step['self_s'])} of its own")
    if pd.notna(step["started_at"]):
        times.append(f"from {duration(step['start'])} ({step['started_at']:%H:%M:%S} UTC)")
    lines.append(", ".join(times))
    if step["why"]:
        lines.append(shown(step["why"], MAX_HOVER))
    values = returned(step["result"]) if isinstance(step["result"], str) else []
    lines += [f"◆ {words}" for words in found[:MAX_VALUES]]
    lines += [shown(value, MAX_HOVER) for value in values[:MAX_VALUES]]
    n_more = max(len(found) - MAX_VALUES, 0) + max(len(values) - MAX_VALUES, 0)
    return [*lines, plural(n_more, "more value")] if n_more else lines
