"""How runs are said to somebody who was not there: shares, lists, names, statuses and verdicts in words.

A sentence is plain text: whoever shows it escapes it. Text of a run stands on one line and bounded, and
between quotation marks where it could pass for what runkit says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from runkit.contract import CONFIDENCES, FINAL_STATUSES
from runkit.tables.frames import Frames
from runkit.text import duration, moment, one_line, plural, shorten

NO_RUNS = "There are no runs."
NAME = 40  # characters of a name in a sentence
QUOTE = 80  # characters of a label or a title: more hides the sentence around it
EXCERPT = 200  # characters of a summary
STATEMENT = 400  # characters of what somebody asked for
FEW = 3  # things named one by one in a sentence; more are counted


def known(value: object) -> str | None:
    """Give a text that says something, on one line; None for a missing value and for blanks.

    Signs that cannot be seen are shown, as in figures.
    """
    if value is None or value != value:  # NaN and NaT differ from themselves
        return None
    return one_line(str(value)) or None


def said(value: object, absent: str = "unknown", limit: int = NAME) -> str:
    """Give a word of a run for a sentence, cut to `limit` characters."""
    return shorten(known(value) or absent, limit)


def quoted(value: object, limit: int = QUOTE, otherwise: str = "(without a name)") -> str:
    """Quote a text of a run in a sentence of ours; `otherwise` stands without quotation marks."""
    line = known(value)
    return otherwise if line is None else f"“{shorten(line, limit)}”"


def agent_name(value: object) -> str:
    """Name an agent where it stands alone, in a row or a label."""
    return said(value, "no agent named")


def by_agent(value: object) -> str:
    """Name an agent as the one who did something."""
    return said(value, "an unknown agent", QUOTE)


def step_name(step: pd.Series[Any]) -> str:
    """Quote a step: its label, else its internal name."""
    return quoted(step["label"] if known(step["label"]) else step["name"])


def step_names(steps: pd.DataFrame) -> pd.Series[Any]:
    """Give the names of steps for a table: the label, else the internal name, as they came."""
    return steps["label"].where(steps["label"].notna(), steps["name"])


def share(part: float, whole: float) -> str:
    """Say a share in percent; only what is nothing is 0 %, and only what is all is 100 %."""
    if not whole:
        return "none"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "under 1 %"
    if 99 < percent < 100:
        return "over 99 %"
    return f"{percent:.0f} %"


def listed(words: Iterable[str]) -> str:
    """Say `a`, `a and b`, `a, b and c`."""
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def few(words: Sequence[str], most: int = FEW) -> str:
    """Name the first ones and count the others."""
    left = len(words) - most
    return listed([*words[:most], f"{left:,} more"] if left > 0 else words)


def counts(values: Iterable[object], otherwise: str) -> str:
    """Say how often each word comes, best confidence first, then by number: `4 high, 1 medium and 2 odd`."""
    found = pd.Series([known(value) or otherwise for value in values], dtype="str").value_counts()
    order = [word for word in CONFIDENCES if word in found.index]
    order += [word for word in found.index if word not in order]
    return listed([f"{found[word]:,} {shorten(word, QUOTE)}" for word in order])


def status_words(run: pd.Series[Any]) -> str:
    """Say where a run stands and for how long it took: the end of a sentence that begins with the run."""
    lasted = run["duration_s"]
    if pd.isna(lasted):
        return f"has not started; it was created on {moment(run['created_at'])}"
    took = duration(lasted)
    match known(run["status"]):
        case "completed":
            return f"completed after {took}"
        case "error":
            return f"failed after {took}"
        case "running":
            return f"had been running for {took} when it was read on {moment(run['as_of'])}"
        case "interrupted":
            return f"was paused when it was read on {moment(run['as_of'])}, {took} after it began"
        case word:
            return f"has the status {quoted(word)}, which is not documented, after {took}"


def waited_words(f: Frames) -> str:
    """Say how much of a run's time waited for a person; nothing for a run that has not begun."""
    run = f.runs.iloc[0]
    if pd.isna(run["duration_s"]):
        return ""
    if not run["has_steps"]:
        return "Where the time went is unknown: the steps were not delivered."
    if not run["waiting_s"]:
        return "None of the time waited for a person."
    part = f"{duration(run['waiting_s'])} of it ({share(run['waiting_s'], run['duration_s'])})"
    waits = f.interrupts.loc[f.interrupts["outcome"].isin(["answered", "lapsed", "pending"])]
    longest = waits.nlargest(1, "wait_s")["label"].tolist() if len(waits) > 1 else []
    which = f" (the longest for {quoted(longest[0])})" if longest else ""
    return f"{part} waited for a person{which}, {duration(run['working_s'])} were work."


def missing_steps(run: pd.Series[Any], what: str) -> str:
    """Say what is unknown where the steps were not delivered; nothing where they were."""
    return "" if run["has_steps"] else f"The steps were not delivered, so {what} is unknown."


def without_budget(runs: pd.DataFrame) -> str:
    """Say which runs have no time budget and why; nothing if all have one."""
    n_bare = int((~runs["has_steps"]).sum())
    n_waiting = int((runs["has_steps"] & runs["working_s"].isna()).sum())
    parts = []
    if n_bare:
        parts.append(f"{plural(n_bare, 'run')} came without steps")
    if n_waiting:
        parts.append(f"{plural(n_waiting, 'run')} had not started")
    return f"Left out: {listed(parts)}." if parts else ""


def is_over(run: pd.Series[Any]) -> bool:
    """Whether a run has ended, by its status."""
    return run["status"] in FINAL_STATUSES


def excerpt(summary: object) -> str | None:
    """Give the beginning of a summary, cut at a space; None if it says nothing."""
    line = known(summary)
    if line is None or len(line) <= EXCERPT:
        return line
    return (line[: EXCERPT + 1].rpartition(" ")[0] or line[:EXCERPT]) + "…"


class Output(NamedTuple):
    """The first artifact of a run's output, and how many more there are."""

    title: str
    confidence: str | None
    excerpt: str | None
    n_more: int

    def words(self) -> str:
        """Say it as a sentence."""
        sure = said(self.confidence, "no", QUOTE)
        more = f", the first of {plural(self.n_more + 1, 'artifact')}" if self.n_more else ""
        words = f": “{self.excerpt}”" if self.excerpt else "; it has no summary."
        return f"The output is {self.title} ({sure} confidence{more}){words}"


def output_of(f: Frames) -> Output | None:
    """Give what one run delivered; None if it delivered nothing."""
    output = f.artifacts[f.artifacts["origin"] == "output"]
    if output.empty:
        return None
    first = output.iloc[0]
    title = quoted(first["title"], otherwise="an output without a title")
    return Output(title, known(first["confidence"]), excerpt(first["summary"]), len(output) - 1)


def business(run: pd.Series[Any]) -> str | None:
    """Name the business that a run is about, as far as this is known: it is never guessed from texts."""
    return known(run["business_name"]) or known(run["business_id"])
