"""The public API as text, one line per name: `python -m tests.public_api` rewrites the committed snapshot."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import runkit
from runkit.shell import cli
from runkit.tables.schema import FRAME_COLUMNS

SNAPSHOT = Path(__file__).parent / "golden" / "public_api.txt"
COMMAND = ".venv/bin/python -m tests.public_api"
MODULES = (
    "runkit",
    "runkit.errors",
    "runkit.api.models",
    "runkit.screens.fleet",
    "runkit.screens.one_run",
)


def text() -> str:
    """Describe modules, classes, frames and commands; the same on every version of Python."""
    values = {
        f"{module}.{name}": value
        for module in MODULES
        for name, value in _members(importlib.import_module(module)).items()
    }
    with runkit.Client("mk_test_x", "http://127.0.0.1:9/v1") as client:
        values |= {
            f"client.{name}": type(value) for name, value in vars(client).items() if name[0] != "_"
        }
    lines = [line for name, value in values.items() for line in _describe(name, value)]
    for name, columns in FRAME_COLUMNS.items():
        lines += [
            " ".join([f"{name}.{column.name}:", column.kind, *(column.words or ())])
            for column in columns
        ]
    return "\n".join([*lines, *_commands(), ""])


def _members(holder: Any) -> dict[str, Any]:
    """Return what has a public name: of `__all__`, else what a module or class of runkit defines itself."""
    if hasattr(holder, "__all__"):
        return {name: getattr(holder, name) for name in sorted(holder.__all__)}
    is_module = inspect.ismodule(holder)
    own = getattr(holder, "__annotations__", {}) | dict(vars(holder))
    is_own = {
        name: not is_module or getattr(own[name], "__module__", "") == holder.__name__
        for name in own
    }
    return {name: own[name] for name in sorted(own) if name[0] != "_" and is_own[name]}


def _describe(name: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        value = getattr(value, "fget", getattr(value, "__func__", value))
        kind = value if isinstance(value, str) else type(value).__name__
        yield name + (str(inspect.signature(value)) if callable(value) else f": {kind}")
        return
    yield f"{name}: class {value.__name__}({', '.join(base.__name__ for base in value.__bases__)})"
    if "__init__" in vars(value):
        yield f"{name}{inspect.signature(value)}"
    for member, part in _members(value).items():
        yield from _describe(f"{name}.{member}", part)


def _commands() -> Iterator[str]:
    root = cli.parser()
    [commands] = [
        action for action in root._actions if isinstance(action, argparse._SubParsersAction)
    ]
    for name, parser in {"": root, **commands.choices}.items():
        for action in parser._actions:
            words = "/".join(action.option_strings) or action.dest
            yield f"runkit {name} {words} {action.nargs or ''} default {action.default}".replace(
                "  ", " "
            )


if __name__ == "__main__":
    SNAPSHOT.write_text(text(), encoding="utf-8")
    print(f"written: {SNAPSHOT}")
