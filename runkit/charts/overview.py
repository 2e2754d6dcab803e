"""`overview()`: the state of an account in the first cell of a notebook, as of one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from runkit.charts.fleet import look_first
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.panel import Panel, bundle, show
from runkit.client import Client
from runkit.errors import ApiError, UsageError
from runkit.html_tables import df_to_html
from runkit.logs import log
from runkit.style import MISSING, STATUSES, status
from runkit.tables.frames import Frames, frames
from runkit.text import (
    Markup,
    block,
    css_variables,
    duration,
    moment,
    plural,
    run_label,
    short_id,
    static_file,
    visible,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_NEEDS = 8  # rows; the panel `fleet.look_first` has more
STYLE = css_variables(".runkit-overview") + static_file(Path(__file__).parent / "static" / "overview.css")

_PAGE = Markup('<style>{}</style><div class="runkit-overview">{}</div>')
_HEAD = Markup('<p class="runkit-head"><b>Runs</b> {pill}<span>{words}</span></p>')
_PILL = Markup('<span class="runkit-pill runkit-{color}">{words}</span>')
_TILES = Markup('<ul class="runkit-tiles">{}</ul>')
_TILE = Markup('<li><span>{name}</span><b class="runkit-{color}">{value}</b><span>{note}</span></li>')
_NEEDS = Markup('<p class="runkit-head"><b>Needs you</b> <span>{}</span></p>')
_STEP = Markup("<details><summary>{}</summary><code>{}</code></details>")
_RUN = Markup("<b>{}</b> <code>{}</code>")
_CHART = Markup('<p class="runkit-head"><b>Fleet</b> <span>{}</span></p>')


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
    tz: str = "UTC"

    def __repr__(self) -> str:
        tiles = "; ".join(f"{tile.name}: {tile.value} ({tile.note})" for tile in self.tiles)
        return visible(f"Overview as of {self._time()}. {tiles}\n{self.needs_you!r}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Give all of it as one output, for front ends that do not ask for `_ipython_display_`."""
        return bundle(self._html(), repr(self), self.figure)

    def _ipython_display_(self) -> None:
        show(bundle(self._html(), repr(self)), self.figure)

    def _time(self) -> str:
        return moment(self.as_of and self.as_of.astimezone(ZoneInfo(self.tz)))

    def _html(self) -> Markup:
        color = "fail" if self.mode == "live" else "muted"
        pill = _PILL.format(color=color, words=self.mode.upper()) if self.mode else ""
        words = " · ".join(filter(None, (self.host, f"as of {self._time()}")))
        needs = self.needs_you.table
        is_first = needs["next_step"].groupby(needs["next_step"]).cumcount() == 0  # one of each is shown
        first = is_first.sort_values(ascending=False, kind="stable").index[:MOST_NEEDS].sort_values()
        rows = pd.DataFrame([_need(row) for row in needs.loc[first].to_dict("records")], dtype="object")
        parts = [
            _HEAD.format(pill=pill, words=words),
            _TILES.format(Markup("").join(_TILE.format(**tile._asdict()) for tile in self.tiles)),
            _NEEDS.format(self.needs_you.sentence.partition(": ")[2]),
            df_to_html(rows) if len(rows) else Markup(""),
            _CHART.format("when each run was created, and how long it waited for a reviewer"),
        ]
        return block(_PAGE.format(STYLE, Markup("").join(parts if self.figure is not None else parts[:-1])))


def _need(row: dict[Any, Any]) -> dict[str, str]:
    """A row of what needs somebody, with the line of code that takes the next step."""
    known, is_question = isinstance(row["run_id"], str), row["next_step"] == "Answer"
    run_id = short_id(row["run_id"]) if known else ""
    name = run_label(row["run_id"], row["business_name"], row["agent_name"]) if known else MISSING
    look = status(row["status"]) if isinstance(row["status"], str) else None
    several = f" ({plural(row['n_runs'], 'run')})" if row["n_runs"] > 1 else ""
    code = "runkit.InterruptForm(client, {})" if is_question else "runkit.gantt(client.runs.get({}))"
    return {
        "next_step": _STEP.format(row["next_step"], code.format(f'"{run_id}"')),
        "business": _RUN.format(name.rpartition(" · ")[0] or name, run_id),
        "reason": row["reason"] + several,
        "status": _PILL.format(color=look.color, words=look) if look else MISSING,
        "age": f"{duration(row['age_s'])} {'waiting' if is_question else 'ago'}",
    }


def overview(
    source: object,
    *,
    limit: int = 200,
    sla_h: float = 4,
    tz: str = "UTC",
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
    tz
        An IANA time zone for the times that are shown.
    progress
        Count the runs that are read, when it takes longer than 2 seconds.

    Returns
    -------
    Overview
        A snapshot; run it again for a new one. `.frames`, `.needs_you.table` and `.figure` go on from there.

    Raises
    ------
    UsageError
        For a `limit` that is no positive number, and for what `frames()` refuses.
    ApiError
        If the runs cannot be read.
    """
    if not isinstance(source, Client):
        f = source if isinstance(source, Frames) else frames(source, progress=progress)
        return _overview(f, len(f.runs), sla_h, tz, None)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise UsageError(f"limit={limit!r} cannot be used; expected a positive whole number.")
    try:
        source.businesses.threads_of(source.businesses.list(limit=limit, progress=progress), progress)
    except ApiError as error:  # names are a help, and not every account has them
        log.info("the runs' businesses are not known: %s", error)
    listed = source.runs.list(limit=limit, progress=progress)
    f = frames(source.runs.fetch(listed, progress=progress), progress=progress)
    return _overview(f, listed.total_count, sla_h, tz, source)


def _overview(f: Frames, n_all: int | None, sla_h: float, tz: str, client: Client | None) -> Overview:
    return Overview(
        client.host if client else None,
        client.mode if client else None,
        None if f.runs.empty else f.runs["as_of"].max().to_pydatetime(),
        tiles(f, n_all, sla_h),
        look_first(f),
        None if f.runs.empty else fleet_chart(f, sla_h=sla_h, tz=tz, has_list=False),
        f,
        tz,
    )


def tiles(f: Frames, n_all: int | None = None, sla_h: float = 4) -> tuple[Tile, ...]:
    """Count what an analyst looks at first."""
    runs = f.runs
    waiting, failed, done = (runs[runs["status"] == word] for word in ("interrupted", "error", "completed"))
    open_s = f.interrupts.loc[f.interrupts["outcome"] == "pending", "wait_s"]
    of = plural(len(done), "completed run")
    n_over = int((open_s > sla_h * 3_600).sum())
    oldest = f"oldest {duration(open_s.max())} · {n_over:,} over {sla_h:g} h" if len(open_s) else "none"
    newest = f"newest {len(runs):,} of {n_all:,}" if n_all and n_all > len(runs) else "all runs"
    work = done["working_s"].dropna()
    colors = ["attention" if len(waiting) else "text", "fail" if len(failed) else "text"]
    of_runs = f"of {plural(len(runs), 'run')}"
    return (
        Tile("Runs", f"{len(runs):,}", newest),
        Tile(str(STATUSES["interrupted"]), f"{len(waiting):,}", oldest, colors[0]),
        Tile(str(STATUSES["error"]), f"{len(failed):,}", of_runs, colors[1]),
        Tile("Median work", duration(work.median()) if len(work) else MISSING, of),
        Tile("Low confidence", f"{(done['confidence'] == 'low').sum():,}", f"of {of}"),
    )
