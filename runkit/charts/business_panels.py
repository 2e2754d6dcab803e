"""Panels of one business: what its runs found, asked and cited, and what changed between them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from runkit.arguments import checked
from runkit.charts._fleet_chart import fleet_chart
from runkit.charts.one_run import UNKNOWN, questions_and_trail, questions_sentence
from runkit.charts.panel import Panel, Row, records, render, table_html, words_of
from runkit.display.counts import Count, lasted, paragraph, sentence, some, things, unread
from runkit.display.html_tables import without_blanks
from runkit.display.text import Markup, brief, day, plural, short_id
from runkit.errors import UsageError
from runkit.facts import Facts, business_ids, businesses_of
from runkit.tables.frames import Frames
from runkit.tables.run_rules import findings_of, is_read, is_rejected, outputs_of, wait_of

KEY = ["agent", "type", "title", "is_output"]  # what makes two findings of two runs the same
NO_BUSINESS = "no known business"
UNRATED = "unrated"
NOT_COMPARED = "No run has an earlier completed run of its agent to compare with."
KNOWN = [
    *("title", "summary", "confidence", "before", "run_id", "n_sources", "best_tier_text"),
    "is_rejected",
]
CHANGES = {"left_only": "gone", "right_only": "new", "both": "other confidence"}
CHANGED = ["created_at", "run_id", "finding", "change", "before", "after"]
WITH_WAIT = ("pending", "answered", "lapsed")  # outcomes of questions whose wait is shown
RUN = ["run_id", "created_at", "agent_name", "status", "outcome", "confidence"]


def one_business(f: Frames) -> Frames:
    """Return the runs of one business, the newest first.

    One business is one id, or one name where ids are null. Raises `UsageError` for runs of several
    businesses or of none, and lists them.
    """
    runs = f.runs
    businesses = businesses_of(f)
    if businesses.n == 1 and businesses.is_whole:
        return f.select(runs.sort_values("created_at", ascending=False, kind="stable"))
    ids = business_ids(runs).fillna(NO_BUSINESS)
    groups = runs["business_name"].fillna(ids).groupby(ids, sort=False)
    listed = [f"{brief(names.iloc[0])}: {plural(len(names), 'run')}" for _, names in groups]
    raise UsageError(
        f"the runs are of {plural(businesses.n, 'business', 'businesses')} ({'; '.join(listed)}); "
        'expected one. Select its runs: f.select(f.runs["business_id"] == id). Runs that name no '
        "business get one by runkit.frames(source, businesses=client), or a table of names."
    )


@checked
def dossier(f: Frames, answers: pd.DataFrame | None = None) -> dict[str, Panel]:
    """Show all runs of one business as one story: what is known, what changed, who answered what.

    Parameters
    ----------
    f
        Frames of all runs of one business: of one `business_id`, or where ids are null, of one
        `business_name`.
    answers
        `runkit.answer_log()`, or a table of your own, as for `runkit.frames`; the API keeps no
        answer.

    Returns
    -------
    dict of str to Panel
        `known`: each finding once, those of each agent's newest run first, with what it was before.
        `changed`: a row for each finding or output in which a run differs from the run of its agent
        before it; runs that were not read in full are left out, and so are those that did not
        complete, but for an agent's newest. A proposal titled as its question is no finding here.
        `questions`: the audit trail. `sources`: each source once, with what cites it. `runs`: a row
        for each run.

    Raises
    ------
    UsageError
        For runs of several businesses or of none, and for another frame of answers.
    """
    f = one_business(f)
    facts = Facts(f)
    found = without_questions(f)
    return {
        "known": _known(found),
        "changed": _changed(found, facts),
        "questions": _questions(f, answers),
        "sources": _sources(f, facts),
        "runs": Panel(
            "All runs",
            "Newest first.",
            f.runs[RUN],
            fleet_chart(facts, sort="time", group="business"),
        ),
    }


def without_questions(f: Frames) -> Frames:
    """Return the frames without proposals that only repeat their question: they find nothing."""
    artifacts = f.artifacts
    is_question = artifacts["title"].isin(f.interrupts["label"])
    return replace(f, artifacts=artifacts[~(is_question & artifacts["origin"].eq("proposal"))])


def _ratings(f: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the findings and outputs of some runs with the number of their run, from 0.

    `ratings` has those of its run with one key: of equal ones nobody knows which was which.
    """
    rows = pd.concat([findings_of(f), outputs_of(f)])
    rows = rows.assign(
        is_output=rows["origin"].eq("output"), rating=rows["confidence_text"].fillna(UNRATED)
    )
    rows = rows.merge(runs[["run_id"]].assign(no=range(len(runs))), on="run_id")
    rows = rows.sort_values(["no", "confidence", "rating"], kind="stable")
    by = rows.groupby(["no", *KEY], dropna=False, observed=True)
    return rows.assign(ratings=by["rating"].transform(", ".join))


