"""What cards show, as plain data for `card.js` in a page and `static.html.j2` without a kernel.

All text has its invisible characters made visible, and the templates escape it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runkit.api import jsontext
from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.api.questions import NEEDS, WITHOUT_PROPOSAL, Verb
from runkit.charts.theme import FIGURES
from runkit.client import Client
from runkit.display.templates import css_variables, environment
from runkit.display.text import (
    Markup,
    agent_title,
    block,
    link,
    moment,
    short_id,
    shorten,
    static_file,
    truncated,
    visible,
)
from runkit.widgets._answer_states import AnswerController
from runkit.widgets._page_messages import ToPage
from runkit.widgets._question import UNIDENTIFIED, Receipt, State
from runkit.widgets._questionnaire import NO_LABEL, Section

MAX_RAW = 20_000  # characters of raw JSON on a card; the card says how many more there are
Bundle = dict[str, Any]  # an output of a cell: its mime types
EMPTY: Bundle = {"text/html": "", "text/plain": ""}
TONES = {State.INVALID: "fail", State.FAILED: "fail", State.UNKNOWN: "attention"}
NO_BUTTONS = (
    "No buttons below? Install anywidget where JupyterLab runs, or answer with "
    "client.runs.resume(…). Not responding? Rerun this cell."
)
STATIC = Path(__file__).parent / "static"
SHARED_CSS = static_file(STATIC / "static.css")  # cards and their static twins share it
STYLE = Markup("<style>{}{}{}</style>").format(css_variables(".runkit-static"), SHARED_CSS, FIGURES)
_templates = environment(STATIC)
_templates.globals |= {"link": link, "hint": NO_BUTTONS, "unidentified": UNIDENTIFIED}
_template = _templates.get_template("static.html.j2")


# ------------------------------------------------------------------------------------ as plain data


def describe_form(controller: AnswerController) -> ToPage:
    """Describe a card with one question: what is asked, the state of the answer, and the inputs."""
    snapshot = controller.snapshot
    ended = snapshot.receipt
    receipt = describe_receipt(ended, controller.client) if ended else None
    return {
        "kind": "form",
        "question": _question(controller) | _answers(controller),
        "case": _case_head(controller.question.run) | {"lines": controller.case_lines},
        "values": controller.entries,
        "receipt": receipt,
        "status": {
            "state": str(snapshot.state),
            "message": "" if receipt else visible(snapshot.message.strip()),
            "tone": TONES.get(snapshot.state, "neutral"),
            "errors": {**snapshot.errors},
            "read_only": bool(controller.refusal),
            "who": visible(controller.who),
            "login": controller.is_login,
            "ask": controller.needs_name,
            "copy": controller.offered,
        },
    }


def _answers(controller: AnswerController) -> Json:
    """Describe the ways to answer: the verbs and inputs of each proposal and of all together."""
    sections = controller.form.sections
    first = sections["0"]
    verbs = first.verbs
    main = None if first.kind in WITHOUT_PROPOSAL else verbs[0].value
    choices = []
    if controller.form.is_combined:
        main = "send"
        verbs = (Verb(main, f"Send {len(sections)} answers", main, ""),)
        scope = "both" if len(sections) == 2 else "all"
        choices = [(f"Approve {scope}", "A"), (f"Reject {scope}", "X")]
    return {
        "sections": [
            _section(key, section, controller.reasons.get(section.kind, ()))
            for key, section in sections.items()
        ],
        "verbs": [_verb(verb) for verb in verbs],
        "main": main,
        "all": choices,
        "needs": NEEDS.get(first.kind, ""),
        "caution": "" if controller.question.run.business_id else "Business not identified.",
    }


def _case_head(run: Run) -> Json:
    """Describe the head and the foot of the case: the business's own status, and a line of code."""
    status = shorten((run.business_status or "").replace("_", " "), 40)
    run_id = short_id(run.id)
    code = (
        f'run = client.runs.get("{run_id}"); runkit.report(run, "{run_id}.html"); runkit.gantt(run)'
    )
    return {
        "status": f"Business {status}, as of {moment(run.business_status_at)}" if status else "",
        "code": code,
    }


def _section(key: str, section: Section, reasons: Sequence[str]) -> Json:
    return {
        "key": key,
        "verbs": [_verb(verb) for verb in section.verbs],
        "fields": [asdict(field) for field in section.fields],
        "summary": section.summary(),
        "edit": section.edit(),
        "reasons": [*reasons],
    }


def _verb(verb: Verb) -> Json:
    """Describe a button, with the errors of what it requires."""
    return {**verb._asdict(), "requires": {name: verb.missing(name) for name in verb.requires}}


def _question(controller: AnswerController) -> Json:
    """Describe a question with its evidence: who asks what, and on what findings."""
    question = controller.question
    run = question.run
    proposals = [
        {
            "title": truncated(proposal.get("label") or NO_LABEL),
            "agent": agent_title(proposal.get("agent") or ""),
            "evidence": findings,
        }
        for proposal, findings in zip(question.proposals, controller.evidence, strict=True)
    ]
    name = run.agent_name if question.agent in (None, run.agent) else None
    agent = shorten(agent_title(question.agent or run.agent, name), 100)
    since = f" · waiting since {moment(question.asked_at)}" if question.asked_at else ""
    return {
        "digest": question.shown_digest,
        "business": shorten(run.business_name or "", 100),
        "run": short_id(run.id),
        "host": controller.client.host,
        "mode": controller.client.mode,
        "title": truncated(question.label),
        "asked": f"Asked by {agent}{since}",
        "proposals": proposals,
        "raw": truncated(jsontext.dumps(question.value), MAX_RAW),
    }


def describe_receipt(receipt: Receipt, client: Client) -> Json:
    """Describe a receipt."""
    business, _, run = receipt.facts["run"].rpartition(" · ")
    names = {"business": business, "run": run, "mode": client.mode}
    return asdict(receipt) | names | {"title": visible(receipt.title)}


# ------------------------------------------------------------------------------ as HTML and as text


def twin(described: ToPage, *, is_open: bool = True) -> Bundle:
    """Build the static twin of a card, which a card that has loaded folds to its summary."""
    question = described.get("question") or {}
    receipt = described.get("receipt")
    if receipt:
        lines = [receipt["facts"]["run"], receipt["title"]]
    else:
        title = [described.get("title"), question.get("business"), question.get("title")]
        lines = [*title, *described.get("lines", ())]
    html = _template.render(it=described, is_open=is_open)
    text = "\n".join(filter(None, lines))
    return bundle(STYLE + Markup(html), text)  # noqa: S704 - Jinja escapes each value


def bundle(html: Markup, text: str) -> Bundle:
    """Build a mime bundle for a page without widgets."""
    return {"text/html": block(html), "text/plain": visible(text)}


def note(text: str) -> Bundle:
    """Build a mime bundle of one line."""
    return bundle(Markup("<p>{}</p>").format(text), text)
