"""The questions that forms are fuzzed with, what can be typed into them, and the answer that it means."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

from runkit.text import web_host

Json = dict[str, Any]
HIDDEN, CODE = "\u202e", r"\u202e"  # a sign that nobody can see stands in an input as its code
HALF, HALF_CODE = "\ud800", r"\ud800"  # so does half a pair

DISMISSAL: Json = {"type": "dismissal", "label": "Dismiss the hit?"}
SOURCES: Json = {
    "type": "add_sources",
    "label": "Add these?",
    "payload": {
        "sources": [
            {"url": "https://a.example/1", "tier": "primary", "rank": 1, "seen": None},
            {"url": "https://a.example/2", "source_name": f"Registry {HIDDEN}"},
        ],
        "reason": "licence",
    },
}
PEOPLE: Json = {
    "type": "add_attributes",
    "payload": {
        "addresses": [{"full_address": "1 Main St"}],
        "people": [{"name": "Ada", "titles": ["CEO", "Owner"], "born": 1951}],
    },
}
QUESTIONS: tuple[Json, ...] = (
    DISMISSAL,
    SOURCES,
    PEOPLE,
    {"type": "decision", "label": "Decide"},
    {"type": "riddle", "label": "What now?"},
    {
        "type": "combined_proposal",
        "proposals": [{**DISMISSAL, "agent": "watchlist"}, {**SOURCES, "agent": "address"}],
    },
)
FIELDS = {
    "dismissal": ("decision", "note"),
    "decision": ("decision", "note"),
    "riddle": ("decision", "note", "raw"),
    "add_sources": ("decision", "sources", "note"),
    "add_attributes": ("decision", "addresses", "people", "note"),
}
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "add_sources": {"sources": ("url", "source_name", "tier", "source_type")},
    "add_attributes": {"addresses": ("full_address",), "people": ("name", "titles")},
}
COLUMNS = {name: columns for tables in TABLES.values() for name, columns in tables.items()}
LONG = "x" * 5_001
TEXTS = {
    "note": ("born in 1951", "", " ", " padded\n", LONG, f"{HIDDEN}back", f"half {HALF}", "<b>no</b>"),
    "raw": (
        "",
        '{"decision": "approve", "note": 1.0}',
        "{}",
        '{"decision": ""}',
        '{"proposals": []}',
        "[]",
        "{",
    ),
    "url": (
        "https://b.example/new",
        " http://c.example ",
        "ftp://d.example",
        "d",
        "",
        f"https://e{HIDDEN}.x",
    ),
    "titles": ("CEO\nCFO", "", "\n", " Owner "),
    "": ("Somebody", "", " ", f"A{HIDDEN}", " b "),
}


def parts(value: Json) -> dict[str, Json]:
    """The proposals of a question, by the key of their section."""
    return {str(number): one for number, one in enumerate(value.get("proposals", [value]))}


def at_first(proposal: Json) -> Json:
    """What stands in the inputs of a proposal before anybody has typed."""
    tables = TABLES.get(proposal["type"], {})
    empty = dict.fromkeys(FIELDS[proposal["type"]], "")
    return empty | {
        name: [
            {"#": number} | {column: text_of(row.get(column)) for column in columns}
            for number, row in enumerate(proposal["payload"][name])
        ]
        for name, columns in tables.items()
    }


def text_of(value: Any) -> str:
    """What an input shows of a value."""
    return "\n".join(value) if isinstance(value, list) else value or ""


def meant(value: Json, typed: Json) -> Json | None:
    """The answer that stands in a form, None if it is none."""
    given = [(one.get("agent"), meant_by(one, typed[key])) for key, one in parts(value).items()]
    if any(answer is None for _, answer in given):
        return None
    if "proposals" in value:
        return {"proposals": [{"agent": agent, **(answer or {})} for agent, answer in given]}
    return given[0][1]


def meant_by(proposal: Json, typed: Json) -> Json | None:
    """The answer to one proposal."""
    kind, decision = proposal["type"], typed["decision"]
    if not decision or HALF in typed["note"]:
        return None
    said = typed["note"].strip()
    if len(typed["note"]) > 5_000:
        return None
    if decision == "raw":
        with suppress(ValueError):
            answer = json.loads(typed["raw"])
            return answer if isinstance(answer, dict) else None
        return None
    if kind == "dismissal" and decision == "approve" and not said:
        return None
    answer = {"decision": decision, **({"note": said} if said else {})}
    first = at_first(proposal)
    if decision == "approve" and any(typed[name] != first[name] for name in TABLES.get(kind, {})):
        payload = changed(proposal, typed)
        if payload is None:
            return None
        answer["actions"] = [{"type": kind, "payload": payload}]
    return answer


def changed(proposal: Json, typed: Json) -> Json | None:
    """What is proposed with the cells that a person has changed; all others are as they came."""
    payload = deepcopy(proposal["payload"])
    tables = TABLES[proposal["type"]]
    for name, columns in tables.items():
        came, rows = payload.pop(name), []
        for row in typed[name]:
            if not is_whole(row, columns[0]):
                return None
            number = row.get("#")
            first = {} if number is None else at_first(proposal)[name][number]
            cells = {column: row[column] for column in columns if row[column] != first.get(column)}
            kept = {} if number is None else came[number]
            rows.append({key: value for key, value in kept.items() if key not in cells} | read(cells))
        if rows:
            payload[name] = rows
    return payload if any(name in payload for name in tables) else None


def is_whole(row: Json, column: str) -> bool:
    """Whether a cell of a row may be sent so."""
    if column == "url":
        return web_host(row["url"].strip(" ")) is not None
    return column not in {columns[0] for columns in COLUMNS.values()} or bool(row[column].strip())


def read(row: Json) -> Json:
    """A row that a person has written."""
    cells = {
        key: [line.strip(" ") for line in value.split("\n") if line.strip()] if key == "titles" else value
        for key, value in row.items()
    }
    trimmed = {key: value.strip(" ") if isinstance(value, str) else value for key, value in cells.items()}
    return {key: value for key, value in trimmed.items() if value not in ("", [])}


def without_decision(value: Json, typed: Json) -> Json:
    """What a draft brings back: the choices of proposals that are answered together, no single verb."""
    if "proposals" in value:
        return typed
    return {key: {**entered, "decision": ""} for key, entered in typed.items()}


def shown(value: Any) -> Any:
    """What is typed or came as it stands in an input."""
    return value.replace(HIDDEN, CODE).replace(HALF, HALF_CODE) if isinstance(value, str) else value
