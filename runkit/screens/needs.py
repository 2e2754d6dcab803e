"""What needs somebody among some runs: open questions, failed runs by reason, low confidence."""

from __future__ import annotations

import pandas as pd

from runkit.api.words import CONFIDENCES, RUN_STATUSES, Vocabulary
from runkit.display.counts import counted, flag
from runkit.display.text import MISSING
from runkit.facts import Facts
from runkit.screens.blocks import Table, Tile, Tiles
from runkit.tables.run_rules import NOT_IN_THE_DATA, alike, findings_of, is_known, is_low, outputs_of

NAMES = ["business_name", "agent_name"]
WAITING, FAILED, LOW = "Waiting for a reviewer", "Failed", "Low confidence"
COLUMNS = {  # of the table of all three groups
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
    named = questions.merge(facts.runs[["run_id", *NAMES]], "left", "run_id")
    label = named["label"].fillna(NOT_IN_THE_DATA)
    return named.assign(question=label)[
        [*NAMES, "question", "agent", "asked_at", "wait_s", "run_id"]
    ]


def failed_of(facts: Facts) -> pd.DataFrame:
    """Return a row for each reason of failed runs, the most frequent first."""
    failed = facts.of_status("failed")
    reason = failed["reason"].fillna("The reason is not in the data")
    return by_words(failed.assign(reason=alike(reason)), ["reason"])


def low_of(facts: Facts) -> pd.DataFrame:
    """Return a row for each finding or output of low confidence of completed runs."""
    done = facts.of_status("done")
    rated = pd.concat([findings_of(facts.frames), outputs_of(facts.frames)])
    low = rated[is_low(rated).fillna(False).astype("bool")]
    low = low.merge(done[["run_id", "ended_at"]], on="run_id")
    words = low["confidence"].astype("str")
    return by_words(low.assign(finding=alike(low["title"]), confidence=words), ["finding", "confidence"])


def by_words(rows: pd.DataFrame, words: list[str]) -> pd.DataFrame:
    """Return rows that say the same as one, with their runs, the most frequent first."""
    newest_first = rows.sort_values("ended_at", ascending=False, kind="stable")
    by = newest_first.groupby(words, sort=False, dropna=False)
    table = by.agg(
        n_runs=("run_id", "nunique"),
        newest_at=("ended_at", "max"),
        run_ids=("run_id", lambda run_ids: [*run_ids.unique()]),
    )
    return table.reset_index().sort_values("n_runs", ascending=False, kind="stable", ignore_index=True)


def groups_of(needs: dict[str, pd.DataFrame]) -> list[Table]:
    """Return the groups that have rows, as tables; a heading counts runs."""
    return [
        Table(df, heading, n=len(runs_of(df)), shown=SHOWN)
        for heading, df in needs.items()
        if len(df)
    ]


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
    parts[0] = parts[0].assign(run_ids=[[run_id] for run_id in waiting["run_id"]])
    rows = []
    for group, part in zip(needs, parts, strict=True):
        first = [run_ids[0] for run_ids in part["run_ids"]]
        rows.append(part.assign(group=group, run_id=first).reindex(columns=list(COLUMNS)))
    table = pd.concat([part for part in rows if len(part)] or rows, ignore_index=True)
    return table.astype(COLUMNS)


# ------------------------------------------------------------------------------------------ tiles


def status_tiles(facts: Facts) -> Tiles:
    """Return the four counts that are read first."""
    runs = facts.runs
    is_waiting = runs["run_id"].isin(facts.waiting["run_id"])
    is_word = is_known(runs["status"], RUN_STATUSES)
    waiting = flag(is_waiting, is_waiting | is_word)
    late = "" if facts.sla_h is None else late_words(facts.waiting["is_late"], facts.sla_h)
    statuses = other_words(runs["status"], RUN_STATUSES)
    tiles = [_status_tile("interrupted", waiting, late or statuses)]
    for word, meaning in (("error", "failed"), ("running", "running")):
        is_so = runs["run_id"].isin(facts.of_status(meaning)["run_id"])
        tiles.append(_status_tile(word, flag(is_so, is_word), statuses))
    low = facts.low_runs
    rated = pd.concat([findings_of(facts.frames), outputs_of(facts.frames)])
    rated = rated[rated["run_id"].isin(facts.of_status("done")["run_id"])]
    words = other_words(rated["confidence"], CONFIDENCES)
    tiles.append(count_tile("Low confidence", low, "completed", words, "fail"))
    return Tiles(tiles)


def _status_tile(word: str, flags: pd.Series[bool], words: str) -> Tile:
    line = RUN_STATUSES.find(word)
    return count_tile(f"{line.label} {line.icon}", flags, "runs", words, line.role)


def count_tile(name: str, flags: pd.Series[bool], noun: str, words: str, role: str) -> Tile:
    """Return a count as a large number, and what it is of in small."""
    count = counted(flags)
    if count == MISSING:
        return Tile(name, MISSING, f"{len(flags):,} {noun}, not known")
    number, _, rest = count.partition(" ")
    of_known, _, unknown = rest.partition(", ")
    parts = [f"{of_known} {noun}", unknown]
    text = ", ".join(filter(None, parts))
    return Tile(name, number, f"{text}: {words}" if words else text, role if int(number.replace(",", "")) else "muted")


def late_words(is_late: pd.Series[bool], sla_h: float) -> str:
    """Write how many questions waited longer than the limit."""
    return f"{counted(is_late)} questions over {sla_h:g} h"


def other_words(words: pd.Series[str], vocabulary: Vocabulary) -> str:
    """Return the words that a vocabulary does not have, as they came."""
    others = words.dropna()[~is_known(words.dropna(), vocabulary)]
    return ", ".join(others.astype("str").unique())
