"""What to look at first among many runs, and why."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.exhibit import Exhibit
from runkit.charts.phrases import NO_RUNS, listed, said
from runkit.tables.linked import Frames
from runkit.text import duration, plural
from runkit.values import FINAL_STATUSES

MOST_ROWS = 20  # what somebody looks at in a morning
EACH = 3  # rows of each kind that has so many, before the most urgent kinds fill the rest
LABEL = 70  # characters of a label in a reason
ENOUGH = 8  # runs of an agent: fewer do not say what is usual
FAR_OUT = 3.0  # interquartile ranges over the upper quartile: Tukey's "far out"
FAR = 2.0  # and so many times the median, where all runs are nearly alike
LEAST_S = 60  # a run that took seconds longer than usual is no reason to look

Reasons = dict[str, str]  # why, by run id, what matters most first


class Finding(NamedTuple):
    """One kind of reason: its name in the table, words for one run and for many, and why by run id."""

    kind: str
    one: str
    many: str
    reasons: Reasons


def look_first(f: Frames) -> Exhibit:
    """What to look at first: at most 20 runs, each with all reasons in words. No figure.

    The order of the kinds: failed runs (newest first); questions that wait (longest first); lapsed questions
    (newest first); completed runs with low confidence, or one that is none of high, medium and low (newest
    first); runs that worked or waited far longer than the others of their agent (farthest first); data that
    could not be read (most first). A run stands under its first kind. Each kind has three places if it needs
    them; the first kinds fill the others.

    Far longer: beyond the upper quartile by three interquartile ranges, twice the median and a minute,
    where the agent has at least eight ended runs to compare with. Waits of open questions are not compared:
    they are listed themselves.
    """
    title = "What to look at first"
    found = [
        Finding("failed", "failed", "failed", _failed(f)),
        Finding("waits", "has a question that waits", "have a question that waits", _asking(f)),
        Finding("lapsed", "has a lapsed question", "have a lapsed question", _lapsed(f)),
        Finding("unsure", "completed with low confidence", "completed with low confidence", _unsure(f)),
        Finding("slow", "took or waited far longer", "took or waited far longer", _far_longer(f)),
        Finding("data", "has data that could not be read", "have data that could not be read", _unread(f)),
    ]
    kind_of: dict[str, str] = {}
    for kind in found:
        for run_id in kind.reasons:
            kind_of.setdefault(run_id, kind.kind)
    records = _unread_records(f)
    chosen = _choose(kind_of, [kind.kind for kind in found], MOST_ROWS - min(len(records), EACH))
    runs = f.runs.set_index("run_id")
    rows: list[dict[str, Any]] = [
        {
            "kind": kind_of[run_id],
            "reason": "; ".join(kind.reasons[run_id] for kind in found if run_id in kind.reasons),
            "run_id": run_id,
            "agent": runs["agent"].get(run_id),
            "created_at": runs["created_at"].get(run_id, pd.NaT),
        }
        for run_id in chosen
    ]
    rows += [
        {"kind": "data", "reason": reason, "run_id": None, "agent": None, "created_at": pd.NaT}
        for reason in records[: MOST_ROWS - len(rows)]
    ]
    text = dict.fromkeys(("kind", "reason", "run_id", "agent"), "str")
    table = pd.DataFrame(rows, columns=[*text, "created_at"]).astype(
        {**text, "created_at": "datetime64[us, UTC]"}
    )
    return Exhibit(title, _words(f, found, kind_of, chosen, len(rows) - len(chosen), records), table)


def _choose(kind_of: dict[str, str], kinds: list[str], most: int) -> list[str]:
    """Run ids to show, in the order of the kinds: a few of each kind, then as many of the first as fit."""
    by_kind = {kind: [run_id for run_id, own in kind_of.items() if own == kind] for kind in kinds}
    n_taken = {kind: min(len(ids), EACH) for kind, ids in by_kind.items()}
    for kind, ids in by_kind.items():
        n_taken[kind] += min(len(ids) - n_taken[kind], most - sum(n_taken.values()))
    return [run_id for kind, ids in by_kind.items() for run_id in ids[: n_taken[kind]]]


def _words(
    f: Frames,
    found: list[Finding],
    kind_of: dict[str, str],
    chosen: list[str],
    n_records: int,
    records: list[str],
) -> str:
    if f.runs.empty and not records:
        return NO_RUNS
    if not kind_of and not records:
        n_runs = plural(len(f.runs), "run")
        return (
            f"Nothing stands out among {n_runs}: none failed, waits for a person, left a question "
            "unanswered, completed with low confidence or took far longer than the others."
        )
    parts = [
        f"{len(kind.reasons):,} {kind.one if len(kind.reasons) == 1 else kind.many}"
        for kind in found
        if kind.reasons
    ]
    words = []
    if parts:
        n_found = len(kind_of)
        of_runs = f"of {plural(len(f.runs), 'run')} {'wants' if n_found == 1 else 'want'} a look"
        words.append(f"{n_found:,} {of_runs}: {listed(parts)}.")
    if records:
        words.append(f"{plural(len(records), 'kind')} of unreadable records belong to no run.")
    left = [
        plural(n, f"run whose first reason is “{kind.kind}”", f"runs whose first reason is “{kind.kind}”")
        for kind in found
        if (
            n := sum(own == kind.kind for own in kind_of.values())
            - sum(kind_of[one] == kind.kind for one in chosen)
        )
    ]
    left += (
        [plural(len(records) - n_records, "kind of record", "kinds of records")]
        if len(records) > n_records
        else []
    )
    words.append(f"Not listed for want of room: {listed(left)}." if left else "All are listed.")
    return " ".join(words)


def _newest_first(f: Frames, is_meant: pd.Series[bool]) -> pd.DataFrame:
    return f.runs[is_meant].sort_values("created_at", ascending=False, kind="stable")


def _failed(f: Frames) -> Reasons:
    """Failed runs with the label of their first error step, which is the cause of those that follow."""
    causes = f.steps[f.steps["type"].astype("str") == "error"].drop_duplicates("run_id")
    label = dict(zip(causes["run_id"], causes["label"], strict=True))
    failed = _newest_first(f, f.runs["status"] == "error")
    return {
        run_id: f"failed after {duration(took)}"
        + (f": {said(label[run_id], limit=LABEL)}" if run_id in label else ", and no step says why")
        for run_id, took in zip(failed["run_id"], failed["duration_s"], strict=True)
    }


def _asking(f: Frames) -> Reasons:
    asks = f.interrupts[f.interrupts["outcome"] == "pending"]
    asks = asks.sort_values("wait_s", ascending=False, kind="stable")
    return _of_questions(asks, lambda row: f"waits for a person for {duration(row['wait_s'])}")


def _lapsed(f: Frames) -> Reasons:
    lapsed = f.interrupts[f.interrupts["outcome"] == "lapsed"]
    lapsed = lapsed.sort_values("asked_at", ascending=False, kind="stable")
    return _of_questions(lapsed, lambda _: "ended without an answer to")


def _of_questions(questions: pd.DataFrame, words: Callable[[dict[Hashable, Any]], str]) -> Reasons:
    """One reason for each run, for the first of its questions."""
    n_of = questions["run_id"].value_counts()
    first = questions.drop_duplicates("run_id").to_dict("records")
    reasons = {}
    for row in first:
        label = said(row["label"], "a question without a label", LABEL)
        n_more = int(n_of[row["run_id"]]) - 1
        more = f" (and {plural(n_more, 'more question')})" if n_more else ""
        reasons[str(row["run_id"])] = f"{words(row)}: {label}{more}"
    return reasons


def _unsure(f: Frames) -> Reasons:
    is_sure = f.runs["confidence"].isin(["high", "medium"]) | f.runs["confidence"].isna()
    unsure = _newest_first(f, (f.runs["status"] == "completed") & ~is_sure)
    return {
        run_id: f"completed with confidence {said(word)}"
        for run_id, word in zip(unsure["run_id"], unsure["confidence"], strict=True)
    }


def _far_longer(f: Frames) -> Reasons:
    """Runs whose own time, or whose answered waits, lie far beyond those of the ended runs of their agent."""
    runs = f.runs
    is_ended = runs["status"].isin(FINAL_STATUSES)
    took = runs["working_s"] + runs["idle_s"]
    waited = runs["waiting_s"].where(is_ended & (runs["waiting_s"] > 0))
    how_far: dict[str, float] = {}
    reasons: Reasons = {}
    for seconds, words in ((took, "took"), (waited, "waited for a person")):
        ended = seconds.where(is_ended).groupby(runs["agent"].fillna(""))
        low, median, high = (ended.transform("quantile", share) for share in (0.25, 0.5, 0.75))
        limit = np.maximum(high + FAR_OUT * (high - low), np.maximum(FAR * median, median + LEAST_S))
        is_far = ((seconds > limit) & (ended.transform("count") >= ENOUGH)).to_numpy(bool)
        for run_id, own, usual in zip(runs["run_id"][is_far], seconds[is_far], median[is_far], strict=True):
            without = " without its waits" if words == "took" else ""
            reason = f"{words} {duration(own)}{without}, where {duration(usual)} is usual"
            reasons[run_id] = f"{reasons[run_id]}; {reason}" if run_id in reasons else reason
            how_far[run_id] = max(how_far.get(run_id, 0), own / usual if usual else np.inf)
    return {run_id: reasons[run_id] for run_id in sorted(reasons, key=lambda run_id: -how_far[run_id])}


def _costly(f: Frames) -> pd.DataFrame:
    return f.problems[f.problems["severity"] == "error"].astype({"problem": "str"})


def _unread(f: Frames) -> Reasons:
    """What could not be read, of records that name a run; the run itself may be among what was refused."""
    costly = _costly(f).dropna(subset="run_id")
    n_of = costly["run_id"].value_counts()
    first = costly.drop_duplicates("run_id").set_index("run_id")
    return {
        str(run_id): f"{plural(n, 'problem')} in the data, the first {_where(first.loc[str(run_id)])}"
        for run_id, n in n_of.items()
    }


def _where(problem: Any) -> str:
    return f"at {said(problem['location'], limit=LABEL)}: {said(problem['detail'], limit=LABEL)}"


def _unread_records(f: Frames) -> list[str]:
    """What was refused and names no run, a line for each kind of problem, most first."""
    lost = _costly(f)
    lost = lost[lost["run_id"].isna()]
    first = lost.drop_duplicates("problem").set_index("problem")
    return [
        f"{plural(n, 'record')} refused ({said(problem)}), the first {_where(first.loc[str(problem)])}"
        for problem, n in lost["problem"].value_counts().items()
    ]
