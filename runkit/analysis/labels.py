"""Filled sheets of `sample()` beside what was decided: which labels agree, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runkit.analysis._proposals import effects, proposals, questions_with_answers
from runkit.analysis.intervals import Estimate, ac1, of_share, weighted_share
from runkit.analysis.sample import EDITABLE, LABELS, key_path, proposal_texts, settled_of
from runkit.api.validation import DECIDED
from runkit.display.text import brief
from runkit.errors import UsageError
from runkit.facts import Facts
from runkit.tables.sheets import read_sheet

Sheet = pd.DataFrame | str | Path
AGREES, DISAGREES = "agrees", "disagrees"
NOT_SETTLED, EMPTY = "not settled in these runs", "not labeled"
NOT_ALLOWED, TWICE = "with a label not allowed", "labeled twice"
UNKNOWN = "without a known decision"
NO_SECOND = "not labeled by the second"
# the results of lines, in the order of the table
RESULTS = [DISAGREES, NOT_SETTLED, NOT_ALLOWED, TWICE, EMPTY, UNKNOWN, NO_SECOND, AGREES]
IDS = ["run_id", "step_id"]
TEXTS = ["business_name", "question", "proposal", "stratum", "label", "why"]
AGREED_WORDS = {"not_done": "rejected"}  # what was not done agrees with a label of rejected


def proposals_with_results(
    facts: Facts, answers: pd.DataFrame | None, actions: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the proposals of settled questions, with what was `decided`, null if nothing tells.

    In this order: the data, the answer log, actions, the policy.
    """
    questions, _ = questions_with_answers(facts, answers)
    rows = proposals(facts.frames, settled_of(questions))
    decided = rows["decision"].astype("str")
    # of a mixed question, nobody knows which proposal was edited
    decided = decided.mask(rows["is_part"] & decided.eq("edited"))
    if actions is not None:
        decided = decided.fillna(effects(rows, actions))
    is_by_policy = rows["outcome"].eq("auto_approve") & decided.isna()
    return rows.assign(decided=decided.mask(is_by_policy, "approved"))


