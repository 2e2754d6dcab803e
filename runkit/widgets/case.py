"""What stands under a question: its evidence, and the case, that is, what else is known about the business.

All of it comes from frames. The findings of the run are there at once; a job reads the other runs
of the business, and the answers in this machine's log. A line of the case has a title, under which
its findings or rows are folded; an open question is a row that is never folded.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from runkit import answers, style
from runkit.client import Client
from runkit.contract import Json, objects
from runkit.models import Run
from runkit.questions import decision_of
from runkit.tables.facts import findings_of
from runkit.tables.frames import Frames, frames
from runkit.text import duration, moment, plural, short_id, shorten, truncated, visible, web_host
from runkit.widgets.question import Question, rows_of
from runkit.widgets.questionnaire import NO_LABEL

MAX_NAME = 300  # characters of a source's name
MAX_RUNS = 10  # other runs of the business that are read with their steps
ENDINGS = {1: "st", 2: "nd", 3: "rd"}  # of ordinals


# ----------------------------------------------------------------------------------------- evidence


def evidence_of(question: Question) -> list[list[Json]]:
    """Return the findings of each proposal."""
    own, first, described = _own(question), 0, []
    for proposal in question.proposals:
        last = first + len(objects(proposal.get("artifacts")))
        described.append(findings(question.frames, own.iloc[first:last]))
        first = last
    return described


def _own(question: Question) -> pd.DataFrame:
    """Return the artifacts that the question proposes."""
    artifacts = question.frames.artifacts
    is_own = artifacts["interrupt_id"].fillna("").eq(question.interrupt_id or "")
    return artifacts[is_own & artifacts["origin"].eq("proposal")]


def findings(f: Frames, artifacts: pd.DataFrame) -> list[Json]:
    """Describe artifacts of one run with their sources."""
    return [
        {
            "title": truncated(row.title or "Untitled finding"),
            "confidence": (row.confidence or "").capitalize(),
            "tone": style.CONFIDENCE_COLORS.get(row.confidence, ""),
            "summary": truncated(row.summary or ""),
            "sources": [
                *map(_source, rows_of(f.sources[f.sources["artifact_no"].eq(row.artifact_no)]))
            ],
        }
        for row in rows_of(artifacts)
    ]


def _source(source: Any) -> Json:
    url, tier = source.url or "", source.source_tier or ""
    host = web_host(url)
    names = [source.source_name or url] if host else [source.source_name, url]
    return {
        "name": shorten(": ".join(filter(None, names)), MAX_NAME),
        "url": url if host else None,
        "host": host or "",
        "tier": tier,
        "mark": style.TIERS.get(tier, style.UNKNOWN_TIER),
    }


# ----------------------------------------------------------------------------------------- the case


def other_findings(question: Question) -> list[Json]:
    """Describe the run's other findings, weakest first; a finding that the question repeats is none."""
    artifacts = findings_of(question.frames)
    others = artifacts[~artifacts["title"].isin(_own(question)["title"])]
    if others.empty:
        return []
    others = others.sort_values("confidence", kind="stable")
    counted = counts(others["confidence"].dropna())
    title = ": ".join(filter(None, (plural(len(others), "other finding"), counted)))
    return [{"title": title, "findings": findings(question.frames, others)}]


def counts(words: Iterable[str]) -> str:
    """Count words in their order: `1 medium, 3 high`."""
    return ", ".join(f"{n:,} {word}" for word, n in Counter(words).items())


def _folded(what: str, rows: list[Json], ended: Sequence[str]) -> list[Json]:
    """Fold rows under their number and how they ended: `all completed`, or `3 completed, 1 failed`."""
    if not rows:
        return []
    [first, *others] = dict.fromkeys(ended)
    words = counts(ended) if others else f"all {first}" if len(ended) > 1 else first
    about = "of" if what == "other run" else "about"
    return [{"title": f"{plural(len(rows), what)} {about} this business, {words}", "rows": rows}]


def read_others(client: Client, run: Run, listed: Callable[[], Iterable[Run]]) -> list[Run]:
    """Read the other runs of a business, the newest with their steps; `listed` are runs that are known."""
    if run.business_id is None:
        return []
    [threads] = client.businesses.threads_of(run.business_id, progress=False).values()
    thread_ids = {thread.id for thread in threads}
    others = [other for other in listed() if other.thread_id in thread_ids and other.id != run.id]
    others.sort(key=lambda other: other.created_at, reverse=True)
    with_steps = {run.id: run for run in client.runs.fetch(others[:MAX_RUNS], progress=False)}
    return [with_steps.get(other.id, other) for other in others]


