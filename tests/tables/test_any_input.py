"""Six frames out of anything: every record is kept or refused in words, whatever stands in it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

import runkit
from runkit.errors import DataError
from runkit.tables.schema import FRAME_COLUMNS, TYPES
from strategies import fuzz, json_values, mangled
from support import check_equal, run


def sound(f: runkit.Frames) -> runkit.Frames:
    """Check what holds of all frames, whatever they were made of."""
    for name, df in f.items():
        dtypes = [(column.name, TYPES[column.kind][0]) for column in FRAME_COLUMNS[name]]
        assert [*df.dtypes.astype("str").items()] == dtypes, name
    assert f.runs["run_id"].is_unique
    assert repr(f)
    assert f._repr_html_()
    return f


def written(value: Any, *, is_ascii: bool = True) -> bytes:
    return json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")


@fuzz(16)
@given(mangled(), st.booleans())
def test_text_gives_the_frames_of_objects(source, is_ascii):
    try:
        f = sound(runkit.frames(written(source, is_ascii=is_ascii)))
    except DataError:  # all records were refused
        return
    if "bad_json" not in set(f.problems["problem"]):  # too deep
        other = runkit.frames(source)
        check_equal(f, other)
        assert (f.missing, f.as_of) == (other.missing, other.as_of)


@st.composite
def damaged_texts(draw: st.DrawFn) -> bytes:
    """A document that is cut, or with other bytes somewhere in it.

    Perhaps after one that is good.
    """
    text = written(draw(mangled()))
    at = draw(st.integers(0, len(text)))
    damaged = text[:at] + draw(st.binary(max_size=2)) + text[at:] * draw(st.integers(0, 1))
    return draw(st.sampled_from([b"", written(run()) + b"\n"])) + damaged


@fuzz(40)
@given(st.binary(max_size=60) | damaged_texts() | json_values.map(written))
@example(b"\xff\xfe{\x00}\x00")
@example(b"NaN")
@example(b'{"object":"run","id":"a"}\n\xff\n{')
@example(b"\x1f\x8b\x08")
@example(b"[" * 3_000)
def test_any_bytes_are_read_or_refused(text):
    """Bytes that are no JSON, half of it, or JSON of something else: nothing else is raised."""
    with suppress(DataError):  # all records were refused
        sound(runkit.frames(text))
