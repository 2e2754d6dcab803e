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
from runkit.charts.needs_you import first_of_each
from runkit.charts.overview import Tile, tiles
from runkit.charts.panel import lasting, when, words_of
from runkit.client.hosts import HOST_OF_KEY, TEST_KEY, is_loopback
from runkit.contract import CONFIDENCES, FINAL_STATUSES, RESOLUTIONS
from runkit.errors import UsageError
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
_DECISION = re.compile(r"^decision: \w+(?:; |$)(?:note: )?")  # of an answer, which its card says already
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
        self._style = _STYLE if name == "head" else Markup("")  # the first part has the style of all

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
    common: dict[str, Any] = {
        "kind": KINDS.get(len(f.runs), "Fleet report"),
        "read": moment(f.runs["as_of"].max()),
        "tags": [*_modes(f), *filter(None, [labels.classification])],
        "heading": labels.title or heading(f),
        "by": _by(f, labels.prepared_by),
    }
    if len(f.runs) not in KINDS:
        needs = _incomplete(data)
        return Part("head", **common, banners=[_totals(f)], numbers=tiles(f), needs=needs)
    sides = [f.select(run_id) for run_id in f.runs["run_id"]]
    if len(sides) == 2:
        banners = [_banner(side, letter) for side, letter in zip(sides, LETTERS, strict=True)]
        return Part("head", **common, banners=banners, needs=_incomplete(data))
    return Part(
        "head",
        **common,
        run_id=short_id(f.runs["run_id"].iloc[0]),
        banners=[_banner(f)],
        numbers=_numbers(f),
        needs=[*_needs(f), *_incomplete(data)],
    )


def _by(f: Frames, prepared_by: str) -> str:
    """Name the agent, if all runs have the same, and who prepared the report."""
    agents = f.runs["agent_name"].unique()
    words = [f"Reviewed by {agents[0]}"] if len(agents) == 1 and isinstance(agents[0], str) else []
    words += [f"Prepared by {prepared_by}"] if prepared_by else []
    return " · ".join(words)


def _incomplete(data: ReportData) -> list[str]:
    """Say what was not read, or which copies of runs were left out."""
    n_refused = data.frames.coverage.refused
    if data.provenance.missing:
        return [f"Not complete: {data.provenance.missing}."]
    if n_refused:
        return [f"{plural(n_refused, 'older copy', 'older copies')} of runs left out."]
    return []


def _modes(f: Frames) -> list[str]:
    """Say whether the data are of a sandbox, of test or of live businesses, as far as it is known."""
    hosts = [re.sub(r":\d+$", "", host).strip("[]") for host in f.read_from]
    kinds = {host: "SANDBOX" if is_loopback(host) else "LIVE" for host in hosts}
    kinds |= {host: "TEST" for host in hosts if host == HOST_OF_KEY[TEST_KEY]}
    return sorted(set(kinds.values()))


def _banner(f: Frames, letter: str = "") -> dict[str, Any]:
    """Describe how one run ended."""
    run = f.runs.iloc[0]
    banner = {
        "color": {"error": "fail", "interrupted": "attention"}.get(run["status"], "neutral"),
        "letter": letter,
        "state": status(run["status"]),
        "facts": f"{_label(run)} · {_lasting(run)}, {_work(run)}" if letter else "",
    }
    if pd.notna(run["business_status"]):
        banner["business_status"] = words_of(run["business_status"]).replace("_", " ")
        banner["status_at"] = when(run["business_status_at"])
    return banner | _outcome(f)


def _outcome(f: Frames) -> dict[str, Any]:
    """Give the error of a run, the question that waits, or its output."""
    run = f.runs.iloc[0]
    if run["status"] == "error":
        errors = [*one_run.failed(f).table["label"], "No step says why."]
        return {"headline": "No result: the review failed", "text": words_of(errors[0], 2 * EXCERPT)}
    pending = f.interrupts[f.interrupts["outcome"] == "pending"].sort_values("asked_at")
    if len(pending):
        first = pending.iloc[0]
        agent = agent_title(_or_none(first["agent"]))
        text = f"Asked by {agent} on {when(first['asked_at'])}, {lasting(first['wait_s'])} so far."
        if len(pending) > 1:
            text += f" {plural(len(pending), 'question')} waiting."
        return {"headline": f"Waiting for a reviewer: {words_of(first['label'])}", "text": text}
    found = one_run.found(f).table
    outputs = found[found["origin"] == "output"]
    if len(outputs):
        first = outputs.iloc[0]
        return {
            "headline": words_of(first["title"]),
            "quote": shorten(_or_none(first["summary"]) or "", EXCERPT),
            "confidence": _or_none(first["confidence"]),
        }
    headline = "No output" if run["status"] in FINAL_STATUSES else "No result yet"
    return {"headline": headline, "text": f"{plural(run['n_steps'], 'step')} known."}


