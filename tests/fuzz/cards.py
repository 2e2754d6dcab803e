"""A form as a person has it before her, and who listens beside her."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

from fuzz.questions import COLUMNS, Json
from fuzz.stepwise import Gremlin, Post
from runkit.client import Client
from runkit.widgets import display
from runkit.widgets.controller import AnswerController, Snapshot, State
from runkit.widgets.form import InterruptForm


class Card:
    """A form as a person has it before her: what the page was told to draw, and what it sends."""

    def __init__(self, number: int, form: InterruptForm, entries: Json) -> None:
        assert form.controller is not None
        self.number = number
        self.form = form
        self.controller: AnswerController = form.controller
        self.value = self.controller.question.value
        self.heard: list[Snapshot] = [self.controller.snapshot]
        self.controller.subscribe(self.heard.append)
        self.is_open = True
        self.page = display.describe_form(self.controller)
        self.inputs_shown: Json = deepcopy(self.page["values"])  # what stands in the inputs of the page
        self.entries = deepcopy(entries)
        self.is_edited = self.is_unsaved = False
        self.allowed: Json | None = None  # the answer that she let go
        self.attempt: Post | None = None  # since the last press
        self.told_of: list[Post] = []  # she knows that they may still arrive
        self.n_checked = 0  # of what was heard

    @property
    def state(self) -> State:
        """Where the answer stands."""
        return self.controller.snapshot.state

    @property
    def is_live(self) -> bool:
        """Whether somebody can type and click here."""
        return self.is_open and not self.controller.snapshot.is_final

    def send(self, verb: str | None = None, digest: str | None = None) -> None:
        """Send what a page sends: what was typed, or an answer after the second press."""
        content = {"values": deepcopy(self.inputs_shown), "digest": digest or self.page["question"]["digest"]}
        self.controller.receive({**content, "verb": verb} if verb is not None else content)

    def act(self, name: str) -> None:
        """Send an answer, or look again."""
        if name == "check":
            self.controller.receive({"check": True})
        else:
            decision = self.entries["0"]["decision"]
            self.send("send" if len(self.entries) > 1 else decision or "")

    def inputs(self) -> Iterator[tuple[Json, Json, str, list[Any]]]:
        """Each input: its place in the page and in `entries`, its name, and the choices if it has some."""
        for section in self.page["question"]["sections"]:
            page, entered = self.inputs_shown[section["key"]], self.entries[section["key"]]
            yield page, entered, "decision", [verb["value"] for verb in section["verbs"]]
            for field in section["fields"]:
                name = field["name"]
                if name not in COLUMNS:
                    yield page, entered, name, []
                    continue
                for shown, row in zip(page[name], entered[name], strict=True):
                    for column in COLUMNS[name]:
                        yield shown, row, column, []

    def tables(self) -> list[tuple[list[Json], list[Json], str]]:
        """The rows that can be changed: in the page, in `entries`, and the name of their table."""
        return [
            (self.inputs_shown[key][name], entered[name], name)
            for key, entered in self.entries.items()
            for name in sorted(entered.keys() & COLUMNS.keys())
        ]


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


class Hours:
    """A clock by which each wait lasts an hour, in no time: a client gives up after the first one."""

    def __init__(self) -> None:
        self._ticks, self._hours = count(), 0

    def now(self) -> float:
        """Tell the time; never the same twice."""
        return self._hours * 3_600.0 + next(self._ticks) * 1e-6

    def sleep(self, _seconds: float) -> None:
        """Wait an hour."""
        self._hours += 1


class Patient(Client):
    """A client whose waits take no time: the test decides when something happens."""

    _hours = Hours()
    _sleep = staticmethod(_hours.sleep)
    _clock = staticmethod(_hours.now)
