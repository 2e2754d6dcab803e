"""The data of a report: collected and redacted here, then passed to the kernel that executes the template.

The kernel gets a private folder with the redacted data only: no API key, no answer log, no original data.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from runkit import jsontext
from runkit.answers import answers_about, digest
from runkit.errors import ContractError, UsageError
from runkit.models import Run
from runkit.reports.masking import Masker
from runkit.reports.provenance import Provenance, provenance
from runkit.reports.redaction import Redaction
from runkit.tables.frames import Frames, frames
from runkit.tables.frames import read as read_frames
from runkit.tables.sources import Record, records_of

_KEY_VARIABLES = ("MIDDESK_API_KEY", "RUNKIT_SANDBOX_KEY")
MIN_KEY_LENGTH = 8  # characters; a shorter value, such as "none", is a common word and not a key
_RUNS, _ANSWERS, _PROVENANCE = "runs.ndjson", "answers.parquet", "provenance.json"


class Bundle(NamedTuple):
    """The redacted data of a report.

    `runs` are the runs as objects, in the order of the frames; empty if the source was frames.
    `answers` are the rows of the answer log about these runs.
    """

    frames: Frames
    runs: tuple[Run, ...]
    answers: pd.DataFrame
    provenance: Provenance


def redaction_policy(redact: bool | Redaction) -> Redaction | None:
    """Read the argument `redact`: True is the default policy, False masks keys only."""
    if isinstance(redact, Redaction):
        return redact
    if isinstance(redact, bool):
        return Redaction() if redact else None
    raise UsageError(f"redact={redact!r} cannot be used; expected True, False or a runkit.Redaction.")


def make_masker(policy: Redaction | None, builtin_words: str = "") -> Masker:
    """Create a masker that also masks the API keys in this process's environment."""
    keys = [os.environ.get(name, "") for name in _KEY_VARIABLES]
    return Masker(policy, [key for key in keys if len(key) >= MIN_KEY_LENGTH], builtin_words)


class _Records(list[Record]):
    """The records of a source, read once, with the source's version and the reason if it is incomplete."""

    def __init__(self, source: object) -> None:
        super().__init__(records_of(source))
        self.why, self.version = getattr(source, "why", None), getattr(source, "version", None)


class Source(NamedTuple):
    """The data of a report before redaction. `runs` and `answers` as in `Bundle`."""

    frames: Frames
    runs: tuple[Run, ...]
    answers: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return all frames by name: the six, `reads` and `answers`."""
        reads = {} if self.frames.reads is None else {"reads": self.frames.reads}
        return {**dict(self.frames.items()), **reads, "answers": self.answers}


def read_source(source: object) -> Source:
    """Read the frames, the same runs as objects if the source has them, and the sent answers."""
    runs: dict[str, Run] = {}
    if isinstance(source, Frames):
        f = source
    else:
        records = _Records(getattr(source, "pinned", source))  # one version of an archive
        f, runs = frames(records), _newest_runs(records)
    answers = answers_about(f.runs["run_id"])
    known = tuple(runs[run_id] for run_id in f.runs["run_id"] if run_id in runs)
    return Source(frames(f, answers=answers), known, answers)


def _newest_runs(records: list[Record]) -> dict[str, Run]:
    newest: dict[str, Run] = {}
    for record in records:
        try:
            run = Run.from_json(record.raw)
            if not record.n_bytes:  # the caller's own objects: mask a copy, which must be plain JSON
                run = Run.from_json(jsontext.loads(run.to_json().encode()))
        except (ContractError, RecursionError):  # it is a row of `Frames.problems`
            continue
        if run.id not in newest or run.updated_at >= newest[run.id].updated_at:
            newest[run.id] = run
    return newest


def redact_source(
    source: Source,
    policy: Redaction | None,
    masker: Masker,
    *,
    template: tuple[str, str],
    texts: Mapping[str, str] | None = None,
) -> Bundle:
    """Mask the data with `masker` and describe its provenance.

    `template`: its name and SHA-256. `texts`: other texts of the report by name, so that `masker.text` masks
    them the same way later.
    """
    f, (name, template_digest) = source.frames, template
    why = f.coverage.why
    masker.scan(source.tables(), source.runs, {**(texts or {}), "template": name, "coverage": why or ""})
    masked: dict[str, Any] = {name: masker.frame(name, df) for name, df in source.tables().items()}
    answers = _with_new_digests(masked.pop("answers"))
    safe = replace(f, **masked, coverage=f.coverage._replace(why=why and masker.text(why)))
    try:
        runs = tuple(masker.run(run) for run in source.runs)
    except ContractError:
        raise UsageError(
            "one of your patterns also masks field names of the API, so the runs cannot be read any more. "
            "Make the pattern narrower."
        ) from None
    redaction = {
        "is_redacted": policy is not None,
        "masked": dict(masker.counts),
        "texts": dict(masker.texts),
        "revealed": tuple(sorted(policy.reveal)) if policy else (),
        "own_rules": tuple(sorted(policy.patterns)) if policy else (),
        "keep_last": policy.keep_last if policy else 0,
    }
    return Bundle(safe, runs, answers, provenance(safe, (masker.text(name), template_digest), redaction))


def _with_new_digests(answers: pd.DataFrame) -> pd.DataFrame:
    """Replace the digests of answers by those of the masked answers.

    A tax number can be recovered from its digest by trying all numbers.
    """
    digests = [digest(jsontext.loads(text.encode())) for text in answers["answer"]]
    question_digest = pd.Series(pd.NA, answers.index, "str")
    return answers.assign(
        question_digest=question_digest, answer_digest=pd.Series(digests, answers.index, "str")
    )


@contextmanager
def bundle_folder(bundle: Bundle) -> Iterator[Path]:
    """Write the data to a folder that only its owner can read, and delete it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="runkit-report-"))  # 0700
    try:
        bundle.frames.save(folder)
        (folder / _RUNS).write_bytes(b"".join(run.to_json().encode() + b"\n" for run in bundle.runs))
        bundle.answers.to_parquet(folder / _ANSWERS, index=False)
        (folder / _PROVENANCE).write_text(bundle.provenance.to_json(), encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o600)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_bundle(folder: Path) -> Bundle:
    """Read the data that `bundle_folder` wrote."""
    lines = (folder / _RUNS).read_bytes().splitlines()
    return Bundle(
        read_frames(folder),
        tuple(Run.from_json(jsontext.loads(line)) for line in lines),
        pd.read_parquet(folder / _ANSWERS),
        Provenance.from_json((folder / _PROVENANCE).read_text(encoding="utf-8")),
    )
