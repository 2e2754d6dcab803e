"""What failed in a run, and what it left open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from runkit.charts.panel import Panel
from runkit.charts.run_findings import UNNAMED, findings
from runkit.charts.run_people import next_steps
from runkit.charts.wording import (
    by_agent,
    excerpt,
    few,
    is_over,
    known,
    missing_steps,
    quoted,
    said,
    step_names,
)
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import duration, moment, plural

SURE_ENOUGH = ("high", "medium")  # any other word, and none, is something to look at


def failed(f: Frames) -> Panel:
    """Show what failed in one run: one row per failed step of work, with what is known of the cause.

    `f` holds exactly one run, else `UsageError`. `summary` is what the error step says in its artifacts,
    `within` the nearest step around it that failed with it.
    """
    f = one_run(f, "f")
    steps = f.steps.sort_values("order").reset_index(drop=True)
    is_cause = steps["type"] == "error"
    is_failed = is_cause | (steps["status"] == "error")
    rows = steps[is_cause | (is_failed & (steps["n_children"] == 0))]
    rows = rows.assign(is_cause=rows["type"] == "error").sort_values(
        ["is_cause", "order"], ascending=[False, True]
    )
    summaries = f.artifacts.dropna(subset="step_id").groupby("step_id")["summary"].agg(_joined)
    table = pd.DataFrame(
        {
            "step": step_names(rows),
            "agent": rows["agent"],
            "failed_at": rows["completed_at"].where(rows["completed_at"].notna(), rows["started_at"]),
            "summary": rows["step_id"].map(summaries).astype("str"),
            "within": pd.Series(_failed_around(steps, rows), index=rows.index, dtype="str"),
        }
    ).reset_index(drop=True)
    return Panel("What failed", _failed_words(f.runs.iloc[0], rows, table), table)


def _joined(summaries: pd.Series[Any]) -> str | None:
    return " ".join(filter(None, map(known, summaries))) or None


def _failed_around(steps: pd.DataFrame, rows: pd.DataFrame) -> list[str | None]:
    """The nearest step around each row that failed too."""
    place = {step_id: number for number, step_id in enumerate(steps["step_id"])}
    parents = steps["parent_step_id"].tolist()
    names = step_names(steps).tolist()
    is_error = (steps["status"] == "error").tolist()

    def around(parent: object) -> str | None:
        seen: set[int] = set()
        at = place.get(str(parent))
        while at is not None and at not in seen:
            if is_error[at]:
                return known(names[at])
            seen.add(at)
            at = place.get(str(parents[at]))
        return None

    return [around(parent) for parent in rows["parent_step_id"]]


def _failed_words(run: pd.Series[Any], rows: pd.DataFrame, table: pd.DataFrame) -> str:
    has_failed = run["status"] == "error"
    if not run["has_steps"]:
        why = "The steps were not delivered, so it is unknown what failed."
        return f"The run failed. {why}" if has_failed else why
    if table.empty:
        return "The run failed, and no step says why." if has_failed else "Nothing failed."
    n_causes = int(rows["is_cause"].sum()) or len(table)
    causes = table.head(n_causes)
    words = f"{plural(n_causes, 'error')}: {few([_cause_words(row) for _, row in causes.iterrows()])}."
    around = [quoted(name) for name in causes["within"].dropna().unique()]
    taken_along = few([*around, "the run"] if has_failed else around)
    if taken_along:
        words += f" With {'it' if n_causes == 1 else 'them'} failed {taken_along}."
    return words if has_failed else f"{words} The run went on all the same."


def _cause_words(row: pd.Series[Any]) -> str:
    """Say an error: its label, and what the agent wrote."""
    summary = excerpt(row["summary"])
    words = f": “{summary}”" if summary and summary.rstrip(".") != known(row["step"]) else ""
    return f"{quoted(row['step'])}{words} ({by_agent(row['agent'])})"


def cause(f: Frames) -> str:
    """Say what went wrong in a failed run, as its first error has it, and how many more errors there are."""
    shown = failed(f)
    if shown.table.empty:
        return shown.sentence
    n_more = int((f.steps["type"] == "error").sum()) - 1
    more = f" There {'is' if n_more == 1 else 'are'} {plural(n_more, 'more error')}." if n_more > 0 else ""
    return f"What went wrong: {_cause_words(shown.table.iloc[0])}.{more}"


def culprit(f: Frames) -> pd.Series[Any] | None:
    """The row of `failed` that ended a run: the step of work that failed beside an error, else the error.

    None where no step failed.
    """
    table = failed(f).table
    if table.empty:
        return None
    # the label of an error step tells what went wrong; the step beside it is what the agent was doing
    rest = table.iloc[1:]
    beside = rest[rest["within"].eq(table["within"].iloc[0]).fillna(False).astype(bool)]
    return beside.iloc[0] if len(beside) else table.iloc[0]


class Open(NamedTuple):
    """Something open: its kind (one, several), what it is, whose, since when, and for how many seconds.

    `note` is what became of it later. `words` stand in a sentence instead of a count.
    """

    kind: str
    kinds: str
    item: str | None
    agent: str | None = None
    since: Any = pd.NaT
    open_s: float = float("nan")
    note: str | None = None
    words: str | None = None


def open_items(f: Frames) -> Panel:
    """Show what one run left open: questions, steps, weak findings, bad data.

    `f` holds exactly one run, else `UsageError`. One row each; `since` and `open_s` where they are known,
    `note` on what followed.
    """
    f = one_run(f, "f")
    items = list(_items(f))
    table = pd.DataFrame(
        {
            "what": pd.Series([item.kind for item in items], dtype="str"),
            "item": pd.Series([item.item for item in items], dtype="str"),
            "agent": pd.Series([item.agent for item in items], dtype="str"),
            "since": pd.to_datetime(pd.Series([item.since for item in items]), utc=True).astype(
                "datetime64[us, UTC]"
            ),
            "open_s": pd.Series([item.open_s for item in items], dtype="float64"),
            "note": pd.Series([item.note for item in items], dtype="str"),
        }
    )
    parts = [f"{counted}{_named(alike)}" for counted, alike in _by_kind(items)]
    sentence = "Open: " + "; ".join(parts) + "." if parts else "Nothing is open."
    unknown = missing_steps(f.runs.iloc[0], "whether more is open")
    return Panel("What is open", f"{sentence} {unknown}".strip(), table)


def open_counts(f: Frames) -> str:
    """Count what one run left open, in a sentence; named is what was followed up."""
    f = one_run(f, "f")
    parts = [
        f"{counted}{_named([item for item in alike if item.note])}"
        for counted, alike in _by_kind(list(_items(f)))
    ]
    return f"Open: {'; '.join(parts)}." if parts else "Nothing is open."


def _by_kind(items: list[Open]) -> list[tuple[str, list[Open]]]:
    kinds: dict[str, list[Open]] = {}
    for item in items:
        kinds.setdefault(item.kind, []).append(item)
    return [
        (alike[0].words or plural(len(alike), alike[0].kind, alike[0].kinds), alike)
        for alike in kinds.values()
    ]


def _named(alike: list[Open]) -> str:
    """Name the first few of a kind; one that is said in words of its own has no name."""
    names = [_item_words(item) for item in alike if item.words is None]
    return f": {few(names)}" if names else ""


def _item_words(item: Open) -> str:
    lasted = "" if pd.isna(item.open_s) else f" for {duration(item.open_s)}"
    note = f" ({item.note})" if item.note else ""
    return f"{quoted(item.item)}{lasted}{note}"


def _items(f: Frames) -> Iterator[Open]:
    run = f.runs.iloc[0]
    asked = f.interrupts
    kind = ("question that waits for a person", "questions that wait for a person")
    yield from _questions(asked[asked["outcome"] == "pending"], *kind)
    if run["status"] == "interrupted" and not run["n_pending"]:
        words = "the run is interrupted, and its question cannot be read"
        yield Open("question that cannot be read", "questions that cannot be read", words, words=words)
    if is_over(run) and not (f.artifacts["origin"] == "output").any():
        yield _no_result(run)
    kind = ("question that was never answered", "questions that were never answered")
    yield from _questions(asked[asked["outcome"] == "lapsed"], *kind)
    waits = asked.loc[asked["outcome"].isin(["pending", "lapsed"]), "step_id"]
    still = f.steps[f.steps["is_open"] & ~f.steps["step_id"].isin(waits)]
    kind = (
        ("step without an end", "steps without an end")
        if is_over(run)
        else ("step that runs", "steps that run")
    )
    for _, step in still.iterrows():
        name = known(step["label"]) or known(step["name"]) or UNNAMED
        yield Open(*kind, name, known(step["agent"]), step["started_at"], step["duration_s"])
    yield from _weak_findings(f)
    for _, problem in f.problems.iterrows():
        yield Open(
            "problem in the data", "problems in the data", f"{problem['problem']}: {problem['detail']}"
        )


def _no_result(run: pd.Series[Any]) -> Open:
    """A review that ended and delivered nothing, and for how long that has been so."""
    ended, agent = run["ended_at"], known(run["agent"])
    kind, item = "no result", "the review ended without an output"
    if pd.isna(ended):
        return Open(kind, kind, item, agent, words=kind)
    since_s = max(0.0, (run["as_of"] - ended).total_seconds())
    words = f"{kind} since {moment(ended)} ({duration(since_s)} before it was read)"
    return Open(kind, kind, item, agent, ended, since_s, words=words)


def _questions(asked: pd.DataFrame, kind: str, kinds: str) -> Iterator[Open]:
    for _, question in asked.iterrows():
        label, agent = known(question["label"]) or UNNAMED, known(question["agent"])
        yield Open(kind, kinds, label, agent, question["asked_at"], question["wait_s"])


def _weak_findings(f: Frames) -> Iterator[Open]:
    rows = findings(f)
    for _, row in rows[~rows["confidence"].isin(SURE_ENOUGH)].iterrows():
        item = f"{known(row['title']) or UNNAMED} ({said(row['confidence'], 'no')} confidence)"
        kind = ("finding of low or no confidence", "findings of low or no confidence")
        yield Open(*kind, item, known(row["agent"]), note=_followed(f, row))
    for _, row in rows[rows["n_sources"] == 0].iterrows():
        item = known(row["title"]) or UNNAMED
        yield Open("finding without a source", "findings without a source", item, known(row["agent"]))


def _followed(f: Frames, finding: pd.Series[Any]) -> str | None:
    """Say what its agent did after a question that was answered later than the finding was made."""
    agent = known(finding["agent"])
    made = f.steps.loc[f.steps["step_id"] == finding["step_id"], "completed_at"]
    if agent is None or made.isna().all():
        return None
    asked = f.interrupts[(f.interrupts["outcome"] == "answered") & (f.interrupts["agent"] == agent)]
    later = asked[asked["asked_at"] >= made.iloc[0]].sort_values("asked_at").head(1)
    for _, question in later.iterrows():
        after = [quoted(label) for label in next_steps(question, f.steps, agent)]
        then = f"; afterwards: {', '.join(after)}" if after else ""
        return f"raised before the question {quoted(question['label'])} was answered{then}"
    return None
