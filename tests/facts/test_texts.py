"""Every word of absence on every screen is so in the full data, whatever the data of a screen lacks."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

import runkit
import screens
import strangers
from strangers import HOUR, REMOVALS, STRONG, Finding, Fleet, Question, Stranger

LIMIT_S = 4 * HOUR
ABSENCE = re.compile(
    r"\b(no|none|nothing|identical|unchanged|all|complete|not over)\b"
    r"|(?<![\w.:,-])0(?![\w.:,]| (?:s|min|h|d)\b)",
    re.IGNORECASE,
)


class Full:
    """What is so of some runs, by a loop over what was generated."""

    def __init__(self, fleet: Fleet) -> None:
        self.truths = [made.truth for made in fleet.strangers]
        self.questions = [item for truth in self.truths for item in truth.questions]
        self.pending = [item for item in self.questions if item.ending == "pending"]
        self.asked = [item for item in self.questions if item.ending != "auto_approve"]
        self.late = [item for item in self.pending if fleet.read_at - item.asked > LIMIT_S]
        self.over = [item for item in self.asked if self._wait_s(item, fleet) > LIMIT_S]
        self.artifacts = [item for truth in self.truths for item in truth.findings]
        self.findings = [item for item in self.artifacts if not item.is_output]
        self.bare = [item for item in self.findings if not item.tiers]
        self.strong = [item for item in self.findings if set(item.tiers) & set(STRONG)]
        self.tiers = [tier for item in self.findings for tier in item.tiers]
        self.n_failed = sum(truth.n_failed for truth in self.truths)

    @staticmethod
    def _wait_s(item: Question, fleet: Fleet) -> float:
        return (fleet.read_at if item.answered is None else item.answered) - (item.asked or 0)

    def has(self, status: str) -> bool:
        """Some run has this status."""
        return any(truth.status == status for truth in self.truths)

    def n_unsupported(self) -> int:
        """The number of high findings on sources none of which is of a high tier."""
        return sum(
            item.confidence == "high" and bool(item.tiers) and item not in self.strong
            for item in self.findings
        )

    def is_low(self, of: Callable[[strangers.Truth], bool]) -> bool:
        """Some of these runs has a finding or an output of low confidence."""
        return any(of(truth) and any(map(_is_low, truth.findings)) for truth in self.truths)


def _is_low(item: Finding) -> bool:
    return item.confidence == "low"


def _is_completed(truth: strangers.Truth) -> bool:
    return truth.status == "completed"


Rule = Callable[[Full, re.Match[str]], bool]
RULES: dict[str, Rule] = {  # what a text says, and whether it is so
    # of the data itself, which the screen has
    r"^complete, no problems": lambda full, _: True,
    r"no time of reading": lambda full, _: True,
    r"^Runs: \d+ \| all runs|^All runs, when": lambda full, _: True,
    r"no step of the run matches": lambda full, _: True,
    r"^Weak: no source, high confidence without": lambda full, _: True,
    # of questions
    r"[Nn]one( of \d+ open questions)? over 4 h|not over 4 h": lambda full, _: not full.late,
    r"\b[Aa]ll( \d+ open questions)? over 4 h": lambda full, _: full.late == full.pending,
    r"Questions over 4 h: 0%.*(not known|not read)": lambda full, _: True,
    r"Questions over 4 h: 0%": lambda full, _: not full.over,
    r"^No questions waiting|all caught up|[( ]0 waiting": lambda full, _: not full.pending,
    r"no questions asked|no questions answered or waiting": lambda full, _: not full.asked,
    r"no questions to reviewers|No question to a reviewer": lambda full, _: not full.asked,
    r"^No questions$|\b0 questions": lambda full, _: not full.questions,
    r"no open questions?": lambda full, _: not full.pending,
    r"[Nn]one of \d+ answers within 30 min|, no reviewer asked": lambda full, _: True,
    # of statuses
    r"Waiting: 0 \| none": lambda full, _: not full.has("interrupted"),
    r"Failed: 0 \| none": lambda full, _: not full.has("error"),
    r"No result yet": lambda full, _: full.has("running"),
    r"No result: the review failed": lambda full, _: full.has("error"),
    r"no summary was written": lambda full, _: not any(item.is_output for item in full.artifacts),
    # of causes and of evidence
    r"No step says why": lambda full, _: any(
        truth.status == "error" and truth.cause is None for truth in full.truths
    ),
    r"^No (failed steps|errors)": lambda full, _: not full.n_failed,
    r"^No findings|Findings: 0|\b0 (findings|artifacts)": lambda full, _: not full.findings,
    r"Sources: 0|\b0 sources": lambda full, _: not full.tiers,
    r"Low confidence: 0": lambda full, _: not full.is_low(_is_completed),
    r"none government or primary": lambda full, _: not set(full.tiers) & set(STRONG),
    r"all government or primary": lambda full, _: set(full.tiers) <= set(STRONG),
    r"none on government or primary sources": lambda full, _: not full.strong,
    r"all on government or primary sources": lambda full, _: full.strong == full.findings,
    r"none without a source": lambda full, _: not full.bare,
    r"all without a source": lambda full, _: full.bare == full.findings,
    r"[Nn]one of \d+ findings with weak evidence": lambda full, _: (
        not (full.bare or full.n_unsupported())
    ),
    r"(\d+) no source": lambda full, found: int(found[1]) <= len(full.bare),
    r"(\d+) high confidence, no government or primary source": lambda full, found: (
        int(found[1]) <= full.n_unsupported()
    ),
}


def false_clauses(texts: list[str], full: Full) -> list[str]:
    """The clauses with an absence that is not so in the full data, or that no rule looks up."""
    wrong = []
    for clause in screens.clauses(texts):
        rest = clause
        for pattern, is_so in RULES.items():
            matches = re.finditer(pattern, rest)
            wrong += [clause for found in matches if not is_so(full, found)]
            rest = re.sub(pattern, "", rest)
        if ABSENCE.search(rest):
            wrong.append(f"no rule: {clause}")
    return wrong


def reduced_fleet(names: list[str], rng: random.Random) -> tuple[Fleet, runkit.Frames]:
    """Runs of which everything is known, and the frames of what is left of them.

    A running run without steps is left out: one that has just started looks the same.
    """
    fleet = strangers.fleet(rng, 7)
    page = strangers.reduced(fleet.page, names, rng.choice([0.5, 1]), rng)
    is_kept = [bool(raw["steps"]) or raw["status"] != "running" for raw in page["data"]]
    page["data"] = [raw for raw, is_in in zip(page["data"], is_kept, strict=True) if is_in]
    kept = [made for made, is_in in zip(fleet.strangers, is_kept, strict=True) if is_in]
    return Fleet(kept, fleet.read_at), runkit.frames(page)


REDUCED = [[], *([name] for name in REMOVALS), list(REMOVALS)]


@pytest.mark.parametrize("names", REDUCED, ids=lambda names: " ".join(names) or "full")
def test_no_screen_of_many_runs_states_an_absence_that_is_not_so(names: list[str]) -> None:
    fleet, f = reduced_fleet(names, random.Random(len(names)))
    full = Full(fleet)
    wrong = {name: false_clauses(show(f), full) for name, show in screens.FLEET.items()}
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize("names", REDUCED, ids=lambda names: " ".join(names) or "full")
def test_no_screen_of_one_run_states_an_absence_that_is_not_so(names: list[str]) -> None:
    fleet, f = reduced_fleet(names, random.Random(20 + len(names)))
    made: dict[str, Stranger] = {made.truth.status: made for made in fleet.strangers}
    for stranger in made.values():  # a run of each status
        full, run = Full(Fleet([stranger], fleet.read_at)), f.select(stranger.run_id)
        wrong = {name: false_clauses(show(run), full) for name, show in screens.RUN.items()}
        assert not any(wrong.values()), wrong
