"""`decisions` over fleets: on full data every number is that of a loop, with less none is too much."""

from __future__ import annotations

import random

import pandas as pd
import pytest

import runkit
import strangers
from strangers import DAY, REMOVALS, Fleet

COUNTS = ["n_asked", "n_pending", "n_auto", "n_lapsed", "n_answered", "n_unknown"]
RESULTS = ["n_approved", "n_rejected", "n_not_done", "n_unknown"]
OVER = {f"n_over_{days}d": days * DAY for days in (1, 3, 7)}
ENDINGS = {"n_pending": "pending", "n_auto": "auto_approve", "n_answered": "answered"}
SEEDS = range(4)


def true_counts(fleet: Fleet) -> dict[str, int]:
    """The numbers of all questions, by a loop over what was generated; no answer is known."""
    asked = [item for made in fleet.strangers for item in made.truth.questions]
    counts = {name: sum(q.ending == word for q in asked) for name, word in ENDINGS.items()}
    waits = [fleet.read_at - (q.asked or 0) for q in asked if q.ending == "pending"]
    over = {name: sum(wait > limit_s for wait in waits) for name, limit_s in OVER.items()}
    return {"n_asked": len(asked), "n_lapsed": 0, "n_unknown": counts["n_answered"]} | counts | over


def totals(table: pd.DataFrame) -> dict[str, int]:
    """The sum of each count over the groups; null is not in it."""
    return {name: int(table[name].sum()) for name in [*COUNTS, *OVER]}


@pytest.mark.parametrize("seed", SEEDS)
def test_on_full_data_every_count_equals_a_loop(seed):
    fleet = strangers.fleet(random.Random(seed))
    table = runkit.decisions(runkit.frames(fleet.page))
    assert totals(table) == true_counts(fleet)
    assert not table[[*COUNTS, *OVER]].isna().any(axis=None)
    # nobody knows what was answered, unless nothing was
    assert (table["n_approved"].isna() == table["n_answered"].gt(0)).all()


@pytest.mark.parametrize("names", [*([name] for name in REMOVALS), list(REMOVALS)], ids=" ".join)
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_with_less_information_no_count_states_what_is_not_so(names, seed):
    """No count is too large, and 0 is said only where it is so."""
    rng = random.Random(seed)
    fleet = strangers.fleet(rng)
    page = strangers.reduced(fleet.page, names, rng.choice([0.5, 1]), rng)
    table, true = runkit.decisions(runkit.frames(page)), true_counts(fleet)
    for name, n in totals(table).items():
        assert n <= true[name], (name, n, true[name])
        is_stated = len(table) > 0 and table[name].notna().all()
        assert n or not is_stated or not true[name] or name == "n_unknown", name
    assert (table[RESULTS].sum(axis=1) == table["n_answered"].fillna(0)).all()


def test_unread_runs_are_counted_in_the_sentence():
    fleet = strangers.fleet(random.Random(2))
    page = strangers.reduced(fleet.page, ["without_steps"], 1, random.Random(0))
    words = "Other questions of 12 runs not known: their steps were not read in full."
    assert words in runkit.decisions(runkit.frames(page)).attrs["sentence"]
