"""The final scan: no finished file may contain a value that was masked everywhere, or an API key."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import runkit
from runkit.reports.masking import WORD, Masker, find_values
from runkit.reports.rules import MAX_ESCAPE_LAYERS, unescape_all

_BLOCK = re.compile('<script type="application/json">(.*?)</script>', re.DOTALL)  # a figure of the page
_IN_ESCAPE = re.compile(r"(?:\\\w{0,8}|&#?\w{0,8}|%\w?)\Z")  # \nabc is a line break and abc
_TEXT_SOURCES = ("charts", "reports", "tables", "text.py")  # the modules whose text is in reports


@cache
def _runkit_words() -> str:
    folder = Path(runkit.__file__).parent
    files = [
        file
        for name in _TEXT_SOURCES
        for file in (folder / name, *(folder / name).rglob("*"))
        if file.is_file()
    ]
    texts = (file.read_text(encoding="utf-8") for file in files if file.suffix != ".pyc")
    return "\n".join(sorted({word for text in texts for word in WORD.findall(text)}))


def builtin_words(template: str) -> str:
    """Return the long words of a report without data: those of its template and of runkit itself."""
    return "\n".join([*WORD.findall(template), _runkit_words()])


def find_leaks(html: str, notebook: str, masker: Masker, exempt: Collection[str]) -> set[str]:
    """Find masked values in the finished files, plain or with JSON, HTML or URL escapes.

    `exempt` are the report's own texts, such as digests. Not searched, because it is not data: plotly.js,
    the page's style and scripts, and plotly's packed numbers.
    """
    prefixes: dict[str, list[str]] = {}
    for value in masker.secrets:
        if not any(value in text for text in exempt):
            prefixes.setdefault(value[:12], []).append(value)
    leaks: set[str] = set()
    for text in ["\n\n".join(_page_texts(html)), "\n\n".join(_json_texts(json.loads(notebook)))]:
        for _ in range(MAX_ESCAPE_LAYERS + 1):
            leaks |= {key for key in masker.keys if key in text}
            for at, value in find_values(text, prefixes) if prefixes else ():
                if not _IN_ESCAPE.search(text[max(at - 10, 0) : at]):
                    leaks.add(value)
            text = unescape_all(text)
    return leaks


def _page_texts(html: str) -> Iterator[str]:
    """Yield the texts of a page: its title, its body without figures, and the texts of the figures."""
    head, _, rest = html.partition("<main>")
    body = rest.rpartition("</main>")[0]
    yield head.partition("<title>")[2].partition("</title>")[0]
    yield _BLOCK.sub("", body)
    for block in _BLOCK.findall(body):
        yield from _json_texts(json.loads(block))


def _json_texts(value: Any) -> Iterator[str]:
    """Yield the strings and names in JSON, except plotly's packed numbers."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item, *(child for name, child in item.items() if name != "bdata")]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str):
            yield item
