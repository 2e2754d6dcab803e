"""A form as a person has it before her, and who listens beside her."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import deepcopy

import ipywidgets as w

from fuzz.questions import COLUMNS, ONE, Json
from fuzz.stepwise import Gremlin, Post
from runkit.client import Client
from runkit.widgets.answer_controller import AnswerController, Snapshot, State
from runkit.widgets.fields import path_class
from runkit.widgets.form import InterruptForm
from runkit.widgets.view import FormView


def walk(widget: w.Widget) -> Iterator[w.Widget]:
    """A widget and all that it contains."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


class Card:
    """A form as a person has it before her, and what she knows of it."""

    def __init__(self, number: int, form: InterruptForm, entries: Json) -> None:
        assert form.controller is not None
        self.number = number
        self.form = form
        self.controller: AnswerController = form.controller
        self.value = self.controller.question.value
        self.heard: list[Snapshot] = [self.controller.snapshot]
        self.controller.subscribe(self.heard.append)
        self.view: FormView | None = FormView(self.controller)
        self.entries = deepcopy(entries)
        self.is_edited = self.is_unsaved = False
        self.preview: Json | None = None  # the answer that she was asked to confirm
        self.allowed: Json | None = None  # the answer that she let go
        self.posts: list[Post] = []  # hers
        self.attempt: Post | None = None  # since the last click
        self.told_of: list[Post] = []  # she knows that they may still arrive
        self.n_checked = 0  # of what was heard
        main = [one for one in walk(self.view.box) if isinstance(one, w.Button)]
        self.buttons = {
            "submit": next(one for one in main if "runkit-at-submit" in one._dom_classes),
            "confirm": next(one for one in main if one.description.startswith("Yes, ")),
            "cancel": next(one for one in main if one.description == "Go back"),
            "check": next(one for one in main if one.description == "Check again"),
        }

    @property
    def state(self) -> State:
        """Where the answer stands."""
        return self.controller.snapshot.state

    @property
    def is_live(self) -> bool:
        """Whether somebody can type and click here."""
        return self.view is not None and not self.controller.snapshot.is_final

    def act(self, name: str) -> None:
        """Click one of the main buttons, seen or not; where they are gone, the click was on its way."""
        if self.is_live:
            self.buttons[name].click()
        else:
            getattr(self.controller, name)()

    def inputs(self) -> Iterator[tuple[w.Widget, Json, str]]:
        """Each input, with the place in `entries` that it stands for."""
        assert self.view is not None
        found = {name: one for one in walk(self.view.box) for name in getattr(one, "_dom_classes", ())}
        for key, entered in self.entries.items():
            for name, entry in entered.items():
                if not isinstance(entry, list):
                    yield found[path_class(f"{key}-", name)], entered, name
                for number, row in enumerate(entry if isinstance(entry, list) else ()):
                    for column in COLUMNS[name]:
                        yield found[path_class(f"{key}-{name}.{number}.", column)], row, column

    def rows_buttons(self) -> list[tuple[w.Button, str, list[Json], int | None]]:
        """The buttons that add a row and those that remove one: of which rows, and which one."""
        assert self.view is not None
        buttons = [one for one in walk(self.view.box) if isinstance(one, w.Button)]
        found: list[tuple[w.Button, str, list[Json], int | None]] = []
        for key, entered in self.entries.items():
            for name in sorted(entered.keys() & COLUMNS.keys()):
                rows, css_class = entered[name], path_class(f"{key}-", name)
                found += [(one, name, rows, None) for one in buttons if css_class in one._dom_classes]
                removes = {f"Remove {ONE[name]} {nth + 1}": nth for nth in range(len(rows))}
                found += [
                    (one, name, rows, removes[one.description])
                    for one in buttons
                    if one.description in removes
                ]
        return found


class Complaints(logging.Handler):
    """Errors that a log took and nobody else would see."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what nobody has ordered."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, Gremlin):
            self.errors.append(error)


class Patient(Client):
    """A client whose waits take no time: the test decides when something happens."""

    _sleep = staticmethod(lambda _seconds: None)