def read_labels(labels: Sheet, name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Read a filled sheet, with the position (`row`) of each line in `rows`, null if it has none.

    `result` is what keeps a line from being compared. Raises `UsageError`.
    """
    sheet = labels if isinstance(labels, pd.DataFrame) else read_sheet(labels)
    sheet = sheet.reset_index(drop=True)
    sheet = sheet.reindex(columns=[*IDS, *TEXTS]).astype("str")
    words = sheet["label"].str.strip()
    known = words.str.lower().map(DECIDED)
    label = known.fillna(words).mask(words.eq(""))
    row = _rows_of(sheet, rows)
    sheet = sheet.assign(label=label, row=row)
    editable = rows.index[rows["kind"].isin(EDITABLE)]
    is_edit = label.eq("edited") & row.isin(editable)
    is_allowed = label.isin(LABELS) | is_edit
    conditions: dict[str, Any] = {
        NOT_SETTLED: row.isna(),
        TWICE: row.duplicated(keep=False),
        EMPTY: label.isna(),
        NOT_ALLOWED: ~is_allowed,
    }
    sheet["result"] = np.select([*conditions.values()], [*conditions], "")
    if not sheet["result"].eq("").any():
        raise UsageError(
            f"{name}={brief(labels)} has no label to compare: {gap_words(sheet) or '0 rows'}; "
            "expected a sheet of runkit.sample with labels such as approved or rejected, for "
            "questions of f."
        )
    return sheet


def _rows_of(sheet: pd.DataFrame, rows: pd.DataFrame) -> pd.Series[Any]:
    """Return the position in `rows` of each line; a mixed question is known by its proposal."""
    texts = proposal_texts(rows).where(rows["is_part"], "")
    known = rows[IDS].assign(proposal=texts, row=rows.index).astype({"row": "Int64"})
    keys = (sheet[IDS].assign(proposal=""), sheet[[*IDS, "proposal"]])
    by_question, by_proposal = (lines.merge(known, "left")["row"] for lines in keys)
    return by_question.fillna(by_proposal)


def compared(
    sheet: pd.DataFrame, rows: pd.DataFrame, second: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the lines of a sheet with the `result` of comparing each, disagreements first.

    Compared is with what was `decided`, or with the labels of a `second` sheet.
    """
    name, unknown = ("decided", UNKNOWN) if second is None else ("second", NO_SECOND)
    others = rows["decided"]
    if second is not None:
        others = second[second["result"].eq("")].set_index("row")["label"]
    other = others.reindex(sheet["row"]).set_axis(sheet.index)
    is_equal = sheet["label"].eq(other.replace(AGREED_WORDS))
    gap = sheet["result"]
    conditions = [gap.ne(""), other.isna(), is_equal]
    result = np.select(conditions, [gap, unknown, AGREES], DISAGREES)
    table = sheet.assign(**{name: other}, result=pd.Categorical(result, RESULTS))
    columns = ["result", "run_id", *TEXTS[:3], name, "label", "why", "stratum", "step_id"]
    return table.sort_values("result", kind="stable", ignore_index=True)[columns]


def gap_words(table: pd.DataFrame) -> str:
    """Count the lines that were not compared, by the reason: `2 not labeled`."""
    n_of = table["result"].value_counts()
    words = [word for word in RESULTS[1:-1] if n_of.get(word)]
    return ", ".join(f"{n_of[word]:,} {word}" for word in words)


def read_key(key: Sheet | None, labels: Sheet, lines: pd.DataFrame) -> pd.DataFrame | None:
    """Read the key of a sheet: as given, else as it came with it, None if it did not.

    It has the stratum of each of `lines`. Raises `UsageError`.
    """
    if isinstance(labels, pd.DataFrame):
        own = labels.attrs.get("key")  # rows
    else:
        beside = key_path(Path(labels))
        own = beside if beside.exists() else None
    key = own if key is None else key
    if key is None:
        return None
    table = read_sheet(key) if isinstance(key, str | Path) else pd.DataFrame(key)
    columns = table.reindex(columns=["stratum", "n_settled"])
    sizes = pd.to_numeric(columns["n_settled"], errors="coerce")
    names = columns["stratum"]
    is_in_key = lines["stratum"].isin(names)
    if sizes.isna().any() or not names.is_unique or not is_in_key.all():
        raise UsageError(
            f"key={brief(key)}; expected the key that runkit.sample made with the sheet: a row for "
            "each stratum, with its n_settled."
        )
    return table.assign(n_settled=sizes.astype("int64"))


def strata(table: pd.DataFrame, key: pd.DataFrame | None) -> pd.DataFrame:
    """Return the key with the questions compared of each stratum, and their share of errors.

    The share of a mixed question is that of its proposals.
    """
    if key is None:
        return pd.DataFrame()
    lines = compared_lines(table)
    lines = lines.assign(error_share=lines["result"].eq(DISAGREES))
    shares = lines.groupby(["stratum", *IDS])["error_share"].mean()
    by_stratum = shares.groupby("stratum")
    columns = {
        "n_compared": by_stratum.size(),
        "n_wrong": shares.gt(0).groupby("stratum").sum(),
        "error_share": by_stratum.mean(),
    }
    counts = pd.DataFrame(columns)
    table = key.drop(columns=["n_drawn", "weight"], errors="ignore").join(counts, on="stratum")
    return table.fillna({"n_compared": 0}).astype({"n_compared": "int32", "n_wrong": "Int32"})


def compared_lines(table: pd.DataFrame) -> pd.DataFrame:
    """Return the lines that agree or disagree."""
    return table[table["result"].isin([AGREES, DISAGREES])]


def estimates(table: pd.DataFrame, by_stratum: pd.DataFrame) -> dict[str, Estimate]:
    """Return `agreement`, `ac1` and, with strata, `error_rate`; nothing if no line was compared."""
    lines = compared_lines(table)
    if lines.empty:
        return {}
    share = float(lines["result"].eq(AGREES).mean())
    other = lines["decided" if "decided" in lines else "second"].replace(AGREED_WORDS)
    words = sorted({*lines["label"], *other})
    pairs = pd.crosstab(lines["label"], other)
    pairs = pairs.reindex(words, columns=words, fill_value=0)
    numbers = {"agreement": of_share(share, len(lines)), "ac1": ac1(pairs)}
    if len(by_stratum):
        rows = by_stratum[by_stratum["n_compared"].gt(0)]
        numbers["error_rate"] = weighted_share(
            rows["error_share"], rows["n_compared"], rows["n_settled"]
        )
    return numbers
