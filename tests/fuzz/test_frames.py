"""Six frames out of anything: every record is kept or refused in words, whatever stands in it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import runkit
from fuzz.made import Case, fuzz, json_values, mangled, nested, python_values, texts, times, unicode_texts
from runkit.errors import DataError, UsageError
from runkit.tables.schema import SCHEMA, TYPES
from support import question, run, step

Json = dict[str, Any]
REFUSED = {"bad_json", "not_a_run", "too_deep"}


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


@fuzz(16)
@given(st.lists(mangled(python_values) | python_values, max_size=3).map(Case))
def test_any_objects_get_a_verdict(case: Case) -> None:
    """Python's own objects anywhere in runs, or in place of them."""
    try:
        f = sound(runkit.frames(case.value))
    except UsageError:  # something in place of a run that no JSON holds
        return
    assert f.coverage.seen == len(case.value)


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


@fuzz(12)
@given(st.lists(mangled() | json_values, min_size=1, max_size=4), st.booleans())
def test_lines_are_isolated(sources: list[Any], is_ascii: bool) -> None:
    """Each line is a record of its own: kept or refused, it costs the others nothing."""
    lines = [
        written(source, is_ascii=is_ascii) for source in [run(run_id="first"), *sources, run(run_id="last")]
    ]
    f = sound(runkit.frames(b"\n".join(lines)))
    assert {"first", "last"} <= set(f.runs["run_id"])


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


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, r'"\ud800"'])
def test_what_the_parser_refuses_is_bad_json(word: str) -> None:
    """It is refused by line, and never null."""
    good = json.dumps(run(step("a", result={"n": 7777})))
    f = runkit.frames("\n".join([good, good.replace("7777", word), good]).encode())
    assert f.problems["problem"].tolist() == ["bad_json", "duplicate_run"]
    assert f.steps["result"].tolist() == ['{"n":7777}']


@pytest.mark.parametrize(("n_digits", "number"), [(19, 10**19 - 1), (20, 1e20), (24, 1e24)])
def test_an_integer_beyond_64_bits_is_a_float(n_digits: int, number: float) -> None:
    """In text, as with most parsers; nineteen digits are exact, and so is an id of 32."""
    f = runkit.frames(json.dumps(run(step("0" * 32, result={"n": 10**n_digits - 1}))).encode())
    [found] = map(json.loads, f.steps["result"])
    assert found == {"n": number}
    assert f.steps["step_id"].tolist() == ["0" * 32]
    assert f.problems.empty


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


@fuzz(8)
@given(
    st.lists(mangled() | json_values, min_size=1, max_size=3), st.sampled_from([".json", ".ndjson", ".jsonl"])
)
def test_files_say_what_bytes_say(
    tmp_path_factory: pytest.TempPathFactory, sources: list[Any], suffix: str
) -> None:
    """Plain and compressed, a document or lines."""
    folder = tmp_path_factory.mktemp("files")
    text = (
        json.dumps(sources).encode()
        if suffix == ".json"
        else b"\n".join(map(str.encode, map(json.dumps, sources)))
    )
    plain, packed = folder / f"runs{suffix}", folder / f"runs{suffix}.gz"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    if runkit.frames(text).runs.empty:
        for path in (plain, packed):
            with pytest.raises(DataError, match="all records were refused"):
                runkit.frames(path)
        return
    f = sound(runkit.frames(plain))
    for name, df in runkit.frames(packed).items():
        pd.testing.assert_frame_equal(
            df.drop(columns=["location", "detail"], errors="ignore"),
            getattr(f, name).drop(columns=["location", "detail"], errors="ignore"),
        )


@fuzz(8)
@given(st.binary(max_size=80), st.sampled_from([".json", ".ndjson", ".json.gz", ".ndjson.gz"]))
def test_any_file_gets_a_verdict(tmp_path_factory: pytest.TempPathFactory, text: bytes, suffix: str) -> None:
    """Files of anything under the right name, compressed or cut or neither."""
    path = tmp_path_factory.mktemp("files") / f"runs{suffix}"
    for content in (text, gzip.compress(text)[: 10 + len(text)], gzip.compress(text)):
        path.write_bytes(content)
        try:
            sound(runkit.frames(path))
        except DataError as error:
            assert "all records were refused" in str(error)  # noqa: PT017


ODD_PATHS = [
    "a\x00.json",
    "x" * 5_000 + ".json",
    "\ud800.json",
    "",
    "nowhere.json",
    "~.json",
    "a.txt",
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: ascii(path[:12]))
def test_an_odd_path_is_a_usage_error(path: str) -> None:
    """To read from, in any form."""
    for source in (path, Path(path), [Path(path)]):
        with pytest.raises(UsageError, match=r"expected|give|use another"):
            runkit.frames(source)


