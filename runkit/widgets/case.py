"""What stands under a question: its evidence, and the case, that is, what else is known about the business.

All of it comes from frames. The findings of the run are there at once; a job reads the other runs of the
business, and the answers in this machine's log. A line of the case has a title and rows, which are folded; a
row is a list of cells that name their style.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from runkit import answers, style
from runkit.client import Client
from runkit.contract import Json, objects
from runkit.models import Run
from runkit.questions import decision_of
from runkit.tables.facts import findings_of
from runkit.tables.frames import Frames, frames
from runkit.text import duration, moment, plural, short_id, shorten, visible, web_host
from runkit.widgets.question import Question, logged_answers, sent_of
from runkit.widgets.questionnaire import MAX_PROPOSALS, NO_LABEL

MAX_TEXT = 2000  # characters of one text
MAX_NAME = 300  # characters of a source's name
MAX_FINDINGS = 20  # of a question: larger notebooks open slowly
MAX_SOURCES = 10  # of a finding
MAX_RUNS = 10  # other runs of the business that are read with their steps
DAYS = 30  # in which other runs are sought, as the inbox seeks questions
Evidence = tuple[list[Json], str]  # findings, and a sentence about those that are left out


def truncated(text: str, limit: int = MAX_TEXT) -> str:
    """Cut a text of a run, and say how much is missing."""
    left_out = len(text) - limit
    more = f"… ({left_out:,} more characters not shown here)" if left_out > 0 else ""
    return visible(text[:limit] + more)


# ----------------------------------------------------------------------------------------------- evidence


def evidence_of(question: Question) -> list[Evidence]:
    """Return the findings of each proposal that is shown."""
    f, room, first = question.frames, MAX_FINDINGS, 0
    own, described = f.artifacts[_is_own(question)], []
    for proposal in question.proposals[:MAX_PROPOSALS]:
        last = first + len(objects(proposal.get("artifacts")))
        described.append(findings(f, own.iloc[first:last], room))
        room -= len(described[-1][0])
        first = last
    return described


def _is_own(question: Question) -> pd.Series[bool]:
    """Flag the artifacts of the question's run that it proposes."""
    artifacts = question.frames.artifacts
    is_own = artifacts["origin"].eq("proposal")
    for name in ("interrupt_id", "step_id"):
        value = getattr(question, name)
        is_own &= artifacts[name].isna() if value is None else artifacts[name].eq(value)
    return is_own


def findings(f: Frames, artifacts: pd.DataFrame, room: int = MAX_FINDINGS) -> Evidence:
    """Describe at most `room` artifacts of one run with their sources."""
    n_more = len(artifacts) - room
    more = f"{plural(n_more, 'more finding')} not shown here." if n_more > 0 else ""
    return [_finding(f, row) for row in _rows(artifacts.head(max(room, 0)))], more


def _finding(f: Frames, row: Any) -> Json:
    sources = f.sources[f.sources["artifact_no"].eq(row.artifact_no)]
    listed = [_source(source) for source in _rows(sources.head(MAX_SOURCES))]
    if (n_more := len(sources) - MAX_SOURCES) > 0:
        listed.append({"name": f"{plural(n_more, 'more source')} not shown here"})
    return {
        "title": truncated(row.title or "Untitled finding"),
        "confidence": (row.confidence or "").capitalize(),
        "tone": style.CONFIDENCE_COLORS.get(row.confidence, ""),
        "summary": truncated(row.summary or ""),
        "sources": listed,
    }


def _source(source: Any) -> Json:
    url, tier, name = source.url or "", source.source_tier or "", source.source_name
    host = web_host(url)
    return {
        "name": shorten(name or url if host else ": ".join(filter(None, (name, url))), MAX_NAME),
        "url": url if host else None,
        "host": host or "",
        "tier": tier,
        "mark": style.TIERS.get(tier, style.UNKNOWN_TIER),
    }


def _rows(df: pd.DataFrame) -> Iterable[Any]:
    """Iterate over rows whose missing values are None."""
    values = df.astype(object)
    return values.where(values.notna(), None).itertuples(index=False)


