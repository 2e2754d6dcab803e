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
import pandas as pd

from runkit import jsontext
from runkit.errors import UsageError
from runkit.models import Run
from runkit.text import brief, kind, shorten

LINES = (".ndjson", ".jsonl")
SUFFIXES = (".json", *LINES)
# what reading a damaged gzip file raises
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


class Record(NamedTuple):
    """One raw record, where it was read, and about how many bytes of JSON it is.

    `location` is a JSON path, after `file:line` if there is one. `problem` and `detail` are set when the
    record could not even be parsed.
    """

    raw: Any
    location: str = "$"
    problem: str | None = None
    detail: str = ""
    n_bytes: int = 0


def records_of(source: object) -> Iterator[Record]:
    """Iterate over the records of a source. Raises `UsageError` for a type that cannot hold runs."""
    if isinstance(source, str | Path):
        yield from _from_path(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield from _from_bytes(bytes(source))
    elif isinstance(source, Run):
        yield record_of(source, "$")
    elif isinstance(source, dict):
        yield from (record_of(raw, location) for raw, location in _runs_in(source, "$"))
    elif callable(stored := getattr(source, "stored_records", None)):  # an archive
        for number, record in enumerate(stored()):
            yield record._replace(location=f"$[{number}]")
    elif callable(runs := getattr(source, "runs", None)):
        for number, item in enumerate(runs()):
            yield record_of(item, f"$[{number}]")
    elif isinstance(source, Iterable) and not isinstance(source, pd.DataFrame):
        for number, item in enumerate(source):
            yield from _from_item(item, f"$[{number}]")
    else:
        raise UsageError(
            f"source is {type(source).__name__}; expected a Run, an iterable of runs, parsed JSON, JSON "
            "bytes, a path or several, or an object with runs()."
        )


def _from_item(item: object, location: str) -> Iterator[Record]:
    """Read an item of a list: a path, a run, or a record that was read before."""
    if isinstance(item, Record):
        yield item
    elif isinstance(item, Path) or (isinstance(item, str) and item.removesuffix(".gz").endswith(SUFFIXES)):
        yield from _from_path(item)
    else:  # text in an object is not a path: the content of a document must not open files
        yield record_of(item, location)


def record_of(value: object, location: str) -> Record:
    """Write a run or a Python object as JSON, and read it back, so that it is what JSON can hold."""
    raw = value.to_dict() if isinstance(value, Run) else value
    try:
        text = jsontext.dumps(raw)
    except ValueError as error:
        own_id = raw.get("id") if isinstance(raw, dict) else None
        is_usable = isinstance(own_id, str) and jsontext.is_unicode(own_id)
        return _refused({"id": own_id} if is_usable else None, location, error)
    return Record(orjson.loads(text), location, n_bytes=len(text))


def _refused(raw: object, location: str, error: Any) -> Record:
    is_deep = isinstance(error, RecursionError) or jsontext.is_too_deep(error)
    return Record(raw, location, "too_deep" if is_deep else "bad_json", f"not JSON: {error}")


def _runs_in(value: Any, location: str) -> Iterator[tuple[Any, str]]:
    """Find the runs in a document: a list of runs, a list page, a webhook event, or one run."""
    data = value.get("data") if isinstance(value, dict) and value.get("object") != "run" else None
    if isinstance(data, dict) and value.get("object") == "event":
        yield data.get("object"), f"{location}.data.object"
    elif isinstance(data, list):
        for number, raw in enumerate(data):
            yield raw, f"{location}.data[{number}]"
    elif isinstance(value, list):
        for number, raw in enumerate(value):
            yield raw, f"{location}[{number}]"
    else:
        yield value, location


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
    # a name may have bytes that are not text
    name = str(path).encode("utf-8", "replace").decode()
    with file, gzip.open(file) if path.suffix == ".gz" else file as text:
        try:
            if suffix in LINES:
                yield from _from_lines(text, f"{name}:")
            else:
                yield from _from_document(text.read(), f"{name} $")
        except GZIP_ERRORS as error:
            yield Record(None, name, "bad_json", f"the file is truncated or not gzip: {error}")


def _from_lines(lines: Iterable[bytes], name: str) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            yield from _from_document(line, f"{name}{number} $")


def _from_bytes(text: bytes) -> Iterator[Record]:
    """Read JSON or NDJSON: text that is not one document but has lines that are objects is NDJSON."""
    if not text or text.isspace():
        return
    records = list(_from_document(text, "$"))
    is_broken = bool(records and records[0].problem and b"\n" in text.strip())
    if is_broken and any(isinstance(line.raw, dict) for line in _from_lines(io.BytesIO(text), "")):
        yield from _from_lines(io.BytesIO(text), "line ")
    else:
        yield from records


def _from_document(text: bytes, location: str) -> Iterator[Record]:
    try:
        value = orjson.loads(text.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        yield _refused(None, location, error)
    else:
        runs = list(_runs_in(value, location))
        n_bytes = len(text) // max(1, len(runs))
        for raw, place in runs:
            yield Record(raw, place, n_bytes=n_bytes)


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
