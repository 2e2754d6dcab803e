"""One fact is one number on every screen, and the parts of a sentence are its whole."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

import runkit
import screens
import strangers
from runkit.shell import _terminal
from support import at, question, run, step

READS: dict[str, str] = {  # a fact, and how each screen says it
    "failed": r"Failed: (\d+)|(\d+) failed\b(?! step)",
    "waiting": r"Waiting: (\d+)|(\d+) waiting(?! for|\))|(\d+) waiting for a reviewer",
    "open questions": (
        r"((?:at least )?\d+) open questions?|((?:at least )?\d+) questions? waiting"
        r"|questions? \((\d+) waiting\)"
    ),
    "late questions": r"(\d+|none|all)(?:(?: of)? \d+ open questions)? over 4 h",
    "oldest": r"oldest ((?:at least \d|\d|since|not known)[^,;|]*)",
    "low": r"Low confidence: (\d+|–) \| (.+)",
}


def values_in(texts: list[str], pattern: str) -> set[str]:
    """What some texts say of a fact."""
    return {
        "".join(filter(None, found.groups())).strip().lower()
        for text in texts
        for found in re.finditer(pattern, text, re.IGNORECASE)
    }


@pytest.mark.parametrize("names", [[], ["without_read_time"], ["without_steps"]])
def test_screens_show_the_same_number_of_one_fact(names):
    rng = random.Random(5)
    fleet = strangers.fleet(rng, 9)
    f = runkit.frames(strangers.reduced(fleet.page, names, 0.5, rng))
    shown = ["overview", "report", "chart", "terminal", "waits", "print of the frames"]
    texts = {name: screens.FLEET[name](f) for name in shown}
    for fact, pattern in READS.items():
        values = {name: values_in(lines, pattern) for name, lines in texts.items()}
        assert len(set.union(*values.values())) == 1, (fact, values)
        assert sum(map(bool, values.values())) > 1, (fact, values)  # several screens have it


def test_screens_count_unpaired_questions_as_at_least_two():
    """Two open steps without labels and two items are two to four questions."""
    interrupts = [strangers.Question(f"Question {n}?", 20 + n) for n in range(2)]
    steps = [question(f"q{n}", item.start, None, label=None) for n, item in enumerate(interrupts)]
    items = [strangers.item_of(n, item) for n, item in enumerate(interrupts)]
    local = {"read_at": at(5 * strangers.HOUR)}
    waiting = run(*steps, end=None, status="interrupted", interrupts=items, _runkit=local)
    others = [run(step("s"), run_id=f"other{n}", _runkit=local) for n in range(4)]
    f = runkit.frames([waiting, *others])
    shown = ["overview", "report", "chart", "terminal", "waits"]
    texts = [text for name in shown for text in screens.FLEET[name](f)]
    assert values_in(texts, READS["open questions"]) == {"at least 2"}
    table = runkit.fleet.waits(f).table.set_index("kind")
    assert table.loc["All", ["n_questions", "n_late"]].tolist() == [2, 2]
    assert runkit.one_run.questions(f.select("r")).sentence.startswith("At least 2 questions: 2 ")


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_the_parts_of_a_sentence_add_up_to_its_whole():
    """Of many runs the statuses; of one the endings of its questions and the ratings of its findings."""
    fleet = strangers.fleet(random.Random(0), 6)
    f = runkit.frames(fleet.page)
    n_runs, *statuses = numbers(f.summary()[0])
    assert n_runs == sum(statuses) == 6
    assert sorted(statuses) == sorted(Counter(item.status for item in fleet.truths).values())
    for made in fleet.strangers:
        selected = f.select(made.run_id)
        words = runkit.one_run.questions(selected).sentence.split(". ")[0]
        n, *parts = numbers(words) or [0]
        assert n == sum(parts) == len(made.truth.questions), words
        [tile] = [text for text in screens.RUN["report"](selected) if text.startswith("Findings: ")]
        n, *parts = numbers(tile)
        assert n == sum(parts) == sum(not item.is_output for item in made.truth.findings)


def test_known_and_unknown_causes_are_all_failed_runs():
    bad = step("b", status="error")
    runs = [run(bad, run_id="a", status="error"), run(run_id="b", status="error")]
    tiles = {
        "1 with a known cause; 1 not known": runs,
        "1 cause": runs[:1],
        "not known whether with a known cause": runs[1:],
    }
    for note, failed in tiles.items():
        shown = screens.FLEET["overview"](runkit.frames(failed))
        assert f"✕ Failed: {len(failed)} | {note}" in shown


@pytest.mark.parametrize("missing", [None, "the list was cut"])
def test_the_inbox_is_caught_up_only_if_all_runs_were_read(missing):
    lines = [str(line) for line in _terminal.inbox(runkit.frames([]), "", missing)]
    assert ("caught up" in lines[0]) == (missing is None)
