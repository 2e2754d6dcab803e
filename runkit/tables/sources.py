"""Read raw runs from any source, one at a time.

A JSON document that does not parse is one bad record; in NDJSON each line is a document.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runkit import files, jsontext
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
    """One raw record. `problem` and `detail` are set when it could not even be parsed.

    `n_bytes` is the length of the text of a record that is a document by itself, else 0.
    """

    raw: Any
    location: Location
    problem: str | None = None
    detail: str = ""
    n_bytes: int = 0


def records_of(source: object) -> Iterator[Record]:
    """Iterate over the records of a source. Raises `UsageError` for a type that cannot hold runs."""
    if isinstance(source, str | Path):
        yield from _from_path(Path(source))
    elif isinstance(source, bytes | bytearray | memoryview):
        yield from _from_bytes(bytes(source), "")
    elif isinstance(source, Run):
        yield Record(source.to_dict(), Location())
    elif isinstance(source, dict):
        yield from _from_value(source, Location())
    elif callable(runs := getattr(source, "raw_runs", None) or getattr(source, "runs", None)):
        yield from _from_items(runs(), Location())  # such as an archive
    elif isinstance(source, Iterable):
        for number, item in enumerate(source):
            if isinstance(item, Path) or (
                isinstance(item, str) and item.removesuffix(".gz").endswith(SUFFIXES)
            ):
                yield from _from_path(Path(item))
            elif isinstance(item, bytes | bytearray):
                yield from _from_bytes(bytes(item), f"item {number}")
            else:
                yield _from_item(item, Location(path=f"$[{number}]"))
    else:
        raise UsageError(
            f"source is {type(source).__name__}; expected a Run, an iterable of runs, parsed JSON, JSON "
            "bytes, a path or several, or an object with runs()."
        )


def _from_items(items: Iterable[Any], location: Location) -> Iterator[Record]:
    """Read runs of a list. Text in it is not a path: the content of a document must not open files."""
    for number, item in enumerate(items):
        yield _from_item(item, Location(location.file, f"{location.path}[{number}]"))


def _from_item(item: Any, location: Location) -> Record:
    if isinstance(item, Record):  # from a source that was read before
        return item
    return Record(item.to_dict() if isinstance(item, Run) else item, location)


def _from_value(value: Any, location: Location, n_bytes: int = 0) -> Iterator[Record]:
    """Read a document: a list of runs, a list page, a webhook event, or one run."""
    data = value.get("data") if isinstance(value, dict) and value.get("object") != "run" else None
    if isinstance(value, list):
        yield from _from_items(value, location)
    elif isinstance(data, list):
        yield from _from_items(data, Location(location.file, f"{location.path}.data"))
    elif isinstance(data, dict) and value.get("object") == "event":
        yield Record(data.get("object"), Location(location.file, f"{location.path}.data.object"))
    else:
        yield Record(value, location, n_bytes=n_bytes)


def _from_path(path: Path) -> Iterator[Record]:
    path = files.usable(path)
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{shorten(str(path))} is not a file of runs; expected {', '.join(SUFFIXES)}, also with .gz. "
            "Pass JSON text as bytes."
        )
    if not path.is_file():
        name = shorten(str(path), 300)
        raise UsageError(f"{name} does not exist; give the path of an existing file.")
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError.of_path(path, error) from None
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
    if not text or text.isspace():  # NDJSON of no runs
        return
    if _starts_with_a_line(text):
        yield from _from_lines(io.BytesIO(text), name)
        return
    document = _from_document(text, name)
    first = next(document, None)
    if first is None:
        return
    if first.problem in ("bad_json", "too_deep") and _is_lines(text):
        yield from _from_lines(io.BytesIO(text), name)
    else:
        yield first
        yield from document


def _starts_with_a_line(text: bytes) -> bool:
    """Whether the first line is an object and more lines follow, so that the text is NDJSON.

    This recognizes most NDJSON in microseconds, without parsing the whole text.
    """
    end = text.find(b"\n")
    return end > 0 and not text[end : end + MAX_TRAILING_SPACE].isspace() and _is_object(text[:end])


def _is_lines(text: bytes) -> bool:
    """Whether a text that is not one document has several lines, one of which is an object."""
    lines = (line for line in io.BytesIO(text) if not line.isspace())
    return b"\n" in text.strip() and any(map(_is_object, lines))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(jsontext.loads(line), dict)
    except ValueError:
        return False


def _from_document(text: bytes, file: str) -> Iterator[Record]:
    location = Location(file)
    try:
        value = jsontext.loads(text)
    except RecursionError as error:
        yield Record(None, location, "too_deep", str(error))
    except ValueError as error:
        yield Record(None, location, "bad_json", f"not JSON: {error}")
    else:
        yield from _from_value(value, location, len(text))


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
