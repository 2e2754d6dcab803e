"""Panels of one run: what it found, what it asked, what a step returned, and other runs beside it."""

from __future__ import annotations

from typing import Any

import pytest

import runkit
from panel_texts import texts
from runkit.errors import UsageError
from runkit.screens import pages
from support import artifact, example, question, run, step

SECRET = {
    "match": True,
    "password": "hunter22x",
    "auth": {"api_key": "Abcd1234efgh"},
    "note": "token=Zyxw9876vuts",
    "header": "Authorization: Bearer Yxwv8765utsr, then mk_live_Xwvu7654tsrq",
}


def frames_of(result: Any, **more: Any) -> runkit.Frames:
    """Frames of a run with one step that returned something."""
    return runkit.frames(run(step("step-0001", 10, 40, result=result, **more), end=100))


def values(panel: Any) -> dict[str, str]:
    """The values of a result by their path."""
    return dict(zip(panel.table["path"], panel.table["value"], strict=True))


@pytest.mark.parametrize("source", [[], [run(), run(run_id="s")]])
def test_panels_of_one_run_take_exactly_one_run(source):
    f = runkit.frames(source)
    shows = (runkit.one_run.findings, runkit.one_run.questions)
    for show in (*shows, lambda f: runkit.one_run.step(f, "a")):
        with pytest.raises(UsageError, match=r"holds . runs?; expected exactly one.*select"):
            show(f)


def test_what_was_proposed_stands_beside_what_was_decided():
    answer = {"decision": "reject", "answered_by": "Ana", "note": "name differs"}
    proposed = [artifact("Match found")]
    asks = question("q", 0, 60, label="Dismiss?", result=answer, artifacts=proposed)
    panel = runkit.one_run.questions(runkit.frames(run(asks)))
    shown = ["Question", "Proposed", "Decided", "Reason"]
    shown += ["Dismiss?", "Match found", "“reject” by Ana", "name differs"]
    assert [text for text in texts(panel) if text in shown] == shown


def test_the_first_screen_of_a_report_has_open_questions_first_and_both_sides():
    """The newest answer before older ones, an open question before all."""
    answer = {"decision": "reject", "answered_by": "Ana", "note": "name differs"}
    found = artifact("Match found", summary="The same name")
    asks = [
        question("a", 0, 10, label="First?", result=answer, artifacts=[found]),
        question("b", 10, 20, label="Second?", result={"decision": "approve"}),
        question("c", 20, None, label="Third?"),
    ]
    panel = pages.head(runkit.frames(run(*asks, status="interrupted", end=None)))
    _, block = panel.blocks
    shown = [(item.question, item.outcome.word, item.decision) for item in block.decisions]
    assert shown == [
        ("Third?", "pending", ""),
        ("Second?", "answered", "approve"),
        ("First?", "answered", "reject"),
    ]
    oldest = block.decisions[-1]
    assert oldest.proposals == [("Match found", "The same name")]
    assert oldest.reason == "name differs"
    assert oldest.note == "Ana · Feb 3, 2026, 10:00 UTC · waited 10 s"
    assert block.decisions[0].note == "since Feb 3, 2026, 10:00 UTC"


def test_each_question_without_a_step_has_its_own_proposals():
    items = [{"id": n, "value": {"label": f"Ask {n}?", "artifacts": [artifact(n)]}} for n in "ab"]
    raw = run(interrupts=items, status="interrupted", end=None)
    _, block = pages.head(runkit.frames(raw)).blocks
    shown = {item.question: [title for title, _ in item.proposals] for item in block.decisions}
    assert shown == {"Ask a?": ["a"], "Ask b?": ["b"]}


def test_a_result_is_a_row_for_each_of_its_values():
    result = {"match": True, "names": ["A", {"b": None}], "empty": {}, "score": 0.5}
    assert values(runkit.one_run.step(frames_of(result), "step-0001")) == {
        "match": "true",
        "names[0]": "A",
        "names[1].b": "null",
        "empty": "{}",
        "score": "0.5",
    }


