"""What cards show: plain data, which `card.js` draws in a page and `static.html.j2` as HTML without a kernel.

All text has its invisible characters made visible, and the templates escape it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from runkit import jsontext
from runkit.charts.panel import FIGURES
from runkit.client import Client
from runkit.contract import Json
from runkit.models import Run
from runkit.questions import NEEDS, WITHOUT_PROPOSAL, Verb
from runkit.text import (
    Markup,
    agent_title,
    block,
    css_variables,
    esc,
    link,
    moment,
    plural,
    short_id,
    shorten,
    static_file,
    visible,
)
from runkit.widgets.case import code_for, evidence_of, other_findings, status_of, truncated
from runkit.widgets.controller import EDITABLE, OFFLINE, AnswerController
from runkit.widgets.question import UNIDENTIFIED, Question, Receipt, State
from runkit.widgets.questionnaire import MAX_PROPOSALS, NO_LABEL

MAX_RAW = 20_000  # characters of raw JSON on a card; the card says how many more there are
Bundle = dict[str, str]
EMPTY: Bundle = {"text/html": "", "text/plain": ""}
TONES = {State.INVALID: "fail", State.FAILED: "fail", State.UNKNOWN: "attention"}
NO_BUTTONS = (
    "No buttons below? Install anywidget where JupyterLab runs, or answer with client.runs.resume(…). "
    "Not responding? Rerun this cell."
)
STATIC = Path(__file__).parent / "static"
SHARED_CSS = static_file(STATIC / "static.css")  # of cards and their static twins
STYLE = Markup("<style>{}{}{}</style>").format(css_variables(".runkit-static"), SHARED_CSS, FIGURES)
_environment = Environment(loader=FileSystemLoader(STATIC), autoescape=True, finalize=esc)
_environment.globals |= {"link": link, "hint": NO_BUTTONS, "unidentified": UNIDENTIFIED}
_templates = _environment.get_template("static.html.j2")


# ----------------------------------------------------------------------------------------- as plain data


def describe_form(controller: AnswerController) -> Json:
    """Describe a card with one question: what is asked, where the answer stands, what is in the inputs."""
    question, client, snapshot = controller.question, controller.client, controller.snapshot
    state, receipt, sections = snapshot.state, snapshot.receipt, controller.form.sections
    message = f"{OFFLINE} {snapshot.message}" if snapshot.is_offline else snapshot.message
    described = [
        {
            "key": section.key,
            "reason": section.reason,
            "verbs": [_verb(verb) for verb in section.verbs],
            "fields": [asdict(field) for field in section.fields],
            "summary": section.summary(),
            "reasons": list(controller.reasons.get(section.kind, ())),
        }
        for section in sections
    ]
    send = Verb("send", f"Send {len(sections)} answers", "send", "")
    which = "both" if len(sections) == 2 else "all"
    choices = [[f"Approve {which}", "A"], [f"Reject {which}", "X"]]
    is_combined, kind = controller.form.is_combined, sections[0].kind
    verbs = [_verb(send)] if is_combined else [_verb(verb) for verb in sections[0].verbs]
    return {
        "kind": "form",
        "question": {
            **describe_question(question, client),
            "sections": described,
            "verbs": verbs,
            "main": verbs[0]["value"] if is_combined or kind not in WITHOUT_PROPOSAL else None,
            "all": choices if is_combined else [],
            "needs": "" if is_combined else NEEDS.get(kind, ""),
            "caution": "" if question.run.business_id else "Business not identified.",
        },
        "case": describe_case(controller),
        "values": controller.entries,
        "status": {
            "state": str(state),
            "message": "" if receipt else visible(message.strip()),
            "receipt": visible(receipt.title) if receipt else "",
            "tone": receipt.tone if receipt else TONES.get(state, "neutral"),
            "errors": snapshot.errors,
            "checking": snapshot.is_checking,
            "final": snapshot.is_final,
            "inert": state not in EDITABLE or bool(controller.refusal),
            "read_only": bool(controller.refusal),
            "who": visible(controller.who),
            "login": controller.is_login,
            "ask": controller.needs_name,
            "copy": controller.typed if state is State.CONFLICT else "",
        },
    }


def describe_case(controller: AnswerController) -> Json:
    """Describe what else is known about the business of a question."""
    run = controller.question.run
    lines = [*other_findings(controller.question), *controller.case_lines]
    return {"status": status_of(run), "lines": lines, "code": code_for(run)}


def _verb(verb: Verb) -> Json:
    """Describe a button, with the errors of what it requires."""
    return {**verb._asdict(), "requires": {name: verb.missing(name) for name in verb.requires}}


def describe_question(question: Question, client: Client, *, is_open: bool = True) -> Json:
    """Describe a question with its evidence: who asks what, and on what findings."""
    run, proposals, described = question.run, question.proposals, []
    for proposal, (evidence, left_out) in zip(proposals, evidence_of(question), strict=False):
        agent = _agent_label(proposal.get("agent"))
        title = truncated(proposal.get("label") or NO_LABEL)
        described.append({"title": title, "agent": agent, "evidence": evidence, "left_out": left_out})
    n_more = len(proposals) - MAX_PROPOSALS
    more = f"{plural(n_more, 'more proposal')} not shown here; run.interrupts has all." if n_more > 0 else ""
    name = run.agent_name if question.agent in (None, run.agent) else None
    agent = shorten(name, 100) if name else _agent_label(question.agent or run.agent)
    since = f" · {'waiting since' if is_open else 'asked'} {moment(question.asked_at)}"
    return {
        "digest": question.shown_digest(client.host),
        "business": shorten(run.business_name or "", 100),
        "run": short_id(run.id),
        "host": client.host,
        "mode": client.mode,
        "title": truncated(question.label),
        "asked": f"Asked by {agent}{since if question.asked_at else ''}",
        "proposals": described,
        "more": more,
        "raw": truncated(jsontext.dumps(question.value), MAX_RAW),
    }


def _agent_label(agent: object) -> str:
    """Name an agent of which only the type is known."""
    return shorten(agent_title(agent if isinstance(agent, str) else ""), 100)


# ------------------------------------------------------------------------------------ as HTML and as text


def run_heading(client: Client, run: Run) -> str:
    """Name the run of a card and where it acts: the host, LIVE or SANDBOX."""
    missing = "" if run.business_id else f" · {UNIDENTIFIED}"
    return f"{run.label}{missing} · {client.mode} {client.host}"


def question_twin(question: Question, client: Client) -> Bundle:
    """Make the static twin of a question."""
    described = describe_question(question, client)
    text = f"{run_heading(client, question.run)}\n{described['asked']}: {described['title']}\n{NO_BUTTONS}"
    return twin(described, text, questions=[described], has_hint=True)


def twin(summary: str | Json, text: str, *, is_open: bool = True, **parts: Any) -> Bundle:
    """Make the static twin of a card, which a card that has loaded folds to its summary.

    `summary` is a line or a question. Below it come, in this order, those `parts` that are given: `lines`,
    `questions`, `evidence` (of `evidence_of`), `table`, `notes`; with `has_hint`, what to do without buttons.
    """
    return bundle(_render("twin", summary=summary, is_open=is_open, **parts), text)


def receipt_bundle(receipt: Receipt, client: Client, question: Question | None = None) -> Bundle:
    """Show a receipt, with its details and what was asked, folded."""
    facts = dict(receipt.facts)
    html = _render(
        "receipt",
        it=receipt,
        facts=facts,
        mode=client.mode,
        question=question and describe_question(question, client, is_open=False),
    )
    return bundle(html, f"{facts['run']}: {receipt.title}")


def _render(macro: str, **values: Any) -> Markup:
    return STYLE + Markup(getattr(_templates.make_module(values), macro)())  # noqa: S704 - Jinja escapes


def bundle(html: Markup, text: str) -> Bundle:
    """Make a mime bundle for a page without widgets."""
    return {"text/html": block(html), "text/plain": visible(text)}


def note(text: str) -> Bundle:
    """Make a mime bundle of one line."""
    return bundle(Markup("<p>{}</p>").format(text), text)
