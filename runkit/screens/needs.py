"""What needs somebody among some runs: open questions, failed runs by reason, low confidence."""

from __future__ import annotations

import pandas as pd

from runkit.api.words import CONFIDENCES, RUN_STATUSES, Vocabulary
from runkit.display.text import MISSING, counted, flag
from runkit.facts import (
    NOT_IN_THE_DATA,
    Facts,
    alike,
    findings_of,
    is_known,
    is_low,
    late,
    outputs_of,
)
from runkit.screens.blocks import Table, Tile, Tiles

RUN_NAMES = ["business_name", "agent_name"]
WAITING, FAILED, LOW = "Waiting for a reviewer", "Failed", "Low confidence"
NEED_COLUMNS = {  # of the table of all three groups
    "group": "str",
    "what": "str",
    "business_name": "str",
    "agent_name": "str",
    "since": "datetime64[us, UTC]",
    "wait_s": "float64",
    "n_runs": "int64",
    "run_id": "str",
    "run_ids": "object",
}
SHOWN = 8  # rows of a group


def needs_of(facts: Facts) -> dict[str, pd.DataFrame]:
    """Return the rows of each group; several runs with the same words are one row."""
    return {WAITING: waiting_of(facts), FAILED: failed_of(facts), LOW: low_of(facts)}


def waiting_of(facts: Facts) -> pd.DataFrame:
    """Return a row for each open question, the longest first."""
    questions = facts.waiting.drop(columns="business_name")
    named = questions.merge(facts.runs[["run_id", *RUN_NAMES]], "left", "run_id")
    label = named["label"].fillna(NOT_IN_THE_DATA)
    questions = named.assign(question=label, asked_by=named["agent"])
    columns = [*RUN_NAMES, "question", "asked_by", "asked_at", "wait_s", "run_id"]
    return with_late(questions[columns], facts.sla_h)


def with_late(table: pd.DataFrame, sla_h: float | None) -> pd.DataFrame:
    """Add to a table with waits whether each is over the limit, if there is one."""
    if sla_h is None:
        return table
    words = {True: f"over {sla_h:g} h", False: f"within {sla_h:g} h"}
    return table.assign(limit=late(table["wait_s"], sla_h).map(words).astype("str"))


def failed_of(facts: Facts) -> pd.DataFrame:
    """Return a row for each reason of failed runs, the most frequent first."""
    failed = facts.of_status("failed")
    reason = failed["reason"].fillna("The reason is not in the data")
    return by_words(failed.assign(reason=alike(reason)), ["reason"])


def low_of(facts: Facts) -> pd.DataFrame:
    """Return a row for each finding or output of low confidence of completed runs."""
    done = facts.of_status("done")
    rated = pd.concat([findings_of(facts.frames), outputs_of(facts.frames)])
    low = rated[is_low(rated).fillna(False)].merge(done[["run_id", "ended_at"]], on="run_id")
    title = alike(low["title"].fillna(MISSING))
    confidence = low["confidence"].astype("str")
    return by_words(low.assign(finding=title, confidence=confidence), ["finding", "confidence"])


def by_words(rows: pd.DataFrame, words: list[str]) -> pd.DataFrame:
    """Return rows that say the same as one, with their runs, the most frequent first."""
    newest_first = rows.sort_values("ended_at", ascending=False, kind="stable")
    by = newest_first.groupby(words, sort=False, dropna=False)
    table = by.agg(
        n_runs=("run_id", "nunique"),
        newest_at=("ended_at", "max"),
        run_ids=("run_id", lambda run_ids: [*run_ids.unique()]),
    )
    return table.reset_index().sort_values(
        "n_runs", ascending=False, kind="stable", ignore_index=True
    )


def group_tables(needs: dict[str, pd.DataFrame]) -> list[Table]:
    """Return the groups as tables; a heading counts runs."""
    return [Table(df, heading, len(runs_of(df)), SHOWN) for heading, df in needs.items()]


def runs_of(df: pd.DataFrame) -> list[str]:
    """Return the ids of the runs in a group, each once."""
    column = df["run_ids"].explode() if "run_ids" in df else df["run_id"]
    return [*column.dropna().unique()]


def joined_groups(needs: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all groups as one table, with their group."""
    waiting, failed, low = needs.values()
    parts = [
        waiting.assign(what=waiting["question"], since=waiting["asked_at"], n_runs=1),
        failed.assign(what=failed["reason"], since=failed["newest_at"]),
        low.assign(what=low["finding"], since=low["newest_at"]),
    ]
    parts[0]["run_ids"] = waiting["run_id"].str.split("\0")
    rows = []
    for group, part in zip(needs, parts, strict=True):
        first = [run_ids[0] for run_ids in part["run_ids"]]
        rows.append(part.assign(group=group, run_id=first).reindex(columns=list(NEED_COLUMNS)))
    table = pd.concat([part for part in rows if len(part)] or rows, ignore_index=True)
    return table.astype(NEED_COLUMNS)


# ------------------------------------------------------------------------------------------ tiles


def status_tiles(facts: Facts) -> Tiles:
    """Return the four counts that are read first."""
    runs = facts.runs
    is_word = is_known(runs["status"], RUN_STATUSES)
    words = other_words(runs["status"], RUN_STATUSES)
    is_waiting = runs["run_id"].isin(facts.waiting["run_id"])
    is_so = {"interrupted": is_waiting}
    for word, meaning in (("error", "failed"), ("running", "running")):
        is_so[word] = runs["run_id"].isin(facts.of_status(meaning)["run_id"])
    tiles = []
    for word, of_word in is_so.items():
        line = RUN_STATUSES.find(word)
        name = f"{line.label} {line.icon}"
        flags = flag(of_word, of_word | is_word)
        tiles.append(count_tile(name, flags, "runs", words, line.role))
    if facts.sla_h is not None:
        late = f"{counted(facts.waiting['is_late'])} questions over {facts.sla_h:g} h"
        tiles[0] = tiles[0]._replace(rest=f"{tiles[0].rest} · {late}")
    return Tiles([*tiles, _low_tile(facts)])


def _low_tile(facts: Facts) -> Tile:
    """Count the completed runs with low confidence; other words stand beside as they came."""
    rated = pd.concat([findings_of(facts.frames), outputs_of(facts.frames)])
    is_done = rated["run_id"].isin(facts.of_status("done")["run_id"])
    words = other_words(rated.loc[is_done, "confidence"], CONFIDENCES)
    return count_tile(LOW, facts.low_runs, "completed", words, "fail")


def count_tile(name: str, flags: pd.Series[bool], noun: str, words: str, role: str) -> Tile:
    """Return a count as a large number, and what it is of in small.

    `words` are those that nobody can count.
    """
    number, _, rest = counted(flags).partition(" ")
    known, _, unknown = rest.partition(", ")
    if number == MISSING:
        known, unknown = f"of {len(flags):,}", "not known"
    elif unknown:
        known = f"{known} known"
    text = ", ".join(filter(None, [f"{known} {noun}", unknown]))
    text = ": ".join(filter(None, [text, words]))
    return Tile(name, number, text, role if flags.any() else "muted")


def other_words(words: pd.Series[str], vocabulary: Vocabulary) -> str:
    """Return the words that a vocabulary does not have, as they came."""
    given = words.dropna()
    others = given[~is_known(given, vocabulary)].astype("str").unique()
    return ", ".join(others)
