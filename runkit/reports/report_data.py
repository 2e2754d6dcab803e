"""`report_data()`: the data of a template, read and redacted here, then passed to its kernel.

The kernel gets a private folder with the redacted data only: no API key and no original data.
Without that folder, in a notebook that an analyst opens, it is the data of a given source.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import runkit
from runkit.arguments import check_kind, checked
from runkit.client.client import KEY_NAME
from runkit.display.messages import IN_USE, hide
from runkit.display.text import moment
from runkit.errors import DISTRIBUTION, UsageError
from runkit.local import files
from runkit.reports.redaction import Masker, Redaction
from runkit.reports.templates import DATA_NAME, Template
from runkit.screens.blocks import Details, dotted
from runkit.screens.html import notebook_html
from runkit.screens.pages import head
from runkit.screens.panel import Panel
from runkit.tables import sources
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames

# characters; a shorter value, such as "none", is a common word and not a key
MIN_KEY_LENGTH = 8
DATA_FILE = "data.pickle"
NOT_MASKED = "names of people and companies, and postal addresses, are not masked"


class Labels(NamedTuple):
    """The texts of `report()` on the first page, each on one line; empty if there is none."""

    title: str = ""
    classification: str = ""
    prepared_by: str = ""


NO_LABELS = Labels()


class Provenance(NamedTuple):
    """Where the data of a report comes from, and what was masked; `line` is what it shows."""

    missing: tuple[str, ...]
    masked: Mapping[str, int]
    line: str

    def __repr__(self) -> str:
        return repr(self._panel())

    def _repr_html_(self) -> str:
        return self._panel()._repr_html_()

    def _panel(self) -> Panel:
        return Panel("", pd.DataFrame(), blocks=[Details("Where this comes from", self.line)])


class ReportData(NamedTuple):
    """The data of a report, redacted.

    It is shown as the first screen of a report: how a run ended, or the counts of many.

    `frames` are `runkit.Frames`. `provenance` is shown as a line. `labels` are the title and other
    words that were given to `report()`, `sla_h` its limit, `changes` the frame of
    `runkit.changes()`, or None.
    """

    frames: Frames
    provenance: Provenance
    labels: Labels = NO_LABELS
    sla_h: float | None = None
    changes: pd.DataFrame | None = None

    def __repr__(self) -> str:
        return repr(self._head())

    def _repr_html_(self) -> str:
        return notebook_html(self._head().markup(level=1))

    def _head(self) -> Panel:
        title, classification, prepared_by = self.labels
        by = f"prepared by {prepared_by}" if prepared_by else ""
        return head(self.frames, title, classification, by, sla_h=self.sla_h)


def make_masker(redact: bool | Redaction = True) -> Masker:
    """Build a masker that also masks the API keys of the environment and of open clients.

    `redact`: True is the default policy, False masks keys only. Raises `UsageError`.
    """
    check_kind("redact", redact, bool, Redaction)
    policy = Redaction() if redact is True else redact or None
    keys = {hide(os.environ.get(KEY_NAME, "")), *IN_USE.values()}
    return Masker(policy, [key for key in keys if len(key) >= MIN_KEY_LENGTH])


def redact_source(
    source: Frames,
    masker: Masker,
    template: Template | None = None,
    labels: Labels = NO_LABELS,
    sla_h: float | None = None,
    changed: pd.DataFrame | None = None,
) -> ReportData:
    """Mask the frames, the labels and the frame of changes, and describe the provenance."""
    more = {} if changed is None else {"changes": changed}
    tables = masker.tables({**dict(source.items()), **more})
    masked_changes = tables.pop("changes", None)
    if changed is not None:
        masked_changes.attrs["sentence"] = masker.text(changed.attrs["sentence"])
    reasons = tuple(map(masker.text, source.source_missing))
    agents = tuple(map(masker.text, source.agents))
    f: Frames = replace(source, **tables, source_missing=reasons, agents=agents)
    masked_labels = Labels(*map(masker.text, labels))
    about = _provenance(f, masker, template)
    return ReportData(f, about, masked_labels, sla_h, masked_changes)


def _provenance(f: Frames, masker: Masker, template: Template | None) -> Provenance:
    """Describe where the masked frames come from, and how many values were masked."""
    read_at = f.runs["read_at"].max()
    counts = ", ".join(f"{number:,} {name}" for name, number in masker.counts.items())
    parts = [
        "" if pd.isna(read_at) else f"read {moment(read_at)}",
        f"from {', '.join(f.read_from)}" if f.read_from else "",
        f"created {moment(datetime.now(UTC))} with {DISTRIBUTION} {runkit.__version__}",
        template and masker.text(template.path.name),
        f"masked: {counts}" if counts else "",
        *_settings(masker.policy),
        NOT_MASKED,
    ]
    missing = tuple(map(masker.text, f.missing))
    line = dotted(*parts)
    return Provenance(missing, dict(masker.counts), line)


def _settings(policy: Redaction | None) -> tuple[str, ...]:
    """Describe what is not the default; patterns may hold names, so they are not shown."""
    if policy is None:
        return ("redaction is off; only API keys are masked",)
    notes = {
        "custom rules": ", ".join(policy.patterns),
        "patterns of values that stay": len(policy.keep),
    }
    return tuple(f"{name}: {note}" for name, note in notes.items() if note)


def write_data(data: ReportData, folder: Path) -> None:
    """Write the data to a private folder, readable by its owner only."""
    files.make_file(folder / DATA_FILE)
    (folder / DATA_FILE).write_bytes(pickle.dumps(data))


def read_data(folder: Path) -> ReportData:
    """Read the data that `write_data` wrote."""
    data: ReportData = pickle.loads((folder / DATA_FILE).read_bytes())  # noqa: S301 - our own file
    return data


@checked
def report_data(
    source: sources.Source | None = None, *, redact: bool | Redaction = True
) -> ReportData:
    """Return the data of a template.

    During `runkit.report()` this is the report's data, and the arguments are ignored. In a notebook
    that an analyst opens, it is that of `source`.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` accepts.
    redact
        As in `report()`.

    Returns
    -------
    ReportData
        Redacted frames and their provenance.

    Raises
    ------
    UsageError
        For invalid arguments, and without a source outside `report()`.
    RunkitError
        If the runs cannot be read.
    """
    if folder := os.environ.get(DATA_NAME):
        return read_data(Path(folder))
    if source is None:
        raise UsageError(
            "source=None outside runkit.report(); expected runs: give a file, such as "
            'source="runs.ndjson".'
        )
    return redact_source(frames(source), make_masker(redact))