def test_a_folder_under_the_name_of_a_file_is_a_usage_error(tmp_path: Path) -> None:
    """It is not opened."""
    (tmp_path / "runs.json").mkdir()
    with pytest.raises(UsageError, match="is no file or folder of runs"):
        runkit.frames(tmp_path / "runs.json")


@pytest.mark.parametrize(
    "name", ["a\x00", "x" * 5_000, "\ud800", "file/below", "file"], ids=lambda name: ascii(name[:9])
)
def test_frames_are_saved_nowhere_odd(tmp_path: Path, name: str) -> None:
    """A folder that cannot be is a `UsageError`."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"expected|give|use another"):
        runkit.frames(run()).save(tmp_path / name)


# ------------------------------------------------------------------------------------------- ids and times

SIMPLE_TIMES = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z")


@fuzz(12)
@given(st.lists(unicode_texts, min_size=1, max_size=4, unique=True))
def test_any_text_is_an_id(ids: list[str]) -> None:
    """Runs, steps and parents of any names join, nested or flat."""
    nest = [run(step(one, steps=[step(one + "/child")]), run_id=one) for one in ids]
    flat = [run(step(one + "/child", parent_step_id=one), step(one), run_id=one) for one in ids]
    for sources in (nest, flat):
        f = sound(runkit.frames(sources))
        assert f.runs["run_id"].tolist() == ids
        if "" not in ids:
            assert f.steps["parent_step_id"].dropna().tolist() == ids
        assert f.select(ids[0]).steps["run_id"].tolist() == [ids[0]] * 2


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


@pytest.mark.parametrize(
    "as_of", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-02-03T10:00:00+14:00"]
)
def test_open_runs_are_measured_at_any_time(as_of: str) -> None:
    """Before everything began, or at the end of time."""
    f = sound(runkit.frames(run(step("a", 0, None), end=None), as_of=as_of))
    assert f.runs["duration_s"].ge(0).all()


# ---------------------------------------------------------------------------------------------- problems


def test_words_about_an_id_are_short() -> None:
    """Of a megabyte, some sixty characters are shown; the columns that join hold it whole."""
    long = "x" * 1_000_000
    source = run(step(long, parent_step_id="y" + long), step(long), step("c", type=long), run_id="r")
    source["interrupts"] = [{"id": long + "?", "value": {}}, {"id": long + "!", "value": {}}]
    f = sound(runkit.frames(source))
    assert Counter(f.problems["problem"]) == {
        "orphan_step": 1,
        "duplicate_step": 1,
        "unknown_value": 1,
        "unpaired_interrupt": 2,
    }
    assert f.problems["step_id"].dropna().str.len().max() == 1_000_000


def test_a_place_far_down_is_abbreviated() -> None:
    """It says how many levels it leaves out; its step is named in whole."""
    top = inner = step("0")
    for number in range(1, 300):
        inner["steps"] = [step(str(number), type="odd" if number == 299 else "activity")]
        inner = inner["steps"][0]
    row = runkit.frames(run(top)).problems.iloc[0]
    assert row["location"].count(".steps[0]") < 20
    assert "283 levels" in row["location"]
    assert row["step_id"] == "299"


def test_many_questions_are_paired_in_a_moment() -> None:
    """Two thousand questions with their steps, by id and by label."""
    n = 2_000
    steps = [question(f"s{number}", 0, None, label=f"Q{number}") for number in range(n)]
    asked = [{"id": f"s{number}", "value": {}} for number in range(0, n, 2)]
    asked += [
        {"id": f"i{number}", "agent": "cip_orchestrator", "value": {"label": f"Q{number}"}}
        for number in range(1, n, 2)
    ]
    f = sound(runkit.frames(run(*steps, end=None, interrupts=asked)))
    assert len(f.interrupts) == n
    assert f.problems.empty


@pytest.mark.parametrize(
    "value", [nested(1, 5_000), nested(1, 5_000, name=None), 10**5000], ids=["object", "list", "int"]
)
def test_a_monstrous_field_of_a_run(value: Any) -> None:
    """Deep values and large numbers in place of each kind of field."""
    fields = ("id", "status", "agent", "created_at", "requester", "steps", "output", "interrupts", "_runkit")
    f = sound(runkit.frames([*(run(step("a")) | {field: value} for field in fields), run(run_id="good")]))
    assert f.runs["run_id"].tolist() == ["good"]
