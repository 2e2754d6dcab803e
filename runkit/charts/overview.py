"""`overview()`: the state of an account in the first cell of a notebook, as of one moment."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

import pandas as pd
from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts._fleet_chart import fleet_chart
from runkit.charts.needs_attention import needs_panel
from runkit.charts.panel import Panel, lasting, render
from runkit.client import Client, RunList
from runkit.display.counts import Count, base, lasted, number, share, short, things
from runkit.display.log import log
from runkit.display.status_words import STATUSES
from runkit.display.text import moment, plural
from runkit.errors import ApiError
from runkit.facts import LIMIT_H, Facts, businesses_of
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import FAILURE
from runkit.tables.sources import Source

COMPLETED = "completed run"
# What the last overview of a client read: the next one reads what has changed.
_READ: WeakKeyDictionary[Client, RunList] = WeakKeyDictionary()


@checked
def overview(
    source: Client | Source,
    *,
    limit: PositiveInt = 200,
    sla_h: Hours = LIMIT_H,
    progress: bool = True,
) -> Panel:
    """Show the state of an account: counts, what needs somebody, and how long the runs waited.

    Parameters
    ----------
    source
        A `Client`, whose newest runs are read, or anything that `frames()` takes.
    limit
        How many of a client's runs are read, newest first; the first number says of how many. Each
        takes a request, because the API's list of runs has no steps: neither waits nor errors nor
        findings.
    sla_h
        Hours within which a reviewer should answer.
    progress
        Count these requests, when they take longer than 2 seconds.

    Returns
    -------
    Panel
        A snapshot; run it again for a new one. Its table is that of `fleet.needs_attention`.

    Raises
    ------
    UsageError
        For a `limit` or an `sla_h` that cannot be used, and for what `frames()` refuses.
    ApiError
        If the runs cannot be read.
    """
    if not isinstance(source, Client):
        return _overview(frames(source, progress=progress), sla_h)
    runs = source.runs.list(limit=limit, progress=progress)
    try:
        source.businesses.identify(runs, progress=progress)
    except ApiError as error:  # names are a help, and not every account has them
        log.info("the runs' businesses are not known: %s", error)
    fetched = source.runs.fetch(runs, progress=progress, known=_READ.get(source))
    _READ[source] = fetched
    f = frames(fetched, progress=progress)
    host = f"{source.mode.upper()} · {source.host} · "
    return _overview(f, sla_h, n_all=runs.total_count, host=host)


def _overview(f: Frames, sla_h: float, n_all: int | None = None, host: str = "") -> Panel:
    facts = Facts(f, sla_h)
    needs = needs_panel(facts, has_client=bool(host))
    tiles = fleet_tiles(facts, n_all)
    shown = ("runs", "waiting", "failed", "low", "work")
    body = render("overview", tiles_=[tiles[name] for name in shown], needs_body=needs.body)
    figure = None if f.runs.empty else fleet_chart(facts, is_small=True)
    newest = moment(facts.as_of)
    # a note on open waits may name the same time
    is_news = pd.notna(facts.as_of) and newest not in facts.wait_note
    as_of = f"as of {newest}. " * is_news
    sentence = f"{host}{as_of}{needs.sentence}"
    return replace(needs, title="Overview", sentence=sentence, figure=figure, body=body)


class Tile(NamedTuple):
    """One number: its name, its text, a note, and the name of a color of `Theme`."""

    name: str
    value: str
    note: str
    color: str = "text"


def fleet_tiles(facts: Facts, n_all: int | None = None) -> dict[str, Tile]:
    """Return the numbers that an analyst reads first, by name."""
    runs = facts.frames.runs
    n_runs = len(runs)
    scope = "not complete" if facts.frames.missing else "all runs"
    if n_all is not None and n_all > n_runs:
        scope = f"newest {n_runs:,} of {n_all:,}"
    if (businesses := businesses_of(facts.frames)).n:
        scope += f", {things(businesses, 'business', 'businesses')}"
    over = "question answered or waiting", "questions answered or waiting"
    return {
        "runs": Tile("Runs", f"{n_runs:,}", scope),
        "waiting": _status_tile(facts, "interrupted", _waits(facts)),
        "failed": _status_tile(facts, "error", _causes(facts)),
        "low": Tile("Low confidence", number(facts.low_runs), base(facts.low_runs, COMPLETED)),
        "work": Tile(
            "Median work", lasting(facts.median_work_s), base(facts.timed_runs, COMPLETED)
        ),
        "over": Tile(
            f"Questions over {facts.limit_h:g} h",
            share(facts.questions_over),
            base(facts.questions_over, *over),
        ),
    }


def _status_tile(facts: Facts, word: str, note: str) -> Tile:
    """Return the number of runs of a status, in its color unless there are none."""
    n = facts.statuses.get(word, 0)
    state = STATUSES[word]
    return Tile(str(state), f"{n:,}", note, state.color if n else "text")


def _waits(facts: Facts) -> str:
    """Write how many questions wait, unless each run has one, and for how long."""
    questions = facts.open_questions
    if not questions.of:
        return "none" if questions.is_whole else things(questions, "open question")
    is_one_each = questions == Count(n := facts.statuses.get("interrupted", 0), n)
    number_of = [] if is_one_each else [things(questions, "open question")]
    late = short(facts.late_questions, f"over {facts.limit_h:g} h")
    return ", ".join([*number_of, f"oldest {lasted(facts.oldest)}", late])


def _causes(facts: Facts) -> str:
    """Write of how many failed runs the cause is known; if of all, how many causes there are."""
    if facts.causes.is_none:
        return "none"
    if facts.causes.unknown:
        return short(facts.causes, "with a known cause")
    return plural(len(facts.failing_steps[FAILURE].drop_duplicates()), "cause")
