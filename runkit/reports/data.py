"""`report_data()`: what a template reads, under `report()` and when an analyst opens it by itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import runkit
from runkit.errors import UsageError
from runkit.logs import log
from runkit.reports.bundle import (
    Bundle,
    Source,
    make_masker,
    read_bundle,
    read_source,
    redact_source,
    redaction_policy,
)
from runkit.reports.execute import DATA_NAME
from runkit.reports.leaks import builtin_words
from runkit.reports.redaction import Redaction
from runkit.text import Markup, block, plural, visible

if TYPE_CHECKING:
    from runkit.client import Client

EXAMPLES_HISTORY, EXAMPLES_SEED = 40, 7  # past runs of the sandbox that examples are taken from
NO_TEMPLATE = "a notebook"  # what made the data when no report() did


class ReportData(Bundle):
    """The data of a report, redacted: `frames`, `runs`, `answers`, `provenance`.

    `frames` are `runkit.Frames`. `runs` are the same runs as `Run` objects, none where the report was made
    from frames. `answers` are the rows of `runkit.answer_log()` about them. `provenance` shows itself.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        facts = dict(self.provenance.facts())
        redaction = self.provenance.redaction()
        return visible(f"{plural(len(self.frames.runs), 'run')}, read {facts['read']}. {redaction}")

    def _repr_html_(self) -> str:
        return block(Markup("<p>{}</p>").format(repr(self)))


def report_data(
    run_ids: Sequence[str] = (),
    *,
    examples: int = 1,
    client: Client | None = None,
    redact: bool | Redaction = True,
) -> ReportData:
    """Give a template its data.

    Under `runkit.report()` this is what the report is about. In a notebook that is opened by itself the runs
    are read: with `client`, else from the sandbox that `RUNKIT_SANDBOX_URL` names, else from Middesk with
    MIDDESK_API_KEY, by a client that can only read.

    Parameters
    ----------
    run_ids
        Which runs; none for examples of the embedded sandbox.
    examples
        How many examples.
    client
        A client to read with. It stays open.
    redact
        As in `report()`, which decides by itself.

    Returns
    -------
    ReportData
        Frames, runs, answers and where they come from, redacted.

    Raises
    ------
    UsageError
        For arguments that cannot be used; and what reading runs raises.
    """
    if folder := os.environ.get(DATA_NAME):
        return ReportData(*read_bundle(Path(folder)))
    if isinstance(run_ids, str):
        raise UsageError(f"run_ids={run_ids!r} is one text; expected a list of run ids: [{run_ids!r}].")
    if isinstance(examples, bool) or not isinstance(examples, int) or examples < 1:
        raise UsageError(f"examples={examples!r} cannot be used; expected a whole number, 1 or more.")
    policy = redaction_policy(redact)
    with ExitStack() as stack:
        if run_ids:
            reader = client or stack.enter_context(_reader(stack, is_example=False))
            source = read_source(reader.runs.fetch(list(run_ids), progress=False))
        else:
            source = _examples(stack.enter_context(_reader(stack, is_example=True)), examples)
            log.info("no run_ids: %s of the sandbox", plural(examples, "example"))
    return ReportData(
        *redact_source(
            source, policy, make_masker(policy, builtin_words("")), template=(NO_TEMPLATE, "not known")
        )
    )


def _reader(stack: ExitStack, *, is_example: bool) -> Client:
    if is_example or "RUNKIT_SANDBOX_URL" in os.environ:
        box = stack.enter_context(runkit.sandbox(speed=600, history=EXAMPLES_HISTORY, seed=EXAMPLES_SEED))
        return box.client(read_only=True)
    return runkit.Client(read_only=True)


def _examples(client: Client, n: int) -> Source:
    """Give one run that waited for a person, two that differ in that, or the newest."""
    found = read_source(client.runs.fetch(client.runs.list(limit=None), progress=False))
    runs = found.frames.runs
    done = runs[runs["status"] == "completed"].sort_values("waiting_s", ascending=False, kind="stable")
    ids = (done["run_id"].iloc[[0, -1][:n]] if n < 3 else runs["run_id"][:n]).tolist()
    kept = tuple(run for run in found.runs if run.id in ids)
    answers = found.answers[found.answers["run_id"].isin(ids)]
    return Source(found.frames.select(ids), kept, answers)
