"""What differs between two states of the same runs, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from runkit.api.contract import FINAL_STATUSES
from runkit.display.hide_keys import MASK
from runkit.tables.frames import Frames
from runkit.tables.schema import SCHEMA, TEXT_OF

# Columns that depend on how, when or in which order the runs were read; in a run that was open on
# both sides so do durations.
NEVER_COMPARED = {
    "runs": ["as_of", "business_status_at", "agent_name"],
    "steps": ["step_no", "subtree_end"],
    "artifacts": ["artifact_no"],
    "sources": ["artifact_no", "source_no"],
    "interrupts": [],
    "problems": ["location"],
}
# What makes two rows of a run the same row; `owner` is the step, else the first that is known.
KEYS = {
    "runs": ["run_id"],
    "steps": ["run_id", "step_id"],
    "artifacts": ["run_id", "origin", "owner", "type", "title"],
    "sources": ["run_id", "origin", "step_id", "url"],
    "interrupts": ["run_id", "owner"],
    "problems": ["run_id", "step_id", "problem"],
}
OWNERS = {"artifacts": ["agent"], "interrupts": ["interrupt_id", "label"]}
LABELS = {  # the column that names a row
    "runs": "run_id",
    "steps": "label",
    "artifacts": "title",
    "sources": "url",
    "interrupts": "label",
    "problems": "problem",
}
RESULT, FINDING, SOURCES, STEPS, OTHERWISE = (
    "result changed",
    "finding changed",
    "sources changed",
    "steps changed",
    "otherwise changed",
)
FOLLOWS = "follows"  # from a change that has a name of its own, as counts and durations do
KINDS = {  # of a change, by frame, and by column where it has another; `row` is a whole row
    **dict.fromkeys(("runs", "interrupts", "problems"), OTHERWISE),
    "steps": STEPS,
    "artifacts": FINDING,
    "sources": SOURCES,
    **dict.fromkeys(("runs.outcome", "runs.confidence", "steps.result"), RESULT),
    **dict.fromkeys(("artifacts.best_tier", "artifacts.best_tier_text"), SOURCES),
    **dict.fromkeys(("runs.status", "runs.weakest"), FOLLOWS),
    **dict.fromkeys(("runs.updated_at", "runs.started_at", "runs.ended_at"), FOLLOWS),
    **dict.fromkeys(("interrupts.row", "interrupts.outcome", "interrupts.answered_at"), FOLLOWS),
    **dict.fromkeys(("interrupts.interrupt_id", "interrupts.step_id"), FOLLOWS),
}
BUSINESS = ("business_id", "business_name", "business_status")
# Columns of a run that do not depend on its steps.
OWN = (
    *("run_id", "thread_id", *BUSINESS, "status", "requester", "prompt", "created_at"),
    *("updated_at", "started_at", "ended_at", "queued_s"),
)
# Why something is not compared.
UNREAD, UNKNOWN, MASKED, OLD = "steps", "businesses", "masked texts", "values of version 0.3"
# What version 0.3 worked out by other rules.
OLD_RULES = (
    *("runs.outcome", "runs.weakest", "runs.confidence"),
    *("steps.error", "interrupts.n_proposals"),
)


def differences(old: Frames, new: Frames) -> pd.DataFrame:
    """Compare everything that two states of the same runs hold.

    Returns a row for each cell that differs, for each row that only one side has, and for what
    cannot be compared: then `doubt` says why, else it is null. Values are text.
    """
    runs = _runs_of_both(old, new)
    unread = pd.DataFrame({"run_id": runs.index[~runs["is_read"]], "doubt": UNREAD})
    cells = pd.concat([cell for name in KEYS for cell in _cells(name, old, new, runs)])
    cells = cells.reset_index(drop=True).join(runs, on="run_id")
    column, has_none = cells["column"], cells["before"].isna() | cells["after"].isna()
    is_measured = column.str.endswith("_s") | column.eq("is_critical")
    is_answer = column.isin(["decision", "answered_by"]) & has_none
    is_derived = cells["frame"].eq("runs") & ~column.isin(OWN)
    is_left_out = is_measured & cells["is_open"] | is_answer & cells["has_answers_once"]
    cells = cells[~(is_left_out | is_derived & cells["is_read_once"])]
    return pd.concat([unread, cells.assign(change=_kinds(cells), doubt=_doubts(cells))])


def _runs_of_both(old: Frames, new: Frames) -> pd.DataFrame:
    """Return the runs that both sides have: what is so on both, and on one of them (`_once`)."""
    sides = []
    for f in (old, new):
        runs = f.runs.merge(f.reads, "left", on="run_id").set_index("run_id")
        flags = {
            "is_read": runs["has_steps"],
            "is_open": ~runs["status"].isin(FINAL_STATUSES) | runs["ended_at"].isna(),
            "is_of_0_3": runs["is_of_0_3"].eq(True),
            "has_answers": f.answers is not None,
        }
        sides.append(pd.DataFrame(flags, runs.index))
    was, now = sides[0].align(sides[1], join="inner", axis=0)
    return (was & now).join((was ^ now).add_suffix("_once")).assign(was_open=was["is_open"])


def _cells(name: str, old: Frames, new: Frames, runs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the cells of a frame that differ, by column, and the rows that only one side has."""
    run_ids = runs.index[~runs["is_read_once"] | (name == "runs")]
    pairs = _pairs(_rows_of(old[name], name, run_ids), _rows_of(new[name], name, run_ids), name)
    is_pair, label = pairs["side"].eq("both"), pairs["row_now"].fillna(pairs["row"])
    columns = [str(column) for column in pairs if f"{column}_now" in pairs]  # without the key
    for column in sorted(columns, key=lambda column: column not in TEXT_OF):
        before, after = pairs[column], pairs[f"{column}_now"]
        is_same = before.eq(after) | before.isna() & after.isna()
        shown = TEXT_OF.get(column, column)
        what: Any = name if column == "row" else shown
        if name != "runs" and column != "row":
            what = (f"{shown} of " + label).fillna(shown)
        cell = {"run_id": pairs["run_id"], "before": before, "after": after}
        texts = {"frame": name, "column": column, "what": what, "origin": pairs.get("origin")}
        yield pd.DataFrame(cell | texts)[~is_same & is_pair.ne(column == "row")]


