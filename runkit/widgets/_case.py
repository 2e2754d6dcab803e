"""What a card shows under a question: its evidence, and the case of its business.

All of it comes from frames. The findings of the run are there at once; a job reads the other runs
of the business, and the answers in this machine's log. A line of the case has a title, under which
its findings or rows are folded; an open question is a row that is never folded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import pandas as pd

from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.api.reading import objects
from runkit.api.words import CONFIDENCES, RUN_STATUSES, TIERS
from runkit.charts.panel import Row, records
from runkit.charts.step_panel import rows_with_sources
from runkit.client import Client
from runkit.display import colors
from runkit.display.counts import lasted
from runkit.display.text import (
    in_words,
    live_moment,
    plural,
    short_id,
    shorten,
    truncated,
    visible,
    web_host,
)
from runkit.local import answer_log
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import findings_of, outcome_words, positions
from runkit.widgets._question import Question, asking_key, logged_answers
from runkit.widgets._questionnaire import NO_LABEL

ListRuns = Callable[[], Iterable[Run]]  # runs of which those of the business are the case
MAX_NAME = 300  # characters of a source's name
MAX_RUNS = 10  # other runs of the business that are read with their steps
ENDINGS = {1: "st", 2: "nd", 3: "rd"}  # endings of ordinals by their last digit


# ----------------------------------------------------------------------------------------- evidence


def evidence_of(question: Question) -> list[list[Json]]:
    """Return the findings of each proposal."""
    findings = iter(describe_findings(question.frames, _proposed(question)))
    artifacts = (objects(proposal.get("artifacts")) for proposal in question.proposals)
    return [[*islice(findings, len(proposed))] for proposed in artifacts]


def _proposed(question: Question) -> pd.DataFrame:
    """Return the artifacts that the question proposes."""
    artifacts = question.frames.artifacts
    proposed = artifacts[artifacts["origin"].eq("proposal")]
    if question.step_id:
        return proposed[proposed["step_id"].eq(question.step_id)]
    of_item = proposed[proposed["step_id"].isna()]
    return of_item[of_item["interrupt_id"].fillna("").eq(question.interrupt_id or "")]


def describe_findings(f: Frames, artifacts: pd.DataFrame) -> list[Json]:
    """Describe artifacts of one run with their sources."""
    return [
        {
            "title": truncated(finding["title"] or "Untitled finding"),
            "confidence": finding["confidence"] or "",
            "tone": colors.CONFIDENCE_COLORS.get(str(finding["confidence"]).lower(), ""),
            "summary": truncated(finding["summary"] or ""),
            "sources": [*map(_source, finding["sources"])],
        }
        for finding in rows_with_sources(artifacts, f.sources)
    ]


def _source(source: Row) -> Json:
    url = source["url"] or ""
    tier = source["source_tier"] or ""
    name = source["source_name"]
    host = web_host(url)
    names = [name or url] if host else [name, url]
    return {
        "name": shorten(": ".join(filter(None, names)), MAX_NAME),
        "url": url if host else None,
        "host": host or "",
        "tier": " · ".join(filter(None, (tier, in_words(source["source_type"] or "")))),
        "mark": TIERS.find(tier).icon,
    }


# ----------------------------------------------------------------------------------------- the case


def other_findings(question: Question) -> list[Json]:
    """Describe the run's other findings, weakest first, without those that the question repeats."""
    artifacts = findings_of(question.frames)
    others = artifacts[~artifacts["title"].isin(_proposed(question)["title"])]
    if others.empty:
        return []
    order = positions(others["confidence"], CONFIDENCES)
    others = others.assign(order=order).sort_values("order", ascending=False, kind="stable")
    confidences = counts(others["confidence"].dropna())
    title = ": ".join(filter(None, (plural(len(others), "other finding"), confidences)))
    is_open = question.kind == "decision"
    return [
        {"title": title, "is_open": is_open, "findings": describe_findings(question.frames, others)}
    ]


def counts(values: Iterable[str]) -> str:
    """Count values in their order: `1 medium, 3 high`."""
    return ", ".join(f"{n:,} {value}" for value, n in Counter(values).items())


def _folded(title: str, rows: list[Json]) -> list[Json]:
    """Build a line whose rows are folded under its title; there is none without rows."""
    return [{"title": title, "rows": rows}] if rows else []


