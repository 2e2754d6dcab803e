"""`decisions` over fleets: with less than the full data no number is too much."""

from __future__ import annotations

import random

import pytest

import runkit
import strangers
from runkit.display.text import plural
from strangers import DAY, REMOVALS, Fleet

COUNTS = ["n_asked", "n_pending", "n_auto", "n_lapsed", "n_answered", "n_unknown"]
OVER = {f"n_over_{days}d": days * DAY for days in (1, 3, 7)}
ENDINGS = {"n_pending": "pending", "n_auto": "auto_approve", "n_answered": "answered"}


def true_counts(fleet: Fleet) -> dict[str, int]:
    """The numbers of all questions, by a loop over what was generated; no answer is known."""
    counts = {name: len(fleet.waits_s(word)) for name, word in ENDINGS.items()}
    waits = fleet.waits_s("pending")
    over = {name: sum(wait > limit_s for wait in waits) for name, limit_s in OVER.items()}
    known = {"n_asked": sum(counts.values()), "n_lapsed": 0, "n_unknown": counts["n_answered"]}
    return known | counts | over


@pytest.mark.parametrize("names", [*([name] for name in REMOVALS), list(REMOVALS)], ids=" ".join)
def test_with_less_information_no_count_states_what_is_not_so(names):
    """No count is too large, 0 is said only where it is so, and unread runs are counted."""
    rng = random.Random(1)
    fleet = strangers.fleet(rng, 8)
    share = 1 if len(names) == 1 else 0.5
    page = strangers.reduced(fleet.page, names, share, rng)
    table = runkit.decisions(runkit.frames(page))
    true = true_counts(fleet)
    for name, n in table[[*COUNTS, *OVER]].sum().items():
        assert n <= true[name], (name, n, true[name])
        is_stated = len(table) > 0 and table[name].notna().all()
        assert n or not is_stated or not true[name] or name == "n_unknown", name
    n_unread = sum(not raw["steps"] for raw in page["data"])
    assert not n_unread or f" {plural(n_unread, 'run')} not " in table.attrs["sentence"]
