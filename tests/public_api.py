"""The public API as text, one line per name: `python -m tests.public_api` rewrites the committed snapshot."""

from __future__ import annotations

import argparse
import ast
import enum
import importlib
import inspect
import json
import os
import re
import tempfile
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pandas as pd
from pydantic import BaseModel

import runkit
from runkit import cli
from runkit.models import ApiObject

SNAPSHOT = Path(__file__).parent / "golden" / "public_api.txt"
COMMAND = ".venv/bin/python -m tests.public_api"
MODULES = (
    "runkit",
    "runkit.errors",
    "runkit.charts",
    "runkit.charts.one_run",
    "runkit.charts.fleet",
)
PROTOCOLS = {  # what a class can do without a name of its own
    *("__iter__", "__next__", "__len__", "__getitem__", "__contains__", "__bool__"),
    *("__enter__", "__exit__", "_repr_html_", "_repr_mimebundle_", "_ipython_display_"),
}
HOLDERS = ("Client", "Sandbox")  # what they hold is set in their constructors
EXAMPLES = Path(__file__).parent / "examples"


def text() -> str:
    """Describe modules, classes, frames and commands; the same on every version of Python."""
    lines: list[str] = []
    public: list[type] = []  # classes with a public name
    returned: list[type] = []  # by public functions
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        lines.append(f"# module {module_name}")
        for name in _names(module):
            value = getattr(module, name)
            lines.append(f"{module_name}.{name}{_kind_and_signature(value)}")
            public += [value] if inspect.isclass(value) else []
            returned += _returned_by(value)
        lines.append("")
    for cls in _reachable(public, returned):
        lines += [f"# class {cls.__name__}({', '.join(base.__name__ for base in cls.__bases__)})"]
        lines += [f"{cls.__name__}{line}" for line in _members(cls, is_public=cls in public)]
        lines.append("")
    for title, frame in _frames().items():
        lines += [f"# frame {title}", *(f"{title}.{name}: {_dtype(frame[name])}" for name in frame), ""]
    for title, parser in _commands():
        options = sorted(map(_option, _actions(parser)))
        lines += [f"# command {title}", *(f"{title} {option}" for option in options), ""]
    return "\n".join(lines)


# --------------------------------------------------------------------------------------- modules and classes


def _names(module: ModuleType) -> list[str]:
    """The public names of a module: its `__all__`, else what it defines itself."""
    own = [
        name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
    ]
    return sorted(getattr(module, "__all__", [name for name in own if not name.startswith("_")]))


def _kind_and_signature(value: object) -> str:
    if inspect.isclass(value):
        return f": class {value.__name__}"
    return _signature(value) if callable(value) else f": {type(value).__name__}"


def _signature(function: Any, *, without_self: bool = False) -> str:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[without_self:]
    return _plain(str(signature.replace(parameters=parameters)))


def _plain(words: str) -> str:
    """Strip what differs between versions of Python: quotes of annotations, addresses, reprs of enums."""
    words = re.sub(r"<(\w+)\.(\w+): [^>]+>", r"\1.\2", words)
    words = re.sub(r"<(?:function |class ')?([\w.]+)[^>]*>", r"<\1>", words)
    return re.sub(r"""(: |-> )(["'])(.*?)\2""", r"\1\3", words)


def _reachable(public: list[type], returned: list[type]) -> list[type]:
    """The public classes and, on from there, their bases, what their methods return, and their parts."""
    found: dict[type, None] = {}
    queue = [*public, *returned]
    while queue:
        cls = queue.pop(0)
        if cls in found:
            continue
        found[cls] = None
        queue += [base for base in cls.__bases__ if _is_ours(base)]
        for name, value in vars(cls).items():
            queue += [] if name.startswith("_") else _returned_by(_function(value))
        if cls in public or issubclass(cls, ApiObject):
            queue += _classes_in(" ".join(_annotations(cls).values()), cls.__module__)
        if cls.__name__ in HOLDERS:
            queue += _classes_in(" ".join(_attributes(cls).values()), cls.__module__)
    return sorted(found, key=lambda cls: (cls.__name__, cls.__module__))


def _returned_by(function: object) -> list[type]:
    """The classes of runkit that a function says it returns."""
    if not inspect.isfunction(function):
        return []
    returned = function.__annotations__.get("return", "")
    return _classes_in(inspect.formatannotation(returned), function.__module__)


def _classes_in(words: str, module: str) -> list[type]:
    scope = _scope(module)
    found = (scope.get(name) for name in re.findall(r"[A-Za-z_]\w*", words))
    return [one for one in found if inspect.isclass(one) and _is_ours(one)]


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("runkit") and not cls.__name__.startswith("_")