def failure(message: str) -> list[Json]:
    """Build the line of a case that could not read the other runs of the business."""
    return [_row(shorten(f"The other runs of this business couldn't be read. {message}", MAX_NAME))]


def _row(text: str, *pills: tuple[str, str], run: str = "", end: str = "", key: str = "") -> Json:
    """Describe a row: a run, pills of a text and a tone, a text, and what stands at the right."""
    shown = [(visible(word), tone) for word, tone in pills if word]
    return {"run": short_id(run), "pills": shown, "text": visible(text), "end": end, "key": key}


def lines_about_others(question: Question, others: Sequence[Run], host: str) -> list[Json]:
    """Describe what the other runs of the business tell: questions, runs, and answers of this machine."""
    runs = [question.run, *others]
    logged = answers.answers_about(run.id for run in runs)
    logged = logged[
        logged["host"].eq(host) & ~logged["delivery"].isin([answers.FAILED, answers.REFUSED])
    ]
    f = frames(runs, answers=logged, progress=False)
    asked = f.interrupts.merge(f.runs[["run_id", "created_at", "as_of"]], on="run_id")
    asked["asked_at"] = asked["asked_at"].fillna(asked["created_at"])
    asked = asked.sort_values("asked_at", kind="stable")
    is_open = asked["outcome"].eq("pending")
    return [
        *_open_rows(question, rows_of(asked[is_open])),
        *_runs_line(question, rows_of(f.runs[f.runs["run_id"].ne(question.run.id)])),
        *_earlier_line(rows_of(asked[~is_open].iloc[::-1])),
        *_answers_line(rows_of(logged.iloc[::-1])),
    ]


def _open_rows(question: Question, asked: Sequence[Any]) -> list[Json]:
    """Describe each other open question about the business; these are never folded."""
    keys = [(row.run_id, row.interrupt_id or "") for row in asked]
    own = keys.index(question.key)
    lines: list[Json] = []
    for position, (key, row) in enumerate(zip(keys, asked, strict=True)):
        if position != own:
            age = " ".join(duration((row.as_of - row.asked_at).total_seconds()).split()[:2])
            about = "" if lines else f"{ordinal(own)} question about this business; "
            text = f"{about}the {ordinal(position)} {short_id(row.run_id)} is {age} old"
            pill = "" if lines else f"◷ {len(asked):,} open"
            lines.append(_row(text, (pill, "attention"), key=" ".join(key)))
    return lines


def ordinal(position: int) -> str:
    """Return the ordinal of a position counted from 0: 1st, 2nd, 3rd, 4th."""
    number = position + 1
    ending = "th" if number % 100 in (11, 12, 13) else ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def _runs_line(question: Question, runs: Sequence[Any]) -> list[Json]:
    asked_at = question.asked_at or question.run.created_at
    rows, ended = [], []
    for run in sorted(runs, key=lambda run: run.created_at, reverse=True):
        shown = style.status(shorten(run.status, 40))
        confidence = (
            (run.confidence or "").capitalize(),
            style.CONFIDENCE_COLORS.get(run.confidence, ""),
        )
        end = "newer" if run.created_at > asked_at else "older"
        created = f"created {moment(run.created_at)}"
        rows.append(_row(created, (str(shown), shown.color), confidence, run=run.run_id, end=end))
        ended.append(shown.word.lower())
    lines = _folded("other run", rows, ended)
    if n_newer := sum(row["end"] == "newer" for row in rows):
        lines[0]["title"] += f"; {plural(n_newer, 'is', 'are')} newer than this question"
    return lines


def _earlier_line(asked: Sequence[Any]) -> list[Json]:
    rows = []
    for row in asked:
        words = style.outcome_words(row.kind, row.outcome, row.decision)
        when = f", {moment(row.answered_at)}" if row.answered_at else ""
        rows.append(_row(shorten(row.label or NO_LABEL, 100), run=row.run_id, end=f"{words}{when}"))
    ended = [style.OUTCOMES[row.outcome].partition(":")[0].lower() for row in asked]
    return _folded("earlier question", rows, ended)


def _answers_line(logged: Sequence[Any]) -> list[Json]:
    rows = []
    for entry in logged:
        words = style.outcome_words(entry.kind, "answered", decision_of(json.loads(entry.answer)))
        doubt = "" if entry.delivery == answers.CONFIRMED else " (not confirmed)"
        text = f"{words}{doubt} · signed {shorten(entry.answered_by, 80)} · run {short_id(entry.run_id)}"
        rows.append(_row(text, end=moment(entry.sent_at)))
    return (
        [{"title": f"Earlier answers on this machine: {len(rows):,}", "rows": rows}] if rows else []
    )
