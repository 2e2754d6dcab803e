"""The data of a report: collected and redacted here, then passed to the kernel that executes the template.

The kernel gets a private folder with the redacted data only: no API key, no answer log, no original data.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import runkit
from runkit import jsontext
from runkit.answers import answers_about, digest
from runkit.errors import DISTRIBUTION, ContractError, UsageError
from runkit.models import Run
from runkit.reports.masking import Masker
from runkit.reports.redaction import Redaction
from runkit.tables.frames import Frames, frames
from runkit.tables.frames import read as read_frames
from runkit.tables.sources import Record, records_of
from runkit.text import Markup, agent_title, block, html_table, plural, shorten, timestamp, visible

MAX_IDS = 10  # in the table; the first cell has all
CSS_CLASS = "runkit-provenance"  # of the block in a notebook's HTML
_BLOCK = Markup('<div class="{}">{}</div>')
_MASK = re.compile(r"\[([\w .-]{1,40}) \d{1,9}(?: (?:…|\\u2026)\d{1,4})?\]")  # numbers depend on the order
_LOCAL_COLUMNS = {  # values that differ between machines and times of reading
    "runs": ["business_id", "business_name", "business_status", "business_status_at", "agent_name"],
    "interrupts": ["decision", "answered_by"],
    "problems": ["location"],
}


@dataclass(frozen=True)
class Provenance:
    """The data and settings of a report; masked values are counted by rule and never shown."""

    run_ids: tuple[str, ...]
    hosts: tuple[str, ...]
    read_at: str | None
    missing: str | None
    archive_version: int | None
    digest: str
    template: str
    template_digest: str
    is_redacted: bool
    masked: Mapping[str, int]
    texts: Mapping[str, int]
    revealed: tuple[str, ...]
    own_rules: tuple[str, ...]
    keep_last: int
    made_at: str
    version: str

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        lists = {name: tuple(one) for name, one in values.items() if isinstance(one, list)}
        return cls(**values | lists)

    def facts(self) -> list[tuple[str, str]]:
        """Return the rows of the table: name and text."""
        ids = ", ".join(self.run_ids[:MAX_IDS])
        left = len(self.run_ids) - MAX_IDS
        hosts = ", ".join(self.hosts) or "an unknown host"
        version = f"version {self.archive_version}: archive.frames(version={self.archive_version})"
        more = f", and {left:,} more (all are in the first code cell)" if left > 0 else ""
        return [
            ("runs", f"{len(self.run_ids):,}: {ids}{more}"),
            ("read", f"{self.read_at or 'at an unknown time'}, from {hosts}"),
            *([("archive", version)] if self.archive_version is not None else []),
            ("complete", f"no: {self.missing}" if self.missing else "yes"),
            ("redaction", self.redaction()),
            ("data digest", f"SHA-256 {self.digest} of the redacted frames"),
            ("template", f"{self.template}, SHA-256 {self.template_digest}"),
            ("created", f"{self.made_at} with {DISTRIBUTION} {self.version}"),
            ("to reproduce", "Fetch these runs and report on them with the same template and redaction. "
             "If all runs have ended, the data digest is the same."),
        ]  # fmt: skip

    def redaction(self) -> str:
        """Describe what was masked and what was left on purpose."""
        counts = [
            f"{name}: {plural(number, 'value')} in {plural(self.texts.get(name, 0), 'text')}"
            for name, number in self.masked.items()
        ]
        parts = [f"masked {'; '.join(counts)}" if counts else "no sensitive data found to mask"]
        if not self.is_redacted:
            parts.insert(0, "redaction is off; only API keys are masked")
        if self.revealed:
            parts.append(f"not masked on request: {', '.join(self.revealed)}")
        if self.own_rules:
            parts.append(f"custom rules: {', '.join(self.own_rules)}")
        if self.keep_last:
            parts.append(
                f"the last {plural(self.keep_last, 'digit')} of tax and social security numbers shown"
            )
        parts.append("names of people and companies, and postal addresses, are not masked")
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."

    def __repr__(self) -> str:
        return visible("\n".join(f"{name}: {words}" for name, words in self.facts()))

    def _repr_html_(self) -> str:
        return block(
            _BLOCK.format(
                CSS_CLASS,
                html_table(("Fact", "Value"), [(name.capitalize(), words) for name, words in self.facts()]),
            )
        )


def provenance(frames: Frames, template: tuple[str, str], redaction: Mapping[str, Any]) -> Provenance:
    """Describe redacted data. `template`: name and SHA-256; `redaction`: the `Provenance` fields about it."""
    times = dict.fromkeys(map(timestamp, frames.read_at or ()))
    return Provenance(
        run_ids=tuple(frames.runs["run_id"].tolist()),
        hosts=frames.read_from,
        read_at=" to ".join(times) or None,
        missing=_missing(frames),
        archive_version=frames.version,
        digest=digest_of(frames),
        template=template[0],
        template_digest=template[1],
        made_at=timestamp(datetime.now(UTC)),
        version=runkit.__version__,
        **redaction,
    )


def _missing(frames: Frames) -> str | None:
    if frames.is_complete:
        return None
    refused = frames.coverage.refused
    parts = [f"{plural(refused, 'record')} refused"] if refused else []
    return "; ".join([*parts, *([frames.coverage.why] if frames.coverage.why else [])])


def digest_of(frames: Frames) -> str:
    """Return the SHA-256 of frames, in hex: equal for equal data, in any order of the runs.

    It leaves out what depends on where and when the data was read: `as_of` of ended runs, who answered
    (known from the answer log of one machine), business names, and locations of problems. It must be taken
    of redacted frames: a nine-digit number can be recovered from a digest by trying all numbers.
    """
    total = hashlib.sha256()
    for name, df in frames.items():
        shared = df.drop(columns=_LOCAL_COLUMNS.get(name, []))
        if name == "runs":
            shared = shared.assign(as_of=shared["as_of"].where(shared["ended_at"].isna()))
        ordered = shared.sort_values("run_id", kind="stable").reset_index(drop=True)
        text = _MASK.sub(
            r"[\1]", ordered.to_json(orient="split", index=False, date_format="iso", date_unit="us")
        )
        total.update(f"{name}\n{text}\n".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


_KEY_VARIABLES = ("MIDDESK_API_KEY", "RUNKIT_SANDBOX_KEY")
MIN_KEY_LENGTH = 8  # characters; a shorter value, such as "none", is a common word and not a key
_RUNS, _ANSWERS, _PROVENANCE, _LABELS = "runs.ndjson", "answers.parquet", "provenance.json", "labels.json"


class Labels(NamedTuple):
    """What the maker of a report gives to its reader: a title, and words on its use."""

    title: str = ""
    classification: str = ""
    prepared_by: str = ""
    sign_off: str = ""  # a role on each line


NO_LABELS = Labels()


class ReportData(NamedTuple):
    """The data of a report, redacted: `frames`, `runs`, `answers`, `provenance`, `labels`.

    `frames` are `runkit.Frames`. `runs` are the same runs as `Run` objects; empty if the report was made
    from frames. `answers` are the rows of `runkit.answer_log()` about these runs. `provenance` is shown as a
    table. `labels` are the title and other words that were given to `report()`.
    """

    frames: Frames
    runs: tuple[Run, ...]
    answers: pd.DataFrame
    provenance: Provenance
    labels: Labels = NO_LABELS

    def __repr__(self) -> str:
        facts = dict(self.provenance.facts())
        redaction = self.provenance.redaction()
        return visible(f"{plural(len(self.frames.runs), 'run')}, read {facts['read']}. {redaction}")

    def _repr_html_(self) -> str:
        return block(Markup("<p>{}</p>").format(repr(self)))


def heading(f: Frames) -> str:
    """Name what a report is about: one business, two, or the number of runs."""
    runs, names = plural(len(f.runs), "run"), [shorten(name) for name in f.runs["business_name"].dropna()]
    unique = list(dict.fromkeys(names))
    if len(f.runs) == 1:
        return (unique or [agent_title(*f.runs[["agent", "agent_name"]].astype(object).iloc[0])])[0]
    if len(unique) == 1:
        return f"{unique[0]}: {runs}"
    return " and ".join(unique) if len(unique) == len(f.runs) == 2 else runs


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
    labels: Labels = NO_LABELS,
) -> ReportData:
    """Mask the data and the labels, and describe the provenance; `template`: name and SHA-256."""
    f, (name, template_digest) = source.frames, template
    why = f.coverage.why
    texts = labels._asdict() | {"template": name, "coverage": why or ""}
    masker.scan(source.tables(), source.runs, texts)
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
    about = provenance(safe, (masker.text(name), template_digest), redaction)
    return ReportData(safe, runs, answers, about, Labels(*map(masker.text, labels)))


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
def bundle_folder(bundle: ReportData) -> Iterator[Path]:
    """Write the data to a folder that only its owner can read, and delete it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="runkit-report-"))  # 0700
    try:
        bundle.frames.save(folder)
        (folder / _RUNS).write_bytes(b"".join(run.to_json().encode() + b"\n" for run in bundle.runs))
        bundle.answers.to_parquet(folder / _ANSWERS, index=False)
        (folder / _PROVENANCE).write_text(bundle.provenance.to_json(), encoding="utf-8")
        (folder / _LABELS).write_text(jsontext.dumps(list(bundle.labels)), encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o600)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_bundle(folder: Path) -> ReportData:
    """Read the data that `bundle_folder` wrote."""
    lines = (folder / _RUNS).read_bytes().splitlines()
    return ReportData(
        read_frames(folder),
        tuple(Run.from_json(jsontext.loads(line)) for line in lines),
        pd.read_parquet(folder / _ANSWERS),
        Provenance.from_json((folder / _PROVENANCE).read_text(encoding="utf-8")),
        Labels(*jsontext.loads((folder / _LABELS).read_bytes())),
    )
