"""Compare two runs step by step (`compare`), or two states of some runs (`changes`)."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import pandas as pd

from runkit.arguments import checked
from runkit.display.text import first_text, plural
from runkit.errors import UsageError
from runkit.facts import named
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.schema import own_columns
from runkit.tables.sources import Source

# Two steps count as the same step if these columns agree, and if both or neither failed.
COMPARED_FIELDS = ("depth", "agent", "name", "type")
KEY = ["agent", "name"]
COMPARED_SUMS = {"n": "Int32", "total_s": "float64", "self_s": "float64", "waiting_s": "float64"}

QUESTION = ["run_id", "label", "step_id", "interrupt_id"]
FINDING = ["type", "title", "confidence", "best_tier", "n_sources"]
STEP = ["step_id", "label", "type", "state", "result"]
DTYPES: dict[str, Any] = {
    "run_id": "str",
    "business_name": "str",
    "agent_name": "str",
    "what": "str",
    "before": "str",
    "after": "str",
}


@checked
def compare(a: Source, b: Source) -> pd.DataFrame:
    """Compare two runs step by step: one row per (agent, step name), in order of appearance.

    Parameters
    ----------
    a, b
        One run each: a `Run`, `Frames` with one run, or anything else that `frames()` takes.

    Returns
    -------
    pandas.DataFrame
        Counts are Int32, seconds float64; null for a run whose steps were not read. The first
        difference is the first step, in tree order, that differs in depth, agent, name, type
        or failure.

        | column | meaning |
        | --- | --- |
        | agent, name | the agent and the internal name of the step |
        | n_a, n_b, n_diff | number of such steps; diff is always b - a |
        | total_s_a, total_s_b, total_s_diff | sum of their durations, in seconds |
        | self_s_a, self_s_b, self_s_diff | the same without the time of their children |
        | waiting_s_a, waiting_s_b, waiting_s_diff | their time waiting for a reviewer |
        | is_first_difference | the first difference is at a step of this row; two if names differ |

    Raises
    ------
    UsageError
        Unless both hold exactly one run.
    """
    sides = one_run(a, "a"), one_run(b, "b")
    in_a, in_b = (named(f.steps) for f in sides)
    steps = pd.concat([in_a.assign(side="a"), in_b.assign(side="b")], ignore_index=True)
    steps = steps.assign(
        row=steps.groupby(KEY, dropna=False, sort=False).ngroup(),
        n=1,
        total_s=steps["duration_s"],
        waiting_s=steps["duration_s"].where(steps["type"].eq("interrupt"), 0.0),
    )
    keys = steps[KEY].drop_duplicates(ignore_index=True)
    of_a, of_b = (_sums(steps[steps["side"].eq(side)], keys.index) for side in ("a", "b"))
    sums = {"a": of_a, "b": of_b, "diff": of_b - of_a}
    table = keys.assign(
        **{f"{name}_{side}": df[name] for name in COMPARED_SUMS for side, df in sums.items()}
    )

    is_delivered = all(f.runs["has_steps"].all() for f in sides)
    position = first_difference(in_a, in_b) if is_delivered else None
    is_there = steps.groupby("side").cumcount() == position
    table["is_first_difference"] = table.index.isin(steps.loc[is_there, "row"])
    return table


def _sums(steps: pd.DataFrame, rows: pd.Index[int]) -> pd.DataFrame:
    """Return what is measured of the steps of a run, by row; null if it has no steps."""
    sums = steps.groupby("row")[[*COMPARED_SUMS]].sum()
    return sums.reindex(rows, fill_value=0 if len(steps) else None).astype(COMPARED_SUMS)


def one_run(source: Source, name: str) -> Frames:
    """Read frames of exactly one run. Raises `UsageError` with the number of runs otherwise."""
    f = frames(source)
    n_runs = len(f.runs)
    if n_runs != 1:
        raise UsageError(
            f"{name} holds {plural(n_runs, 'run')}; expected exactly one. "
            "Select one run with .select(run_id)."
        )
    return f


def first_difference(a: pd.DataFrame, b: pd.DataFrame) -> int | None:
    """Return the first position at which the steps of two runs differ; None if they do not."""
    pairs = enumerate(zip_longest(_keys(a), _keys(b)))
    return next((position for position, (in_a, in_b) in pairs if in_a != in_b), None)


def _keys(steps: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return for each step the values that are compared."""
    compared = named(steps)[[*COMPARED_FIELDS]].astype("object")
    compared["has_failed"] = steps["state"].eq("failed")
    return list(compared.where(compared.notna(), None).itertuples(index=False, name=None))


# ------------------------------------------------------------------------------------ two states


