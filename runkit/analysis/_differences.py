"""What differs between two states of the same runs, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.api.contract import FINAL_STATUSES
from runkit.display.hide_keys import MASK
from runkit.tables.frames import Frames
from runkit.tables.schema import SCHEMA, TEXT_OF

# Columns that depend on how, when or in which order the runs were read; in a run that was open on
# both sides so do durations.
NEVER_COMPARED = {
    "runs": {"as_of", "business_status_at", "agent_name"},
    "steps": {"step_no", "subtree_end"},
    "artifacts": {"artifact_no"},
    "sources": {"artifact_no", "source_no"},
    "interrupts": set[str](),
    "problems": {"location"},
}
# What makes two rows of a run the same row; `owner` is the step, or what stands for it without one.
KEYS = {
    "runs": ["run_id"],
    "steps": ["run_id", "step_id"],
    "artifacts": ["run_id", "owner", "type", "title"],
    "sources": ["run_id", "owner", "type", "title", "url"],
    "interrupts": ["run_id", "owner"],
    "problems": ["run_id", "step_id", "problem"],
}
LABELS = {  # the column that names a row, and the word for a row
    "steps": ("label", "step"),
    "artifacts": ("title", "finding"),
    "sources": ("url", "source"),
    "interrupts": ("label", "question"),
    "problems": ("problem", "problem"),
}
RESULT, FINDING, SOURCES, STEPS, OTHERWISE = (
    "result changed",
    "finding changed",
    "sources changed",
    "steps changed",
    "otherwise changed",
)
FRAME_CHANGES = {"steps": STEPS, "artifacts": FINDING, "sources": SOURCES}
COLUMN_CHANGES = {
    ("runs", "outcome"): RESULT,
    ("runs", "confidence"): RESULT,
    ("runs", "weakest"): FINDING,
    ("runs", "n_findings"): FINDING,
    ("runs", "n_artifacts"): FINDING,
    ("runs", "n_sources"): SOURCES,
    ("runs", "n_steps"): STEPS,
    ("runs", "n_errors"): STEPS,
    ("steps", "result"): RESULT,
    ("steps", "n_artifacts"): FINDING,
    **{("artifacts", name): SOURCES for name in ("n_sources", "n_hosts")},
    **{("artifacts", name): SOURCES for name in ("best_tier", "best_tier_text")},
}
BUSINESS = ("business_id", "business_name", "business_status")
# Columns of a run that do not depend on its steps.
OWN = {
    *("run_id", "thread_id", *BUSINESS, "status", "requester", "prompt", "created_at"),
    *("updated_at", "started_at", "ended_at", "queued_s"),
}
# Columns that follow from a change that has a name of its own.
FOLLOWING = {
    "runs": {"status", "updated_at", "started_at", "ended_at", "n_interrupts", "n_pending"},
    "interrupts": {"interrupt_id", "step_id", "outcome", "asked_at", "answered_at"},
}
# Why something is not compared.
UNREAD, UNKNOWN, MASKED, LOST = (
    "steps",
    "businesses",
    "masked texts",
    "words that version 0.3 did not save",
)


class Sides(NamedTuple):
    """Rows of one frame, matched: a row of `old` and the row of `new` at the same position."""

    old: pd.DataFrame
    new: pd.DataFrame


def differences(old: Frames, new: Frames) -> pd.DataFrame:
    """Compare everything that two states of the same runs hold.

    Returns a row for each cell that differs, each row that only one side has, and each cell that
    cannot be compared. `doubt` says why it cannot, else null. `is_minor`: it follows from another
    change, such as the number of rows of another frame.
    """
    run_ids = old.runs.loc[old.runs["run_id"].isin(new.runs["run_id"]), "run_id"]
    runs = Sides(*(f.runs.set_index("run_id").loc[run_ids] for f in (old, new)))
    is_read = runs.old["has_steps"].eq(runs.new["has_steps"])
    is_unread = ~(runs.old["has_steps"] & runs.new["has_steps"])
    is_open = pd.Series(True, run_ids)
    for df in runs:
        is_open &= df["ended_at"].isna() | ~df["status"].isin(FINAL_STATUSES)
    unread_ids = run_ids[is_unread.to_numpy()].reset_index(drop=True)
    parts = [pd.DataFrame({"run_id": unread_ids, "doubt": UNREAD})]
    for name in SCHEMA:
        compared_ids = run_ids if name == "runs" else run_ids[is_read.to_numpy()]
        sides = Sides(*(_rows_of(f, name, compared_ids) for f in (old, new)))
        matched, single = _match(sides, KEYS[name])
        parts += _cells(name, matched, is_open, is_read)
        parts += _single_rows(name, single)
    columns = ["run_id", "change", "what", "before", "after", "is_minor", "doubt"]
    found = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return found.astype(dict.fromkeys(columns, "str") | {"is_minor": "boolean"})


def _rows_of(f: Frames, name: str, run_ids: pd.Series[str]) -> pd.DataFrame:
    """Return the rows of some runs with the columns of their key."""
    df = f[name]
    if name == "sources":
        owners = _with_owner(f.artifacts)[["run_id", "artifact_no", "owner", "type"]]
        df = df.merge(owners, on=["run_id", "artifact_no"], how="left")
    elif name in ("artifacts", "interrupts"):
        df = _with_owner(df)
    elif name == "problems":  # the detail of a duplicate is the location of the other record
        df = df[~df["problem"].eq("duplicate_run")]
    df = df[df["run_id"].isin(run_ids)]
    return df.astype(dict.fromkeys(df.select_dtypes("category"), "str"))


def _with_owner(df: pd.DataFrame) -> pd.DataFrame:
    stands_for = df["interrupt_id"].fillna(df["label"]) if "label" in df else df["agent"]
    return df.assign(owner=df["step_id"].fillna(stands_for))


def _match(sides: Sides, key: list[str]) -> tuple[Sides, Sides]:
    """Return the rows with equal keys, and those that only one side has.

    Of several rows with one key the first in order of their content are the same.
    """
    old, new = (_in_order(df, key) for df in sides)
    pairs = old[[*key, "number", "row"]].merge(
        new[[*key, "number", "row"]], "outer", on=[*key, "number"]
    )
    rows = [pairs["row_x"], pairs["row_y"]]
    is_pair = rows[0].notna() & rows[1].notna()
    matched, single = (
        [
            df.iloc[row[is_here & row.notna()].to_numpy(np.int64)].reset_index(drop=True)
            for df, row in zip((old, new), rows, strict=True)
        ]
        for is_here in (is_pair, ~is_pair)
    )
    return Sides(*matched), Sides(*single)


def _in_order(df: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Sort the rows that share a key, and add the `number` of each among them, and of its `row`."""
    is_repeated = df.duplicated(key, keep=False)
    repeated = df[is_repeated].sort_values([*df.columns])
    df = pd.concat([df[~is_repeated], repeated], ignore_index=True)
    return df.assign(number=df.groupby(key, dropna=False).cumcount(), row=np.arange(len(df)))


