"""JSON within the limits of orjson."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit import jsontext
from runkit.errors import DataError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_reads_back_equal(value: Any) -> None:
    """By any parser."""
    text = jsontext.dumps(value)
    assert json.loads(text) == jsontext.loads(text.encode()) == value


@given(VALUES)
def test_equal_values_have_equal_texts(value: Any) -> None:
    """In whatever order their names came."""
    shuffled = json.loads(json.dumps(value, sort_keys=True))
    assert jsontext.dumps(value, sort_keys=True) == jsontext.dumps(shuffled, sort_keys=True)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_more_levels_than_orjson_writes_are_written_and_read() -> None:
    """As far as Python's own writer goes."""
    text = jsontext.dumps(nested(600))
    assert jsontext.dumps(jsontext.loads(text.encode())) == text


def test_what_is_too_deep_to_be_read_is_not_written() -> None:
    """A clear kind of error, not a crash."""
    with pytest.raises(jsontext.TooDeepError, match="too deep"):
        jsontext.dumps(nested(1_500))


@pytest.mark.parametrize(
    "value", [float("nan"), [None, float("inf")], 2**64, "\ud800", {"\ud800": 1}, {1: 2}, b"x", object()]
)
def test_what_cannot_be_read_back_is_not_written(value: Any) -> None:
    """It would come back as something else, or not at all."""
    with pytest.raises(DataError):
        jsontext.dumps(value)


def test_times_and_tuples_are_written_beside_nulls() -> None:
    """Only NaN and infinity are looked for where a null is."""
    when = datetime(2026, 2, 3, tzinfo=UTC)
    assert jsontext.dumps({"at": when, "of": (1, None)}) == '{"at":"2026-02-03T00:00:00+00:00","of":[1,null]}'


def test_integers_beyond_64_bits_are_read_as_floats() -> None:
    """As most JSON libraries do; those of 19 digits are exact."""
    assert jsontext.loads(b"[9223372036854775807, 123456789012345678901]") == [
        2**63 - 1,
        1.2345678901234568e20,
    ]


def test_too_many_levels_are_a_recursion_error() -> None:
    """A clear kind of error, not a crash."""
    with pytest.raises(jsontext.TooDeepError, match="1,024"):
        jsontext.loads(b"[" * 2000 + b"]" * 2000)


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b'{"a": 1,}', b"\xff", b'"\\ud800"', b"1e999"])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    """Cut, loose or badly encoded text."""
    with pytest.raises(ValueError, match="line 1"):
        jsontext.loads(text)


def test_a_byte_order_mark_is_passed_over() -> None:
    """Editors on Windows write one."""
    assert jsontext.loads(b"\xef\xbb\xbf{}") == {}