def test_a_step_has_its_findings_and_sources():
    """And not those of other steps."""
    raw = example("object_page")
    raw["steps"].append(step("z", artifacts=[artifact("Found elsewhere")]))
    panel = runkit.one_run.step(runkit.frames(raw), "research_tin")
    assert panel.title == "Researching TIN verification"
    html = panel._repr_html_()
    assert '<a href="https://irs.gov/tin-matching"' in html
    for text in ("TIN Verification Result", "1 min 30 s", "▮▮▮"):
        assert text in html
    assert "Found elsewhere" not in html


def test_a_report_quotes_what_the_last_output_returned():
    inner = step("i", type="output", result={"a": "inner"})
    steps = [step(n, type="output", result={n: f"of {n}"}) for n in "ab"]
    panel = pages.head(runkit.frames(run(*steps, step("c", steps=[inner]))))
    assert panel.blocks[0].note == "B: of b"


def test_a_run_without_others_of_its_agent_shows_its_times_and_that_there_are_0_others():
    panel = runkit.one_run.beside_others(run(step("a", 0, 30), run_id="own"), "own")
    assert panel.table[["this_run_s", "n_others"]].values.tolist()[0] == [30, 0]
    html = panel._repr_html_()
    assert "0 other completed runs of" in html
    assert "Median" not in html


def test_a_step_is_found_by_its_id_its_name_and_its_label():
    steps = [
        step(f"{letter * 8}-1", name=f"name_{letter}", label=f"Label {letter}") for letter in "ab"
    ]
    f = runkit.frames(run(*steps))
    for name in ("bbbbbbbb-1", "bbbbbbbb", "name_b", "Label b", "label B"):
        assert runkit.one_run.step(f, name).title == "Label b"


def test_steps_of_the_same_label_are_listed_and_ids_that_look_alike_are_whole():
    alike = [f"aaaaaaaa-1111-{number}" for number in (1, 2)]
    panel = runkit.one_run.step(runkit.frames(run(*map(step, alike))), "aaaaaaaa")
    assert panel.table["step_id"].tolist() == alike
    assert all(step_id in panel._repr_html_() for step_id in alike)


def test_an_unknown_step_is_an_error():
    with pytest.raises(UsageError, match="no step is"):
        runkit.one_run.step(frames_of({}), "nothing like it")


def test_a_secret_field_of_a_result_is_masked():
    """In the panel and in the chart's hover texts."""
    f = frames_of(SECRET)
    panel = runkit.one_run.step(f, "step-0001")
    assert values(panel) == {
        "match": "true", "password": "[key]", "auth.api_key": "[key]", "note": "token=[key]",
        "header": "Authorization: Bearer [key] then [key]",
    }  # fmt: skip
    secrets = ("hunter22x", "Abcd1234efgh", "Zyxw9876vuts", "Yxwv8765", "Xwvu7654")
    for text in (panel._repr_html_(), runkit.gantt(f).to_json()):
        assert not any(secret in text for secret in secrets)


def test_a_run_stands_beside_the_median_of_its_agents_other_completed_runs():
    def timed(run_id: str, look_s: float, **more: Any) -> dict[str, Any]:
        look = step("l", 5, 5 + look_s, name="look_up", label="Looking up")
        plan = step("p", 0, 5, name="plan", label="Planning")
        return run(plan, look, run_id=run_id, end=5 + look_s, **more)

    runs = [timed("slow", 100), timed("a", 10), timed("b", 20), timed("c", 40)]
    runs += [timed("failed", 999, status="error"), timed("other", 999, agent="tin")]
    panel = runkit.one_run.beside_others(runkit.frames(runs), "slow")
    assert panel.table.values.tolist() == [
        ["Work", 105, 25, 3],
        ["Waiting", 0, 0, 3],
        ["Looking up", 100, 20, 3],
        ["Planning", 5, 5, 3],
    ]
