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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runkit.charts.bars import GROUP, STEP, WAIT, Array, union
from runkit.style import FAILED_COLOR, LIGHT
from runkit.timing import Flags, Ints

Floats = NDArray[np.float64]

BUCKETS = 1_000  # columns: about a pixel each in a notebook's width; the worst image is then 0.2 MB
BANDS = 60  # bands of 12 px are as low as a column's height can still be read
BAND_PX = 12  # what they have in the highest figure; fewer are higher
LEAST_PX = 3  # an error or a wait is never narrower or lower
GROUP_COLOR = "#808080"
EDGES = ("#3A2300", "#5C0B0B")  # hatch of a wait, frame of an error: neither differs by its color alone


class Overview(NamedTuple):
    """What is in each cell, arrays of shape (bands, buckets); times in seconds of the axis.

    `busy`: time in which a group of the band works, summed over its groups; `capacity` (bands,): how many
    groups there are, so busy / (capacity * bucket) is the busy fraction. `by_color` (colors, bands, buckets):
    the working steps' time; `waiting`, `failing` and `open_groups` (bands, buckets) likewise. `counts`: steps
    that start there. `waits`, `errors`: columns in which one is open.
    """

    bucket: float
    busy: Floats
    capacity: Ints
    by_color: Floats
    waiting: Floats
    failing: Floats
    open_groups: Floats
    counts: Ints
    waits: Flags
    errors: Flags


def aggregate(
    bars: Array, *, colors: int, band: Ints, group: Ints, n_bands: int, first: float, length: float
) -> Overview:
    """Sum bars up in cells. They are clipped to [first, first + length).

    `group`: what can be busy only once at a time, a run or a row; two bars of a group that overlap are busy
    once.
    """
    bucket = length / BUCKETS
    lo, hi = (np.clip((bars[edge] - first) / bucket, 0, BUCKETS) for edge in ("x0", "x1"))
    n_groups = int(group.max(initial=0)) + 1
    units, unit = np.unique(band * n_groups + group, return_inverse=True)
    unit_band = units // n_groups
    is_step, is_wait, is_failing = bars["kind"] == STEP, bars["kind"] == WAIT, bars["is_failing"]
    union_unit, union_lo, union_hi = union(unit[is_step], lo[is_step], hi[is_step])

    def covered(which: Flags) -> Floats:
        return _cover(band[which], lo[which], hi[which], n_bands) * bucket

    key = bars["color"][is_step].astype(np.int64) * n_bands + band[is_step]
    by_color = _cover(key, lo[is_step], hi[is_step], colors * n_bands) * bucket
    column = np.minimum(lo.astype(np.int64), BUCKETS - 1)
    counts = np.bincount(band * BUCKETS + column, minlength=n_bands * BUCKETS)
    return Overview(
        bucket=bucket,
        busy=_cover(unit_band[union_unit], union_lo, union_hi, n_bands) * bucket,
        capacity=np.bincount(unit_band, minlength=n_bands),
        by_color=by_color.reshape(colors, n_bands, BUCKETS),
        waiting=covered(is_wait),
        failing=covered(is_failing),
        open_groups=covered(bars["kind"] == GROUP),
        counts=counts.reshape(n_bands, BUCKETS),
        waits=_touched(band, lo, hi, is_wait, n_bands),
        errors=_touched(band, lo, hi, is_failing, n_bands),
    )


def _cover(key: Ints, lo: Floats, hi: Floats, n_keys: int) -> Floats:
    """How much of each bucket the intervals of each key cover, summed; shape (n_keys, BUCKETS), in buckets.

    An interval adds to its first bucket what is left of it and 1 to all that follow; its end takes the same
    away. So the cost is two additions an interval, however long it is.
    """
    width = BUCKETS + 2
    size = n_keys * width

    def edge(times: Floats) -> Floats:
        column = times.astype(np.int64)
        cell = key * width + column
        here = np.bincount(cell, column + 1 - times, size).reshape(n_keys, width)
        after = np.bincount(cell + 1, minlength=size).reshape(n_keys, width)
        return np.asarray(here + np.cumsum(after, axis=1), np.float64)

    covered = edge(lo) - edge(hi)
    return np.maximum(covered[:, :BUCKETS], 0.0)


