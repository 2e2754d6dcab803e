"""Lists that say what may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Self, SupportsIndex, TypeVar, overload

from runkit.api.models import ApiObject, Run
from runkit.arguments import full_ids
from runkit.display.text import one_line
from runkit.errors import UsageError

Item_co = TypeVar("Item_co", bound=ApiObject, covariant=True)

NEWEST = "the newest"  # how the reason of a limit begins
STOPPED = "stopped by Ctrl-C"  # how the reason of a list or fetch begins that a person ended


def completeness(missing: Sequence[str]) -> str:
    """Write whether something is complete."""
    return f"not complete: {one_line('; '.join(missing))}" if missing else "complete"


def is_stopped(missing: Iterable[str]) -> bool:
    """Return whether Ctrl-C is one of the reasons."""
    return any(reason.startswith(STOPPED) for reason in missing)


@dataclass(frozen=True, eq=False, repr=False)
class ApiList(Sequence[Item_co], Generic[Item_co]):
    """An immutable sequence of the API's objects that says what may be missing.

    | attribute | meaning |
    | --- | --- |
    | items | the objects, as a tuple |
    | missing | the reasons why some may be missing; empty means complete |
    | query | the filters, in words; empty if all were asked for |
    | read_at | when the first page was read, by the server's clock, if known |
    | with_steps | the runs were read one by one with their steps |
    """

    items: tuple[Item_co, ...] = ()
    missing: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    read_at: datetime | None = field(default=None, kw_only=True)
    with_steps: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not all(isinstance(item, ApiObject) for item in self.items):
            raise UsageError("items= holds something else; expected objects of the API, as a tuple")

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(item.id for item in self.items)

    def with_items(self, items: Iterable[Any]) -> Self:
        """Return the list with other items, and what is known about it."""
        return replace(self, items=tuple(items))

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: SupportsIndex | str) -> Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice | str) -> Item_co | Self:
        """Return one item by position or id, or a slice of the list.

        Parameters
        ----------
        index
            A position, a slice, an id, or at least the first 8 characters of an id.

        Returns
        -------
        ApiObject or ApiList
            An item; for a slice, a list that says in `missing` that it is one.

        Raises
        ------
        UsageError
            For an id that is not here, and for the start of several ids.
        """
        if isinstance(index, str):
            [item_id] = full_ids([index], self.ids, "this list")
            return self.items[self.ids.index(item_id)]
        if not isinstance(index, slice):
            return self.items[index]
        items = self.items[index]
        if len(items) == len(self):
            return replace(self, items=items)
        part = f"{len(items):,} of {len(self):,}"
        missing = (*self.missing, f"a slice: {part}")
        return replace(self, items=items, missing=missing, query={**self.query, "slice": part})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,}; {completeness(self.missing)})"


class RunList(ApiList[Run]):
    """Runs, and in `missing` the reasons why some may be missing; empty means complete.

    See `ApiList` for the other attributes.
    """