# ----------------------------------------------------------------------------------------------- the case


def cell(text: object, kind: str = "text", tone: str = "") -> Json:
    """Describe one cell of a row: text, muted, code, pill or end (at the right)."""
    return {"text": visible(str(text)), "kind": kind, "tone": tone}


def status_of(run: Run) -> str:
    """Return the business's own status: `Business in review, as of Nov 26, 02:18 UTC`."""
    if not run.business_status:
        return ""
    words = shorten(run.business_status.replace("_", " "), 40)
    return f"Business {words}, as of {moment(run.business_status_at)}"


def code_for(run: Run) -> str:
    """Return the line of code for the report and the chart of a run."""
    name = short_id(run.id)
    return f'run = client.runs.get("{name}"); runkit.report(run, "{name}.html"); runkit.gantt(run)'


def other_findings(question: Question) -> list[Json]:
    """Describe the run's other findings, weakest first; a finding that the question repeats is none."""
    f = question.frames
    key = ["title", "type"]
    own, found = f.artifacts[_is_own(question)], findings_of(f)
    is_own = pd.MultiIndex.from_frame(found[key]).isin(pd.MultiIndex.from_frame(own[key]))
    others = found[~is_own].sort_values("confidence", kind="stable")
    if others.empty:
        return []
    described, more = findings(f, others)
    counted = counts(others["confidence"].dropna().astype(str))
    title = f"{plural(len(others), 'other finding')}{f': {counted}' if counted else ''}"
    return [{"title": title, "findings": described, "more": more}]


def counts(words: Iterable[str]) -> str:
    """Count words in their order: `1 medium, 3 high`."""
    return ", ".join(f"{n:,} {word}" for word, n in Counter(words).items())


def ends(words: Iterable[str]) -> str:
    """Describe how things ended: `completed`, `all completed`, or `3 completed, 1 failed`."""
    by_word = Counter(words)
    if len(by_word) > 1:
        return counts(by_word.elements())
    [(word, n)] = by_word.items()
    return f"all {word}" if n > 1 else word


def read_others(client: Client, run: Run, listed: Callable[[], Iterable[Run]] | None) -> list[Run]:
    """Read the newest other runs of a run's business with their steps; `listed` are runs that are known."""
    if run.business_id is None:
        return []
    if listed is None:
        since = datetime.now(UTC) - timedelta(days=DAYS)
        runs = [*client.runs.list(business_id=run.business_id, since=since, progress=False)]
    else:
        by_business = client.businesses.threads_of(run.business_id, progress=False)
        thread_ids = {thread.id for threads in by_business.values() for thread in threads}
        runs = [other for other in listed() if other.thread_id in thread_ids]
    others = [other for other in runs if other.id != run.id]
    others.sort(key=lambda other: other.created_at, reverse=True)
    with_steps = {other.id: other for other in client.runs.fetch(others[:MAX_RUNS], progress=False)}
    return [with_steps.get(other.id, other) for other in others]


def failure(message: str) -> list[Json]:
    """Build the line of a case that could not read the other runs of the business."""
    text = f"The other runs of this business couldn't be read. {message}"
    return [{"cells": [cell(shorten(text, MAX_NAME), "muted")], "key": None}]


def lines_about_others(question: Question, others: Sequence[Run], host: str) -> list[Json]:
    """Describe what the other runs of the business tell: questions, runs, and answers of this machine."""
    runs = [question.run, *others]
    f = frames(runs, answers=answers.answers_about(run.id for run in runs), progress=False)
    asked = f.interrupts.merge(f.runs[["run_id", "created_at", "as_of"]], on="run_id")
    asked["asked_at"] = asked["asked_at"].fillna(asked["created_at"])
    asked = asked.sort_values("asked_at", kind="stable")
    is_open = asked["outcome"].eq("pending")
    return [
        *_open_lines(question, asked[is_open]),
        *_run_line(question, f.runs[f.runs["run_id"].ne(question.run.id)]),
        *_earlier_line(asked[~is_open]),
        *_answer_line(question, runs, host),
    ]


