"""The sample of a second line: its strata, what it hides, and the sheet."""

from __future__ import annotations

import random
import stat
from collections import Counter

import pandas as pd
import pytest

import runkit
import strangers
from analysis.questions import Case, frames_of
from runkit.errors import UsageError
from support import run

KINDS = ("dismissal", "decision", "verify_tin", "add_sources")
OUTCOMES = ("answered", "auto_approve", "pending", "skip")
COLUMNS = (
    "no run_id step_id interrupt_id business_name asked_at question proposal evidence stratum "
    "label why"
)
HOSTILE = ["=1+1", "@SUM(A1)", "-2+3", "+4"]


def fleet_of(seed: int, n: int) -> list[Case]:
    """Random questions; what was decided is in the data."""
    rng = random.Random(seed)
    return [
        Case(
            kind=rng.choice(KINDS[: rng.choice([1, 2, 4])]),
            confidence=rng.choice(["high", "high", "medium", "low", None]),
            outcome=rng.choice(OUTCOMES[: rng.choice([2, 4])]),
            decision=rng.choice(["approve", "reject"]),
        )
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def fleet():
    return fleet_of(0, 160)


@pytest.fixture(scope="module")
def f(fleet):
    return frames_of(fleet)


def strata_of(fleet: list[Case]) -> dict[int, tuple[str, str]]:
    """The kind and the confidence of each settled question, by its number."""
    return {
        number: (asked.kind, asked.confidence or "unknown")
        for number, asked in enumerate(fleet)
        if asked.outcome in ("answered", "auto_approve")
    }


@pytest.mark.parametrize("n", [40, 1_000])
def test_each_stratum_has_two_questions_or_all_and_the_rest_in_proportion(fleet, f, n):
    strata = strata_of(fleet)
    sizes = Counter(strata.values())
    sheet = runkit.sample(f, n)
    numbers = [int(run_id[:8]) for run_id in sheet["run_id"]]
    drawn = Counter(strata[number] for number in numbers)
    assert len({*numbers}) == len(numbers) == min(n, len(strata))
    for name, size in sizes.items():
        assert drawn[name] >= min(2, size)
        # the first two of small strata are taken from the others
        assert drawn[name] <= max(2, n * size / len(strata) + 1)
    key = {row["stratum"]: row for row in sheet.attrs["key"]}
    assert len(key) == len(sizes)
    for number, code in zip(numbers, sheet["stratum"], strict=True):
        row = key[code]
        assert (row["kind"], row["confidence"]) == strata[number]
        assert (row["n_settled"], row["n_drawn"]) == (sizes[strata[number]], drawn[strata[number]])
        assert row["weight"] == row["n_settled"] / row["n_drawn"]
    assert sheet.attrs["sentence"] == (
        f"{len(sheet)} of {len(strata)} settled questions, {len(sizes)} strata, seed 0."
    )


def test_a_seed_draws_the_same_questions_of_the_same_runs(f):
    sheet = runkit.sample(f, 40)
    reverse = f.select(f.runs["run_id"].iloc[::-1])
    pd.testing.assert_frame_equal(sheet, runkit.sample(reverse, 40))
    assert {*runkit.sample(f, 40, seed=1)["run_id"]} != {*sheet["run_id"]}


def test_a_sample_is_blind(f):
    """What was decided, by whom, and how sure the agent was are neither in the sheet nor told by it."""
    sheet = runkit.sample(f, 80)
    assert [*sheet] == COLUMNS.split()
    texts = " ".join(sheet.astype("str").fillna("").to_numpy().ravel())
    for word in ("high", "medium", "low", "Ana Ortiz", "approve", "reject", "resolution", "int-"):
        assert word not in texts.replace("below", "")
    assert sheet[["interrupt_id", "label", "why"]].isna().all(axis=None)
    assert sheet["no"].tolist() == [*range(1, 81)]
    codes = [row["stratum"] for row in sheet.attrs["key"]]
    assert codes == sorted(codes, key=lambda code: int(code[1:]))  # in the random order


def test_a_mixed_question_has_a_row_for_each_proposal():
    f = frames_of([Case(parts=("dismissal", "tin_verification", "note")), Case(kind="decision")])
    sheet = runkit.sample(f)
    mixed = sheet[sheet["run_id"].str.startswith("00000000")]
    assert mixed["proposal"].tolist() == ["dismissal: Same name", "verify tin: Same name"]
    assert mixed["evidence"].str.count("Same name: Seen. ").eq(3).all()
    assert sheet.drop(mixed.index)["proposal"].isna().all()
    assert sheet.attrs["sentence"].startswith("2 of 2 settled questions, 2 strata")


@pytest.mark.parametrize("name", ["qa.xlsx", "qa.csv"])
def test_text_of_a_written_sheet_stays_text(tmp_path, name):
    f = frames_of([Case(kind=kind, title=title) for title in HOSTILE for kind in KINDS[:2]])
    sheet = runkit.sample(f, path=tmp_path / name)
    key = pd.read_csv(tmp_path / "qa.key.csv")
    assert key.to_dict("records") == sheet.attrs["key"]
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if name == "qa.csv":
        cells = pd.read_csv(tmp_path / name, dtype="str").fillna("")
        assert not cells.apply(lambda column: column.str.match("[=@+-]")).any(axis=None)
    else:
        cells = pd.read_excel(tmp_path / name, engine="calamine")
    assert [*cells] == [*COLUMNS.split()[:-2], "allowed", "label", "why"]
    assert {*cells["allowed"]} == {"approved / rejected"}


def test_no_settled_question_is_an_empty_typed_sheet(f):
    empty = runkit.sample([])
    assert empty.dtypes.equals(runkit.sample(f).dtypes)
    assert empty.attrs["sentence"] == "No settled questions."
    unread = runkit.sample([run(), run(run_id="other")]).attrs["sentence"]
    assert unread == "Settled questions of 2 runs not known."


def test_questions_without_a_proposal_or_evidence_are_sampled_too():
    fleet = strangers.fleet(random.Random(3))
    asked = [item for made in fleet.strangers for item in made.truth.questions]
    n_settled = sum(item.ending in ("answered", "auto_approve") for item in asked)
    sheet = runkit.sample(runkit.frames(fleet.page))
    assert len(sheet) == n_settled > 5
    assert sheet[["proposal", "evidence"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 3}, "n=3; expected at least"),
        ({"n": 0}, "n=0 cannot be used"),
        ({"path": "qa.pdf"}, "expected a name that ends in .xlsx or .csv"),
    ],
)
def test_refused_arguments(f, options, message):
    with pytest.raises(UsageError, match=message):
        runkit.sample(f, **options)
