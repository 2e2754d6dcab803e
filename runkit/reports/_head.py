"""The head of a report: what it is about, how its runs ended, and what needs a look."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from runkit.api.contract import FINAL_STATUSES, RESOLUTIONS
from runkit.charts.one_run import unfinished_agents
from runkit.charts.overview import Tile, fleet_tiles
from runkit.charts.panel import Row, count_words, records, render, words_of
from runkit.client.hosts import HOST_OF_KEY, is_loopback
from runkit.display.counts import (
    NOT_KNOWN,
    lasted,
    number,
    phrase,
    sentence,
    short,
    things,
    unread,
    waiting_words,
)
from runkit.display.hide_keys import TEST_KEY
from runkit.display.status_words import MISSING
from runkit.display.text import (
    Markup,
    agent_title,
    day,
    moment,
    plural,
    short_id,
    shorten,
)
from runkit.facts import Facts, businesses_of
from runkit.tables.frames import Frames
from runkit.tables.run_rules import (
    NO_CAUSE,
    LinkedFrames,
    has_no_output,
    is_rated,
    outputs_of,
    rating_words,
    returned_by,
    time_parts,
    wait_of,
    words_of_cause,
)

Values = dict[str, Any]  # what the template shows, by name
RETURNED = "What the agent returned"
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
        tiles = fleet_tiles(facts)
        shown = [tiles[name] for name in ("waiting", "over", "failed", "low")]
        values = {"kind": "Fleet report", "heading": _headline(facts), "tiles_": shown}
    if len(f.runs) == 1:
        values |= {"see": _titles_to_see(facts), "unread": unread(facts.unread, "Steps")}
    return render(
        "head",
        **{"what": _range(f)} | values,
        labels=labels,
        read=_read(f),
        modes=_modes(f),
        wait_note=facts.wait_note,
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


def _headline(facts: Facts) -> str:
    """Write in one line, by rule, how the questions of many runs stand."""
    questions = facts.open_questions
    late = f"over {facts.limit_h:g} h"
    if questions.is_none:
        parts = [waiting_words(questions)]
    elif questions.unknown:  # perhaps fewer than rows
        parts = [things(questions, "open question"), short(facts.late_questions, late)]
    else:
        parts = [phrase(facts.late_questions, late, "open question")]
    return sentence(*parts).rstrip(".")


def _range(f: LinkedFrames) -> str:
    """Write how many runs there are, of how many businesses, and from when to when."""
    days = f.runs["created_at"].agg(["min", "max"]).dropna().map(day).unique()
    text = plural(len(f.runs), "run")
    businesses = businesses_of(f)
    if businesses.n:
        text += f" of {things(businesses, 'business', 'businesses')}"
    if len(days):
        text += f", created {' to '.join(days)}"
    return text


def _read(f: Frames) -> str:
    """Write when the runs were read, or if that is not known, when they were last updated."""
    if f.read_at:
        return f"read {moment(f.read_at[1])}"
    return f"last updated {moment(f.runs['updated_at'].max())}"


def _modes(f: Frames) -> list[str]:
    """Return whether the data are of a sandbox, of test or of live businesses, if known."""
    hosts = [re.sub(r":\d+$", "", host).strip("[]") for host in f.read_from]
    others = {HOST_OF_KEY[TEST_KEY]: "TEST"}
    return sorted({"SANDBOX" if is_loopback(host) else others.get(host, "LIVE") for host in hosts})


def _side(facts: Facts) -> Values:
    """Describe how a run ended: failed, waiting for a reviewer, or with an output."""
    f = facts.frames
    [run] = records(facts.runs)
    if run["status"] == "error":
        ending = _failure(f, run)
    elif facts.open_questions.of:
        ending = _waiting(facts)
    else:
        ending = _result(f, run)
    return {
        "run": run,
        "quote": {},
    } | ending


def _result(f: LinkedFrames, run: Row) -> Values:
    """Describe the output of a run and what its agent returned, or say that there is none."""
    values = returned_by(f) if run["status"] == "completed" else []
    returned = [words_of(value, MAX_QUOTE) for value in values]
    outputs = records(outputs_of(f).tail(1))
    if outputs:
        headline = words_of(run["outcome"])
    elif returned:
        headline = RETURNED
    elif run["status"] not in FINAL_STATUSES:
        headline = "No result yet"
    else:
        headline = "No output" if has_no_output(f) else "The output is not known"
    ending: Values = {"headline": headline, "returned": returned}
    for output in outputs:
        ending |= {"quote": _quote(output["summary"]), "confidence": output["confidence_text"]}
    return ending


def _failure(f: LinkedFrames, run: Row) -> Values:
    """Describe a failed run: the agent's own words, else the error, and what was not checked."""
    summary = words_of_cause(f)
    is_empty = has_no_output(f)
    return {
        "headline": "No result: the review failed" if is_empty else "The review failed",
        "is_empty": is_empty,
        "quote": _quote(summary),
        "text": "" if summary else words_of(run["outcome"] or NO_CAUSE[run["has_steps"]], 400),
        "unfinished": unfinished_agents(f),
    }


def _waiting(facts: Facts) -> Values:
    """Describe the first question that waits, and say how many there are."""
    [first, *others] = records(facts.waiting)
    text = sentence(f"asked by {agent_title(first['agent'])}", f"waiting {lasted(wait_of(first))}")
    if others:
        text += f" {sentence(things(facts.open_questions, 'open question'))}"
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
    confidences = facts.artifacts["confidence"].astype("str").fillna("unrated")
    asked = facts.questions_asked
    is_known = asked.n and not asked.unknown and facts.answers.has_number
    waiting = facts.open_questions
    value, *others = filter(None, time_parts(run))
    sources = facts.sources
    unknown = NOT_KNOWN if facts.n_unread else ""
    return [
        Tile(
            "Findings",
            number(facts.findings),
            count_words(confidences) if len(confidences) else unknown,
        ),
        Tile(
            "Answered by reviewers",
            f"{facts.answers.n:,} of {asked.n:,}" if is_known else MISSING,
            waiting_words(waiting._replace(unread=facts.n_unread))
            if waiting.of
            else things(asked, "question for reviewers", "questions for reviewers"),
        ),
        Tile(
            "Sources",
            number(sources._replace(n=sources.of)),
            short(sources, "government or primary") if sources.of else unknown,
        ),
        Tile("Time", value, ", ".join(others)),
    ]


def _titles_to_see(facts: Facts) -> dict[str, list[str]]:
    """Return what a reader of one run should see and the banner does not say, by its reason."""
    f = facts.frames
    findings = facts.artifacts
    questions = facts.questions
    bare = findings.loc[findings["is_bare"], "title"]
    weakest = f.runs["weakest"].dropna()
    rating = rating_words(findings)
    rated = rating + ": " + findings["title"]
    titles = {
        "Question expired": questions.loc[questions["outcome"].eq("lapsed"), "label"],
        "Finding without a source": bare,
        "Problem in the data": f.problems.loc[f.problems["problem"].ne("duplicate_run"), "detail"],
        "Weakest finding": weakest[weakest.isin(findings["title"]) & ~weakest.isin(bare)],
        "Unrated": findings.loc[rating.isna(), "title"],
        "Rated in other words": rated[~is_rated(findings)].dropna(),
        "Decided by policy": questions.loc[questions["outcome"].isin(RESOLUTIONS), "label"],
    }
    if not f.runs["status"].eq("error").any():
        titles["Step failed"] = f.steps.loc[f.steps["error"].notna(), "label"]
    return {reason: column.tolist() for reason, column in titles.items()}
