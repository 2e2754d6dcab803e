"""`overview()`: the state of an account in the first cell of a notebook, as of one moment."""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts.gantt import gantt
from runkit.client import Client, RunList
from runkit.display.messages import log
from runkit.errors import ApiError
from runkit.facts import Facts, what_was_read
from runkit.screens.blocks import Block
from runkit.screens.fleet import FAILED_GROUP, LOW_GROUP, WAITING_GROUP, needs_of, needs_tables
from runkit.screens.pages import status_tiles
from runkit.screens.panel import Panel
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

# What the last overview of a client read: the next one reads what has changed.
_READ: WeakKeyDictionary[Client, RunList] = WeakKeyDictionary()
# The line of code for the newest run of a row of each group, with frames and with a client.
OF_FRAMES = {
    WAITING_GROUP: "runkit.one_run.questions({name}.select({run_id!r}))",
    FAILED_GROUP: "runkit.gantt({name}.select({run_id!r}))",
    LOW_GROUP: "runkit.fleet.weak_findings({name}.select({run_id!r}))",
}
OF_CLIENT = {
    WAITING_GROUP: "runkit.InterruptForm({name}, {run_id!r})",
    FAILED_GROUP: "runkit.gantt({name}.runs.fetch({run_id!r}))",
    LOW_GROUP: "runkit.fleet.weak_findings(runkit.frames({name}.runs.fetch({run_id!r})))",
}


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
        A snapshot; run it again for a new one. Its table is that of `fleet.needs_attention`. A row
        unfolds the line of code that takes its newest run further, if `source` has a name in the
        notebook.

    Raises
    ------
    UsageError
        For a `limit` or an `sla_h` that cannot be used, and for what `frames()` refuses.
    ApiError
        If the runs cannot be read.
    """
    if not isinstance(source, Client):
        f = frames(source, progress=progress)
        return _overview(f, sla_h, OF_FRAMES, _name_of(source) if f is source else "")
    runs = source.runs.list(limit=limit, progress=progress)
    try:
        runs = runs.with_items(source.businesses.identify(runs, progress=progress))
    except ApiError as error:  # names are a help, and not every account has them
        log.info("the runs' businesses are not known: %s", error)
    fetched = source.runs.fetch(runs, progress=progress, known=_READ.get(source))
    _READ[source] = fetched
    f = frames(fetched, progress=progress)
    where = f"{source.mode.upper()} · {source.host}"
    return _overview(f, sla_h, OF_CLIENT, _name_of(source), where)


def _overview(
    f: Frames, sla_h: float | None, codes: dict[str, str], name: str, where: str = ""
) -> Panel:
    facts = Facts(f, sla_h)
    needs = needs_of(facts)
    tables = needs_tables(needs)
    if name:
        for number, table in enumerate(tables):
            run_ids = needs["run_id"][table.df.index]
            line = codes[table.heading]
            code = [line.format(name=name, run_id=run_id) for run_id in run_ids]
            tables[number] = table._replace(code=code)
    blocks: list[Block] = [status_tiles(facts), *tables]
    figure = gantt(f) if len(f) else None
    return Panel("Overview", needs, what_was_read(f, where), blocks, figure)


def _name_of(source: Any) -> str:
    """Return the name of an object in the user's notebook or script, with runkit beside it."""
    names = vars(sys.modules["__main__"])
    if names.get("runkit") is not sys.modules["runkit"]:
        return ""
    own = (name for name, value in names.items() if value is source and not name.startswith("_"))
    return next(own, "")
