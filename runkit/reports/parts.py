"""The parts of a report's page: the outcome, findings, questions, and what happened.

    from runkit.reports import parts
    parts.head(data)

Every function takes what `runkit.report_data()` returns. A part shows itself in a notebook; a function gives
None where there is nothing to show, and then the page leaves out the heading above it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, Template

from runkit.charts import Panel, fleet, one_run
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.overview import Tile, tiles
from runkit.charts.panel import lasting, when, words_of
from runkit.client.hosts import HOST_OF_KEY, TEST_KEY, is_loopback
from runkit.contract import CONFIDENCES, FINAL_STATUSES
from runkit.html_tables import df_to_html, with_labels, without_blanks
from runkit.reports.bundle import ReportData, heading
from runkit.style import CONFIDENCE_COLORS, MISSING, OUTCOMES, TIERS, UNKNOWN_TIER, outcome_words, status
from runkit.tables.compare import one_run as one_run_of
from runkit.tables.frames import Frames
from runkit.text import (
    Markup,
    agent_title,
    block,
    css_variables,
    duration,
    esc,
    moment,
    plural,
    run_label,
    short_id,
    shorten,
    static_file,
    visible,
    web_host,
)

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

EXCERPT = 200  # characters of an agent's summary in the banner
MAX_FINDINGS, MAX_SOURCES, MAX_QUESTIONS = 30, 5, 12
MAX_LINES = 8  # of what happened
MAX_STEPS, MAX_DIFFERENCES, MAX_NEEDS = 5, 10, 8  # rows
LEAST_S = 0.05  # seconds; a smaller difference is not shown as one
NAMED = 3  # titles in a sentence
KINDS = {1: "KYB review report", 2: "Comparison of two reviews"}
LETTERS = ("A", "B")
BY_POLICY = ("auto_approve", "skip")
_STATIC = Path(__file__).parent / "static"
_FRAME = Markup('{}<div class="runkit-report">{}</div>')
_STYLE = Markup("<style>{}{}</style>").format(
    css_variables(".runkit-report"), static_file(_STATIC / "parts.css")
)


class Part:
    """One part of a report, as HTML and as plain text."""

    def __init__(self, name: str, **values: Any) -> None:
        macro = getattr(_templates().make_module(values), name)
        self.html = Markup(macro())  # noqa: S704 - Jinja escapes each value
        self._style = _STYLE if name == "head" else Markup("")  # the first part brings the style for all

    def __repr__(self) -> str:
        return visible(self.html.replace("<", Markup(" <")).striptags())  # a space between cells

    def _repr_html_(self) -> str:
        return block(_FRAME.format(self._style, self.html))


@cache
def _templates() -> Template:
    environment = Environment(loader=FileSystemLoader(_STATIC), autoescape=True, finalize=esc)
    environment.globals |= {"colors": CONFIDENCE_COLORS, "tiers": TIERS, "unknown_tier": UNKNOWN_TIER}
    environment.filters |= {"words": words_of, "host": web_host, "status": status, "lasting": lasting}
    environment.filters |= {"label": _label, "plural": plural}
    return environment.get_template("parts.html.j2")


# ---------------------------------------------------------------------------------------------------- head


def head(data: ReportData) -> Part:
    """Show how one run ended, how two did, or how many did, and what needs a look.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned.

    Returns
    -------
    Part
        Time and host of reading, the heading, a banner for each of up to two runs, and numbers.
    """
    f, labels = data.frames, data.labels
    sides = [f.select(run_id) for run_id in f.runs["run_id"]] if len(f.runs) in KINDS else []
    is_one = len(sides) == 1
    agents = f.runs["agent_name"].dropna().unique()
    by = [f"Reviewed by {agents[0]}"] if len(agents) == 1 else []
    by += [f"Prepared by {labels.prepared_by}"] if labels.prepared_by else []
    needs = _needs(f) if is_one else []
    if data.provenance.missing:
        needs.append(f"Not complete: {data.provenance.missing}.")
    elif f.coverage.refused:
        needs.append(f"{plural(f.coverage.refused, 'older copy', 'older copies')} of runs left out.")
    letters = LETTERS if len(sides) == 2 else ("",)
    return Part(
        "head",
        kind=KINDS.get(len(sides), "Fleet report"),
        run_id=short_id(f.runs["run_id"].iloc[0]) if is_one else "",
        read=moment(f.runs["as_of"].max()),
        tags=[*_modes(f), *filter(None, [labels.classification])],
        heading=labels.title or heading(f),
        by=" · ".join(by),
        banners=[_banner(*pair) for pair in zip(sides, letters, strict=True)] if sides else [_totals(f)],
        numbers=_numbers(f) if is_one else () if sides else tiles(f),
        needs=needs,
    )


def _modes(f: Frames) -> list[str]:
    """Say whether the data are of a sandbox, of test or of live businesses, as far as it is known."""
    hosts = [re.sub(r":\d+$", "", host).strip("[]") for host in f.read_from]
    kinds = {host: "SANDBOX" if is_loopback(host) else "LIVE" for host in hosts}
    kinds |= {host: "TEST" for host in hosts if host == HOST_OF_KEY[TEST_KEY]}
    return sorted(set(kinds.values()))


def _banner(f: Frames, letter: str) -> dict[str, Any]:
    """Describe how one run ended."""
    run, found = f.runs.iloc[0], one_run.found(f).table
    outputs = found[found["origin"] == "output"].to_dict("records")
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at").to_dict("records")
    is_final = run["status"] in FINAL_STATUSES
    banner: dict[str, Any] = {
        "color": {"error": "fail", "interrupted": "attention"}.get(run["status"], "neutral"),
        "letter": letter,
        "state": status(run["status"]),
        "business_status": words_of(run["business_status"]).replace("_", " ").strip(MISSING),
        "status_at": when(run["business_status_at"]),
        "facts": f"{_label(run)} · {_lasting(run)}, {_work(run)}" if letter else "",
        "headline": "No output" if is_final else "No result yet",
        "text": f"{plural(run['n_steps'], 'step')} known.",
    }
    if run["status"] == "error":
        errors = [*one_run.failed(f).table["label"], "No step says why."]
        banner |= {"headline": "No result: the review failed", "text": words_of(errors[0], 2 * EXCERPT)}
    elif pending:
        first, more = pending[0], f" {plural(len(pending), 'question')} waiting." * (len(pending) > 1)
        banner["headline"] = f"Waiting for a reviewer: {words_of(first['label'])}"
        banner["text"] = (
            f"Asked by {agent_title(_or_none(first['agent']))} on {when(first['asked_at'])}, "
            f"{lasting(first['wait_s'])} so far.{more}"
        )
    elif outputs:
        summary, confidence = (_or_none(outputs[0][name]) for name in ("summary", "confidence"))
        quote = shorten(summary or "", EXCERPT)
        banner |= {
            "headline": words_of(outputs[0]["title"]),
            "text": "",
            "quote": quote,
            "confidence": confidence,
        }
    return banner


def _totals(f: Frames) -> dict[str, Any]:
    """Describe how many runs ended, in one line."""
    n_waiting, n_failed = (int(f.runs["status"].eq(word).sum()) for word in ("interrupted", "error"))
    open_s = f.interrupts.loc[f.interrupts["outcome"] == "pending", "wait_s"].max()
    oldest = f", oldest {duration(open_s)}" if pd.notna(open_s) else ""
    parts = [f"{n_waiting:,} waiting{oldest}"] * bool(n_waiting) + [f"{n_failed:,} failed"] * bool(n_failed)
    color = "attention" if n_waiting else "fail" if n_failed else "neutral"
    return {"color": color, "headline": " · ".join(parts) or "You're all caught up"}


def _numbers(f: Frames) -> tuple[Tile, ...]:
    """Count the findings, answers and sources of one run, and its time."""
    run, outcomes = f.runs.iloc[0], f.interrupts["outcome"]
    own, sources = _own(f), one_run.evidence(f).table
    n_strong = int((sources["source_tier"].map(TIERS) == TIERS["government"]).sum())
    n_asked, n_open = int((~outcomes.isin(BY_POLICY)).sum()), int(outcomes.eq("pending").sum())
    answered = f"{outcomes.eq('answered').sum():,} of {n_asked:,}" if n_asked else MISSING
    note = f"{plural(n_open, 'question')} waiting" if n_open else plural(n_asked, "question")
    words = own["confidence"].where(own["confidence"].isin(CONFIDENCES), "unrated").value_counts()
    confidences = ", ".join(f"{words[word]:,} {word}" for word in (*CONFIDENCES, "unrated") if word in words)
    return (
        Tile("Findings", f"{len(own):,}", confidences),
        Tile("Answered by reviewers", answered, note if n_asked else "no questions asked"),
        Tile("Sources", f"{len(sources):,}", f"{n_strong:,} government or primary"),
        Tile("Time", _lasting(run), _work(run)),
    )


def _needs(f: Frames) -> list[str]:
    """List what a reader of one run should look at: what is open, weak, decided by policy, or failed."""
    run, asks, own = f.runs.iloc[0], f.interrupts, _own(f)
    opened, stated = one_run.open_items(f).table, run["confidence"]
    items = {str(what): rows["item"] for what, rows in opened.groupby("what", sort=False)}
    items["finding without a source"] = own.loc[own["n_sources"] == 0, "title"]
    for word in CONFIDENCES[CONFIDENCES.index(stated) + 1 :] if stated in CONFIDENCES else ():
        weaker = own.loc[own["confidence"] == word, "title"]
        items[f"{word} finding under an output of {stated} confidence"] = weaker
    for way in BY_POLICY:
        items[f"{OUTCOMES[way].lower()}, no reviewer asked"] = asks.loc[asks["outcome"] == way, "label"]
    if run["status"] != "error":
        items["step failed"] = one_run.failed(f).table["label"]
    needs = [f"{what[0].upper()}{what[1:]}: {_named(rows)}" for what, rows in items.items() if len(rows)]
    return needs if run["has_steps"] else [*needs, "The steps were not delivered; times are not known."]


# ------------------------------------------------------------------------------------ findings and questions


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
    own, every = _own(data.frames), data.frames.sources
    outputs = one_run.found(data.frames).table.query("origin == 'output'")
    cited = every.loc[every["artifact_no"].isin(own["artifact_no"]), "url"]
    only_there = every.loc[~every["url"].isin(cited), "artifact_no"]  # sources that only the output names
    own = pd.concat([own, outputs[outputs["artifact_no"].isin(only_there)]])
    sources = {no: rows.to_dict("records") for no, rows in every.groupby("artifact_no")}
    rows = [
        row | {"sources": sources.get(row["artifact_no"], [])[:MAX_SOURCES]}
        for row in own.head(MAX_FINDINGS).to_dict("records")
    ]
    return Part("findings", rows=rows, more=_more(len(own) - MAX_FINDINGS, "more finding")) if rows else None


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
    rows, more = table.head(MAX_QUESTIONS).to_dict("records"), len(table) - MAX_QUESTIONS
    return Part("questions", rows=rows, is_pair=is_pair, more=_more(more, "more question")) if rows else None


def _questions(f: Frames, answers: pd.DataFrame) -> pd.DataFrame:
    """Describe the questions of one run, in the order in which they were asked."""
    table = one_run.people(f, answers).table
    known = f.interrupts.sort_values("asked_at", ignore_index=True)[["kind", "decision"]]
    rows = []
    for row in table.join(known).to_dict("records"):
        name, delivery = _or_none(row["answered_by"]), _or_none(row["delivery"])
        is_self = name in set(answers["answered_by"])
        facts = [f"{name} (self-declared)" if name and is_self else name]
        if row["outcome"] == "answered":
            facts += [
                when(row["asked_at"] + pd.Timedelta(seconds=row["wait_s"])),
                f"after {lasting(row['wait_s'])}",
            ]
        else:
            so_far = f"{lasting(row['wait_s'])} so far" if row["outcome"] == "pending" else ""
            facts += [f"asked by {agent_title(_or_none(row['agent']))}", when(row["asked_at"]), so_far]
        answer = re.sub("^decision: \\w+(?:; |$)(?:note: )?", "", _or_none(row["answer"]) or "")
        facts += [f"delivery {delivery}" if delivery else ""]
        rows.append((row["label"], _ending(row), row["outcome"], answer, " · ".join(filter(None, facts))))
    return pd.DataFrame(rows, columns=["label", "ending", "outcome", "answer", "facts"])


# ------------------------------------------------------------------------------------------- what happened


def what_happened(data: ReportData) -> Part | None:
    """Show the course of one run in at most 8 lines: its top-level steps, its questions and its end.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned, of one run.

    Returns
    -------
    Part or None
        The shortest steps are left out first, and counted.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run_of(data.frames, "data")
    run = f.runs.iloc[0]
    if pd.isna(run["started_at"]):
        return None
    events = [_event(run["started_at"], "Review started"), *_question_events(f), *_step_events(f)]
    if pd.notna(run["ended_at"]):
        kind = "end fail" if run["status"] == "error" else "end"
        events.append(_event(run["ended_at"], status(run["status"]).word, kind=kind))
    table = pd.DataFrame(events).sort_values(["rank", "seconds"], ascending=[True, False], kind="stable")
    shown = table.head(MAX_LINES).sort_index().sort_values("at", kind="stable")
    is_one_day = shown["at"].dt.normalize().nunique() == 1
    day = f"{shown['at'].iloc[0]:%b %d}, times in UTC" if is_one_day else "Times in UTC"
    lines = shown.assign(at=shown["at"].dt.strftime("%H:%M" if is_one_day else "%b %d, %H:%M"))
    more = _more(len(events) - len(shown), "shorter step")
    return Part("what_happened", day=day, lines=lines.to_dict("records"), more=more)


