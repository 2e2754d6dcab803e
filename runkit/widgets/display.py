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
    short_id,
    shorten,
    static_file,
    truncated,
    visible,
)
from runkit.widgets.controller import AnswerController
from runkit.widgets.question import UNIDENTIFIED, Question, Receipt, State
from runkit.widgets.questionnaire import NO_LABEL, Section

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
_template = _environment.get_template("static.html.j2")


# ------------------------------------------------------------------------------------ as plain data


def describe_form(controller: AnswerController) -> Json:
    """Describe a card with one question: what is asked, where the answer stands, what is in the inputs."""
    question, snapshot, form = controller.question, controller.snapshot, controller.form
    [kind, *others] = [section.kind for section in form.sections.values()]
    verbs = form.sections["0"].verbs
    choices = []
    if others:
        verbs = (Verb("send", f"Send {len(form.sections)} answers", "send", ""),)
        which = "both" if len(others) == 1 else "all"
        choices = [(f"Approve {which}", "A"), (f"Reject {which}", "X")]
    return {
        "kind": "form",
        "question": {
            **_question(question, controller.client, controller.evidence),
            "sections": [
                _section(key, section, controller.reasons.get(section.kind, ()))
                for key, section in form.sections.items()
            ],
            "verbs": [_verb(verb) for verb in verbs],
            "main": None if not others and kind in WITHOUT_PROPOSAL else verbs[0].value,
            "all": choices,
            "needs": "" if others else NEEDS.get(kind, ""),
            "caution": "" if question.run.business_id else "Business not identified.",
        },
        "case": {
            **_case_head(question.run),
            "lines": controller.case_lines,
        },
        "values": controller.entries,
        "receipt": describe_receipt(snapshot.receipt, controller.client)
        if snapshot.receipt
        else None,
        "status": {
            "state": str(snapshot.state),
            "message": "" if snapshot.receipt else visible(snapshot.message.strip()),
            "tone": TONES.get(snapshot.state, "neutral"),
            "errors": snapshot.errors,
            "read_only": bool(controller.refusal),
            "who": visible(controller.who),
            "login": controller.is_login,
            "ask": controller.needs_name,
            "copy": controller.typed if snapshot.state is State.CONFLICT else "",
        },
    }


def _case_head(run: Run) -> Json:
    """Describe the head and the foot of the case: the business's own status, and a line of code."""
    words = shorten((run.business_status or "").replace("_", " "), 40)
    name = short_id(run.id)
    return {
        "status": f"Business {words}, as of {moment(run.business_status_at)}" if words else "",
        "code": f'run = client.runs.get("{name}"); runkit.report(run, "{name}.html"); runkit.gantt(run)',
    }


def _section(key: str, section: Section, reasons: Any) -> Json:
    fields = [asdict(field) for field in section.fields]
    verbs = [_verb(verb) for verb in section.verbs]
    return {
        "key": key,
        "verbs": verbs,
        "fields": fields,
        "summary": section.summary(),
        "reasons": [*reasons],
    }


def _verb(verb: Verb) -> Json:
    """Describe a button, with the errors of what it requires."""
    return {**verb._asdict(), "requires": {name: verb.missing(name) for name in verb.requires}}


def _question(question: Question, client: Client, evidence: list[list[Json]]) -> Json:
    """Describe a question with its evidence: who asks what, and on what findings."""
    run, proposals = question.run, []
    for proposal, findings in zip(question.proposals, evidence, strict=True):
        agent, title = (
            agent_title(proposal.get("agent") or ""),
            truncated(proposal.get("label") or NO_LABEL),
        )
        proposals.append({"title": title, "agent": agent, "evidence": findings})
    name = run.agent_name if question.agent in (None, run.agent) else None
    agent = shorten(agent_title(question.agent or run.agent, name), 100)
    since = f" · waiting since {moment(question.asked_at)}" if question.asked_at else ""
    return {
        "digest": question.shown_digest,
        "business": shorten(run.business_name or "", 100),
        "run": short_id(run.id),
        "host": client.host,
        "mode": client.mode,
        "title": truncated(question.label),
        "asked": f"Asked by {agent}{since}",
        "proposals": proposals,
        "raw": truncated(jsontext.dumps(question.value), MAX_RAW),
    }


def describe_receipt(receipt: Receipt, client: Client) -> Json:
    """Describe a receipt."""
    business, _, run = receipt.facts["run"].rpartition(" · ")
    title = visible(receipt.title)
    return {
        **asdict(receipt),
        "title": title,
        "business": business,
        "run": run,
        "mode": client.mode,
    }


# ------------------------------------------------------------------------------ as HTML and as text


def twin(described: Json, *, is_open: bool = True) -> Bundle:
    """Make the static twin of a card, which a card that has loaded folds to its summary."""
    question, receipt = described.get("question") or {}, described.get("receipt")
    lines = [
        described.get("title"),
        question.get("business"),
        question.get("title"),
        *described.get("lines", ()),
    ]
    if receipt:
        lines = [receipt["facts"]["run"], receipt["title"]]
    html = STYLE + Markup(_template.render(it=described, is_open=is_open))  # noqa: S704 - Jinja escapes
    return bundle(html, "\n".join(filter(None, lines)))


def bundle(html: Markup, text: str) -> Bundle:
    """Make a mime bundle for a page without widgets."""
    return {"text/html": block(html), "text/plain": visible(text)}


def note(text: str) -> Bundle:
    """Make a mime bundle of one line."""
    return bundle(Markup("<p>{}</p>").format(text), text)
