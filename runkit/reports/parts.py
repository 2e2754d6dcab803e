"""The parts of a report's page: the outcome, findings, questions, and what happened.

    from runkit.reports import parts
    parts.head(data)

Every function takes what `runkit.report_data()` returns. A part shows itself in a notebook; a function gives
None where there is nothing to show, and then the page leaves out the heading above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, Template

from runkit.charts import Panel, fleet, one_run
from runkit.charts.fleet_chart import fleet_chart
from runkit.charts.overview import Tile, tiles
from runkit.charts.panel import lasting, when, words_of
from runkit.client.hosts import HOST_OF_KEY, TEST_KEY, is_loopback
from runkit.contract import CONFIDENCES, FINAL_STATUSES
from runkit.html_tables import df_to_html, without_blanks
from runkit.reports.bundle import ReportData, heading
from runkit.style import (
    CONFIDENCE_COLORS,
    MISSING,
    OUTCOMES,
    TIERS,
    UNKNOWN_TIER,
    outcome_words,
    status,
)
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
MAX_STEPS, MAX_DIFFERENCES = 5, 10  # rows
LEAST_S = 0.05  # seconds; a smaller difference is not shown as one
MAX_NEEDS = 8  # rows
NAMED = 3  # titles in a sentence
LETTERS = ("A", "B")
BY_POLICY = ("auto_approve", "skip")
_STATIC = Path(__file__).parent / "static"


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


_FRAME = Markup('{}<div class="runkit-report">{}</div>')
_STYLE = Markup("<style>{}{}</style>").format(
    css_variables(".runkit-report"), static_file(_STATIC / "parts.css")
)


@cache
def _templates() -> Template:
    environment = Environment(loader=FileSystemLoader(_STATIC), autoescape=True, finalize=esc)
    environment.globals |= {"colors": CONFIDENCE_COLORS, "tiers": TIERS, "unknown_tier": UNKNOWN_TIER}
    environment.filters |= {"words": words_of, "host": web_host}
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
    sides = [f.select(run_id) for run_id in f.runs["run_id"]] if len(f.runs) < 3 else []
    kinds = {1: "KYB review report", 2: "Comparison of two reviews"}
    agents = f.runs["agent_name"].dropna().unique()
    by = [f"Reviewed by {agents[0]}"] if len(agents) == 1 else []
    by += [f"Prepared by {labels.prepared_by}"] if labels.prepared_by else []
    is_one = len(sides) == 1
    numbers = _numbers(f) if is_one else () if sides else tiles(f)
    needs = _needs(f) if is_one else []
    if data.provenance.missing:
        needs.append(f"Not complete: {data.provenance.missing}.")
    letters = LETTERS if len(sides) == 2 else ("",)
    return Part(
        "head",
        kind=kinds.get(len(sides), "Fleet report"),
        run_id=short_id(f.runs["run_id"].iloc[0]) if len(sides) == 1 else "",
        read=moment(f.runs["as_of"].max()),
        tags=[*_modes(f), *([labels.classification] if labels.classification else [])],
        heading=labels.title or heading(f),
        by=" · ".join(by),
        banners=[_banner(*pair) for pair in zip(sides, letters, strict=True)] if sides else [_totals(f)],
        numbers=numbers,
        needs=needs,
    )


def _modes(f: Frames) -> list[str]:
    """Say whether the data are of a sandbox, of test or of live businesses, as far as it is known."""
    hosts = {re.sub(r":\d+$", "", host).strip("[]") for host in f.read_from}
    words = [
        "SANDBOX" if is_loopback(host) else "TEST" if host == HOST_OF_KEY[TEST_KEY] else "LIVE"
        for host in sorted(hosts)
    ]
    return list(dict.fromkeys(words))


def _banner(f: Frames, letter: str) -> dict[str, Any]:
    """Describe how one run ended."""
    run = f.runs.iloc[0]
    found = one_run.found(f).table
    output = next(iter(found[found["origin"] == "output"].to_dict("records")), None)
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at")
    banner: dict[str, Any] = {
        "color": {"error": "fail", "interrupted": "attention"}.get(run["status"], "neutral"),
        "letter": letter,
        "state": status(run["status"]),
        "business_status": words_of(run["business_status"]).replace("_", " ").strip(MISSING),
        "status_at": when(run["business_status_at"]),
        "facts": f"{_label(run)} · {_lasting(run)}, {_work(run)}" if letter else "",
    }
    if run["status"] == "error":
        failed = next(iter(one_run.failed(f).table.to_dict("records")), {})
        where = f"Failed in “{failed['within']}”. " if _or_none(failed.get("within")) else ""
        text = f"{where}{words_of(failed.get('label'), 2 * EXCERPT)}" if failed else "No step says why."
        return banner | {"headline": "No result: the review failed", "text": text}
    if len(pending):
        first = pending.iloc[0]
        more = f" {plural(len(pending) - 1, 'more question')} waiting." if len(pending) > 1 else ""
        text = f"Asked by {agent_title(_or_none(first['agent']))} on {when(first['asked_at'])}, "
        text += f"{lasting(first['wait_s'])} so far.{more}"
        return banner | {"headline": f"Waiting for a reviewer: {words_of(first['label'])}", "text": text}
    if output is not None:
        quote = shorten(output["summary"], EXCERPT) if pd.notna(output["summary"]) else None
        confidence = _or_none(output["confidence"])
        return banner | {"headline": words_of(output["title"]), "quote": quote, "confidence": confidence}
    word = "No output" if run["status"] in FINAL_STATUSES else "No result yet"
    so_far = "" if run["status"] in FINAL_STATUSES else " so far"
    words = f"{plural(int(run['n_steps']), 'step')}{so_far}."
    if not run["has_steps"]:
        words = "Its steps are not known."
    return banner | {"headline": word, "text": words}


def _totals(f: Frames) -> dict[str, Any]:
    """Describe how many runs ended, in one line."""
    counts = f.runs["status"].value_counts()
    n_waiting, n_failed = (int(counts.get(word, 0)) for word in ("interrupted", "error"))
    open_s = f.interrupts.loc[f.interrupts["outcome"] == "pending", "wait_s"].max()
    oldest = f", oldest {duration(open_s)}" if pd.notna(open_s) else ""
    parts = [f"{n_waiting:,} waiting{oldest}"] if n_waiting else []
    parts += [f"{n_failed:,} failed"] if n_failed else []
    return {
        "color": "attention" if n_waiting else "fail" if n_failed else "neutral",
        "headline": " · ".join(parts) or "You're all caught up",
    }


def _numbers(f: Frames) -> tuple[Tile, ...]:
    """Count the findings, answers and sources of one run, and its time."""
    run, asks = f.runs.iloc[0], f.interrupts
    own, sources = _own(f), one_run.evidence(f).table
    n_strong = int((sources["source_tier"].map(TIERS) == TIERS["government"]).sum())
    n_asked = int((~asks["outcome"].isin(BY_POLICY)).sum())
    n_open = int((asks["outcome"] == "pending").sum())
    answered = f"{(asks['outcome'] == 'answered').sum():,} of {n_asked:,}" if n_asked else MISSING
    note = f"{plural(n_open, 'question')} waiting" if n_open else plural(n_asked, "question")
    return (
        Tile("Findings", f"{len(own):,}", _counts(own["confidence"])),
        Tile("Answered by reviewers", answered, note if n_asked else "no questions asked"),
        Tile("Sources", f"{len(sources):,}", f"{n_strong:,} government or primary"),
        Tile("Time", _lasting(run), _work(run)),
    )


def _needs(f: Frames) -> list[str]:
    """List what a reader of one run should look at: what is open, weak, decided by policy, or failed."""
    run, asks, own = f.runs.iloc[0], f.interrupts, _own(f)
    opened = one_run.open_items(f).table
    items = {str(what): rows["item"] for what, rows in opened.groupby("what", sort=False)}
    items["finding without a source"] = own.loc[own["n_sources"] == 0, "title"]
    stated = run["confidence"]
    for word in CONFIDENCES[CONFIDENCES.index(stated) + 1 :] if stated in CONFIDENCES else ():
        items[f"{word} finding under an output of {stated} confidence"] = own.loc[
            own["confidence"] == word, "title"
        ]
    for way in BY_POLICY:
        name = f"{OUTCOMES[way].lower()}, no reviewer asked"
        items[name] = asks.loc[asks["outcome"] == way, "label"]
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
    is_cited = every["artifact_no"].isin(own["artifact_no"])
    others = every[~every["url"].isin(every.loc[is_cited, "url"])]  # that only the output names
    own = pd.concat([own, outputs[outputs["artifact_no"].isin(others["artifact_no"])]])
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
    letters = LETTERS if is_pair else [""] * len(f.runs)
    rows = [
        row | {"letter": letter}
        for run_id, letter in zip(f.runs["run_id"], letters, strict=True)
        for row in _questions(f.select(run_id), data.answers)
    ]
    if is_pair:
        keys = [(row["label"], row["outcome"]) for row in rows]
        both = {key for key in keys if keys.count(key) == 2}
        rows = [row for row, key in zip(rows, keys, strict=True) if key not in both]
    more = _more(len(rows) - MAX_QUESTIONS, "more question")
    return Part("questions", rows=rows[:MAX_QUESTIONS], more=more) if rows else None


def _questions(f: Frames, answers: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Describe the questions of one run, in the order in which they were asked."""
    known = f.interrupts.sort_values("asked_at", ignore_index=True)[["kind", "decision"]]
    logged = set(answers["answered_by"].dropna())
    for row in one_run.people(f, answers).table.join(known).to_dict("records"):
        name, delivery, outcome = (_or_none(row[part]) for part in ("answered_by", "delivery", "outcome"))
        facts = [f"{name} (self-declared)" if name in logged else name] if name else []
        wait = f"after {duration(row['wait_s'])}" if pd.notna(row["wait_s"]) else None
        if outcome == "answered":
            facts += [when(row["asked_at"] + pd.Timedelta(seconds=row["wait_s"]))]
        else:
            facts += [f"asked by {agent_title(_or_none(row['agent']))}", when(row["asked_at"])]
            wait = f"{duration(row['wait_s'])} so far" if outcome == "pending" else None
        yield {
            "label": words_of(row["label"]),
            "outcome": _ending(row),
            "color": "attention" if outcome == "pending" else "muted",
            "answer": re.sub("^decision: \\w+(?:; |$)(?:note: )?", "", _or_none(row["answer"]) or ""),
            "facts": " · ".join(filter(None, [*facts, wait, delivery and f"delivery {delivery}"])),
        }