def _event(
    at: Any, label: str, note: str = "", kind: str = "", rank: int = 0, seconds: float = 0
) -> dict[str, Any]:
    """Describe a line. The lowest ranks are kept, and of one rank those that took longest."""
    return {"at": at, "label": label, "note": note, "kind": kind, "rank": rank, "seconds": seconds}


def _step_events(f: Frames) -> list[dict[str, Any]]:
    """Give the steps of the highest level on which there are several, except questions."""
    sizes = f.steps["depth"].value_counts()
    steps = f.steps[f.steps["depth"].eq(sizes[sizes > 1].index.min()) & f.steps["type"].ne("interrupt")]
    events = []
    for step in steps.dropna(subset="started_at").to_dict("records"):
        label = words_of(step["label"] if pd.notna(step["label"]) else step["name"])
        kind, note = ("fail", "failed") if step["type"] == "error" else ("", lasting(step["duration_s"]))
        events.append(_event(step["started_at"], label, note, kind, 2, step["duration_s"]))
    return events


def _question_events(f: Frames) -> list[dict[str, Any]]:
    """Give two lines for each question: when it was asked, and how it ended."""
    events = []
    for ask in f.interrupts.dropna(subset="asked_at").to_dict("records"):
        label, ending, wait = words_of(ask["label"]), _ending(ask), lasting(ask["wait_s"])
        if ask["outcome"] in BY_POLICY:
            events.append(_event(ask["asked_at"], label, ending.lower(), rank=1))
            continue
        by = f" by {ask['answered_by']}" if pd.notna(ask["answered_by"]) else ""
        note = f"{wait} so far" if ask["outcome"] == "pending" else f"after {wait}"
        ended = ask["asked_at"] + pd.Timedelta(seconds=ask["wait_s"])
        events.append(_event(ask["asked_at"], f"Asked a reviewer: {label}", "", "question", 1))
        events.append(_event(ended, f"{ending}{by}", note, "question", 1))
    return events


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
    return _table(slow[["label", "self_s", "critical_s"]])


