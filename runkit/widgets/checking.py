"""The last word on an answer to a question that brought its own schema, however hostile.

A file of its own, imported only for such a question: where JupyterLab is installed, `jsonschema` takes more
than a second to import, because of its checkers of formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry

from runkit.text import shorten
from runkit.widgets.schema import MAX_NAME, phrase

MAX_SCHEMA = 64 * 1024  # characters as JSON
MAX_REFS = 10_000  # references followed in one check: 20 that point at each other twice make a million
MAX_ERRORS = 50
FOREIGN = ("$schema", "$id", "$dynamicRef", "$recursiveRef")  # lead to the library's own, unlimited checkers
UNSAFE = ("pattern", "patternProperties", "unevaluatedItems", "unevaluatedProperties")  # run patterns or refs


def check(schema: Any, value: Any) -> dict[str, str]:
    """The last word on an answer to a question that brought its own schema: errors by path.

    Path "" says it if the schema cannot be used. The schema is hostile: its patterns are not run, it may not
    refer to other documents or change its dialect inside, and it may not be endless.
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
        Draft202012Validator.check_schema(own, format_checker=None)  # type: ignore[arg-type]  # no formats
        found = list(islice(_checker(own).iter_errors(value), MAX_ERRORS))
    except Exception as error:  # the library promises nothing for schemas that were made to break it
        reason = getattr(error, "message", error)
        return {"": f"the schema of this question cannot be used: {shorten(str(reason), 200)}"}
    return dict(pair for error in found for pair in _explained(error))


def _checker(schema: Mapping[str, Any]) -> Any:
    refs, ours = count(1), Draft202012Validator.VALIDATORS

    def follow(validator: Any, ref: str, instance: Any, schema: Any) -> Any:
        if not ref.startswith("#") or next(refs) > MAX_REFS:
            raise ValueError("it refers to another document, or too often to itself")
        return ours["$ref"](validator, ref, instance, schema)

    def others(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
        if "patternProperties" not in schema:  # else the library would run these patterns to find the others
            return ours["additionalProperties"](validator, allowed, instance, schema)
        return ()

    unsafe = dict.fromkeys(UNSAFE, lambda *_: ())
    changes = {**unsafe, "$ref": follow, "additionalProperties": others}
    # An empty registry: the library's own one would fetch what it does not know.
    return extend(Draft202012Validator, changes)(schema, registry=Registry())  # type: ignore[no-untyped-call]


def _explained(error: ValidationError) -> Iterator[tuple[str, str]]:
    path = [shorten(str(part), MAX_NAME) for part in error.absolute_path]
    wanted: Any = error.validator_value
    if error.validator == "required":
        missing = [name for name in wanted if name not in cast("Any", error.instance)]
        yield from ((".".join([*path, shorten(name, MAX_NAME)]), "must be given") for name in missing)
    else:
        yield ".".join(path), phrase(str(error.validator), wanted)
