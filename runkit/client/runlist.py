"""Lists that know whether they are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Generic, Self, SupportsIndex, TypeVar, overload

from runkit.contract import full_id
from runkit.errors import ApiError, UsageError
from runkit.models import ApiObject, Run
from runkit.text import Markup, block, brief, html_table, moment, one_line, plural, shorten

Item_co = TypeVar("Item_co", bound=ApiObject, covariant=True)

SHOWN_ROWS = 50  # of the HTML form: what a cell shows without being scrolled for long
SHOWN_IDS = 5  # of the repr: one line


@dataclass(frozen=True, eq=False, repr=False)
class ApiList(Sequence[Item_co], Generic[Item_co]):
    """An immutable sequence of the API's objects that knows whether it is whole.

    `why` says in words what may be missing, None if nothing is. `total_count` is what the API says it has in
    all, before any filter, None if it does not say. `requested` are the ids that were asked for one by one,
    None for what came from a list; `errors` holds, by id, why some of them could not be read. `items` are the
    objects as a tuple, `clock` asks the server for its time.
    """

    items: tuple[Item_co, ...] = ()
    why: str | None = None
    total_count: int | None = None
    requested: tuple[str, ...] | None = None
    errors: Mapping[str, ApiError] = field(default_factory=dict)
    clock: Callable[[], datetime] | None = field(default=None, kw_only=True)

    def now(self) -> datetime:
        """The server's time if a client brought the list (one request), else this machine's."""
        return self.clock() if self.clock else datetime.now(UTC)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"clock": None}  # a connection does not travel

    @property
    def is_complete(self) -> bool:
        """Whether everything that was asked for is here."""
        return self.why is None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(str(item.to_dict()["id"]) for item in self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item_co]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: str) -> Item_co: ...
    def __getitem__(self, index: SupportsIndex | slice | str) -> Item_co | Self:
        """Give one item, by its place or its id, or a list of the same kind.

        Of an id the first 8 characters are enough where they are unique. A real part of a list says that
        it is one, and asked for no more than what is in it.

        Raises `UsageError` for an id that is not here, and for the start of several.
        """
        if isinstance(index, str):
            ids = self.ids
            found = full_id(index, ids)
            if found is None:
                raise UsageError(
                    f"{brief(index)} is not the id of one of these {plural(len(ids), 'item')}, nor the first "
                    "8 characters of one; .ids has all."
                )
            return self.items[ids.index(found)]
        if not isinstance(index, slice):
            return self.items[index]
        part = replace(self, items=self.items[index])
        if len(part) == len(self):
            return part
        why = self.why or f"a slice: {len(part):,} of {len(self):,}"
        requested = None if self.requested is None else part.ids
        return replace(part, why=why, requested=requested, errors={})

    def __repr__(self) -> str:
        ids = self.ids
        shown = [shorten(one, 40) for one in ids[:SHOWN_IDS]]
        if len(ids) > SHOWN_IDS:
            shown.append(f"… {len(ids) - SHOWN_IDS:,} more")
        head = f"{len(ids):,}: {', '.join(shown)}" if ids else "0"
        return f"{type(self).__name__}({head}; {self._wholeness()})"

    def _wholeness(self) -> str:
        return "complete" if self.why is None else f"not complete: {one_line(self.why)}"


class RunList(ApiList[Run]):
    """Runs, and whether they are all: `.is_complete`, `.why`. See `ApiList` for the other facts."""

    def _repr_html_(self) -> str:
        rows = [
            (run.label, run.status, run.agent or "unknown", moment(run.created_at), len(run.interrupts))
            for run in self.items[:SHOWN_ROWS]
        ]
        left = len(self.items) - len(rows)
        note = Markup("<p>{} not shown.</p>").format(plural(left, "more run")) if left else Markup("")
        head = f"{plural(len(self.items), 'run')}; {self._wholeness()}"
        table = html_table(("run", "status", "agent", "created", "questions"), rows) if rows else Markup("")
        return block(Markup("<p><strong>{}</strong></p>").format(head), table, note)
