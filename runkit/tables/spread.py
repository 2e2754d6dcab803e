"""Lists of small records inside bigger ones, laid out as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit.models import ApiObject
from runkit.steptree import kind
from runkit.tables.checks import Flaw, conform, to_columns
from runkit.tables.columns import Ints, must


class Spread(NamedTuple):
    """Usable records of many lists: `owner[i]` is the list that record i was in, `place[i]` where in it."""

    records: list[dict[str, Any]]
    columns: dict[str, pa.Array]  # all text: none of these records has a time
    owner: Ints
    place: Ints


def spread(
    lists: Sequence[object],
    model: type[ApiObject],
    note: Callable[[int, str, Flaw], None],
) -> Spread:
    """Lay out `lists` (None is empty) of records of `model`.

    What is no list, and records without a required field, are left out; `note(owner, path, flaw)` hears of
    everything that is wrong.
    """
    records: list[Any] = []
    owner: list[int] = []
    place: list[int] = []
    for number, values in enumerate(lists):
        if isinstance(values, list):
            records += values
            owner += [number] * len(values)
            place += range(len(values))
        elif values is not None:
            note(number, "", Flaw("", "bad_field", f"expected a list, found {kind(values)}"))
    columns = to_columns(model, records) if all(type(record) is dict for record in records) else None
    if columns is None:
        kept, usable = [], []
        for position, record in enumerate(records):
            clean, flaws = conform(model, record)
            for flaw in flaws:
                path = f"[{place[position]}]" + (f".{flaw.field}" if flaw.field else "")
                note(owner[position], path, flaw)
            if clean is not None:
                kept.append(position)
                usable.append(clean)
        columns = must(to_columns(model, usable))
        records = [records[position] for position in kept]
        owner = [owner[position] for position in kept]
        place = [place[position] for position in kept]
    return Spread(records, columns.text, np.array(owner, np.int64), np.array(place, np.int64))