def _known(f: Frames) -> Panel:
    """Show each finding from the newest run that has it, with what it was before.

    Known now is what the newest run of each agent found: agents look at different things.
    """
    agents = f.runs["agent"]
    is_past = agents.duplicated()
    runs = pd.concat([f.runs[~is_past], f.runs[is_past]], ignore_index=True)
    n_newest = int((~is_past).sum())
    rows = _ratings(f, runs)
    findings = rows[~rows["is_output"]]
    age = pd.Series(range(len(runs)), f.runs["run_id"])
    findings = findings.assign(age=findings["run_id"].map(age))
    by = findings.groupby(KEY, dropna=False, observed=True)
    latest = findings[findings["no"].eq(by["no"].transform("min"))]
    is_older = findings["age"].gt(by["age"].transform("first"))
    older = findings[is_older].sort_values("age", kind="stable").drop_duplicates(KEY)
    older = older[[*KEY, "no", "ratings"]]
    latest = latest.merge(older, "left", KEY, suffixes=("", "_older"))
    days = runs["created_at"].map(day)
    is_whole = is_read(f)
    can_be_new = bool(is_whole.all() and agents.eq(agents.iloc[0]).sum() > 1)
    before = [_before(row, days, can_be_new=can_be_new) for row in records(latest)]
    latest = latest.assign(
        before=before, confidence=latest["confidence_text"], is_rejected=is_rejected(f, latest)
    )

    table = latest[KNOWN]
    is_now = latest["no"].lt(n_newest)
    n_now = int(is_now.sum())
    now = Count(n_now, n_now, 0, int((~is_whole & ~is_past).sum()))
    newest = "newest run" if n_newest == 1 else f"newest runs of {n_newest:,} agents"
    words = sentence(f"{newest}: {things(now, 'finding')}")
    body = render(
        "known",
        newest=records(table[is_now]),
        earlier=records(table[~is_now]),
        is_whole=now.is_whole,
    )
    return Panel("What is known now", words, table, body=body)


def _before(row: Row, days: pd.Series[str], *, can_be_new: bool) -> str:
    """Write from when a finding is, and what it was in the run that had it before."""
    words = [f"last on {days[row['no']]}"] if row["no"] else []
    if row["no_older"] is not None:
        is_same = row["ratings_older"] == row["ratings"] and UNRATED not in row["ratings"]
        verb = "same confidence" if is_same else f"was {words_of(row['ratings_older'], 40)}"
        words.append(f"{verb} on {days[row['no_older']]}")
    return ", ".join(words) or "new" * can_be_new


