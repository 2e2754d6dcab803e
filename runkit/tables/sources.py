"""Raw runs out of anything that holds runs, one at a time.

A JSON document that does not parse is one bad record; NDJSON isolates by line.
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
MOST_SPACE = 4096  # bytes of white space after a document that are told from further lines
CUT = (EOFError, gzip.BadGzipFile, zlib.error)  # what reading a damaged gzip file raises


class Where(NamedTuple):
    """Where a record stands: `file` is `name:line` or empty, `path` a JSON path."""

    file: str = ""
    path: str = "$"

    def at(self, field: str = "") -> str:
        """The location of a field of the record, in words for the problems frame."""
        path = f"{self.path}.{field}" if field else self.path
        return path if not self.file else self.file if path == "$" else f"{self.file} {path}"


class Record(NamedTuple):
    """One raw record. `problem` and `detail` are set when it could not even be parsed.

    `n_bytes` is the length of the text of a record that is a document by itself, else 0.
    """

    raw: Any
    where: Where
    problem: str | None = None
    detail: str = ""
    n_bytes: int = 0


def records_of(source: object) -> Iterator[Record]:
    """Iterate over the records of a source. Raises `UsageError` for what cannot hold runs."""
    if isinstance(source, str | Path):
        yield from _from_path(Path(source))
    elif isinstance(source, bytes | bytearray | memoryview):
        yield from _from_bytes(bytes(source), "")
    elif isinstance(source, Run):
        yield Record(source.to_dict(), Where())
    elif isinstance(source, dict):
        yield from _from_value(source, Where())
    elif callable(runs := getattr(source, "raw_runs", None) or getattr(source, "runs", None)):
        yield from _from_items(runs(), Where())  # that is how an archive comes in
    elif isinstance(source, Iterable):
        for number, item in enumerate(source):
            if isinstance(item, Path) or (
                isinstance(item, str) and item.removesuffix(".gz").endswith(SUFFIXES)
            ):
                yield from _from_path(Path(item))
            elif isinstance(item, bytes | bytearray):
                yield from _from_bytes(bytes(item), f"item {number}")
            else:
                yield _from_item(item, Where(path=f"$[{number}]"))
    else:
        raise UsageError(
            f"source is {type(source).__name__}; expected a Run, an iterable of runs, parsed JSON, JSON "
            "bytes, a path or several, or an object with runs()."
        )


def _from_items(items: Iterable[Any], where: Where) -> Iterator[Record]:
    """Runs of a list. Text in it is no path here: what a document says must not open files."""
    for number, item in enumerate(items):
        yield _from_item(item, Where(where.file, f"{where.path}[{number}]"))


def _from_item(item: Any, where: Where) -> Record:
    if isinstance(item, Record):  # of a source that was read before
        return item
    return Record(item.to_dict() if isinstance(item, Run) else item, where)


def _from_value(value: Any, where: Where, n_bytes: int = 0) -> Iterator[Record]:
    """A document: a list of runs, a list page, a webhook event, or one run, whatever else that holds."""
    data = value.get("data") if isinstance(value, dict) and value.get("object") != "run" else None
    if isinstance(value, list):
        yield from _from_items(value, where)
    elif isinstance(data, list):
        yield from _from_items(data, Where(where.file, f"{where.path}.data"))
    elif isinstance(data, dict) and value.get("object") == "event":
        yield Record(data.get("object"), Where(where.file, f"{where.path}.data.object"))
    else:
        yield Record(value, where, n_bytes=n_bytes)


def _from_path(path: Path) -> Iterator[Record]:
    path = files.usable(path)
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{shorten(str(path))} is no file of runs; expected {', '.join(SUFFIXES)}, each also with .gz. "
            "JSON text comes as bytes."
        )
    if not path.is_file():
        shown = shorten(str(path), 300)
        raise UsageError(f"{shown} is not there; give the path of a file that exists.")
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
        except CUT as error:
            yield Record(None, Where(str(path)), "bad_json", f"the file is cut or not gzip: {error}")


def _from_lines(lines: Iterable[bytes], name: str) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            yield from _from_document(line, f"{name}:{number}" if name else f"line {number}")


def _from_bytes(text: bytes, name: str) -> Iterator[Record]:
    """JSON or NDJSON: a text that is no single document but has lines that are objects is NDJSON."""
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
    """Whether the first line is an object by itself and more follows, so that the whole is no document.

    Says about most NDJSON in microseconds what the parser finds out only from the whole text.
    """
    end = text.find(b"\n")
    return end > 0 and not text[end : end + MOST_SPACE].isspace() and _is_object(text[:end])


def _is_lines(text: bytes) -> bool:
    """Whether a text that is no single document has several lines, one of which is an object."""
    lines = (line for line in io.BytesIO(text) if not line.isspace())
    return b"\n" in text.strip() and any(map(_is_object, lines))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(jsontext.loads(line), dict)
    except ValueError:
        return False


def _from_document(text: bytes, file: str) -> Iterator[Record]:
    where = Where(file)
    try:
        value = jsontext.loads(text)
    except RecursionError as error:
        yield Record(None, where, "too_deep", str(error))
    except ValueError as error:
        yield Record(None, where, "bad_json", f"not JSON: {error}")
    else:
        yield from _from_value(value, where, len(text))


def describe(raw: object) -> str | None:
    """Say why a record is no run at all, or None if it looks like one."""
    if not isinstance(raw, dict):
        return f"expected a run, found {kind(raw)}"
    word = raw.get("object")
    if word is not None and not (isinstance(word, str) and word == "run"):
        return f"expected an object of kind 'run', found {brief(word)}"
    if word is None and not {"id", "status"} & raw.keys():
        return "expected a run, found an object without object, id and status"
    return None
