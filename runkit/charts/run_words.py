"""How a run is said to somebody who was not there: its status, its time and its verdict in words.

A sentence is plain text: whoever shows it escapes it. Text of a run stands between quotation marks, on one
line and bounded, so that it cannot pass for what runkit says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

from runkit.tables.linked import Frames
from runkit.text import duration, moment, plural, shorten
from runkit.values import CONFIDENCES

QUOTE = 80  # characters of a label or a title: more hides the sentence around it
STATEMENT = 400  # characters of what a finding says, where it is the message
FEW = 3  # things named one by one in a sentence; more are counted

# Where a sentence ends: a mark, and after it no small letter ("Acme Inc. of Ohio" goes on).
_END = re.compile(r"[.!?]+[”\"]?(?=\s+[^a-z\s]|\s*$)")
_QUOTED = re.compile(r"“[^”]*(?=[^”]”)")


class Verdict(NamedTuple):
    """What a run's output says: `words` is its recommendation, else its first sentence, None if it has none.

    `n_more`: further artifacts of the output.
    """

    title: str
    confidence: str | None
    words: str | None
    n_more: int


def known(value: object) -> str | None:
    """Give a text that says something; None for a missing value and for blanks."""
    if value is None or value != value:  # NaN differs from itself
        return None
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in str(value)).split())
    return line or None


def quoted(value: object, limit: int = QUOTE, otherwise: str = "(without a name)") -> str:
    """Quote a text of a run in a sentence of ours."""
    line = known(value)
    return otherwise if line is None else f"“{shorten(line, limit)}”"


def listed(words: Sequence[str]) -> str:
    """Say `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def few(words: Sequence[str], most: int = FEW) -> str:
    """Name the first ones and count the others."""
    left = len(words) - most
    return listed([*words[:most], f"{left:,} more"] if left > 0 else words)


def counts(values: Iterable[object], otherwise: str) -> str:
    """Count words, best confidence first, then the most frequent: `4 high, 1 medium and 2 other`."""
    found = pd.Series([known(value) or otherwise for value in values], dtype="str").value_counts()
    order = [word for word in CONFIDENCES if word in found.index]
    order += [word for word in found.index if word not in order]
    return listed([f"{found[word]:,} {shorten(word, QUOTE)}" for word in order])


def share(part: float, whole: float) -> str:
    """Say a share in percent; only nothing is 0 % and only all is 100 %."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 1:
        return "under 1 %"
    if 99 < percent < 100:
        return "over 99 %"
    return f"{percent:.0f} %"


def percent_of(parts: pd.Series[Any], whole: float) -> pd.Series[Any]:
    """Give shares of `whole` in percent to one decimal; 0 where there is no whole."""
    return (100 * parts / whole).round(1) if whole else parts * 0.0


def step_name(step: pd.Series[Any]) -> str:
    """Quote a step: its label, else its internal name."""
    return quoted(step["label"] if known(step["label"]) else step["name"])


def by_agent(value: object) -> str:
    """Name an agent."""
    return shorten(known(value) or "an unknown agent", QUOTE)


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


def is_over(run: pd.Series[Any]) -> bool:
    """Whether a run has ended, by its status."""
    return run["status"] in ("completed", "error")


def sentences_of(summary: object) -> list[str]:
    """Cut a summary into sentences. A sentence inside quotation marks is not one of the summary's own."""
    line = known(summary) or ""
    # what a person wrote, quoted by an agent, must not pass for the agent's recommendation
    masked = _QUOTED.sub(lambda found: "x" * len(found.group()), line)
    edges = [0, *(found.end() for found in _END.finditer(masked)), len(line)]
    cut = (line[since:to].strip() for since, to in pairwise(edges))
    return [part for part in cut if part]


def stated(f: Frames, word: str) -> list[str]:
    """All sentences of the output that begin with a word, such as Recommendation."""
    output = f.artifacts[f.artifacts["origin"] == "output"]
    return [said for text in output["summary"] for said in sentences_of(text) if said.startswith(word)]


def verdict(f: Frames) -> Verdict | None:
    """What the output says in the end; None without output.

    That is the last sentence that begins with "Recommendation", of the first artifact that has one; else the
    first sentence of the first artifact.
    """
    output = f.artifacts[f.artifacts["origin"] == "output"]
    if output.empty:
        return None
    chosen, words = output.iloc[0], None
    for _, artifact in output.iterrows():
        advice = [said for said in sentences_of(artifact["summary"]) if said.startswith("Recommendation")]
        if advice:
            chosen, words = artifact, advice[-1]
            break
    if words is None:
        words = next(iter(sentences_of(chosen["summary"])), None)
    return Verdict(
        quoted(chosen["title"], otherwise="an output without a title"),
        known(chosen["confidence"]),
        words and shorten(words, STATEMENT),
        len(output) - 1,
    )


def verdict_words(said: Verdict) -> str:
    """Say a verdict as a sentence."""
    sure = f"{shorten(said.confidence, QUOTE)} confidence" if said.confidence else "no confidence stated"
    more = f", the first of {plural(said.n_more + 1, 'artifact')}" if said.n_more else ""
    where = f"{said.title}, {sure}{more}"
    return f"“{said.words}” ({where})." if said.words else f"The output is {where}; it has no summary."