def _totals(f: Frames) -> dict[str, Any]:
    """Describe how many runs ended, in one line."""
    n_waiting, n_failed = ((f.runs["status"] == word).sum() for word in ("interrupted", "error"))
    open_s = f.interrupts.loc[f.interrupts["outcome"] == "pending", "wait_s"].max()
    oldest = f", oldest {duration(open_s)}" if pd.notna(open_s) else ""
    words = [f"{n_waiting:,} waiting{oldest}"] if n_waiting else []
    words += [f"{n_failed:,} failed"] if n_failed else []
    color = "attention" if n_waiting else "fail" if n_failed else "neutral"
    return {"color": color, "headline": " · ".join(words) or "You're all caught up"}


def _numbers(f: Frames) -> tuple[Tile, ...]:
    """Count the findings, answers and sources of one run, and its time."""
    run, own, sources = f.runs.iloc[0], _own(f), one_run.evidence(f).table
    confidences = own["confidence"].where(own["confidence"].isin(CONFIDENCES), "unrated").value_counts()
    rated = [word for word in (*CONFIDENCES, "unrated") if word in confidences]
    n_strong = (sources["source_tier"].map(TIERS) == TIERS["government"]).sum()
    outcomes = f.interrupts["outcome"]
    n_asked, n_open = (~outcomes.isin(RESOLUTIONS)).sum(), (outcomes == "pending").sum()
    answered, note = MISSING, "no questions asked"
    if n_asked:
        answered = f"{(outcomes == 'answered').sum():,} of {n_asked:,}"
        note = f"{plural(n_open, 'question')} waiting" if n_open else plural(n_asked, "question")
    return (
        Tile("Findings", f"{len(own):,}", ", ".join(f"{confidences[word]:,} {word}" for word in rated)),
        Tile("Answered by reviewers", answered, note),
        Tile("Sources", f"{len(sources):,}", f"{n_strong:,} government or primary"),
        Tile("Time", _lasting(run), _work(run)),
    )


def _needs(f: Frames) -> list[str]:
    """List what a reader of one run should look at: what is open, weak, decided by policy, or failed."""
    run, asks, own = f.runs.iloc[0], f.interrupts, _own(f)
    items = {
        str(what): rows["item"] for what, rows in one_run.open_items(f).table.groupby("what", sort=False)
    }
    items["finding without a source"] = own.loc[own["n_sources"] == 0, "title"]
    stated = run["confidence"]
    weaker = CONFIDENCES[CONFIDENCES.index(stated) + 1 :] if stated in CONFIDENCES else ()
    for word in weaker:
        titles = own.loc[own["confidence"] == word, "title"]
        items[f"{word} finding under an output of {stated} confidence"] = titles
    for way in RESOLUTIONS:
        items[f"{OUTCOMES[way].lower()}, no reviewer asked"] = asks.loc[asks["outcome"] == way, "label"]
    if run["status"] != "error":
        items["step failed"] = one_run.failed(f).table["label"]
    needs = [f"{what[0].upper()}{what[1:]}: {_named(rows)}" for what, rows in items.items() if len(rows)]
    if not run["has_steps"]:
        needs.append("The steps were not delivered; times are not known.")
    return needs


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
    own, sources = _own(data.frames), data.frames.sources
    found = one_run.found(data.frames).table
    outputs = found[found["origin"] == "output"]
    cited = sources.loc[sources["artifact_no"].isin(own["artifact_no"]), "url"]
    only_there = sources.loc[~sources["url"].isin(cited), "artifact_no"]  # only the output names them
    own = pd.concat([own, outputs[outputs["artifact_no"].isin(only_there)]])
    rows = own.head(MAX_FINDINGS).to_dict("records")
    by_artifact = {no: group.to_dict("records") for no, group in sources.groupby("artifact_no")}
    for row in rows:
        row["sources"] = by_artifact.get(row["artifact_no"], [])[:MAX_SOURCES]
    return Part("findings", rows=rows, more=_more(len(own) - len(rows), "more finding")) if rows else None


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
    more = _more(len(table) - len(rows), "more question")
    return Part("questions", rows=rows, is_pair=is_pair, more=more)


