"""What to look at first among many runs: tasks, about what, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from runkit.charts.evidence import findings_of
from runkit.charts.panel import Panel
from runkit.charts.wording import NO_RUNS, agent_name, business, few, known, listed, quoted, said, share
from runkit.contract import FINAL_STATUSES
from runkit.tables.frames import Frames
from runkit.tables.problems import problem_counts
from runkit.text import duration, plural, short_id

MOST_ROWS = 20  # what somebody looks at in a morning
EACH = 2  # rows of each kind that has so many, before the most urgent kinds fill the rest
LABEL = 160  # characters of a label in a reason; an error's label says what was tried
ENOUGH = 8  # runs of an agent: fewer do not say what is usual
FAR_OUT = 3.0  # interquartile ranges over the upper quartile: Tukey's "far out"
FAR = 2.0  # and so many times the median, where all runs are nearly alike
LEAST_S = 60  # a run that took seconds longer than usual is no reason to look
BY_POLICY = {"auto_approve": "approved", "skip": "skipped"}
COLUMNS = ("to_do", "about", "reason", "since", "n_runs", "run_id")


class Task(NamedTuple):
    """One row: why, since when, and in which runs, the newest first; no run where a record names none."""

    reason: str
    since: Any
    runs: Sequence[str]


class Kind(NamedTuple):
    """One kind of task: what is to be done, all of it in words, one and many of its rows, and the rows."""

    to_do: str
    words: str
    one: str
    many: str
    tasks: list[Task]


def look_first(f: Frames) -> Panel:
    """What to look at first: at most 20 tasks, each with the reason in words. No figure.

    The order of the kinds: questions that wait (longest first); failed runs, those with the same error in one
    row (most first); lapsed questions (newest first); completed runs with low confidence, or one that is none
    of high, medium and low (newest first); questions that the policy settled; findings without a source; runs
    that worked or waited far longer than the others of their agent (farthest first); data that could not be
    read (most first). A run can stand in several rows. Each kind has two places if it needs them; the first
    kinds fill the others.

    `run_id` is of the newest of a row's `n_runs` runs, `since` the earliest time: when the question was
    asked, the run ended, the policy settled or, for all others, the run was created. `about` is the business,
    or else the agent.

    Far longer: beyond the upper quartile by three interquartile ranges, twice the median and a minute,
    where the agent has at least eight ended runs to compare with. Waits of open questions are not compared:
    they are listed themselves.
    """
    title = "What to look at first"
    kinds = [
        kind
        for kind in (
            _asking(f),
            _failed(f),
            _lapsed(f),
            _unsure(f),
            _settled(f),
            _unsupported(f),
            _far_longer(f),
            _unread(f),
        )
        if kind.tasks
    ]
    n_shown = _room([len(kind.tasks) for kind in kinds])
    about = {run["run_id"]: _about(run) for _, run in f.runs.iterrows()}
    rows = [
        (
            kind.to_do,
            few(list(dict.fromkeys(about[one] for one in task.runs if one in about))) or None,
            task.reason,
            task.since,
            len(task.runs),
            task.runs[0] if task.runs else None,
        )
        for kind, n in zip(kinds, n_shown, strict=True)
        for task in kind.tasks[:n]
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS])
    dtypes = dict.fromkeys(COLUMNS, "str") | {"since": "datetime64[us, UTC]", "n_runs": "int32"}
    table = table.assign(since=pd.to_datetime(table["since"], utc=True)).astype(dtypes)
    return Panel(title, _words(f, kinds, n_shown), table)


def _about(run: pd.Series[Any]) -> str:
    """Name the business of a run, or else its agent."""
    return business(run) or agent_name(known(run["agent_name"]) or run["agent"])


def _room(numbers: list[int]) -> list[int]:
    """How many rows of each kind are shown: a few of each, then as many of the first kinds as fit."""
    shown = [min(n, EACH) for n in numbers]
    for kind, n in enumerate(numbers):
        shown[kind] += min(n - shown[kind], MOST_ROWS - sum(shown))
    return shown


def _words(f: Frames, kinds: list[Kind], n_shown: list[int]) -> str:
    if not kinds:
        return (
            NO_RUNS
            if f.runs.empty
            else (
                f"Nothing stands out among {plural(len(f.runs), 'run')}: none failed, waits for a person, "
                "left a question unanswered or to the policy, completed with low confidence, holds findings "
                "without a source or took far longer than the others."
            )
        )
    n_tasks = sum(len(kind.tasks) for kind in kinds)
    n_about = len({run_id for kind in kinds for task in kind.tasks for run_id in task.runs})
    left = [
        plural(len(kind.tasks) - n, kind.one, kind.many)
        for kind, n in zip(kinds, n_shown, strict=True)
        if n < len(kind.tasks)
    ]
    what = "; ".join(kind.words for kind in kinds)
    rest = f"Not listed for want of room: {listed(left)}." if left else "All are listed."
    about = f"{plural(n_tasks, 'task')} about {n_about:,} of {plural(len(f.runs), 'run')}"
    return f"{about}: {what}. {rest}"


def _newest_first(f: Frames, is_meant: pd.Series[bool]) -> pd.DataFrame:
    return f.runs[is_meant].sort_values("created_at", ascending=False, kind="stable")


def _newest_of(f: Frames, run_ids: Iterable[str]) -> list[str]:
    """The runs that are meant, each once, the newest first; those that are not in the frames at the end."""
    meant = dict.fromkeys(run_ids)
    newest = _newest_first(f, f.runs["run_id"].isin(list(meant)))["run_id"]
    return list(dict.fromkeys([*newest, *meant]))


def _others(runs: Sequence[str]) -> str:
    """Name the runs of a row whose first one stands in a column of its own."""
    return f"; the others: {few([short_id(one) for one in runs[1:]])}" if len(runs) > 1 else ""


def _asking(f: Frames) -> Kind:
    asks = f.interrupts[f.interrupts["outcome"] == "pending"]
    asks = asks.sort_values("wait_s", ascending=False, kind="stable")
    tasks = [
        Task(f"waits for {duration(wait)}: {_question(label)}", asked, [run_id])
        for wait, label, asked, run_id in zip(
            asks["wait_s"], asks["label"], asks["asked_at"], asks["run_id"], strict=True
        )
    ]
    oldest = f", the oldest for {duration(asks['wait_s'].iloc[0])}" if len(tasks) > 1 else ""
    words = f"{plural(len(tasks), 'question waits', 'questions wait')} for a person{oldest}"
    return Kind("Answer the question", words, "waiting question", "waiting questions", tasks)


def _question(label: object) -> str:
    return quoted(label, LABEL, "a question without a label")


def _failed(f: Frames) -> Kind:
    """Failed runs by the label of their first error step, which is the cause of those that follow."""
    causes = f.steps[f.steps["type"].astype("str") == "error"].drop_duplicates("run_id")
    label_of = dict(zip(causes["run_id"], causes["label"], strict=True))
    failed = _newest_first(f, f.runs["status"] == "error")
    cause = [
        known(label_of[run_id]) or "a step without a label" if run_id in label_of else ""
        for run_id in failed["run_id"]
    ]
    groups = [group for _, group in failed.groupby(np.array(cause, object), sort=False)] if cause else []
    words = dict(zip(failed["run_id"], cause, strict=True))
    tasks = []
    for group in sorted(groups, key=len, reverse=True):
        runs, took = group["run_id"].tolist(), duration(group["duration_s"].iloc[0])
        why = said(words[runs[0]], "no step says why", LABEL)
        reason = (
            f"{len(runs):,} runs failed alike: {why}; the newest after {took}{_others(runs)}"
            if len(runs) > 1
            else f"failed after {took}: {why}"
        )
        tasks.append(Task(reason, group["ended_at"].min(), runs))
    alike = ", all with the same error" if len(tasks) == 1 else f" with {len(tasks):,} different errors"
    return Kind(
        "Find out why it failed",
        f"{plural(len(failed), 'run')} failed" + (alike if len(failed) > 1 else ""),
        "kind of failure",
        "kinds of failure",
        tasks,
    )


def _lapsed(f: Frames) -> Kind:
    lapsed = f.interrupts[f.interrupts["outcome"] == "lapsed"]
    lapsed = lapsed.sort_values("asked_at", ascending=False, kind="stable")
    ended = dict(zip(f.runs["run_id"], f.runs["ended_at"], strict=True))
    tasks = [
        Task(f"ended without an answer to {_question(label)}", ended.get(run_id, pd.NaT), [run_id])
        for label, run_id in zip(lapsed["label"], lapsed["run_id"], strict=True)
    ]
    words = f"{plural(len(tasks), 'question')} lapsed, unanswered"
    return Kind("Decide what was left open", words, "lapsed question", "lapsed questions", tasks)


def _unsure(f: Frames) -> Kind:
    is_sure = f.runs["confidence"].isin(["high", "medium"]) | f.runs["confidence"].isna()
    unsure = _newest_first(f, (f.runs["status"] == "completed") & ~is_sure)
    tasks = [
        Task(f"completed with {said(word)} confidence", ended, [run_id])
        for run_id, word, ended in zip(
            unsure["run_id"], unsure["confidence"], unsure["ended_at"], strict=True
        )
    ]
    words = f"{plural(len(tasks), 'run')} completed with low confidence"
    return Kind("Review the result", words, "unsure result", "unsure results", tasks)


def _settled(f: Frames) -> Kind:
    """Questions that the interrupt policy settled, a row for each of its ways."""
    tasks, n_all = [], 0
    for word, done in BY_POLICY.items():
        own = f.interrupts[f.interrupts["outcome"] == word]
        if own.empty:
            continue
        n_all += len(own)
        runs = _newest_of(f, own["run_id"])
        labels = few([quoted(label) for label in own["label"].dropna().value_counts().index])
        which = f": {labels}" if labels else ""
        reason = f"{plural(len(own), 'question')} {done} by policy, without a person{which}{_others(runs)}"
        tasks.append(Task(reason, own["answered_at"].min(), runs))
    words = f"{plural(n_all, 'question was', 'questions were')} decided without a person"
    return Kind("Check what the policy decided", words, "way of the policy", "ways of the policy", tasks)


def _unsupported(f: Frames) -> Kind:
    """Findings without any source, in one row: they have one remedy."""
    found = findings_of(f)
    found = found[found["origin"] != "output"]
    bare = found[found["n_sources"] == 0]
    tasks = []
    words = f"{plural(len(bare), 'finding has', 'findings have')} no source"
    if len(bare):
        runs = _newest_of(f, bare["run_id"])
        titles = few([quoted(title) for title in bare["title"].dropna().value_counts().index])
        part = f"{len(bare):,} of {plural(len(found), 'finding')} ({share(len(bare), len(found))})"
        which = f": {titles}" if titles else ""
        since = f.runs.loc[f.runs["run_id"].isin(runs), "created_at"].min()
        verb = "rests" if len(bare) == 1 else "rest"
        tasks = [Task(f"{part} {verb} on no source{which}{_others(runs)}", since, runs)]
    return Kind("Ask for evidence", words, "row of findings", "rows of findings", tasks)


def _far_longer(f: Frames) -> Kind:
    """Runs whose own time, or whose answered waits, lie far beyond those of the ended runs of their agent."""
    runs = f.runs
    is_ended = runs["status"].isin(FINAL_STATUSES)
    took = runs["working_s"] + runs["idle_s"]
    waited = runs["waiting_s"].where(is_ended & (runs["waiting_s"] > 0))
    how_far: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for seconds, words in ((took, "took"), (waited, "waited for a person")):
        ended = seconds.where(is_ended).groupby(runs["agent"].fillna(""))
        low, median, high = (ended.transform("quantile", quantile) for quantile in (0.25, 0.5, 0.75))
        limit = np.maximum(high + FAR_OUT * (high - low), np.maximum(FAR * median, median + LEAST_S))
        is_far = ((seconds > limit) & (ended.transform("count") >= ENOUGH)).to_numpy(bool)
        for run_id, own, usual in zip(runs["run_id"][is_far], seconds[is_far], median[is_far], strict=True):
            without = " without its waits" if words == "took" else ""
            reason = f"{words} {duration(own)}{without}, where {duration(usual)} is usual"
            reasons[run_id] = f"{reasons[run_id]}; {reason}" if run_id in reasons else reason
            how_far[run_id] = max(how_far.get(run_id, 0), own / usual if usual else np.inf)
    created = dict(zip(runs["run_id"], runs["created_at"], strict=True))
    tasks = [
        Task(reasons[run_id], created[run_id], [run_id])
        for run_id in sorted(reasons, key=lambda run_id: -how_far[run_id])
    ]
    words = f"{plural(len(tasks), 'run')} took or waited far longer than usual"
    return Kind("See what held it up", words, "slow run", "slow runs", tasks)


def _unread(f: Frames) -> Kind:
    """What could not be read: by run where a record names one, which may be refused itself, else by kind."""
    costly = f.problems[f.problems["severity"] == "error"].astype({"problem": "str"})
    created = dict(zip(f.runs["run_id"], f.runs["created_at"], strict=True))
    tasks = [
        Task(
            f"{plural(_number(own), 'problem')} in the data, the first {_where(own.iloc[0])}",
            created.get(str(run_id), pd.NaT),
            [str(run_id)],
        )
        for run_id, own in _most_first(costly, "run_id")
    ]
    tasks += [
        Task(
            f"{plural(_number(own), 'problem')} in the data ({said(word)}), the first {_where(own.iloc[0])}",
            pd.NaT,
            [],
        )
        for word, own in _most_first(costly[costly["run_id"].isna()], "problem")
    ]
    words = f"{plural(_number(costly), 'problem')} in the data"
    return Kind("Check the data", words, "row of data problems", "rows of data problems", tasks)


def _number(problems: pd.DataFrame) -> int:
    return int(problem_counts(problems).sum())


def _most_first(rows: pd.DataFrame, column: str) -> list[tuple[object, pd.DataFrame]]:
    return sorted(rows.groupby(column, sort=False), key=lambda group: -len(group[1]))


def _where(problem: pd.Series[Any]) -> str:
    return f"at {said(problem['location'], limit=LABEL)}: {said(problem['detail'], limit=LABEL)}"
