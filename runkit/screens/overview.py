"""`overview()`: the state of an account in the first cell of a notebook, as of one moment."""

from __future__ import annotations

from runkit.arguments import Hours, checked
from runkit.charts.gantt import gantt
from runkit.client import Client
from runkit.display.messages import log
from runkit.errors import ApiError
from runkit.facts import Facts, what_was_read
from runkit.screens.blocks import Block
from runkit.screens.fleet import needs_of, needs_tables
from runkit.screens.pages import status_tiles
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

# Runs of a client that are read. Each takes a request, because the API's list of runs has no steps:
# neither waits nor errors nor findings.
N_NEWEST = 200


@checked
def overview(
    source: Client | Source,
    *,
    sla_h: Hours | None = None,
    progress: bool = True,
) -> Panel:
    """Show the state of an account: four counts, what needs somebody, and a chart of the runs.

    Parameters
    ----------
    source
        A `Client`, whose newest 200 runs are read with a request each, or anything that `frames()`
        takes. For other runs of a client, pass what `client.runs.fetch()` returns.
    sla_h
        Hours within which a reviewer should answer; None is no limit.
    progress
        Count the requests, when they take longer than 2 seconds.

    Returns
    -------
    Panel
        A snapshot; run it again for a new one. Its table is that of `fleet.needs_attention`.

    Raises
    ------
    UsageError
        For an `sla_h` that cannot be used, and for what `frames()` refuses.
    ApiError
        If the runs cannot be read.
    """
    if not isinstance(source, Client):
        return _overview(frames(source, progress=progress), sla_h)
    runs = source.runs.list(limit=N_NEWEST, progress=progress)
    try:
        runs = runs.with_items(source.businesses.identify(runs, progress=progress))
    except ApiError as error:  # names are a help, and not every account has them
        log.info("the runs' businesses are not known: %s", error)
    fetched = source.runs.fetch(runs, progress=progress)
    where = f"{source.mode.upper()} · {source.host}"
    return _overview(frames(fetched, progress=progress), sla_h, where)


def _overview(f: Frames, sla_h: float | None, where: str = "") -> Panel:
    facts = Facts(f, sla_h)
    needs = needs_of(facts)
    blocks: list[Block] = [status_tiles(facts), *needs_tables(needs)]
    figure = gantt(f) if len(f) else None
    return Panel("Overview", needs, what_was_read(f, where), blocks, figure)
