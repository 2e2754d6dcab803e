"""Lists of small records inside bigger ones, laid out as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit.models import ApiObject
from runkit.steptree import kind
from runkit.tables.columns import Ints, must
from runkit.tables.validate import Flaw, conform, to_columns


class Spread(NamedTuple):
    """Usable records of many lists: `owner[i]` is the list that record i was in, `place[i]` where in it."""

    records: list[dict[str, Any]]
    columns: dict[str, pa.Array]  # all text: none of these records has a time
    owner: Ints
    place: Ints


@cache
def _nothing(model: type[ApiObject]) -> dict[str, pa.Array]:
    return must(to_columns(model, [])).text


def spread(
    lists: Sequence[Any],
    model: type[ApiObject],
    note: Callable[[int, str, Flaw], None],
) -> Spread:
    """Lay out `lists` (None is empty) of records of `model`.

    What is no list, and records without a required field, are left out; `note(owner, path, flaw)` hears of
    everything that is wrong.
    """
    if not set(map(type, lists)) <= {list}:
        for number, values in enumerate(lists):
            if values is not None and not isinstance(values, list):
                note(number, "", Flaw("", "bad_field", f"expected a list, found {kind(values)}"))
        lists = [values if isinstance(values, list) else [] for values in lists]
    records = list(chain.from_iterable(lists))
    if not records:
        return Spread([], _nothing(model), np.zeros(0, np.int64), np.zeros(0, np.int64))
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(records)) - (np.cumsum(sizes) - sizes)[owner]
    columns = to_columns(model, records) if set(map(type, records)) <= {dict} else None
    if columns is None:
        kept, usable = [], []
        for position, record in enumerate(records):
            clean, flaws = conform(model, record)
            for flaw in flaws:
                path = f"[{place[position]}]" + (f".{flaw.field}" if flaw.field else "")
                note(int(owner[position]), path, flaw)
            if clean is not None:
                kept.append(position)
                usable.append(clean)
        columns = must(to_columns(model, usable))
        records = [records[position] for position in kept]
        at = np.array(kept, np.int64)
        owner, place = owner[at], place[at]
    return Spread(records, columns.text, owner, place)
