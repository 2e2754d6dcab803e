"""Join answers to the questions of frames: what was decided, by whom, and on which evidence.

Answers are rows of `runkit.answer_log()`, also of several reviewers, or of a table of one's own.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from runkit.api.contract import Json
from runkit.api.jsontext import dumps, returned_words
from runkit.api.validation import (
    DECIDED,
    NOTES,
    PEOPLE,
    answer_in,
    decision_of,
    note_of,
    objects,
    part_decision,
)
from runkit.display.text import agent_title, brief, plural, shorten
from runkit.errors import UsageError
from runkit.local.answer_log import CONFIRMED
from runkit.tables.run_rules import (
    NOT_READ,
    LinkedFrames,
    lost_questions,
    runs_of,
    with_known_sources,
)
from runkit.tables.schema import DECISIONS

IDS = ("run_id", "step_id", "interrupt_id")
TEXTS = (*IDS, "decision", "answer", "answered_by", "answered_by_source", "delivery")
TIMES = ("answered_at", "sent_at", "run_created_at")
AUDIT = (
    "asked_at",
    "business_name",
    "run_id",
    "question",
    "kind",
    "evidence",
    "outcome",
    "decision",
    "answered_by",
    "answered_at",
    "wait_s",
    "reason",
)
# what became of the rows of `answers`
USES = JOINED, UNUSED, LATER = "joined", "not joined", "newer than the data; fetch the runs again"


def read_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Check a table of answers, and return it with all columns, the oldest answer first.

    `decision` and `note` are read from the `answer` of a log. Raises `UsageError`.
    """
    is_table = isinstance(answers, pd.DataFrame)
    has_ids = is_table and "run_id" in answers and {"step_id", "interrupt_id"} & {*answers}
    if not has_ids or not {"answer", "decision"} & {*answers}:
        raise UsageError(
            f"answers is {brief(answers)}; expected the frame from runkit.answer_log(), or a table "
            "with the columns run_id, step_id or interrupt_id, decision, answered_by and "
            "answered_at."
        )
    log = answers.reset_index(drop=True).reindex(columns=[*TEXTS, *TIMES])
    log = log.astype(dict.fromkeys([*TEXTS, *TIMES], "str"))
    try:
        times = log[[*TIMES]].apply(pd.to_datetime, utc=True, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"answers has a time that cannot be read: {shorten(str(error), 200)}; expected "
            "datetimes or ISO 8601."
        ) from None
    log[[*TIMES]] = times.astype("datetime64[us, UTC]")
    log["answered_at"] = log["answered_at"].fillna(log["sent_at"])

    values = log["answer"].map(_read)
    words = log["decision"]
    decisions = words.str.lower().map(DECIDED)
    wrong = words[words.notna() & decisions.isna()]
    if len(wrong):
        raise UsageError.one_of("decision", wrong.iloc[0], DECISIONS)
    log["decision"] = decisions.fillna(values.map(decision_of).astype("str"))
    log["note"] = values.map(_reason).astype("str")
    return log.sort_values("answered_at", kind="stable", na_position="first", ignore_index=True)


def _read(answer: object) -> Json:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return {}
    return answer_in(value) if isinstance(value, dict) else {}


def _reason(answer: Json) -> str | None:
    """Return the notes of an answer, after what it decides where it is not the same for all."""
    parts = objects(answer.get("proposals")) if decision_of(answer) == "edited" else []
    decisions = [f"{agent_title(part.get('agent'))}: {part_decision(part)}" for part in parts]
    return " / ".join(filter(None, [*decisions, note_of(answer)])) or None


def _unread(result: Json) -> str | None:
    """Return what a step returned that tells neither who answered nor why."""
    read = "interrupt_id", *PEOPLE, *NOTES
    words = returned_words(dumps({name: result[name] for name in result if name not in read}))
    return f"decision not known, the step returned {words}" if words else None


