"""Every public name says what it takes, in which unit, and its examples run."""

import doctest
import inspect
import re

import pytest

import runkit

PUBLIC = {
    name: getattr(runkit, name) for name in runkit.__all__ if name not in ("fleet", "one_run")
}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
UNITS = {"latency": "second", "rate": "second", "speed": "second", "timeout": "second"}


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name, tmp_path, monkeypatch):
    """What the docstrings of a function, or of a class and its methods, show comes out."""
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(PUBLIC[name], name, globs={}):
        runner.run(example, out=lambda words: pytest.fail(words, pytrace=False))


@pytest.mark.parametrize("name", [*FUNCTIONS, "Client", "Redaction"])
def test_a_docstring_names_what_is_taken(name):
    """Every parameter, and its unit if it has one."""
    text = inspect.getdoc(PUBLIC[name]) or ""
    for parameter in inspect.signature(PUBLIC[name]).parameters:
        assert re.search(rf"^(\w+, )*{parameter}(, \w+)*$|\*\*{parameter}", text, re.MULTILINE), (
            parameter
        )
        assert UNITS.get(parameter, "") in text, f"the unit of {parameter}"
