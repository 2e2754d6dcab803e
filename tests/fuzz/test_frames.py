"""Six frames out of anything: every record is kept or refused in words, whatever stands in it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import runkit
from fuzz.made import Case, fuzz, mangled, python_values, texts, times
from runkit.errors import DataError, UsageError
from runkit.tables.schema import SCHEMA, TYPES
from support import run, step

Json = dict[str, Any]


def sound(f: runkit.Frames) -> runkit.Frames:
    """What holds of all frames, whatever they were made of."""
    for name, df in f.items():
        for column in SCHEMA[name]:
            dtype = str(df[column.name].dtype)
            assert dtype == TYPES[column.kind][0], (name, column.name)
        assert len(df.columns) == len(SCHEMA[name])
    runs, steps = f.runs, f.steps
    assert runs["run_id"].is_unique
    for name in ("steps", "artifacts", "sources", "interrupts"):
        counted = getattr(f, name)["run_id"].value_counts()
        assert counted.to_dict() == {
            one: n for one, n in zip(runs["run_id"], runs[f"n_{name}"], strict=True) if n
        }
    known = runs[runs["has_steps"]]
    parts = known["working_s"] + known["waiting_s"] + known["idle_s"]
    assert (
        (parts - known["duration_s"]).abs().fillna(0).le(1e-6 + 1e-15 * known["duration_s"].fillna(0)).all()
    )
    assert steps["self_s"].ge(0).all()
    assert steps["critical_s"].ge(0).all()
    assert steps["subtree_end"].gt(steps["step_no"]).all()
    assert (f.coverage.seen, f.coverage.kept) == (f.coverage.kept + f.coverage.refused, len(runs))
    assert f.problems["location"].str.len().fillna(0).le(700).all()
    assert f.problems["detail"].str.len().le(700).all()
    assert not runs["queued_s"].lt(0).any()
    assert (f.artifacts.loc[f.artifacts["is_repeat"], "origin"] == "proposal").all()
    assert repr(f)
    assert f._repr_html_()
    return f


def same(left: runkit.Frames, right: runkit.Frames) -> None:
    for name, df in left.items():
        pd.testing.assert_frame_equal(df, getattr(right, name), obj=name)
    assert left.coverage == right.coverage


# ------------------------------------------------------------------------------------------------ objects


@fuzz(12)
@given((mangled(python_values) | python_values).map(Case))
def test_any_document_gets_frames_or_a_usage_error(case: Case) -> None:
    """Parsed JSON, or what is no source at all."""
    try:
        f = runkit.frames(case.value)
    except UsageError as error:
        words = str(error)
    else:
        words = repr(sound(f))
    assert len(words) < 2_000


@fuzz(12)
@given(mangled(python_values).map(Case))
def test_a_neighbour_changes_nothing(case: Case) -> None:
    """What is wrong with one run does not touch the rows of another."""
    alone, good = runkit.frames(case.value), run(step("a", steps=[step("b")]), run_id="good")
    beside = runkit.frames([case.value, good])
    kept = beside.runs["run_id"].tolist()
    assert "good" in kept
    assert [one for one in kept if one != "good"] == [one for one in alone.runs["run_id"] if one != "good"]
    if "good" not in alone.runs["run_id"].tolist():
        for name, df in runkit.frames(good).items():
            theirs = beside.select("good")
            for column in df:
                assert getattr(theirs, name)[column].astype("str").equals(df[column].astype("str"))


@fuzz(8)
@given(mangled(python_values).map(Case))
def test_raise_or_collect(case: Case) -> None:
    """`on_error="raise"` raises for what collecting calls an error, and carries the same problems."""
    f = runkit.frames([case.value])
    if (f.problems["severity"] == "error").any():
        with pytest.raises(DataError, match="problem") as caught:
            runkit.frames([case.value], on_error="raise")
        pd.testing.assert_frame_equal(caught.value.problems, f.problems)
        assert len(str(caught.value)) < 10_000
    else:
        same(f, runkit.frames([case.value], on_error="raise"))


# --------------------------------------------------------------------------------------------------- text


def written(value: Any, *, is_ascii: bool) -> bytes:
    return json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")


@fuzz(16)
@given(mangled(), st.booleans())
def test_text_says_the_same_as_objects(source: Json, is_ascii: bool) -> None:
    """A document gives the frames of what it says, unless it is too deep."""
    f = sound(runkit.frames(written(source, is_ascii=is_ascii)))
    words = set(f.problems["problem"])
    assert "bad_json" not in words
    if "too_deep" not in words:
        same(f, runkit.frames(source))


@fuzz(24)
@given(st.binary(max_size=60) | texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xff\xfe{\x00}\x00")
@example(b"NaN")
@example(b'{"object":"run","id":"a"}\n\xff\n{')
@example(b"\x1f\x8b\x08")
@example(b"{}\n{}")
@example(b"[" * 3_000)
def test_any_bytes_get_a_verdict(text: bytes) -> None:
    """Bytes that are no JSON, half of it, or JSON of something else."""
    sound(runkit.frames(text))


@fuzz(12)
@given(mangled(), st.floats(0, 1), st.binary(max_size=2))
def test_damaged_text_gets_a_verdict(source: Json, share: float, noise: bytes) -> None:
    """A document that is cut, or with other bytes somewhere in it."""
    text = written(source, is_ascii=True)
    at = int(len(text) * share)
    for damaged in (text[:at], text[:at] + noise + text[at:]):
        sound(runkit.frames(damaged))
        sound(runkit.frames(written(run(), is_ascii=True) + b"\n" + damaged + b"\n"))


# ------------------------------------------------------------------------------------------------- files


@fuzz(8)
@given(st.lists(mangled(), max_size=3))
def test_what_is_saved_is_read_back(tmp_path_factory: pytest.TempPathFactory, sources: list[Json]) -> None:
    """All six frames, by runkit and, where there are rows, by pandas alone."""
    f = runkit.frames(sources)
    folder = f.save(tmp_path_factory.mktemp("saved"))
    same(f, runkit.frames(folder))
    for name, df in f.items():
        if len(df):
            pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), df)


# ------------------------------------------------------------------------------------------- ids and times

SIMPLE_TIMES = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z")


@fuzz(12)
@given(st.lists(python_values | texts, max_size=3).map(Case))
def test_select_of_anything(case: Case) -> None:
    """Ids that are here are cut out, anything else is a `UsageError` that shows it in short."""
    f = runkit.frames([run(run_id="a"), run(run_id="b")])
    for wanted in (case.value, [*case.value, "a"], {"a": 1}, iter(["b"])):
        try:
            cut = f.select(wanted)
        except UsageError as error:
            words = str(error)
        else:
            words = repr(sound(cut))
        assert len(words) < 700


@fuzz(16)
@given(st.lists(times, min_size=5, max_size=5), st.booleans())
def test_any_times_add_up(moments: list[str], is_open: bool) -> None:
    """Years 1 and 9999, leap seconds, offsets, nanoseconds: read exactly or named as a bad field."""
    start, end, first, last, updated = moments
    source = run(step("a", started_at=first, completed_at=None if is_open else last))
    source |= {"started_at": start, "ended_at": end, "updated_at": updated}
    f = sound(runkit.frames([source]))
    assert set(f.problems["problem"]) <= {
        *("bad_field", "naive_time", "ends_before_start", "outside_run", "starts_before_created"),
        "contradiction",
    }
    assert not f.runs["queued_s"].lt(0).any()
    for name, text in zip(("started_at", "ended_at", "updated_at"), (start, end, updated), strict=True):
        if text in SIMPLE_TIMES and len(f.runs) and "ends_before_start" not in set(f.problems["problem"]):
            assert f.runs[name].iloc[0].isoformat() == text.replace("Z", "+00:00")


@fuzz(8)
@given(python_values.map(Case) | times.map(Case))
def test_any_as_of_is_a_time_or_a_usage_error(case: Case) -> None:
    """The argument is looked at before anything is read."""
    try:
        f = runkit.frames(run(), as_of=case.value)
    except UsageError as error:
        assert "as_of" in str(error)  # noqa: PT017
    else:
        sound(f)


# ---------------------------------------------------------------------------------------------- problems
