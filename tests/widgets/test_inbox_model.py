"""An inbox under random actions does what a model of it does: no answer reaches another question."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

import runkit
from support import until
from tests.widgets.pages import Page

SCENARIOS = ("watchlist_hit", "watchlist_hit", "address_gap", "decision", "watchlist_hit")
BUSINESSES = {"watchlist_hit": "tacoma", "address_gap": "lakeline", "decision": "table rock"}
N_ACTIONS = 40
N_SEEDS = max(1, int(float(os.environ.get("RUNKIT_FUZZ", "1"))))


class Model:
    """What a person believes: the list in its order, the open row, and what was typed where."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names, self.keys, self.later = names, [*names], list[str]()
        self.typed: dict[str, str] = dict.fromkeys(names, "")
        self.sent: list[tuple[str, str]] = []
        self.filter, self.open = "", self.keys[0]

    @property
    def rows(self) -> list[str]:
        """The keys of the list."""
        matching = [key for key in self.keys if self.filter in self.names[key]]
        last = [key for key in self.later if key in matching]
        return [key for key in matching if key not in last] + last

    def close(self, key: str) -> None:
        """Take a row away, or put it off, and open the one that follows."""
        rows = self.rows
        at = rows.index(key) if key in rows else -1
        following = [*rows[at + 1 :], *rows[: max(at, 0)]]
        self.open = following[0] if following else ""


def act(random: Random, page: Page, model: Model) -> None:
    """Do one thing in the page, and in the model."""
    action = random.choice(("open", "step", "later", "filter", "type", "answer", "stale"))
    if action == "open" and model.rows:
        model.open = random.choice(model.rows)
        page.tell(open=model.open)
    elif action == "step" and model.open in model.rows:
        by = random.choice((1, -1))
        at = model.rows.index(model.open) + by
        model.open = model.rows[at] if 0 <= at < len(model.rows) else model.open
        page.tell(step=by)
    elif action == "later" and len(model.rows) > 1 and model.open in model.rows:
        key = model.open
        model.close(key)
        model.later = [*(other for other in model.later if other != key), key]
        page.tell(later=key)
    elif action == "filter":
        model.filter = random.choice(("", "", *BUSINESSES.values()))
        page.tell(filter=model.filter)
    elif action == "type" and model.open:
        model.typed[model.open] = f"note {random.random()}"
        page.type(note=model.typed[model.open])
    elif action == "answer" and model.open and random.random() < 0.5:
        key = model.open
        model.sent.append((key, model.typed[key]))
        model.close(key)
        model.keys.remove(key)
        page.answer(page.view["question"]["verbs"][-1]["value"], note=model.typed[key] or "no")
    elif action == "stale" and model.open:  # a page that shows another question
        values = {"0": {"decision": "approve", "note": "not for this one"}}
        page.tell(verb="approve", values=values, digest="0" * 64)


@pytest.mark.hypothesis
@pytest.mark.parametrize("seed", range(N_SEEDS))
def test_random_actions_do_what_the_model_does(client, start, seed):
    runs = {run.id: (run, name) for name in SCENARIOS for run in [start(name)]}
    inbox = runkit.InterruptInbox(client, who="Ana Ortiz", drafts=False)
    page = Page(inbox.widget)
    until(lambda: "values" in page.view)

    def listed() -> list[str]:
        return [row["key"] for row in page.view["rows"] if "n_open" in row]

    model = Model({key: BUSINESSES[runs[key.split()[0]][1]] for key in listed()})

    def is_so() -> bool:
        view: Any = page.view
        if (view.get("open") or "") != model.open or listed() != model.rows:
            return False
        return not model.open or view["values"]["0"]["note"] == model.typed[model.open]

    random = Random(seed)
    for _ in range(N_ACTIONS):
        if not model.keys:
            break
        act(random, page, model)
        if not model.open and any(key not in model.later for key in model.rows):
            model.open = next(key for key in model.rows if key not in model.later)
        until(is_so, 20)
    inbox.close()
    log = runkit.answer_log()
    assert set(log["delivery"]) <= {"confirmed"}
    sent = [(key.split()[0], note) for key, note in model.sent]
    assert [run_id for run_id, _ in sent] == log["run_id"].tolist()
    assert all(note in answer for (_, note), answer in zip(sent, log["answer"], strict=True))
