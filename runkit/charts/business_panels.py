"""Panels of one business: what its runs found, asked and cited, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import pandas as pd

from runkit.charts._fleet_chart import fleet_chart
from runkit.charts.one_run import UNKNOWN, asked, questions_sentence
from runkit.charts.panel import Panel, records, render, when, words_of
from runkit.display.counts import lasted, sentence, short, things, unread
from runkit.display.html_tables import df_to_html, with_mark
from runkit.display.status_words import MISSING
from runkit.display.text import Markup, brief, day, plural, short_id
from runkit.errors import UsageError
from runkit.facts import Facts
from runkit.tables.audit_trail import audit_trail
from runkit.tables.frames import Frames
from runkit.tables.run_rules import findings_of, is_read, outputs_of, wait_of

KEY = ["agent", "type", "title", "is_output"]  # what makes two findings of two runs the same
NO_BUSINESS = "no known business"
UNRATED = "unrated"
KNOWN = [
    *("title", "summary", "confidence_text", "before", "run_id", "n_sources", "best_tier_text"),
]
WAIT = ["wait_s", "is_least", "since"]
CHANGED = ["created_at", "run_id", "finding", "change", "before", "after"]
CHANGES = {  # what is counted, by the kind of change
    "new": "new",
    "gone": "gone",
    "not reached": "not reached, as the newer run did not complete",
    "confidence": "with another confidence",
}


def one_business(f: Frames) -> Frames:
    """Return the runs of one business, the newest first.

    One business is one id, or one name where ids are null. Raises `UsageError` for runs of several
    businesses or of none, and lists them.
    """
    runs = f.runs
    ids = runs["business_id"].fillna(runs["business_name"])
    if ids.nunique() == 1 and ids.notna().all():
        return f.select(runs.sort_values("created_at", ascending=False, kind="stable"))
    names = runs["business_name"].fillna(ids).fillna(NO_BUSINESS)
    groups = names.groupby(ids.fillna(NO_BUSINESS), sort=False)
    listed = [f"{brief(group.iloc[0])}: {plural(len(group), 'run')}" for _, group in groups]
    raise UsageError(
        f"the runs are of {plural(ids.nunique(), 'business', 'businesses')} ({'; '.join(listed)}); "
        'expected one. Select its runs: f.select(f.runs["business_id"] == id). Runs that name no '
        "business get one by runkit.frames(source, businesses=client), or a table of names."
    )


def _rows(f: Frames) -> pd.DataFrame:
    """Return the findings and outputs of all runs, the newest first, with their run.

    `copy` numbers those of a run with one key, the lowest confidence first.
    """
    rows = pd.concat([findings_of(f), outputs_of(f)])
    rows = rows.assign(
        is_output=rows["origin"].eq("output"), sure=rows["confidence_text"].fillna(UNRATED)
    )
    runs = f.runs[["run_id", "created_at"]].assign(no=range(len(f.runs)))
    rows = rows.merge(runs, on="run_id").sort_values(["no", "confidence", "sure"], kind="stable")
    copies = rows.groupby(["no", *KEY], dropna=False, observed=True)
    return rows.assign(copy=copies.cumcount(), n_copies=copies["no"].transform("size"))


def _on(row: dict[Any, Any]) -> str:
    """Write the day of a run, or its id if that is not known."""
    return day(row["created_at"]) if row["created_at"] else f"run {short_id(row['run_id'])}"


def known(f: Frames) -> Panel:
    """Show each finding once, from the newest run that has it, with what it was before."""
    f = one_business(f)
    newest = Facts(f.select(f.runs["run_id"].iloc[0]))
    rows = _rows(f)
    rows = rows[~rows["is_output"]]
    groups = rows.groupby([*KEY, "copy"], dropna=False, observed=True, sort=False)
    is_whole = bool(is_read(f).all())
    lines = []
    for _, group in groups:
        row, *older = records(group)
        lines.append(row | {"before": _before(row, older, is_whole and len(f) > 1)})
    lines.sort(key=lambda row: row["no"] > 0)
    n_older = sum(row["no"] > 0 for row in lines)
    count, where = newest.findings, "in the newest run"
    words = things(count, f"finding {where}", f"findings {where}")
    if count.unread and not count.of:
        words = f"findings {where} not known"
    words = sentence(words)
    if n_older := sum(row["no"] > 0 for row in lines):
        words += f" {plural(n_older, 'other finding')} of earlier runs."
    table = pd.DataFrame(lines, columns=KNOWN).rename(columns={"confidence_text": "confidence"})
    return Panel("What is known now", words, table, body=render("known", rows=lines))


def _before(row: dict[Any, Any], older: list[dict[Any, Any]], can_be_new: bool) -> str:
    """Write from when a finding is, and what it was in the run that had it before."""
    parts = [f"last on {_on(row)}"] if row["no"] else []
    if any(other["n_copies"] > 1 for other in (row, *older[:1])):
        parts.append("several of one title")
    elif older:
        was = older[0]["sure"]
        verb = "same" if was == row["sure"] else f"was {words_of(was, 20)}"
        parts.append(f"{verb} on {_on(older[0])}")
    elif not row["no"] and can_be_new:
        parts.append("new")
    return ", ".join(parts)


def changed(f: Frames) -> Panel:
    """Show how the findings and outputs of each run differ from those of the run before it.

    Runs that were not read in full are left out. A finding is known by agent, type and title.
    """
    f = one_business(f)
    runs = f.runs[is_read(f)]
    rows = _rows(f)
    parts = [_differences(rows, *pair) for pair in pairwise(records(runs))]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=CHANGED)
    n_of = table["change"].value_counts()
    words = ", ".join(f"{n_of[kind]:,} {text}" for kind, text in CHANGES.items() if kind in n_of)
    if parts and table.empty:
        words = f"no finding differs in {plural(len(runs), 'run')}"
    words = f"{sentence(words)} {unread(Facts(f).unread, 'Findings')}".strip()
    shown = {
        "run": _noted(table["created_at"].map(when), table["run_id"].map(short_id)),
        "finding": table["finding"],
        "change": [_change(row) for row in records(table)],
    }
    return Panel("What changed from run to run", words, table, body=_table(shown))


def _change(row: dict[Any, Any]) -> str:
    """Write one change: `new, high`, `gone, was low`, `high, was low`."""
    was = row["before"] and f"was {words_of(row['before'], 20)}"
    is_now = row["after"] and words_of(row["after"], 20)
    kind = None if row["change"] == "confidence" and was else row["change"]
    return ", ".join(filter(None, [kind, is_now, was]))


def _noted(texts: Iterable[Any], notes: Iterable[Any]) -> pd.Series[Any]:
    """Build cells: a text, and below it a note in small letters."""
    cells = [render("noted", text=text, note=note) for text, note in zip(texts, notes, strict=True)]
    return pd.Series(cells, dtype=object)


def _table(columns: Mapping[str, Any]) -> Markup:
    """Write all rows of a table."""
    df = pd.DataFrame({name: pd.Series([*cells], dtype=object) for name, cells in columns.items()})
    return df_to_html(df, max_rows=None) if len(df) else Markup()


def _differences(rows: pd.DataFrame, newer: dict[Any, Any], older: dict[Any, Any]) -> pd.DataFrame:
    """Return a row for each finding or output that only one of two runs has, or rates otherwise."""
    a, b = (rows[rows["run_id"].eq(run["run_id"])] for run in (older, newer))
    pairs = a.merge(b, "outer", [*KEY, "copy"], suffixes=("_a", "_b"), indicator="side")
    lost = "gone" if newer["status"] == "completed" else "not reached"
    kinds = {"left_only": lost, "right_only": "new", "both": "confidence"}
    has_copies = pairs[["n_copies_a", "n_copies_b"]].gt(1).any(axis=1)
    texts = {
        "created_at": newer["created_at"],
        "run_id": newer["run_id"],
        "finding": pairs["title"].mask(pairs["is_output"], pairs["title"] + " (output)"),
        "change": pairs["side"].astype("str").map(kinds),
        "before": pairs["sure_a"].mask(has_copies),
        "after": pairs["sure_b"],
    }
    # of more or fewer copies nobody knows which is which
    is_same = pairs["sure_a"].eq(pairs["sure_b"]) | pairs["n_copies_a"].ne(pairs["n_copies_b"])
    is_same &= pairs["side"].eq("both")
    return pd.DataFrame(texts, pairs.index)[~is_same]


def questions(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show all questions in the order of asking: the answer, who gave it and why, where known."""
    f = one_business(f)
    table, log = asked(f, answers)
    trail = audit_trail(f, log).drop(columns="wait_s")
    trail = trail.join(table[[*WAIT, "ending", "signer", "answer", "later"]])
    rows = records(trail)
    asked_at = [f"{when(row['asked_at'])} · {short_id(row['run_id'])}" for row in rows]
    shown = {
        "question": _noted(trail["question"], asked_at),
        "answer": _noted(map(_answer, rows), map(_signer, rows)),
        "wait": map(_wait, rows),
    }
    words = questions_sentence(f, table)
    known = ("signer", "reason", "answer")
    n_unknown = sum(
        row["ending"] == "Answered" and not any(row[name] for name in known) for row in rows
    )
    if n_unknown:
        words += f" {plural(n_unknown, 'answer')} not known. {UNKNOWN}"
    return Panel("Questions and answers", words, trail, body=_table(shown))


