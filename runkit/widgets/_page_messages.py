"""What a page and its kernel send each other; a test compares the names with those in `card.js`.

Each message of the page has the name of its view and a number; the kernel repeats the newest one
that it has handled as `heard`, so that the page knows whether its press was taken. A `key` names an
asking, a `digest` the question as it was displayed.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from runkit.api.contract import Json

Texts = dict[str, str]  # entries or errors by the name of the field
Entries = dict[str, Texts]  # by section


class FromPage(TypedDict, total=False):
    """What a person did. The kernel decides what is open after it."""

    view: str
    n: int
    ready: str  # a view that displays the card from now on
    gone: str  # one that does no more
    digest: str
    values: Entries  # what is typed
    verb: str  # pressed twice: an answer
    who: str
    open: str  # the key of a row
    step: Literal[1, -1]  # to the next row of the list, or to the one before
    later: str  # the key of a question to put off
    filter: str
    refresh: bool


class AnswerStatus(TypedDict):
    """The state of an answer."""

    state: str
    message: str
    tone: str
    errors: Entries
    read_only: bool
    who: str
    login: bool
    ask: bool
    copy: str


class Line(TypedDict, total=False):
    """A line of the list: a question, or a head."""

    head: str
    key: str
    business: str
    run: str
    question: str
    age: str
    tone: str
    n_open: int
    is_fixed: bool  # cannot be opened
    is_done: bool


class ToPage(TypedDict, total=False):
    """What a card shows. `n` counts the messages, `lines` are for its static twin only."""

    n: int
    heard: list[str | int]
    kind: str
    title: str
    lines: list[str]
    question: Json
    case: Json
    values: Entries
    receipt: Json | None
    status: AnswerStatus
    findings: list[Json] | None
    empty: Texts  # title and text of a card without a question
    spoken: str
    mode: str  # from here on of an inbox
    oldest: str
    error: str
    age: float
    rows: list[Line]
    open: str | None
    has_filter: bool
