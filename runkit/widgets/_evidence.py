"""A question, its evidence and messages as HTML; every text of a run is escaped."""

from __future__ import annotations

from collections.abc import Iterable

from runkit.api import jsontext
from runkit.api.contract import Json
from runkit.api.reading import objects, proposals_of
from runkit.api.words import CONFIDENCES, TIERS
from runkit.client import Client
from runkit.display.templates import css_variables
from runkit.display.text import (
    Markup,
    agent_title,
    first_text,
    isolate,
    link,
    moment,
    plural,
    shorten,
    truncated,
)
from runkit.widgets._question import OpenQuestion

MAX_RAW = 20_000  # characters of raw JSON
UNIDENTIFIED = "Business not identified yet"
MUTED = "rk-muted"  # the tone of what is neither good nor bad
FORM_STYLE = Markup("<style>{}{}</style>").format(
    css_variables(":is(.runkit-static, .runkit-form)"),
    Markup("""
.runkit-static {
  font-size: 13px; line-height: 1.4; color: var(--runkit-text); overflow-wrap: anywhere;
}
.runkit-static p { margin: 1px 0; }
.runkit-static .rk-muted { color: var(--runkit-muted); }
.runkit-static .rk-ask { font-size: 15px; font-weight: 600; margin: 2px 0; }
.runkit-static .rk-part { font-weight: 600; margin: 6px 0 2px; }
.runkit-static .rk-finding {
  border-left: 3px solid var(--runkit-line); padding-left: 10px; margin: 4px 0;
}
.runkit-static .rk-pill {
  font-size: 11px; font-weight: 600; padding: 1px 8px; border-radius: 9px;
}
.runkit-static .ok { background: var(--runkit-ok-on); color: var(--runkit-ok); }
.runkit-static .attention {
  background: var(--runkit-attention-on); color: var(--runkit-attention);
}
.runkit-static .fail { background: var(--runkit-fail-on); color: var(--runkit-fail); }
.runkit-static .rk-note { padding: 4px 10px; border-radius: 6px; margin: 2px 0; }
.runkit-static a { color: var(--runkit-link); }
.runkit-static pre { white-space: pre-wrap; font-size: 12px; }
.runkit-form {
  border: 1px solid var(--runkit-line); border-radius: 8px; padding: 8px 12px;
}
.runkit-form .widget-box > * { flex-shrink: 0; }
.runkit-form :is(.widget-toggle-buttons, .widget-radio) { display: flex; flex-direction: row; }
.runkit-form :is(.widget-toggle-buttons, .widget-radio) > .widget-label {
  width: 70px; margin-right: 8px; text-align: right;
}
.runkit-form .widget-accordion { margin-left: 78px; }
.runkit-form .widget-accordion > * > .lm-Widget { padding: 2px 8px; }
.runkit-form .widget-toggle-button { width: auto; padding: 0 14px; }
.runkit-form .widget-toggle-button.mod-active { background: #1a5fcc; color: #fff; }
.runkit-form .rk-send { margin-left: 78px; }
.runkit-form button.mod-primary { background: #1a5fcc; color: #fff; padding: 0 18px; }
.runkit-form button.mod-primary:disabled {
  background: none; color: var(--runkit-muted); border: 1px solid var(--runkit-line); opacity: 1;
}
"""),
)
_FINDING_HTML = Markup(
    '<div class="rk-finding"><b>{}</b> <span class="rk-pill {}">{}</span><p>{}</p>{}</div>'
)
_SOURCE_HTML = Markup('<p>{} <span class="rk-muted">{} {}</span></p>')
_HEAD = Markup(
    '<p class="rk-muted"><b>{}</b> · {}</p><p class="rk-ask">{}</p>'
    '<p class="rk-muted">Asked by {}{}</p>'
)
_NOTE = Markup('<p class="rk-note {}">{}</p>')
_FOLDED = Markup("<details><summary>{}</summary>{}</details>")
_PRE = Markup("<pre>{}</pre>")


def question_html(question: OpenQuestion, client: Client) -> Markup:
    """Write what is asked, about which business, where, by whom and since when."""
    run = question.run
    business = shorten(run.business_name or UNIDENTIFIED, 100)
    agent = agent_title(question.agent or run.agent)
    since = f", waiting since {moment(question.asked_at)}" if question.asked_at else ""
    return _HEAD.format(
        isolate(f"{business} · {run.id[:8]}"),
        f"{client.mode} {client.host}",
        isolate(truncated(question.label)),
        isolate(agent),
        since,
    )


def evidence_html(proposal: Json) -> Markup:
    """Write what an agent proposes, and on what evidence."""
    findings = objects(proposal.get("artifacts"))
    if not findings:
        return Markup('<p class="rk-muted">The agent gave no evidence.</p>')
    return Markup("").join(map(finding_html, findings))


def part_html(number: int, proposal: Json) -> Markup:
    """Write the heading of one of several proposals."""
    title = first_text(proposal.get("label"), proposal.get("agent")) or "Proposal"
    return Markup('<p class="rk-part">{}. {}</p>').format(number, isolate(truncated(title)))


def folded_html(question: OpenQuestion) -> Markup:
    """Write what is folded: the other findings of the run, and the question as JSON."""
    proposals = proposals_of(question.value)
    proposed = {item.get("title") for part in proposals for item in objects(part.get("artifacts"))}
    found = (item for step in question.run.walk() for item in step.artifacts)
    others = [item.to_dict() for item in found if item.title not in proposed]
    parts = []
    if others:
        title = plural(len(others), "other finding") + " of this run"
        parts.append(_FOLDED.format(title, Markup("").join(map(finding_html, others))))
    raw = truncated(jsontext.dumps(question.value), MAX_RAW)
    parts.append(_FOLDED.format("What the agent sent, as JSON", _PRE.format(raw)))
    return Markup("").join(parts)


def finding_html(finding: Json) -> Markup:
    """Write one finding with its confidence and sources."""
    confidence = first_text(finding.get("confidence")) or ""
    word = CONFIDENCES.find(confidence)
    pill = f"{word.label} confidence" if confidence else "confidence not given"
    title = first_text(finding.get("title")) or "Untitled finding"
    summary = first_text(finding.get("summary")) or ""
    return _FINDING_HTML.format(
        isolate(truncated(title)),
        word.role if confidence in CONFIDENCES else MUTED,
        isolate(shorten(pill, 80)),
        isolate(truncated(summary)),
        Markup("").join(map(_source_html, objects(finding.get("sources")))),
    )


def _source_html(source: Json) -> Markup:
    tier = first_text(source.get("source_tier")) or ""
    name = first_text(source.get("source_name"))
    address = link(first_text(source.get("url")) or "", name and shorten(name, 300))
    return _SOURCE_HTML.format(address, TIERS.find(tier).icon if tier else "", shorten(tier, 80))


def note_html(text: str, tone: str = MUTED) -> Markup:
    """Write a message in a tone: ok, attention, fail or muted; nothing if it is empty."""
    return _NOTE.format(tone, isolate(text)) if text else Markup()


def saved_html(question: OpenQuestion, client: Client) -> Markup:
    """Write a question for a page without a kernel."""
    parts: Iterable[Markup] = map(evidence_html, proposals_of(question.value))
    hint = note_html("Run the cell to answer.")
    return question_html(question, client) + Markup("").join(parts) + hint
