"""What a Gantt chart says about a step when a reader points at it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from runkit.charts.axis import elapsed
from runkit.charts.bars import WAIT, Array, Scene, agent_names, agent_word, label_or_name
from runkit.charts.labels import bold, plain
from runkit.charts.rows import run_names
from runkit.style import status
from runkit.text import duration
from runkit.timing import Ints

COLUMNS = ["run_id", "step_id", "label", "name", "agent", "status", "self_s", "started_at"]
MOST_FINDINGS = 3
LABEL, AGENT, FINDING = 60, 40, 50  # characters
MOST_BYTES = 600_000  # of all texts: a figure has at most 1 MB, however many steps
SHORTER = (20, 8)  # characters of labels where the texts are too long


def hover_texts(scene: Scene, bars: Array, tz: str) -> dict[int, str]:
    """A text for each bar, by the row of its step: name, agent, times, findings, or the answer.

    Where all of them would be too long, only name and times, and then only the start of the name.
    """
    steps = scene.frames.steps[[*COLUMNS, "n_artifacts"]].iloc[bars["step"]]
    steps["started_at"] = steps["started_at"].dt.tz_convert(ZoneInfo(tz))
    names = run_names(scene.frames) if len(scene.runs) > 1 else []
    agents, findings = agent_names(scene.frames.runs), _findings(scene, steps)
    rows = zip(bars, *(steps[name].tolist() for name in COLUMNS), strict=True)
    lines: list[list[str]] = []
    for bar, run_id, step_id, label, name, agent, word, own, when in rows:
        run = f" · {plain(names[bar['run']], LABEL)}" if names else ""
        start = elapsed(round(float(bar["start"]), 1), 0.1)
        clock = f"{when.hour:02}:{when.minute:02}:{when.second:02} {when.tzname() or 'UTC'}"
        what = f"{plain(agent_word(agent, agents), AGENT)}{run} · {_state(scene, bar, word)}"
        time = f"{_time(bar, own)} from {start} ({clock})"
        lines.append([str(label_or_name(label, name)), time, what, *findings.get((run_id, step_id), [])])
    for limit in (LABEL, *SHORTER):
        texts = [bold(plain(name, limit)) for name, *_ in lines]
        for at, (_, time, agent, *found) in enumerate(lines if limit > SHORTER[-1] else ()):
            texts[at] = "<br>".join([texts[at], *([agent, time, *found] if limit == LABEL else [time])])
        if sum(map(_json_bytes, texts)) <= MOST_BYTES:
            break
    return dict(zip(bars["step"].tolist(), texts, strict=True))


def _json_bytes(text: str) -> int:
    """The size of a text in plotly's JSON, which writes these letters as codes."""
    return len(text.encode("ascii", "backslashreplace")) + 5 * sum(map(text.count, "<>/"))


def _state(scene: Scene, bar: Any, word: object) -> str:
    if bar["kind"] == WAIT:
        return (
            "waiting for a reviewer"
            if bar["is_open"]
            else plain(scene.answers.get(int(bar["step"]), "Answered"))
        )
    if bar["is_open"]:
        return "still running" if scene.runs["is_live"][bar["run"]] else "no end recorded"
    message = scene.messages.get(int(bar["step"]))
    return plain(status(str(word)), AGENT) + ("" if message is None else f": {plain(message, LABEL)}")


def _time(bar: Any, own: float) -> str:
    whole = float(bar["end"] - bar["start"])
    if whole <= 0:
        return "instant"
    return duration(whole) + ("" if abs(whole - own) < 0.05 else f" (own time {duration(own)})")


def _findings(scene: Scene, steps: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """The findings of some steps with their confidence; only of those that have any."""
    wanted = steps.loc[steps["n_artifacts"] > 0, ["run_id", "step_id"]].drop_duplicates()
    lines: dict[tuple[str, str], list[str]] = {}
    rows = scene.frames.artifacts.merge(wanted, on=["run_id", "step_id"])
    columns = (rows[name].tolist() for name in ("run_id", "step_id", "title", "confidence"))
    for run_id, step_id, title, confidence in zip(*columns, strict=True):
        sure = f" ({plain(confidence, 20)} confidence)" if isinstance(confidence, str) else ""
        lines.setdefault((run_id, step_id), []).append(f"◆ {plain(title, FINDING)}{sure}")
    for found in lines.values():
        if more := len(found) - MOST_FINDINGS:
            found[MOST_FINDINGS:] = [f"and {more} more findings"] if more > 0 else []
    return lines


def run_hover_texts(scene: Scene, runs: Ints) -> list[str]:
    """A text for each of some runs: name, status, duration."""
    names, frame = run_names(scene.frames), scene.frames.runs
    words, total = frame["status"].astype("str").tolist(), frame["duration_s"].tolist()
    return [
        f"{bold(plain(names[at]))}<br>{plain(status(words[at]), AGENT)} · {duration(total[at])}"
        for at in np.asarray(runs).tolist()
    ]
