"""Runs as other accounts send them, in many forms, each with what is true of it.

`FORMS` has one function for each form: it takes a `random.Random` and returns one run. `fleet`
makes the ordinary runs of an analyst's own file, and `REMOVALS` take information away from them.
The truth stands beside the JSON that is built and is never read from it, nor from the library:
it is a part of the cells of the six frames. A seed gives the same runs on each machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from strangers import damaged, questions, sent, words
from strangers.build import DAY, HOUR, Stranger, records
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
        sent.list_row,
        sent.first_documentation,
        sent.flat_steps,
        sent.nested_steps,
        sent.fetched,
        words.other_tiers,
        words.other_confidences,
        words.unknown_words,
        words.results,
        words.failure_reasons,
        words.failures_without_a_result,
        words.two_causes,
        questions.other_decisions,
        questions.two_decisions,
        questions.combined,
        questions.proposed_by_step,
        questions.question_texts,
        questions.waiting_without_question,
        questions.two_open,
        questions.repeated_question,
        questions.expired,
        questions.settled_by_policy,
        questions.repeats,
        damaged.refused,
        damaged.broken_fields,
        damaged.absent_lists,
        damaged.breaches,
        damaged.unknown_lengths,
        damaged.unknown_length_of_the_run,
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
