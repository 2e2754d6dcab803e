"""Runs as other accounts send them, in many forms, each with what is true of it.

`FORMS` has one function for each form: it takes a `random.Random` and returns one run. `fleet`
makes the ordinary runs of an analyst's own file, and `REMOVALS` take information away from them.
The truth stands beside the JSON that is built and is never read from it, nor from the library:
it is a part of the cells of the six frames. A seed gives the same runs on each machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from strangers import absent, damaged, questions, sent, words
from strangers.build import DAY, HOUR, Stranger, page, records
from strangers.ordinary import fleet, ordinary
from strangers.reduced import REMOVALS, reduced

__all__ = [
    "DAY",
    "FORMS",
    "HOUR",
    "REMOVALS",
    "Stranger",
    "fleet",
    "one_of_each",
    "page",
    "records",
    "reduced",
    "several",
]
Form = Callable[[random.Random], Stranger]
FORMS: dict[str, Form] = {
    form.__name__: form
    for form in (
        sent.object_page,
        sent.webhook_log,
        sent.same_time_twice,
        sent.lenders_log,
        sent.list_row,
        sent.list_row_waiting,
        sent.first_documentation,
        sent.flat_steps,
        sent.nested_steps,
        sent.offsets,
        sent.fetched,
        absent.absent_lists,
        absent.null_labels,
        absent.no_start,
        absent.completed_without_end,
        absent.open_steps_in_ended,
        absent.ends_before_start,
        words.other_tiers,
        words.other_confidences,
        words.unknown_words,
        words.results,
        words.odd_results,
        words.failure_reasons,
        words.error_step,
        words.two_causes,
        words.failed_without_reason,
        questions.other_decisions,
        questions.two_decisions,
        questions.combined,
        questions.proposed_by_step,
        questions.question_texts,
        questions.question_without_id,
        questions.waiting_alone,
        questions.waiting_without_question,
        questions.two_open,
        questions.two_open_alike,
        questions.repeated_question,
        questions.expired,
        questions.settled_by_policy,
        questions.repeats,
        damaged.refused,
        damaged.broken_fields,
        damaged.broken_lists,
        damaged.breaches,
        ordinary,
    )
}


def several(name: str, count: int, seed: int = 0) -> list[Stranger]:
    """So many runs in one form."""
    rng = random.Random(f"{name} {seed}")
    return [FORMS[name](rng) for _ in range(count)]


def one_of_each(seed: int = 0) -> list[Stranger]:
    """A run in each form."""
    return [made for name in FORMS for made in several(name, 1, seed)]
