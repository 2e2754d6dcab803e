"""What the object page of the API shows, on every surface: frames, chart, report and `runkit show`.

A row for each of its 31 fields and 11 words. A surface that does not show a field has an empty
text.
"""

from __future__ import annotations

import contextlib
import html
import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import runkit
from runkit.cli import main
from support import Json, at, object_page_form, question, run, step

SOURCE = {
    "url": "https://tin.example.gov/match",
    "source_name": "Register of TINs",
    "source_tier": "government",
    "source_type": "tin_register",
}
FINDING = {
    "title": "TIN is on file",
    "type": "tin_verification",
    "confidence": "medium",
    "summary": "The register has the name and the number.",
    "sources": [SOURCE],
}
CHILD = step(
    "child-01",
    20,
    50,
    name="query_register",
    label="Querying the register",
    agent="tin_verification",
)
CHILD |= {"parent_step_id": "parent-1", "result": {"match": True, "entries": [{"state": "Ohio"}]}}
CHILD |= {"artifacts": [FINDING], "run_id": "c1d2e3f4-run"}
PARENT = step("parent-1", 10, 60, label="Delegating the TIN", steps=[CHILD])
SUMMARY = step("output-1", 60, 90, type="output", name="summary", label="Writing the summary")
SUMMARY |= {
    "artifacts": [
        FINDING | {"title": "Review of the TIN", "type": "cip_summary", "confidence": "low"}
    ]
}
PAGE = object_page_form(run(PARENT, SUMMARY, run_id="c1d2e3f4-run", start=5, end=95))


class Surfaces(NamedTuple):
    """The frames of a run, and what its chart, report, tree and step in a terminal say."""

    frames: runkit.Frames
    chart: str
    report: str
    show: str
    step: str


def plain_text(page: str) -> str:
    """The words of a page without its styles and scripts."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def surfaces(tmp_path_factory: pytest.TempPathFactory) -> Surfaces:
    folder = tmp_path_factory.mktemp("page")
    file = folder / "run.json"
    file.write_text(json.dumps(PAGE))
    f = runkit.frames(file)
    runkit.report(f, folder / "report.html")
    report = plain_text((folder / "report.html").read_text())
    return Surfaces(
        f,
        html.unescape(runkit.gantt(f).to_json()),
        report,
        show(file),
        show(file, "--step", "child-01"),
    )


def show(file: Path, *options: str) -> str:
    """What `runkit show` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["show", str(file), *options]) == 0
    return printed.getvalue()


# field, its column (of the first run, artifact and source, and the second step), the value there,
# and the words in the chart, the report, `runkit show` and `runkit show --step`
FIELDS = [
    ("run.object", "runs.n_steps", 3, "", "", "", ""),  # tells that it is a run
    ("run.id", "runs.run_id", "c1d2e3f4-run", "c1d2e3f4", "c1d2e3f4", "c1d2e3f4", ""),
    ("run.created_at", "runs.queued_s", 1, "", "", "created Feb 3, 10:00", ""),
    ("run.updated_at", "runs.updated_at", at(95), "", "", "", ""),
    ("run.status", "runs.status", "completed", "✓ Completed", "✓ Completed", "✓ Completed", ""),
    ("run.started_at", "runs.started_at", at(5), "", "10:00 Review started", "", "15 s after the run"),
    ("run.ended_at", "runs.duration_s", 90, "1 min 30 s", "10:01 Completed", "1 min 30 s", "1 min 30 s"),
    ("run.steps", "runs.n_steps", 3, "", "", "└─", ""),
    ("run.interrupts", "runs.n_interrupts", 0, "", "No questions waiting.", "", ""),
    ("step.id", "steps.step_id", "child-01", "", "", "", ""),
    ("step.run_id", "steps.run_id", "c1d2e3f4-run", "", "", "", ""),
    ("step.agent", "steps.agent", "tin_verification", "TIN Verification", "TIN Verification", "", ""),
    ("step.type", "steps.type", "activity", "", "", "", "activity"),
    ("step.name", "steps.name", "query_register", "", "", "query_register", "query_register"),
    ("step.label", "steps.label", *["Querying the register"] * 5),
    ("step.parent_step_id", "steps.parent_step_id", "parent-1", "", "", "│  └─ Querying", ""),
    ("step.status", "steps.status", "completed", "Completed", "", "", ""),
    ("step.started_at", "steps.started_at", at(20), "10:00:20 UTC", "15 s", "", "Feb 3, 10:00 UTC"),
    ("step.completed_at", "steps.duration_s", 30, "30 s", "30 s", "30 s", "30 s"),
    ("step.steps", "steps.n_children", 0, "own time 20 s", "", "├─ Delegating the TIN", ""),
    ("step.result", "steps.result", *['{"match":true,"entries":[{"state":"Ohio"}]}'],
     "entries[0].state: Ohio", "entries[0].state: Ohio", "--step", "entries[0].state"),
    ("step.artifacts", "steps.n_artifacts", 1, "TIN is on file", "Findings 1", "1 finding", "1 finding"),
    ("artifact.title", "artifacts.title", *["TIN is on file"] * 5),
    ("artifact.type", "artifacts.type", "tin_verification", "", "", "", ""),
    ("artifact.confidence", "artifacts.confidence", "medium",
     "medium confidence", "Medium", "(medium)", "medium confidence"),
    ("artifact.summary", "artifacts.summary", FINDING["summary"], "", *[FINDING["summary"]], "",
     FINDING["summary"]),
    ("artifact.sources", "artifacts.n_sources", 1, "", "Sources 1", "", "source"),
    ("source.url", "sources.url", SOURCE["url"], "", "tin.example.gov", "", SOURCE["url"]),
    ("source.source_name", "sources.source_name", "Register of TINs", "", *["Register of TINs"], "",
     "Register of TINs"),
    ("source.source_tier", "sources.source_tier", "government", "", "▮▮▮ government", "", ""),
    ("source.source_type", "sources.source_type", "tin_register", "", "", "", ""),
]  # fmt: skip


