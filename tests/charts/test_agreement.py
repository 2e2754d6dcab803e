"""Labels beside decisions: every number is that of a plain loop, and no line is lost."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

import runkit
from analysis.questions import Case, actions_of, frames_of, log_of
from analysis.test_decisions import wilson
from analysis.test_sample import fleet_of, strata_of
from runkit.errors import UsageError

WORDS = {"approve": "approved", "reject": "rejected"}
LABELS = ["approved", "Approved", "approve", "rejected", "edited", "yes", "", None]


@pytest.mark.parametrize("seed", range(2))
def test_agreement_equals_a_plain_loop(seed):
    rng = random.Random(seed)
    fleet = [
        asked._replace(decision=rng.choice([asked.decision, None])) for asked in fleet_of(seed, 90)
    ]
    f = frames_of(fleet)
    strata = strata_of(fleet)
    sheet = runkit.sample(f, 50)
    sheet["label"] = [rng.choice(LABELS) for _ in range(len(sheet))]
    sheet.loc[rng.sample(range(len(sheet)), 3), "run_id"] = "other"
    panel = runkit.agreement(sheet, f)

    results: Counter[str] = Counter()
    errors: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for run_id, label in zip(sheet["run_id"], sheet["label"], strict=True):
        asked = None if run_id == "other" else fleet[int(run_id[:8])]
        result = result_of(asked, label)
        results[result] += 1
        if result in ("agrees", "disagrees"):
            name = strata[int(run_id[:8])]
            errors[name].append(result == "disagrees")
    assert panel.table["result"].value_counts()[[*results]].to_dict() == results
    assert len(panel) == len(sheet)
    assert panel.table["result"].eq("disagrees").tolist().index(False) == results["disagrees"]

    sizes = {name: [*strata.values()].count(name) for name in errors}
    weights = {name: size / sum(sizes.values()) for name, size in sizes.items()}
    rate = sum(weights[name] * np.mean(flags) for name, flags in errors.items())
    n_effective = 1 / sum(weights[name] ** 2 / len(flags) for name, flags in errors.items())
    n = results["agrees"] + results["disagrees"]
    numbers = panel.table.attrs
    assert numbers["error_rate"] == pytest.approx([rate, *wilson(rate, n_effective)])
    share = results["agrees"] / n
    assert numbers["agreement"] == pytest.approx([share, *wilson(share, n)])
    assert panel.sentence.startswith(f"{results['agrees']} of {n} labels agree: ")


def result_of(asked: Case | None, label: str | None) -> str:
    """What comparing a label with what was decided should give."""
    if asked is None:
        return "not settled in these runs"
    if pd.isna(label) or not label:
        return "not labeled"
    word = {"approve": "approved"}.get(label, label.lower())
    allowed = ["approved", "rejected"]
    if asked.kind in ("verify_tin", "add_sources"):
        allowed.append("edited")
    if word not in allowed:
        return "with a label not allowed"
    decided = WORDS[asked.decision] if asked.decision else None
    if asked.outcome == "auto_approve":
        decided = "approved"
    if decided is None:
        return "without a known decision"
    return "agrees" if word == decided else "disagrees"


def test_an_error_of_the_policy_is_found_in_its_stratum():
    """Auto-approved dismissals that should not be: half of the sample of their stratum says so."""
    fleet = [Case("auto_approve")] * 30
    fleet += [Case(kind="verify_tin", decision="approve")] * 60
    f = frames_of(fleet)
    sheet = runkit.sample(f, 30)
    is_policy = sheet["proposal"].str.startswith("dismissal")
    sheet["label"] = "approved"
    sheet.loc[sheet.index[is_policy][::2], "label"] = "rejected"
    panel = runkit.agreement(sheet, f)
    wrong = {row["kind"]: row["n_wrong"] for row in panel.table.attrs["strata"]}
    assert wrong == {"dismissal": 5, "verify_tin": 0}
    assert panel.table["result"].eq("disagrees").tolist() == [True] * 5 + [False] * 25
    assert "weighted error rate 17%, 95% interval 7–34%" in panel.sentence


def two_people(table: list[list[int]]) -> runkit.charts.Panel:
    """The agreement of two people, from the square table of their labels."""
    words = ["approved", "rejected", "edited"]
    pairs = [
        (words[row], words[column])
        for row, counts in enumerate(table)
        for column, n in enumerate(counts)
        for _ in range(n)
    ]
    f = frames_of([Case(kind="add_sources")] * len(pairs))
    first = runkit.sample(f, len(pairs))
    second = first.copy()
    first["label"], second["label"] = zip(*pairs, strict=True)
    return runkit.agreement(first, f, second=second)


def test_ac1_is_that_of_published_examples():
    """The tables and intervals of irrCAC's documentation, and of a check by its 0.4.4."""
    numbers = two_people([[13, 0, 0], [0, 20, 7], [0, 4, 56]]).table.attrs
    assert numbers["agreement"][0] == 0.89
    assert numbers["ac1"] == pytest.approx([0.84933, 0.76358, 0.93508], abs=2e-5)
    numbers = two_people([[118, 5], [2, 0]]).table.attrs
    assert numbers["ac1"] == pytest.approx([0.94078, 0.89532, 0.98623], abs=2e-5)


