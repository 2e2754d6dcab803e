"""Read raw runs from any source, one at a time, as parsed JSON.

A JSON document that does not parse is one bad record; in NDJSON each line is a document. Python objects are
written as JSON and read back, so that whatever JSON cannot hold is refused here, and nowhere else.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from runkit import jsontext
from runkit.errors import UsageError
from runkit.models import Run
from runkit.steptree import kind
from runkit.text import brief, shorten

LINES = (".ndjson", ".jsonl")
SUFFIXES = (".json", *LINES)
MAX_TRAILING_SPACE = 4096  # bytes of whitespace after a document that do not count as another line
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)  # what reading a damaged gzip file raises


class Location(NamedTuple):
    """Where a record was read: `file` is `name:line` or empty, `path` a JSON path."""

    file: str = ""
    path: str = "$"

    def at(self, field: str = "") -> str:
        """Return the location of a field of the record, as text for the problems frame."""
        path = f"{self.path}.{field}" if field else self.path
        return path if not self.file else self.file if path == "$" else f"{self.file} {path}"


class Record(NamedTuple):
    """One raw record, and about how many bytes of JSON it is.

    `problem` and `detail` are set when it could not even be parsed.
    """

    raw: Any
    location: Location
    problem: str | None = None
    detail: str = ""
    n_bytes: int = 0


def records_of(source: object) -> Iterator[Record]:
    """Iterate over the records of a source. Raises `UsageError` for a type that cannot hold runs."""
    if isinstance(source, str | Path):
        yield from _from_path(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield from _from_bytes(bytes(source), "")
    elif isinstance(source, Run):
        yield _from_object(source, Location())
    elif isinstance(source, dict):
        yield from (_from_object(raw, location) for raw, location in _runs_in(source, Location()))
    elif callable(stored := getattr(source, "stored_records", None)):  # an archive
        for number, record in enumerate(stored()):
            yield record._replace(location=Location(path=f"$[{number}]"))
    elif callable(runs := getattr(source, "runs", None)):
        for number, item in enumerate(runs()):
            yield _from_object(item, Location(path=f"$[{number}]"))
    elif isinstance(source, Iterable):
        for number, item in enumerate(source):
            yield from _from_item(item, number)
    else:
        raise UsageError(
            f"source is {type(source).__name__}; expected a Run, an iterable of runs, parsed JSON, JSON "
            "bytes, a path or several, or an object with runs()."
        )


def _from_item(item: object, number: int) -> Iterator[Record]:
    """Read an item of a list: a path, JSON text as bytes, a run, or a record that was read before."""
    if isinstance(item, Record):
        yield item
    elif isinstance(item, Path) or (isinstance(item, str) and item.removesuffix(".gz").endswith(SUFFIXES)):
        yield from _from_path(item)
    elif isinstance(item, bytes | bytearray):
        yield from _from_bytes(bytes(item), f"item {number}")
    else:  # text in an object is not a path: the content of a document must not open files
        yield _from_object(item, Location(path=f"$[{number}]"))


def _from_object(value: object, location: Location) -> Record:
    """Write a run or a Python object as JSON, and read it back."""
    raw = value.to_dict() if isinstance(value, Run) else value
    try:
        text = jsontext.dumps(raw)
    except RecursionError as error:
        return Record(_only_id(raw), location, "too_deep", str(error))
    except ValueError as error:
        return Record(_only_id(raw), location, "bad_json", f"not JSON: {error}")
    return Record(orjson.loads(text), location, n_bytes=len(text))


def _only_id(value: object) -> dict[str, Any] | None:
    own_id = value.get("id") if isinstance(value, dict) else None
    return {"id": own_id} if isinstance(own_id, str) and jsontext.is_unicode(own_id) else None


def _runs_in(value: Any, location: Location) -> Iterator[tuple[Any, Location]]:
    """Find the runs in a document: a list of runs, a list page, a webhook event, or one run."""
    data = value.get("data") if isinstance(value, dict) and value.get("object") != "run" else None
    if isinstance(data, dict) and value.get("object") == "event":
        yield data.get("object"), Location(location.file, f"{location.path}.data.object")
    elif isinstance(data, list):
        yield from _items(data, Location(location.file, f"{location.path}.data"))
    elif isinstance(value, list):
        yield from _items(value, location)
    else:
        yield value, location


def _items(values: list[Any], location: Location) -> Iterator[tuple[Any, Location]]:
    for number, value in enumerate(values):
        yield value, Location(location.file, f"{location.path}[{number}]")


def _from_path(source: str | Path) -> Iterator[Record]:
    path = Path(source)
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{shorten(str(path))} is not a file of runs; expected {', '.join(SUFFIXES)}, also with .gz. "
            "Pass JSON text as bytes."
        )
    try:
        with suppress(RuntimeError):  # no such user: a name that starts with ~
            path = path.expanduser()
        file = path.open("rb") if path.is_file() else None
    except (OSError, ValueError) as error:
        raise UsageError.of_path(source, error) from None
    if file is None:
        name = shorten(str(path), 300)
        raise UsageError(f"{name} does not exist; give the path of an existing file.")
    with file, gzip.open(file) if path.suffix == ".gz" else file as text:
        try:
            if suffix in LINES:
                yield from _from_lines(text, str(path))
            else:
                yield from _from_document(text.read(), str(path))
        except GZIP_ERRORS as error:
            yield Record(None, Location(str(path)), "bad_json", f"the file is truncated or not gzip: {error}")


def _from_lines(lines: Iterable[bytes], name: str) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            yield from _from_document(line, f"{name}:{number}" if name else f"line {number}")


def _from_bytes(text: bytes, name: str) -> Iterator[Record]:
    """Read JSON or NDJSON: text that is not one document but has lines that are objects is NDJSON."""
    if _starts_with_a_line(text):
        yield from _from_lines(io.BytesIO(text), name)
    elif text and not text.isspace():  # else it is NDJSON of no runs
        records = list(_from_document(text, name))
        is_lines = records and records[0].problem in ("bad_json", "too_deep") and _has_a_line(text)
        yield from _from_lines(io.BytesIO(text), name) if is_lines else records


def _starts_with_a_line(text: bytes) -> bool:
    """Whether the first line is an object and more lines follow, so that the text is NDJSON.

    This recognizes most NDJSON in microseconds, without parsing the whole text.
    """
    end = text.find(b"\n")
    return end > 0 and not text[end : end + MAX_TRAILING_SPACE].isspace() and _is_object(text[:end])


def _has_a_line(text: bytes) -> bool:
    """Whether a text that is not one document has several lines, one of which is an object."""
    return b"\n" in text.strip() and any(map(_is_object, io.BytesIO(text)))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        return False


def _from_document(text: bytes, file: str) -> Iterator[Record]:
    location = Location(file)
    try:
        value = orjson.loads(text.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        is_deep = jsontext.is_too_deep(error)
        detail = "nested deeper than 1,024 levels" if is_deep else f"not JSON: {error}"
        yield Record(None, location, "too_deep" if is_deep else "bad_json", detail)
    else:
        found = list(_runs_in(value, location))
        n_bytes = len(text) // max(1, len(found))
        yield from (Record(raw, place, n_bytes=n_bytes) for raw, place in found)


def reject_reason(raw: object) -> str | None:
    """Return why a record is not a run, or None if it looks like one."""
    if not isinstance(raw, dict):
        return f"expected a run, found {kind(raw)}"
    word = raw.get("object")
    if word is not None and not (isinstance(word, str) and word == "run"):
        return f"expected an object of kind 'run', found {brief(word)}"
    if word is None and not {"id", "status"} & raw.keys():
        return "expected a run, found an object without object, id and status"
    return None
