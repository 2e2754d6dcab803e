"""The last word on an answer to a question that brought its own schema, however hostile.

A file of its own, imported only for such a question: where JupyterLab is installed, `jsonschema` takes more
than a second to import, because of its checkers of formats.
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

MAX_COST = 300_000  # characters, see `_with_cost`: 0.4 s at most; an answer with 50 rows needs 70,000
MIN_COST = 50  # characters that a keyword costs at least
MAX_ERRORS = 50
FOREIGN = ("$schema", "$id", "$dynamicRef", "$recursiveRef")  # lead to the library's own, unlimited checkers
# run patterns or references, or compare each item with each
UNSAFE = ("pattern", "patternProperties", "unevaluatedItems", "unevaluatedProperties", "uniqueItems")


def check(schema: Any, value: Any, budget: int = MAX_COST) -> dict[str, str]:
    """The last word on an answer to a question that brought its own schema: errors by path.

    Path "" says it if the schema cannot be used. The schema is hostile: its patterns are not run, it may not
    refer to other documents or change its dialect inside, and the `budget` that it makes is bounded. What of
    it is malformed and does not matter for this answer goes unnoticed.
    """
    try:
        if not isinstance(schema, dict):
            raise ValueError("it is no object")
        own = {key: sub for key, sub in schema.items() if key not in ("$schema", "$id")}
        text = json.dumps(own, allow_nan=False)
        if len(text) > MAX_SCHEMA:
            raise ValueError(f"it has {len(text):,} characters, at most {MAX_SCHEMA:,} are read")
        if changed := [key for key in FOREIGN if json.dumps(key) in text]:
            raise ValueError(f"it must stand alone, without “{changed[0]}” inside")
        errors = islice(_checker(own, budget).iter_errors(value), MAX_ERRORS)
        return dict(islice((pair for error in errors for pair in _error_messages(error)), MAX_ERRORS))
    except Exception as error:  # the library promises nothing for schemas that were made to break it
        is_malformed = isinstance(error, AttributeError | KeyError | TypeError)
        reason = f"it is malformed ({error})" if is_malformed else str(error)
        cannot = f"the schema of this question cannot be used: {shorten(reason, 200)}"
        return {"": f"{cannot}; answer with client.runs.resume(run, interrupt_id, answer) instead"}


def _checker(schema: Mapping[str, Any], budget: int) -> Any:
    ours = Draft202012Validator.VALIDATORS

    def follow(validator: Any, ref: str, instance: Any, schema: Any) -> Any:
        if ref != "#" and not ref.startswith("#/"):  # an anchor is looked for in all of the schema each time
            raise ValueError("it refers to another document, or by name")
        return ours["$ref"](validator, ref, instance, schema)

    def others(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
        if "patternProperties" not in schema:  # else the library would run these patterns to find the others
            return ours["additionalProperties"](validator, allowed, instance, schema)
        return ()

    unsafe = dict.fromkeys(UNSAFE, lambda *_: ())
    keywords = {**ours, **unsafe, "$ref": follow, "additionalProperties": others}
    # An empty registry: the library's own one would fetch what it does not know.
    validator_class = extend(Draft202012Validator, _with_cost(keywords, budget))  # type: ignore[no-untyped-call]
    return validator_class(schema, registry=Registry())


Keyword = Callable[[Any, Any, Any, Any], Any]


def _with_cost(keywords: Mapping[str, Keyword], budget: int) -> dict[str, Keyword]:
    """Keywords that together look at `budget` characters of schema and answer, and then raise.

    Each pays for what it is given and each error for its words: the library collects the errors of all
    alternatives, and repeats the answer in each.
    """
    left = budget

    def charge(characters: int) -> None:
        nonlocal left
        left -= characters
        if left < 0:
            raise ValueError("to check an answer with it is too much work")

    def charged(keyword: Keyword) -> Keyword:
        def apply(validator: Any, constraint: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            inner = (
                constraint.values()
                if isinstance(constraint, dict)
                else constraint
                if isinstance(constraint, list)
                else ()
            )
            n_repeats = 1 + sum(sub is False for sub in inner)  # errors that no keyword makes and pays for
            charge(MIN_COST + len(repr(constraint)) + n_repeats * len(repr(instance)))
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
        yield from ((".".join([*path, shorten(name, MAX_NAME)]), "must be given") for name in missing)
    else:
        yield ".".join(path), constraint_message(str(error.validator), constraint)
