"""What a Gantt chart says in words: whose run it is, how it ended, and where the time went."""

from __future__ import annotations

from calendar import month_abbr
from typing import Any, NamedTuple

import pandas as pd

from runkit.charts.labels import bold, colored, plain, wrapped
from runkit.style import CONFIDENCE_COLORS, STATUSES, Theme, status
from runkit.text import duration, plural, short_id, shorten

LONGEST = 200  # characters of a part of a line; names are shorter
NARROW = 40  # characters in a line on a phone
SHOWN_IDLE = 0.05  # of the time that is no waiting: less idle time is not worth a word
Part = tuple[str, str]  # a text, and `muted` or another color of the theme; + sets it in bold
Line = list[Part]


class Heading(NamedTuple):
    """The lines of a title, and the same on a narrow screen, as plotly's markup; `alt` is plain text."""

    lines: list[str]
    narrow: list[str]
    alt: str


def heading_of(lines: list[Line], theme: Theme, narrow_note: str = "") -> Heading:
    """Set the first line as a title and the others smaller; `narrow_note` is for narrow screens only."""
    first, *others = ["".join(_styled(*part, theme) for part in line) for line in lines]
    texts = ["".join(text for text, _ in line) for line in lines]
    rest = [text.strip(" ·") for text in (texts[0].removeprefix(lines[0][0][0]), *texts[1:], narrow_note)]
    narrow = [bold(line) for line in wrapped(lines[0][0][0], NARROW * 3 // 4)]
    narrow += [_small(colored(line, theme.muted)) for text in rest if text for line in wrapped(text, NARROW)]
    alt = ". ".join(shorten(text, 2 * LONGEST) for text in texts)
    return Heading([first, *map(_small, others)], narrow, alt)


def _styled(text: str, style: str, theme: Theme) -> str:
    """A part of a line; the spaces around it stay."""
    words = plain(text.strip(), LONGEST)
    words = text[: len(text) - len(text.lstrip())] + words + text[len(text.rstrip()) :] if words else text
    color = style.rstrip("+")
    return colored(bold(words) if style.endswith("+") else words, getattr(theme, color))


def _small(text: str) -> str:
    return f'<span style="font-size:13px">{text}</span>'


def run_heading(run: pd.Series[Any], theme: Theme, failing: object, title: str | None, note: str) -> Heading:
    """The heading of one run; `failing`: the label of the step that failed, `note`: what is left out."""
    names = [title] if title is not None else _names(run, "business_name", "agent_name")
    first, *rest = names or ["Unknown agent"]
    failed: Line = [] if failing is None else [(". Failed in ", "muted"), (shorten(str(failing)), "muted+")]
    end = f" · run {short_id(run['run_id'])}" + (f" · {note}" if note else "")
    head: Line = [(shorten(first), "text+"), (_dots(*rest, ""), "muted"), _pill(run)]
    return heading_of([head, [*_time(run), *failed, (end, "muted")]], theme)


def runs_heading(runs: pd.DataFrame, theme: Theme, letters: str, title: str | None, note: str) -> Heading:
    """The heading of several runs: a line each if they have letters, else their number by status."""
    businesses, agents = runs["business_name"].unique(), runs["agent_name"].dropna().unique()
    is_one = len(businesses) == 1 and isinstance(businesses[0], str)
    names = [title] if title is not None else [businesses[0]] if is_one else []
    agent, number = agents[: len(agents) == 1], plural(len(runs), "run") + (" compared" if letters else "")
    first, *rest = [*names, *agent, number] if names else [number, *agent]
    lines: list[Line] = [[(shorten(first), "text+"), (_dots(*rest), "muted")]]
    if not letters:
        lines.append([(_counts(runs), "muted")])
    for letter, (_, run) in zip(letters, runs.iterrows(), strict=False):
        name = [] if is_one else _names(run, "business_name")
        created = [] if pd.isna(run["created_at"]) else [_day_and_time(run["created_at"])]
        who = _dots(*name, f"run {short_id(run['run_id'])}", *created, "").removeprefix(" ·")
        line = [(letter, "text+"), (f" {who}", "muted"), _pill(run), *_confidence(run)]
        lines.append([*line, *_time(run, " · ")])
    return heading_of([*lines, *([[(note, "muted")]] if note else [])], theme)


def _names(run: pd.Series[Any], *columns: str) -> list[str]:
    return [name for name in run[list(columns)] if isinstance(name, str) and name.strip()]


def _dots(*words: str) -> str:
    """Words after dots."""
    return "".join(f" · {shorten(word)}" for word in words)


def _pill(run: pd.Series[Any]) -> Part:
    state = status(str(run["status"]))
    return shorten(str(state)), f"{state.color}+"


def _confidence(run: pd.Series[Any]) -> Line:
    word = run["confidence"]
    if not isinstance(word, str):
        return []
    return [(" · ", "muted"), (f"{word.capitalize()} confidence", CONFIDENCE_COLORS.get(word, "muted"))]


def _day_and_time(when: pd.Timestamp) -> str:
    return f"{month_abbr[when.month]} {when.day}, {when.hour:02}:{when.minute:02} {when.tzname() or 'UTC'}"


def _time(run: pd.Series[Any], lead: str = "") -> Line:
    """Where a run's time went, with the waiting in bold; after a `lead` without its total."""
    total = run["duration_s"]
    if pd.isna(total):
        return [(f"{lead}Not started", "muted")]
    so_far = " so far" if run["status"] in ("running", "interrupted") else ""
    if pd.isna(run["working_s"]):
        return [(f"{lead}{duration(total)}{so_far}; steps not delivered", "muted")]
    words = lead or f"{duration(total)}{so_far}: "
    words += f"{duration(run['working_s'])} work"
    if run["idle_s"] > SHOWN_IDLE * (total - run["waiting_s"]):
        words += f", {duration(run['idle_s'])} idle"
    waiting = f"{duration(run['waiting_s'])} waiting"
    return [(f"{words}, ", "muted"), (waiting, "muted+")] if run["waiting_s"] else [(words, "muted")]


def _counts(runs: pd.DataFrame) -> str:
    """Say how many runs there are of each status, and what their time went into."""
    counts = runs["status"].astype("str").value_counts()
    known = [word for word in STATUSES if word in counts]
    parts = [f"{counts[word]:,} {STATUSES[word].word.lower()}" for word in known]
    if other := int(counts.drop(known).sum()):
        parts.append(f"{other:,} other")
    sums = runs[["working_s", "waiting_s"]].sum()
    return f"{', '.join(parts)}: {duration(sums['working_s'])} work, {duration(sums['waiting_s'])} waiting"
