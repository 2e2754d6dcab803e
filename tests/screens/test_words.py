"""What runkit writes about runs is rows, quotes, dates and counts: it concludes nothing."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

import runkit
import strangers
from panel_texts import FLEET, ONE, texts
from runkit.screens.panel import Panel
from runkit.shell.cli import main

FORBIDDEN = re.compile(
    r"\b(no|none|all|at least|only|because|caught up|enough|not slow)\b", re.IGNORECASE
)
QUOTED = re.compile(r"'[^']*'")  # in the detail of a problem: what the data has
PYTHON = re.compile(r"\b\w+=|\b(?:runkit|f|client)\.\w")  # which a shell does not run
MARKER = "§"
# fields whose texts are the data's own words
TEXTS = ("label", "title", "summary", "name", "message", "error", "note", "detail", "reason")


def marked(value: Any, name: str = "") -> Any:
    """A record in which each text that a person wrote is a marker."""
    if isinstance(value, dict):
        return {key: marked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [marked(item, name) for item in value]
    return MARKER if isinstance(value, str) and name in TEXTS else value


def check(panel: Panel) -> None:
    """Look up each text of a panel, in HTML and in a terminal, in the forbidden words."""
    check_texts([*texts(panel), *repr(panel).splitlines()])


def check_texts(shown: list[str]) -> None:
    """Look up texts in the forbidden words."""
    assert [text for text in shown if FORBIDDEN.search(QUOTED.sub(MARKER, text))] == []


def check_shell(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """Look up what a command writes about runs in the forbidden words, and in Python's."""
    main(["show", *words])
    lines = capsys.readouterr().out.splitlines()
    assert lines
    check_texts(lines)
    assert [line for line in lines if PYTHON.search(line)] == []


FILES = {
    "nothing": [],
    "ordinary": strangers.records(strangers.fleet(seed=2, n_runs=12)),
    "each form": strangers.records(strangers.one_of_each()),
    **{
        f"without {name}": strangers.reduced(strangers.fleet(seed=2, n_runs=5), name)
        for name in strangers.REMOVALS
    },
}


@pytest.mark.parametrize("file", FILES)
def test_panels_of_many_runs_have_no_forbidden_word(file):
    f = runkit.frames(marked(copy.deepcopy(FILES[file])), on_error="collect")
    for show in FLEET.values():
        check(show(f))


@pytest.mark.parametrize(
    "file", ["ordinary", "each form", "without steps of runs", "without label of steps"]
)
def test_a_shell_shows_no_forbidden_word_and_no_python(file, tmp_path, capsys):
    f = runkit.frames(marked(copy.deepcopy(FILES[file])), on_error="collect")
    path = f.save(tmp_path / "runs")
    check_shell(capsys, str(path), "--sla-h", "4")
    for run_id in f.runs["run_id"]:
        check_shell(capsys, str(path), run_id, "--sla-h", "4")
    for run_id, step_id in f.steps[["run_id", "step_id"]].head(5).itertuples(index=False):
        check_shell(capsys, str(path), run_id, "--step", step_id)


@pytest.mark.parametrize("form", strangers.FORMS)
def test_panels_of_one_run_have_no_forbidden_word(form):
    made = [*strangers.several("ordinary", 1), *strangers.several(form, 1)]
    f = runkit.frames(marked(strangers.records(made)))
    for run_id in f.runs["run_id"][1:]:
        own = f.select(run_id)
        for show in ONE.values():
            check(show(own))
        for step_id in own.steps["step_id"]:
            check(runkit.one_run.step(own, step_id))


@pytest.mark.parametrize("name", FLEET)
def test_what_was_read_stands_once_on_a_screen_and_what_is_missing_first(name):
    source = strangers.records(strangers.fleet(seed=2, n_runs=9))
    f = runkit.frames([*source, {"object": "run"}])
    if name == "changes":  # two states, each of its own time
        return
    panel = FLEET[name](f)
    pieces = texts(panel)
    assert sum("as of" in piece for piece in pieces) == 1
    assert sum("1 of 10 records refused" in piece for piece in pieces) == 1
    words = " ".join(pieces)
    assert words.index("records refused") < words.index("9 runs read") < words.index("as of")


@pytest.mark.parametrize("name", ["findings", "questions", "head", "show"])
def test_what_a_source_lacks_is_not_missing_in_one_run(name):
    broken = {"object": "run", "id": "broken"}
    f = runkit.frames([*strangers.records(strangers.fleet(seed=2, n_runs=2)), broken])
    read = ONE[name](f.select(f.runs["run_id"][0])).read
    assert "records refused" not in read.missing
    assert "of the source: 1 of 3 records refused" in read.counted
