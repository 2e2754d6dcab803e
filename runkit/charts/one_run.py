"""Panels of one run: what it found, what it asked of reviewers, and what a step returned.

Every function takes `Frames` of exactly one run and returns a `Panel`; `runkit.one_run` is this
module.
"""

from __future__ import annotations

import pandas as pd

from runkit.api.contract import FINAL_STATUSES, RESOLUTIONS
from runkit.api.jsontext import returned_words
from runkit.arguments import checked
from runkit.charts.panel import Panel, Row, count_words, lasting, records, render
from runkit.charts.step_panel import rows_with_sources, step
from runkit.display.counts import lasted, paragraph, sentence, short, things, unread
from runkit.display.status_words import outcome_words
from runkit.display.text import agent_title, moment, plural
from runkit.facts import Facts, count, longest_wait
from runkit.local.answer_log import CONFIRMED, IN_DOUBT, SELF_DECLARED
from runkit.tables.audit_trail import LATER, audit_trail, match, proposed_artifacts, with_answers
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.tables.run_rules import (
    NOT_IN_THE_DATA,
    LinkedFrames,
    by_end,
    causes_of,
    findings_of,
    is_rejected,
    is_separate,
    outputs_of,
    wait_of,
    with_waits,
)

__all__ = ["findings", "questions", "step"]

FINDING = [
    *("title", "summary", "confidence", "confidence_text", "n_sources", "best_tier_text"),
    *("agent", "origin", "is_unfinished", "is_rejected", "artifact_no", "type", "step_id"),
]
NO_ANSWERS = pd.DataFrame(columns=["run_id", "step_id", "decision"], dtype="str")
UNKNOWN = "Neither the answer nor who gave it is in the data."


def __dir__() -> list[str]:
    return __all__


@checked
def findings(f: Frames) -> Panel:
    """Show what one run found, the weakest finding first, and what a failed run did not finish.

    Parameters
    ----------
    f
        Frames of exactly one run.

    Returns
    -------
    Panel
        A row for each finding, and for each agent that did not finish and found nothing
        (`is_unfinished`). `is_rejected`: a reviewer has rejected it as a proposal. Outputs that
        cite an address that no finding cites are the last rows, with the origin `output`; they are
        no findings.

    Raises
    ------
    UsageError
        For another number of runs.
    """
    f = one_run(f, "f")
    facts = Facts(f)
    findings = findings_of(f)
    sources = f.sources
    words = things(facts.findings, "finding")
    if len(findings):
        strong = short(facts.strong_findings, "on government or primary sources")
        bare = short(facts.bare_findings, "without a source")
        words += f", weakest first: {strong}, {bare}"
    outputs = _outputs_with_new_sources(f, findings)
    rows = pd.concat([findings.sort_values("confidence", kind="stable"), outputs])
    rows = rows.assign(is_unfinished=False, is_rejected=is_rejected(f, rows))
    rows = rows.astype({"artifact_no": "Int64"})
    stopped = unfinished(f)
    parts = [stopped, rows] if len(stopped) else [rows]
    table = pd.concat(parts, ignore_index=True)[FINDING]
    body = render("findings", rows=rows_with_sources(table, sources))
    cited = f"{plural(len(outputs), 'output')} with other sources" if len(outputs) else ""
    return Panel("Findings", paragraph(sentence(words), sentence(cited)), table, body=body)


def _outputs_with_new_sources(f: Frames, findings: pd.DataFrame) -> pd.DataFrame:
    """Return the outputs that cite an address that no finding cites."""
    outputs = outputs_of(f)
    sources = f.sources
    is_cited = sources["artifact_no"].isin(findings["artifact_no"])
    is_new = ~sources["url"].isin(sources.loc[is_cited, "url"])
    new_numbers = sources.loc[is_new, "artifact_no"]
    return outputs[outputs["artifact_no"].isin(new_numbers)]


def unfinished(f: LinkedFrames) -> pd.DataFrame:
    """Return a row for each agent of an ended run that did not finish and found nothing.

    It did not if the last of its outermost steps failed or has no end, or the run failed in it.
    `returned` has the first values that its other steps returned.
    """
    steps = by_end(f.steps[~f.steps["is_wait"]])
    is_over = f.runs["status"].iloc[0] in FINAL_STATUSES
    by_agent = steps.groupby("agent")
    outermost = steps[steps["depth"].eq(by_agent["depth"].transform("min"))]
    last = outermost.drop_duplicates("agent", keep="last")
    stopped = pd.concat([last[last["is_failed"] | last["is_open"]], causes_of(f)])["agent"]
    is_unfinished = steps["agent"].isin(stopped) & ~steps["agent"].isin(findings_of(f)["agent"])
    ends = steps[(steps["error"].notna() | steps["is_open"]) & is_unfinished & is_over]
    rows = ends.groupby("agent").tail(1)
    after = rows["duration_s"].map(lasting).astype("str")
    results = steps.loc[is_unfinished & ~steps["is_failed"], "result"].map(returned_words).dropna()
    returned = rows["agent"].map(results.groupby(steps["agent"]).agg("; ".join)).astype("str")
    found = ("Its other steps returned " + returned + ".").fillna("It returned no finding.")
    return rows[["agent", "step_id"]].assign(
        title=rows["agent"].map(agent_title).astype("str"),
        summary="Stopped in “" + rows["label"] + "” after " + after + ". " + found,
        is_unfinished=True,
        is_rejected=False,
        n_sources=0,
        returned=returned,
    )


