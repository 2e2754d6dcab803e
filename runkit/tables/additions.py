"""Fill what the data lacks from tables: answers of a log, and the businesses of runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from runkit.api.contract import Json
from runkit.api.reading import decision_of, note_of
from runkit.display.text import brief, plural, shorten
from runkit.errors import UsageError
from runkit.local.answer_log import CONFIRMED
from runkit.tables.frames import Frames
from runkit.tables.schema import cast

if TYPE_CHECKING:
    from runkit.client import Client

BUSINESS_KEYS = (
    "run_id",
    "thread_id",
    "business_id",
)  # of these, the first that a table has is used
BUSINESS_COLUMNS = (
    "business_id",
    "business_name",
    "business_status",
)  # columns that a table may have
EXPECTED_BUSINESSES = (
    "expected a Client, or a DataFrame with a column run_id, thread_id or business_id, and one "
    "business_name."
)
FILLED = ("decision", "answered_by", "reason")
ANSWER_IDS = ("run_id", "step_id", "interrupt_id")
ANSWER_TEXTS = (*ANSWER_IDS, *FILLED, "answer", "delivery")
RUN_TIME = "run_created_at"
EXPECTED_ANSWERS = (
    "expected the frame from runkit.answer_log(), or a table with the columns run_id, step_id or "
    "interrupt_id, and decision, answered_by or reason."
)


def with_answers(f: Frames, answers: pd.DataFrame) -> Frames:
    """Return frames with the decisions, names and reasons of answers where the data has none.

    Of several answers to a question the last counts. Raises `UsageError` for a table that is none
    of answers.
    """
    log = read_answers(answers)
    questions = f.interrupts
    is_answered = questions["outcome"].eq("answered")
    is_open = questions["outcome"].eq("pending")
    n_open = _question_of(log, questions[is_open], f.runs).nunique()
    log = log.assign(question=_question_of(log, questions[is_answered], f.runs))
    last = log.dropna(subset="question").drop_duplicates("question", keep="last")
    last = last.set_index("question").reindex(questions.index)
    filled = {name: questions[name].fillna(last[name]) for name in FILLED}
    reason = f"{plural(n_open, 'question')} answered, but still open in the data"
    return replace(
        f,
        interrupts=cast(questions.assign(**filled), "interrupts"),
        source_missing=(*f.source_missing, reason) if n_open else f.source_missing,
    )


def read_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Check a table of answers, and return those that arrived.

    Decision and reason are read from the `answer` of a log. Raises `UsageError`.
    """
    has_ids = "run_id" in answers and {"step_id", "interrupt_id"} & {*answers}
    if not has_ids or not {"answer", *FILLED} & {*answers}:
        raise UsageError(f"answers is {brief(answers)}; {EXPECTED_ANSWERS}")
    log = answers.reset_index(drop=True).reindex(columns=[*ANSWER_TEXTS, RUN_TIME])
    log[[*ANSWER_TEXTS]] = log[[*ANSWER_TEXTS]].astype("str")
    log[RUN_TIME] = pd.to_datetime(log[RUN_TIME], utc=True, errors="coerce", format="ISO8601")
    values = log["answer"].map(_read)
    log["decision"] = log["decision"].fillna(values.map(decision_of).astype("str"))
    log["reason"] = log["reason"].fillna(values.map(note_of).astype("str"))
    return log[log["delivery"].fillna(CONFIRMED).eq(CONFIRMED)]


def _read(answer: object) -> Json:
    try:
        value = json.loads(str(answer))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _question_of(log: pd.DataFrame, questions: pd.DataFrame, runs: pd.DataFrame) -> pd.Series[Any]:
    """Return the label of the question of each answer: that of its step, else of its interrupt id.

    Two sandboxes with the same seed have equal ids; the creation time tells their runs apart.
    """
    created_at = log["run_id"].map(runs.set_index("run_id")["created_at"])
    is_same = log["run_created_at"].isna() | log["run_created_at"].eq(created_at)
    by_step, by_interrupt = (_look_up(log, questions, name) for name in ANSWER_IDS[1:])
    return by_step.fillna(by_interrupt.where(log["step_id"].isna())).where(is_same)


def _look_up(log: pd.DataFrame, questions: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return the label of the only question with the run and the id of each answer, else null."""
    key = ["run_id", name]
    known = questions.loc[questions[name].notna(), key].drop_duplicates(keep=False)
    known = known.rename_axis("question").reset_index()
    labels: pd.Series[Any] = log[key].merge(known, "left", key)["question"]
    return labels


# -------------------------------------------------------------------------------------- businesses


def with_businesses(f: Frames, businesses: Client | pd.DataFrame, progress: bool) -> Frames:
    """Return frames with the businesses of runs; what is not in a table stays.

    Raises `UsageError` for a table without the columns, or with two businesses for one key.
    """
    if isinstance(businesses, pd.DataFrame):
        return _named(f, businesses)
    return _named(f, _of_client(f, businesses, progress))


def _named(f: Frames, table: pd.DataFrame) -> Frames:
    key = next((name for name in BUSINESS_KEYS if name in table), None)
    if key is None or "business_name" not in table:
        columns = shorten(", ".join(map(str, table.columns)), 200)
        raise UsageError(
            f"businesses is a DataFrame with the columns {columns}; {EXPECTED_BUSINESSES}"
        )
    names = table.columns.isin([key, *BUSINESS_COLUMNS])
    rows = table.loc[:, names].astype("str").dropna(subset=[key, "business_name"])
    return _with_table(f, key, rows.drop_duplicates())


def _of_client(f: Frames, client: Client, progress: bool) -> pd.DataFrame:
    """Return the businesses of the threads of runs without one."""
    businesses = getattr(client, "businesses", None)
    if businesses is None:
        raise UsageError(f"businesses={brief(client)}; {EXPECTED_BUSINESSES}")
    unnamed = f.runs.loc[f.runs["business_name"].isna(), "thread_id"].dropna()
    businesses.search(set(unnamed), progress)
    columns = pd.Index(["thread_id", *BUSINESS_COLUMNS])
    found = {thread_id: businesses.facts_of(thread_id) for thread_id in set(unnamed)}
    rows = [{"thread_id": thread_id, **facts} for thread_id, facts in found.items() if facts]
    return pd.DataFrame(rows, columns=columns)


def _with_table(f: Frames, key: str, rows: pd.DataFrame) -> Frames:
    is_shared = rows[key].duplicated()
    if is_shared.any():
        value = rows.loc[is_shared, key].iloc[0]
        raise UsageError(
            f"businesses has several businesses for {key} {brief(value)}; expected one for each."
        )
    table = rows.set_index(key, drop=False)
    fields = [name for name in BUSINESS_COLUMNS if name in table]
    new = {name: f.runs[key].map(table[name]).combine_first(f.runs[name]) for name in fields}
    runs = cast(f.runs.assign(**new), "runs")
    names = runs.set_index("run_id")["business_name"]
    named = f.interrupts.assign(business_name=f.interrupts["run_id"].map(names))
    return replace(f, runs=runs, interrupts=cast(named, "interrupts"))
