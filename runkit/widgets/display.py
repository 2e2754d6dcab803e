"""What cards show: a question as plain data for the page, and the static twin that needs no kernel.

Text enters HTML only through `runkit.text.Markup`, which escapes it. All text has its invisible characters
made visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runkit import jsontext, style
from runkit.client import Client
from runkit.errors import UsageError
from runkit.models import Run
from runkit.text import (
    Markup,
    agent_title,
    block,
    brief,
    html_table,
    isolate,
    link,
    moment,
    plural,
    short_id,
    shorten,
    visible,
    web_host,
)
from runkit.widgets.controller import EDITABLE, OFFLINE, SHARED_LOGINS, AnswerController
from runkit.widgets.fields import Json
from runkit.widgets.question import UNIDENTIFIED, Question, Receipt, State
from runkit.widgets.questions import AGAIN, FINAL, Verb, objects

MAX_RAW = 20_000  # characters of raw JSON on a card; the card says how many more there are
MAX_TEXT = 2000  # characters of one text
MAX_NAME = 300  # characters of a source's name
MAX_PROPOSALS = 50
MAX_FINDINGS = 20  # of a question: larger notebooks open slowly
MAX_SOURCES = 10  # of a finding
Bundle = dict[str, str]
EMPTY: Bundle = {"text/html": "", "text/plain": ""}
Reasons = Mapping[str, Sequence[str]]
TONES = {State.INVALID: "fail", State.FAILED: "fail", State.UNKNOWN: "attention"}

_LINE = Markup("<p>{}</p>")
_TITLE = Markup("<p><strong>{}</strong></p>")
_TWIN = Markup('<details{} class="runkit-twin"><summary>{}</summary>{}</details>')
_FOLDED = Markup("<details><summary>{}</summary>{}</details>")
_PRE = Markup("<pre>{}</pre>")
_RECEIPT = Markup(
    '<div style="border:1px solid #9993;border-left:4px solid {color};border-radius:8px;padding:8px 16px">'
    "<p><strong>{head}</strong> · {mode}</p><p>{mark}{title}</p>{reason}<p>{foot}</p>{details}</div>"
)
NO_BUTTONS = (
    "No buttons below? Install anywidget where JupyterLab runs, or answer with client.runs.resume(…). "
    "Not responding? Rerun this cell."
)
HINT = Markup('<p class="runkit-nobuttons">{}</p>').format(NO_BUTTONS)  # a card that has loaded hides it
RECEIPT_TONES = {
    "ok": ("✓ ", style.LIGHT.ok),
    "attention": ("", style.LIGHT.attention),
    "neutral": ("", style.LIGHT.muted),
}


# ------------------------------------------------------------------------------------------ for the page


def checked_reasons(reasons: Reasons | None) -> Reasons:
    """Check the reasons that a form is to offer. Raises `UsageError`."""
    lists = list(reasons.values()) if isinstance(reasons, Mapping) else [reasons or []]
    are_lists = all(isinstance(one, list | tuple) for one in lists)
    if not are_lists or not all(isinstance(text, str) for texts in lists for text in texts):
        example = '{"dismissal": ["Different date of birth"]}'
        raise UsageError(f"reasons={brief(reasons)} is not a dict of lists such as {example}")
    return reasons or {}


def describe_form(controller: AnswerController, reasons: Reasons) -> Json:
    """Describe a card with one question: what is asked, where the answer stands, what is in the inputs."""
    question, client, snapshot = controller.question, controller.client, controller.snapshot
    state, receipt = snapshot.state, snapshot.receipt
    message = f"{OFFLINE} {snapshot.message}" if snapshot.is_offline else snapshot.message
    return {
        "kind": "form",
        "question": {
            "digest": question.shown_digest(client.host),
            "business": shorten(question.run.business_name or "", 100),
            "run": short_id(question.run.id),
            "host": client.host,
            "mode": client.mode,
            "title": truncated(question.label),
            "asked": asked_by(question),
            "sections": _sections(controller, reasons),
            **_buttons(controller),
            "raw": raw_json(question.value),
        },
        "values": controller.entries,
        "status": {
            "state": str(state),
            "message": "" if receipt else visible(message.strip()),
            "receipt": visible(receipt.title) if receipt else "",
            "tone": receipt.tone if receipt else TONES.get(state, "neutral"),
            "errors": snapshot.errors,
            "checking": snapshot.is_checking,
            "final": snapshot.is_final,
            "inert": state not in EDITABLE or client.read_only,
            "read_only": client.read_only,
            "who": visible(controller.who),
            "login": controller.is_login,
            "ask": controller.is_login and controller.who in SHARED_LOGINS,
            "copy": controller.typed if state is State.CONFLICT else "",
        },
    }


def _sections(controller: AnswerController, reasons: Reasons) -> list[Json]:
    question, sections, room, described = controller.question, controller.form.sections, MAX_FINDINGS, []
    for section in sections:
        proposals = question.proposals if len(sections) == 1 else [section.proposal]
        evidence, left_out = evidence_of(proposals, room)
        room -= len(evidence)
        described.append(
            {
                "key": section.key,
                "title": section.title,
                "agent": agent_label(section.agent),
                "reason": section.reason,
                "evidence": evidence,
                "left_out": left_out,
                "verbs": [_verb(verb, question) for verb in section.verbs],
                "fields": [field.plain() for field in section.fields],
                "summary": section.summary(),
                "reasons": list(reasons.get(section.kind, ())),
            }
        )
    return described


def _buttons(controller: AnswerController) -> Json:
    """Describe the buttons that send, and for several proposals those that choose for all of them."""
    question, sections = controller.question, controller.form.sections
    if len(sections) == 1:
        return {"verbs": [_verb(verb, question) for verb in sections[0].verbs], "all": []}
    send = Verb("send", f"Send {len(sections)} answers", FINAL, "", "")
    which = "both" if len(sections) == 2 else "all"
    return {
        "verbs": [_verb(send, question)],
        "all": [[f"Approve {which}", "A"], [f"Reject {which}", "X"]],
    }


def _verb(verb: Verb, question: Question) -> Json:
    """Describe a button; its second press repeats that the business is not known."""
    again = verb.again if question.run.business_id else f"{AGAIN}: business not identified"
    return {**verb._asdict(), "button": visible(verb.button), "again": again}


def evidence_of(proposals: Sequence[Mapping[str, Any]], room: int = MAX_FINDINGS) -> tuple[list[Json], str]:
    """Give at most `room` findings of proposals as plain data, and a sentence about those left out."""
    artifacts = [item for one in proposals[:MAX_PROPOSALS] for item in objects(one.get("artifacts"))]
    shown = [_finding(item) for item in artifacts[:room]]
    left_out = len(artifacts) - len(shown)
    parts = [f"{plural(left_out, 'more finding')} not shown here." if left_out else "", _more(proposals)]
    return shown, " ".join(filter(None, parts))


def _more(proposals: Sequence[Mapping[str, Any]]) -> str:
    n_more = len(proposals) - MAX_PROPOSALS
    return f"{plural(n_more, 'more proposal')} not shown here; run.interrupts has all." if n_more > 0 else ""


def _finding(item: Json) -> Json:
    word, sources = _text_of(item, "confidence"), objects(item.get("sources"))
    listed = [_source(one) for one in sources[:MAX_SOURCES]]
    if (n_more := len(sources) - MAX_SOURCES) > 0:
        listed.append({"name": f"{plural(n_more, 'more source')} not shown here"})
    return {
        "title": _text_of(item, "title") or "Untitled finding",
        "confidence": word.capitalize(),
        "tone": style.CONFIDENCE_COLORS.get(word, ""),
        "summary": _text_of(item, "summary"),
        "sources": listed,
    }


def _source(source: Json) -> Json:
    url, tier, name = (_text_of(source, one) for one in ("url", "source_tier", "source_name"))
    host = web_host(url)
    return {
        "name": shorten(name or url if host else ": ".join(filter(None, (name, url))), MAX_NAME),
        "url": url if host else None,
        "host": host or "",
        "tier": tier,
        "mark": style.TIERS.get(tier, style.UNKNOWN_TIER),
    }


def asked_by(question: Question, *, is_open: bool = True) -> str:
    """Say which agent asks, and since when."""
    run = question.run
    name = run.agent_name if question.agent in (None, run.agent) else None
    since = f" · {'waiting since' if is_open else 'asked'} {moment(question.asked_at)}"
    agent = shorten(name, 100) if name else agent_label(question.agent or run.agent)
    return f"Asked by {agent}{since if question.asked_at else ''}"


def agent_label(agent: object) -> str:
    """Name an agent of which only the type is known."""
    return shorten(agent_title(agent if isinstance(agent, str) else ""), 100)


def truncated(text: str, limit: int = MAX_TEXT) -> str:
    """Cut a text of a run, and say how much is missing."""
    left_out = len(text) - limit
    more = f"… ({left_out:,} more characters not shown here)" if left_out > 0 else ""
    return visible(text[:limit] + more)


def raw_json(value: Mapping[str, Any]) -> str:
    """Give a raw value, cut to `MAX_RAW` characters."""
    return truncated(jsontext.dumps(dict(value)), MAX_RAW)


def _text_of(item: Mapping[str, Any], name: str) -> str:
    """Give a text of an object that may break the contract."""
    value = item.get(name)
    return "" if value is None else truncated(str(value))


# -------------------------------------------------------------------------------------- static HTML, text


def title(text: str) -> Markup:
    """Make a bold line."""
    return _TITLE.format(text)


def line(text: object) -> Markup:
    """Make an ordinary line; none for an empty text."""
    return _LINE.format(text) if text else Markup("")


def run_heading(client: Client, run: Run) -> str:
    """Name the run of a card and where it acts: the host, LIVE or SANDBOX."""
    missing = "" if run.business_id else f" · {UNIDENTIFIED}"
    return f"{run.label}{missing} · {client.mode} {client.host}"


def question_html(question: Question, client: Client, *, is_open: bool = True) -> Markup:
    """Show a question with its evidence: who asks what, and on what findings."""
    parts = [line(run_heading(client, question.run)), title(truncated(question.label))]
    parts.append(line(isolate(asked_by(question, is_open=is_open))))
    proposals, room = question.proposals, MAX_FINDINGS
    for number, proposal in enumerate(proposals[:MAX_PROPOSALS], 1):
        if len(proposals) > 1:
            label = _text_of(proposal, "label") or "Proposal without a label"
            parts.append(title(f"{number}. {label} ({agent_label(proposal.get('agent'))})"))
        shown, left_out = evidence_of([proposal], room)
        room -= len(shown)
        parts += [_evidence(shown), line(left_out)]
    parts.append(line(_more(proposals)))
    parts.append(_FOLDED.format("What the agent sent, as JSON", _PRE.format(raw_json(question.value))))
    return Markup("").join(parts)


def _evidence(findings: Sequence[Json]) -> Markup:
    rows = [
        (
            one["title"],
            one["confidence"] or style.MISSING,
            one["summary"],
            Markup("<br>").join(
                link(it["url"], it["name"]) if it.get("url") else it["name"] for it in one["sources"]
            )
            or style.MISSING,
        )
        for one in findings
    ]
    head = ("Finding", "Confidence", "Summary", "Sources")
    return html_table(head, rows) if rows else line("The agent gave no evidence.")


def evidence(proposal: Json) -> Markup:
    """Show the findings of a proposal as a table."""
    shown, left_out = evidence_of([proposal])
    return _evidence(shown) + line(left_out)


def twin(question: Question, client: Client) -> Bundle:
    """Make the static twin of a question."""
    head = Markup("<b>{}</b> · {}").format(question.run.label, truncated(question.label))
    asked = f"{asked_by(question)}: {truncated(question.label)}"
    text = f"{run_heading(client, question.run)}\n{asked}\n{NO_BUTTONS}"
    return folding(head, question_html(question, client) + HINT, text)


def folding(head: object, body: Markup, text: str, *, is_open: bool = True) -> Bundle:
    """Make the static twin of a card; a card that has loaded folds it to one line."""
    return bundle(_TWIN.format(Markup(" open") if is_open else "", head, body), text)


def receipt(receipt: Receipt, client: Client, question: Question | None = None) -> Bundle:
    """Show the receipt of a question, with what was asked, folded."""
    mark, color = RECEIPT_TONES[receipt.tone]
    facts = dict(receipt.facts)
    details = html_table(("", ""), [(name[:1].upper() + name[1:], value) for name, value in receipt.facts])
    if question is not None:
        details += question_html(question, client, is_open=False)
    html = _RECEIPT.format(
        color=color,
        head=facts["run"],
        mode=client.mode,
        mark=mark,
        title=receipt.title,
        reason=line(f"“{receipt.reason}”") if receipt.reason else "",
        foot=f"{'Confirmed by the API · ' if facts.get('delivery') == 'confirmed' else ''}{client.host}",
        details=_FOLDED.format("Details", details),
    )
    return bundle(html, f"{facts['run']}: {receipt.title}")


def bundle(html: Markup, text: str) -> Bundle:
    """Make a mime bundle for a page without widgets."""
    return {"text/html": block(html), "text/plain": visible(text)}


def note(text: str) -> Bundle:
    """Make a mime bundle of one line."""
    return bundle(line(text), text)
