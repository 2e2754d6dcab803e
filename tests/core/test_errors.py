"""Errors say what was given, what was expected and what to do."""

import inspect
import pickle

import pytest

from runkit import errors

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.RunkitError)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_survives_pickling(cls):
    """As between the processes of a cluster."""
    error = cls("what happened")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == "what happened"


def test_a_missing_extra_names_the_pip_line():
    """Under the distribution's name, which is not the import name."""
    assert "pip install --editable '.[report]'" in str(errors.MissingExtra.of("report", "a report"))
