"""What a chart of runs says in words: whose runs they are, how they ended, and where the time went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pandas as pd

from runkit.charts.style import bold, colored, level, pill, plain, unmarked
from runkit.style import Theme
from runkit.text import duration, moment, short_id, shorten

LONGEST = 200  # characters of a title of the user
NAME = 30  # characters of a name in the line of one of a few runs
SHOWN_IDLE = 0.05  # of the time that is no waiting: less idle time is not worth a word


class Heading(NamedTuple):
    """The lines of a title as plotly's markup; `alt` is plain text."""

    lines: list[str]
    alt: str


def heading_of(theme: Theme, title: Iterable[str], *others: Iterable[str]) -> Heading:
    """Set a title with its first part in bold, and other lines smaller below.

    Lines are parts in plotly's markup, of which the empty ones are left out.
    """
    name, *parts = title
    rest = "".join(f" · {part}" for part in parts if part)
    smaller = [line for parts in others if (line := " · ".join(filter(None, parts)))]
    lines = [bold(name) + colored(rest, theme.muted)]
    lines += [f'<span style="font-size:13px">{colored(line, theme.muted)}</span>' for line in smaller]
    return Heading(lines, ". ".join(shorten(unmarked(line), 2 * LONGEST) for line in lines))


def run_heading(runs: pd.DataFrame, theme: Theme, title: str | None, *notes: str) -> Heading:
    """Write the heading of one run, or of two to four with a line for each; `notes` say what is left out.

    The title names the business and the agent that all runs share.
    """
    businesses, agents = (_names(*runs[name].unique()) for name in ("business_name", "agent_name"))
    shared = [*_names(title)] or [*businesses[: len(businesses) == 1], *agents[: len(agents) == 1]]
    names = [plain(name, LONGEST) for name in shared]
    if len(runs) > 1:
        number = f"{len(runs)} runs compared"
        lines = [_run_line(run, theme, len(businesses) != 1) for run in runs.to_dict("records")]
        names = [*names, number] if businesses[1:] == [] and names else [number, *names]
        return heading_of(theme, names, *lines, *([note] for note in notes))
    [run] = runs.to_dict("records")
    names = names or ["Unknown agent"]
    first, *others = notes or ("",)
    head = [*names, pill(run["status"], theme)]
    return heading_of(theme, head, [time_words(run) + first, _id(run)], *([note] for note in others))


def _run_line(run: dict[Any, Any], theme: Theme, has_name: bool) -> list[str]:
    """Write one of a few runs: its id with its name or its time, how it ended, and where its time went."""
    names = [plain(name, NAME) for name in _names(run["business_name"])] if has_name else []
    is_dated = pd.notna(run["created_at"]) and not has_name  # a line has no room for both
    parts = [*names, _id(run), moment(run["created_at"]) if is_dated else ""]
    sure = [level(word, theme, " confidence") for word in _names(run["confidence"])]
    parts[0] = f"{colored(bold(run['label'][0]), theme.text)}  {parts[0]}"
    return [*parts, pill(run["status"], theme), *sure, time_words(run, has_total=False)]


def _names(*words: object) -> list[str]:
    """Return the words that are not missing."""
    return [word for word in words if isinstance(word, str) and word.strip()]


def _id(run: Any) -> str:
    return f"run {plain(short_id(run['run_id']))}"


def time_words(run: Any, emphasize: Callable[[str], str] = bold, *, has_total: bool = True) -> str:
    """Write where a run's time went, with the waiting emphasized."""
    total, work, waiting = run["duration_s"], run["working_s"], run["waiting_s"]
    if pd.isna(total):
        return "Not started"
    whole = duration(total) + (" so far" if run["status"] in ("running", "interrupted") else "")
    if pd.isna(work):
        return f"{whole}; steps not delivered"
    parts = [f"{duration(work)} work"]
    if run["idle_s"] > SHOWN_IDLE * (total - waiting):
        parts.append(f"{duration(run['idle_s'])} idle")
    if pd.notna(run["waits_since"]):
        parts.append(emphasize(f"waiting since {moment(run['waits_since'])}"))
    elif waiting:
        parts.append(emphasize(f"{duration(waiting)} waiting"))
    return (f"{whole}: " if has_total else "") + ", ".join(parts)
