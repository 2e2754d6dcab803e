"""Words are tables: a new line is known on every surface, and an unknown word is shown as it came."""

import pytest

import runkit
from runkit.api import words
from runkit.api.words import Word
from runkit.screens import pages
from support import artifact, run, step

NEW = Word("shelved", "Shelved", "muted", "⊘", ("over",))


def add_word(monkeypatch, vocabulary, word):
    """Add a line to a vocabulary, as somebody does who adds a line to its table."""
    monkeypatch.setattr(vocabulary, "lines", (*vocabulary.lines, word))
    monkeypatch.setattr(vocabulary, "_by_word", {**vocabulary._by_word, word.word: word})


@pytest.mark.parametrize(
    ("vocabulary", "word", "label"),
    [
        (words.RUN_STATUSES, "INTERRUPTED", "Waiting"),
        (words.RUN_STATUSES, "on_hold", "on_hold"),
        (words.RUN_STATUSES, None, "Unknown"),
    ],
)
def test_a_word_is_found_in_any_case_and_an_unknown_one_stays(vocabulary, word, label):
    assert vocabulary.find(word).label == label


def test_a_new_status_of_steps_is_one_line(monkeypatch):
    raw = run(step("a"), step("b", 10, None, status="shelved"))
    before = runkit.frames(raw)
    assert before.problems["detail"].str.contains("unknown step status 'shelved'").any()
    assert before.steps["state"].tolist() == ["done", "expired"]
    add_word(monkeypatch, words.STEP_STATUSES, NEW)
    f = runkit.frames(raw)
    assert not f.problems["detail"].str.contains("unknown").any()
    assert f.steps["state"].tolist() == ["done", "shelved"]


@pytest.mark.parametrize("line", words.STEP_STATUSES.lines, ids=lambda line: line.word)
def test_a_step_is_called_by_the_label_of_its_status_on_every_surface(line):
    end = None if "open" in line.means else 10
    own = step("a", 0, end, status=line.word)
    f = runkit.frames(run(own, step("b", 0), end=None))
    assert f.steps["state"].tolist() == [line.label.lower(), "done"]
    assert f.problems.empty
    assert f"{line.label} {line.icon}" in repr(pages.show_panel(f))
    hover = next(trace for trace in runkit.gantt(f).data if trace.name == "rows")
    assert str(line) in hover.customdata[0]


def test_a_new_confidence_is_sorted_and_counted_by_its_line(monkeypatch):
    findings = [artifact("A", confidence="very_low"), artifact("B", confidence="medium")]
    raw = run(step("a", artifacts=findings))
    assert runkit.frames(raw).runs["weakest"].tolist() == ["B"]
    very_low = Word("very_low", "Very low", "fail", means=("low",))
    add_word(monkeypatch, words.CONFIDENCES, very_low)
    f = runkit.frames(raw)
    assert f.runs["weakest"].tolist() == ["A"]
    assert f.artifacts["confidence"].cat.categories.tolist() == [
        "high",
        "medium",
        "low",
        "very_low",
    ]
    low = runkit.overview(f).blocks[0].tiles[-1]
    assert (low.number, low.rest) == ("1", "of 1 completed")
