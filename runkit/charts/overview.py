"""`overview()`: the state of an account in the first cell of a notebook, as of one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, FileSystemLoader
from pydantic import PositiveInt

from runkit.arguments import Hours, checked
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.needs_you import EACH, needs_panels
from runkit.charts.panel import Panel, bundle, lasting, oldest, show, waited
from runkit.client import Client
from runkit.errors import ApiError
from runkit.html_tables import MAX_ROWS, with_labels
from runkit.logs import log
from runkit.style import STATUSES, status
from runkit.tables.frames import Frames, frames
from runkit.tables.sources import Source
from runkit.text import css_variables, esc, moment, plural, static_file, visible

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

WAITING, FAILED = str(STATUSES["interrupted"]), str(STATUSES["error"])
MOST_NEEDS = 8  # rows; the panel `fleet.look_first` has more
STATIC = Path(__file__).parent / "static"
STYLE = css_variables(".runkit-overview") + static_file(STATIC / "overview.css")
TEMPLATES = Environment(loader=FileSystemLoader(STATIC), autoescape=True, finalize=esc)
TEMPLATES.filters |= {"lasting": lasting, "waited": waited, "plural": plural, "repr": repr, "status": status}
HEADS = ("Next step", "Business", "Reason", "Status", "Age")


class Tile(NamedTuple):
    """One number: its name, its words, what to know about it, and the color of `runkit.style.Theme`."""

    name: str
    value: str
    note: str
    color: str = "text"


@dataclass(frozen=True, repr=False)
class Overview:
    """The newest runs at one moment: counts, what needs somebody, and the fleet chart.

    Parameters
    ----------
    host
        Where the runs were read, None for frames.
    mode
        `live` or `sandbox`, None for frames.
    as_of
        When the newest run was read.
    tiles
        The counts.
    needs_you
        The panel of what needs somebody, worst first.
    figure
        The fleet chart.
    frames
        The frames that it was made of.
    """

    host: str | None
    mode: str | None
    as_of: datetime | None
    tiles: tuple[Tile, ...]
    needs_you: Panel
    figure: Figure | None
    frames: Frames
    _first_needs: Panel

    def __repr__(self) -> str:
        tiles = "; ".join(f"{tile.name}: {tile.value} ({tile.note})" for tile in self.tiles)
        return visible(f"Overview as of {self._time()}. {tiles}\n{self.needs_you!r}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Give all of it as one output, for front ends that do not ask for `_ipython_display_`."""
        return bundle(self._html(), repr(self), self.figure)

    def _ipython_display_(self) -> None:
        show(bundle(self._html(), repr(self)), self.figure)

    def _time(self) -> str:
        return moment(self.as_of)

    def _html(self) -> str:
        return TEMPLATES.get_template("overview.html.j2").render(
            style=STYLE,
            mode=self.mode,
            host=f"{self.host} ·" if self.host else "",
            as_of=self._time(),
            tiles=self.tiles,
            needs=self._first_needs.sentence,
            heads=HEADS,
            rows=with_labels(self._first_needs.table).to_dict("records"),
            has_figure=self.figure is not None,
        )


@checked
def overview(
    source: Client | Source,
    *,
    limit: PositiveInt = 200,
    sla_h: Hours = 4,
    progress: bool = True,
) -> Overview:
    """Show what is going on: counts, what needs somebody, and the newest runs in one chart.

    Parameters
    ----------
    source
        A `Client`, whose newest runs are read, or anything that `frames()` takes.
    limit
        How many of a client's runs are read, newest first; the first tile says of how many.
    sla_h
        Hours within which a reviewer should answer.
    progress
        Count the runs that are read, when it takes longer than 2 seconds.

    Returns
    -------
    Overview
        A snapshot; run it again for a new one. `.frames`, `.needs_you.table` and `.figure` go on from there.

    Raises
    ------
    UsageError
        For a `limit` or an `sla_h` that cannot be used, and for what `frames()` refuses.
    ApiError
        If the runs cannot be read.
    """
    if not isinstance(source, Client):
        f = frames(source, progress=progress)
        return _overview(f, len(f.runs), sla_h)
    try:
        source.businesses.threads_of(source.businesses.list(limit=limit, progress=progress), progress)
    except ApiError as error:  # names are a help, and not every account has them
        log.info("the runs' businesses are not known: %s", error)
    listed = source.runs.list(limit=limit, progress=progress)
    f = frames(source.runs.fetch(listed, progress=progress), progress=progress)
    return _overview(f, listed.total_count, sla_h, source.host, source.mode)


def _overview(f: Frames, n_all: int | None, sla_h: float, *at: str) -> Overview:
    host, mode = at or (None, None)
    as_of = None if f.runs.empty else f.runs["as_of"].max().to_pydatetime()
    figure = None if f.runs.empty else fleet_chart(f, sla_h=sla_h, has_list=False)
    needs, first = needs_panels(f, (MAX_ROWS, EACH), (MOST_NEEDS, 1))
    return Overview(host, mode, as_of, tiles(f, n_all, sla_h), needs, figure, f, first)


def tiles(f: Frames, n_all: int | None = None, sla_h: float = 4) -> tuple[Tile, ...]:
    """Count what an analyst looks at first."""
    runs = f.runs
    n_waiting, n_failed = ((runs["status"] == word).sum() for word in ("interrupted", "error"))
    done = runs[runs["status"] == "completed"]
    n_done, n_low = plural(len(done), "completed run"), (done["confidence"] == "low").sum()
    is_cut = n_all is not None and n_all > len(runs)
    newest = f"newest {len(runs):,} of {n_all:,}" if is_cut else "all runs"
    pending = f.interrupts[f.interrupts["outcome"] == "pending"]
    waits = f"oldest {oldest(pending)}" if len(pending) else "none"
    if pending["wait_s"].notna().any():
        waits += f" · {(pending['wait_s'] > sla_h * 3_600).sum():,} over {sla_h:g} h"
    of_runs = f"of {plural(len(runs), 'run')}"
    return (
        Tile("Runs", f"{len(runs):,}", newest),
        Tile(WAITING, f"{n_waiting:,}", waits, "attention" if n_waiting else "text"),
        Tile(FAILED, f"{n_failed:,}", of_runs, "fail" if n_failed else "text"),
        Tile("Median work", lasting(done["working_s"].median()), n_done),
        Tile("Low confidence", f"{n_low:,}", f"of {n_done}"),
    )
