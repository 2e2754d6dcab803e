"""The frames of runs in every form of other accounts say what is so of them."""

from __future__ import annotations

import json
import random

import pandas as pd
import pytest

import runkit
import strangers
from runkit import fleet
from runkit.charts.overview import fleet_tiles
from runkit.facts import Facts
from runkit.tables.audit_trail import audit_trail
from strangers import FORMS, Truth
from support import at, question, run, step

PANELS = (fleet.needs_attention, fleet.weak_findings, fleet.failed_steps, fleet.waits)


def facts_of(f: runkit.Frames) -> list[tuple[str, str, int, list[str], list[list[str]]]]:
    """Of each run its status, outcome, failed steps, findings, and who ended its questions how."""
    parts = []
    for run_id in f.runs["run_id"]:
        selected = f.select(run_id)
        [row] = selected.runs.to_dict("records")
        titles = selected.artifacts.loc[~selected.artifacts["is_repeat"], "title"]
        endings = selected.interrupts[["outcome", "decision", "answered_by"]].astype("str")
        rows = sorted(endings.fillna("").values.tolist())
        outcome = "" if pd.isna(row["outcome"]) else row["outcome"].removesuffix(" (E42)")
        parts.append((row["status"], outcome, row["n_errors"], sorted(titles), rows))
    return parts


def true_facts(truth: Truth) -> tuple[str, str, int, list[str], list[list[str]]]:
    """The same of a run whose truth is known."""
    titles = sorted(item.title for item in truth.findings)
    endings = sorted(
        [interrupt.ending, interrupt.decision or "", interrupt.answered_by or ""]
        for interrupt in truth.questions
    )
    outcome = truth.reason or truth.outcome or ""
    return truth.status, outcome, truth.n_failed, titles, endings


@pytest.mark.parametrize("name", FORMS)
def test_frames_of_other_accounts_have_what_is_in_the_runs(name):
    made = FORMS[name](random.Random(name))
    f = runkit.frames(strangers.raws(made))
    assert facts_of(f) == [true_facts(stranger.truth) for stranger in made]


def test_fleets_of_known_runs_have_no_problems():
    made = strangers.fleet(random.Random(0))
    f = runkit.frames(made.page)
    assert f.problems.empty
    assert facts_of(f) == [true_facts(stranger.truth) for stranger in made.strangers]


def test_a_run_in_several_files_is_its_newest_copy(tmp_path):
    waiting = run(question("q", 20, None), end=None, status="interrupted", updated_at=at(20))
    for day, raw in enumerate([waiting, waiting, run(question("q", 20, 60))]):
        page = {"object": "list", "data": [raw, run(step("s"), run_id=f"other-{day}")]}
        (tmp_path / f"day{day}.json").write_text(json.dumps(page))
    f = runkit.frames(tmp_path)
    assert len(f.runs) == 4
    assert f.interrupts["outcome"].tolist() == ["answered"]


def test_rows_that_share_an_index_are_shown_as_others():
    """As those of frames that pandas joined do, with a column of somebody's own."""
    f = runkit.frames(strangers.fleet(random.Random(0)).page)

    def shown():
        tables = [panel(f).table.to_string(index=False) for panel in PANELS]
        trail = audit_trail(f).to_string()
        return [*tables, trail, fleet_tiles(Facts(f))]

    before = shown()
    for name in f:
        f[name].index = [0] * len(f[name])
    f.runs["newest_at"] = "mine"
    assert shown() == before
