"""Six frames out of anything: every record is kept or refused in words, whatever stands in it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import runkit
from runkit.errors import DataError, UsageError
from runkit.tables.schema import SCHEMA, TYPES
from strategies import Case, fuzz, mangled, python_values, texts, times
from support import run, step

Json = dict[str, Any]


def sound(f: runkit.Frames) -> runkit.Frames:
    """Check what holds of all frames, whatever they were made of."""
    for name, df in f.items():
        dtypes = [(column.name, TYPES[column.kind][0]) for column in SCHEMA[name]]
        assert [*df.dtypes.astype("str").items()] == dtypes, name
    runs, steps = f.runs, f.steps
    assert runs["run_id"].is_unique
    for name in ("steps", "artifacts", "sources", "interrupts"):
        counted = f[name]["run_id"].value_counts().reindex(runs["run_id"], fill_value=0)
        assert counted.tolist() == runs[f"n_{name}"].tolist()
    spent = runs[["working_s", "waiting_s", "idle_s"]].sum(axis=1, skipna=False)
    error = (runs["duration_s"] - spent).abs() / runs["duration_s"].clip(lower=1)
    assert error.fillna(0).le(1e-6).all()
    assert steps[["self_s", "critical_s"]].ge(0).all(axis=None)
    assert steps["subtree_end"].gt(steps["step_no"]).all()
    assert (f.coverage.seen, f.coverage.kept) == (f.coverage.kept + f.coverage.refused, len(runs))
    assert (
        f.problems[["location", "detail"]]
        .map(len, na_action="ignore")
        .fillna(0)
        .le(700)
        .all(axis=None)
    )
    assert not runs["queued_s"].lt(0).any()
    assert (f.artifacts.loc[f.artifacts["is_repeat"], "origin"] == "proposal").all()
    assert repr(f)
    assert f._repr_html_()
    return f


def check_same(left: runkit.Frames, right: runkit.Frames) -> None:
    for name, df in left.items():
        pd.testing.assert_frame_equal(df, right[name], obj=name)
    assert left.coverage == right.coverage


# ------------------------------------------------------------------------------------------ objects


def check_frames_or_error(made: Any, **options: Any) -> None:
    try:
        f = runkit.frames(made, **options)
    except UsageError as error:
        assert len(str(error)) < 2_000  # noqa: PT017
    else:
        sound(f)


@fuzz(12)
@given((mangled(python_values) | python_values).map(Case))
def test_any_document_gets_frames_or_a_usage_error(case: Case) -> None:
    """Parsed JSON, or what is no source at all."""
    check_frames_or_error(case.value)


@fuzz(8)
@given(python_values.map(Case) | times.map(Case))
def test_any_as_of_is_a_time_or_a_usage_error(case: Case) -> None:
    check_frames_or_error(run(), as_of=case.value)


@fuzz(12)
@given(mangled(python_values).map(Case))
def test_a_neighbor_changes_nothing(case: Case) -> None:
    """What is wrong with one run does not touch the rows of another."""
    good = run(step("a", steps=[step("b")]), run_id="good")
    alone, beside = runkit.frames(case.value), runkit.frames([case.value, good])
    ids = alone.runs["run_id"].tolist()
    if "good" not in ids:
        assert beside.runs["run_id"].tolist() == [*ids, "good"]
        theirs = beside.select("good")
        for name, df in runkit.frames(good).items():
            assert theirs[name].astype("str").equals(df.astype("str"))


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
        check_same(f, runkit.frames([case.value], on_error="raise"))


@fuzz(12)
@given(st.lists(python_values | texts, max_size=3).map(Case))
def test_select_of_anything(case: Case) -> None:
    """Ids that are here are cut out, anything else is a `UsageError` that shows it in short."""
    f = runkit.frames([run(run_id="a"), run(run_id="b")])
    for wanted in (case.value, [*case.value, "a"], {"a": 1}, iter(["b"])):
        try:
            sound(f.select(wanted))
        except UsageError as error:
            assert len(str(error)) < 700  # noqa: PT017


# --------------------------------------------------------------------------------------------- text


def written(value: Any, *, is_ascii: bool = True) -> bytes:
    return json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")


@fuzz(16)
@given(mangled(), st.booleans())
def test_text_gives_the_frames_of_objects(source: Json, is_ascii: bool) -> None:
    """Unless it is too deep."""
    f = sound(runkit.frames(written(source, is_ascii=is_ascii)))
    words = set(f.problems["problem"])
    assert "bad_json" not in words
    if "too_deep" not in words:
        check_same(f, runkit.frames(source))


@st.composite
def damaged_texts(draw: st.DrawFn) -> bytes:
    """A document that is cut, or with other bytes somewhere in it; perhaps after one that is good."""
    text = written(draw(mangled()))
    at = draw(st.integers(0, len(text)))
    damaged = text[:at] + draw(st.binary(max_size=2)) + text[at:] * draw(st.integers(0, 1))
    return draw(st.sampled_from([b"", written(run()) + b"\n"])) + damaged


@fuzz(40)
@given(st.binary(max_size=60) | damaged_texts())
@example(b"\xff\xfe{\x00}\x00")
@example(b"NaN")
@example(b'{"object":"run","id":"a"}\n\xff\n{')
@example(b"\x1f\x8b\x08")
@example(b"[" * 3_000)
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """Bytes that are no JSON, half of it, or JSON of something else."""
    sound(runkit.frames(text))


@fuzz(8)
@given(st.lists(mangled(), max_size=3))
def test_what_is_saved_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, sources: list[Json]
) -> None:
    """All six frames, by runkit and, where there are rows, by pandas alone."""
    f = runkit.frames(sources)
    folder = f.save(tmp_path_factory.mktemp("saved"))
    check_same(f, runkit.frames(folder))
    for name, df in f.items():
        if len(df):
            pd.testing.assert_frame_equal(pd.read_parquet(folder / f"{name}.parquet"), df)
