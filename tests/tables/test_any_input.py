"""Six frames out of anything: every record is kept or refused in words, whatever stands in it."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest

import runkit
import strangers
from runkit.api.models import Artifact, Run, Source, Step
from runkit.api.views import fields
from runkit.errors import DataError
from runkit.tables.schema import FRAME_COLUMNS, TYPES
from support import Json, check_equal, example

FIELDS = [name for cls in (Run, Step, Artifact, Source) for name in fields(cls)] + ["value"]
ODD: list[Any] = [
    *(None, True, 0, -1, 2**63, 1e300, [], [7], {}, {"a": {"b": []}}),
    *("", "x" * 3_000, "line\nbreak", "\x00", "\u202eright to left", "%s {}", "=1+1", "nan"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "2026-02-30T10:00:00Z"),
]
TEXT = json.dumps([example("completed"), example("interrupted")]).encode()


def sound(f: runkit.Frames) -> runkit.Frames:
    """Check what holds of all frames, whatever they were made of."""
    for name, df in f.items():
        dtypes = [(column.name, TYPES[column.kind][0]) for column in FRAME_COLUMNS[name]]
        assert [*df.dtypes.astype("str").items()] == dtypes, name
    assert f.runs["run_id"].is_unique
    assert repr(f)
    assert f._repr_html_()
    return f


def objects_in(value: Any) -> list[Json]:
    """Return all objects in a value of JSON."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] * isinstance(value, dict) + [
        found for item in inner for found in objects_in(item)
    ]


@pytest.mark.parametrize("seed", range(25))
def test_text_gives_the_frames_of_objects(seed):
    """Of runs of which some fields, at any depth, hold something else."""
    random = Random(seed)
    records = strangers.records(strangers.fleet(seed, 6))
    for _ in range(random.randint(1, 12)):
        place = random.choice(objects_in(records))
        place[random.choice(FIELDS)] = random.choice(ODD)
    try:
        f = sound(runkit.frames(json.dumps(records).encode()))
    except DataError:  # all records were refused
        return
    other = runkit.frames(records)
    check_equal(f, other)
    assert (f.missing, f.as_of) == (other.missing, other.as_of)


def damaged(seed: int) -> bytes:
    """Return a document that is cut, or has other bytes somewhere in it."""
    random = Random(seed)
    at = random.randrange(len(TEXT))
    return TEXT[:at] + random.randbytes(2) + TEXT[at:] * random.randint(0, 1)


@pytest.mark.parametrize(
    "text",
    [
        *map(damaged, range(25)),
        b"\xff\xfe{\x00}\x00",
        b"NaN",
        b'{"object":"run","id":"a"}\n\xff\n{',
        b"\x1f\x8b\x08",
        b"[" * 3_000,
    ],
    ids=range(30),
)
def test_any_bytes_are_read_or_refused(text):
    """Bytes that are no JSON, half of it, or JSON of something else: nothing else is raised."""
    with suppress(DataError):  # all records were refused
        sound(runkit.frames(text))