# ------------------------------------------------------------------------------------------- what happened


class Event(NamedTuple):
    """A line of what happened. The lowest ranks are kept, and of one rank those that took longest."""

    at: pd.Timestamp
    label: str
    note: str = ""
    kind: str = ""
    rank: int = 0
    seconds: float = 0.0


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
    events = [
        Event(run["started_at"], "Review started"),
        *_question_events(f, data.answers),  # an answer comes before the step that it starts
        *_step_events(f),
    ]
    if pd.notna(run["ended_at"]):
        kind = "end fail" if run["status"] == "error" else "end"
        events.append(Event(run["ended_at"], status(run["status"]).word, kind=kind))
    important = sorted(events, key=lambda event: (event.rank, -event.seconds))[:MAX_LINES]
    shown = sorted(important, key=lambda event: (event.at, events.index(event)))
    is_one_day = shown[0].at.date() == shown[-1].at.date()
    day = f"{shown[0].at:%b} {shown[0].at.day}, times in UTC" if is_one_day else "Times in UTC"
    lines = [
        {**event._asdict(), "at": f"{event.at:%H:%M}" if is_one_day else f"{event.at:%b %d, %H:%M}"}
        for event in shown
    ]
    return Part("what_happened", day=day, lines=lines, more=_more(len(events) - len(shown), "shorter step"))


