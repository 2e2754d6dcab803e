"""The static part of a card: HTML and plain text that stay readable without a kernel, on any page.

Text enters only through `runkit.text.Markup`, which escapes it and makes invisible characters visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runkit import jsontext
from runkit.client import Client
from runkit.models import Run
from runkit.style import MISSING
from runkit.text import (
    Markup,
    agent_title,
    block,
    esc,
    html_table,
    isolate,
    link,
    moment,
    plural,
    shorten,
    visible,
)
from runkit.widgets.question import UNIDENTIFIED, Question
from runkit.widgets.receipts import Receipt

MAX_RAW = 20_000  # characters of raw JSON on a card; the card says how many more there are
MAX_TEXT = 2000  # characters of one text
MAX_HTML = 500_000  # characters, after which no finding or proposal is added: larger notebooks open slowly
MAX_PROPOSALS = 50
MAX_ARTIFACTS = 50
MAX_SOURCES = 20  # of an artifact
Bundle = dict[str, str]

_LINE = Markup("<p>{}</p>")
_TITLE = Markup("<p><strong>{}</strong></p>")
_FOLDED = Markup("<details><summary>{}</summary><pre>{}</pre></details>")
RERUN_HINT = "Not responding? Rerun this cell."


def static(*parts: Markup) -> Markup:
    """Join parts into one card."""
    return block(*parts)


def title(text: str) -> Markup:
    """Make a bold line."""
    return _TITLE.format(text)


def line(text: object) -> Markup:
    """Make an ordinary line."""
    return _LINE.format(text)


def run_heading(client: Client, run: Run) -> str:
    """Name the run of a card and where it acts: the host, LIVE or SANDBOX."""
    missing = "" if run.business_id else f" · {UNIDENTIFIED}"
    return f"{run.label}{missing} · {client.mode} {client.host}"


def asking_agent(question: Question) -> str:
    """Name the agent that asks: the one that the question names, else the run's."""
    run = question.run
    if run.agent_name and question.agent in (None, run.agent):
        return shorten(run.agent_name, 100)
    return agent_label(question.agent or run.agent)


def agent_label(agent: str | None) -> str:
    """Name an agent of which only the type is known."""
    return shorten(agent_title(agent or ""), 100) or "Unknown agent"


def header(question: Question, client: Client, *, is_open: bool = True) -> Markup:
    """Show a question: its run, the agent that asks, and the evidence."""
    since = f" · {'waiting since' if is_open else 'asked'} {moment(question.asked_at)}"
    asks = Markup("{} asks{}").format(isolate(asking_agent(question)), since if question.asked_at else "")
    heading = line(run_heading(client, question.run))
    parts = [heading, title(_truncate(question.label)), line(asks), *_proposals(question.proposals)]
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
            label = _text_of(proposal, "label", "Proposal without a label")
            agent = proposal.get("agent")
            name = agent_label(agent if isinstance(agent, str) else None)
            parts.append(title(f"{number + 1}. {label} ({name})"))
        parts.append(evidence(proposal))
    return parts


def evidence(proposal: Mapping[str, Any]) -> Markup:
    """Show the evidence of a proposal: each artifact with its confidence and sources."""
    artifacts = _objects(proposal.get("artifacts"))
    if not artifacts:
        return line("The agent gave no evidence.")
    rows: list[tuple[Markup, ...]] = []
    for item in artifacts[:MAX_ARTIFACTS]:
        if sum(len(cell) for row in rows for cell in row) > MAX_HTML:
            break
        cells = (("title", "Untitled finding"), ("confidence", MISSING), ("summary", ""))
        rows.append((*(esc(_text_of(item, *cell)) for cell in cells), _sources(item)))
    table = html_table(("Finding", "Confidence", "Summary", "Sources"), rows)
    left_out = len(artifacts) - len(rows)
    return table + line(f"{plural(left_out, 'more finding')} not shown here.") if left_out > 0 else table


def folded_json(summary: str, value: Mapping[str, Any]) -> Markup:
    """Fold a raw value, cut to `MAX_RAW` characters."""
    text = jsontext.dumps(dict(value))
    left_out = len(text) - MAX_RAW
    if left_out > 0:
        text = f"{text[:MAX_RAW]}\n… {left_out:,} more characters not shown here; run.interrupts has all."
    return _FOLDED.format(summary, text)


def receipt(receipt: Receipt) -> Markup:
    """Show the receipt of a question."""
    facts = [(name[:1].upper() + name[1:], value) for name, value in receipt.facts]
    return static(title(receipt.title), html_table(("", ""), facts))


def bundle(html: Markup, text: str) -> Bundle:
    """Make a mime bundle for a page without widgets."""
    return {"text/html": str(html), "text/plain": visible(text)}


def note(text: str) -> Bundle:
    """Make a mime bundle of one line."""
    return bundle(static(line(text)), text)


def question_text(question: Question, client: Client) -> str:
    """Give a question as plain text."""
    since = f", waiting since {moment(question.asked_at)}" if question.asked_at else ""
    heading = run_heading(client, question.run)
    return f"{heading}\n{asking_agent(question)} asks{since}: {_truncate(question.label)}\n{RERUN_HINT}"


def _truncate(text: str) -> str:
    left_out = len(text) - MAX_TEXT
    return f"{text[:MAX_TEXT]}… ({left_out:,} more characters not shown here)" if left_out > 0 else text


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text_of(item: Mapping[str, Any], name: str, default: str) -> str:
    """Give a text of an object that may break the contract, cut to `MAX_TEXT` characters."""
    value = item.get(name)
    return default if value in (None, "") else _truncate(str(value))


def _sources(item: Mapping[str, Any]) -> Markup:
    sources = _objects(item.get("sources"))
    links = [
        link(_text_of(source, "url", ""), _text_of(source, "source_name", "") or None)
        for source in sources[:MAX_SOURCES]
    ]
    if (left_out := len(sources) - MAX_SOURCES) > 0:
        links.append(esc(f"{plural(left_out, 'more source')} not shown here"))
    return Markup("<br>").join(links) if links else esc(MISSING)
