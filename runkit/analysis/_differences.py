"""What differs between two states of the same runs, and what cannot be compared."""

from __future__ import annotations

from typing import Any

import pandas as pd

from runkit.api.contract import FINAL_STATUSES
from runkit.display.hide_keys import MASK
from runkit.tables.frames import Frames
from runkit.tables.problems import ERRORS
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
UNREAD, LOST, UNKNOWN, MASKED = "steps", "unreadable values", "businesses", "masked texts"


def differences(old: Frames, new: Frames) -> pd.DataFrame:
    """Compare everything that two states of the same runs hold.

    Returns a row for each cell that differs, for each row that only one side has, and for what
    cannot be compared: then `doubt` says why, else it is null. Values are text.
    """
    runs = _runs_of_both(old, new)
    unread = pd.DataFrame({"run_id": runs.index[~runs["is_read"]], "doubt": UNREAD})
    lost = pd.DataFrame({"run_id": runs.index[~runs["is_whole"]], "doubt": LOST})
    cells = pd.concat([_cells(name, old, new, runs) for name in KEYS])
    cells = cells.reset_index(drop=True).join(runs, on="run_id")
    column = cells["column"]
    has_none = cells["before"].isna() | cells["after"].isna()
    is_measured = column.str.endswith("_s") | column.eq("is_critical")
    is_answer = column.isin(["decision", "answered_by"]) & has_none
    is_derived = cells["frame"].eq("runs") & ~column.isin(OWN)
    is_left_out = is_measured & cells["is_open"] | is_answer & cells["has_answers_once"]
    cells = cells[~(is_left_out | is_derived & cells["is_read_once"])]
    cells = cells.assign(change=_kinds(cells))
    cells = cells.assign(doubt=_doubts(cells).mask(_is_lost(cells), LOST))
    return pd.concat([unread, lost, cells])


def _runs_of_both(old: Frames, new: Frames) -> pd.DataFrame:
    """Return the runs that both sides have: what is so on both, and on one of them (`_once`)."""
    sides = []
    for f in (old, new):
        runs = f.runs.set_index("run_id")
        damaged = f.problems[f.problems["severity"].eq("error")]
        flags = {
            "is_read": runs["has_steps"],
            "is_whole": ~runs.index.isin(damaged["run_id"]),
            "is_open": ~runs["status"].isin(FINAL_STATUSES) | runs["ended_at"].isna(),
            "has_answers": f.answers is not None,
        }
        sides.append(pd.DataFrame(flags, runs.index))
    was, now = sides[0].align(sides[1], join="inner", axis=0)
    on_both = was & now
    on_one = (was ^ now).add_suffix("_once")
    return on_both.join(on_one).assign(was_open=was["is_open"], was_whole=was["is_whole"])


