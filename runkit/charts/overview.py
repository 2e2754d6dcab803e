"""`overview()`: the state of an account in the first cell of a notebook, as of one moment."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

from pydantic import PositiveInt

from runkit.api.words import RUN_STATUSES
from runkit.arguments import Hours, checked
from runkit.charts.gantt import gantt
from runkit.charts.needs_attention import needs_panel
from runkit.charts.panel import Panel, render
from runkit.client import Client, RunList
from runkit.display.counts import counted
from runkit.display.log import log
from runkit.errors import ApiError
from runkit.facts import Facts
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

# What the last overview of a client read: the next one reads what has changed.
_READ: WeakKeyDictionary[Client, RunList] = WeakKeyDictionary()


@checked
def overview(
    source: Client | Source,
    *,
    limit: PositiveInt = 200,
    sla_h: Hours | None = None,
    progress: bool = True,
) -> Panel:
    """Show the state of an account: four counts, what needs somebody, and a chart of the runs.

    Parameters
    ----------
    source
        A `Client`, whose newest runs are read, or anything that `frames()` takes.
    limit
        How many of a client's runs are read, newest first. Each takes a request, because the API's
        list of runs has no steps: neither waits nor errors nor findings.
    sla_h
        Hours within which a reviewer should answer; None is no limit.
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
    return _overview(f, sla_h, host=f"{source.mode.upper()} · {source.host} · ")


def _overview(f: Frames, sla_h: float | None, host: str = "") -> Panel:
    facts = Facts(f, sla_h)
    needs = needs_panel(facts)
    tiles = list(fleet_tiles(facts).values())
    body = render("overview", tiles_=tiles, needs_body=needs.body)
    figure = None if f.runs.empty else gantt(f)
    return replace(
        needs, title="Overview", sentence=f"{host}{needs.sentence}", figure=figure, body=body
    )


class Tile(NamedTuple):
    """One number: its name, its text, a note, and the name of a color of `Theme`."""

    name: str
    value: str
    note: str
    color: str = "text"


def fleet_tiles(facts: Facts) -> dict[str, Tile]:
    """Return the four counts that an analyst reads first, by name."""
    late = "" if facts.sla_h is None else _late(facts)
    waiting = facts.waiting["run_id"].nunique()
    return {
        "waiting": _status_tile("interrupted", waiting, late),
        "failed": _status_tile("error", len(facts.of_status("failed"))),
        "running": _status_tile("running", len(facts.of_status("running"))),
        "low": Tile("Low confidence", counted(facts.low_runs), "of completed runs"),
    }


def _late(facts: Facts) -> str:
    return f"{counted(facts.waiting['is_late'])} questions over {facts.sla_h:g} h"


def _status_tile(word: str, n: int, note: str = "") -> Tile:
    """Return the number of runs of a status, in its color unless it is 0."""
    line = RUN_STATUSES.find(word)
    return Tile(str(line), f"{n:,}", note, line.role if n else "text")
