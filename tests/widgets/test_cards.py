"""What a card shows of hostile evidence: where its links lead, and how much of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runkit.widgets import cards
from tests.widgets.asking import Asking


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.sec.gov/x?a=1#b", "www.sec.gov"),
        ("HTTP://WWW.SEC.GOV:8080", "www.sec.gov"),
        ("https://evil.example#@www.sec.gov", "evil.example"),
        ("https://[::1]/", "::1"),
    ],
)
def test_links(url: str, host: str) -> None:
    """The host that a browser opens stands beside the link, apart from the words before it."""
    shown = cards.link(url, "\u202eSEC")
    assert f'href="{url}"' in shown
    assert shown.endswith(f"<bdi>\u202eSEC</bdi></a> (<bdi>{host}</bdi>)")


@pytest.mark.parametrize(
    "url",
    [
        r"https://evil.example\@www.sec.gov/x",
        "https://www.sec.gov@evil.example",
        "https://evil.example\t/x",
        " https://evil.example",
        "https://evil.example/\u202ex",
        "https://www.s\u0435c.gov",
        "https://www.sec.gov%2f.evil.example",
        "https:evil.example",
        "https://[",
        "javascript:alert(1)",
        "https://evil.example/" + "x" * 2000,
        "",
    ],
)
def test_no_links(url: str) -> None:
    """An address whose host is not certain is text."""
    assert cards.link(url, "SEC") == f"<bdi>SEC</bdi>: <bdi>{url}</bdi>"


def header(asking: Asking, value: dict[str, Any]) -> str:
    """The header of a question with this value."""
    question = replace(asking.question(), value=value, label=str(value.get("label")))
    return str(cards.header(question, asking.client))


def test_what_is_left_out_is_said(asking: Asking) -> None:
    """Of texts, sources, findings and proposals a header shows a part, and says how much is missing."""
    finding = {"title": "t" * 2500, "sources": [{"url": "https://a.example"}] * 21}
    shown = header(asking, {"label": "x" * 3000, "artifacts": [finding] * 52})
    assert "xx… (1,000 more characters not shown here)" in shown
    assert shown.count("tt… (500 more characters not shown here)") == shown.count("1 more source not") == 50
    assert "2 more findings not shown here." in shown
    shown = header(asking, {"proposals": [{"label": "p" * 2500, "agent": "tin"}] * 1050})
    assert shown.count("pp… (500 more characters not shown here) (tin)") == 50
    assert "1,000 more proposals not shown here" in shown


def test_a_heavy_header(asking: Asking) -> None:
    """However much is sent, a header has its bounds."""
    source = {"url": "https://a.example/" + "&" * 1900, "source_name": "<" * 9000}
    finding = {"title": "<" * 9000, "sources": [source] * 40}
    shown = header(asking, {"proposals": [{"label": "<" * 9000, "artifacts": [finding] * 10}] * 10})
    assert len(shown) < 2_500_000
    assert "more findings not shown here." in shown
    assert "more proposals not shown here" in shown
