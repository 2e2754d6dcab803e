"""`overview()`: the state of an account in the first cell of a notebook, as of one moment."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts._fleet_chart import fleet_chart
from runkit.charts.needs_attention import needs_panel
from runkit.charts.panel import Panel, render
from runkit.charts.report_panels import fleet_tiles
from runkit.client import Client
from runkit.display.log import log
from runkit.display.text import moment
from runkit.errors import ApiError
from runkit.facts import LIMIT_H, Facts
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source


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
    f = frames(source.runs.fetch(runs, progress=progress, listed=runs), progress=progress)
    host = f"{source.mode.upper()} · {source.host} · "
    return _overview(f, sla_h, n_all=runs.total_count, host=host)


def _overview(f: Frames, sla_h: float, n_all: int | None = None, host: str = "") -> Panel:
    facts = Facts(f, sla_h)
    needs = needs_panel(facts, has_client=bool(host))
    tiles = [*fleet_tiles(facts, n_all).values()][:5]
    body = render("tiles", tiles_=tiles)
    body += render("section", title="Needs attention", body=needs.body)
    body += render("section", title="All runs, when created and how long they waited", body="")
    figure = None if f.runs.empty else fleet_chart(facts, is_small=True)
    as_of = "" if pd.isna(facts.as_of) else f"as of {moment(facts.as_of)}. "
    sentence = f"{host}{as_of}{needs.sentence}"
    return replace(needs, title="Overview", sentence=sentence, figure=figure, body=body)
