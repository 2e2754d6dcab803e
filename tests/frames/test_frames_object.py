"""The Frames object: cut, saved, read and shown."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.tables.schema import SCHEMA
from support import EXAMPLES, artifact, example, question, run, step

EVIL = '<script>alert(1)</script>"$x$'


def test_select_cuts_all_six_frames() -> None:
    """Only rows of the chosen runs are left, and they are those of the run alone."""
    sources = [run(step(f"{name}-s", artifacts=[artifact()], type=name), run_id=name) for name in "abc"]
    cut = runkit.frames(sources).select(["b"])
    alone = runkit.frames([sources[1]])
    for name, df in cut.items():
        assert len(df) == len(getattr(alone, name))
        assert set(df["run_id"]) <= {"b"}
    assert cut.is_complete


def test_select_of_an_unknown_run_is_a_clear_error() -> None:
    """The message names the id."""
    with pytest.raises(UsageError, match="nope"):
        runkit.frames(run()).select("nope")


def test_saved_frames_come_back_equal(tmp_path: Path) -> None:
    """`runkit.read` gives what was saved; frames with rows come back by pandas alone."""
    frames = runkit.frames([example("completed"), example("interrupted") | {"id": "i"}, 3])
    frames.save(tmp_path / "saved")
    again = runkit.read(tmp_path / "saved")
    assert again.coverage == frames.coverage
    for name, df in frames.items():
        pd.testing.assert_frame_equal(df, getattr(again, name))
        pd.testing.assert_frame_equal(df, pd.read_parquet(tmp_path / "saved" / f"{name}.parquet"))


def test_empty_frames_come_back_with_their_categories(tmp_path: Path) -> None:
    """Pandas loses the categories of an empty column, `runkit.read` does not."""
    frames = runkit.frames([])
    frames.save(tmp_path)
    for name, df in runkit.read(tmp_path).items():
        pd.testing.assert_frame_equal(df, getattr(frames, name))


def test_reading_a_directory_without_frames_is_a_clear_error(tmp_path: Path) -> None:
    """The message names the missing files."""
    with pytest.raises(UsageError, match=r"runs\.parquet"):
        runkit.read(tmp_path)


def test_the_columns_are_the_schemas_in_order() -> None:
    """One list makes the frames."""
    for name, df in runkit.frames(example("completed")).items():
        assert df.columns.tolist() == [column.name for column in SCHEMA[name]]


def test_the_text_form_is_bounded() -> None:
    """Many runs are counted, not listed."""
    text = repr(runkit.frames([run(run_id=str(number)) for number in range(500)]))
    assert "497 more runs" in text
    assert len(text) < 1000


def test_the_notebook_form_shows_hostile_text_as_text() -> None:
    """Nothing of a run becomes markup."""
    source = run(question("q", 1, None, label=EVIL), run_id=EVIL, agent=EVIL, status=EVIL)
    shown = runkit.frames(source)._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


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
    assert len(entered - {"arguments.py"}) <= 11, sorted(entered)  # that checks each public call


def test_the_schema_is_a_frame_of_all_columns() -> None:
    """In order, with the dtypes that the frames have, and the unit and meaning of each."""
    f = runkit.frames(EXAMPLES / "run_completed.json")
    assert list(f.schema) == ["frame", "column", "dtype", "unit", "meaning"]
    listed = f.schema[["frame", "column", "dtype"]].to_numpy().tolist()
    assert listed == [[name, column, str(df[column].dtype)] for name, df in f.items() for column in df]
    units = dict(zip(f.schema["column"], f.schema["unit"], strict=True))
    assert (units["duration_s"], units["created_at"], pd.isna(units["is_open"])) == ("s", "UTC", True)
    assert f.schema["meaning"].str.len().gt(3).all()
