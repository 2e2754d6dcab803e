"""The bounded picture: all steps of any number in one image of a fixed size.

Time is cut into `BUCKETS` columns and the rows into bands. In each cell the color is the one with most time,
and the height is the busy fraction: the part of the column's time in which something worked, as in the time
budget (groups and waits do not count). Failed steps and waits lie on top, each at least 3 px wide.
Everything is a few passes over arrays: cost grows with the steps, the image does not.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts.bars import GROUP, STEP, WAIT, union
from runkit.style import LIGHT
from runkit.timing import Flags, Ints

Floats = NDArray[np.float64]

# columns: about a pixel each in a notebook's width; the worst image is then 0.2 MB
BUCKETS = 1_000
BANDS = 60  # bands of 12 px are as low as a column's height can still be read
BAND_PX = 12  # what they have in the highest figure; fewer are higher
LEAST_PX = 3  # an error or a wait is never narrower or lower
# Colors of the image: 0 is the ground, seen through; a hatch marks waits and a frame errors, so that neither
# differs by its color alone. The legend's colors follow, of which the last one is that of errors.
GROUND, OPEN_GROUP, HATCH, WAITS, FRAME, FIRST_COLOR = range(6)
PALETTE = ("#000000", "#808080", "#3A2300", LIGHT.wait, "#5C0B0B")


def aggregate(
    bars: pd.DataFrame, band: Ints, n_colors: int, n_bands: int, first: float, length: float
) -> dict[str, NDArray[Any]]:
    """Sum bars up in cells: arrays of shape (bands, buckets), times in buckets.

    `busy`: time in which a run works in the band, summed over its runs; `capacity` (bands,): how many runs
    there are, so busy / capacity is the busy fraction. `by_color` (colors, bands, buckets): the working
    steps' time; `waiting`, `failing` and `open_groups` likewise. `waits`, `errors`: where one is, at least
    `LEAST_PX` buckets each. `counts`: bars that start there. Bars are clipped to [first, first + length).
    """
    bucket = length / BUCKETS
    edges = ((bars[name].to_numpy() - first) / bucket for name in ("x0", "x1"))
    lo, hi = (np.clip(edge, 0, BUCKETS) for edge in edges)
    left = np.minimum(np.floor(lo), BUCKETS - LEAST_PX)
    right = np.maximum(np.ceil(hi), left + LEAST_PX)
    kind, run, failing = (bars[name].to_numpy() for name in ("kind", "run", "is_failing"))
    steps, waits, groups = (np.flatnonzero(kind == one) for one in (STEP, WAIT, GROUP))
    n_runs = int(run.max(initial=0)) + 1
    unit = band * n_runs + run
    spans = union(unit[steps], lo[steps], hi[steps])
    busy = spans["group"].to_numpy() // n_runs, spans["lo"].to_numpy(), spans["hi"].to_numpy()
    key = bars["color"].to_numpy()[steps] * n_bands + band[steps]
    by_color = _cover(key, lo[steps], hi[steps], n_colors * n_bands)
    column = np.minimum(lo.astype(np.int64), BUCKETS - 1)
    counts = np.bincount(band * BUCKETS + column, minlength=n_bands * BUCKETS)

    def cover(chosen: NDArray[Any], starts: Floats, ends: Floats) -> Floats:
        return _cover(band[chosen], starts[chosen], ends[chosen], n_bands)

    return {
        "busy": _cover(*busy, n_bands),
        "capacity": np.bincount(np.unique(unit) // n_runs, minlength=n_bands),
        "by_color": by_color.reshape(n_colors, n_bands, BUCKETS),
        "waiting": cover(waits, lo, hi),
        "failing": cover(failing, lo, hi),
        "open_groups": cover(groups, lo, hi),
        "waits": cover(waits, left, right) > 0,
        "errors": cover(failing, left, right) > 0,
        "counts": counts.reshape(n_bands, BUCKETS),
    }


def _cover(key: Ints, lo: Floats, hi: Floats, n_keys: int) -> Floats:
    """How much of each bucket the intervals of each key cover, summed; shape (n_keys, BUCKETS), in buckets.

    An interval adds to its first bucket what is left of it and 1 to all that follow; its end takes the same
    away. So the cost is two additions an interval, however long it is.
    """
    width = BUCKETS + 2

    def edge(times: Floats) -> Floats:
        column = times.astype(np.int64)
        cell = key * width + column
        here = np.bincount(cell, column + 1 - times, n_keys * width).reshape(-1, width)
        after = np.bincount(cell + 1, minlength=n_keys * width).reshape(-1, width)
        return np.asarray(here + np.cumsum(after, axis=1), np.float64)

    return np.maximum(edge(lo) - edge(hi), 0.0)[:, :BUCKETS]


def render(view: dict[str, NDArray[Any]], band_px: int = BAND_PX) -> NDArray[np.uint8]:
    """The picture as palette numbers, shape (bands * band_px, BUCKETS).

    `band_px`: a band's height as it is shown, for what is stretched is blurred. Work stands on the bottom of
    its band; waits and errors hang from the top, as high as the part of the band that waits or failed, at
    least `LEAST_PX`.
    """
    whole = np.maximum(view["capacity"], 1)[:, None]

    def height(time: Floats, is_there: Flags, least: int) -> Ints:
        pixels = np.clip(np.rint(time / whole * band_px), least, band_px)
        return np.where(is_there, pixels, 0).astype(np.int64)[:, None, :]

    works = height(view["busy"], view["busy"] > 0, 1)
    waits = height(view["waiting"], view["waits"], LEAST_PX)
    errors = height(view["failing"], view["errors"], LEAST_PX)
    most_time = view["by_color"].argmax(axis=0) + FIRST_COLOR
    best = np.where(view["busy"] > 0, most_time, OPEN_GROUP)[:, None, :]
    # Where nothing works, a thin line says that a group is open or a step without duration stands there.
    is_open = ((view["open_groups"] > 0) | (view["counts"] > 0))[:, None, :]
    y = np.arange(band_px)[None, :, None]
    x = np.arange(BUCKETS)[None, None, :]
    error_color = FIRST_COLOR + len(view["by_color"]) - 1
    hatched = np.where((x + y) % 4 == 0, HATCH, WAITS)
    framed = np.where((y == 0) | (y == errors - 1), FRAME, error_color)
    out = np.where(y >= band_px - np.maximum(works, is_open), best, GROUND)
    out = np.where(y < waits, hatched, out)
    out = np.where(y < errors, framed, out)
    return out.astype(np.uint8).reshape(-1, BUCKETS)


def png(cells: NDArray[np.uint8], colors: list[str]) -> str:
    """A PNG of palette numbers as a data URI; number 0 is transparent."""
    height, width = cells.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    rows = np.pad(cells, ((0, 0), (1, 0)))  # each row begins with its filter: 0, none
    chunks = {
        # 8 bits a pixel, palette
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": bytes.fromhex("".join((*PALETTE, *colors)).replace("#", "")),
        b"tRNS": b"\x00",
        b"IDAT": zlib.compress(rows.tobytes(), 9),
        b"IEND": b"",
    }
    image = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks.items())
    return "data:image/png;base64," + base64.b64encode(image).decode()
