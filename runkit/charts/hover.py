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

COLUMNS = ["run_id", "step_id", "label", "name", "agent", "status", "started_at", "self_s", "n_artifacts"]
MOST_FINDINGS = 3
LABEL, AGENT, FINDING = 60, 40, 50  # characters
MOST_BYTES = 400_000  # of all texts: a figure has at most 1 MB, however many steps
LEAST_LABEL = 8  # characters


def hover_texts(scene: Scene, bars: Array, tz: str) -> dict[int, str]:
    """A text for each bar, by the row of its step: name, agent, times, findings, or the answer."""
    steps = scene.frames.steps[COLUMNS].iloc[bars["step"]]
    names = run_names(scene.frames) if len(scene.runs) > 1 else []
    agents, findings = agent_names(scene.frames.runs), _findings(scene, steps)
    begin = steps["started_at"].dt.tz_convert(ZoneInfo(tz)).tolist()
    own, agent, words = (steps[name].tolist() for name in ("self_s", "agent", "status"))
    labels = list(map(label_or_name, steps["label"].tolist(), steps["name"].tolist()))
    keys = list(zip(steps["run_id"], steps["step_id"], strict=True))
    most = MOST_BYTES // max(len(scene.bars), 1)
    texts = {}
    for at, bar in enumerate(bars):
        lines = [bold(plain(labels[at], LABEL))]
        if _json_bytes(lines[0]) > most:
            lines = [bold(plain(labels[at], LEAST_LABEL))]
        run = f" · {plain(names[bar['run']], LABEL)}" if names else ""
        lines.append(f"{plain(agent_word(agent[at], agents), AGENT)}{run} · {_state(scene, bar, words[at])}")
        lines.append(
            f"{_time(bar, own[at])} from {elapsed(round(float(bar['start']), 1), 0.1)} ({_clock(begin[at])})"
        )
        lines += findings.get(keys[at], [])
        texts[int(bar["step"])] = _within(lines, most)
    return texts


def _within(lines: list[str], most: int) -> str:
    """As many lines as fit, of at least the first one."""
    text = lines[0]
    for line in lines[1:]:
        more = f"{text}<br>{line}"
        if _json_bytes(more) > most:
            return text
        text = more
    return text


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


def _clock(when: pd.Timestamp) -> str:
    return f"{when.hour:02}:{when.minute:02}:{when.second:02} {when.tzname() or 'UTC'}"


def _findings(scene: Scene, steps: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """The findings of some steps with their confidence; only of those that have any."""
    wanted = steps.loc[steps["n_artifacts"] > 0, ["run_id", "step_id"]]
    if wanted.empty:
        return {}
    lines: dict[tuple[str, str], list[str]] = {}
    rows = scene.frames.artifacts.merge(wanted.drop_duplicates(), on=["run_id", "step_id"])
    for run_id, step_id, title, confidence in zip(
        *(rows[name].tolist() for name in ("run_id", "step_id", "title", "confidence")), strict=True
    ):
        sure = f" ({plain(confidence, 20)} confidence)" if isinstance(confidence, str) else ""
        lines.setdefault((run_id, step_id), []).append(f"◆ {plain(title, FINDING)}{sure}")
    return {key: _several(every) for key, every in lines.items()}


def _several(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_FINDINGS
    return [*lines[:MOST_FINDINGS], *([f"and {more} more findings"] if more > 0 else [])]


def run_hover_texts(scene: Scene, runs: Ints) -> list[str]:
    """A text for each of some runs: name, status, duration."""
    names, frame = run_names(scene.frames), scene.frames.runs
    words, total = frame["status"].astype("str").tolist(), frame["duration_s"].tolist()
    return [
        f"{bold(plain(names[at]))}<br>{plain(status(words[at]), AGENT)} · {duration(total[at])}"
        for at in np.asarray(runs).tolist()
    ]
