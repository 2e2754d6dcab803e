"""What a page and its kernel send each other has one description, which both sides follow."""

from __future__ import annotations

import re

from runkit.widgets._card import STATIC
from runkit.widgets._page_messages import AnswerStatus, FromPage, Line, ToPage

CODE = (STATIC / "card.js").read_text()


def names(pattern: str) -> set[str]:
    """Return the names that the front end uses in some places."""
    return {name for text in re.findall(pattern, CODE) for name in re.findall(r"\w+", text)}


def test_the_page_sends_what_is_described():
    sent = names(r"(?:send|ask)\(\{(\w+(?:, \w+)*)[:},]") | names(r"(?:send|ask)\(\{values, (\w+):")
    assert "{...content, view: id, n: sent}" in CODE
    assert sent | {"view", "n"} == set(FromPage.__annotations__)


def test_the_page_reads_what_is_described():
    read = names(r"(?:state|message)\??\.(\w+)") | names(r"\{([\w, ]+)\} = state;")
    assert read <= set(ToPage.__annotations__)
    assert set(ToPage.__annotations__) - read == {"lines"}  # of the static twin
    status = names(r"status\??\.(\w+)") | names(r"\{([\w, ]+)\} = state\.status")
    assert status == set(AnswerStatus.__annotations__)
    assert names(r"row\.(\w+)") == set(Line.__annotations__)
