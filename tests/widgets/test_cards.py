"""What a card shows of hostile evidence: where its links lead, and how much of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runkit.widgets import display
from tests.widgets.asking import Asking


def header(asking: Asking, value: dict[str, Any]) -> str:
    """The header of a question with this value."""
    question = replace(asking.question(), value=value, label=str(value.get("label")))
    return str(display.header(question, asking.client))


def test_what_is_left_out_is_said(asking: Asking) -> None:
    """Of texts, sources, findings and proposals a header shows a part, and says how much is missing."""
    finding = {"title": "t" * 2500, "sources": [{"url": "https://a.example"}] * 21}
    shown = header(asking, {"label": "x" * 3000, "artifacts": [finding] * 52})
    assert "xx… (1,000 more characters not shown here)" in shown
    assert shown.count("tt… (500 more characters not shown here)") == shown.count("1 more source not") == 50
    assert "2 more findings not shown here." in shown
    shown = header(asking, {"proposals": [{"label": "p" * 2500, "agent": "tin"}] * 1050})
    assert shown.count("pp… (500 more characters not shown here) (TIN)") == 50
    assert "1,000 more proposals not shown here" in shown


def test_a_heavy_header(asking: Asking) -> None:
    """However much is sent, a header has its bounds."""
    source = {"url": "https://a.example/" + "&" * 1900, "source_name": "<" * 9000}
    finding = {"title": "<" * 9000, "sources": [source] * 40}
    shown = header(asking, {"proposals": [{"label": "<" * 9000, "artifacts": [finding] * 10}] * 10})
    assert len(shown) < 2_500_000
    assert "more findings not shown here." in shown
    assert "more proposals not shown here" in shown