def test_the_page_has_31_fields() -> None:
    assert len({name for name, *_ in FIELDS}) == len(FIELDS) == 31


@pytest.mark.parametrize(("name", "column", "value", "chart", "report", "tree", "one_step"), FIELDS)
def test_a_field_of_the_object_page_is_served(
    surfaces: Surfaces,
    name: str,
    column: str,
    value: Any,
    chart: str,
    report: str,
    tree: str,
    one_step: str,
) -> None:
    frame, column = column.split(".")
    known = getattr(surfaces.frames, frame)[column].iloc[int(frame == "steps")]
    assert known == (pd.Timestamp(value) if column.endswith("_at") else value)
    assert chart in surfaces.chart
    assert report in surfaces.report
    assert tree in surfaces.show
    assert one_step in surfaces.step


def test_the_output_of_the_last_step_is_the_outcome_everywhere(surfaces: Surfaces) -> None:
    assert surfaces.frames.runs[["outcome", "confidence"]].values.tolist() == [
        ["Review of the TIN", "low"]
    ]
    for text in (surfaces.report, surfaces.show):
        assert "Review of the TIN" in text
        assert "Low" in text
        assert "Unknown agent" not in text
        assert "No output" not in text


def ended(*steps: Json, **more: Any) -> Json:
    return object_page_form(run(*steps)) | more


def waiting(*steps: Json) -> Json:
    item = {"id": "i", "label": "Is it so?"}
    return object_page_form(run(*steps, end=None)) | {"status": "interrupted", "interrupts": [item]}


FAILED = step("f", 0, 10, status="error", label="Asking the register")
# the word, a run that has it, the frame with the word, and the words in chart and terminal
WORDS = [
    (
        "running",
        object_page_form(run(step("a", 0, None), end=None)),
        "runs.status",
        "● Running",
        "● Running",
    ),
    ("completed", ended(step("a")), "runs.status", "✓ Completed", "✓ Completed"),
    ("error", ended(FAILED, status="error"), "runs.status", "✕ Failed", "✕ Failed"),
    ("interrupted", waiting(question("q", 10, None)), "runs.status", "◷ Waiting", "◷ Waiting"),
    ("activity", ended(step("a", label="Looking")), "steps.type", "Looking", "Looking"),
    (
        "output",
        ended(step("a", type="output", label="Writing")),
        "steps.type",
        "Writing",
        "Writing",
    ),
    (
        "interrupt",
        waiting(question("q", 10, None)),
        "steps.type",
        "waiting for a reviewer",
        "Waiting for a reviewer",
    ),
    ("error", ended(FAILED | {"type": "error"}), "steps.type", "✕", "✕ Asking the register"),
    (
        "running",
        object_page_form(run(step("a", 0, None), end=None)),
        "steps.status",
        "still running",
        "Step a",
    ),
    ("completed", ended(step("a")), "steps.status", "Completed", "Step a"),
    ("error", ended(FAILED), "steps.status", "✕", "✕ Asking the register"),
]


@pytest.mark.parametrize(("word", "source", "column", "chart", "tree"), WORDS)
def test_a_word_of_the_object_page_is_served(
    word: str, source: Json, column: str, chart: str, tree: str, tmp_path: Path
) -> None:
    f = runkit.frames(source)
    frame, name = column.split(".")
    assert getattr(f, frame)[name].tolist() == [word]
    assert len(f.problems) == 0
    assert chart in html.unescape(runkit.gantt(f).to_json())
    file = tmp_path / "run.json"
    file.write_text(json.dumps(source))
    assert tree in show(file)


def test_no_screen_says_no_errors_beside_a_failed_step(tmp_path: Path) -> None:
    """A step that failed without a failed child is an error, also in a run that completed."""
    for status in ("completed", "error"):
        f = runkit.frames(ended(FAILED, step("b", 20, 30), status=status))
        assert f.runs["n_errors"].tolist() == [1]
        runkit.report(f, tmp_path / "report.html")
        report = plain_text((tmp_path / "report.html").read_text())
        assert "No errors" not in report
        assert "✕ Asking the register failed" in report
