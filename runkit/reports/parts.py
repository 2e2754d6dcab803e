"""The parts of a report's page: the outcome, findings, questions, and what happened.

    from runkit.reports import parts
    parts.head(data)

Every function but `differences` takes what `runkit.report_data()` returns. A part shows itself in a notebook;
a function gives None where there is nothing to show, and then the page leaves out the heading above it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd

from runkit.arguments import checked
from runkit.charts import Panel, fleet, one_run
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.panel import lasting, words_of
from runkit.charts.results import leaves
from runkit.contract import FINAL_STATUSES, RESOLUTIONS
from runkit.html_tables import with_labels
from runkit.reports.bundle import ReportData
from runkit.reports.head import head
from runkit.reports.part import Part, records, table_part
from runkit.style import outcome_words, status
from runkit.tables import compare, facts
from runkit.tables.frames import Frames

__all__ = [
    "actions",
    "all_runs",
    "differences",
    "findings",
    "head",
    "needs_you",
    "nothing",
    "problems",
    "questions",
    "results",
    "slowest_steps",
    "what_happened",
]

MAX_FINDINGS, MAX_SOURCES, MAX_QUESTIONS = 30, 5, 12
MAX_STEPS, MAX_DIFFERENCES, MAX_LINES = 5, 12, 8
# of an answer, which its card says already
_DECISION = re.compile(r"^decision: \w+(?:; |$)(?:note: )?")


@checked
def findings(data: ReportData) -> Part | None:
    """Show what one run found: each finding with its summary, confidence and evidence.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned, of one run.

    Returns
    -------
    Part or None
        At most 30 findings, with at most 5 sources each.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = compare.one_run(data.frames, "data")
    own, delivered, sources = facts.findings_of(f), facts.outputs_of(f), f.sources
    cited = sources.loc[sources["artifact_no"].isin(own["artifact_no"]), "url"]
    # only the output names them
    only_there = sources.loc[~sources["url"].isin(cited), "artifact_no"]
    own = pd.concat([own, delivered[delivered["artifact_no"].isin(only_there)]])
    rows = records(own.head(MAX_FINDINGS))
    for row in rows:
        row["sources"] = records(sources[sources["artifact_no"] == row["artifact_no"]].head(MAX_SOURCES))
    return Part("findings", rows=rows, n_more=len(own) - len(rows)) if rows else None


@checked
def questions(data: ReportData) -> Part | None:
    """Show what each run asked of reviewers: a card for each question, with its answer where that is known.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned.

    Returns
    -------
    Part or None
        At most 12 questions. Of two runs, those that both asked and that ended alike are left out.
    """
    f = data.frames
    is_pair = len(f.runs) == 2
    rows = [
        ask | {"letter": "AB"[at] if is_pair else ""}
        for at, run_id in enumerate(f.runs["run_id"])
        for ask in _questions(f.select(run_id), data.answers)
    ]
    if is_pair:
        counts = Counter((ask["label"], ask["ending"]) for ask in rows)
        rows = [ask for ask in rows if counts[ask["label"], ask["ending"]] == 1]
    own_names = set(data.answers["answered_by"].dropna())
    n_more = max(0, len(rows) - MAX_QUESTIONS)
    return Part("questions", rows=rows[:MAX_QUESTIONS], own_names=own_names, n_more=n_more) if rows else None


def _questions(f: Frames, answers: pd.DataFrame) -> list[dict[Any, Any]]:
    """Describe the questions of one run, in the order in which they were asked."""
    known = f.interrupts.sort_values("asked_at", ignore_index=True)[["kind", "decision", "answered_at"]]
    asks = records(one_run.people(f, answers).table.join(known))
    for ask in asks:
        ask["ending"] = outcome_words(ask["kind"], ask["outcome"], ask["decision"])
        ask["note"] = _DECISION.sub("", ask["answer"] or "")
    return asks


@checked
def slowest_steps(data: ReportData) -> Part | None:
    """Show the five steps of one run that worked longest, and what they added to its total time.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned, of one run.

    Returns
    -------
    Part or None
        Steps without child steps, without waits for a reviewer.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    steps = compare.one_run(data.frames, "data").steps
    is_work = (steps["n_children"] == 0) & ~steps["is_wait"] & (steps["self_s"] > 0)
    slow = steps[is_work].sort_values(["self_s", "step_no"], ascending=[False, True]).head(MAX_STEPS)
    slow["critical_s"] = slow["critical_s"].where(slow["critical_s"] > 0)
    return table_part(slow[["label", "self_s", "critical_s"]])


@checked
def results(data: ReportData) -> Part | None:
    """Show what the steps of one run returned, a row for each step with a result.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned, of one run.

    Returns
    -------
    Part or None
        In tree order; a note says how many rows are left out.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    steps = compare.one_run(data.frames, "data").steps
    texts = ["; ".join(f"{path}: {value}" for path, value in leaves(result)) for result in steps["result"]]
    table = steps[["label", "agent"]].assign(result=pd.Series(texts, steps.index, "str"))
    return table_part(table[table["result"] != ""])


@checked
def nothing(data: ReportData) -> Part | None:
    """Name in one line what one run does not have: errors, open questions, findings."""
    f = compare.one_run(data.frames, "data")
    run, asks = f.runs.iloc[0], f.interrupts
    is_open = asks["outcome"].isin(["pending", "lapsed"]).any() or run["status"] not in FINAL_STATUSES
    lacks = {
        "No findings.": facts.findings_of(f).empty,
        "No questions to reviewers.": asks.empty,
        "No errors.": run["has_steps"] and run["n_errors"] == 0 and run["status"] != "error",
        "No questions waiting.": not is_open,
    }
    words = " ".join(word for word, is_so in lacks.items() if is_so)
    return Part("line", words=words) if words else None


