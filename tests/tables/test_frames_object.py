"""The Frames object: cut, saved, read and shown."""

from __future__ import annotations

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.tables.schema import FRAME_COLUMNS
from support import EXAMPLES, artifact, check_equal, example, run, step

IDS = [f"{name * 8}-1" for name in "abcd"]


@pytest.fixture(scope="module")
def four():
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
        (lambda f: runkit.Run.from_json(run(run_id=IDS[2])), "c"),
        (lambda f: f.runs["n_steps"] > 2, "cd"),
        (lambda f: f.runs.sort_values("n_steps", ascending=False), "dcba"),
        (lambda f: f.steps[f.steps["state"].eq("failed")], "d"),
    ],
)
def test_select_by_ids_masks_and_rows(four, choose, wanted):
    """In the order asked for, in all frames; each run has all its rows."""
    cut = four.select(choose(four))
    ids = [f"{name * 8}-1" for name in wanted]
    assert cut.runs["run_id"].tolist() == ids
    assert len(cut.steps) == cut.runs["n_steps"].sum()
    for df in (cut.steps, cut.artifacts):
        assert df["run_id"].drop_duplicates().tolist() == ids


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda f: "Tacoma LLC", "run id 'Tacoma LLC' is not in these frames.* To select by name"),
        (lambda f: ["aaaaaaaa", 3, "aaa"], "run id 3 is not in these frames"),
        (lambda f: None, "expected run ids, rows with a column run_id, or a mask"),
        (
            lambda f: f.steps["state"].eq("failed"),
            "10 values and an index of its own; expected one value for each of the 4 runs",
        ),
        (lambda f: [True, False], "2 values"),
    ],
)
def test_select_of_something_else_is_a_clear_error(four, choose, words):
    with pytest.raises(UsageError, match=words):
        four.select(choose(four))


def test_saved_frames_come_back_equal(tmp_path):
    """Empty ones with their categories, and where there are rows by pandas alone."""
    runs = [example("completed"), example("interrupted") | {"id": "i"}, 3]
    for source in (runs, []):
        frames = runkit.frames(source)
        again = runkit.frames(frames.save(tmp_path))
        assert (again.as_of, again.missing) == (frames.as_of, frames.missing)
        check_equal(frames, again)
        if source:
            files = {name: pd.read_parquet(tmp_path / f"{name}.parquet") for name in frames}
            check_equal(frames, files)


def test_frames_are_a_mapping_of_names_to_dataframes():
    f = runkit.frames([run(), run(run_id="another")])
    assert f["steps"] is f.steps
    assert list(dict(f)) == list(FRAME_COLUMNS)
    assert ("runs" in f, "run" in f, len(f)) == (True, False, 2)
    with pytest.raises(UsageError, match="expected one of 'runs', 'steps'"):
        f["step"]


def test_the_schema_is_a_frame_of_all_columns():
    """In order, with the dtypes that the frames have, and a meaning of each."""
    f = runkit.frames(EXAMPLES / "run_completed.json")
    listed = f.schema[["frame", "column", "dtype"]].to_numpy().tolist()
    assert listed == [
        [name, column, str(dtype)] for name, df in f.items() for column, dtype in df.dtypes.items()
    ]
    assert f.schema["meaning"].str.len().gt(3).all()