def unfinished_agents(f: LinkedFrames) -> dict[str, str]:
    """Return the agents of `unfinished`, those apart that returned something before."""
    rows = unfinished(f)
    what = rows["returned"].notna().map({True: "Not finished", False: "Not checked"})
    return {str(word): ", ".join(names) for word, names in rows["title"].groupby(what)}


@checked
def questions(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show what one run asked of reviewers, a row for each question in the order of asking.

    Parameters
    ----------
    f
        Frames of exactly one run.
    answers
        `runkit.answer_log()`, or a table of your own, as for `runkit.frames`; the API keeps no
        answer.

    Returns
    -------
    Panel
        The audit trail: the question and its evidence (titles, each with the highest tier of its
        sources), how it ended, what was decided, by whom, when and why. `answer` and
        `delivery` are from the answer log, null where it has none.

    Raises
    ------
    UsageError
        For another number of runs, and for another frame of answers.
    """
    f = one_run(f, "f")
    table, trail = questions_and_trail(f, answers)
    cards = [row | _card(row) for row in records(table)]
    trail = trail.join(table[["interrupt_id", "step_id", "agent", "answer", "delivery"]])
    body = render("questions", rows=cards)
    return Panel("Questions to reviewers", questions_sentence(f, table), trail, body=body)


def questions_and_trail(
    f: Frames, answers: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the questions of some runs in the order of asking, and their audit trail.

    Each has its proposals, its wait, how it ended (`ending`), who answered (`signer`), what the log
    has of the answer, and whether neither the answer nor who gave it is known (`is_unknown`).
    """
    log = match(f, f.interrupts, NO_ANSWERS if answers is None else answers)
    table = with_answers(f.interrupts, log)
    signers = log.loc[log["answered_by_source"].eq(SELF_DECLARED), "answered_by"]
    answered = _logged(table, log)
    proposals = proposed_artifacts(f.interrupts, f.artifacts).dropna(subset="title")
    titles = proposals.groupby("question")["title"].agg(" · ".join).rename("proposals")
    signer = table["answered_by"]
    signer = signer.mask(signer.isin(signers), signer + " (self-declared)")
    endings = [outcome_words(row, has_name=False) for row in records(table)]
    ending = pd.Series(endings, table.index, "str")
    table = with_waits(f, table).join([answered, titles]).assign(signer=signer, ending=ending)
    table = table.sort_values("asked_at", kind="stable", ignore_index=True)
    trail = audit_trail(f, log)
    table = table.join(trail["reason"])
    is_known = table[["signer", "answer", "reason"]].notna().any(axis=1)
    return table.assign(is_unknown=table["ending"].eq("Answered") & ~is_known), trail


def questions_sentence(f: Frames, table: pd.DataFrame) -> str:
    """Write how many questions ended how, and the longest wait as far as it is known."""
    facts = Facts(f)
    is_known = is_separate(table)
    asked = count(is_known, facts.n_unread)
    if table.empty:
        return sentence(NOT_IN_THE_DATA if facts.open_questions.of else things(asked, "question"))
    words = count_words(table.loc[is_known, "ending"].str.lower())
    number = things(asked._replace(unread=0), "question")
    longest = longest_wait(table)
    wait = f"Longest wait: {lasted(longest)}." * longest.is_known
    return paragraph(sentence(f"{number}: {words}"), wait, unread(asked, "Other questions"))


def _logged(table: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of the answer to each question: `answer`, `delivery`, and what is later.

    An answer that the data does not have yet is no part of it: the question stays open.
    """
    is_sent = log["delivery"].fillna(CONFIRMED).isin((CONFIRMED, *IN_DOUBT))
    answers = log[is_sent].dropna(subset="question")
    last = answers.drop_duplicates("question", keep="last")
    last = last.set_index("question").reindex(table.index)
    is_open = table["outcome"].eq("pending") & ~last["delivery"].isin(IN_DOUBT)
    is_known = ~is_open & ~table["outcome"].isin(RESOLUTIONS)
    by = (" by " + last["answered_by"]).fillna("")
    when = last["answered_at"].map(moment).astype("str")
    later = "Answered" + by + ", " + when + ", after this data was read; fetch the run again."
    known = last[["answer", "delivery"]].where(is_known, axis=0)
    return known.assign(later=later.where(last["use"].eq(LATER)))


def _card(row: Row) -> Row:
    """Describe what was proposed in a question of one run, and how it ended, where known."""
    wait = wait_of(row)
    after = {
        "pending": f", {lasted(wait)} so far",
        "answered": f" · answered {moment(row['answered_at'])}, after {lasted(wait)}",
    }
    lines = {
        "Proposals": row["proposals"],
        "Answer": UNKNOWN if row["is_unknown"] else row["later"],
        "Answered by": row["signer"],
        "Delivery": row["delivery"],
    }
    return {"after": after.get(row["outcome"], "") * wait.is_known, "lines": lines}
