"""The static halves of a card: HTML and plain text that stay readable without a kernel, on any page.

Text enters only through MarkupSafe's templates. `mathjax_ignore` keeps JupyterLab from typesetting run data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from runkit import jsontext
from runkit.client import Client
from runkit.text import esc, html_table, moment, short_id
from runkit.widgets.question import Question
from runkit.widgets.receipts import Receipt

MOST_RAW = 20_000  # characters of raw JSON on a card; the rest is said to be left out
Bundle = dict[str, str]

_CARD = Markup('<div class="runkit-static mathjax_ignore tex2jax_ignore">{}</div>')
_LINE = Markup("<p>{}</p>")
_TITLE = Markup("<p><strong>{}</strong></p>")
_FOLDED = Markup("<details><summary>{}</summary><pre>{}</pre></details>")
_LINK = Markup('<a href="{url}" target="_blank" rel="noopener noreferrer">{words}</a> ({host})')
AGAIN = "To answer, use the form below; if nothing there reacts, run this cell again."


def static(*parts: Markup) -> Markup:
    """Put parts into one card."""
    return _CARD.format(Markup("").join(parts))


def title(words: str) -> Markup:
    """Make a line that stands out."""
    return _TITLE.format(words)


def line(words: object) -> Markup:
    """Make an ordinary line."""
    return _LINE.format(words)


def link(url: str, words: str | None = None) -> Markup:
    """Link to http and https only, and show the host; anything else is text."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        return esc(f"{words or 'source'}: {url}" if words else url)
    return _LINK.format(url=url, words=words or url, host=host)


def place(client: Client, business_id: str | None) -> str:
    """Say where a card acts: the host, LIVE or SANDBOX, and the business if it is known."""
    business = f"business {business_id}" if business_id else "business unknown"
    return f"{client.mode} {client.host} · {business}"


def asker(question: Question) -> str:
    """Say which agent asks: the one that the question names, else the run's."""
    return question.agent or question.run.agent or "an agent"


def header(question: Question, client: Client) -> Markup:
    """Say what is asked, by whom, where, and on which evidence."""
    since = f"waits since {moment(question.asked_at)}" if question.asked_at else "waits"
    asks = Markup("{} asks · run {} · {}").format(_apart(asker(question)), short_id(question.run.id), since)
    proposals = question.proposals
    where = Markup("{}<br>{}").format(place(client, question.run.business_id), asks)
    parts = [title(question.label), line(where)]
    for number, proposal in enumerate(proposals, 1):
        if len(proposals) > 1:
            label, agent = proposal.get("label"), proposal.get("agent")
            parts.append(
                title(f"{number}. {label or 'A proposal without words'} ({agent or 'unknown agent'})")
            )
        parts.append(evidence(proposal))
    return static(*parts, raw("What the agent sent, as JSON", question.value), line(AGAIN))


def evidence(proposal: Mapping[str, Any]) -> Markup:
    """Show what a proposal rests on: each artifact with its confidence and sources."""
    artifacts = _objects(proposal.get("artifacts"))
    if not artifacts:
        return line("The agent names no evidence.")
    rows = [
        (
            _said(item, "title", "a finding without a title"),
            _said(item, "confidence", "none given"),
            _said(item, "summary", ""),
            _sources(item),
        )
        for item in artifacts
    ]
    return html_table(("finding", "confidence", "summary", "sources"), rows)


def raw(words: str, value: Mapping[str, Any]) -> Markup:
    """Fold a raw value away, bounded."""
    text = jsontext.dumps(dict(value))
    left_out = len(text) - MOST_RAW
    if left_out > 0:
        text = (
            f"{text[:MOST_RAW]}\n… {left_out:,} more characters are left out here; run.interrupts has them."
        )
    return _FOLDED.format(words, text)


def receipt(told: Receipt) -> Markup:
    """Show what became of a question."""
    return static(title(told.title), html_table(("", ""), told.facts))


def bundle(html: Markup, text: str) -> Bundle:
    """Make a mime bundle for a page without widgets."""
    return {"text/html": str(html), "text/plain": text}


def in_words(question: Question, client: Client) -> str:
    """Say a question as plain text."""
    since = f", since {moment(question.asked_at)}" if question.asked_at else ""
    return (
        f"{asker(question)} asks{since}: {question.label}\n"
        f"run {question.run.id} · {place(client, question.run.business_id)}\n{AGAIN}"
    )


def _apart(words: object) -> Markup:
    """Put words of a run among our own, so that signs that change the direction of writing end with them."""
    return Markup("<bdi>{}</bdi>").format(words)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _said(item: Mapping[str, Any], name: str, otherwise: str) -> str:
    """Give a text of an object that may break the contract."""
    value = item.get(name)
    return otherwise if value in (None, "") else str(value)


def _sources(item: Mapping[str, Any]) -> Markup:
    sources = _objects(item.get("sources"))
    links = [link(_said(one, "url", ""), _said(one, "source_name", "") or None) for one in sources]
    return Markup("<br>").join(links) if links else esc("none")