def _changed(f: Frames, facts: Facts) -> Panel:
    """Show how the findings and outputs of each run differ from its agent's run before it.

    A run that did not complete may not have looked at everything: only the newest one is compared.
    """
    read = f.runs[is_read(f)]
    is_newest = ~read["agent"].duplicated()
    runs = read[read["status"].eq("completed") | is_newest]
    runs = runs.sort_values("agent", kind="stable")  # those of an agent are the newest first
    n_runs = int(runs["agent"].duplicated(keep=False).sum())
    pairs = finding_differences(f, runs)
    has_older = runs["agent"].duplicated(keep="last").to_numpy()
    pairs = pairs[has_older[pairs["no"]]]
    run = runs.iloc[pairs["no"]].set_axis(pairs.index)
    change = pairs["side"].map(CHANGES)
    is_gone = change.eq("gone")
    is_unreached = is_gone & run["status"].ne("completed")
    change = change.mask(is_gone & run["n_errors"].gt(0), "gone or not reached")
    title = pairs["title"]
    table = run.assign(
        finding=title.mask(pairs["is_output"], title + " (output)"),
        change=change.mask(is_unreached, "not reached"),
        before=pairs["before"],
        after=pairs["after"],
    )[CHANGED].sort_values("created_at", ascending=False, kind="stable", ignore_index=True)

    is_same = table.empty and n_runs > 1
    words = f"no finding differs in title or confidence in {plural(n_runs, 'run')}" * is_same
    left_out = some(len(read) - len(runs), "earlier run", "not completed left out")
    how = "Each is compared with its agent's run before it." if n_runs else NOT_COMPARED
    how *= runs["agent"].nunique() > 1
    missing = unread(facts.unread, "Findings")
    words = paragraph(how, sentence(words), left_out, missing)
    return Panel("What changed from run to run", words, table, body=_all_rows(table))


def finding_differences(f: Frames, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the findings and outputs in which each run differs from the run in the next row.

    That is the older one; `no` is the row of the newer one. `side` is the one that alone has the
    finding: `left_only` is the older one, and `both` have it with another rating.
    """
    newer = _ratings(f, runs)[["no", *KEY, "ratings"]].drop_duplicates()
    newer = newer.rename(columns={"ratings": "after"})
    older = newer.assign(no=newer["no"] - 1).rename(columns={"after": "before"})
    pairs = older.merge(newer, "outer", ["no", *KEY], indicator="side").astype({"side": "str"})
    is_same = pairs["before"].eq(pairs["after"])
    return pairs[pairs["no"].between(0, len(runs) - 2) & ~is_same]


def _questions(f: Frames, answers: pd.DataFrame | None) -> Panel:
    """Show all questions in the order of asking: how they ended, who answered and why."""
    table, trail = questions_and_trail(f, answers)
    waits = [lasted(wait_of(row)) for row in records(table)]
    has_wait = table["outcome"].isin(WITH_WAIT)
    shown = trail[["asked_at", "run_id", "question"]].assign(
        answer=table["ending"],
        answered_by=table["signer"],
        reason=table["reason"].fillna(table["later"]),
        wait=pd.Series(waits, table.index, "str").where(has_wait),
    )
    words = questions_sentence(f, table)
    if n_unknown := int(table["is_unknown"].sum()):
        words += f" {plural(n_unknown, 'answer')} not known. {UNKNOWN}"
    return Panel("Questions and answers", words, trail, body=_all_rows(shown))


def _sources(f: Frames, facts: Facts) -> Panel:
    """Show each source once, by tier and host: what cites it, and in how many runs."""
    runs = f.runs[["run_id", "created_at"]]  # the newest first
    rows = f.sources.merge(runs, on="run_id")
    rows = rows.sort_values(["source_tier", "host"], ascending=[False, True], kind="stable")
    by = rows.groupby(["url", "source_name"], dropna=False, sort=False)
    table = by.agg(
        source_tier_text=("source_tier_text", "first"),
        cited_for=("title", lambda titles: " · ".join(titles.dropna().unique())),
        n_runs=("run_id", "nunique"),
        last_at=("created_at", "max"),
    )
    table = table.reset_index()
    count = facts.sources
    all_sources = count._replace(n=count.of, unknown=0)
    words = sentence(things(all_sources, "source"))
    cells = [render("cited", item=item) for item in records(table)]
    shown = table.drop(columns=["url", "source_name"])
    shown.insert(0, "source", pd.Series(cells, table.index, object))
    return Panel("Sources", words, table, body=_all_rows(shown))


def _all_rows(table: pd.DataFrame) -> Markup:
    """Write all rows of a table for people; a run is named by its id alone."""
    if "run_id" in table:
        ids = table["run_id"].map(short_id)
        table = table.assign(run_id=ids).rename(columns={"run_id": "run"})
    return table_html(without_blanks(table), max_rows=None)