def _open_lines(question: Question, asked: pd.DataFrame) -> list[Json]:
    """Describe each other open question about the business; these lines are never folded."""
    rows = [*_rows(asked)]
    keys = [(row.run_id, row.interrupt_id or "") for row in rows]
    if question.row_key not in keys:
        return []
    own = keys.index(question.row_key)
    lines: list[Json] = []
    for at, row in enumerate(rows):
        if at == own:
            continue
        about = f"{ordinal(own)} question about this business; " if not lines else ""
        age = duration((row.as_of - row.asked_at).total_seconds()).split()[:2]
        line = [
            cell(f"{about}the {ordinal(at)}"),
            cell(short_id(row.run_id), "code"),
            cell(f"is {' '.join(age)} old"),
        ]
        pill = cell(f"◷ {len(rows):,} open", "pill", "attention")
        lines.append({"cells": line if lines else [pill, *line], "key": " ".join(keys[at])})
    return lines


def ordinal(position: int) -> str:
    """Return the ordinal of a position counted from 0: 1st, 2nd, 3rd, 4th."""
    number = position + 1
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def _run_line(question: Question, runs: pd.DataFrame) -> list[Json]:
    if runs.empty:
        return []
    asked_at = question.asked_at or question.run.created_at
    rows = [*_rows(runs.sort_values("created_at", ascending=False))]
    n_newer = sum(row.created_at > asked_at for row in rows)
    ended = ends(style.status(row.status).word.lower() for row in rows)
    verb = "is" if n_newer == 1 else "are"
    newer = f"; {n_newer:,} {verb} newer than this question" if n_newer else ""
    title = f"{plural(len(rows), 'other run')} of this business, {ended}{newer}"
    return [{"title": title, "rows": [_run_cells(row, row.created_at > asked_at) for row in rows]}]


def _run_cells(row: Any, is_newer: bool) -> list[Json]:
    shown = style.status(shorten(row.status, 40))
    level = row.confidence or ""
    reason = row.weakest if row.status == "completed" else row.outcome
    return [
        cell(short_id(row.run_id), "code"),
        cell(shown, "pill", shown.color),
        cell(level.capitalize(), "pill", style.CONFIDENCE_COLORS.get(level, "")),
        cell(shorten(reason or "", 100)),
        cell(f"created {moment(row.created_at)}", "muted"),
        cell("newer" if is_newer else "older", "end", "newer" if is_newer else ""),
    ]


def _earlier_line(asked: pd.DataFrame) -> list[Json]:
    if asked.empty:
        return []
    rows = [*_rows(asked.iloc[::-1])]
    words = [style.outcome_words(row.kind, row.outcome, row.decision) for row in rows]
    ended = ends(style.OUTCOMES.get(row.outcome, row.outcome).partition(":")[0].lower() for row in rows)
    lines = [
        [
            cell(shorten(row.label or NO_LABEL, 100)),
            cell(short_id(row.run_id), "code"),
            cell(word, "muted"),
            cell(moment(row.answered_at) if row.answered_at else "", "end"),
        ]
        for row, word in zip(rows, words, strict=True)
    ]
    return [{"title": f"{plural(len(rows), 'earlier question')} about this business, {ended}", "rows": lines}]


def _answer_line(question: Question, runs: Sequence[Run], host: str) -> list[Json]:
    entries = [entry for run in runs for entry in logged_answers(run, host)]
    rows = []
    for entry in sorted(entries, key=lambda entry: entry.sent_at, reverse=True):
        sent = sent_of(entry)
        words = style.outcome_words(entry.kind, "answered", decision_of(sent.answer))
        doubt = "" if sent.is_confirmed else " (not confirmed)"
        rows.append(
            [
                cell(f"{words}{doubt} · signed {shorten(sent.by, 80)} · run"),
                cell(short_id(entry.run_id), "code"),
                cell(moment(sent.at), "end"),
            ]
        )
    return [{"title": f"Earlier answers on this machine: {len(rows):,}", "rows": rows}] if rows else []
