"""The parts of a report's page: the outcome, findings, questions, and what happened.

    from runkit.reports import parts
    parts.head(data)

Every function but `differences` takes what `runkit.report_data()` returns. A part shows itself in a notebook;
a function gives None where there is nothing to show, and then the page leaves out the heading above it.
"""

from __future__ import annotations

import re

import pandas as pd

from runkit.charts import Panel, fleet, one_run
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.panel import lasting, when
from runkit.contract import FINAL_STATUSES
from runkit.errors import UsageError
from runkit.html_tables import with_labels
from runkit.reports.bundle import ReportData
from runkit.reports.head import LETTERS, head
from runkit.reports.part import Part, ending_of, left_out, or_none, own_findings, table_part
from runkit.reports.timeline import what_happened
from runkit.tables.frames import Frames
from runkit.text import agent_title

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
    "sign_off",
    "slowest_steps",
    "what_happened",
]

MAX_FINDINGS, MAX_SOURCES, MAX_QUESTIONS = 30, 5, 12
MAX_STEPS, MAX_DIFFERENCES = 5, 12  # rows
LEAST_S = 0.05  # seconds; a smaller difference is not shown as one
_DECISION = re.compile(r"^decision: \w+(?:; |$)(?:note: )?")  # of an answer, which its card says already


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
    own, sources = own_findings(data.frames), data.frames.sources
    found = one_run.found(data.frames).table
    outputs = found[found["origin"] == "output"]
    cited = sources.loc[sources["artifact_no"].isin(own["artifact_no"]), "url"]
    only_there = sources.loc[~sources["url"].isin(cited), "artifact_no"]  # only the output names them
    own = pd.concat([own, outputs[outputs["artifact_no"].isin(only_there)]])
    rows = own.head(MAX_FINDINGS).to_dict("records")
    by_artifact = {no: group.to_dict("records") for no, group in sources.groupby("artifact_no")}
    for row in rows:
        row["sources"] = by_artifact.get(row["artifact_no"], [])[:MAX_SOURCES]
    return Part("findings", rows=rows, more=left_out(len(own) - len(rows), "more finding")) if rows else None


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
    parts = [_questions(f.select(run_id), data.answers) for run_id in f.runs["run_id"]]
    table = pd.concat(parts, keys=LETTERS if is_pair else None).reset_index(level=0, names="letter")
    if is_pair:
        table = table.drop_duplicates(["label", "ending"], keep=False)
    if table.empty:
        return None
    rows = table.head(MAX_QUESTIONS).to_dict("records")
    more = left_out(len(table) - len(rows), "more question")
    return Part("questions", rows=rows, is_pair=is_pair, more=more)


def _questions(f: Frames, answers: pd.DataFrame) -> pd.DataFrame:
    """Describe the questions of one run, in the order in which they were asked."""
    table = one_run.people(f, answers).table
    known = f.interrupts.sort_values("asked_at", ignore_index=True)[["kind", "decision", "answered_at"]]
    own_names = set(answers["answered_by"].dropna())
    rows = []
    for ask in table.join(known).to_dict("records"):
        name, delivery = or_none(ask["answered_by"]), or_none(ask["delivery"])
        facts = [f"{name} (self-declared)" if name in own_names else name]
        if ask["outcome"] == "answered":
            facts += [when(ask["answered_at"]), f"after {lasting(ask['wait_s'])}"]
        else:
            facts += [f"asked by {agent_title(or_none(ask['agent']))}", when(ask["asked_at"])]
        if ask["outcome"] == "pending":
            facts.append(f"{lasting(ask['wait_s'])} so far")
        if delivery:
            facts.append(f"delivery {delivery}")
        answer = _DECISION.sub("", or_none(ask["answer"]) or "")
        rows.append((ask["label"], ending_of(ask), ask["outcome"], answer, " · ".join(filter(None, facts))))
    return pd.DataFrame(rows, columns=["label", "ending", "outcome", "answer", "facts"])


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
    f = data.frames
    slow = one_run.slowest_steps(f).table.head(MAX_STEPS)
    slow = slow.merge(f.steps[["step_id", "critical_s"]], on="step_id")
    slow["critical_s"] = slow["critical_s"].where(slow["critical_s"] > 0)
    return table_part(slow[["label", "self_s", "critical_s"]])


def nothing(data: ReportData) -> Part | None:
    """Name in one line what one run does not have: errors, open questions, findings."""
    run, asks = data.frames.runs.iloc[0], data.frames.interrupts
    is_open = asks["outcome"].isin(["pending", "lapsed"]).any() or run["status"] not in FINAL_STATUSES
    lacks = {
        "No findings.": own_findings(data.frames).empty,
        "No questions to reviewers.": asks.empty,
        "No errors.": run["has_steps"] and run["n_errors"] == 0 and run["status"] != "error",
        "Nothing open.": not is_open,
    }
    words = " ".join(word for word, is_so in lacks.items() if is_so)
    return Part("line", words=words) if words else None


def differences(panel: Panel) -> Part | None:
    """Show the rows of a panel of `side_by_side` that differ between the two runs.

    Parameters
    ----------
    panel
        `in_short`, `findings` or `steps`.

    Returns
    -------
    Part or None
        At most 12 rows; a note says of how many.

    Raises
    ------
    UsageError
        For another panel.
    """
    table = panel.table
    if "match" in table:
        table = table[table["match"] != "same"].drop(columns="agent")  # the page has no room for it
    elif "difference" in table:
        table = table.loc[(table["a"] != table["b"]) & (table["fact"] != "Run"), ["fact", "a", "b"]]
    elif "total_s_diff" in table:
        table = table[table["total_s_diff"].abs() >= LEAST_S]
        table = table[["label", "agent", "total_s_a", "total_s_b", "total_s_diff"]]
    else:
        raise UsageError(f"the panel {panel.title!r} has no differences; expected one of two runs.")
    return table_part(table, MAX_DIFFERENCES)


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
    rows = panel.table.to_dict("records")
    return Part("needs_you", rows=rows, sentence=panel.sentence) if rows else None


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


def problems(data: ReportData) -> Part | None:
    """Count what is wrong with the data, by kind; None if nothing is."""
    return table_part(fleet.problems(data.frames).table)


def sign_off(data: ReportData) -> Part | None:
    """Show a line to sign for each role that `runkit.report(sign_off=…)` names."""
    return Part("sign_off", roles=data.labels.sign_off.split("\n")) if data.labels.sign_off else None
