"""The Frames object: cut, saved, read and shown."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import DataError, UsageError
from runkit.tables.schema import SCHEMA
from support import EXAMPLES, artifact, example, run, step

IDS = [f"{name * 8}-1" for name in "abcd"]


@pytest.fixture(scope="module")
def four() -> runkit.Frames:
    """Four runs with one to four steps; the last run and its last step failed."""
    runs = [
        run(
            *[step(f"{run_id}-{number}", artifacts=[artifact()]) for number in range(n)],
            run_id=run_id,
        )
        for n, run_id in enumerate(IDS, 1)
    ]
    runs[-1]["steps"][-1]["status"] = runs[-1]["status"] = "error"
    return runkit.frames([*runs, 5])


@pytest.mark.parametrize(
    ("choose", "wanted"),
    [
        (lambda f: "cccccccc", "c"),
        (lambda f: [IDS[2], "aaaaaaaa", IDS[2]], "ca"),
        (lambda f: (run_id for run_id in [IDS[3], IDS[1]]), "db"),
        (lambda f: [], ""),
        (lambda f: f.runs["n_steps"] > 2, "cd"),
        (lambda f: (f.runs["n_steps"] > 2).to_numpy(), "cd"),
        (lambda f: [True, False, False, True], "ad"),
        (lambda f: f.runs["n_steps"] > 9, ""),
        (lambda f: f.runs.sort_values("n_steps", ascending=False)["n_steps"] > 2, "cd"),
        (lambda f: f.runs.sort_values("n_steps", ascending=False), "dcba"),
        (lambda f: f.runs.nlargest(2, "n_steps")["run_id"], "dc"),
        (lambda f: f.runs["run_id"].to_numpy()[::-1], "dcba"),
        (lambda f: f.runs.iloc[1], "b"),
        (lambda f: f.runs.iloc[:0], ""),
        (lambda f: f.steps[f.steps["is_failed"]], "d"),
        (lambda f: f.artifacts.iloc[::-1], "dcba"),
        (lambda f: f.problems, ""),
        (lambda f: f.steps.groupby("run_id").size().nlargest(2).index, "dc"),
    ],
)
def test_select_by_ids_masks_and_rows(four: runkit.Frames, choose: Any, wanted: str) -> None:
    """In the order asked for, in all frames; each run has all its rows."""
    cut = four.select(choose(four))
    ids = [f"{name * 8}-1" for name in wanted]
    assert cut.runs["run_id"].tolist() == ids
    assert cut.steps["run_id"].drop_duplicates().tolist() == ids
    assert len(cut.steps) == cut.runs["n_steps"].sum()
    assert cut.artifacts["run_id"].drop_duplicates().tolist() == ids
    assert cut.coverage == (len(ids), len(ids), 0, None)


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda f: "nope", "1 run id not in these frames: 'nope'"),
        (lambda f: ["aaaaaaaa", 3, "aaa"], "2 run ids not in these frames: 3, 'aaa'"),
        (lambda f: None, "expected run ids, rows with a column run_id, or a mask"),
        (lambda f: 3, "expected run ids"),
        (lambda f: f, "expected run ids"),
        (lambda f: f.schema, "expected run ids"),
        (lambda f: runkit.Run.from_json(run()), "expected run ids"),
        (lambda f: f.steps["is_failed"], "10 values; expected one for each of the 4 runs"),
        (lambda f: f.steps["is_failed"].tail(4), "expected one for each of the 4 runs"),
        (lambda f: [True, False], "2 values"),
        (lambda f: f.runs.index, "4 run ids not in these frames"),
    ],
)
def test_select_of_something_else_is_a_clear_error(
    four: runkit.Frames, choose: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        four.select(choose(four))


def test_the_html_form_shows_the_first_runs_only() -> None:
    html = runkit.frames([run(run_id=str(number)) for number in range(50)])._repr_html_()
    assert "20 of 50 rows shown" in html


def test_saved_frames_come_back_equal(tmp_path: Path) -> None:
    """By `runkit.frames`, and where there are rows by pandas alone."""
    frames = runkit.frames([example("completed"), example("interrupted") | {"id": "i"}, 3])
    frames.save(tmp_path / "saved")
    again = runkit.frames(tmp_path / "saved")
    assert again.coverage == frames.coverage
    for name, df in frames.items():
        pd.testing.assert_frame_equal(df, getattr(again, name))
        pd.testing.assert_frame_equal(df, pd.read_parquet(tmp_path / "saved" / f"{name}.parquet"))


def test_empty_frames_come_back_with_their_categories(tmp_path: Path) -> None:
    """Pandas loses the categories of an empty column, `runkit.frames` does not."""
    frames = runkit.frames([])
    frames.save(tmp_path)
    for name, df in runkit.frames(tmp_path).items():
        pd.testing.assert_frame_equal(df, getattr(frames, name))


def test_a_folder_without_some_of_the_saved_files_is_a_clear_error(tmp_path: Path) -> None:
    runkit.frames(run()).save(tmp_path)
    (tmp_path / "steps.parquet").unlink()
    with pytest.raises(DataError, match=r"steps\.parquet cannot be read"):
        runkit.frames(tmp_path)


def test_frames_by_name() -> None:
    f = runkit.frames(run())
    assert f["steps"] is f.steps
    assert f.keys() == tuple(SCHEMA)
    assert dict(f).keys() == set(SCHEMA)
    with pytest.raises(UsageError, match="Did you mean 'steps'"):
        f["step"]


def test_frames_are_not_compared() -> None:
    f = runkit.frames(run())
    assert (f == f.select(f.runs), f == f) == (False, True)


@pytest.mark.parametrize("name", ["run_completed.json", "run_interrupted.json"])
def test_a_path_becomes_frames_in_few_files(name: str) -> None:
    """No more of runkit is entered between the call and its DataFrames."""
    package, entered = Path(runkit.__file__).parent, set()

    def look(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(package):
            entered.add(path.relative_to(package).as_posix())

    runkit.frames(EXAMPLES / name)  # so that all is imported
    sys.setprofile(look)
    try:
        runkit.frames(EXAMPLES / name)
    finally:
        sys.setprofile(None)
    assert len(entered - {"arguments.py"}) <= 10, sorted(entered)  # that checks each public call


def test_the_schema_is_a_frame_of_all_columns() -> None:
    """In order, with the dtypes that the frames have, and the unit and meaning of each."""
    f = runkit.frames(EXAMPLES / "run_completed.json")
    assert list(f.schema) == ["frame", "column", "dtype", "unit", "meaning"]
    listed = f.schema[["frame", "column", "dtype"]].to_numpy().tolist()
    assert listed == [
        [name, column, str(df[column].dtype)] for name, df in f.items() for column in df
    ]
    units = dict(zip(f.schema["column"], f.schema["unit"], strict=True))
    assert (units["duration_s"], units["created_at"], pd.isna(units["is_open"])) == (
        "s",
        "UTC",
        True,
    )
    assert f.schema["meaning"].str.len().gt(3).all()


def test_compare_takes_frames_of_two_runs() -> None:
    f = runkit.frames([run(step("a", 0, 10), run_id="one"), run(step("a", 0, 30), run_id="two")])
    assert runkit.compare(f)["total_s_diff"].tolist() == [20]
    with pytest.raises(UsageError, match="a holds 1 run; expected two"):
        runkit.compare(f.select("one"))
