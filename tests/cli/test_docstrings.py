"""Every public name says what it takes, in which unit, and its examples run."""

import doctest

import pytest

import runkit

PUBLIC = {
    name: getattr(runkit, name) for name in runkit.__all__ if name not in ("fleet", "one_run")
}


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name, tmp_path, monkeypatch):
    """What the docstrings of a function, or of a class and its methods, show comes out."""
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder().find(PUBLIC[name], name, globs={}):
        runner.run(example, out=lambda words: pytest.fail(words, pytrace=False))
