"""Every cell of the six frames is what a plain loop over the JSON says, whoever sent it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import oracle
import runkit
import strangers
from support import example

COUNT = 100  # runs in each form; tests/soak has 2,500


def check(records: list[Any], as_of: str | None = None) -> runkit.Frames:
    """Read records, and compare each cell with the loop."""
    f = runkit.frames(records, as_of=as_of)
    found = oracle.differences(f, oracle.tables(records, as_of))
    assert not found, "\n".join(found[:20])
    return f


def check_form(name: str, count: int, seed: int = 0) -> None:
    """Compare each cell of runs in one form, beside an ordinary run, with the loop and the truth."""
    ordinary, *_ = strangers.several("ordinary", 1, seed + 1)
    made = [ordinary, *strangers.several(name, count, seed)]
    f = check(strangers.records(made))
    rows = {frame: _by_run(oracle.rows_of(f[frame]), frame) for frame in oracle.KEYS}
    for stranger in made:
        own = rows["runs"].get(stranger.run_id, [])
        assert _cells(own, [stranger.truth or {}]) == (
            [] if stranger.truth is None else [stranger.truth]
        )
        for frame, truth in stranger.rows.items():
            assert _cells(rows[frame].get(stranger.run_id, []), truth) == truth, frame


def _by_run(rows: list[oracle.Row], name: str) -> dict[str, list[oracle.Row]]:
    """Return the rows of each run in order."""
    by_run: dict[str, list[oracle.Row]] = {}
    for row in oracle.in_order(rows, name) if name == "interrupts" else rows:
        by_run.setdefault(row["run_id"], []).append(row)
    return by_run


def _cells(rows: list[oracle.Row], truth: list[oracle.Row]) -> list[oracle.Row]:
    """Return those cells of some rows of which the truth is known."""
    known = [*truth, *[{}] * len(rows)]
    return [{name: row[name] for name in cells} for row, cells in zip(rows, known, strict=False)]


@pytest.mark.parametrize("name", strangers.FORMS)
def test_every_cell_of_strangers_runs(name):
    check_form(name, COUNT)


@pytest.mark.parametrize("seed", range(2))
def test_every_cell_of_an_analysts_own_file(seed, monkeypatch):
    """Ordinary runs in several batches, to their own newest time, and to a time that was given."""
    monkeypatch.setattr("runkit.tables.read_frames.BATCH_RUNS", 7)
    records = strangers.records(strangers.fleet(seed))
    f = check(records)
    assert f.problems.empty
    later = (f.as_of + timedelta(days=1, seconds=seed)).isoformat()
    check(records, later)


@pytest.mark.parametrize("name", strangers.REMOVALS)
def test_every_cell_where_information_was_taken_away(name):
    """Nothing raises, and what is not known is null."""
    check(strangers.reduced(strangers.fleet(seed=3, n_runs=40), name))


def test_every_cell_of_the_examples():
    f = check([example(name) for name in ("minimal", "completed", "interrupted", "object_page")])
    assert f.problems.empty


def test_all_forms_in_one_file():
    """Their runs do not touch one another."""
    check(strangers.records(strangers.one_of_each()))
