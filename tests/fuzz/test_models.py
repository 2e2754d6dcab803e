"""A run out of anything: an object that shows itself, or one error that says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.made import Case, fuzz, json_values, mangled, python_values
from runkit import jsontext, objects
from runkit.errors import ContractError
from runkit.models import ApiObject, Artifact, Interrupt, Output, Requester, Run, Source, Step
from runkit.validation import fields

Json = dict[str, Any]
CLASSES = [
    *(Source, Artifact, Output, Requester, Interrupt, Step, Run),
    *(objects.Agent, objects.Thread, objects.Feedback, objects.Effect, objects.Action, objects.Document),
    objects.Event,
]
anything = json_values | python_values


def looked_at(made: ApiObject) -> None:
    """Everything that an object says of itself without being asked for JSON."""
    assert repr(made)
    assert str(made)
    assert made == made.from_json(made.to_dict()) or not is_json(made.to_dict())
    assert hash(made) == hash(made.from_json(made.to_dict()))


def is_json(value: Any) -> bool:
    """Whether JSON text can say it."""
    try:
        jsontext.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def a_verdict(cls: type[ApiObject], value: Any) -> ApiObject | None:
    """The object, or None where it is refused in words."""
    try:
        made = cls.from_json(value)
    except ContractError:
        return None
    looked_at(made)
    return made


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@fuzz(20)
@given(data=st.data())
def test_any_value_is_an_object_or_an_error(cls: type[ApiObject], data: st.DataObject) -> None:
    """Whatever stands in whatever field, or in place of the object."""
    names = st.sampled_from([*fields(cls), "steps", "_runkit", "new", 5])
    a_verdict(cls, data.draw((st.dictionaries(names, anything, max_size=6) | anything).map(Case)).value)


@fuzz(60)
@given(mangled(python_values).map(Case))
def test_a_mangled_run_shows_itself(case: Case) -> None:
    """Its steps and its label are there, whatever is wrong with it."""
    made = a_verdict(Run, case.value)
    if isinstance(made, Run):
        assert repr(made).startswith(f"Run({made.label}")
        assert all(repr(step) for step in made.walk())


@fuzz(60)
@given(mangled())
def test_a_run_goes_to_json_and_back(source: Json) -> None:
    """Nothing is lost on the way: it is the same object, from text that any parser reads."""
    made = a_verdict(Run, source)
    if made is not None:
        text = made.to_json()
        assert Run.from_json(jsontext.loads(text.encode())) == made
        assert json.loads(text) == source
