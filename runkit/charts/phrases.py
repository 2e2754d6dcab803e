"""How runs are said to somebody who was not there: shares, lists, names, statuses and verdicts in words.

A sentence is plain text: whoever shows it escapes it. Text of a run stands on one line and bounded, and
between quotation marks where it could pass for what runkit says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import pandas as pd

from runkit.tables.linked import Frames
from runkit.text import duration, moment, one_line, plural, shorten
from runkit.values import CONFIDENCES, FINAL_STATUSES

NO_RUNS = "There are no runs."
NAME = 40  # characters of a name in a sentence
QUOTE = 80  # characters of a label or a title: more hides the sentence around it
STATEMENT = 400  # characters of what a finding says, where it is the message
FEW = 3  # things named one by one in a sentence; more are counted
WEBSITE = "Website of "  # how a source is named that is the website of a business

# Where a sentence ends: a mark, and after it no small letter ("Acme Inc. of Ohio" goes on).
_END = re.compile(r"[.!?]+[”\")]*(?=\s+[^a-z\s]|\s*$)")
_QUOTED = re.compile(r"“[^”]*(?=[^”]”)")


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


def sentences_of(summary: object) -> list[str]:
    """Cut a summary into sentences. A sentence inside quotation marks is not one of the summary's own."""
    line = known(summary) or ""
    # what a person wrote, quoted by an agent, must not pass for the agent's recommendation
    masked = _QUOTED.sub(lambda found: "x" * len(found.group()), line)
    edges = [0, *(found.end() for found in _END.finditer(masked)), len(line)]
    cut = (line[since:to].strip() for since, to in pairwise(edges))
    return [part for part in cut if part]


def stated(f: Frames, word: str) -> list[str]:
    """All sentences of the output that begin with a word, such as Still open."""
    output = f.artifacts[f.artifacts["origin"] == "output"]
    every = (sentence for text in output["summary"] for sentence in sentences_of(text))
    return [sentence for sentence in every if sentence.startswith(word)]


def advice_of(summary: object) -> str | None:
    """The last sentence of a summary that begins with "Recommendation"; None if it has none."""
    advice = [sentence for sentence in sentences_of(summary) if sentence.startswith("Recommendation")]
    return advice[-1] if advice else None


class Verdict(NamedTuple):
    """What a run's output says: `words` is its recommendation, else its first sentence, None if it has none.

    `n_more`: further artifacts of the output.
    """

    title: str
    confidence: str | None
    words: str | None
    n_more: int


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
        words = advice_of(artifact["summary"])
        if words:
            chosen = artifact
            break
    if words is None:
        words = next(iter(sentences_of(chosen["summary"])), None)
    return Verdict(
        quoted(chosen["title"], otherwise="an output without a title"),
        known(chosen["confidence"]),
        words and shorten(words, STATEMENT),
        len(output) - 1,
    )


def verdict_words(given: Verdict) -> str:
    """Say a verdict, and where it stands, as a sentence."""
    sure = f"{said(given.confidence, limit=QUOTE)} confidence" if given.confidence else "no confidence stated"
    more = f", the first of {plural(given.n_more + 1, 'artifact')}" if given.n_more else ""
    where = f"{given.title}, {sure}{more}"
    return f"“{given.words}” ({where})." if given.words else f"The output is {where}; it has no summary."


def subjects(f: Frames) -> dict[str, str]:
    """Say what each run is about, by run id: its business, else the best hint that it holds, else nothing.

    A hint is, in this order: the title of its output; whose website is a source; its first question.
    """
    output = f.artifacts[f.artifacts["origin"] == "output"]
    name = f.sources["source_name"]
    sites = f.sources[name.str.startswith(WEBSITE).fillna(False).to_numpy(bool)]
    hints = (
        zip(f.runs["run_id"], f.runs["business_id"], strict=True),
        zip(output["run_id"], output["title"], strict=True),
        zip(sites["run_id"], sites["source_name"].str.removeprefix(WEBSITE), strict=True),
        zip(f.interrupts["run_id"], f.interrupts["label"], strict=True),
    )
    about: dict[str, str] = {}
    for run_id, hint in chain.from_iterable(hints):
        if words := known(hint):
            about.setdefault(run_id, shorten(words, QUOTE))
    return about


def recommendations(f: Frames) -> dict[str, str]:
    """Give the recommendation of each run that has one, by run id, as `verdict` chooses it.

    It is without its first word where a colon follows it, and without its last full stop.
    """
    output = f.artifacts[f.artifacts["origin"] == "output"]
    given: dict[str, str] = {}
    for run_id, summary in zip(output["run_id"], output["summary"], strict=True):
        advice = advice_of(summary)
        if advice and run_id not in given:
            given[run_id] = advice.removeprefix("Recommendation:").strip().removesuffix(".")
    return given


class Business(NamedTuple):
    """The business that a run is about: the id that the API gives, or the best hint of its name.

    `where` says from what the hint was taken; None for an id.
    """

    name: str
    where: str | None = None


# Titles and questions that hold the name of a business: the name is the group.
_TITLE = re.compile(r".*? for (.+)")
_DECISION = re.compile(r"(?:Approve|Reject) (.+?)\?*")


def business(f: Frames, business_id: object = None) -> Business | None:
    """Tell which business one run is about; None where nothing names it.

    The id, from the frames or given, is certain. Else the output's title, the label of a question that asks
    to decide, or the name of a source may hold the name.
    """
    given = known(f.runs["business_id"].iloc[0]) or known(business_id)
    if given:
        return Business(given)
    titles = f.artifacts.loc[f.artifacts["origin"] == "output", "title"]
    labels = f.interrupts.loc[f.interrupts["kind"] == "decision", "label"]
    for values, pattern, where in (
        (titles, _TITLE, "the output's title"),
        (labels, _DECISION, "a question's label"),
    ):
        for text in filter(None, map(known, values)):
            found = pattern.fullmatch(text)
            return Business(found.group(1) if found else text, where)
    for text in filter(None, map(known, f.sources["source_name"])):
        if text.startswith(WEBSITE):
            return Business(text.removeprefix(WEBSITE), "the name of a source")
    return None


def business_words(about: Business) -> str:
    """Name a business in a sentence, and how certain that is."""
    name = quoted(about.name)
    return f"{name} (probably, from {about.where})" if about.where else f"the business {name}"