def nothing(data: ReportData) -> Part | None:
    """Name in one line what one run does not have: errors, open questions, findings."""
    run, asks = data.frames.runs.iloc[0], data.frames.interrupts
    is_open = asks["outcome"].isin(["pending", "lapsed"]).any() or run["status"] not in FINAL_STATUSES
    lacks = {
        "No findings.": _own(data.frames).empty,
        "No questions to reviewers.": asks.empty,
        "No errors.": run["has_steps"] and run["n_errors"] == 0 and run["status"] != "error",
        "Nothing open.": not is_open,
    }
    words = " ".join(word for word, is_so in lacks.items() if is_so)
    return Part("line", words=words) if words else None


# ---------------------------------------------------------------------------------------- two or many runs


def differences(panel: Panel) -> Part | None:
    """Show the rows of a panel of `side_by_side` that differ between the two runs.

    Parameters
    ----------
    panel
        `in_short`, `findings` or `steps`.

    Returns
    -------
    Part or None
        At most 10 rows.
    """
    table = panel.table
    if "match" in table:
        table = table[table["match"] != "same"]
    elif "difference" in table:
        table = table.loc[(table["a"] != table["b"]) & (table["fact"] != "Run"), ["fact", "a", "b"]]
    else:
        table = table[table["total_s_diff"].abs() >= LEAST_S]
        table = table[["label", "agent", "total_s_a", "total_s_b", "total_s_diff"]]
    return _table(table.head(MAX_DIFFERENCES))


