"""Controllers as ipywidgets: the base class of all views, and the view of a form."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic

import ipywidgets as w

from runkit.widgets import display
from runkit.widgets.answer_controller import AnswerController, Snapshot, State
from runkit.widgets.controller import Controller, S
from runkit.widgets.fields import FieldSet, close_tree, path_class
from runkit.widgets.focus import Guard
from runkit.widgets.receipts import Receipt

AUTO = {"width": "auto", "align_self": "flex-start"}


class View(Generic[S]):
    """Shows a controller's snapshots as widgets, in `box`, and forwards a person's actions to it."""

    box: Any

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._version = -1

    def follow(self, controller: Controller[S]) -> None:
        """Show a controller from now on."""
        controller.subscribe(self.render)
        self.render(controller.snapshot)

    def render(self, snapshot: S) -> None:
        """Show a snapshot, unless a newer one was shown already."""
        with self._lock:
            if snapshot.version > self._version:
                self._version = snapshot.version
                self._show(snapshot)

    def _show(self, snapshot: S) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Close all widgets."""
        with self._lock:
            self._version = 1 << 60  # no later snapshot is shown
            close_tree(self.box)


class FormView(View[Snapshot]):
    """The form of a question as widgets."""

    def __init__(self, controller: AnswerController) -> None:
        super().__init__()
        self.controller = controller
        self.guard = Guard()
        self._message = w.HTML()
        self._sections = {
            section.key: FieldSet(
                section.fields,
                controller.entries.get(section.key),
                self._edited,
                prefix=f"{section.key}-",
                focus=self.guard.focus,
            )
            for section in controller.form.sections
        }
        self._submit = button("", controller.submit, "primary")
        self._back = button("Go back", self._moving_focus(controller.cancel))
        self._confirm = button("", self._moving_focus(controller.confirm), "danger")
        self._check = button("Check again", self._moving_focus(controller.check))
        self._back.add_class(path_class("", "back"))
        self._submit.add_class(path_class("", "submit"))
        self._body = w.VBox(self._inputs())
        self._confirm_row = w.HBox([self._back, self._confirm])
        self.box = w.VBox(
            [self.guard, self._body, self._message, self._submit, self._confirm_row, self._check]
        )
        self.box.add_class("runkit-card")
        self.follow(controller)

    def _inputs(self) -> list[w.Widget]:
        sections = self.controller.form.sections
        if len(sections) == 1:
            return [self._sections[sections[0].key].box]
        children: list[w.Widget] = [
            w.HBox(
                [
                    button("Approve all", self._choose_all("approve")),
                    button("Reject all", self._choose_all("reject")),
                ]
            )
        ]
        for number, section in enumerate(sections, 1):
            heading = display.title(f"{number}. {section.title} ({display.agent_label(section.agent)})")
            children += [w.HTML(str(heading)).add_class("mathjax_ignore"), self._sections[section.key].box]
        return children

    def _choose_all(self, word: str) -> Callable[[], None]:
        """Make an action that chooses the same for every proposal that offers this choice."""

        def choose() -> None:
            for section in self.controller.form.sections:
                choices = next((one.choices for one in section.fields if one.name == "decision"), ())
                if word in (value for _, value in choices):
                    inputs = self._sections[section.key]
                    inputs.set_entries({**inputs.entries(), "decision": word})
            self._edited()

        return choose

    def _moving_focus(self, act: Callable[[], object]) -> Callable[[], None]:
        """Make the action of a button that disappears: the focus first moves to a button that stays."""

        def move_and_act() -> None:
            self.guard.focus(path_class("", "submit"))
            act()

        return move_and_act

    def _edited(self) -> None:
        self.controller.edit({key: inputs.entries() for key, inputs in self._sections.items()})

    def _show(self, snapshot: Snapshot) -> None:
        if snapshot.receipt is not None:
            self._show_receipt(snapshot.receipt)
            return
        state = snapshot.state
        captions = {State.SENDING: "Sending…", State.UNKNOWN: "Sent, not yet confirmed"}
        self._submit.button_style = "" if state is State.CONFIRM else "primary"
        self._submit.description = captions.get(state, snapshot.caption)
        self._confirm.description = f"Yes, {snapshot.caption[:1].lower()}{snapshot.caption[1:]}"
        set_visible(self._confirm_row, state is State.CONFIRM)
        set_visible(self._check, state is State.UNKNOWN and not snapshot.is_checking)
        marked, unplaced = self._show_errors(snapshot)
        message = " ".join((snapshot.message, *unplaced)).strip()
        self._message.value = str(display.line(message)) if message else ""
        self.guard.announcement = message
        if state is State.INVALID and marked and snapshot.message:
            self.guard.focus(next(iter(marked)))
        elif state is State.CONFIRM:
            # so that pressing Enter twice does not send an answer that can't be undone
            self.guard.focus(path_class("", "back"))

    def _show_errors(self, snapshot: Snapshot) -> tuple[dict[str, str], list[str]]:
        """Show errors beside their fields; gives those by DOM class, and those without a field."""
        marked: dict[str, str] = {}
        unplaced: list[str] = []
        for key, inputs in self._sections.items():
            errors = dict(snapshot.errors.get(key, {}))
            rest = inputs.show_errors(errors)
            unplaced += rest.values()
            marked |= {path_class(f"{key}-", path): errors[path] for path in errors if path not in rest}
        self.guard.errors = marked
        return marked, unplaced

    def _show_receipt(self, receipt: Receipt) -> None:
        """Show the receipt in the card, too: a page that was reloaded gets no updates of outputs."""
        self.guard.announcement = receipt.title
        self.guard.focus("next")
        old_children = [child for child in self.box.children if child is not self.guard]
        self.box.children = (self.guard, w.HTML(str(display.receipt(receipt))))
        for child in old_children:
            close_tree(child)


def button(caption: str, act: Callable[[], object], style: str = "") -> w.Button:
    """Make a button as wide as its caption."""
    button = w.Button(description=caption, button_style=style, layout=AUTO)
    button.on_click(lambda _button: act())
    return button


def set_visible(widget: w.DOMWidget, is_visible: bool) -> None:
    """Show or hide a widget."""
    widget.layout.display = None if is_visible else "none"
