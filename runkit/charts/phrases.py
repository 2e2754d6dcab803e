"""Phrases that sentences about many runs share: shares, lists, names, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from runkit.text import plural, shorten

NO_RUNS = "There are no runs."
NAME = 40  # characters of a name in a sentence
MOST_NAMED = 6  # words counted one by one in a sentence; nobody reads on


def said(value: object, absent: str = "unknown", limit: int = NAME) -> str:
    """Give a word of a run for a sentence: one line, short, without characters that cannot be seen."""
    if value is None or value != value:  # NaN and NaT differ from themselves
        return absent
    return shorten("".join(filter(str.isprintable, " ".join(str(value).split()))), limit) or absent


def agent_name(value: object) -> str:
    """Name an agent, also one that the API did not name."""
    return said(value, "no agent named")


def percent(part: float, whole: float) -> str:
    """Say a share; only what is nothing is 0 %, and only what is all is 100 %."""
    if not whole:
        return "none"
    share = 100 * part / whole
    if 0 < share < 1:
        return "under 1 %"
    if 99 < share < 100:
        return "over 99 %"
    return f"{share:.0f} %"


def listed(parts: Iterable[str]) -> str:
    """Join parts to a list in words: `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def counts(numbers: Mapping[str, int]) -> dict[str, int]:
    """The largest few numbers by word, and the others added up: `{"completed": 48, "3 other words": 5}`."""
    present = sorted(((word, n) for word, n in numbers.items() if n), key=lambda pair: -pair[1])
    rest = present[MOST_NAMED:]
    named = {said(word): n for word, n in present[:MOST_NAMED]}
    return named | ({f"of {plural(len(rest), 'other word')}": sum(n for _, n in rest)} if rest else {})


def without_budget(runs: pd.DataFrame) -> str:
    """Say which runs have no time budget and why; nothing if all have one."""
    n_bare = int((~runs["has_steps"]).sum())
    n_waiting = int((runs["has_steps"] & runs["working_s"].isna()).sum())
    parts = []
    if n_bare:
        parts.append(f"{plural(n_bare, 'run')} came without steps")
    if n_waiting:
        parts.append(f"{plural(n_waiting, 'run')} had not started")
    return f"Left out: {listed(parts)}." if parts else ""