def _rows_of(df: pd.DataFrame, name: str, run_ids: pd.Index[Any]) -> pd.DataFrame:
    """Return what is compared of some runs, with the owner of a row and its name."""
    if name == "problems":  # the detail of a duplicate is the location of the other record
        df = df[df["problem"].ne("duplicate_run")]
    columns = [column.name for column in SCHEMA[name] if column.name not in NEVER_COMPARED[name]]
    df = df.loc[df["run_id"].isin(run_ids), columns]
    df = df.assign(row=df[LABELS[name]])
    if name in OWNERS:
        df["owner"] = df["step_id"]
        for column in OWNERS[name]:
            df["owner"] = df["owner"].fillna(df[column])
    return df


def _pairs(old: pd.DataFrame, new: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that are not the same on both sides, as text, those with equal keys paired.

    The columns of the second side end in `_now`; `side` says which of the two has the row.
    """
    key = KEYS[name]
    hashes = [pd.util.hash_pandas_object(df, index=False) for df in (old, new)]
    # the second of equal rows has another number
    first, second = (rows + rows.groupby(rows).cumcount().astype("uint64") for rows in hashes)
    old, new = (
        df.map(str, na_action="ignore")
        .astype("str")
        .assign(number=df.groupby(key, dropna=False).cumcount())
        for df in (old[~first.isin(second)], new[~second.isin(first)])
    )
    key = [*key, "number"]
    return old.merge(new, "outer", key, suffixes=("", "_now"), indicator="side")


def _kinds(cells: pd.DataFrame) -> pd.Series[str]:
    """Return what kind of change each cell is."""
    column, frame = cells["column"], cells["frame"]
    of_frame = frame.map(KINDS).mask(column.str.match("n_|.*_s$"), FOLLOWS)
    kinds = (frame + "." + column).map(KINDS).fillna(of_frame)
    kinds = kinds.mask(kinds.eq(FINDING) & cells["origin"].eq("output"), RESULT)
    # an open run has no result yet
    return kinds.mask(kinds.eq(RESULT) & frame.eq("runs") & cells["was_open"], FOLLOWS)


def _doubts(cells: pd.DataFrame) -> pd.Series[str]:
    """Return why cells and rows cannot be compared, null for those that can."""
    column, frame, sides = cells["column"], cells["frame"], cells[["before", "after"]]
    has_none = sides.isna().any(axis=1)
    masks = sides.apply(lambda texts: texts.map(MASK.search, na_action="ignore").notna())
    is_masked = masks["before"].ne(masks["after"])
    # where a name is masked, each row of one side may be one of the other
    of_rows = is_masked.groupby([cells["run_id"], frame, column]).transform("any")
    is_masked |= of_rows & column.eq("row")
    is_old = (frame + "." + column).isin(OLD_RULES) | frame.eq("problems")
    is_old |= has_none & column.isin(TEXT_OF)
    doubts = pd.Series(MASKED, cells.index, "str").where(is_masked)
    doubts = doubts.mask(has_none & column.isin(BUSINESS), UNKNOWN)
    return doubts.mask(is_old & cells["is_of_0_3_once"], OLD)
