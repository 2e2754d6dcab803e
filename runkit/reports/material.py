"""What a report is made of: gathered and redacted here, then handed to the kernel that makes the report.

The kernel gets a private folder with the redacted data: no API key, no answer log, none of the data as it
was. All that is masked is masked before.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from runkit import jsontext
from runkit.answerlog import answers_about, digest
from runkit.errors import ContractError, UsageError
from runkit.models import Run
from runkit.reports.masker import Masker
from runkit.reports.provenance import Provenance, provenance
from runkit.reports.redaction import Redaction
from runkit.tables.linked import Frames, frames, read
from runkit.tables.records import records_of

_KEYS = ("MIDDESK_API_KEY", "RUNKIT_SANDBOX_KEY")
LEAST_KEY = 8  # characters; what is shorter, as "none", is no key and stands everywhere
_RUNS, _ANSWERS, _PROVENANCE = "runs.ndjson", "answers.parquet", "provenance.json"


class Material(NamedTuple):
    """What a report is made of, redacted.

    `runs` are the runs as objects, in the order of the frames; none where frames are all there was.
    `answers` are the rows of the answer log about these runs, with its columns.
    """

    frames: Frames
    runs: tuple[Run, ...]
    answers: pd.DataFrame
    provenance: Provenance


def policy_of(redact: bool | Redaction) -> Redaction | None:
    """Read the argument `redact`: True is the default policy, False none but for keys."""
    if isinstance(redact, Redaction):
        return redact
    if isinstance(redact, bool):
        return Redaction() if redact else None
    raise UsageError(f"redact={redact!r} cannot be used; expected True, False or a runkit.Redaction.")


def masker_of(policy: Redaction | None) -> Masker:
    """Give a masker that also knows the keys of this process' environment."""
    keys = [os.environ.get(name, "") for name in _KEYS]
    return Masker(policy, [key for key in keys if len(key) >= LEAST_KEY])


def read_source(source: object) -> tuple[Frames, tuple[Run, ...]]:
    """Read frames, and the same runs as objects where the source has them."""
    if isinstance(source, Frames):
        return source, ()
    source = getattr(source, "pinned", source)  # an archive that others write to meanwhile
    kept = list(source) if isinstance(source, Iterator) else source
    f = frames(kept)
    newest: dict[str, Run] = {}
    for record in records_of(kept):
        try:
            run = Run.from_json(record.raw)
            if not record.n_bytes:
                run.to_json()  # a report hands its runs over as text: what cannot be said is said here
        except ContractError:  # `f.problems` says what is wrong with it
            continue
        if run.id not in newest or run.updated_at >= newest[run.id].updated_at:
            newest[run.id] = run
    return f, tuple(newest[run_id] for run_id in f.runs["run_id"] if run_id in newest)


def redacted(
    f: Frames,
    runs: Collection[Run],
    policy: Redaction | None,
    masker: Masker,
    *,
    template: tuple[str, str],
) -> Material:
    """Mask the data with `masker`, and say where it comes from. `template`: its name and SHA-256."""
    answers = answers_about(f.runs["run_id"])
    f = frames(f, answers=answers)
    masker.learn([run.to_dict() for run in runs])  # what one run tells to be a secret is one in all
    safe = masker.frames(f)
    try:
        masked_runs = tuple(masker.run(run) for run in runs)
    except ContractError:
        raise UsageError(
            "a pattern of your own also masks names of the API's fields, so that runs are no runs any more; "
            "make it narrower."
        ) from None
    masked_answers = _masked(answers, masker)
    told = {
        "is_redacted": policy is not None,
        "masked": masker.counts,
        "places": masker.occurrences,
        "revealed": tuple(sorted(policy.reveal)) if policy else (),
        "own_rules": tuple(sorted(policy.patterns)) if policy else (),
        "keep_last": policy.keep_last if policy else 0,
    }
    return Material(safe, masked_runs, masked_answers, provenance(safe, masked_runs, template, told))


def _masked(answers: pd.DataFrame, masker: Masker) -> pd.DataFrame:
    """Mask the answer log's texts; what was sent is JSON."""

    def sent(text: str) -> str:
        return jsontext.dumps(masker.json(jsontext.loads(text.encode())))

    safe = answers.assign(question_digest=pd.Series(pd.NA, answers.index, "str"))
    for name in map(str, safe.select_dtypes("str").columns):
        safe[name] = safe[name].map(sent if name == "answer" else masker.text, na_action="ignore")
    # of the masked answer: from the digest of a tax number, the number could be found
    safe["answer_digest"] = [digest(jsontext.loads(text.encode())) for text in safe["answer"]]
    return safe.astype(answers.dtypes)


@contextmanager
def handed_over(material: Material) -> Iterator[Path]:
    """Write the material into a folder that only its owner can enter, and remove it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="runkit-report-"))  # 0700
    try:
        material.frames.save(folder)
        (folder / _RUNS).write_bytes(b"".join(run.to_json().encode() + b"\n" for run in material.runs))
        material.answers.to_parquet(folder / _ANSWERS, index=False)
        (folder / _PROVENANCE).write_text(json.dumps(material.provenance.to_dict()), encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o600)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def received(folder: Path) -> Material:
    """Read what `handed_over` wrote."""
    lines = (folder / _RUNS).read_bytes().splitlines()
    told = json.loads((folder / _PROVENANCE).read_text(encoding="utf-8"))
    return Material(
        read(folder),
        tuple(Run.from_json(jsontext.loads(line)) for line in lines),
        pd.read_parquet(folder / _ANSWERS),
        Provenance.from_dict(told),
    )
