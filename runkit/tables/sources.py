"""The sources that `runkit.frames` reads, and the raw runs in them, one at a time, as parsed JSON.

A JSON document that does not parse is one bad record; where each line is a document, a broken line
is one. Python objects are written as JSON and read back, so that whatever JSON cannot hold is
refused here.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

import pandas as pd

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.api.views import RECORD_REFUSED, Note, validated
from runkit.display.text import brief, kind, shorten
from runkit.errors import UsageError
from runkit.local import files
from runkit.local.fetch_files import MARK, Fetch, fetch_of, missing_after, oldest_first

if TYPE_CHECKING:
    from runkit.tables.frames import Frames


class Fetches:
    """The fetches that wrote the files of a source, by the name of the file."""

    def __init__(self) -> None:
        self.found: dict[str, Fetch] = {}

    def add(self, name: str, file: IO[bytes]) -> None:
        """Look for the records of a fetch in a file."""
        with suppress(*GZIP_ERRORS):
            if fetch := fetch_of(name, _unpacked(file)):
                self.found[name] = fetch

    @property
    def missing(self) -> tuple[str, ...]:
        """The reasons why runs may be missing."""
        return missing_after(self.found.values())

    @property
    def read_at(self) -> datetime | None:
        """The newest time of reading."""
        times = [fetch.last.read_at for fetch in self.found.values() if fetch.last]
        return max(filter(None, times), default=None)

    @property
    def read_again(self) -> dict[str, str]:
        """The time, by run, at which an open run was last seen unchanged."""
        times: dict[str, str] = {}
        for fetch in oldest_first(self.found.values()):
            if fetch.last and fetch.last.read_at:
                read_at = contract.format_time(fetch.last.read_at)
                times |= dict.fromkeys(fetch.last.unchanged, read_at)
        return times


JsonText: TypeAlias = bytes | bytearray | memoryview
_One: TypeAlias = Union["Frames", Run, IO[Any], dict[str, Any], JsonText, str, Path]
Source: TypeAlias = _One | Iterable[_One]
"""What `runkit.frames` takes, and every function that shows runs; its docstring describes it."""

# A file of runs: its name, "" for text in memory, and what opens it.
File: TypeAlias = tuple[str, Callable[[], AbstractContextManager[IO[bytes]]]]

SUFFIXES = (".json", ".ndjson", ".jsonl")
GZIP_MAGIC = b"\x1f\x8b"
# what reading a damaged gzip file raises
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
IN_MEMORY = ("$", "line ")  # the start of a location in no file


class Record(NamedTuple):
    """One raw record, where it was read, and about how many bytes of JSON it is.

    `location` is a JSON path, after `file:line` if there is one. `fault` says why it could not be
    read. `at` is the time of the event that holds it, `has_more` what the list page says.
    """

    raw: Any
    location: str = "$"
    fault: Note | None = None
    n_bytes: int = 0
    at: datetime | None = None
    has_more: bool | None = None

    def run(self) -> tuple[Json | None, list[Note]]:
        """Return the checked run, None if the record is refused, and what was wrong."""
        refusal = self.fault or _refusal(self.raw)
        return (None, [refusal]) if refusal else validated(Run, self.raw)


def _refusal(raw: Any) -> Note | None:
    """Return why a record is not a run; None if it looks like one."""
    if not isinstance(raw, dict):
        return Note(RECORD_REFUSED, f"expected a run, found {kind(raw)}")
    word = raw.get("object")
    if word not in (None, "run"):
        return Note(RECORD_REFUSED, f"expected an object of kind 'run', found {brief(word)}")
    if word is None and not {"id", "status"} & raw.keys():
        return Note(RECORD_REFUSED, "expected a run, found an object without object, id and status")
    return None


# ------------------------------------------------------------------------------------------ objects


def records_of(source: Source, fetches: Fetches | None = None) -> Iterator[Record]:
    """Yield the records of a source, whatever they are.

    `fetches` gets the first and the last records of the files that fetches wrote. Raises
    `UsageError` for a type that cannot hold runs.
    """
    fetches = Fetches() if fetches is None else fetches
    if isinstance(source, Run | dict):
        yield from _from_item(source, "$")
    elif isinstance(source, str | Path):
        yield from _from_files(_files_of(source), fetches)
    elif isinstance(source, JsonText):
        yield from _from_files([("", partial(io.BytesIO, bytes(source)))], fetches)
    elif callable(getattr(source, "read", None)):
        yield from _from_files([_read_file(source)], fetches)
    elif isinstance(source, Iterable) and not isinstance(source, pd.DataFrame):
        yield from _from_items(iter(source), fetches)
    else:
        raise _no_source(source, "")


def _from_items(items: Iterator[Any], fetches: Fetches) -> Iterator[Record]:
    """Read several files, or runs one after the other; a text among these opens no file."""
    first = list(islice(items, 1))
    if first and isinstance(first[0], str | Path):
        paths = chain(first, items)
        yield from _from_files([file for path in paths for file in _files_of(path)], fetches)
        return
    for number, item in enumerate(chain(first, items)):
        yield from _from_item(item, f"$[{number}]")


def _from_item(item: Any, location: str) -> Iterable[Record]:
    """Read a run, or a Python object as JSON holds it."""
    if isinstance(item, Record):
        return [item]
    raw = item.to_dict() if isinstance(item, Run) else item
    if not isinstance(raw, dict | list | tuple | str | int | float | None):
        raise _no_source(raw, location[1:])
    if not isinstance(raw, dict):
        return [Record(raw, location)]
    try:
        text = contract.dumps(raw)
    except ValueError as error:
        return [_refused(raw, location, error)]
    return _from_document(text.encode(), location)


def _no_source(value: object, location: str) -> UsageError:
    return UsageError(
        f"source{location} is {type(value).__name__}; expected Frames, a Run, an iterable of runs, "
        "parsed JSON, JSON bytes, an open file, or a path or several. Of a client, pass "
        "client.runs.fetch(); of rows of a frame, f.select(rows)."
    )


def _from_document(text: bytes, location: str) -> list[Record]:
    """Return the runs in a document: one run or webhook event, or a list or list page of them."""
    try:
        value = contract.loads(text)
    except ValueError as error:
        return [_refused(None, location, error)]
    has_more = None
    if isinstance(value, dict) and value.get("object") != "run":
        more = value.get("has_more")
        if isinstance(value.get("data"), list):
            has_more = more if isinstance(more, bool) else None
            value = value["data"]
            location = f"{location}.data"
    if not isinstance(value, list):
        return [_record(value, location, len(text))]
    n_bytes = len(text) // max(1, len(value))
    records = (_record(item, f"{location}[{n}]", n_bytes) for n, item in enumerate(value))
    return [record._replace(has_more=has_more) for record in records]


def _record(value: Any, location: str, n_bytes: int) -> Record:
    """Return the record of a run, or of the run in the body of a webhook event."""
    is_event = isinstance(value, dict) and value.get("object") == "event"
    if not is_event or not isinstance(value.get("data"), dict):
        return Record(value, location, n_bytes=n_bytes)
    at = None
    with suppress(ValueError):
        at = contract.parse_time(value.get("created_at"))
    return Record(value["data"].get("object"), f"{location}.data.object", None, n_bytes, at)


def _refused(raw: object, location: str, error: Exception) -> Record:
    return Record(raw, location, Note(RECORD_REFUSED, f"not JSON in UTF-8: {error}"))


# ----------------------------------------------------------------------------------- files and text


def local_path(source: str | Path) -> Path:
    """Return the path that a source names, `~` as the user's home.

    Raises `UsageError` for other text.
    """
    if isinstance(source, str) and source.lstrip()[:1] in ("", "{", "["):
        raise UsageError(
            f"source is {brief(source)}; expected a path. Pass JSON text as bytes: text.encode()."
        )
    return Path(os.path.expanduser(source))  # noqa: PTH111 - pathlib's raises for ~other


def has_suffix(path: str | Path) -> bool:
    """Return whether a path ends as that of a file of runs, in any case."""
    return str(path).lower().removesuffix(".gz").endswith(SUFFIXES)


def _files_of(source: Any) -> list[File]:
    """Return a file of runs, or all such files in a folder in the order of their names."""
    if "://" in str(source):
        raise UsageError(
            f"source is {brief(source)}, an address; expected a path. Read from the API with "
            "runkit.Client: client.runs.fetch(client.runs.list()); download any other file first."
        )
    path = local_path(source)
    is_folder = os.path.isdir(path)  # noqa: PTH112 - never raises
    candidates = sorted(_files_in(path)) if is_folder else [path]
    paths = [file for file in candidates if has_suffix(file) and os.path.isfile(file)]  # noqa: PTH113
    if not paths:
        raise UsageError(
            f"{shorten(str(path), 300)} is no file or folder of runs; expected an existing file "
            f"that ends in {', '.join(SUFFIXES)}, also with .gz, or a folder of such files or of "
            "Frames.save()."
        )
    # the name of a file may have bytes that are not text
    return [(contract.as_unicode(str(file)), partial(files.opened, file)) for file in paths]


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder and its subfolders but hidden ones."""
    for path in folder.rglob("*"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _read_file(file: Any) -> File:
    try:
        text = file.read()
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogatepass")
        io.BytesIO(text)
    except (OSError, TypeError, ValueError) as error:  # a closed file, or one in another encoding
        raise UsageError(
            f"{brief(file)} cannot be read ({error}); expected an open file of JSON in UTF-8. "
            'Open it with mode "rb".'
        ) from None
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "file", partial(io.BytesIO, text)


def _from_files(opened: Sequence[File], fetches: Fetches) -> Iterator[Record]:
    for name, open_file in opened:  # a later fetch may have seen the runs of an earlier one again
        with open_file() as file:
            fetches.add(name, file)
    for name, open_file in opened:
        with open_file() as file:
            yield from _from_file(file, name, fetches)


def _from_file(file: IO[bytes], name: str, fetches: Fetches) -> Iterator[Record]:
    """Read JSON text, also gzipped."""
    fetch = fetches.found.get(name)
    try:
        if fetch:
            yield from _from_fetch(_unpacked(file), fetch, fetches.read_again)
        else:
            yield from _from_text(_unpacked(file), name)
    except GZIP_ERRORS as error:
        if fetch is None or fetch.last is not None:  # else it is a reason already
            note = Note(RECORD_REFUSED, f"the file is truncated or not gzip: {error}")
            yield Record(None, name or "$", note)


def _unpacked(file: IO[bytes]) -> Any:
    """Return a file from its beginning, unpacked if it is gzipped."""
    file.seek(0)
    is_gzip = file.read(2) == GZIP_MAGIC
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_gzip else file


def _from_fetch(
    lines: Iterable[bytes], fetch: Fetch, read_again: Mapping[str, str]
) -> Iterator[Record]:
    """Read the runs in a file that a fetch wrote; the end of a line that was cut is no record."""
    for number, line in enumerate(lines, 1):
        is_cut = fetch.last is None and not line.endswith(b"\n")
        records = [] if line.startswith(MARK) else _from_lines([(number, line)], fetch.name)
        for record in records:
            if record.fault is None or not is_cut:
                yield _as_of(record, read_again)


def _as_of(record: Record, read_again: Mapping[str, str]) -> Record:
    """Return a run as of the time when it was last seen unchanged."""
    raw = record.raw
    at = read_again.get(str(raw.get("id"))) if isinstance(raw, dict) else None
    if at is None:
        return record
    if str(contract.local_fields(raw).get("read_at", "")) >= at:
        return record
    return record._replace(raw=contract.with_local_fields(raw, read_at=at))


def _from_text(file: Any, name: str) -> Iterator[Record]:
    """Read one document on each line if the first is one or the second begins one, else one."""
    lines = ((number, line) for number, line in enumerate(file, 1) if not line.isspace())
    head = list(islice(lines, 2))
    if not head:
        yield Record(None, name or "$", Note(RECORD_REFUSED, "it is empty; expected JSON"))
    starts = [line.removeprefix(codecs.BOM_UTF8).lstrip()[:1] for _, line in head]
    is_list = starts[:1] == [b"["]  # then an object on the second line is in it
    begins_one = starts[1:] == [b"[" if is_list else b"{"]
    if begins_one or (head[1:] and _is_json(head[0][1])):
        yield from _from_lines(chain(head, lines), name)
    elif head:
        file.seek(0)
        yield from _from_document(file.read(), f"{name} $".lstrip())


def _is_json(text: bytes) -> bool:
    try:
        contract.loads(text)
    except ValueError:
        return False
    return True


def _from_lines(lines: Iterable[tuple[int, bytes]], name: str) -> Iterator[Record]:
    for number, line in lines:
        if line.strip():
            location = f"{name}:{number} $" if name else f"line {number} $"
            yield from _from_document(line, location)