def _read_others(client: Client, run: Run, list_runs: ListRuns) -> list[Run]:
    """Read the other runs of a business, the newest with their steps."""
    if run.business_id is None:
        return []
    threads = client.threads.list(business_id=run.business_id).ids
    runs = [other for other in list_runs() if other.thread_id in threads]
    others = [other for other in runs if other.id != run.id]
    others.sort(key=lambda other: other.created_at, reverse=True)
    newest = others[:MAX_RUNS]
    fetched = client.runs.fetch(newest, progress=False)
    with_steps = {run.id: run for run in fetched}
    return [with_steps.get(other.id, other) for other in others]


def failed_line(message: str) -> Json:
    """Build the line of a case that could not read the other runs of the business, or the log."""
    return _row(f"Other runs and answers about this business couldn't be read. {message}")


def _row(text: str, *pills: tuple[str, str], run: str = "", end: str = "", key: str = "") -> Json:
    """Describe a row: a run, pills of a text and a tone, a text, and what is at the right end."""
    labels = [(visible(label), tone) for label, tone in pills if label]
    return {"run": short_id(run), "pills": labels, "text": visible(text), "end": end, "key": key}


def lines_about_others(client: Client, question: Question, list_runs: ListRuns) -> list[Json]:
    """Describe the questions and runs of the business, with the answers of this machine."""
    runs = [question.run, *_read_others(client, question.run, list_runs)]
    answers = answer_log.answers_about(run.id for run in runs)
    n_sent = sum(len(logged_answers(run, client.host)) for run in runs)
    f = frames(runs, answers=answers, progress=False)
    questions = f.interrupts.sort_values("asked_at", kind="stable")
    is_open = questions["outcome"].eq("pending")
    return [
        *_open_rows(question, records(questions[is_open])),
        *_runs_line(question, records(f.runs[f.runs["run_id"].ne(question.run.id)])),
        *_earlier_line(records(questions[~is_open].iloc[::-1])),
        *([_row(f"Earlier answers on this machine: {n_sent:,}")] if n_sent else []),
    ]


def _open_rows(question: Question, questions: Sequence[Row]) -> list[Json]:
    """Describe each other open question about the business; these are never folded."""
    keys = [asking_key(row["run_id"], row["interrupt_id"], row["step_id"]) for row in questions]
    lead = f"{ordinal(keys.index(question.key))} question about this business; "
    pill = f"◷ {len(keys):,} open"
    rows: list[Json] = []
    for number, (key, row) in enumerate(zip(keys, questions, strict=True)):
        if key != question.key:
            name = f"the {ordinal(number)} {short_id(row['run_id'])}"
            text = f"{lead}{name} is {lasted(row['wait_s'])} old"
            rows.append(_row(text, (pill, "attention"), key=key))
            lead = pill = ""  # in the first row only
    return rows


def ordinal(position: int) -> str:
    """Return the ordinal of a position counted from 0: 1st, 2nd, 3rd, 4th."""
    number = position + 1
    ending = "th" if number % 100 in (11, 12, 13) else ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def _runs_line(question: Question, runs: Sequence[Row]) -> list[Json]:
    rows = []
    endings = []
    n_newer = 0
    for run in runs:
        status = RUN_STATUSES.find(shorten(run["status"], 40))
        is_newer = run["created_at"] > question.since
        n_newer += is_newer
        created = f"created {live_moment(run['created_at'])}"
        end = "newer" if is_newer else "older"
        rows.append(_row(created, (str(status), status.role), run=run["run_id"], end=end))
        endings.append(status.label.lower())
    newer = f"; {plural(n_newer, 'is', 'are')} newer than this question" if n_newer else ""
    title = f"{plural(len(rows), 'other run')} of this business, {counts(endings)}{newer}"
    return _folded(title, rows)


def _earlier_line(questions: Sequence[Row]) -> list[Json]:
    rows = []
    endings = []
    for row in questions:
        when = f", {live_moment(row['answered_at'])}" if row["answered_at"] else ""
        signed = shorten(outcome_words(row), 120)
        label = shorten(row["label"] or NO_LABEL, 100)
        rows.append(_row(label, run=row["run_id"], end=f"{signed}{when}"))
        endings.append(outcome_words(row | {"answered_by": None}))
    return _folded(
        f"{plural(len(rows), 'earlier question')} about this business, {counts(endings)}", rows
    )
