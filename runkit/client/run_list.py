"""Lists that know whether they are complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Generic, Self, SupportsIndex, TypeVar, overload

from runkit.api.models import ApiObject, Run
from runkit.arguments import check_kind, full_ids
from runkit.display.text import (
    Markup,
    agent_title,
    block,
    one_line,
    plural,
    short_id,
    shorten,
)
from runkit.errors import ApiError, UsageError

Item_co = TypeVar("Item_co", bound=ApiObject, covariant=True)

MAX_NAMES = 3  # runs that the repr names on its one line


def runs_in(name: str, runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return the runs of an argument. Raises `UsageError` if it holds something else."""
    check_kind(name, runs, Iterable)
    items = tuple(runs)
    if not all(isinstance(item, Run) for item in items):
        raise UsageError(f"{name}= holds something else; expected runs, such as those of a RunList")
    return items


def completeness(why: str | None) -> str:
    """Write whether something is complete; `why` says what may be missing."""
    return "complete" if why is None else f"not complete: {one_line(why)}"


@dataclass(frozen=True, eq=False, repr=False)
class ApiList(Sequence[Item_co], Generic[Item_co]):
    """An immutable sequence of the API's objects that knows whether it is complete.

    | attribute | meaning |
    | --- | --- |
    | items | the objects, as a tuple |
    | why | what may be missing; None if nothing is |
    | is_cut_only | only `limit` cut the list; nothing else may be missing |
    | total_count | the API's count before any filter, if it gave one |
    | requested | the ids that were requested one by one; None for a list |
    | errors | by id, why some of them could not be read |
    | stopped | what ended reading early, if anything did |
    | clock | asks the server for its time |
    | read_at | when the first page was read, by the server's clock, if known |
    """

    items: tuple[Item_co, ...] = ()
    why: str | None = None
    total_count: int | None = None
    requested: tuple[str, ...] | None = None
    errors: Mapping[str, ApiError] = field(default_factory=dict)
    is_cut_only: bool = field(default=False, kw_only=True)
    stopped: str | None = field(default=None, kw_only=True)
    clock: Callable[[], datetime] | None = field(default=None, kw_only=True)
    read_at: datetime | None = field(default=None, kw_only=True)

    def now(self) -> datetime:
        """The server's time if the list came from a client (one request), else this machine's."""
        return self.clock() if self.clock else datetime.now(UTC)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"clock": None}  # a connection cannot be pickled

    @property
    def is_complete(self) -> bool:
        """Return whether everything that was requested is here."""
        return self.why is None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(item.id for item in self.items)

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
            An item; for a slice, a list that says in `why` that it is one.

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
        why = self.why or f"a slice: {len(items):,} of {len(self):,}"
        return replace(self, items=items, why=why, requested=None, errors={}, is_cut_only=False)

    def __repr__(self) -> str:
        items = self.items[:MAX_NAMES]
        names = [getattr(item, "label", None) or short_id(item.id) for item in items]
        if len(self) > MAX_NAMES:
            names.append(f"… {len(self) - MAX_NAMES:,} more")
        listed = f": {shorten(', '.join(names), 300)}" if names else ""
        return f"{type(self).__name__}({len(self):,}{listed}; {completeness(self.why)})"


class RunList(ApiList[Run]):
    """Runs, and whether they are complete: `.is_complete`, `.why`.

    See `ApiList` for the other attributes.
    """

    def _repr_html_(self) -> str:
        import pandas as pd  # not needed to read runs

        from runkit.display.html_tables import MAX_ROWS, df_to_html, with_labels

        head = Markup("<p>{}</p>").format(f"{plural(len(self), 'run')}; {completeness(self.why)}")
        rows = [
            (run.label, run.status, run.created_at, agent_title(run.agent, run.agent_name))
            for run in self.items[:MAX_ROWS]
        ]
        table = pd.DataFrame(rows, columns=["run", "status", "created_at", "agent"])
        return block(head, df_to_html(with_labels(table), n_rows=len(self)))
