"""Compare two runs step by step (`compare`), or two states of some runs (`changes`)."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

import pandas as pd

from runkit.arguments import checked
from runkit.display.text import first_text, plural
from runkit.errors import UsageError
from runkit.facts import with_step_names
from runkit.tables.frames import Frames
from runkit.tables.measure import waiting_steps
from runkit.tables.read_frames import frames
from runkit.tables.schema import own_columns
from runkit.tables.sources import Source

# Two steps count as the same step if these columns agree, and if both or neither failed.
COMPARED_FIELDS = (
    "depth",
    "agent",
    "name",
    "type",
)
KEY = ["agent", "name"]
COMPARED_SUMS = {
    "n": "Int32",
    "total_s": "float64",
    "self_s": "float64",
    "waiting_s": "float64",
}

FROM_STEPS = ("outcome", "confidence", "n_errors")  # columns of a run that its steps give
QUESTION = [
    "run_id",
    "label",
    "step_id",
    "interrupt_id",
]
FINDING = [
    "type",
    "title",
    "confidence",
    "best_tier",
    "n_sources",
]
STEP = [
    "step_id",
    "label",
    "type",
    "state",
    "result",
]
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
    sides = of_one_run(a, "a"), of_one_run(b, "b")
    in_a, in_b = (
        with_step_names(f.steps).assign(is_wait=waiting_steps(f.steps, f.interrupts)) for f in sides
    )
    steps = pd.concat([in_a.assign(side="a"), in_b.assign(side="b")], ignore_index=True)
    steps = steps.assign(
        row=steps.groupby(KEY, dropna=False, sort=False).ngroup(),
        n=1,
        total_s=steps["duration_s"],
        waiting_s=steps["duration_s"].where(steps["is_wait"], 0.0),
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
    """Return what is measured of the steps of a run, by row; null if it has no steps.

    A sum is null if a length in it is not known.
    """
    sums = steps.groupby("row")[[*COMPARED_SUMS]].sum(skipna=False)
    return sums.reindex(rows, fill_value=0 if len(steps) else None).astype(COMPARED_SUMS)


def of_one_run(source: Source, name: str) -> Frames:
    """Read frames of exactly one run. Raises `UsageError` with the number of runs otherwise."""
    f = frames(source)
    n_runs = len(f.runs)
    if n_runs != 1:
        raise UsageError(
            f"{name} holds {plural(n_runs, 'run')}; expected exactly one. "
            "Select one with runkit.frames(…).select(run_id)."
        )
    return f


def first_difference(a: pd.DataFrame, b: pd.DataFrame) -> int | None:
    """Return the first position at which the steps of two runs differ; None if they do not."""
    pairs = enumerate(zip_longest(_keys(a), _keys(b)))
    return next((position for position, (in_a, in_b) in pairs if in_a != in_b), None)


def _keys(steps: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return for each step the values that are compared."""
    compared = with_step_names(steps)[[*COMPARED_FIELDS]].astype("object")
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
    on_both = set(old.runs["run_id"]) & set(new.runs["run_id"])
    read = on_both & _with_steps(old) & _with_steps(new)
    was = _facts(old, on_both, read)
    now = _facts(new, on_both, read)
    rows = []
    for key in now | was:
        earlier = was.get(key)
        later = now.get(key)
        if earlier != later:
            rows.append(_row(key, earlier, later))
    table = pd.DataFrame(rows, columns=["run_id", "what", "before", "after"])
    names = pd.concat([new.runs, old.runs]).drop_duplicates("run_id")
    table = table.merge(names[["run_id", "business_name", "agent_name"]], "left", "run_id")
    table = table[[*DTYPES]].astype(DTYPES)
    table.attrs["sentence"] = _counts(table, len(on_both), len(on_both - read))
    return table


def _is_older(f: Frames, other: Frames) -> bool:
    """Return whether `f` has older states of some runs and no newer ones."""
    times, others = (part.runs.set_index("run_id")["updated_at"] for part in (f, other))
    seconds = (times - others).dt.total_seconds()
    return bool(seconds.min() < 0 >= seconds.max())


def _with_steps(f: Frames) -> set[str]:
    return set(f.runs.loc[f.runs["has_steps"], "run_id"])


def _counts(table: pd.DataFrame, n_both: int, n_own: int) -> str:
    """Count the runs by what differs."""
    n_of = table.groupby("what", sort=False)["run_id"].nunique()
    parts = [f"{what} {n:,}" for what, n in n_of.items()]
    parts.append(f"{plural(n_both, 'run')} on both sides")
    if n_own:
        parts.append(f"{n_own:,} of them without steps on one side")
    return ", ".join(parts)


# ------------------------------------------------------------------------ what a state says


class Key(NamedTuple):
    """What is compared: a run, a column of it, an open question, its findings, or its steps."""

    run_id: str
    kind: str
    question: str = ""


class Fact(NamedTuple):
    """What a state says of it: the text to show, and what is compared beside it."""

    text: str | None
    contents: tuple[str, ...] = ()


def _facts(f: Frames, on_both: set[str], read: set[str]) -> dict[Key, Fact]:
    """Return what a state says: of each run that it is there, of those on both sides the rest."""
    facts = {}
    for run_id, status in zip(f.runs["run_id"], f.runs["status"].astype("str"), strict=True):
        facts[Key(run_id, "run")] = Fact(None if run_id in on_both else status)
    runs = f.runs[f.runs["run_id"].isin(on_both)]
    run_ids = runs["run_id"].tolist()
    for name in own_columns("runs"):
        for run_id, text in zip(run_ids, runs[name].astype("str").tolist(), strict=True):
            if run_id in read or name not in FROM_STEPS:
                facts[Key(run_id, name)] = Fact(_known(text))
    is_open = f.interrupts["outcome"].eq("pending") & f.interrupts["run_id"].isin(on_both)
    for row in f.interrupts.loc[is_open, QUESTION].itertuples(index=False):
        label = _known(row.label)
        question = first_text(row.step_id, row.interrupt_id)
        facts[Key(str(row.run_id), "question", f"{question} {label}")] = Fact(label)
    is_finding = f.artifacts["origin"].eq("finding")
    findings = _contents(f.artifacts[is_finding], FINDING)
    steps = _contents(f.steps, STEP)
    for run_id in run_ids:
        if run_id in read:
            facts[Key(run_id, "findings")] = _held(findings.get(run_id, []))
            facts[Key(run_id, "steps")] = _held(steps.get(run_id, []))
    return facts


def _known(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _held(rows: list[str]) -> Fact:
    """Return how many rows a run holds; their order is no difference."""
    return Fact(str(len(rows)), tuple(sorted(rows)))


def _contents(table: pd.DataFrame, columns: list[str]) -> dict[str, list[str]]:
    """Return the rows of each run as texts."""
    contents: dict[str, list[str]] = {}
    texts = table[["run_id", *columns]].astype("str").fillna("")
    for run_id, *row in zip(*(texts[name].tolist() for name in texts), strict=True):
        contents.setdefault(run_id, []).append("\x1f".join(row))
    return contents


def _row(key: Key, earlier: Fact | None, later: Fact | None) -> tuple[str, str, Any, Any]:
    """Return the row of a difference: the run, what differs, before and after."""
    is_new = earlier is None
    what = key.kind
    if what == "run":
        what = "new" if is_new else "gone"
    elif what == "question":
        what = "question opened" if is_new else "question settled"
    return key.run_id, what, earlier and earlier.text, later and later.text
