"""What a run asked of people, what they answered, and how long it took them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pandas as pd

from runkit.answers import CONFIRMED, IN_DOUBT
from runkit.charts.panel import Panel
from runkit.charts.wording import FEW, by_agent, few, known, listed, missing_steps, quoted, said
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import duration, plural, shorten

NEXT_STEPS = 3  # named as what followed an answer; later ones are as likely the run's ordinary course
ANSWER = 600  # characters of an answer in words: a note and a few changed fields

BY_POLICY = ("auto_approve", "skip")
OUTCOMES = {
    "pending": "waits for an answer",
    "answered": "answered",
    "auto_approve": "approved by policy, nobody was asked",
    "skip": "skipped by policy, nobody was asked",
    "lapsed": "never answered: the run ended before",
}
NOT_RECORDED = "not recorded"


class Told(NamedTuple):
    """What is known about an answer: its words, who gave it, and whether the API confirmed it."""

    words: str
    by: str | None
    is_certain: bool


def people(f: Frames, answers: pd.DataFrame | None = None) -> Panel:
    """Show what one run asked of people: one row per question, in the order in which they were asked.

    `f` holds exactly one run, else `UsageError`. `answers` has the columns of `runkit.answer_log()`; rows of
    other runs are passed over. The API does not tell what was answered: where no answer is known, `answer`
    says which steps came next.
    """
    f = one_run(f, "f")
    asked = f.interrupts.sort_values("asked_at", kind="stable").reset_index(drop=True)
    told = [_told(question, f.runs.iloc[0], answers) for _, question in asked.iterrows()]
    steps = in_time(f.steps)
    nexts = [next_steps(question, steps) for _, question in asked.iterrows()]
    rows = list(zip(asked.to_dict("records"), told, nexts, strict=True))
    table = pd.DataFrame(
        {
            "question": asked["label"],
            **{name: asked[name] for name in ("agent", "asked_at", "wait_s")},
            "outcome": asked["outcome"]
            .astype("str")
            .map(lambda word: OUTCOMES.get(word, word))
            .astype("str"),
            "answered_by": pd.Series(
                [_who(question, one) for question, one, _ in rows], index=asked.index, dtype="str"
            ),
            "answer": pd.Series(
                [_answer_cell(question, one, after) for question, one, after in rows],
                index=asked.index,
                dtype="str",
            ),
        }
    )
    unknown = missing_steps(f.runs.iloc[0], "what was asked and answered before")
    words = f"{_people_words(asked, told, nexts)} {unknown}".strip()
    return Panel("What a person was asked", words, table)


def _told(question: pd.Series[Any], run: pd.Series[Any], answers: pd.DataFrame | None) -> Told | None:
    """What the log says of the answer to a question: a confirmed answer, else the last one in doubt.

    The step decides where both sides know it, else the interrupt's id. Ids are equal in two sandboxes of one
    seed; a run's time of creation is not.
    """
    if answers is None or answers.empty or question["outcome"] in BY_POLICY:
        return None
    created = answers["run_created_at"]
    of_run = answers[(answers["run_id"] == run["run_id"]) & (created.isna() | (created == run["created_at"]))]
    if of_run.empty:
        return None
    both_steps = of_run["step_id"].notna() & (known(question["step_id"]) is not None)
    same_step = (of_run["step_id"] == question["step_id"]).fillna(False)
    same_id = (of_run["interrupt_id"] == question["interrupt_id"]).fillna(False)
    mine = of_run[same_step.where(both_steps, same_id).astype(bool)]
    for deliveries in ((CONFIRMED,), tuple(IN_DOUBT)):
        rows = mine[mine["delivery"].isin(deliveries)]
        if len(rows):
            last = rows.iloc[-1]
            return Told(answer_words(last["answer"]), known(last["answered_by"]), deliveries == (CONFIRMED,))
    return None


def answer_words(answer: object) -> str:
    """Say an answer, given as JSON text, in words: `decision: approve; note: seen`."""
    try:
        value = json.loads(str(answer))
    except ValueError:
        return said(answer, limit=ANSWER)
    return shorten(_value_words(value) or "empty", ANSWER)


def _value_words(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(
            f"{name}: {_value_words(inner)}"
            for name, inner in value.items()
            if inner not in (None, "", [], {})
        )
    if isinstance(value, list):
        return " / ".join(map(_value_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return known(value) or ""


def next_steps(question: pd.Series[Any], steps: pd.DataFrame, agent: str | None = None) -> list[str]:
    """The labels of the first steps of work after an answer, of one agent or all, up to the next question."""
    if question["outcome"] != "answered" or pd.isna(question["answered_at"]):
        return []
    ordered = in_time(steps)
    labels: list[str] = []
    for at in range(int(ordered["started_at"].searchsorted(question["answered_at"])), len(ordered)):
        step = ordered.iloc[at]
        if step["step_id"] == question["step_id"] or (agent is not None and known(step["agent"]) != agent):
            continue
        if step["type"] != "activity" or len(labels) == NEXT_STEPS:
            break
        labels.append(known(step["label"]) or known(step["name"]) or "a step without a name")
    return labels


def in_time(steps: pd.DataFrame) -> pd.DataFrame:
    """Give steps in the order in which they began; as they are if that is their order."""
    if steps["started_at"].is_monotonic_increasing:
        return steps
    return steps.sort_values(["started_at", "order"])


def _by(question: pd.Series[Any], told: Told) -> str:
    """Name who answered, as the API does where it names somebody, else as the log does."""
    name = known(question["answered_by"]) or told.by
    mark = " (self-declared)" if name == told.by else ""
    return f" by {shorten(name, 60)}{mark}" if name else ""


def _who(question: dict[Any, Any], told: Told | None) -> str:
    """Say who answered, or that this is not recorded; nobody where there is no answer."""
    if question["outcome"] == "answered":
        return known(question["answered_by"]) or (told.by if told else None) or NOT_RECORDED
    return "nobody yet" if question["outcome"] == "pending" else "nobody"


def _answer_cell(question: dict[Any, Any], told: Told | None, after: list[str]) -> str | None:
    """Say what was answered, or why that is not known; nothing where nobody has answered."""
    if told is not None and told.is_certain:
        return told.words
    if told is not None:
        return f"not confirmed: {told.words}"
    if question["outcome"] != "answered":
        return None
    return f"{NOT_RECORDED} by the API; next came: {listed(after)}" if after else f"{NOT_RECORDED} by the API"


def _people_words(asked: pd.DataFrame, told: list[Told | None], nexts: list[list[str]]) -> str:
    by_policy = asked[asked["outcome"].isin(BY_POLICY)]
    put = asked[~asked["outcome"].isin(BY_POLICY)]
    parts = [_asked_words(put)]
    # the longest waits are what a reader looks for; the order stays that of asking
    named = sorted(put.sort_values("wait_s", ascending=False, kind="stable").index[:FEW])
    parts += [_outcome_words(asked.loc[at], told[at], nexts[at]) for at in named]
    if len(put) > FEW:
        parts.append(f"The other {len(put) - FEW:,} waited shorter.")
    if any(told[at] is None and asked.at[at, "outcome"] == "answered" for at in put.index):
        parts.append("The API does not record what was answered; the findings may tell.")
    if len(by_policy):
        settled = few([quoted(label) for label in by_policy["label"]])
        was = "was" if len(by_policy) == 1 else "were"
        parts.append(
            f"{plural(len(by_policy), 'question')} {was} settled by policy, nobody was asked: {settled}."
        )
    return " ".join(parts)


def _asked_words(put: pd.DataFrame) -> str:
    if put.empty:
        return "No person was asked anything."
    return f"{plural(len(put), 'question')} {'was' if len(put) == 1 else 'were'} put to a person."


def _outcome_words(question: pd.Series[Any], told: Told | None, after: list[str]) -> str:
    """What became of a question put to a person, in a sentence or two."""
    label = quoted(question["label"])
    waited = "an unknown time" if pd.isna(question["wait_s"]) else duration(question["wait_s"])
    agent = by_agent(question["agent"])
    match question["outcome"]:
        case "pending":
            words = f"{label}, asked by {agent}, has waited for {waited} and waits still."
            if told is not None:
                words += " An answer was sent, and it is not confirmed that it arrived."
            return words
        case "lapsed":
            return f"{label}, asked by {agent}, was never answered: the run ended after {waited}."
    words = f"{label}, asked by {agent}, was answered after {waited}"
    if told is None:
        follow = f"; next came {listed([quoted(label) for label in after])}" if after else ""
        return f"{words}{follow}."
    by = _by(question, told)
    if told.is_certain:
        return f"{words}{by}: {told.words}."
    return (
        f"{words}. This was sent from here{by}, and it is not confirmed that it is the answer that counted: "
        f"{told.words}."
    )
