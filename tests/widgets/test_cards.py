"""What a card shows is bounded, and says what is left out."""

from __future__ import annotations

from typing import Any

from runkit.api.models import Run
from runkit.widgets import _static_form
from runkit.widgets._question import question_of
from tests.widgets.asking import Asking


def described(asking: Asking, **artifact: Any) -> tuple[dict[str, Any], str]:
    """Describe the finding of a question, and return its static twin, too."""
    raw = asking.run().to_dict()
    value = {"type": "dismissal", "artifacts": [{"type": "x", **artifact}]}
    item = {"id": raw["interrupts"][0]["id"], "value": value}
    question = question_of(Run.from_json({**raw, "interrupts": [item]}))
    assert question is not None
    card = _static_form.describe_form(asking.form(question, drafts=False))
    return card["question"]["proposals"][0]["evidence"][0], _static_form.twin(card)["text/html"]


def test_long_texts_are_cut(asking):
    finding, twin = described(asking, title="t" * 2500)
    for text in (finding["title"], twin):
        assert "tt… (500 more characters not shown here)" in text


def test_an_uncertain_address_is_no_link_in_a_card(asking):
    """An address whose host is not certain is text, and invisible characters are codes."""
    sources = [
        {"url": "https://sec.example/a", "source_name": "SEC \u202e", "source_tier": "government"},
        {"url": "javascript:alert(1)", "source_name": "x"},
        {"url": r"https://evil.example\@sec.gov"},
    ]
    finding, _ = described(asking, title="t", sources=sources)
    first, second, third = finding["sources"]
    assert (first["name"], first["host"], first["mark"]) == ("SEC \\u202e", "sec.example", "▮▮▮")
    assert [first["url"], second["url"], third["url"]] == ["https://sec.example/a", None, None]
    assert second["name"] == "x: javascript:alert(1)"
