"""What cards show: a question as plain data for the page, and the static twin that needs no kernel.

Text enters HTML only through `runkit.text.Markup`, which escapes it. All text has its invisible characters
made visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runkit import jsontext, style
from runkit.client import Client
from runkit.models import Run
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
    short_id,
    shorten,
    visible,
    web_host,
)
from runkit.widgets.controller import EDITABLE, SHARED_LOGINS, AnswerController, State
from runkit.widgets.fields import Json
from runkit.widgets.question import UNIDENTIFIED, Question
from runkit.widgets.questions import AGAIN, FINAL, summary_of
from runkit.widgets.receipts import Receipt

MAX_RAW = 20_000  # characters of raw JSON on a card; the card says how many more there are
MAX_TEXT = 2000  # characters of one text
MAX_HTML = 250_000  # characters of evidence, after which none is added: larger notebooks open slowly
MAX_PROPOSALS = 50
MAX_ARTIFACTS = 50  # of a proposal
MAX_SOURCES = 20  # of an artifact
Bundle = dict[str, str]
EMPTY: Bundle = {"text/html": "", "text/plain": ""}
Reasons = Mapping[str, Sequence[str]]

_LINE = Markup("<p>{}</p>")
_TITLE = Markup("<p><strong>{}</strong></p>")
_TWIN = Markup('<details{} class="runkit-twin"><summary>{}</summary>{}</details>')
_OPEN = Markup(" open")
_FOLDED = Markup("<details><summary>{}</summary>{}</details>")
_PRE = Markup("<pre>{}</pre>")
_HINT = Markup('<p class="runkit-nobuttons">{}</p>')
_RECEIPT = Markup(
    '<div style="border:1px solid #9993;border-left:4px solid {color};border-radius:8px;padding:8px 16px">'
    "<p><strong>{head}</strong> · {mode}</p><p>{mark}{title}</p>{reason}<p>{foot}</p>{details}</div>"
)
NO_BUTTONS = (
    "No buttons below? Install anywidget where JupyterLab runs, or answer with client.runs.resume(…). "
    "Not responding? Rerun this cell."
)
TONES = {
    "ok": ("✓ ", style.LIGHT.ok),
    "attention": ("", style.LIGHT.attention),
    "neutral": ("", style.LIGHT.muted),
}


# ------------------------------------------------------------------------------------------ for the page


def describe_question(controller: AnswerController, reasons: Reasons) -> Json:
    """Describe a question to the page that shows it: what never changes while it is open."""
    question, client = controller.question, controller.client
    controller.note_display()
    sections = []
    for section in controller.form.sections:
        proposals = question.proposals if len(controller.form.sections) == 1 else [section.proposal]
        evidence, left_out = evidence_of(proposals)
        verbs = [
            {**verb._asdict(), "again": _again(verb.again, question), "button": visible(verb.button)}
            for verb in section.verbs
        ]
        sections.append(
            {
                "key": section.key,
                "title": section.title,
                "agent": agent_label(section.agent),
                "reason": section.reason,
                "evidence": evidence,
                "left_out": left_out,
                "verbs": verbs,
                "fields": [field.plain() for field in section.fields],
                "summary": visible(summary_of(section, section.start)),
                "hint": section.hint(),
                "reasons": [shorten(one, 200) for one in reasons.get(section.kind, ())],
            }
        )
    n = len(sections)
    return {
        "digest": question.shown_digest(client.host),
        "business": shorten(question.run.business_name or "", 100),
        "run": short_id(question.run.id),
        "host": client.host,
        "mode": client.mode,
        "title": truncated(question.label),
        "asked": asked_by(question),
        "sections": sections,
        "send": {
            "value": "send",
            "button": f"Send {n} answers",
            "again": _again(FINAL, question),
            "requires": [],
        },
        "raw": raw_json(question.value),
    }


def _again(text: str, question: Question) -> str:
    """Name the second press; a business that is not known is said once more."""
    return text if question.run.business_id else f"{AGAIN}: business not identified"


def describe_answer(controller: AnswerController) -> Json:
    """Describe to the page where the answer stands, and what is in the inputs."""
    snapshot, form = controller.snapshot, controller.form
    state, receipt = snapshot.state, snapshot.receipt
    tone = {State.INVALID: "fail", State.FAILED: "fail", State.UNKNOWN: "attention"}.get(state, "neutral")
    is_conflict = state is State.CONFLICT
    return {
        "values": {one.key: one.shown(controller.entries.get(one.key, {})) for one in form.sections},
        "status": {
            "version": snapshot.version,
            "state": str(state),
            "message": "" if receipt else visible(snapshot.message),
            "receipt": visible(receipt.title) if receipt else "",
            "tone": receipt.tone if receipt else tone,
            "errors": snapshot.errors,
            "checking": snapshot.is_checking,
            "final": snapshot.is_final,
            "inert": state not in EDITABLE or controller.client.read_only,
            "read_only": controller.client.read_only,
            "who": visible(controller.who),
            "login": controller.is_login,
            "ask": controller.is_login and controller.who in SHARED_LOGINS,
            "copy": _typed(controller) if is_conflict else "",
        },
    }


def _typed(controller: AnswerController) -> str:
    notes = [str(one.get("note") or "") for one in controller.entries.values()]
    return "\n".join(filter(None, notes))


def evidence_of(proposals: Sequence[Mapping[str, Any]]) -> tuple[list[Json], str]:
    """Give the findings of proposals as plain data, and a sentence about those that are left out."""
    artifacts = [item for one in proposals[:MAX_PROPOSALS] for item in _objects(one.get("artifacts"))]
    shown: list[Json] = []
    n_characters = 0
    for item in artifacts[:MAX_ARTIFACTS]:
        if n_characters > MAX_HTML:
            break
        word = _text_of(item, "confidence", "")
        sources = _objects(item.get("sources"))
        found: Json = {
            "title": _text_of(item, "title", "Untitled finding"),
            "confidence": word.capitalize(),
            "tone": style.CONFIDENCE_COLORS.get(word, ""),
            "summary": _text_of(item, "summary", ""),
            "sources": [_source(one) for one in sources[:MAX_SOURCES]],
        }
        if (rest := len(sources) - MAX_SOURCES) > 0:
            found["sources"].append({"name": f"{plural(rest, 'more source')} not shown here"})
        n_characters += len(jsontext.dumps(found))
        shown.append(found)
    left_out = len(artifacts) - len(shown)
    n_more = len(proposals) - MAX_PROPOSALS
    parts = [
        f"{plural(left_out, 'more finding')} not shown here." if left_out else "",
        f"{plural(n_more, 'more proposal')} not shown here; run.interrupts has all." if n_more > 0 else "",
    ]
    return shown, " ".join(filter(None, parts))


def _source(source: Mapping[str, Any]) -> Json:
    url, tier = str(source.get("url") or ""), _text_of(source, "source_tier", "")
    host = web_host(url)
    name = _text_of(source, "source_name", "") or truncated(url)
    return {
        "name": name if host or not source.get("source_name") else f"{name}: {truncated(url)}",
        "url": url if host else None,
        "host": host or "",
        "tier": tier,
        "mark": style.TIERS.get(tier, style.UNKNOWN_TIER),
    }


def asked_by(question: Question, *, is_open: bool = True) -> str:
    """Say which agent asks, and since when."""
    run = question.run
    if run.agent_name and question.agent in (None, run.agent):
        agent = shorten(run.agent_name, 100)
    else:
        agent = agent_label(question.agent or run.agent)
    since = f" · {'waiting since' if is_open else 'asked'} {moment(question.asked_at)}"
    return f"Asked by {agent}{since if question.asked_at else ''}"


def agent_label(agent: str | None) -> str:
    """Name an agent of which only the type is known."""
    return shorten(agent_title(agent or ""), 100) or "Unknown agent"


def truncated(text: str) -> str:
    """Cut a text of a run to `MAX_TEXT` visible characters."""
    left_out = len(text) - MAX_TEXT
    return visible(
        f"{text[:MAX_TEXT]}… ({left_out:,} more characters not shown here)" if left_out > 0 else text
    )


def raw_json(value: Mapping[str, Any]) -> str:
    """Give a raw value, cut to `MAX_RAW` characters."""
    text = jsontext.dumps(dict(value))
    left_out = len(text) - MAX_RAW
    end = f"\n… {left_out:,} more characters not shown here; run.interrupts has all." if left_out > 0 else ""
    return visible(text[:MAX_RAW] + end)


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text_of(item: Mapping[str, Any], name: str, default: str) -> str:
    """Give a text of an object that may break the contract."""
    value = item.get(name)
    return default if value in (None, "") else truncated(str(value))


def describe_form(controller: AnswerController, reasons: Reasons) -> Json:
    """Describe a card with one question."""
    return {"kind": "form", "question": describe_question(controller, reasons), **describe_answer(controller)}


# -------------------------------------------------------------------------------------- static HTML, text


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


def question_html(question: Question, client: Client, *, is_open: bool = True) -> Markup:
    """Show a question with its evidence: who asks what, and on what findings."""
    parts = [line(run_heading(client, question.run)), title(truncated(question.label))]
    parts.append(line(isolate(asked_by(question, is_open=is_open))))
    proposals, room = question.proposals, MAX_HTML
    for number, proposal in enumerate(proposals[:MAX_PROPOSALS], 1):
        if room <= 0:
            break
        if len(proposals) > 1:
            label, agent = _text_of(proposal, "label", "Proposal without a label"), proposal.get("agent")
            name = agent_label(agent if isinstance(agent, str) else None)
            parts.append(title(f"{number}. {label} ({name})"))
        parts.append(evidence(proposal))
        room -= len(parts[-1])
    else:
        number = min(len(proposals), MAX_PROPOSALS) + 1
    if (n_more := len(proposals) - number + 1) > 0:
        parts.append(line(f"{plural(n_more, 'more proposal')} not shown here; run.interrupts has all."))
    parts.append(_FOLDED.format("What the agent sent, as JSON", _PRE.format(raw_json(question.value))))
    return Markup("").join(parts)


def evidence(proposal: Mapping[str, Any]) -> Markup:
    """Show the findings of a proposal as a table."""
    shown, left_out = evidence_of([proposal])
    if not shown:
        return line("The agent gave no evidence.")
    rows = [
        (
            one["title"],
            one["confidence"] or style.MISSING,
            one["summary"],
            Markup("<br>").join(
                link(it["url"], it["name"]) if it.get("url") else esc(it["name"]) for it in one["sources"]
            )
            or style.MISSING,
        )
        for one in shown
    ]
    table = html_table(("Finding", "Confidence", "Summary", "Sources"), rows)
    return table + line(left_out) if left_out else table


def hint() -> Markup:
    """Say what to do where no card loads; a card that has loaded hides this."""
    return _HINT.format(NO_BUTTONS)


def folding(head: object, body: Markup, *, is_open: bool = True) -> Markup:
    """Make the static twin of a card; a card that has loaded folds it to one line."""
    return static(_TWIN.format(_OPEN if is_open else "", head, body))


def twin(question: Question, client: Client) -> Bundle:
    """Make the static twin of a question."""
    head = Markup("<b>{}</b> · {}").format(question.run.label, truncated(question.label))
    body = question_html(question, client) + hint()
    return bundle(folding(head, body), question_text(question, client))


def receipt(receipt: Receipt, client: Client, question: Question | None = None) -> Bundle:
    """Show the receipt of a question, with what was asked, folded."""
    mark, color = TONES[receipt.tone]
    facts = dict(receipt.facts)
    table = html_table(("", ""), [(name[:1].upper() + name[1:], value) for name, value in receipt.facts])
    asked = (
        question_html(question, client, is_open=False)
        if question is not None and question.value
        else Markup("")
    )
    foot = f"{'Confirmed by the API · ' if facts.get('delivery') == 'confirmed' else ''}{client.host}"
    html = _RECEIPT.format(
        color=color,
        head=facts.get("run", ""),
        mode=client.mode,
        mark=mark,
        title=receipt.title,
        reason=line(f"“{receipt.reason}”") if receipt.reason else Markup(""),
        foot=foot,
        details=_FOLDED.format("Details", table + asked),
    )
    return bundle(static(html), f"{facts.get('run', '')}: {receipt.title}")


def bundle(html: Markup, text: str) -> Bundle:
    """Make a mime bundle for a page without widgets."""
    return {"text/html": str(html), "text/plain": visible(text)}


def note(text: str) -> Bundle:
    """Make a mime bundle of one line."""
    return bundle(static(line(text)), text)


def question_text(question: Question, client: Client) -> str:
    """Give a question as plain text."""
    asked = f"{asked_by(question)}: {truncated(question.label)}"
    return f"{run_heading(client, question.run)}\n{asked}\n{NO_BUTTONS}"
