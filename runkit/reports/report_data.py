"""`report_data()`: the data of a template, in `report()` and when an analyst opens it."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

import runkit
from runkit.arguments import Words, checked
from runkit.reports._bundle import (
    ReportData,
    ReportSource,
    make_masker,
    read_data,
    read_source,
    redact_source,
)
from runkit.reports.redaction import Redaction
from runkit.reports.templates import DATA_NAME
from runkit.tables.read_frames import frames

# The options of the sandbox that examples are taken from.
EXAMPLES: dict[str, Any] = {"speed": 600, "history": 40, "seed": 7}


@checked
def report_data(
    run_ids: Words = (),
    *,
    examples: PositiveInt = 1,
    client: runkit.Client | None = None,
    redact: bool | Redaction = True,
) -> ReportData:
    """Return the data of a template.

    During `runkit.report()` this is the report's data. In a notebook that an analyst opens, the
    runs are read with `client`, or else by a read-only client with `MIDDESK_API_KEY`.

    Parameters
    ----------
    run_ids
        The ids of the runs, or unique prefixes of 8 or more characters. Empty: examples from the
        embedded sandbox.
    examples
        The number of examples.
    client
        The client to read with. It stays open.
    redact
        As in `report()`. Ignored during `report()`, which has its own.

    Returns
    -------
    ReportData
        Redacted frames, runs, answers and their provenance.

    Raises
    ------
    UsageError
        For invalid arguments.
    RunkitError
        If the runs cannot be read.
    """
    if folder := os.environ.get(DATA_NAME):
        return read_data(Path(folder))
    masker = make_masker(redact)
    ids = [run_ids] if isinstance(run_ids, str) else list(run_ids)
    source = _fetched(ids, client) if ids else _examples(examples)
    return redact_source(source, masker)


def _fetched(ids: list[str], client: runkit.Client | None) -> ReportSource:
    """Read these runs."""
    with nullcontext(client) if client else runkit.Client(read_only=True) as reader:
        return read_source(reader.runs.fetch(ids, progress=False))


def _examples(n: int) -> ReportSource:
    """Read `n` runs, completed ones that waited long first."""
    with runkit.sandbox(**EXAMPLES) as box, box.client(read_only=True) as client:
        listed = client.runs.list(with_businesses=True, progress=False)
        runs = client.runs.fetch(listed, progress=False)
    table = frames(runs).runs
    table = table.assign(is_completed=table["status"].eq("completed"))
    examples = table.nlargest(n, ["is_completed", "waiting_s"])
    return read_source([run for run in runs if run.id in {*examples["run_id"]}])