def needs_you(data: ReportData) -> Part | None:
    """Show what needs somebody among many runs, worst first.

    Parameters
    ----------
    data
        What `runkit.report_data()` returned.

    Returns
    -------
    Part or None
        At most 8 rows; one of each kind is among them.
    """
    table = fleet.look_first(data.frames).table
    kept = table["next_step"].duplicated().sort_values(kind="stable").index[:MAX_NEEDS].sort_values()
    rows = table.loc[kept].to_dict("records")
    return Part("needs_you", rows=rows, more=_more(len(table) - len(rows), "more row")) if rows else None


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
    return Panel("All runs", sentence, table.reset_index(drop=True), figure)


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
    return _table(with_labels(table)[["run", *columns]])


def problems(data: ReportData) -> Part | None:
    """Count what is wrong with the data, by kind; None if nothing is."""
    return _table(fleet.problems(data.frames).table)


def sign_off(data: ReportData) -> Part | None:
    """Show a line to sign for each role that `runkit.report(sign_off=…)` names."""
    return Part("sign_off", roles=data.labels.sign_off.split("\n")) if data.labels.sign_off else None


# --------------------------------------------------------------------------------------------------- words


def _own(f: Frames) -> pd.DataFrame:
    """Give the findings of one run without its errors, and without its output if that sums others up."""
    errors = f.steps.loc[f.steps["type"] == "error", "step_id"]
    described = f.artifacts.loc[f.artifacts["step_id"].isin(errors), "artifact_no"]
    found = one_run.found(f).table
    own = found[(found["origin"] != "output") & ~found["artifact_no"].isin(described)]
    return own if len(own) else found[found["origin"] == "output"]


