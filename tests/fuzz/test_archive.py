"""An archive of anything: what it keeps comes out as it went in, the rest is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import runkit
from fuzz.made import Case, fuzz, json_values, mangled, python_values, texts
from runkit import jsontext
from runkit.errors import UsageError
from support import run, step

Json = dict[str, Any]


@fuzz(6)
@given(st.lists(mangled(python_values) | python_values, max_size=4).map(Case))
def test_any_objects_are_kept_or_refused(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    """Each record is counted, and what is kept makes the frames that it made before."""
    archive = runkit.Archive(tmp_path_factory.mktemp("archive") / "runs")
    added = archive.add(case.value, progress=False)
    n_kept = added.n_new + added.n_changed + added.n_unchanged
    assert n_kept + added.n_refused == len(case.value)
    assert len(archive) == added.n_new
    kept = archive.frames()
    assert len(kept.runs) == added.n_new
    before = runkit.frames(case.value)
    assert set(kept.runs["run_id"]) <= set(before.runs["run_id"])
    assert archive.add(archive, progress=False).n_new == 0


@fuzz(6)
@given(st.lists(mangled() | json_values, max_size=4))
def test_what_text_can_say_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, sources: list[Any]
) -> None:
    """Whatever frames keep, as deep as it can be read back."""
    archive = runkit.Archive(tmp_path_factory.mktemp("archive") / "runs")
    added = archive.add(sources, progress=False)
    held = {made.id: made.to_dict() for made in archive.runs()}
    for source in sources:
        if isinstance(source, dict) and isinstance(source.get("id"), str) and source["id"] in held:
            same_id = [one for one in sources if isinstance(one, dict) and one.get("id") == source["id"]]
            assert held[source["id"]] in same_id
    frames = runkit.frames(sources)
    refused = set(added.problems["problem"][added.problems["severity"] == "error"])
    if "too_deep" not in refused:
        assert set(held) == set(frames.runs["run_id"])
        again = archive.frames()
        for name in ("runs", "steps", "artifacts", "sources"):
            left, right = (
                getattr(f, name).sort_values("run_id", kind="stable", ignore_index=True).astype("str")
                for f in (again, frames)
            )
            pd.testing.assert_frame_equal(left, right)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**64, "\ud800", {1: 2}, {1, 2}], ids=lambda v: type(v).__name__
)
def test_what_no_json_can_hold_is_refused(tmp_path: Path, value: Any) -> None:
    """It is never kept as null; its neighbours are."""
    archive = runkit.Archive(tmp_path / "runs")
    added = archive.add([run(step("a", result={"x": value})), run(run_id="good")], progress=False)
    assert added.problems["problem"].tolist() == ["bad_json"]
    assert [made.id for made in archive.runs()] == ["good"]


@pytest.mark.parametrize("text", ["\U0001f600", "a\nb", "x" * 100_000, "\u202e", "'; DROP TABLE runs; --"])
def test_odd_texts_are_kept(tmp_path: Path, text: str) -> None:
    """In a result, and as ids and words that runs are chosen by."""
    archive = runkit.Archive(tmp_path / "runs")
    source = run(step("a", result={text: text}), run_id=text, agent=text, business_id=text)
    assert archive.add([source], progress=False).n_new == 1
    [made] = archive.runs()
    assert made.to_dict() == source
    assert archive.frames(agent=text, business_id=text).runs["run_id"].tolist() == [text]


@fuzz(10)
@example("|")
@example("^")
@given(texts)
def test_any_path_is_a_folder_or_a_usage_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Nothing is written elsewhere, and nothing else is raised."""
    root = tmp_path_factory.mktemp("archive")
    try:
        archive = runkit.Archive(root / "runs" / text.replace("..", "").replace("/", ""))
        archive.add([run()], progress=False)
    except UsageError:
        return
    assert [made.id for made in archive.runs()] == ["r"]


@fuzz(10)
@given(
    st.dictionaries(
        st.sampled_from(["status", "since", "until", "agent", "business_id", "version"]),
        python_values,
        max_size=2,
    ).map(Case)
)
def test_any_choice_is_made_or_a_usage_error(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    """Words, times and versions that are none are said."""
    archive = runkit.Archive(tmp_path_factory.mktemp("archive") / "runs")
    archive.add([run()], progress=False)
    try:
        f = archive.frames(**case.value)
    except UsageError as error:
        words = str(error)
    else:
        words = repr(f)
    assert len(words) < 2_000


def test_text_of_the_archive_is_strict_json(tmp_path: Path) -> None:
    """Other tools read it."""
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([run(step("a", result={"n": 2**64 - 1, "deep": [[None]]}))], progress=False)
    [made] = archive.runs()
    assert json.loads(made.to_json()) == jsontext.loads(made.to_json().encode())