def test_ac1_has_no_interval_where_nothing_disagrees():
    panel = two_people([[20, 0], [0, 3]])
    value, *bounds = panel.table.attrs["ac1"]
    assert (value, np.isnan(bounds).all()) == (1, True)
    assert panel.sentence.startswith("23 of 23 labels agree: 100%, 95% interval 86–100%")


def test_lines_that_say_nothing_are_counted_by_reason_in_both_sheets():
    """Also a line that somebody added below, which is of no stratum."""
    f = frames_of([Case()] * 6)
    first = runkit.sample(f, 6).assign(label="approved")
    first.loc[6, "why"] = "done"
    second = first.assign(label=["approved", "rejected", None, "maybe", "approved", "", ""])
    second.loc[4, "run_id"] = "other"
    panel = runkit.agreement(first, f, second=second)
    n_of = panel.table["result"].value_counts()
    assert n_of[n_of > 0].to_dict() == {
        "agrees": 1,
        "disagrees": 1,
        "not settled in these runs": 1,
        "not labeled by the second": 4,
    }
    words = "second: 2 not settled in these runs, 1 with a label not allowed, 2 not labeled."
    assert panel.sentence.endswith(words)


def test_what_was_decided_is_read_from_data_then_log_then_actions_then_policy():
    fleet = [Case(decision="reject", answer="approved"), Case(answer="approved")]
    fleet += [Case(status_after="dismissed"), Case(is_running=True)]
    fleet.append(Case("auto_approve", is_listed=False))
    fleet.append(Case(parts=("dismissal", "tin_verification"), status_after="dismissed"))
    f = frames_of(fleet)
    sheet = runkit.sample(f, 7, by="kind")
    sheet["label"] = "approved"

    def decided(**options: pd.DataFrame) -> list[str]:
        table = runkit.agreement(sheet, f, **options).table.sort_values(["run_id", "proposal"])
        return table["decided"].fillna("?").tolist()

    assert " ".join(decided()) == "rejected ? ? ? approved ? ?"
    assert " ".join(decided(answers=log_of(fleet))) == "rejected approved ? ? approved ? ?"
    known = decided(actions=actions_of(fleet, f))
    assert " ".join(known) == "rejected not_done approved ? approved approved not_done"


@pytest.mark.parametrize("name", ["qa.xlsx", "qa.csv"])
def test_a_filled_sheet_is_read_with_the_key_beside_it(tmp_path, name):
    f = frames_of([Case(title="=1+1", parts=("dismissal", "tin_verification"))] * 9)
    path = tmp_path / name
    sheet = runkit.sample(f, path=path)
    assert len(sheet) == 18
    labels = ["rejected" if n % 3 else "approved" for n in range(18)]
    is_book = name == "qa.xlsx"
    filled = pd.read_excel(path, engine="calamine") if is_book else pd.read_csv(path)
    filled = filled.assign(label=labels, why="seen").iloc[::-1]
    if is_book:
        filled.to_excel(path, index=False)
    else:
        filled.to_csv(path, index=False)
    sheet["label"] = labels
    panel = runkit.agreement(path, f, second=sheet)
    assert panel.table["result"].eq("agrees").all()
    assert panel.table["why"].eq("seen").all()
    assert panel.table.attrs["error_rate"][0] == 0
    (tmp_path / "qa.key.csv").unlink()
    alone = runkit.agreement(path, f, second=sheet)
    assert "error_rate" not in alone.table.attrs
    assert "not weighted, as the key of the sample is missing" in alone.sentence


def test_nothing_is_said_of_agreement_where_no_decision_is_known():
    f = frames_of([Case()] * 3)
    panel = runkit.agreement(runkit.sample(f).assign(label="approved"), f)
    assert panel.sentence.startswith("3 labels, not known whether agreeing")
    assert [row["n_compared"] for row in panel.table.attrs["strata"]] == [0]
    assert [*panel.table.attrs] == ["strata"]


def test_refused_sheets(tmp_path):
    f = frames_of([Case(decision="approve")] * 4)
    sheet = runkit.sample(f).assign(label="approved")
    (tmp_path / "bad.xlsx").write_bytes(b"not a book")
    key = pd.DataFrame({"stratum": ["S9"], "n_settled": [4]})
    cases = [
        (sheet.iloc[:0], {}, "no label to compare: 0 rows"),
        (runkit.sample(f), {}, "no label to compare: 4 not labeled"),
        (sheet.assign(run_id="x"), {}, "no label to compare: 4 not settled in these runs"),
        (pd.concat([sheet, sheet]), {}, "no label to compare: 8 labeled twice"),
        (sheet, {"key": key}, "expected the key that runkit.sample made"),
        (sheet, {"key": key.drop(columns="n_settled")}, "expected the key that runkit.sample made"),
        (sheet, {"actions": sheet}, "expected the frame of runkit.actions"),
        (tmp_path / "bad.xlsx", {}, "cannot be read"),
        (tmp_path / "sheet.ods", {}, "expected a name that ends in .xlsx or .csv"),
    ]
    for labels, options, message in cases:
        with pytest.raises(UsageError, match=message):
            runkit.agreement(labels, f, **options)
