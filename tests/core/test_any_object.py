"""An object of the API out of anything: it shows itself, or one error says what is wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile.made import models
from runkit.api import jsontext
from runkit.api.models import Run
from runkit.api.validation import fields
from runkit.errors import ContractError
from strategies import fuzz, json_values, mangled


def made(cls, value):
    """The object, which shows itself, or None where it is refused in words."""
    try:
        thing = cls.from_json(value)
    except ContractError:
        return None
    again = cls.from_json(thing.to_dict())
    assert repr(thing)
    assert str(thing)
    assert hash(thing) == hash(again)
    return thing


@pytest.mark.parametrize("cls", [*models()], ids=lambda cls: cls.__name__)
@fuzz(10)
@given(data=st.data())
def test_any_value_is_an_object_or_an_error(cls, data):
    """Whatever stands in whatever field, or in place of the object."""
    names = st.sampled_from([*fields(cls), "steps", "_runkit", "new", 5])
    made(cls, data.draw(st.dictionaries(names, json_values, max_size=6) | json_values))


@fuzz(60)
@given(mangled())
def test_a_run_goes_to_json_and_back(source):
    """Nothing is lost on the way: it is the same object, from text that any parser reads."""
    thing = made(Run, source)
    if thing is not None:
        text = thing.to_json()
        assert Run.from_json(jsontext.loads(text.encode())) == thing
        assert json.loads(text) == source