def _cells(name: str, old: Frames, new: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of a frame that differ, and the rows that only one side has, as text."""
    run_ids = runs.index[~runs["is_read_once"] | (name == "runs")]
    sides = [_rows_of(f[name], name, run_ids) for f in (old, new)]
    # equal rows are left out
    hashes, other_hashes = map(_row_hashes, sides)
    was = _keyed(sides[0][~hashes.isin(other_hashes)], KEYS[name])
    now = _keyed(sides[1][~other_hashes.isin(hashes)], KEYS[name])
    was, now = was.align(now, axis=0)
    is_pair = was["row"].notna() & now["row"].notna()
    label = now["row"].fillna(was["row"])
    unlike = was.compare(now, keep_shape=True, result_names=("before", "after"))
    cells = (
        unlike.stack(0, future_stack=True)
        .dropna(how="all")
        .rename_axis([*was.index.names, "column"])
    )
    pairs = pd.DataFrame({"label": label, "is_pair": is_pair})
    cells = cells.join(pairs).reset_index()
    is_row = cells["column"].eq("row")
    shown = cells["column"].replace(TEXT_OF)
    if name != "runs":
        shown = (shown + " of " + cells["label"]).str.removesuffix(" of ")
    cells = cells.assign(frame=name, what=shown.mask(is_row, name))
    return cells[cells["is_pair"].ne(is_row)]


def _rows_of(df: pd.DataFrame, name: str, run_ids: pd.Index[Any]) -> pd.DataFrame:
    """Return what is compared of some runs, words as they came first, with the owner of a row."""
    if name == "problems":  # the detail of a duplicate is the location of the other record
        df = df[df["problem"].ne("duplicate_run")]
    columns = [column.name for column in SCHEMA[name] if column.name not in NEVER_COMPARED[name]]
    columns.sort(key=lambda column: column not in TEXT_OF)
    df = df.loc[df["run_id"].isin(run_ids), columns]
    label = "label" if "label" in df else KEYS[name][-1]
    df = df.assign(row=df[label].astype("str").fillna(""))
    if name in OWNERS:
        df["owner"] = df["step_id"]
        for column in OWNERS[name]:
            df["owner"] = df["owner"].fillna(df[column])
    return df


def _row_hashes(df: pd.DataFrame) -> pd.Series[int]:
    """Return a number for each row; of several equal rows the second has another."""
    hashes = pd.util.hash_pandas_object(df, index=False)
    copies = hashes.groupby(hashes).cumcount()
    return hashes + copies.astype("uint64")


def _keyed(df: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return rows as text, by what makes two of them the same row."""
    df = df.map(str, na_action="ignore").astype("str")
    keys = df[key].fillna("")
    number = keys.groupby(key).cumcount()
    index = pd.MultiIndex.from_frame(keys.assign(number=number))
    return df.drop(columns=key).set_index(index)


def _kinds(cells: pd.DataFrame) -> pd.Series[str]:
    """Return what kind of change each cell is."""
    column = cells["column"]
    frame = cells["frame"]
    is_measure = column.str.match("n_|.*_s$")
    of_frame = frame.map(KINDS).mask(is_measure, FOLLOWS)
    kinds = (frame + "." + column).map(KINDS).fillna(of_frame)
    kinds = kinds.mask(kinds.eq(FINDING) & cells["origin"].eq("output"), RESULT)
    has_no_result = frame.eq("runs") & cells["was_open"]
    # without steps a proposal is known only as long as its question waits
    is_asked = cells["origin"].eq("proposal") & column.eq("row") & ~cells["is_read"]
    return kinds.mask(kinds.eq(RESULT) & has_no_result | is_asked, FOLLOWS)


def _doubts(cells: pd.DataFrame) -> pd.Series[str]:
    """Return why cells and rows cannot be compared, null for those that can."""
    column = cells["column"]
    frame = cells["frame"]
    sides = cells[["before", "after"]]
    has_none = sides.isna().any(axis=1)
    masks = sides.apply(lambda texts: texts.map(MASK.search, na_action="ignore").notna())
    is_masked = masks["before"].ne(masks["after"])
    # where a name is masked, each row of one side may be one of the other
    of_rows = is_masked.groupby([cells["run_id"], frame, column]).transform("any")
    is_masked |= of_rows & column.eq("row")
    doubts = pd.Series(MASKED, cells.index, "str").where(is_masked)
    return doubts.mask(has_none & column.isin(BUSINESS), UNKNOWN)


def _is_lost(cells: pd.DataFrame) -> pd.Series[bool]:
    """Return what differs because a side of a run lost values to an error that the other has not.

    That is a row of which that side has no value or nothing, and all that follows from others.
    """
    run_id = cells["run_id"]
    column = cells["column"]
    is_of_run = cells["frame"].eq("runs")
    is_problem = cells["frame"].eq("problems")
    is_error = is_problem & cells["label"].isin(ERRORS)
    is_unlike = cells["is_whole_once"] | run_id.isin(run_id[is_error])
    is_whole = cells["was_whole"] ^ cells["is_whole_once"]
    is_gone = cells["before"].isna() & ~cells["was_whole"] | cells["after"].isna() & ~is_whole
    place = cells["label"].where(~is_of_run, column)
    is_gone = is_gone.groupby([run_id, cells["frame"], place]).transform("any")
    follows = cells["change"].eq(FOLLOWS) | column.eq("is_critical")
    follows |= is_problem & column.eq("row")
    return is_unlike & (is_gone | follows.mask(is_of_run, ~column.isin(OWN)))
