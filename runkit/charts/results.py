"""What a step returned, as paths and values; fields whose name says that they are secret are masked."""

from __future__ import annotations

from typing import Any

import orjson

from runkit import jsontext
from runkit.text import one_line

Leaf = tuple[str, str]  # its path, such as `owners[0].name`, and its value


def leaves(result: object) -> list[Leaf]:
    """Return a row for each value in a step's result, given as JSON text; none for a missing result."""
    if not isinstance(result, str):
        return []
    rows: list[Leaf] = []
    stack: list[tuple[str, Any]] = [("", _masked(result))]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict) and value:
            prefix = f"{path}." if path else ""
            stack += reversed([(prefix + one_line(name), inner) for name, inner in value.items()])
        elif isinstance(value, list) and value:
            stack += reversed([(f"{path}[{number}]", inner) for number, inner in enumerate(value)])
        elif path:
            rows.append((path, value if isinstance(value, str) else jsontext.dumps(value)))
    return rows


def readable(result: str) -> str:
    """Return a step's result as indented JSON, or as it is if it is deeper than orjson writes."""
    try:
        return orjson.dumps(_masked(result), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:
        return jsontext.mask_secrets(result)


def _masked(result: str) -> Any:
    return jsontext.loads(jsontext.mask_secrets(result).encode())