def _questions(f: Frames, answers: pd.DataFrame) -> pd.DataFrame:
    """Describe the questions of one run, in the order in which they were asked."""
    table = one_run.people(f, answers).table
    known = f.interrupts.sort_values("asked_at", ignore_index=True)[["kind", "decision", "answered_at"]]
    own_names = set(answers["answered_by"].dropna())
    rows = []
    for ask in table.join(known).to_dict("records"):
        name, delivery = _or_none(ask["answered_by"]), _or_none(ask["delivery"])
        facts = [f"{name} (self-declared)" if name in own_names else name]
        if ask["outcome"] == "answered":
            facts += [when(ask["answered_at"]), f"after {lasting(ask['wait_s'])}"]
        else:
            facts += [f"asked by {agent_title(_or_none(ask['agent']))}", when(ask["asked_at"])]
        if ask["outcome"] == "pending":
            facts.append(f"{lasting(ask['wait_s'])} so far")
        if delivery:
            facts.append(f"delivery {delivery}")
        answer = _DECISION.sub("", _or_none(ask["answer"]) or "")
        rows.append((ask["label"], _ending(ask), ask["outcome"], answer, " · ".join(filter(None, facts))))
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
        The shortest steps are left out first, then questions; how many lines is said.

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
    first = pd.DataFrame(events).sort_values(["rank", "seconds"], ascending=[True, False], kind="stable")
    shown = first.head(MAX_LINES).sort_index().sort_values("at", kind="stable")
    is_one_day = shown["at"].dt.normalize().nunique() == 1
    day = f"{shown['at'].iloc[0]:%b %d}, times in UTC" if is_one_day else "Times in UTC"
    lines = shown.assign(at=shown["at"].dt.strftime("%H:%M" if is_one_day else "%b %d, %H:%M"))
    more = _more(len(events) - len(shown), "more line")
    return Part("what_happened", day=day, lines=lines.to_dict("records"), more=more)


def _event(
    at: Any, label: str, note: str = "", *, kind: str = "", rank: int = 0, seconds: float = 0
) -> dict[str, Any]:
    """Describe a line. The lowest ranks are kept, and of one rank those that took longest."""
    return {"at": at, "label": label, "note": note, "kind": kind, "rank": rank, "seconds": seconds}


def _step_events(f: Frames) -> list[dict[str, Any]]:
    """Give the steps of the highest level on which there are several, except questions."""
    sizes = f.steps["depth"].value_counts()
    level = sizes[sizes > 1].index.min()
    steps = f.steps[f.steps["depth"].eq(level) & f.steps["type"].ne("interrupt")]
    events = []
    for step in steps.dropna(subset="started_at").to_dict("records"):
        seconds, has_failed = step["duration_s"], step["type"] == "error"
        event = _event(
            step["started_at"],
            words_of(step["label"] if pd.notna(step["label"]) else step["name"]),
            "failed" if has_failed else lasting(seconds),
            kind="fail" if has_failed else "",
            rank=2,
            seconds=seconds,
        )
        events.append(event)
    return events


def _question_events(f: Frames) -> list[dict[str, Any]]:
    """Give two lines for each question: when it was asked, and how it ended; one if policy decided it."""
    events = []
    for ask in f.interrupts.dropna(subset=["asked_at", "wait_s"]).to_dict("records"):
        label, ending, wait = words_of(ask["label"]), _ending(ask), lasting(ask["wait_s"])
        if ask["outcome"] in RESOLUTIONS:
            events.append(_event(ask["asked_at"], label, ending.lower(), rank=1))
            continue
        by = f" by {ask['answered_by']}" if pd.notna(ask["answered_by"]) else ""
        note = f"{wait} so far" if ask["outcome"] == "pending" else f"after {wait}"
        ended_at = ask["asked_at"] + pd.Timedelta(seconds=ask["wait_s"])
        events.append(_event(ask["asked_at"], f"Asked a reviewer: {label}", kind="question", rank=1))
        events.append(_event(ended_at, f"{ending}{by}", note, kind="question", rank=1))
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
        At most 10 rows; a note says of how many.

    Raises
    ------
    UsageError
        For another panel.
    """
    table = panel.table
    if "match" in table:
        table = table[table["match"] != "same"]
    elif "difference" in table:
        table = table.loc[(table["a"] != table["b"]) & (table["fact"] != "Run"), ["fact", "a", "b"]]
    elif "total_s_diff" in table:
        table = table[table["total_s_diff"].abs() >= LEAST_S]
        table = table[["label", "agent", "total_s_a", "total_s_b", "total_s_diff"]]
    else:
        raise UsageError(f"the panel {panel.title!r} has no differences; expected one of two runs.")
    return _table(table, MAX_DIFFERENCES)


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
    panel = fleet.look_first(data.frames)
    table = panel.table.loc[first_of_each(panel.table["next_step"], MAX_NEEDS)]
    if table.empty:
        return None
    reasons = panel.sentence.partition(": ")[2]  # of all rows, also those that the panel leaves out
    more = f"{plural(len(table), 'row')} shown. In all: {reasons}" if len(panel.table) > len(table) else ""
    return Part("needs_you", rows=table.to_dict("records"), more=more)


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


def _table(table: pd.DataFrame, limit: int | None = None) -> Part | None:
    """Show the first rows of a table; a note says what is left out."""
    rows = without_blanks(table.head(len(table) if limit is None else limit))
    return Part("plain_table", rows=df_to_html(rows, n_rows=len(table))) if len(table) else None


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
