"""A run out of anything: an object that shows itself, or one error that says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from fuzz.made import Case, fuzz, json_values, mangled, nested, numbers, python_values, texts
from runkit import contract, jsontext, objects
from runkit.errors import ContractError, DataError
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
    """Its steps, its sentence and its HTML are there, whatever is wrong with it."""
    made = a_verdict(Run, case.value)
    if isinstance(made, Run):
        assert made.sentence().startswith(made.label)
        assert made._repr_html_()
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


@fuzz(60)
@given(st.dictionaries(texts, python_values, max_size=3).map(Case))
def test_what_no_json_can_hold_is_said(case: Case) -> None:
    """`to_json` gives text that reads back equal, or an error; never another value."""
    good = {"object": "run", "id": "r", "status": "completed"}
    good |= {"created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}
    try:
        text = Run.from_json({**case.value, **good}).to_json()
    except (ContractError, DataError):
        return
    assert jsontext.dumps(jsontext.loads(text.encode())) == text


@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("inf"), [1, -float("inf")], {"a": [float("nan")], "b": None}),
        *(10**5000, {1: 2}, {1, 2}, b"x", object()),
    ],
    ids=lambda value: str(type(value)),
)
def test_what_python_alone_can_hold_never_becomes_null(value: Any) -> None:
    """NaN, large numbers and names that are no text are refused by name."""
    good = {"object": "run", "id": "r", "status": "completed", "new": value}
    good |= {"created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}
    with pytest.raises(DataError, match="this Run is not JSON"):
        Run.from_json(good).to_json()


def test_what_contains_itself_is_refused() -> None:
    """It is said in a moment."""
    circle: Json = {"object": "run", "id": "r", "status": "completed"}
    circle |= {"created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}
    circle["steps"] = [{**circle, "steps": circle}]
    circle["new"] = [circle]
    made = Run.from_json(circle)
    with pytest.raises(DataError, match="not JSON"):
        made.to_json()
    assert made == made
    assert repr(made)


@fuzz(100)
@given(json_values)
def test_json_text_says_what_the_value_is(value: Any) -> None:
    """Written and read, however deep it is."""
    text = jsontext.dumps(value)
    assert jsontext.loads(text.encode()) == value
    assert jsontext.dumps(jsontext.loads(text.encode()), sort_keys=True) == jsontext.dumps(
        value, sort_keys=True
    )


@fuzz(100)
@given(
    st.binary(max_size=40) | st.sampled_from([b"NaN", b"[Infinity]", b"1e999", b'"\\ud800', b"\xff\xfe[\x00"])
)
def test_any_bytes_are_json_or_a_value_error(text: bytes) -> None:
    """What the parser of Python's library takes and the standard forbids is refused, too."""
    try:
        value = jsontext.loads(text)
    except (ValueError, RecursionError):
        return
    assert json.loads(text.decode("utf-8-sig"), parse_constant=pytest.fail) == value


@fuzz(60)
@given(json_values, st.text(max_size=20))
def test_any_page_is_read_or_refused(value: Any, name: str) -> None:
    """A list of anything, in an envelope of anything."""
    for given_ in (value, {"data": value}, {"data": [value], "has_more": value, "total_count": value}):
        try:
            page = contract.read_page(given_, name)
        except ContractError:
            continue
        assert all(isinstance(item, dict) for item in page.data)


@fuzz(60)
@given(
    st.dictionaries(
        st.sampled_from(["type", "snapshot", "timestamp", "run_id", "runId"]), json_values | numbers
    )
)
def test_any_event_carries_a_run_or_none(data: Json) -> None:
    """A time stamp of any size is a time or nothing."""
    try:
        fields = contract.event_fields("STATE_SNAPSHOT", data)
        found = None if fields is None else objects.Event.from_json(fields).run
    except ContractError:
        return
    assert found is None or isinstance(found, Run)


def test_deep_values_are_compared_and_written() -> None:
    """Beyond what orjson writes by itself."""
    source = {"object": "run", "id": "r", "status": "completed", "deep": nested([1], 300)}
    source |= {"created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}
    made = runkit.Run.from_json(source)
    assert made == runkit.Run.from_json({**source, "deep": nested([1], 300)})
    assert made != runkit.Run.from_json({**source, "deep": nested([2], 300)})
    assert made.to_json().count("{") == 301


def test_a_thread_is_no_run() -> None:
    """The kind of an object is looked at."""
    source = {"object": "thread", "id": "r", "status": "completed"}
    source |= {"created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}
    with pytest.raises(ContractError, match="object"):
        Run.from_json(source)
