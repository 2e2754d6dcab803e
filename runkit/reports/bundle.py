"""What a report is made of: gathered and redacted here, then handed to the kernel that makes the report.

The kernel gets a private folder with the redacted data: no API key, no answer log, none of the data as it
was. All that is masked is masked before.
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
MIN_KEY_LENGTH = 8  # characters; what is shorter, as "none", is no key and stands everywhere
_RUNS, _ANSWERS, _PROVENANCE = "runs.ndjson", "answers.parquet", "provenance.json"


class Bundle(NamedTuple):
    """What a report is made of, redacted.

    `runs` are the runs as objects, in the order of the frames; none where frames are all there was.
    `answers` are the rows of the answer log about these runs, with its columns.
    """

    frames: Frames
    runs: tuple[Run, ...]
    answers: pd.DataFrame
    provenance: Provenance


def redaction_policy(redact: bool | Redaction) -> Redaction | None:
    """Read the argument `redact`: True is the default policy, False none but for keys."""
    if isinstance(redact, Redaction):
        return redact
    if isinstance(redact, bool):
        return Redaction() if redact else None
    raise UsageError(f"redact={redact!r} cannot be used; expected True, False or a runkit.Redaction.")


def make_masker(policy: Redaction | None, builtin_words: str = "") -> Masker:
    """Give a masker that also knows the keys of this process' environment."""
    keys = [os.environ.get(name, "") for name in _KEY_VARIABLES]
    return Masker(policy, [key for key in keys if len(key) >= MIN_KEY_LENGTH], builtin_words)


class _Records(list[Record]):
    """The records of a source, read once, and what the source says of them."""

    def __init__(self, source: object) -> None:
        super().__init__(records_of(source))
        self.why, self.version = getattr(source, "why", None), getattr(source, "version", None)


class Source(NamedTuple):
    """What a report is about, as it was read. `runs` and `answers` as in `Bundle`."""

    frames: Frames
    runs: tuple[Run, ...]
    answers: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Give the frames by name, those beside the six, too."""
        reads = {} if self.frames.reads is None else {"reads": self.frames.reads}
        return {**dict(self.frames.items()), **reads, "answers": self.answers}


def read_source(source: object) -> Source:
    """Read frames, the same runs as objects where the source has them, and the answers that were sent."""
    runs: dict[str, Run] = {}
    if isinstance(source, Frames):
        f = source
    else:
        records = _Records(getattr(source, "pinned", source))  # an archive that others write to meanwhile
        f, runs = frames(records), _newest_runs(records)
    answers = answers_about(f.runs["run_id"])
    known = tuple(runs[run_id] for run_id in f.runs["run_id"] if run_id in runs)
    return Source(frames(f, answers=answers), known, answers)


def _newest_runs(records: list[Record]) -> dict[str, Run]:
    newest: dict[str, Run] = {}
    for record in records:
        try:
            run = Run.from_json(record.raw)
            if not record.n_bytes:  # somebody else's objects: masks go into copies, and all has to be JSON
                run = Run.from_json(jsontext.loads(run.to_json().encode()))
        except (ContractError, RecursionError):  # `Frames.problems` has it
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
    """Mask the data with `masker`, and say where it comes from.

    `template`: its name and SHA-256. `texts`: other texts of the report, by what they are, which are masked
    afterwards by `masker.text`.
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
            "a pattern of your own also masks names of the API's fields, so that runs are no runs any more; "
            "make it narrower."
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
    """Digest masked answers anew: from the digest of a tax number, the number could be found."""
    digests = [digest(jsontext.loads(text.encode())) for text in answers["answer"]]
    question_digest = pd.Series(pd.NA, answers.index, "str")
    return answers.assign(
        question_digest=question_digest, answer_digest=pd.Series(digests, answers.index, "str")
    )


@contextmanager
def bundle_folder(material: Bundle) -> Iterator[Path]:
    """Write the material into a folder that only its owner can enter, and remove it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="runkit-report-"))  # 0700
    try:
        material.frames.save(folder)
        (folder / _RUNS).write_bytes(b"".join(run.to_json().encode() + b"\n" for run in material.runs))
        material.answers.to_parquet(folder / _ANSWERS, index=False)
        (folder / _PROVENANCE).write_text(material.provenance.to_json(), encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o600)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_bundle(folder: Path) -> Bundle:
    """Read what `bundle_folder` wrote."""
    lines = (folder / _RUNS).read_bytes().splitlines()
    return Bundle(
        read_frames(folder),
        tuple(Run.from_json(jsontext.loads(line)) for line in lines),
        pd.read_parquet(folder / _ANSWERS),
        Provenance.from_json((folder / _PROVENANCE).read_text(encoding="utf-8")),
    )
