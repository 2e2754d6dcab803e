"""Run data is hostile text: in a figure it stays text."""

from __future__ import annotations

from html import unescape

import pytest

from runkit.charts.labels import plain
from runkit.text import one_line
from tests.hostile.payloads import TELLING


@pytest.mark.parametrize("text", TELLING.values(), ids=TELLING)
def test_the_text_that_is_shown_is_the_text_that_came(text):
    """Escaping is undone by plotly when it draws, and loses nothing."""
    assert unescape(plain(text, 200)) == one_line(text)


def test_what_cannot_be_seen_is_shown():
    """Control characters and changes of the writing direction cannot rearrange a label."""
    assert plain("a\u202eb\x00c\nd\te") == "a\\u202eb\\x00c d e"
