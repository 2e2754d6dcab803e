"""One open question of a run: what a newer state of the run says of it, and its HTML.

Every text of a run is escaped.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.models import Run, Step
from runkit.api.reading import (
    answerer_of,
    decision_of,
    objects,
    proposals_of,
    result_of,
)
from runkit.api.words import CONFIDENCES, OUTCOMES, TIERS
from runkit.client import Client, RunList
from runkit.client.resume import Asked
from runkit.display.colors import css_variables
from runkit.display.text import (
    Markup,
    agent_title,
    first_text,
    isolate,
    link,
    moment,
    plural,
    short_id,
    shorten,
    truncated,
)
from runkit.facts import NOT_IN_THE_DATA, Facts
from runkit.local import answer_log
from runkit.tables.read_frames import frames

CHANGED = "The question has changed. Refresh, or run the cell again, to see the new one."
LAPSED = f"{OUTCOMES.find('expired').label}. This doesn't count as a rejection."
MAX_RAW = 20_000  # characters of raw JSON
MAX_FINDINGS = 20  # of the run, as rows of a table; what is proposed has all of its own
MATCHED = ("interrupt_id", "step_id", "label")  # of a question and its row in frames
MUTED = "rk-muted"  # the tone of what is neither good nor bad
FORM_STYLE = Markup("<style>{}{}</style>").format(
    css_variables(":is(.runkit-static, .runkit-form, .rk-bar)"),
    Markup(r"""
