"""Lists of small records inside larger ones, exploded into columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runkit.models import ApiObject
from runkit.steptree import kind
from runkit.tables.columns import Ints, checked
from runkit.tables.validate import Issue, records_to_arrow, validate


class Exploded(NamedTuple):
    """Valid records of many lists: `owner[i]` is the list of record i, `item_no[i]` its position in it."""

    records: list[dict[str, Any]]
    columns: dict[str, pa.Array]  # all text: none of these records has a time
    owner: Ints
    item_no: Ints


@cache
def _no_columns(model: type[ApiObject]) -> dict[str, pa.Array]:
    return checked(records_to_arrow(model, [])).text


def explode(
    lists: Sequence[Any], model: type[ApiObject], note: Callable[[int, str, Issue], None]
) -> Exploded:
    """Explode `lists` (None is empty) of records of `model`.

    Values that are not lists and records without a required field are left out. `note(owner, path, issue)` is
    called for each issue.
    """
    if not set(map(type, lists)) <= {list}:
        for number, values in enumerate(lists):
            if values is not None and not isinstance(values, list):
                note(number, "", Issue("", "bad_field", f"expected a list, found {kind(values)}"))
        lists = [values if isinstance(values, list) else [] for values in lists]
    records = list(chain.from_iterable(lists))
    if not records:
        return Exploded([], _no_columns(model), np.zeros(0, np.int64), np.zeros(0, np.int64))
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    item_no = np.arange(len(records)) - (np.cumsum(sizes) - sizes)[owner]
    columns = records_to_arrow(model, records) if set(map(type, records)) <= {dict} else None
    if columns is None:
        positions, usable = [], []
        for position, record in enumerate(records):
            clean, issues = validate(model, record)
            for issue in issues:
                path = f"[{item_no[position]}]" + (f".{issue.field}" if issue.field else "")
                note(int(owner[position]), path, issue)
            if clean is not None:
                positions.append(position)
                usable.append(clean)
        columns = checked(records_to_arrow(model, usable))
        records = [records[position] for position in positions]
        at = np.array(positions, np.int64)
        owner, item_no = owner[at], item_no[at]
    return Exploded(records, columns.text, owner, item_no)
