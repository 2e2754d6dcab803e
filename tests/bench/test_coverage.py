"""How often 95% intervals miss what is so: simulations, too slow for the suite.

.venv/bin/python -m pytest tests/bench/test_coverage.py -s
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from runkit.analysis.intervals import weighted_share, wilson

N_TRIALS = 2_000
# the size of each stratum, and its rate of errors
POPULATIONS = {
    "equal rates": [(300, 0.05), (100, 0.05), (12, 0.05)],
    "rare errors": [(188, 0.0), (128, 0.05), (96, 0.13)],
    "many strata": [(120, 0.02), (100, 0.1), (80, 0.05), (60, 0.2), (40, 0.0), (12, 0.5)],
    "one bad stratum": [(400, 0.01), (40, 0.4)],
}


def clustered(rng: np.random.Generator, rate: float, n_businesses: int = 40) -> np.ndarray:
    """The share of each business: 1 to 8 questions, whose rate differs between businesses."""
    rates = rng.beta(2 * rate, 2 * (1 - rate), n_businesses)
    n = rng.integers(1, 9, n_businesses)
    return rng.binomial(n, rates) / n


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 0.5])
def test_intervals_over_businesses_miss_the_true_share_rarely(rate):
    rng = np.random.default_rng(0)
    n_missed = 0
    for _ in range(N_TRIALS):
        low, high = wilson(clustered(rng, rate).mean(), 40)
        n_missed += not low <= rate <= high
    print(f"\nshare {rate}: missed in {100 * n_missed / N_TRIALS:.1f}%")
    assert n_missed <= 0.06 * N_TRIALS


def test_two_equal_groups_differ_rarely():
    """A/A trials: of two groups of one rate, the intervals of businesses do not overlap."""
    rng = np.random.default_rng(1)
    n_apart = 0
    for _ in range(N_TRIALS):
        (low_a, high_a), (low_b, high_b) = (
            wilson(clustered(rng, 0.2).mean(), 40) for _ in range(2)
        )
        n_apart += high_a < low_b or high_b < low_a
    print(f"\nA/A: apart in {100 * n_apart / N_TRIALS:.1f}%")
    assert n_apart <= 0.05 * N_TRIALS


@pytest.mark.parametrize("name", POPULATIONS)
def test_weighted_rates_cover_the_rate_of_the_population(name):
    """60 questions of some strata, drawn as `runkit.sample` does: two of each, the rest in proportion."""
    rng = np.random.default_rng(2)
    sizes, rates = (np.array(column) for column in zip(*POPULATIONS[name], strict=True))
    n_wrong = np.round(sizes * rates).astype(int)
    n_drawn = np.maximum(np.round((60 - 2 * len(sizes)) * sizes / sizes.sum()) + 2, 2).astype(int)
    true = n_wrong.sum() / sizes.sum()
    n_covered = 0
    for _ in range(N_TRIALS):
        found = rng.hypergeometric(n_wrong, sizes - n_wrong, n_drawn)
        shares, n, weights = (pd.Series(column) for column in (found / n_drawn, n_drawn, sizes))
        _, low, high = weighted_share(shares, n, weights)
        n_covered += low <= true <= high
    print(f"\n{name}: covered {100 * n_covered / N_TRIALS:.1f}%")
    assert n_covered >= 0.95 * N_TRIALS
