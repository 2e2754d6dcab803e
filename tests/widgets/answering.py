"""Answers that tests give, and what became of them."""

from __future__ import annotations

from typing import Any

from runkit import answers
from runkit.client import Client
from runkit.widgets import drafts
from runkit.widgets.controller import FormMachine, Snapshot
from runkit.widgets.question import question_of
from tests.client.conftest import Server
from tests.widgets.asking import finish, until

WHO = "Ada of tests"
NOTE = "born in 1951, ours in 1984"
YES = {"0": {"decision": "approve", "note": NOTE}}
NO = {"0": {"decision": "reject"}}


def answer(machine: FormMachine, typed: dict[str, dict[str, Any]] = YES) -> Snapshot:
    """Type, submit, confirm if asked, and wait for the verdict."""
    machine.edit(typed)
    return submit(machine)


def submit(machine: FormMachine) -> Snapshot:
    """Submit, confirm if asked, and wait for the verdict."""
    machine.submit()
    machine.confirm()
    finish()
    return machine.snapshot


def told(machine: FormMachine) -> str:
    """All that the receipt says."""
    receipt = machine.snapshot.receipt
    assert receipt is not None
    return f"{receipt.title} {dict(receipt.facts)}"


def posts(server: Server) -> int:
    return sum(asked.method == "POST" for asked in server.asked)


def deliveries() -> list[str]:
    return [entry.delivery for entry in answers.entries()]


def scripted(client: Client) -> FormMachine:
    """A form of the scriptable server's only question."""
    question = question_of(client.runs.get("run-1"))
    assert question is not None
    return FormMachine(client, question)


def saved(machine: FormMachine) -> Any:
    return drafts.load(drafts.name_of(machine.question, machine.client.host))


def draft(machine: FormMachine, typed: dict[str, dict[str, Any]] = YES) -> None:
    """Type, and wait until it is kept."""
    machine.edit(typed)
    until(lambda: saved(machine) == typed)
