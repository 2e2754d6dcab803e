"""What a card shows is bounded, and says what is left out."""

from __future__ import annotations

import json
from typing import Any

from runkit.api.models import Run
from runkit.widgets import _static_form
from runkit.widgets._question import question_of
from tests.widgets.asking import Asking

Json = dict[str, Any]


def both(asking: Asking, value: Json) -> tuple[str, Json]:
    """The static twin and the page's description of a question with this value."""
    raw = asking.run().to_dict()
    item = {"id": raw["interrupts"][0]["id"], "value": value}
    question = question_of(Run.from_json({**raw, "interrupts": [item]}))
    assert question is not None
    controller = asking.form(question, drafts=False)
    described = _static_form.describe_form(controller)
    return _static_form.twin(described)["text/html"], described["question"]


def test_long_texts_are_cut(asking):
    """The card says how much is missing."""
    shown, page = both(
        asking, {"label": "x" * 3000, "artifacts": [{"title": "t" * 2500, "type": "x"}]}
    )
    for text in (shown, json.dumps(page, ensure_ascii=False)):
        assert "xx… (1,000 more characters not shown here)" in text
        assert "tt… (500 more characters not shown here)" in text


def test_an_uncertain_address_is_no_link_in_a_card(asking):
    """An address whose host is not certain is text, and invisible characters are codes."""
    sources = [
        {"url": "https://sec.example/a", "source_name": "SEC \u202e", "source_tier": "government"},
        {"url": "javascript:alert(1)", "source_name": "x"},
        {"url": r"https://evil.example\@sec.gov"},
    ]
    _, page = both(
        asking,
        {"type": "dismissal", "artifacts": [{"title": "t", "type": "x", "sources": sources}]},
    )
    first, second, third = page["proposals"][0]["evidence"][0]["sources"]
    assert (first["name"], first["host"], first["mark"]) == ("SEC \\u202e", "sec.example", "▮▮▮")
    assert [entry["url"] for entry in (first, second, third)] == [
        "https://sec.example/a",
        None,
        None,
    ]
    assert second["name"] == "x: javascript:alert(1)"
