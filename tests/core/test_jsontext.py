"""JSON of any depth and with integers of any size."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit import jsontext

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_reads_back_equal(value: Any) -> None:
    """Through the fast writer and the deep one."""
    for text in (jsontext.dumps(value), jsontext._dumps_deep(value, sort_keys=True)):
        assert json.loads(text) == value
        assert jsontext.loads(text.encode()) == value


@given(VALUES)
def test_the_deep_writer_sorts_like_the_fast_one(value: Any) -> None:
    """Equal values have equal texts, whichever writes them."""
    shuffled = json.loads(json.dumps(value, sort_keys=True))
    assert jsontext._dumps_deep(value, sort_keys=True) == jsontext._dumps_deep(shuffled, sort_keys=True)


def test_a_thousand_levels_are_written_and_read() -> None:
    """Beyond what orjson writes."""
    value: Any = []
    for _ in range(1000):
        value = [value]
    text = jsontext.dumps(value)
    assert jsontext.dumps(jsontext.loads(text.encode())) == text


def test_too_many_levels_are_a_recursion_error() -> None:
    """A clear kind of error, not a crash."""
    with pytest.raises(RecursionError, match="1,024"):
        jsontext.loads(b"[" * 2000 + b"]" * 2000)


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b'{"a": 1,}', b"\xff"])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    """Cut, loose or badly encoded text."""
    with pytest.raises(ValueError, match=r"line 1|Invalid|UTF-8|unexpected|valid"):
        jsontext.loads(text)


def test_a_byte_order_mark_is_passed_over() -> None:
    """Editors on Windows write one."""
    assert jsontext.loads(b"\xef\xbb\xbf{}") == {}