@cache
def _scope(module_name: str) -> dict[str, Any]:
    """The names of a module, with those that it imports for type checkers only."""
    module = importlib.import_module(module_name)
    scope = dict(vars(module))
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runkit"):
            source = importlib.import_module(str(node.module))
            for alias in node.names:
                scope.setdefault(alias.asname or alias.name, getattr(source, alias.name, None))
    return scope


def _members(cls: type, *, is_public: bool) -> list[str]:
    """The class's own constructor, fields, attributes, properties and methods, one line each."""
    if issubclass(cls, enum.Enum):
        return [f".{member.name} = {member.value!r}" for member in cls]
    fields = _annotations(cls)
    lines = {name: f".{name}: {words or 'attribute'}" for name, words in (_attributes(cls) | fields).items()}
    is_model = issubclass(cls, BaseModel)
    for name, value in vars(cls).items():
        if not name.startswith("_") and name not in fields and not (is_model and hasattr(BaseModel, name)):
            lines[name] = f".{name}{_member(value)}"
    lines |= {name: f".{name}" for name in PROTOCOLS & set(vars(cls)) if vars(cls)[name] is not None}
    is_made = is_public and "__init__" in vars(cls) and not is_model
    return [*([_signature(cls)] if is_made else []), *(lines[name] for name in sorted(lines))]


def _member(value: object) -> str:
    function = _function(value)
    if not inspect.isfunction(function):
        return f": {type(value).__name__}"
    if isinstance(value, classmethod | staticmethod) or inspect.isfunction(value):
        kind = {classmethod: " (classmethod)", staticmethod: " (staticmethod)"}.get(type(value), "")
        return _signature(function, without_self=not isinstance(value, staticmethod)) + kind
    returned = inspect.formatannotation(function.__annotations__.get("return", "Any")).strip("'")
    return f": property -> {returned}"


def _function(value: object) -> object:
    """The function behind a method, a property or a cached property."""
    for name in ("__func__", "fget", "func"):
        value = getattr(value, name, value)
    return value


def _annotations(cls: type) -> dict[str, str]:
    """The public fields of a class: of a dataclass, a named tuple, an object of the API."""
    given = vars(cls).get("__annotations__", {})
    return {
        name: getattr(one, "__forward_arg__", None) or inspect.formatannotation(one).strip("'")
        for name, one in given.items()
        if not name.startswith("_")
    }


def _attributes(cls: type) -> dict[str, str]:
    """The public attributes that a constructor sets, with the annotation or the class that it calls."""
    constructor = inspect.unwrap(vars(cls).get("__init__", cls))
    if not inspect.isfunction(constructor) or constructor.__code__.co_filename == "<string>":  # a dataclass
        return {}
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(constructor)))):
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        for target in targets:
            is_own = isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"
            if is_own and not target.attr.startswith("_"):
                found[target.attr] = _type_of(node)
    return found


def _type_of(node: ast.Assign | ast.AnnAssign) -> str:
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation)
    is_made = isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
    name = node.value.func.id if is_made else ""
    return name if name[:1].isupper() else ""


# ---------------------------------------------------------------------------------------------------- frames


def _frames() -> dict[str, pd.DataFrame]:
    """Every frame that is public: the six linked ones, the answer log, the table of two runs."""
    runs = [json.loads((EXAMPLES / f"run_{name}.json").read_text()) for name in ("completed", "interrupted")]
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, RUNKIT_STATE_DIR=folder):
        return {
            **dict(runkit.frames([]).items()),
            "answer_log": runkit.answer_log(),
            "compare": runkit.compare(*map(runkit.frames, runs)),
        }


def _dtype(column: pd.Series[Any]) -> str:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return f"category[{', '.join(map(str, column.cat.categories))}]"
    return str(column.dtype)


# ---------------------------------------------------------------------------------------------- command line


def _commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    root = cli.parser()
    yield "runkit", root
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name in sorted(action.choices):
                yield f"runkit {name}", action.choices[name]


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    plain = (argparse._HelpAction, argparse._SubParsersAction)
    return [action for action in parser._actions if not isinstance(action, plain)]


def _option(action: argparse.Action) -> str:
    """An option or an argument: its names, what it takes, its default."""
    value = action.metavar or action.dest.upper()
    takes = "" if action.nargs == 0 else f" {value}" if action.nargs is None else f" {value}[{action.nargs}]"
    words = ", ".join(action.option_strings) + takes if action.option_strings else takes.strip()
    if action.choices is not None:
        words += f" of {', '.join(map(str, action.choices))}"
    if isinstance(action, argparse._AppendAction):
        words += " (repeatable)"
    if action.required:
        return f"{words} (required)"
    is_said = action.nargs != 0 and action.default is not None
    return f"{words} (default {action.default})" if is_said else words


if __name__ == "__main__":
    SNAPSHOT.write_text(text(), encoding="utf-8")
    print(f"written: {SNAPSHOT}")
