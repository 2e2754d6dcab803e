"""Validation of an answer against the question's own, possibly hostile, JSON Schema.

A module of its own, imported only for such questions: where JupyterLab is installed, importing `jsonschema`
takes more than a second because of its format checkers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from runkit.text import shorten
from runkit.widgets.schema import MAX_NAME, MAX_SCHEMA, constraint_message

MAX_COST = 300_000  # characters, see `_with_cost`: at most 0.4 s; an answer with 50 rows costs 70,000
MIN_COST = 50  # characters per keyword
MAX_ERRORS = 50
FOREIGN = ("$schema", "$id", "$dynamicRef", "$recursiveRef")  # lead to the library's unlimited validators
# these run patterns or references, or compare each item with every other
UNSAFE = ("pattern", "patternProperties", "unevaluatedItems", "unevaluatedProperties", "uniqueItems")


def check(schema: Any, value: Any, budget: int = MAX_COST) -> dict[str, str]:
    """Validate an answer against a question's own schema; gives errors by path.

    The path "" holds the error of a schema that cannot be used. The schema may be hostile: its patterns are
    not run, references to other documents and changes of the dialect are refused, and `budget` limits the
    cost. Malformed parts that do not affect this answer are ignored.
    """
    try:
        if not isinstance(schema, dict):
            raise ValueError("it is not an object")
        own = {key: sub for key, sub in schema.items() if key not in ("$schema", "$id")}
        text = json.dumps(own, allow_nan=False)
        if len(text) > MAX_SCHEMA:
            raise ValueError(f"it has {len(text):,} characters, and the limit is {MAX_SCHEMA:,}")
        if changed := [key for key in FOREIGN if json.dumps(key) in text]:
            raise ValueError(f"it must stand alone, without “{changed[0]}” inside")
        errors = islice(_checker(own, budget).iter_errors(value), MAX_ERRORS)
        return dict(islice((pair for error in errors for pair in _error_messages(error)), MAX_ERRORS))
    except Exception as error:  # the library may raise anything for a hostile schema
        is_malformed = isinstance(error, AttributeError | KeyError | TypeError)
        reason = f"it is malformed ({error})" if is_malformed else str(error)
        message = f"this question's schema can't be used: {shorten(reason, 200)}"
        return {"": f"{message}; answer with client.runs.resume(run, interrupt_id, answer) instead"}


def _checker(schema: Mapping[str, Any], budget: int) -> Any:
    ours = Draft202012Validator.VALIDATORS

    def follow(validator: Any, ref: str, instance: Any, schema: Any) -> Any:
        if ref != "#" and not ref.startswith("#/"):  # the library searches the whole schema for an anchor
            raise ValueError("it refers to another document or to an anchor")
        return ours["$ref"](validator, ref, instance, schema)

    def others(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
        if "patternProperties" not in schema:  # else the library would run its patterns
            return ours["additionalProperties"](validator, allowed, instance, schema)
        return ()

    unsafe = dict.fromkeys(UNSAFE, lambda *_: ())
    keywords = {**ours, **unsafe, "$ref": follow, "additionalProperties": others}
    # An empty registry: the library's own would fetch unknown documents.
    validator_class = extend(Draft202012Validator, _with_cost(keywords, budget))  # type: ignore[no-untyped-call]
    return validator_class(schema, registry=Registry())


Keyword = Callable[[Any, Any, Any, Any], Any]


def _with_cost(keywords: Mapping[str, Keyword], budget: int) -> dict[str, Keyword]:
    """Make keywords that together cost at most `budget` characters of schema and answer, and then raise.

    Each call costs the length of its arguments and each error that of its message, since the library collects
    the errors of all alternatives, and repeats the answer in each.
    """
    left = budget

    def charge(characters: int) -> None:
        nonlocal left
        left -= characters
        if left < 0:
            raise ValueError("validating an answer with it takes too long")

    def charged(keyword: Keyword) -> Keyword:
        def apply(validator: Any, constraint: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            inner = list(constraint.values()) if isinstance(constraint, dict) else constraint
            n_false = sum(sub is False for sub in inner) if isinstance(inner, list) else 0
            # each False causes an error that repeats the answer, and no keyword is charged for it
            charge(MIN_COST + len(repr(constraint)) + (1 + n_false) * len(repr(instance)))
            for error in keyword(validator, constraint, instance, schema) or ():
                charge(len(error.message))
                yield error

        return apply

    return {name: charged(keyword) for name, keyword in keywords.items()}


def _error_messages(error: ValidationError) -> Iterator[tuple[str, str]]:
    path = [shorten(str(part), MAX_NAME) for part in error.absolute_path]
    constraint: Any = error.validator_value
    if error.validator == "required":
        missing = [name for name in constraint if name not in cast("Any", error.instance)]
        yield from ((".".join([*path, shorten(name, MAX_NAME)]), "is required") for name in missing)
    else:
        yield ".".join(path), constraint_message(str(error.validator), constraint)