@checked
def what_happened(data: ReportData) -> Part | None:
    """Show the course of one run in at most 8 lines: its top-level steps, its questions and its end.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned, of one run.

    Returns
    -------
    Part or None
        The shortest steps are left out first, then questions; how many lines is said.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = compare.one_run(data.frames, "data")
    run = f.runs.iloc[0]
    if pd.isna(run["started_at"]):
        return None
    end = {"at": run["ended_at"], "label": status(run["status"]).word, "rank": 0, "seconds": 0}
    end["kind"] = "end fail" if run["status"] == "error" else "end"
    start = end | {"at": run["started_at"], "label": "Review started", "kind": ""}
    events = pd.DataFrame([start, *_question_events(f), *_step_events(f), end])
    events = events.dropna(subset="at")  # an open run has no end
    first = events.sort_values(["rank", "seconds"], ascending=[True, False], kind="stable")
    shown = first.head(MAX_LINES).sort_index().sort_values("at", kind="stable")
    is_one_day = shown["at"].dt.normalize().nunique() == 1
    day = f"{shown['at'].iloc[0]:%b %d}, times in UTC" if is_one_day else "Times in UTC"
    lines = shown.assign(at=shown["at"].dt.strftime("%H:%M" if is_one_day else "%b %d, %H:%M"))
    return Part("what_happened", day=day, lines=records(lines), n_more=len(events) - len(shown))


def _step_events(f: Frames) -> Iterator[dict[str, Any]]:
    """Give a line for each step of the highest level on which there are several, except questions."""
    sizes = f.steps["depth"].value_counts()
    level = sizes[sizes > 1].index.min()
    steps = f.steps[f.steps["depth"].eq(level) & f.steps["type"].ne("interrupt")]
    for step in records(steps.dropna(subset="started_at")):
        line = {"at": step["started_at"], "label": step["label"], "rank": 2}
        if step["is_failed"]:
            line |= {"note": "✕ failed", "kind": "fail"}
        yield {"note": lasting(step["duration_s"]), "seconds": step["duration_s"]} | line


def _question_events(f: Frames) -> Iterator[dict[str, Any]]:
    """Give two lines for each question: when it was asked, and how it ended; one if policy decided it."""
    for ask in records(f.interrupts.dropna(subset="asked_at")):
        asked = {"at": ask["asked_at"], "label": words_of(ask["label"]), "rank": 1}
        ending, wait = outcome_words(ask["kind"], ask["outcome"], ask["decision"]), lasting(ask["wait_s"])
        if ask["outcome"] in RESOLUTIONS:
            yield asked | {"note": ending.lower()}
            continue
        yield asked | {"label": f"Asked a reviewer: {asked['label']}", "kind": "question"}
        if ask["wait_s"] is None:
            continue
        by = f" by {ask['answered_by']}" if ask["answered_by"] else ""
        note = f"{wait} so far" if ask["outcome"] == "pending" else f"after {wait}"
        at = ask["asked_at"] + pd.Timedelta(ask["wait_s"], "s")
        yield asked | {"at": at, "label": f"{ending}{by}", "note": note, "kind": "question"}


@checked
def differences(table: pd.DataFrame) -> Part | None:
    """Show the facts, findings or steps in which two runs differ.

    Parameters
    ----------
    table
        A row for each difference.

    Returns
    -------
    Part or None
        At most 12 rows; a note says of how many.
    """
    return table_part(table, MAX_DIFFERENCES)


@checked
def needs_you(data: ReportData) -> Part | None:
    """Show what needs somebody among many runs, worst first.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned.

    Returns
    -------
    Part or None
        At most 20 rows, as in `fleet.look_first`; a line above says of how many.
    """
    panel = fleet.look_first(data.frames)
    return Part("needs_you", rows=records(panel.table), sentence=panel.sentence) if len(panel.table) else None


@checked
def all_runs(data: ReportData) -> Panel:
    """Show every run in the fleet chart, and as a table.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned.

    Returns
    -------
    Panel
        The newest 20 runs are in the table that is shown.
    """
    f = data.frames
    figure = None if f.runs.empty else fleet_chart(f, has_list=False)
    columns = ["run_id", "business_name", "agent_name", "status", "confidence", "created_at"]
    table = f.runs[[*columns, "working_s", "waiting_s"]].sort_values("created_at", ascending=False)
    sentence = str(figure.layout.meta["alt"]) if figure else ""
    return Panel("Work and waiting", sentence, table.reset_index(drop=True), figure)


@checked
def actions(data: ReportData) -> Part | None:
    """Show what was done on the businesses of these runs, and who settled it.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned.

    Returns
    -------
    Part or None
        The newest actions of `report(actions=…)`, or nothing without that.
    """
    if data.actions is None:
        return None
    names = data.frames.runs[["run_id", "business_name", "agent_name"]]
    table = data.actions.merge(names, on="run_id", how="left").sort_values("created_at", ascending=False)
    columns = ["created_at", "type", "user_name", "settled_by", "n_effects", "note"]
    return table_part(with_labels(table)[["run", *columns]])


@checked
def problems(data: ReportData) -> Part | None:
    """Count what is wrong with the data, by kind; None if nothing is."""
    kinds = data.frames.problems.groupby(["severity", "problem"], observed=True)["n"].sum()
    return table_part(kinds.rename("n_problems").reset_index())