def _touched(band: Ints, lo: Floats, hi: Floats, which: Flags, n_bands: int) -> Flags:
    """Columns that the steps of `which` touch, at least `LEAST_PX` each."""
    left = np.minimum(np.floor(lo[which]).astype(np.int64), BUCKETS - LEAST_PX)
    right = np.maximum(np.ceil(hi[which]).astype(np.int64), left + LEAST_PX)
    width = BUCKETS + 1
    change = np.bincount(band[which] * width + left, minlength=n_bands * width)
    change = change - np.bincount(band[which] * width + right, minlength=n_bands * width)
    return np.cumsum(change.reshape(n_bands, width), axis=1)[:, :BUCKETS] > 0


# Palette of the image: 0 is the ground, seen through; then what has no color of its own; the colors follow.
GROUND, OPEN_GROUP, HATCH, WAITS, FRAME, FAILED = range(6)
FIRST_COLOR = 6
PALETTE = ("#000000", GROUP_COLOR, EDGES[0], LIGHT.wait, EDGES[1], FAILED_COLOR)


def render(view: Overview, band_px: int = BAND_PX) -> NDArray[np.uint8]:
    """The picture as palette numbers, shape (bands * band_px, BUCKETS).

    `band_px`: a band's height as it is shown, for what is stretched is blurred. Work stands on the bottom of
    its band; waits and errors hang from the top, as high as the part of the band that waits or failed, at
    least `LEAST_PX`.
    """
    whole = np.maximum(view.capacity, 1)[:, None] * view.bucket
    height = np.where(view.busy > 0, _pixels(view.busy / whole, 1, band_px), 0)
    best = np.where(view.busy > 0, view.by_color.argmax(axis=0) + FIRST_COLOR, OPEN_GROUP)
    # Where nothing works, a thin line says that a group is open or a step without duration stands there.
    is_open = (view.open_groups > 0) | (view.counts > 0)
    height = np.where((height == 0) & is_open, 1, height)

    y, x = np.arange(band_px)[None, :, None], np.arange(BUCKETS)[None, None, :]
    out = np.where(y >= band_px - height[:, None, :], best[:, None, :], GROUND)
    hatched = np.where((x + y) % 4 == 0, HATCH, WAITS)
    hanging = np.where(view.waits, _pixels(view.waiting / whole, LEAST_PX, band_px), 0)
    out = np.where(y < hanging[:, None, :], hatched, out)
    hanging = np.where(view.errors, _pixels(view.failing / whole, LEAST_PX, band_px), 0)[:, None, :]
    framed = np.where((y == 0) | (y == hanging - 1), FRAME, FAILED)
    out = np.where(y < hanging, framed, out)
    return out.astype(np.uint8).reshape(len(view.capacity) * band_px, BUCKETS)


def _pixels(fraction: Floats, least: int, most: int) -> Ints:
    return np.clip(np.rint(fraction * most), least, most).astype(np.int64)


def png(cells: NDArray[np.uint8], colors: list[str]) -> str:
    """A PNG of palette numbers as a data URI; number 0 is transparent."""
    height, width = cells.shape
    palette = (*PALETTE, *colors)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = cells
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)  # 8 bits a pixel, palette
    image = b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            chunk(b"IHDR", header),
            chunk(b"PLTE", b"".join(bytes.fromhex(color[1:]) for color in palette)),
            chunk(b"tRNS", b"\x00"),
            chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            chunk(b"IEND", b""),
        )
    )
    return "data:image/png;base64," + base64.b64encode(image).decode()
