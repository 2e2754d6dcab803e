"""What a Gantt chart says about a step when a reader points at it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.charts.bars import WAIT, Scene, each
from runkit.charts.labels import bold, plain
from runkit.charts.step_panel import leaves
from runkit.style import status
from runkit.text import duration, plural

MOST_FINDINGS = MOST_VALUES = 3
LABEL, NAME, FINDING = 60, 40, 50  # characters


def with_hover(scene: Scene, bars: pd.DataFrame) -> pd.DataFrame:
    """Add a text for each bar: name, agent, times, findings, or the answer."""
    findings = _findings(scene, bars)
    run_names = [f" · {plain(label, LABEL)}" for label in scene.runs["label"]]
    is_one = len(run_names) == 1
    texts = []
    for bar in each(bars):
        run = "" if is_one or bar.is_run else run_names[bar.run]
        lines = [
            bold(plain(bar.label, LABEL)),
            f"{plain(bar.agent_name, NAME)}{run} · {_state(bar)}",
            f"{_time(bar)} from {duration(bar.start)} {_clock(bar)}",
            *findings.get((bar.run_id, bar.step_id), ()),
            *_values(bar),
        ]
        texts.append("<br>".join(lines))
    return bars.assign(hover=texts)


def _clock(bar: Any) -> str:
    if pd.isna(bar.duration_s):
        return "(not started)"
    when = bar.started_at
    return f"({when.hour:02}:{when.minute:02}:{when.second:02} UTC)"


def _time(bar: Any) -> str:
    whole = bar.end - bar.start
    is_own = bar.is_run or abs(whole - bar.self_s) < 0.05
    own = "" if is_own else f" (own time {duration(bar.self_s)})"
    is_unmeasured = bar.kind == WAIT and bar.is_open and whole <= 0
    return duration(whole) + own if whole > 0 else "not known how long," if is_unmeasured else "instant"


def _state(bar: Any) -> str:
    if bar.kind == WAIT:
        return "waiting for a reviewer" if bar.is_open else plain(bar.note or "Answered")
    if bar.is_open:
        return str(bar.note)
    return plain(status(str(bar.status)), NAME) + (f": {plain(bar.note)}" if bar.note else "")


def _values(bar: Any) -> list[str]:
    """Return the first values of a step's result, and how many more there are."""
    values = leaves(bar.result)
    lines = [f"{plain(path, NAME)}: {plain(value, FINDING)}" for path, value in values[:MOST_VALUES]]
    n_more = len(values) - len(lines)
    return [*lines, f"and {plural(n_more, 'more value')}"] if n_more else lines


def _findings(scene: Scene, bars: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """The findings of some steps with their confidence; only of those that have any."""
    keys = ["run_id", "step_id"]
    wanted = bars.loc[bars["n_artifacts"] > 0, keys].drop_duplicates()
    found = scene.frames.artifacts.merge(wanted, on=keys)
    columns = (found[name].tolist() for name in (*keys, "title", "confidence"))
    lines: dict[tuple[str, str], list[str]] = {}
    for run_id, step_id, title, confidence in zip(*columns, strict=True):
        sure = f" ({plain(confidence, 20)} confidence)" if isinstance(confidence, str) else ""
        lines.setdefault((run_id, step_id), []).append(f"◆ {plain(title, FINDING)}{sure}")
    for texts in lines.values():
        if len(texts) > MOST_FINDINGS:
            texts[MOST_FINDINGS:] = [f"and {len(texts) - MOST_FINDINGS} more findings"]
    return lines