def _answer(row: dict[Any, Any]) -> str:
    reason = row["reason"] and f"“{words_of(row['reason'], 400)}”"
    return ": ".join(filter(None, [row["ending"], reason or row["later"]])) or MISSING


def _signer(row: dict[Any, Any]) -> str:
    """Write who answered; nothing for a question that nobody answered."""
    return str(row["signer"] or "by whom is not known" * (row["outcome"] == "answered"))


def _wait(row: dict[Any, Any]) -> str:
    """Write how long a question waited, so far while it is open."""
    if row["outcome"] not in ("pending", "answered"):
        return MISSING
    span = wait_of(row)
    return lasted(span) + " so far" * (row["outcome"] == "pending" and span.is_known)


def sources(f: Frames) -> Panel:
    """Show each source once, by tier and host: what cites it, and in how many runs."""
    f = one_business(f)
    facts, key = Facts(f), ["url", "source_name"]
    rows = f.sources.merge(f.runs[["run_id", "created_at"]], on="run_id")  # the newest first
    table = rows.groupby(key, dropna=False, sort=False).agg(
        source_tier=("source_tier", "first"),
        source_tier_text=("source_tier_text", "first"),
        host=("host", "first"),
        cited_for=("title", lambda titles: " · ".join(titles.dropna().unique())),
        n_runs=("run_id", "nunique"),
        created_at=("created_at", "first"),
        run_id=("run_id", "first"),
    )
    order = [False, True]
    table = table.sort_values(["source_tier", "host"], ascending=order, kind="stable").reset_index()
    table = table.drop(columns=["source_tier", "host"])
    count = facts.sources
    words = sentence(plural(count.of, "source"), short(count, "government or primary"))
    words = words if count.of else sentence(things(count, "source"))
    items = records(table)
    shown = {
        "source": [render("cited", item=item) for item in items],
        "tier": table["source_tier_text"].map(with_mark, na_action="ignore"),
        "cited_for": table["cited_for"],
        "runs": [f"{item['n_runs']:,}, last {_on(item)}" for item in items],
    }
    return Panel("Sources", words, table, body=_table(shown))


def runs(f: Frames) -> Panel:
    """Show a row for each run, the newest first: what it delivered, and where its time went."""
    f = one_business(f)
    columns = ["run_id", "created_at", "agent_name", "status", "outcome", "confidence"]
    table = f.runs[columns]
    shown = {
        "run": _noted(table["created_at"].map(when), table["run_id"].map(short_id)),
        "status": table["status"].astype("str"),
        "result": _noted(table["outcome"].fillna(MISSING), table["agent_name"].fillna("")),
        "confidence": table["confidence"].astype("str"),
    }
    figure = fleet_chart(Facts(f), sort="time", group="business")
    return Panel("All runs", "Newest first.", table, figure, body=_table(shown))