def match(f: LinkedFrames, questions: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Return the answers with their `question`, a row of questions, and their `use` in words.

    An answer belongs to the question of its step; where one of the two names no step, to the only
    question of its run with its interrupt id. Two sandboxes with the same seed have equal ids; the
    creation time tells their runs apart.
    """
    log = read_answers(answers)
    runs = runs_of(f, log)
    created_at = log["run_created_at"].fillna(runs["created_at"])
    is_here = created_at.eq(runs["created_at"])

    by_step, by_interrupt = (_look_up(log, questions, name) for name in IDS[1:])
    step_ids = questions["step_id"].reindex(by_interrupt).set_axis(log.index)
    is_free = log["step_id"].isna() | step_ids.isna()
    question = by_step.fillna(by_interrupt.where(is_free)).where(is_here)
    outcome = questions["outcome"].astype("str").reindex(question).set_axis(log.index)
    is_later = log["answered_at"] > runs["read_at"].fillna(runs["updated_at"])
    is_confirmed = log["delivery"].fillna(CONFIRMED).eq(CONFIRMED)
    use = pd.Series(UNUSED, log.index, "str")
    use = use.mask(is_confirmed & outcome.eq("answered"), JOINED)
    use = use.mask(is_confirmed & outcome.eq("pending") & is_later, LATER)
    log = log.assign(question=question, use=use)
    has_later = log.duplicated(["question", "use"], keep="last")
    return log.assign(use=use.mask(has_later, UNUSED))


def _look_up(log: pd.DataFrame, questions: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return the label of the only question with the run and the id of each answer, else null."""
    key = ["run_id", name]
    known = questions.loc[questions[name].notna(), key].drop_duplicates(keep=False)
    known = known.rename_axis("question").reset_index()
    labels: pd.Series[Any] = log[key].merge(known, "left", key)["question"]
    return labels


def use_words(log: pd.DataFrame) -> str:
    """Write what became of the rows of `answers`: `3 answers: 2 joined, 1 not joined`."""
    n_of = log["use"].value_counts()
    parts = ", ".join(f"{n_of[use]:,} {use}" for use in USES if use in n_of)
    return f"{plural(len(log), 'answer')}: {parts or 'none'}"


def with_answers(questions: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """Return questions with the decisions and names of matched answers where the data has none."""
    last = joined_answers(questions, log)
    decision = questions["decision"].astype("str").fillna(last["decision"])
    return questions.assign(
        decision=pd.Categorical(decision, categories=list(DECISIONS)),
        answered_by=questions["answered_by"].fillna(last["answered_by"]),
    )


def joined_answers(questions: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """Return the answer that counts of each question, null where none is known.

    An answer whose decision is another than that of the data tells neither who answered nor why.
    """
    joined = log[log["use"].eq(JOINED)]
    answers = joined.set_index("question").reindex(questions.index)
    is_known = questions["decision"].notna() & answers["decision"].notna()
    is_rejected = questions["decision"].eq("rejected")
    is_different = is_rejected.ne(answers["decision"].eq("rejected"))
    return answers.mask(is_known & is_different)


def audit_trail(f: LinkedFrames, log: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a row for each question: on which evidence it was asked, and who decided what.

    `evidence` has the titles of what was proposed, each with the highest tier of its sources.
    `reason` is the comment that the data has, else the note of the answer in the log, with the
    decision on each proposal where they differ, or what the step returned where its decision is not
    known. A run that waits for a question that is not in the data has a row, too, and so has one
    without questions whose steps were not read.
    """
    questions = f.interrupts
    results = _results(f)
    reasons = results.map(_reason).astype("str")
    if log is not None:
        reasons = reasons.fillna(joined_answers(questions, log)["note"])
        questions = with_answers(questions, log)
    is_unknown = questions["outcome"].eq("answered") & questions["decision"].isna()
    returned = results.where(is_unknown).map(_unread, na_action="ignore").astype("str")
    reasons = (reasons + " / ").fillna("").add(returned).fillna(reasons)

    questions = questions.assign(reason=reasons).reset_index(drop=True)
    cited = proposed_artifacts(questions, with_known_sources(f))
    texts = cited["title"] + tiers_in_brackets(cited)
    texts = texts.groupby(cited["question"]).agg("; ".join)

    table = questions.assign(evidence=texts.reindex(questions.index))
    runs = f.runs
    is_unread = ~runs["has_steps"] & ~runs["run_id"].isin(table["run_id"])
    unread = runs.loc[is_unread, ["run_id"]].assign(label=NOT_READ)
    others = pd.concat([lost_questions(f), unread]).drop_duplicates("run_id")
    table = pd.concat([table, others], ignore_index=True) if len(others) else table
    table = table.rename(columns={"label": "question"})
    table = table.merge(runs[["run_id", "business_name"]], on="run_id")
    return table.sort_values("asked_at", kind="stable", ignore_index=True)[list(AUDIT)]


def tiers_in_brackets(artifacts: pd.DataFrame) -> pd.Series[str]:
    """Write the best tier of the sources of each artifact, in brackets."""
    tiers = artifacts["best_tier_text"].fillna("tier not known")
    return " (" + tiers.mask(artifacts["n_sources"].eq(0).eq(True), "no source") + ")"


def _results(f: LinkedFrames) -> pd.Series[Any]:
    """Return the result of the step of each question."""
    key = ["run_id", "step_id"]
    results = f.interrupts[key].merge(f.steps[[*key, "result"]], "left", key)["result"]
    return results.map(_read).set_axis(f.interrupts.index)


def proposed_artifacts(questions: pd.DataFrame, artifacts: pd.DataFrame) -> pd.DataFrame:
    """Return the artifacts on which questions were asked, with the label of its row as `question`.

    Each belongs to the question of its step, else of its interrupt id; without both to the only
    question of its run that has neither.
    """
    proposals = artifacts[artifacts["origin"].eq("proposal")]
    key = ["run_id", "key"]
    rows = questions[["run_id"]].assign(
        key=_question_id(questions).fillna(""), question=questions.index
    )
    rows = rows.drop_duplicates(key, keep=False)
    proposals = proposals.assign(key=_question_id(proposals).fillna(""))
    return proposals.merge(rows, on=key)


def _question_id(rows: pd.DataFrame) -> pd.Series[str]:
    return rows["step_id"].fillna(rows["interrupt_id"])
