"""What one step returned, in a panel, a chart's hover and a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest

import runkit
from runkit.errors import UsageError
from support import example, run, step


def frames_of(result: Any, **more: Any) -> runkit.Frames:
    return runkit.frames(run(step("step-0001", 10, 40, result=result, **more), end=100))


def values(panel: Any, part: str = "result") -> dict[str, str]:
    rows = panel.table[panel.table["part"] == part]
    return dict(zip(rows["path"], rows["value"], strict=True))


def test_a_result_is_a_row_for_each_of_its_values():
    result = {"match": True, "names": ["A", {"b": None}], "empty": {}, "score": 0.5}
    panel = runkit.one_run.step(frames_of(result), "step-0001")
    expected = {
        "match": "true",
        "names[0]": "A",
        "names[1].b": "null",
        "empty": "{}",
        "score": "0.5",
    }
    assert values(panel) == expected


def test_a_step_has_its_times_findings_and_sources():
    f = runkit.frames(example("object_page"))
    panel = runkit.one_run.step(f, "research_tin")
    assert panel.title == "Researching TIN verification"
    assert panel.sentence == (
        "1 min 30 s of the run's 4 min 59 s, on the critical path. It returned 2 values and 1 finding."
    )
    assert values(panel, "time")["After start"] == "59 s"
    assert [*values(panel, "finding")] == ["TIN Verification Result"]
    assert values(panel, "source") == {
        "IRS TIN Matching": "▮▮▮ government · tin_match · https://irs.gov/tin-matching"
    }
    html = panel._repr_mimebundle_()["text/html"]
    assert '<a href="https://irs.gov/tin-matching"' in html
    assert "Raw JSON" in html


def test_a_step_is_found_by_its_id_its_name_and_its_label():
    steps = [
        step(f"{letter * 8}-1", name=f"name_{letter}", label=f"Label {letter}") for letter in "ab"
    ]
    f = runkit.frames(run(*steps))
    for name in ("bbbbbbbb-1", "bbbbbbbb", "name_b", "Label b", "label B"):
        assert runkit.one_run.step(f, name).title == "Label b"


def test_steps_of_the_same_label_are_listed():
    """With the step around each; ids that look alike are whole."""
    same = [step(f"{letter * 8}-1111-2222", 0, 5, label="Same") for letter in "ab"]
    table = runkit.one_run.step(
        runkit.frames(run(step("o", label="Outer", steps=same))), "Same"
    ).table
    assert table.values.tolist() == [["aaaaaaaa", "Outer", 5], ["bbbbbbbb", "Outer", 5]]
    alike = [f"aaaaaaaa-1111-{number}" for number in (1, 2)]
    f = runkit.frames(run(*map(step, alike)))
    assert runkit.one_run.step(f, "aaaaaaaa").table["step"].tolist() == alike


def test_an_unknown_step_is_an_error():
    with pytest.raises(UsageError, match="no step is"):
        runkit.one_run.step(frames_of({}), "nothing like it")


SECRET = {
    "match": True,
    "password": "hunter22x",
    "auth": {"api_key": "Abcd1234efgh"},
    "note": "token=Zyxw9876vuts",
    "header": "Authorization: Bearer Yxwv8765utsr, then mk_live_Xwvu7654tsrq",
}


def test_a_secret_field_of_a_result_is_masked():
    """In the panel and in the hover."""
    f = frames_of(SECRET)
    panel = runkit.one_run.step(f, "step-0001")
    assert values(panel) == {
        "match": "true", "password": "[key]", "auth.api_key": "[key]", "note": "token=[key]",
        "header": "Authorization: Bearer [key] then [key]",
    }  # fmt: skip
    for text in (json.dumps(panel._repr_mimebundle_()), runkit.gantt(f).to_json()):
        assert not any(
            secret in text
            for secret in ("hunter22x", "Abcd1234efgh", "Zyxw9876vuts", "Yxwv8765", "Xwvu7654")
        )