def _cells(
    name: str, sides: Sides, is_open: pd.Series[bool], is_read: pd.Series[bool]
) -> Iterator[pd.DataFrame]:
    """Yield the cells of matched rows that differ or cannot be compared, by column."""
    old, new = sides
    run_ids = old["run_id"]
    is_unmeasured, is_whole = (flags.loc[run_ids].to_numpy() for flags in (is_open, is_read))
    for column in (column.name for column in SCHEMA[name]):
        if column in NEVER_COMPARED[name]:
            continue
        before, after = old[column], new[column]
        is_same = before.eq(after).astype("boolean").fillna(False)
        differs = ~(is_same.astype("bool") | (before.isna() & after.isna()))
        if column.endswith("_s") or column == "is_critical":
            differs &= ~is_unmeasured
        if column in TEXT_OF:  # else its category says so
            differs &= old[TEXT_OF[column]].fillna("").eq(new[TEXT_OF[column]].fillna(""))
        if name == "runs" and column not in OWN:
            differs &= is_whole
        if column in ("decision", "answered_by") and _knows_answers(old) != _knows_answers(new):
            differs &= before.notna() & after.notna()
        doubts = _doubts(column, sides, differs)
        rows = differs & doubts.isna()
        if doubts.notna().any():
            yield pd.DataFrame({"run_id": run_ids, "doubt": doubts}).dropna(subset="doubt")
        if rows.any():
            yield _changed_cells(name, column, Sides(old[rows], new[rows]), is_unmeasured[rows])