.runkit-static {
  font-size: 13px; line-height: 1.4; color: var(--runkit-text); overflow-wrap: anywhere;
}
.runkit-static p { margin: 1px 0; }
.runkit-static .rk-muted { color: var(--runkit-muted); }
.runkit-static .rk-ask { font-size: 15px; font-weight: 600; margin: 2px 0; }
.runkit-static .rk-part { font-weight: 600; margin: 2px 0 6px; }
.runkit-static .rk-finding {
  border-left: 3px solid var(--runkit-line); padding-left: 10px; margin: 6px 0;
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
.runkit-static .rk-note.rk-muted { padding-left: 0; }
.runkit-static a { color: var(--runkit-link); }
.runkit-static pre { white-space: pre-wrap; font-size: 12px; color: inherit; }
.runkit-static summary { color: var(--runkit-muted); cursor: pointer; padding: 1px 0; }
.runkit-form {
  border: 1px solid var(--runkit-line); border-radius: 8px; padding: 10px 14px; margin: 8px 2px;
}
.runkit-form .widget-box > * { flex-shrink: 0; }
.runkit-form .rk-inputs { max-height: 390px; overflow: auto; flex-shrink: 0; }
.runkit-form .rk-inputs > * + * {
  border-top: 1px solid var(--runkit-line); margin-top: 6px; padding-top: 8px;
}
.runkit-form :is(.widget-textarea, .widget-dropdown, .widget-radio) { width: auto; }
.runkit-form textarea { resize: vertical; }
.runkit-form textarea[rows="1"] { font-family: inherit; }
.runkit-form :is(.widget-toggle-buttons, .widget-radio) {
  display: flex; flex-direction: row; margin: 2px;
}
.runkit-form .widget-toggle-buttons > div { margin: 0; }
.runkit-form .widget-radio-box { margin: 0 !important; }
.runkit-form .widget-radio { height: auto; }
.runkit-form .widget-label { width: 134px; flex: none; margin: 0; text-align: left; }
.runkit-form .rk-required > .widget-label::after,
.runkit-form :is(.widget-radio, .widget-dropdown):has(~ .rk-required) > .widget-label::after {
  content: " required"; color: var(--runkit-attention);
}
.runkit-form :is(.widget-radio, .widget-dropdown) ~ .rk-required > .widget-label::after {
  content: none;
}
.runkit-form .widget-accordion { margin: 2px 2px 2px 136px; }
.runkit-form .widget-accordion .lm-Widget { border: none; background: none; padding: 0; }
.runkit-form .widget-accordion .jupyter-widget-Collapse-header {
  color: var(--runkit-muted); font-weight: 400; padding: 2px 0;
}
.runkit-form .widget-toggle-button {
  width: auto; padding: 0 22px; margin: 0 6px 0 0; position: relative; border-radius: 4px;
}
.runkit-form .widget-toggle-button, .runkit-live .rk-bar button {
  background: none; border: 1px solid var(--runkit-muted); color: var(--runkit-text);
}
.runkit-form .widget-toggle-button.mod-active {
  background: var(--runkit-selected); color: var(--runkit-link); border-color: var(--runkit-link);
  box-shadow: inset 0 0 0 1px var(--runkit-link);
}
.runkit-form .widget-toggle-button.mod-active::before {
  content: "\2713" / ""; position: absolute; left: 8px;
}
.runkit-form .rk-send { margin: 4px 0 4px 134px; align-items: center; }
.runkit-form .rk-send > .widget-html { flex: 0 1 auto; }
.runkit-form button.mod-primary {
  width: auto; flex: none; background: #1a5fcc; color: #fff; padding: 0 18px;
}
.runkit-form button.mod-primary:disabled,
.runkit-form:has(.rk-required textarea:placeholder-shown) button.mod-primary {
  background: none; color: var(--runkit-muted); border: 1px solid var(--runkit-line); opacity: 1;
}
.runkit-live .rk-bar { justify-content: space-between; align-items: center; }
.runkit-live .rk-bar button { width: auto; flex: none; padding: 0 14px; }
.runkit-live .rk-list { width: auto; margin: 0 2px; }
.runkit-live .rk-list select { padding: 0; }
.runkit-live .rk-list option, .runkit-static .rk-lines {
  font: 12px/16px var(--jp-code-font-family, monospace); padding: 1px 8px; white-space: pre;
}
.runkit-static .rk-lines { margin: 0 1px; color: var(--runkit-muted); }
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


@dataclass(frozen=True)
class OpenQuestion:
    """A question as it was when it was read.

    `value` is what is asked. `asked_at` and `wait_s` are those of `frames`, None if not known.
    """

    run: Run
    value: Json
    interrupt_id: str | None
    step_id: str | None
    agent: str | None
    label: str
    asked_at: datetime | None
    wait_s: float | None
    is_late: bool

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the question's value, which shows whether it has changed."""
        return answer_log.digest(self.value)

    @property
    def key(self) -> tuple[str, str | None, str | None, str]:
        """What tells it from another asking of the same id, and from a changed question."""
        return self.run.id, self.interrupt_id, self.step_id, self.digest

    @property
    def about(self) -> str:
        """The business, else the agent, of its run."""
        run = self.run
        return shorten(run.business_name or agent_title(run.agent, run.agent_name), 100)

    def logged(self, host: str) -> list[answer_log.Entry]:
        """Return the answers to it from this machine that may have arrived, oldest first."""
        return answer_log.entries_about(self._in(self.run).columns(host))

    def _in(self, run: Run) -> Asked:
        return Asked(run, self.interrupt_id, self.step_id)

    def step_in(self, run: Run) -> Step | None:
        """Return the step of the question in a state of the run."""
        return next((step for step in run.walk() if step.id == self.step_id), None)

    def answerer_in(self, run: Run) -> str | None:
        """Return who answered, as the API says."""
        step = self.step_in(run)
        name = answerer_of(result_of(step.to_dict())) if step else None
        return shorten(name, 80) if name else None

    def closed_in(self, run: Run) -> str:
        """Return why it can't be answered in a newer state of the run; empty if it is open."""
        step = self.step_in(run)
        if run.asks(self.interrupt_id, self.step_id):
            current = self._in(run).value
            is_same = not current or answer_log.digest(current) == self.digest
            return "" if is_same else CHANGED
        if step is None or step.completed_at is None:
            return LAPSED if run.is_finished and step else "Already answered."
        decision = decision_of(result_of(step.to_dict()))
        by = self.answerer_in(run)
        parts = (
            "Already answered",
            f" “{shorten(decision, 80)}”" if decision else " (decision not in the data)",
            f" by {by}" if by else "",
            f", {moment(step.completed_at)}.",
        )
        return "".join(parts)


def waiting_questions(
    runs: Iterable[Run], read_at: datetime | None = None, sla_h: float | None = None
) -> list[OpenQuestion]:
    """Return the open questions of runs that were read with their steps, the longest wait first.

    `read_at` is when their list was read. Waits and limits are those of `Facts`.
    """
    by_id = {run.id: run for run in runs if run.is_waiting}
    f = frames(RunList((*by_id.values(),), read_at=read_at), progress=False)
    rows = Facts(f, sla_h).waiting.astype("object")
    known = rows.where(rows.notna(), None)
    return [_open_question(by_id[row["run_id"]], row) for row in known.to_dict("records")]


def _open_question(run: Run, row: dict[Hashable, Any]) -> OpenQuestion:
    """Return the question of a run that fits a row of frames best: by id, else step, else label."""
    question = max(
        (each for each in run.questions if each.is_open),
        key=lambda each: [getattr(each, name) == row[name] is not None for name in MATCHED],
    )
    step = next((step for step in run.walk() if step.id == question.step_id), None)
    value = question.value
    if step is not None and not value:  # only the step shows what is asked
        value = {"label": question.label, "artifacts": [item.to_dict() for item in step.artifacts]}
    return OpenQuestion(
        run=run,
        value=value,
        interrupt_id=question.interrupt_id,
        step_id=question.step_id,
        agent=question.agent,
        label=question.label or NOT_IN_THE_DATA,
        asked_at=row["asked_at"],
        wait_s=row["wait_s"],
        is_late=bool(row["is_late"]),
    )


# -- as HTML


def question_html(question: OpenQuestion, client: Client) -> Markup:
    """Write what is asked, about which business, where, by whom and since when."""
    run = question.run
    agent = agent_title(question.agent or run.agent)
    since = f", waiting since {moment(question.asked_at)}" if question.asked_at else ""
    return _HEAD.format(
        isolate(f"{question.about} · {short_id(run.id)}"),
        f"{client.mode} {client.host}",
        isolate(truncated(question.label)),
        isolate(agent),
        since,
    )


def evidence_html(proposal: Json) -> Markup:
    """Write what an agent proposes, one proposal after the other, and on what evidence."""
    parts = proposals_of(proposal)
    findings = [item for part in parts for item in objects(part.get("artifacts"))]
    if not findings:
        return Markup('<p class="rk-muted">The agent gave no evidence.</p>')
    return Markup("").join(map(finding_html, findings))


def part_html(number: int, proposal: Json) -> Markup:
    """Write the heading of one of several proposals."""
    title = first_text(proposal.get("label"), proposal.get("agent")) or "Proposal"
    return Markup('<p class="rk-part">{}. {}</p>').format(number, isolate(truncated(title)))


def folded_html(question: OpenQuestion) -> Markup:
    """Write what is folded: the findings of the run, and the question as JSON."""
    found = [item.to_dict() for step in question.run.walk() for item in step.artifacts]
    shown = found[:MAX_FINDINGS]
    title = plural(len(found), "finding") + " of this run"
    if len(found) > len(shown):
        title = f"{len(shown)} of {title}"
    findings = _FOLDED.format(title, Markup("").join(map(finding_html, shown)))
    raw = truncated(contract.dumps(question.value), MAX_RAW)
    return findings + _FOLDED.format("What the agent sent, as JSON", _PRE.format(raw))


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
    hint = note_html("Run the cell to answer.")
    return question_html(question, client) + evidence_html(question.value) + hint
