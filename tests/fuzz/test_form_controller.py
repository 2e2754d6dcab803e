"""A form in any order of events: what is typed and clicked, what the network and other people do meanwhile.

Nothing is sent that was not shown and confirmed, nothing twice, nothing is claimed that is not so, and what
was typed is still there.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from fuzz.desk import Desk, Replies
from fuzz.made import fuzz
from fuzz.questions import DISMISSAL, LONG, QUESTIONS, SOURCES, TEXTS, Json


def reads(*how: str, nth: int = 0) -> Replies:
    """Answer so many reads."""
    return [(nth, one, "ok", 0) for one in how]


def posted(how: str) -> Replies:
    """Let the form read the run, and do this with its answer."""
    return [*reads("ok"), (0, "ok", how, 0)]


LOST = [*posted("dropped"), *reads("ok", "ok", "ok")]  # and looked for
NO, YES = {"nth": 1}, {"nth": 0}  # of the choices
ORDERS: dict[str, tuple[Json, list[tuple[str, Json]]]] = {
    "rows that stay as they came": (
        SOURCES,
        [("change_rows", {"nth": 1}), ("answer", YES | {"replies": posted("ok")})],
    ),
    "a look between the click and the verdict": (
        DISMISSAL,
        [
            ("answer", NO | {"replies": reads("ok")}),
            ("pass_time", {"how": "look", "elsewhere": "answer", "replies": reads("ok", "ok", nth=1)}),
            ("reply", {"replies": posted("ok")[1:] + reads("ok", "ok")}),
        ],
    ),
    "two forms whose answers are both lost": (
        DISMISSAL,
        [
            ("answer", NO | {"replies": LOST}),
            ("answer", NO | {"number": 1, "replies": reads("ok")}),
            ("answer", NO | {"number": 1, "replies": LOST}),
            ("answer", NO | {"replies": reads("ok")}),
        ],
    ),
    "no thread to send again": (
        DISMISSAL,
        [("answer", NO | {"replies": LOST}), ("click", {"which": "submit", "has_threads": False})],
    ),
    "no thread to look": (
        DISMISSAL,
        [
            ("answer", NO | {"replies": [*posted("dropped"), *reads("401", "401", "401")]}),
            ("click", {"which": "check", "has_threads": False}),
            ("click", {"which": "check", "replies": reads("ok")}),
        ],
    ),
    "two clicks to look": (
        DISMISSAL,
        [
            ("answer", NO | {"replies": [*posted("dropped"), *reads("401", "401", "401")]}),
            ("click", {"which": "check"}),
            ("click", {"which": "check", "replies": reads("ok")}),
            ("answer", NO | {"replies": reads("ok")}),
        ],
    ),
    "refused, and wrong again": (
        DISMISSAL,
        [
            ("answer", YES | {"replies": [*posted("422 note"), *reads("ok")]}),
            ("type", {"place": 1, "nth": TEXTS["note"].index(LONG)}),
        ],
    ),
    "JSON that decides nothing": (
        QUESTIONS[4],
        [
            ("type", {"place": 0, "nth": 2}),
            ("type", {"place": 2, "nth": TEXTS["raw"].index('{"decision": ""}')}),
            ("click", {"which": "submit", "replies": posted("ok")}),
        ],
    ),
    "drafts of the old question and the new one": (
        DISMISSAL,
        [
            ("type", {"place": 1, "nth": 3, "elsewhere": "another question"}),
            ("run_cell", {"what": "open"}),
            ("type", {"number": 2, "place": 1, "nth": 0}),
            ("pass_time", {"how": "look", "replies": reads("ok", "ok")}),
            ("run_cell", {"number": 2, "what": "dropped"}),
        ],
    ),
    "an answer that is changed while it is sent": (
        QUESTIONS[5],
        [("answer", NO), ("answer", YES)],
    ),
    "a press where nobody has typed, beside a draft": (
        SOURCES,
        [
            ("click", {"number": 1, "which": "submit"}),
            ("change_rows", {"nth": 0}),
            ("run_cell", {"what": "open"}),
        ],
    ),
    "another notebook was first": (
        DISMISSAL,
        [
            ("answer", NO | {"replies": posted("ok")}),
            ("pass_time", {"number": 1, "how": "look", "replies": reads("ok", "ok")}),
        ],
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_that_chance_seldom_brings(name: str) -> None:
    """All that must hold in any order holds in those that were wrong once, or are hard to come by."""
    value, acts = ORDERS[name]
    desk = Desk()
    try:
        desk.begin(value, tells_who=True)
        for act, given in acts:
            usual = {"number": 0, "elsewhere": "nothing", "replies": []}
            more = {"pass_time": {"age": 0}, "click": {"has_threads": True}}.get(act, {})
            getattr(desk, act)(**(given if act == "reply" else usual | more | given))
            desk.all_is_shown()
    finally:
        desk.teardown()


def test_any_order_of_events() -> None:
    """Nothing is sent twice or unseen, nothing is claimed that is not so, nothing that was typed is lost."""
    run_state_machine_as_test(Desk, settings=settings(fuzz(16), stateful_step_count=30))