def _table(table: pd.DataFrame) -> Part | None:
    return Part("plain_table", rows=df_to_html(without_blanks(table))) if len(table) else None


def _more(n: int, what: str) -> str:
    """Say what is left out."""
    return f"{plural(n, what)} left out here." if n > 0 else ""


def _or_none(value: Any) -> Any:
    return None if pd.isna(value) else value


def _ending(ask: dict[Any, Any]) -> str:
    return outcome_words(ask["kind"], ask["outcome"], ask["decision"])


def _label(run: Any) -> str:
    return run_label(run["run_id"], run["business_name"], run["agent_name"])


def _lasting(run: Any) -> str:
    so_far = "" if run["status"] in FINAL_STATUSES or pd.isna(run["duration_s"]) else " so far"
    return f"{lasting(run['duration_s'])}{so_far}"


def _work(run: Any) -> str:
    """Say how much of a run's time was work, if it is open, or waiting, if it has ended."""
    if pd.isna(run["waiting_s"]):
        return "steps not delivered"
    if run["status"] not in FINAL_STATUSES:
        return f"{duration(run['working_s'])} work"
    return f"{duration(run['waiting_s'])} waiting" if run["waiting_s"] else "no waiting"


def _named(titles: pd.Series[Any]) -> str:
    """Give the first few titles."""
    more = f"; and {len(titles) - NAMED:,} more" if len(titles) > NAMED else ""
    return f"{'; '.join(words_of(title, 80) for title in titles.head(NAMED))}{more}"
