"""Every public name says what it takes, in which unit, and what it raises."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runkit
from runkit import models, objects
from runkit.client import resources, runlist, runs
from runkit.server import Sandbox

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
MADE_BY_USERS = {
    *(
        "Archive",
        "Client",
        "FeedbackForm",
        "InterruptForm",
        "InterruptInbox",
        "Redaction",
        "RunMonitor",
    ),
}
UNITS = {
    "timeout": "second",
    "seconds": "second",
    "latency": "second",
    "rate": "second",
    "speed": "second",
}


def classes() -> Iterator[type]:
    """The public classes, and those of what they hold and give."""
    yield from (entry for name in runkit.__all__ if inspect.isclass(entry := getattr(runkit, name)))
    for module in (resources, runs, runlist, objects, models):
        for name, entry in inspect.getmembers(module, inspect.isclass):
            if entry.__module__ == module.__name__ and not name.startswith("_"):
                yield entry
    yield Sandbox


def callables() -> dict[str, Callable[..., Any]]:
    """Public functions and methods by name, and constructors that users call by that of their class."""
    found = {
        name: entry for name in runkit.__all__ if inspect.isfunction(entry := getattr(runkit, name))
    }
    for cls in classes():
        if cls.__name__ in MADE_BY_USERS:
            found[cls.__name__] = vars(cls).get("__post_init__", cls.__init__)
        for name, entry in vars(cls).items():
            method = getattr(
                entry, "__func__", getattr(entry, "fget", getattr(entry, "func", entry))
            )
            if (
                inspect.isfunction(method)
                and not name.startswith("_")
                and name != "model_post_init"
            ):
                found[f"{cls.__name__}.{name}"] = method
    return found


CALLABLES = callables()
CLASSES = {cls.__name__: cls for cls in classes()}


def documentation(name: str) -> str:
    """What a callable says, its class, and the callables whose arguments it says it takes."""
    own = "" if name in CLASSES else inspect.getdoc(CALLABLES[name]) or ""
    text = own + (
        inspect.getdoc(CLASSES[name.split(".")[0]]) or "" if name.split(".")[0] in CLASSES else ""
    )
    for pointed in re.findall(r"as (?:in|for|to)? ?`([\w.]+)`", text) + re.findall(
        r"`([\w.]+)` takes", text
    ):
        last = pointed.rpartition(".")[2]
        text += "".join(
            inspect.getdoc(entry) or ""
            for key, entry in CALLABLES.items()
            if key.split(".")[-1] == last
        )
    return text


def test_everything_public_has_a_docstring() -> None:
    """Classes, methods and properties; and there are as many as there should be."""
    assert len(CALLABLES) >= 90
    for name, entry in (CALLABLES | CLASSES).items():
        if name not in MADE_BY_USERS or name in CLASSES:
            assert len((inspect.getdoc(entry) or "").split()) >= 2, name


@pytest.mark.parametrize(
    "name", [name for name, entry in CALLABLES.items() if ">>>" in (entry.__doc__ or "")]
)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a docstring shows comes out, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for found in doctest.DocTestFinder(recurse=False).find(CALLABLES[name], name, globs={}):
        runner.run(found, out=lambda words: pytest.fail(words, pytrace=False))
    assert runner.tries >= 2


@pytest.mark.parametrize("name", CALLABLES)
def test_a_docstring_names_what_is_taken(name: str) -> None:
    """Every parameter; one that is an id by the thing that it is of; and its unit if it has one."""
    text = re.sub(r"[-_]", " ", documentation(name).lower())
    for parameter in inspect.signature(CALLABLES[name]).parameters.values():
        is_rest = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if parameter.name in ("self", "cls") or is_rest:
            continue
        words = re.split(" or ", re.sub(r"_ids?\b", "", parameter.name).replace("_", " "))
        assert any(re.search(rf"\b{word}", text) for word in words), parameter.name
        assert UNITS.get(parameter.name, "") in text, f"the unit of {parameter.name}"