def _knows_answers(interrupts: pd.DataFrame) -> bool:
    """Return whether decisions are known, from an answer log or the data."""
    return bool(interrupts["decision"].notna().any())


def _changed_cells(
    name: str, column: str, sides: Sides, is_open: np.ndarray[Any, Any]
) -> pd.DataFrame:
    old, new = sides
    change: Any = COLUMN_CHANGES.get((name, column), FRAME_CHANGES.get(name, OTHERWISE))
    if name == "artifacts" and change == FINDING:
        change = new["origin"].map({"output": RESULT}).fillna(FINDING)
    what: Any = column
    if name in LABELS:
        what = column + " of " + new[LABELS[name][0]].fillna(LABELS[name][1])
    is_minor: Any = column in FOLLOWING.get(name, ()) or column.endswith("_s")
    is_minor = is_minor or (name == "runs" and column.startswith(("n_", "weakest")))
    if (name, column) == ("runs", "outcome"):
        is_minor = is_open | (old["status"] != new["status"]).to_numpy()
    texts = {"before": old[column].astype("str"), "after": new[column].astype("str")}
    found = {"run_id": old["run_id"], "change": change, "what": what, "is_minor": is_minor}
    return pd.DataFrame(found | texts)


def _single_rows(name: str, sides: Sides) -> Iterator[pd.DataFrame]:
    """Yield the rows that only one side has; where one side is masked they may be the same."""
    label, word = LABELS.get(name, ("run_id", "run"))
    has_rows, has_masks = ([], [])
    for df in sides:
        keys = df[KEYS[name]].apply(_is_masked)
        has_rows.append({*df["run_id"]})
        has_masks.append({*df.loc[keys.any(axis=1), "run_id"]})
    unlike = (has_masks[0] ^ has_masks[1]) & has_rows[0] & has_rows[1]
    whats = (f"{word} gone", f"new {word}")
    for rows, what, column in zip(sides, whats, ("before", "after"), strict=True):
        change: Any = FRAME_CHANGES.get(name, OTHERWISE)
        if name == "artifacts":
            change = rows["origin"].map({"output": RESULT}).fillna(FINDING)
        found = {
            "run_id": rows["run_id"],
            "change": change,
            "what": what,
            column: rows[label].astype("str"),
            "is_minor": name == "interrupts",
            "doubt": _noted(rows["run_id"].isin(unlike), MASKED),
        }
        yield pd.DataFrame(found)


def _doubts(column: str, sides: Sides, differs: pd.Series[bool]) -> pd.Series[str]:
    """Return why cells cannot be compared, null for those that can."""
    befores, afters = (df[column] for df in sides)
    if column in TEXT_OF:
        lost = [df[column].isna() & df[TEXT_OF[column]].eq("other") for df in sides]
        doubts = _noted(lost[0] | lost[1], LOST)
    else:
        is_unknown = befores.isna() != afters.isna()
        doubts = _noted(is_unknown & (column in BUSINESS), UNKNOWN)
    if befores.dtype == "str" and differs.any():
        is_masked = [_is_masked(df[column].where(differs)) for df in sides]
        doubts = doubts.mask(is_masked[0] != is_masked[1], MASKED)
    return doubts


def _noted(is_so: pd.Series[bool], words: str) -> pd.Series[str]:
    """Return words where something is so, else null."""
    return pd.Series(words, is_so.index, "str").where(is_so)


def _is_masked(texts: pd.Series[str]) -> pd.Series[bool]:
    return texts.map(MASK.search, na_action="ignore").notna()
