"""Words are tables: a new line is known on every surface, and an unknown word is shown as it came."""

import pytest

import runkit
from runkit.api import words
from runkit.api.words import Word
from runkit.screens import pages
from support import artifact, column, run, step

SHELVED = Word("shelved", "Shelved", "muted", "⊘", ("over",))
QUEUED = Word("in_queue", "Queued", "accent", "◌", ("open",))
STATUSES = [*words.STEP_STATUSES.lines, SHELVED, QUEUED]
STATES = [*words.STATES.lines, *(line._replace(word=line.label.lower()) for line in STATUSES[-2:])]


def set_lines(monkeypatch, vocabulary, lines):
    """Set other lines of a vocabulary, as somebody does who adds a line to its table."""
    monkeypatch.setattr(vocabulary, "lines", lines)
    monkeypatch.setattr(vocabulary, "_by_word", {line.word: line for line in lines})


@pytest.mark.parametrize("line", STATUSES, ids=lambda line: line.word)
def test_a_step_is_called_by_the_label_of_its_status_on_every_surface(line, monkeypatch):
    """A new one, too."""
    set_lines(monkeypatch, words.STEP_STATUSES, STATUSES)
    set_lines(monkeypatch, words.STATES, STATES)
    is_open = "open" in line.means
    end = None if is_open else 10
    own = step("a", 0, end, status=line.word)
    f = runkit.frames(run(own, step("b", 0), end=None))
    assert f.steps["state"].tolist() == [line.label.lower(), "done"]
    assert f.problems.empty
    assert f"{line.label} {line.icon}" in repr(pages.show_panel(f))
    hover = next(trace for trace in runkit.gantt(f).data if trace.name == "rows")
    assert str(line) in hover.customdata[0]
    assert ("so far" in hover.customdata[0]) == is_open


def test_a_new_confidence_is_sorted_and_counted_by_its_place(monkeypatch):
    words_of = {"A": "doubtful", "B": "medium", "C": "certain", "D": "high"}
    findings = [artifact(title, confidence=word) for title, word in words_of.items()]
    high = run(step("a", artifacts=findings[2:]), run_id="high")
    raws = [run(step("a", artifacts=findings)), high]
    assert column(runkit.frames(raws).runs, "weakest") == ["B", None]
    low = Word("doubtful", "Doubtful", "fail")
    lines = [Word("certain", "Certain", "ok"), *words.CONFIDENCES.lines, low]
    set_lines(monkeypatch, words.CONFIDENCES, lines)
    f = runkit.frames(raws)
    assert column(f.runs, "weakest") == ["A", None]
    names = [line.word for line in lines]
    assert f.artifacts["confidence"].cat.categories.tolist() == names
    tile = runkit.overview(f).blocks[0].tiles[-1]
    assert (tile.number, tile.rest) == ("1", "of 2 completed runs")
