"""The browser part of a card: it suppresses shortcuts, moves the focus, and speaks to screen readers.

JupyterLab's command mode is active while a widget's button has the focus: `d d` would delete the cell with
the card. In JupyterLab 4.6 `data-lm-suppress-shortcuts` prevents it, if the focused element itself has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from runkit.text import visible

ESM = """
const FOCUSABLE = "input, select, textarea, button";

function retry(attempt, frames = 120) {  // the element may not be rendered yet
  if (!attempt() && frames > 0) requestAnimationFrame(() => retry(attempt, frames - 1));
}

function region() {  // one per page, which remains when the card is removed
  let live = document.getElementById("runkit-live");
  if (!live) {
    live = Object.assign(document.createElement("div"), {id: "runkit-live", className: "runkit-live"});
    live.setAttribute("role", "status");
    live.setAttribute("aria-live", "polite");
    document.body.append(live);
  }
  return live;
}

function control(card, name) {
  const holder = card.getElementsByClassName(name)[0];
  return holder?.matches(FOCUSABLE) ? holder : holder?.querySelector(FOCUSABLE);
}

function nextCard(card) {
  const cards = [...document.querySelectorAll(".runkit-card")];
  const next = cards.slice(cards.indexOf(card) + 1).find(other => !card.contains(other));
  return next?.querySelector(FOCUSABLE) ?? card.closest(".jp-Cell[tabindex], .jp-Notebook[tabindex]");
}

function guard(event) {
  event.target.setAttribute("data-lm-suppress-shortcuts", "true");
}

function render({model, el}) {
  const id = crypto.randomUUID?.() ?? String(Math.random());
  const queue = [];
  let card = null, isDisposed = false;
  // While the kernel is busy, ipywidgets delays edits and clicks overtake them: the answer would lack the
  // last edit. So a click waits until the kernel has received everything before it.
  const hold = event => {
    const button = event.target.closest("button");
    if (!button || !event.isTrusted) return;  // not trusted: released, maybe by the enclosing card
    event.stopImmediatePropagation();
    queue.push(button);
    model.send({queued: id});
  };
  const release = message => {
    if (message.released === id) queue.shift()?.click();
  };
  const speak = () => { region().textContent = model.get("announcement"); };
  const move = () => retry(() => {
    const name = model.get("focus_on").class;
    const target = card && (name === "next" ? nextCard(card) : control(card, name));
    target?.focus();
    return isDisposed || target;
  });
  const mark = () => retry(() => {
    if (isDisposed || !card) return isDisposed;
    for (const marked of card.querySelectorAll("[aria-invalid]"))
      for (const name of ["aria-invalid", "aria-describedby"]) marked.removeAttribute(name);
    return Object.keys(model.get("errors")).map(name => {
      const input = control(card, name);
      input?.setAttribute("aria-invalid", "true");
      input?.setAttribute("aria-describedby", name + "-error");
      return input;
    }).every(Boolean);
  });
  retry(() => {
    card = el.closest(".runkit-card");
    card?.addEventListener("focusin", guard);
    card?.addEventListener("click", hold, true);
    return isDisposed || card;
  });
  region();
  mark();
  const update = () => { move(); mark(); };  // rows that were rendered anew have lost their marks
  const listeners = {
    "change:announcement": speak, "change:focus_on": update, "change:errors": mark, "msg:custom": release,
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  model.send({opened: id});
  return () => {
    isDisposed = true;
    card?.removeEventListener("focusin", guard);
    card?.removeEventListener("click", hold, true);
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    model.send({disposed: id});
  };
}

export default {render};
"""

CSS = """
.runkit-live { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.runkit-card .widget-inline-hbox:not(.widget-checkbox) {
  flex-direction: column; align-items: stretch; width: auto; height: auto;
}
.runkit-card .widget-inline-hbox:not(.widget-checkbox) > * { flex: none; }
.runkit-card .widget-dropdown > select { height: var(--jp-widgets-inline-height); }
.runkit-card .widget-inline-hbox > .widget-label {
  width: auto; max-width: none; height: auto; text-align: start;
}
.runkit-card .widget-checkbox, .runkit-card .widget-checkbox > label { width: auto; height: auto; }
.runkit-card .widget-inline-hbox > label, .runkit-card .widget-checkbox span,
.runkit-card .widget-html-content {
  white-space: normal; overflow: visible; overflow-wrap: anywhere; line-height: 1.4;
}
.runkit-card .widget-html-content th { overflow-wrap: normal; word-break: normal; }
.runkit-card .widget-html-content a { color: var(--jp-content-link-color); }
.runkit-card .jupyter-widgets.jupyter-widgets-disconnected::before { content: none; }
"""


class Guard(anywidget.AnyWidget):
    """The invisible guard of a card, an element with the class `runkit-card`.

    Screen readers speak `announcement`. `errors` are messages by DOM class, whose inputs are marked invalid.
    """

    _esm = ESM
    _css = CSS
    announcement = traitlets.Unicode().tag(sync=True)
    focus_on = traitlets.Dict().tag(sync=True)
    errors = traitlets.Dict().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(layout={"display": "none"})
        self._view_ids: set[str] = set()
        self._view_callbacks: list[Callable[[int], None]] = []
        self.on_msg(self._on_message)

    @traitlets.validate("announcement")
    def _visible(self, proposal: Any) -> str:
        return visible(proposal["value"])

    def focus(self, css_class: str) -> None:
        """Move the focus to the input with this class, or with "next" to the next card."""
        self.focus_on = {"class": css_class, "n": self.focus_on.get("n", 0) + 1}

    def on_view(self, callback: Callable[[int], None]) -> None:
        """Call back with the number of views when it changes; a reloaded page leaves old views behind."""
        self._view_callbacks.append(callback)

    def _on_message(self, _widget: Guard, content: dict[str, Any], _buffers: list[memoryview]) -> None:
        if "queued" in content:
            self.send({"released": content["queued"]})
            return
        views = (
            self._view_ids | {content["opened"]}
            if "opened" in content
            else self._view_ids - {content.get("disposed")}
        )
        if views != self._view_ids:
            self._view_ids = views
            for callback in self._view_callbacks:
                callback(len(views))
