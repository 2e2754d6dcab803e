"""Every word of absence on every screen is so in the full data, whatever the data of a screen lacks."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

import runkit
import screens
import strangers
from strangers import FORMS, HOUR, STRONG, Fleet, Stranger, Truth

LIMIT_S = 4 * HOUR
ABSENCE = re.compile(
    r"\b(no|none|nothing|identical|unchanged|all|complete|not over)\b"
    r"|(?<![\w.:,-])0(?![\w.:,]| (?:s|min|h|d)\b)",
    re.IGNORECASE,
)


class Full:
    """What is so of some runs, by a loop over what was generated."""

    def __init__(self, fleet: Fleet) -> None:
        self.truths = fleet.truths
        self.questions = [item for truth in self.truths for item in truth.questions]
        self.pending = fleet.waits_s("pending")
        self.answers = fleet.waits_s("answered")
        self.to_people = self.pending + self.answers
        self.late, self.over = (
            [wait_s for wait_s in waits if wait_s > LIMIT_S]
            for waits in (self.pending, self.to_people)
        )
        self.findings = fleet.findings
        self.bare = [item for item in self.findings if not item.tiers]
        self.strong = [item for item in self.findings if set(item.tiers) & set(STRONG)]
        self.tiers = [tier for item in self.findings for tier in item.tiers]
        self.n_failed = sum(truth.n_failed for truth in self.truths)

    def has(self, status: str) -> bool:
        """Some run has this status."""
        return any(truth.status == status for truth in self.truths)

    def n_unsupported(self) -> int:
        """The number of high findings on sources none of which is of a high tier."""
        return sum(
            item.confidence == "high" and bool(item.tiers) and item not in self.strong
            for item in self.findings
        )

    def completed(self) -> list[Truth]:
        """Return the runs that completed."""
        return [truth for truth in self.truths if truth.status == "completed"]

    def is_low(self) -> bool:
        """Some completed run has a finding or an output of low confidence."""
        levels = {item.confidence for truth in self.completed() for item in truth.findings}
        return "low" in levels

    def has_output(self) -> bool:
        """Some run has an output."""
        return any(item.is_output for truth in self.truths for item in truth.findings)


Rule = Callable[[Full, re.Match[str]], bool]
RULES: dict[str, Rule] = {  # what a text says, and whether it is so
    # of the data itself, which the screen has
    r"^complete, no problems": lambda full, _: True,
    r"without a time of reading": lambda full, _: True,
    r"^Runs: \d+ \| all runs|^All runs, when": lambda full, _: True,
    r"no step of the run matches": lambda full, _: True,
    # of questions
    r"[Nn]one( of \d+ open questions)? over 4 h|not over 4 h": lambda full, _: not full.late,
    r"\b([Aa]ll( \d+ open questions)?|[Bb]oth open questions) over 4 h": lambda full, _: (
        full.late == full.pending
    ),
    r"Questions over 4 h: 0%.*(not known|not read)": lambda full, _: True,
    r"Questions over 4 h: 0%": lambda full, _: not full.over,
    r"^No questions waiting|all caught up|[( ]0 waiting": lambda full, _: not full.pending,
    r"no questions for reviewers|no questions answered or waiting": lambda full, _: (
        not full.to_people
    ),
    r"^No questions$|\b0 questions": lambda full, _: not full.questions,
    r"no open questions?": lambda full, _: not full.pending,
    r"^Answered by reviewers: 0 of \d+": lambda full, _: not full.answers,
    r", no reviewer asked": lambda full, _: True,
    # of statuses
    r"Waiting: 0 \| none": lambda full, _: not full.has("interrupted"),
    r"Failed: 0 \| none": lambda full, _: not full.has("error"),
    r"[Nn]one of \d+ runs completed|no completed runs": lambda full, _: not full.completed(),
    r"no other completed run": lambda full, _: len(full.completed()) < 2,
    r"nothing ran": lambda full, _: full.has("interrupted"),  # only they have gaps
    r"No result yet": lambda full, _: full.has("running"),
    r"No result: the review failed": lambda full, _: any(
        truth.status == "error" and not any(item.is_output for item in truth.findings)
        for truth in full.truths
    ),
    r"No output|no summary (and no overall confidence|was written)": lambda full, _: (
        not full.has_output()
    ),
    # of causes and of evidence
    r"No step says why": lambda full, _: any(
        truth.status == "error" and truth.cause is None for truth in full.truths
    ),
    r"^(No errors|None of \d+ runs with failed steps)": lambda full, _: not full.n_failed,
    r"^No findings|Findings: 0|\b0 (findings|artifacts)": lambda full, _: not full.findings,
    r"^No finding differs": lambda full, _: not full.findings,  # no title is one of two runs
    r"Sources: 0|\b0 sources": lambda full, _: not full.tiers,
    r"Low confidence: 0": lambda full, _: not full.is_low(),
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
    r"(\d+) high confidence, no source of a known government or primary tier": lambda full, found: (
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


def wrong_texts(
    screens_of: dict[str, screens.Show], made: list[Stranger], read_at: float, f: runkit.Frames
) -> dict[str, list[str]]:
    """By screen the clauses on it that are not so."""
    full = Full(Fleet(made, read_at))
    wrong = {name: false_clauses(show(f), full) for name, show in screens_of.items()}
    return {name: clauses for name, clauses in wrong.items() if clauses}


REDUCED = [
    [],
    ["without_steps", "without_pairing", "without_read_time", "without_results"],
    ["without_steps_and_questions", "without_confidence", "without_tiers"],
]


@pytest.mark.parametrize("names", REDUCED, ids=lambda names: " ".join(names) or "full")
def test_no_screen_states_an_absence_that_is_not_so(names):
    """Neither of many runs, nor of one, for which the status changes with the parameter."""
    rng = random.Random(len(names))
    fleet = strangers.fleet(rng, 5)
    f = runkit.frames(strangers.reduced(fleet.page, names, 0.6, rng))
    made = fleet.strangers
    read_at = fleet.read_at
    assert not wrong_texts(screens.FLEET, made, read_at, f)
    for stranger in rng.sample(list({item.truth.status: item for item in made}.values()), 2):
        assert not wrong_texts(screens.RUN, [stranger], read_at, f.select(stranger.run_id))


def test_no_head_of_a_form_states_an_absence_that_is_not_so():
    for name in ("result_only", "reason_in_result", "failed_without_step", "asked_again"):
        made = FORMS[name](random.Random(name))[0]
        show = {"report": screens.RUN["report"]}
        f = runkit.frames(strangers.page([made]))
        assert not wrong_texts(show, [made], 30 * strangers.DAY, f), name


@pytest.mark.parametrize("share", [0, 0.5])
def test_no_screen_of_two_runs_states_an_absence_that_is_not_so(share):
    rng = random.Random(3)
    fleet = strangers.fleet(rng, 2)
    f = runkit.frames(strangers.reduced(fleet.page, ["without_steps"], share, rng))
    assert not wrong_texts(screens.PAIR, fleet.strangers, fleet.read_at, f)
