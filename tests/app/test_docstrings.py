"""Every public name says what it takes, in which unit, and what it raises."""

from __future__ import annotations

import builtins
import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runkit
from runkit import errors, models, objects
from runkit.client import resources, runlist, runs
from runkit.server import Sandbox

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
MADE_BY_USERS = {
    *("Archive", "Client", "FeedbackForm", "InterruptForm", "InterruptInbox", "Redaction", "RunMonitor"),
}
UNITS = {"timeout": "second", "seconds": "second", "latency": "second", "rate": "second", "speed": "second"}
ERRORS = {name for name, one in vars(errors).items() if inspect.isclass(one)} - {"RunkitError", "ApiError"}


def classes() -> Iterator[type]:
    """The public classes, and those of what they hold and give."""
    yield from (one for name in runkit.__all__ if inspect.isclass(one := getattr(runkit, name)))
    for module in (resources, runs, runlist, objects, models):
        for name, one in inspect.getmembers(module, inspect.isclass):
            if one.__module__ == module.__name__ and not name.startswith("_"):
                yield one
    yield Sandbox


def callables() -> dict[str, Callable[..., Any]]:
    """Public functions and methods by name, and constructors that users call by that of their class."""
    found = {name: one for name in runkit.__all__ if inspect.isfunction(one := getattr(runkit, name))}
    for cls in classes():
        if cls.__name__ in MADE_BY_USERS:
            found[cls.__name__] = vars(cls).get("__post_init__", cls.__init__)
        for name, one in vars(cls).items():
            method = getattr(one, "__func__", getattr(one, "fget", getattr(one, "func", one)))
            if inspect.isfunction(method) and not name.startswith("_") and name != "model_post_init":
                found[f"{cls.__name__}.{name}"] = method
    return found


CALLABLES = callables()
CLASSES = {cls.__name__: cls for cls in classes()}


def documentation(name: str) -> str:
    """What a callable says, its class, and the callables whose arguments it says it takes."""
    own = "" if name in CLASSES else inspect.getdoc(CALLABLES[name]) or ""
    said = own + (inspect.getdoc(CLASSES[name.split(".")[0]]) or "" if name.split(".")[0] in CLASSES else "")
    for pointed in re.findall(r"as (?:in|for|to)? ?`([\w.]+)`", said) + re.findall(r"`([\w.]+)` takes", said):
        last = pointed.rpartition(".")[2]
        said += "".join(
            inspect.getdoc(one) or "" for key, one in CALLABLES.items() if key.split(".")[-1] == last
        )
    return said


def test_everything_public_has_a_docstring() -> None:
    """Classes, methods and properties; and there are as many as there should be."""
    assert len(CALLABLES) >= 90
    for name, one in (CALLABLES | CLASSES).items():
        if name not in MADE_BY_USERS or name in CLASSES:
            assert len((inspect.getdoc(one) or "").split()) >= 2, name


@pytest.mark.parametrize("name", [name for name, one in CALLABLES.items() if ">>>" in (one.__doc__ or "")])
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
    said = re.sub(r"[-_]", " ", documentation(name).lower())
    for parameter in inspect.signature(CALLABLES[name]).parameters.values():
        is_rest = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if parameter.name in ("self", "cls") or is_rest:
            continue
        words = re.split(" or ", re.sub(r"_ids?\b", "", parameter.name).replace("_", " "))
        assert any(re.search(rf"\b{word}", said) for word in words), parameter.name
        assert UNITS.get(parameter.name, "") in said, f"the unit of {parameter.name}"


@pytest.mark.parametrize("name", CALLABLES)
def test_a_docstring_names_what_is_raised(name: str) -> None:
    """Every error that stands in the code of the callable itself; and none that does not exist."""
    said = documentation(name)
    raised = set(re.findall(r"raise (\w+)", inspect.getsource(CALLABLES[name]))) & ERRORS
    assert not [error for error in raised if error not in said]
    named = re.findall(r"`(\w+(?:Error|Timeout))`", said)
    assert all(error in ERRORS or hasattr(builtins, error) or error in dir(errors) for error in named)
