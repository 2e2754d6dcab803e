"""The head of a report: what it is about, how its runs ended, and what needs a look."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from runkit.api.words import RUN_STATUSES
from runkit.charts.overview import Tile, fleet_tiles
from runkit.charts.panel import Row, count_words, records, render, words_of
from runkit.client.hosts import HOST_OF_KEY, is_loopback
from runkit.display.counts import counted, flag, lasted, sentence
from runkit.display.hide_keys import TEST_KEY
from runkit.display.text import (
    MISSING,
    Markup,
    agent_title,
    day,
    moment,
    plural,
    short_id,
    shorten,
)
from runkit.facts import TO_A_PERSON, Facts, business_ids, what_was_read
from runkit.tables.frames import Frames
from runkit.tables.run_rules import outputs_of, returned_by, time_parts

Values = dict[str, Any]  # what the template shows, by name
MAX_QUOTE = 600  # characters of a text that is quoted as a whole
MAX_START = 400  # characters of the start of a longer one
MAX_WHOLE = 10_000  # characters of the whole text
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")


class Labels(NamedTuple):
    """The texts of `report()` on the first page, each on one line; empty if there is none."""

    title: str = ""
    classification: str = ""
    prepared_by: str = ""


def head(f: Frames, labels: Labels, missing: str | None) -> Markup:
    """Write the head: of one run with a banner, of more with their numbers.

    `missing` says what was not read.
    """
    facts = Facts(f)
    if len(f.runs) == 1:
        values = _review(f, facts)
    else:
        tiles = list(fleet_tiles(facts).values())
        heading_words = plural(len(facts.waiting), "open question")
        values = {"kind": "Fleet report", "heading": heading_words, "tiles_": tiles}
    return render(
        "head",
        **{"what": _range(f)} | values,
        labels=labels,
        read=what_was_read(f),
        modes=_modes(f),
        missing=sentence(missing or ""),
    )


def _review(f: Frames, facts: Facts) -> Values:
    """Describe one run: how it ended, and its numbers."""
    side = _side(facts)
    return {
        "kind": "KYB review report",
        "what": f"run {short_id(side['run']['run_id'])}",
        "heading": heading(f),
        "run": side["run"],
        "side": side,
        "tiles_": _run_tiles(facts),
    }


def heading(f: Frames) -> str:
    """Return what a report is about: a business or a run, or how many runs."""
    if len(f.runs) != 1:
        return plural(len(f.runs), "run")
    names = f.runs["business_name"].fillna("Run " + f.runs["run_id"].map(short_id))
    return shorten(names.iloc[0])


def _range(f: Frames) -> str:
    """Write how many runs there are, of how many businesses, and from when to when."""
    days = f.runs["created_at"].agg(["min", "max"]).dropna().map(day).unique()
    text = plural(len(f.runs), "run")
    n_businesses = business_ids(f.runs).nunique()
    if n_businesses:
        text += f" of {plural(n_businesses, 'business', 'businesses')}"
    if len(days):
        text += f", created {' to '.join(days)}"
    return text


def _modes(f: Frames) -> list[str]:
    """Return whether the data are of a sandbox, of test or of live businesses, if known."""
    hosts = [re.sub(r":\d+$", "", host).strip("[]") for host in f.read_from]
    others = {HOST_OF_KEY[TEST_KEY]: "TEST"}
    return sorted({"SANDBOX" if is_loopback(host) else others.get(host, "LIVE") for host in hosts})


def _side(facts: Facts) -> Values:
    """Describe how a run ended: failed, waiting for a reviewer, or with an output."""
    f = facts.frames
    [run] = records(facts.runs)
    if RUN_STATUSES.is_a(run["status"], "failed"):
        ending: Values = {"headline": words_of(run["outcome"] or "Failed", 400)}
    elif len(facts.waiting):
        ending = _waiting(facts)
    else:
        ending = _result(f, run)
    return {"run": run, "quote": {}} | ending


def _result(f: Frames, run: Row) -> Values:
    """Describe the output of a run, and what its agent returned."""
    returned = [words_of(value, MAX_QUOTE) for value in returned_by(f)]
    outputs = records(outputs_of(f).tail(1))
    ending: Values = {"headline": words_of(run["outcome"]), "returned": returned}
    for output in outputs:
        ending |= {"quote": _quote(output["summary"]), "confidence": output["confidence"]}
    return ending


def _waiting(facts: Facts) -> Values:
    """Describe the question that waits longest, and say how many there are."""
    [first, *others] = records(facts.waiting)
    text = sentence(
        f"asked by {agent_title(first['agent'])}",
        f"since {moment(first['asked_at'])}",
        f"waiting {lasted(first['wait_s'])}",
    )
    if others:
        text += f" {plural(len(facts.waiting), 'open question')}."
    return {"headline": f"Waiting for a reviewer: {words_of(first['label'])}", "text": text}


def _quote(text: str | None) -> Values:
    """Split what an agent wrote: its last sentence holds the conclusion.

    `whole` is there only if something is left out.
    """
    whole = words_of(text, MAX_WHOLE) if text else ""
    *first, last = SENTENCE_END.split(whole)
    start = "".join(f"{part} " for part in first)
    if len(whole) <= MAX_QUOTE:
        return {"first": start, "last": last}
    return {
        "first": f"{shorten(start, MAX_START)} ",
        "last": shorten(last, MAX_QUOTE),
        "whole": whole,
    }


def _run_tiles(facts: Facts) -> list[Tile]:
    """Count findings, answers and sources, and the time of the first run."""
    run, *_ = records(facts.runs)
    confidences = facts.findings["confidence"].dropna()
    asked = facts.ended(*TO_A_PERSON)
    answered = flag(asked["outcome"].eq("answered"), asked["outcome"].notna())
    value, *others = filter(None, time_parts(run))
    return [
        Tile("Findings", _number(run["n_findings"]), count_words(confidences)),
        Tile("Questions answered", counted(answered), ""),
        Tile(
            "Sources",
            _number(run["n_sources"]),
            "",
        ),
        Tile("Time", value, ", ".join(others)),
    ]


def _number(n: int | None) -> str:
    return MISSING if n is None else f"{n:,}"
