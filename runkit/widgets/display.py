"""The static halves of a card: HTML and plain text that stay readable without a kernel, on any page.

Text enters only through `runkit.text.Markup`, and what cannot be seen is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runkit import jsontext
from runkit.client import Client
from runkit.models import Run
from runkit.text import (
    Markup,
    apart,
    block,
    esc,
    html_table,
    link,
    moment,
    plural,
    shorten,
    visible,
)
from runkit.widgets.question import UNIDENTIFIED, Question
from runkit.widgets.receipts import Receipt

MAX_RAW = 20_000  # characters of raw JSON on a card; the rest is said to be left out
MAX_TEXT = 2000  # characters of one text
MAX_HTML = 500_000  # characters; no finding or proposal is begun after them, a notebook opens slowly then
MAX_PROPOSALS = 50
MAX_ARTIFACTS = 50
MAX_SOURCES = 20  # of an artifact
Bundle = dict[str, str]

_LINE = Markup("<p>{}</p>")
_TITLE = Markup("<p><strong>{}</strong></p>")
_FOLDED = Markup("<details><summary>{}</summary><pre>{}</pre></details>")
RERUN_HINT = "To answer, use the form below; if nothing there reacts, run this cell again."


def static(*parts: Markup) -> Markup:
    """Put parts into one card."""
    return block(*parts)


def title(words: str) -> Markup:
    """Make a line that stands out."""
    return _TITLE.format(words)


def line(words: object) -> Markup:
    """Make an ordinary line."""
    return _LINE.format(words)


def run_heading(client: Client, run: Run) -> str:
    """Say which run a card is about, and where it acts: the host, LIVE or SANDBOX."""
    missing = "" if run.business_id else f" · {UNIDENTIFIED}"
    return f"{run.label}{missing} · {client.mode} {client.host}"


def asking_agent(question: Question) -> str:
    """Say which agent asks: the one that the question names, else the run's."""
    return shorten(question.agent or question.run.agent or "an agent", 100)


def header(question: Question, client: Client, *, is_open: bool = True) -> Markup:
    """Say what is or was asked, by whom, where, and on which evidence."""
    since = f"{'waiting since' if is_open else 'asked'} {moment(question.asked_at)}"
    asks = Markup("{} asks · {}").format(apart(asking_agent(question)), since)
    where = Markup("{}<br>{}").format(run_heading(client, question.run), asks)
    parts = [title(_truncate(question.label)), line(where), *_proposals(question.proposals)]
    folded = folded_json("What the agent sent, as JSON", question.value)
    return static(*parts, folded, *([line(RERUN_HINT)] if is_open else []))


def _proposals(proposals: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """Show each proposal with its evidence, as far as there is room."""
    parts: list[Markup] = []
    for number, proposal in enumerate(proposals):
        if number == MAX_PROPOSALS or sum(map(len, parts)) > MAX_HTML:
            left_out = plural(len(proposals) - number, "more proposal")
            return [*parts, line(f"{left_out} not shown here; run.interrupts has all.")]
        if len(proposals) > 1:
            label = _text_of(proposal, "label", "A proposal without words")
            agent = shorten(_text_of(proposal, "agent", "unknown agent"), 100)
            parts.append(title(f"{number + 1}. {label} ({agent})"))
        parts.append(evidence(proposal))
    return parts


def evidence(proposal: Mapping[str, Any]) -> Markup:
    """Show what a proposal rests on: each artifact with its confidence and sources."""
    artifacts = _objects(proposal.get("artifacts"))
    if not artifacts:
        return line("The agent names no evidence.")
    rows: list[tuple[Markup, ...]] = []
    for item in artifacts[:MAX_ARTIFACTS]:
        if sum(len(cell) for row in rows for cell in row) > MAX_HTML:
            break
        told = (("title", "a finding without a title"), ("confidence", "none given"), ("summary", ""))
        rows.append((*(esc(_text_of(item, *one)) for one in told), _sources(item)))
    table = html_table(("finding", "confidence", "summary", "sources"), rows)
    left_out = len(artifacts) - len(rows)
    return table + line(f"{plural(left_out, 'more finding')} not shown here.") if left_out > 0 else table


def folded_json(words: str, value: Mapping[str, Any]) -> Markup:
    """Fold a raw value away, bounded."""
    text = jsontext.dumps(dict(value))
    left_out = len(text) - MAX_RAW
    if left_out > 0:
        text = f"{text[:MAX_RAW]}\n… {left_out:,} more characters are left out here; run.interrupts has them."
    return _FOLDED.format(words, text)


def receipt(told: Receipt) -> Markup:
    """Show what became of a question."""
    return static(title(told.title), html_table(("", ""), told.facts))


def bundle(html: Markup, text: str) -> Bundle:
    """Make a mime bundle for a page without widgets."""
    return {"text/html": str(html), "text/plain": visible(text)}


def question_text(question: Question, client: Client) -> str:
    """Say a question as plain text."""
    since = f", since {moment(question.asked_at)}" if question.asked_at else ""
    return f"{asking_agent(question)} asks{since}: {_truncate(question.label)}\n{run_heading(client, question.run)}\n{RERUN_HINT}"


def _truncate(text: str) -> str:
    left_out = len(text) - MAX_TEXT
    return f"{text[:MAX_TEXT]}… ({left_out:,} more characters not shown here)" if left_out > 0 else text


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text_of(item: Mapping[str, Any], name: str, otherwise: str) -> str:
    """Give a text of an object that may break the contract, bounded."""
    value = item.get(name)
    return otherwise if value in (None, "") else _truncate(str(value))


def _sources(item: Mapping[str, Any]) -> Markup:
    sources = _objects(item.get("sources"))
    shown = sources[:MAX_SOURCES]
    links = [link(_text_of(one, "url", ""), _text_of(one, "source_name", "") or None) for one in shown]
    if len(sources) > len(shown):
        links.append(esc(f"{plural(len(sources) - len(shown), 'more source')} not shown here"))
    return Markup("<br>").join(links) if links else esc("none")