@checked
def changes(before: Source, after: Source) -> pd.DataFrame:
    """Compare two states of some runs.

    Parameters
    ----------
    before, after
        The runs then and now: two files, two `Frames`, or anything else that `frames()` takes.

    Returns
    -------
    pandas.DataFrame
        One row for each difference: the run, `what` differs, and what it was `before` and `after`,
        as text. `what` is "new" or "gone" for a run that one side has, a column of runs such as
        "status" or "outcome", "question opened", "question settled", "findings" or "steps"; of
        these two it is how many are there. Runs whose steps one side lacks are compared by their
        own columns.

        `attrs["sentence"]` counts the runs by what differs, and those compared by their own
        columns.

    Raises
    ------
    UsageError
        For sources that cannot hold runs, and if `after` is older: without a newer state of any run
        and with an older one of some.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=3, seed=7) as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> len(runkit.changes(f, f))
    0
    """
    old = frames(before)
    new = frames(after)
    if _is_older(new, old):
        raise UsageError("after is older than before; expected the earlier state first: swap them.")
    was, now = (f.runs.set_index("run_id") for f in (old, new))
    both = now.index.intersection(was.index, sort=False)
    has_steps = was.loc[both, "has_steps"] & now.loc[both, "has_steps"]
    read = both[has_steps.astype("bool")]
    rows = [
        *_alone(now.index.difference(was.index, sort=False), "new", now),
        *_alone(was.index.difference(now.index, sort=False), "gone", was),
        *_own_columns(was.loc[both], now.loc[both]),
        *_questions(old, new, both),
        *_parts("findings", _findings(old), _findings(new), read),
        *_parts("steps", old.steps, new.steps, read),
    ]
    table = pd.DataFrame(rows, columns=["run_id", "what", "before", "after"])
    names = pd.concat([new.runs, old.runs]).drop_duplicates("run_id")
    table = table.merge(names[["run_id", "business_name", "agent_name"]], "left", "run_id")
    table = table[[*DTYPES]].astype(DTYPES)
    table.attrs["sentence"] = _counts(table, len(both), len(both) - len(read))
    return table


def _is_older(f: Frames, other: Frames) -> bool:
    """Return whether `f` has older states of some runs and no newer ones."""
    times, others = (part.runs.set_index("run_id")["updated_at"] for part in (f, other))
    seconds = (times - others).dt.total_seconds()
    return bool(seconds.min() < 0 >= seconds.max())


def _counts(table: pd.DataFrame, n_both: int, n_own: int) -> str:
    """Count the runs by what differs."""
    n_of = table.groupby("what", sort=False)["run_id"].nunique()
    parts = [f"{what} {n:,}" for what, n in n_of.items()]
    parts.append(f"{n_both:,} runs on both sides")
    if n_own:
        parts.append(f"{n_own:,} of them without steps on one side")
    return ", ".join(parts)


Row = tuple[str, str, Any, Any]


def _alone(run_ids: pd.Index[Any], what: str, runs: pd.DataFrame) -> list[Row]:
    """Return a row for each run that one side has."""
    statuses = runs["status"].astype("str")
    is_new = what == "new"
    rows = []
    for run_id in run_ids:
        status = statuses[run_id]
        rows.append((run_id, what, None if is_new else status, status if is_new else None))
    return rows


def _own_columns(was: pd.DataFrame, now: pd.DataFrame) -> list[Row]:
    """Return the columns of a run that differ."""
    rows: list[Row] = []
    for name in own_columns("runs"):
        before, after = (runs[name].astype("str") for runs in (was, now))
        differs = before.ne(after) & ~(before.isna() & after.isna())
        if name in ("outcome", "confidence", "n_errors"):  # known where steps were read
            differs &= (was["has_steps"] & now["has_steps"]).astype("bool")
        rows += [
            (run_id, name, _known(before[run_id]), _known(after[run_id]))
            for run_id in was.index[differs]
        ]
    return rows


def _known(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _questions(old: Frames, new: Frames, both: pd.Index[Any]) -> list[Row]:
    """Return the questions that were opened and settled in runs that both sides have."""
    was, now = (_open_questions(f, both) for f in (old, new))
    opened = [
        (run_id, "question opened", None, now[run_id, key]) for run_id, key in now.keys() - was
    ]
    settled = [
        (run_id, "question settled", was[run_id, key], None) for run_id, key in was.keys() - now
    ]
    return sorted([*opened, *settled], key=str)


def _open_questions(f: Frames, run_ids: pd.Index[Any]) -> dict[tuple[str, str], str | None]:
    """Return the labels of open questions by run, and by step, else id, else label."""
    is_open = f.interrupts["outcome"].eq("pending") & f.interrupts["run_id"].isin(run_ids)
    questions = f.interrupts.loc[is_open, QUESTION].itertuples(index=False)
    return {
        (str(row.run_id), first_text(row.step_id, row.interrupt_id, row.label) or ""): _known(
            row.label
        )
        for row in questions
    }


def _findings(f: Frames) -> pd.DataFrame:
    return f.artifacts[f.artifacts["origin"].eq("finding")]


def _parts(what: str, old: pd.DataFrame, new: pd.DataFrame, run_ids: pd.Index[Any]) -> list[Row]:
    """Return how many findings or steps a run had and has, where they differ."""
    columns = FINDING if what == "findings" else STEP
    was, now = (_contents(df, run_ids, columns) for df in (old, new))
    nothing: list[str] = []
    return [
        (run_id, what, str(len(was.get(run_id, nothing))), str(len(now.get(run_id, nothing))))
        for run_id in run_ids
        if was.get(run_id, nothing) != now.get(run_id, nothing)
    ]


def _contents(df: pd.DataFrame, run_ids: pd.Index[Any], columns: list[str]) -> dict[Any, list[str]]:
    """Return what each run holds, a text for each row, in order."""
    rows = df[df["run_id"].isin(run_ids)]
    texts = rows[columns].astype("str").fillna("").agg("\x1f".join, axis=1).astype("str")
    contents: dict[Any, list[str]] = texts.groupby(rows["run_id"]).agg(sorted).to_dict()
    return contents