def _step_events(f: Frames) -> Iterator[Event]:
    """Give the steps of the highest level on which there are several, except questions."""
    counts = f.steps["depth"].value_counts()
    level = min((depth for depth in counts.index if counts[depth] > 1), default=0)
    steps = f.steps[(f.steps["depth"] == level) & (f.steps["type"] != "interrupt")]
    for step in steps.dropna(subset="started_at").to_dict("records"):
        label = step["label"] if pd.notna(step["label"]) else step["name"]
        kind, note = ("fail", "failed") if step["type"] == "error" else ("", lasting(step["duration_s"]))
        yield Event(step["started_at"], words_of(label), note, kind, 2, step["duration_s"])


def _question_events(f: Frames, answers: pd.DataFrame) -> Iterator[Event]:
    """Give two lines for each question: when it was asked, and how it ended."""
    asks = f.interrupts.dropna(subset="asked_at").sort_values("asked_at")
    for ask in asks.to_dict("records"):
        label, outcome = words_of(ask["label"]), _ending(ask)
        if ask["outcome"] in BY_POLICY:
            yield Event(ask["asked_at"], label, outcome.lower(), "", 1)
            continue
        yield Event(ask["asked_at"], f"Asked a reviewer: {label}", "", "question", 1)
        ended = ask["asked_at"] + pd.Timedelta(seconds=ask["wait_s"])
        name = _or_none(ask["answered_by"])
        wait = (
            f"{lasting(ask['wait_s'])} so far"
            if ask["outcome"] == "pending"
            else f"after {lasting(ask['wait_s'])}"
        )
        yield Event(ended, f"{outcome} by {name}" if name else outcome, wait, "question", 1)


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
    lacks = {
        "No findings.": _own(data.frames).empty,
        "No questions to reviewers.": asks.empty,
        "No errors.": run["has_steps"] and run["n_errors"] == 0 and run["status"] != "error",
        "Nothing open.": run["status"] in FINAL_STATUSES
        and not asks["outcome"].isin(["pending", "lapsed"]).any(),
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
    is_first = table.groupby("next_step").cumcount() == 0
    chosen = is_first.sort_values(ascending=False, kind="stable").index[:MAX_NEEDS].sort_values()
    rows = [
        {
            "next_step": row["next_step"],
            "name": _label(row) if isinstance(row["run_id"], str) else MISSING,
            "reason": row["reason"] + (f" ({plural(row['n_runs'], 'run')})" if row["n_runs"] > 1 else ""),
            "state": status(row["status"]) if isinstance(row["status"], str) else None,
            "age": lasting(row["age_s"]),
        }
        for row in table.loc[chosen].to_dict("records")
    ]
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


def _counts(values: pd.Series[Any]) -> str:
    """Count confidences, the highest first."""
    counts = values.fillna("unrated").value_counts().to_dict()
    words = sorted(counts, key=lambda word: CONFIDENCES.index(word) if word in CONFIDENCES else 9)
    return ", ".join(f"{counts[word]:,} {words_of(word, 20)}" for word in words)


def _named(titles: pd.Series[Any]) -> str:
    """Give the first few titles."""
    words = [words_of(title, 80) for title in titles.head(NAMED)]
    text = "; ".join(words) + (f"; and {len(titles) - NAMED:,} more" if len(titles) > NAMED else "")
    return text if text.endswith(("?", ".", "!", "…")) else f"{text}."
