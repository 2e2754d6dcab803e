"""What a Gantt chart says in words: whose run it is, how it ended, and where the time went."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from runkit.charts.bars import LETTERS
from runkit.charts.labels import bold, colored, plain, wrapped
from runkit.style import CONFIDENCE_COLORS, Theme, status
from runkit.text import duration, moment, plural, short_id, shorten

LONGEST = 200  # characters of a part of a line; names are shorter
NARROW_NAME, NARROW = 30, 40  # characters in a line on a phone: of the name, and of the smaller rest
MOST_WORDS = 4  # statuses that are counted
SHOWN_IDLE = 0.05  # of the time that is no waiting: less idle time is not worth a word
Part = tuple[str, str]  # a text, and a color of the theme; + sets it in bold
Line = list[Part]


class Heading(NamedTuple):
    """The lines of a title, and the same on a narrow screen, as plotly's markup; `alt` is plain text."""

    lines: list[str]
    narrow: list[str]
    alt: str


def heading_of(lines: list[Line], theme: Theme, narrow_note: str = "") -> Heading:
    """Set the first line as a title and the others smaller; `narrow_note` is for narrow screens only."""
    title, *others = ["".join(_styled(*part, theme) for part in line) for line in lines]
    texts = ["".join(text for text, _ in line) for line in lines]
    name = lines[0][0][0]
    narrow = [bold(words) for words in wrapped(name, NARROW_NAME)]
    for text in (texts[0].removeprefix(name), *texts[1:], narrow_note):
        if words := text.strip(" ·"):
            lines_of = [line.strip(" ·") for line in wrapped(words, NARROW)]
            narrow += [_small(colored(line, theme.muted)) for line in lines_of]
    alt = ". ".join(shorten(text, 2 * LONGEST) for text in texts)
    return Heading([title, *map(_small, others)], narrow, alt)


def _styled(text: str, style: str, theme: Theme) -> str:
    """A part of a line; the spaces around it stay."""
    words = text.strip()
    if not words:
        return text
    before, _, after = text.partition(words)
    words = plain(words, LONGEST)
    if style.endswith("+"):
        words = bold(words)
    return colored(before + words + after, getattr(theme, style.rstrip("+")))


def _small(text: str) -> str:
    return f'<span style="font-size:13px">{text}</span>'


def run_heading(run: pd.Series[Any], theme: Theme, failing: object, title: str | None, note: str) -> Heading:
    """The heading of one run; `failing`: the label of the step that failed, `note`: what is left out."""
    names = _names(title) or _names(run["business_name"], run["agent_name"])
    name, *others = names or ["Unknown agent"]
    between = " · ".join(["", *map(shorten, others), ""])
    head = [(shorten(name), "text+"), (between, "muted"), _pill(run)]
    time = _time(run)
    if failing is not None:
        time += [(". Failed in ", "muted"), (shorten(str(failing)), "muted+")]
    end = " · ".join(["", f"run {short_id(run['run_id'])}", *_names(note)])
    return heading_of([head, [*time, (end, "muted")]], theme)


def runs_heading(runs: pd.DataFrame, theme: Theme, title: str | None, note: str) -> Heading:
    """The heading of several runs: a line for each of up to four, else their number by status."""
    lines = [_runs_title(runs, title)]
    if len(runs) <= len(LETTERS):
        is_one_business = runs["business_name"].nunique(dropna=False) == 1
        for letter, (_, run) in zip(LETTERS, runs.iterrows(), strict=False):
            lines.append(_run_line(letter, run, not is_one_business))
    else:
        lines.append([(_totals(runs), "muted")])
    if note:
        lines.append([(note, "muted")])
    return heading_of(lines, theme)


def _runs_title(runs: pd.DataFrame, title: str | None) -> Line:
    """The title, or the business and the agent that all runs share, and the number of runs."""
    businesses = runs["business_name"].unique()
    agents = runs["agent_name"].dropna().unique()
    names = _names(title)
    if not names and len(businesses) == 1:
        names = _names(*businesses)
    agent = _names(*agents) if len(agents) == 1 else []
    number = plural(len(runs), "run")
    if len(runs) <= len(LETTERS):
        number += " compared"
    name, *others = [*names, *agent, number] if names else [number, *agent]
    rest = "".join(f" · {shorten(words)}" for words in others)
    return [(shorten(name), "text+"), (rest, "muted")]


def _run_line(letter: str, run: pd.Series[Any], has_name: bool) -> Line:
    """One of a few runs: its id with its name or its time, how it ended, and where its time went."""
    words = [shorten(name, NARROW_NAME) for name in _names(run["business_name"])] if has_name else []
    words.append(f"run {short_id(run['run_id'])}")
    if pd.notna(run["created_at"]) and not has_name:  # a line has no room for both
        words.append(moment(run["created_at"]))
    line: Line = [(letter, "text+"), (f"  {' · '.join(words)} · ", "muted"), _pill(run)]
    for level in _names(run["confidence"]):
        color = CONFIDENCE_COLORS.get(level, "muted")
        line += [(" · ", "muted"), (f"{level.capitalize()} confidence", color)]
    return [*line, *_time(run, " · ")]


def _totals(runs: pd.DataFrame) -> str:
    """How many runs have which status, and where their time went."""
    n_of = runs["status"].astype("str").map(lambda word: status(word).word.lower()).value_counts()
    words = [f"{n:,} {shorten(str(word))}" for word, n in n_of.head(MOST_WORDS).items()]
    if len(n_of) > MOST_WORDS:
        words.append(f"{n_of.iloc[MOST_WORDS:].sum():,} other")
    work, waiting = runs["working_s"].sum(), runs["waiting_s"].sum()
    return f"{', '.join(words)}: {duration(work)} work, {duration(waiting)} waiting"


def _names(*words: object) -> list[str]:
    """The words that are not missing."""
    return [word for word in words if isinstance(word, str) and word.strip()]


def _pill(run: pd.Series[Any]) -> Part:
    state = status(str(run["status"]))
    return shorten(str(state)), f"{state.color}+"


def _time(run: pd.Series[Any], lead: str = "") -> Line:
    """Where a run's time went, with the waiting in bold; after a `lead` without its total."""
    total, work = run["duration_s"], run["working_s"]
    waiting, idle = run["waiting_s"], run["idle_s"]
    if pd.isna(total):
        return [(f"{lead}Not started", "muted")]
    is_open = run["status"] in ("running", "interrupted")
    whole = duration(total) + (" so far" if is_open else "")
    if pd.isna(work):
        return [(f"{lead}{whole}; steps not delivered", "muted")]
    words = (lead or f"{whole}: ") + f"{duration(work)} work"
    if idle > SHOWN_IDLE * (total - waiting):
        words += f", {duration(idle)} idle"
    if not waiting:
        return [(words, "muted")]
    return [(f"{words}, ", "muted"), (f"{duration(waiting)} waiting", "muted+")]
