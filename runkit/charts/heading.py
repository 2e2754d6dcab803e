"""What a Gantt chart says in words: whose run it is, how it ended, and where the time went."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from runkit.charts.bars import LETTERS
from runkit.charts.labels import bold, colored, plain, wrapped
from runkit.style import CONFIDENCE_COLORS, Theme, status
from runkit.text import duration, moment, plural, short_id, shorten

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
    name = lines[0][0][0]
    rest = [text.strip(" ·") for text in (texts[0].removeprefix(name), *texts[1:], narrow_note)]
    narrow = [bold(line) for line in wrapped(name, NARROW * 3 // 4)]
    narrow += [_small(colored(line, theme.muted)) for text in rest if text for line in wrapped(text, NARROW)]
    alt = ". ".join(shorten(text, 2 * LONGEST) for text in texts)
    return Heading([first, *map(_small, others)], narrow, alt)


def _styled(text: str, style: str, theme: Theme) -> str:
    """A part of a line; the spaces around it stay."""
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    words = before + plain(text.strip(), LONGEST) + after if text.strip() else text
    return colored(bold(words) if style.endswith("+") else words, getattr(theme, style.rstrip("+")))


def _small(text: str) -> str:
    return f'<span style="font-size:13px">{text}</span>'


def run_heading(run: pd.Series[Any], theme: Theme, failing: object, title: str | None, note: str) -> Heading:
    """The heading of one run; `failing`: the label of the step that failed, `note`: what is left out."""
    names = _names(run["business_name"], run["agent_name"]) if title is None else [title]
    first, *rest = names or ["Unknown agent"]
    failed: Line = [] if failing is None else [(". Failed in ", "muted"), (shorten(str(failing)), "muted+")]
    end = " · ".join(["", f"run {short_id(run['run_id'])}", *_names(note)])
    head: Line = [(shorten(first), "text+"), (" · ".join(["", *map(shorten, rest), ""]), "muted"), _pill(run)]
    return heading_of([head, [*_time(run), *failed, (end, "muted")]], theme)


def runs_heading(runs: pd.DataFrame, theme: Theme, title: str | None, note: str) -> Heading:
    """The heading of several runs: a line for each of up to four, else their number by status."""
    is_few = len(runs) <= len(LETTERS)
    businesses, agents = runs["business_name"].unique(), runs["agent_name"].dropna().unique()
    is_one = len(businesses) == 1
    number = plural(len(runs), "run") + (" compared" if is_few else "")
    names = _names(title) or (_names(*businesses) if is_one else [])
    agent = _names(*agents) if len(agents) == 1 else []
    first, *rest = [*names, *agent, number] if names else [number, *agent]
    lines: list[Line] = [
        [(shorten(first), "text+"), ("".join(f" · {shorten(word)}" for word in rest), "muted")]
    ]
    for letter, (_, run) in zip(LETTERS if is_few else "", runs.iterrows(), strict=False):
        name = [] if is_one else map(shorten, _names(run["business_name"]))
        created = [] if pd.isna(run["created_at"]) else [moment(run["created_at"])]
        who = " · ".join([*name, f"run {short_id(run['run_id'])}", *created, ""])
        line: Line = [(letter, "text+"), (f"  {who}", "muted"), _pill(run)]
        for word in _names(run["confidence"]):
            color = CONFIDENCE_COLORS.get(word, "muted")
            line += [(" · ", "muted"), (f"{word.capitalize()} confidence", color)]
        lines.append([*line, *_time(run, " · ")])
    if not is_few:
        counts = runs["status"].astype("str").map(lambda word: status(word).word.lower()).value_counts()
        words = ", ".join(f"{count:,} {shorten(str(word))}" for word, count in counts.head(4).items())
        work, waiting = (duration(runs[name].sum()) for name in ("working_s", "waiting_s"))
        lines.append([(f"{words}: {work} work, {waiting} waiting", "muted")])
    return heading_of([*lines, *([[(note, "muted")]] if note else [])], theme)


def _names(*words: object) -> list[str]:
    """The words that are not missing."""
    return [word for word in words if isinstance(word, str) and word.strip()]


def _pill(run: pd.Series[Any]) -> Part:
    state = status(str(run["status"]))
    return shorten(str(state)), f"{state.color}+"


def _time(run: pd.Series[Any], lead: str = "") -> Line:
    """Where a run's time went, with the waiting in bold; after a `lead` without its total."""
    total, work, waiting, idle = run[["duration_s", "working_s", "waiting_s", "idle_s"]]
    if pd.isna(total):
        return [(f"{lead}Not started", "muted")]
    whole = duration(total) + (" so far" if run["status"] in ("running", "interrupted") else "")
    if pd.isna(work):
        return [(f"{lead}{whole}; steps not delivered", "muted")]
    words = f"{lead or whole + ': '}{duration(work)} work"
    words += f", {duration(idle)} idle" if idle > SHOWN_IDLE * (total - waiting) else ""
    return (
        [(f"{words}, ", "muted"), (f"{duration(waiting)} waiting", "muted+")]
        if waiting
        else [(words, "muted")]
    )
