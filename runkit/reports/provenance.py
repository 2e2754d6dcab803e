"""The provenance of a report, so that a colleague can reproduce it and compare."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import runkit
from runkit.errors import DISTRIBUTION
from runkit.tables.frames import Frames
from runkit.text import Markup, block, html_table, plural, timestamp, visible

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
        return block(_BLOCK.format(CSS_CLASS, html_table(("fact", "value"), self.facts())))


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
