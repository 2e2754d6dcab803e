"""Where a report comes from, so that a colleague can make it again and compare."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import runkit
from runkit.errors import DISTRIBUTION
from runkit.tables.linked import Frames
from runkit.text import Markup, block, html_table, moment, plural, visible

MOST_IDS = 10  # in the table; the first cell holds all
CLASS = "runkit-provenance"  # tells the block in a notebook's HTML
_BLOCK = Markup('<div class="{}">{}</div>')
_MASK = re.compile(r"\[([\w .-]{1,40}) \d{1,9}(?: (?:…|\\u2026)\d{1,4})?\]")  # numbered as runs came
_LOCAL = {  # what another machine does not know, or knows at another time
    "runs": ["business_id", "business_name", "business_status", "business_status_at", "agent_name"],
    "interrupts": ["decision", "answered_by"],
    "problems": ["location"],
}


@dataclass(frozen=True)
class Provenance:
    """What a report was made of and how; what was masked is counted by rule and never shown."""

    run_ids: tuple[str, ...]
    hosts: tuple[str, ...]
    read_first: str | None
    read_last: str | None
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

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """Read what `to_dict` gave, also after JSON made lists of the tuples."""
        return cls(**{name: _unlisted(value) for name, value in values.items()})

    def facts(self) -> list[tuple[str, str]]:
        """Say it in words, one fact a row."""
        shown = ", ".join(self.run_ids[:MOST_IDS])
        left = len(self.run_ids) - MOST_IDS
        more = f", and {left:,} more (the first cell has all: show the code)" if left > 0 else ""
        return [
            ("runs", f"{len(self.run_ids):,}: {shown}{more}"),
            ("read", self._read()),
            *self._archive(),
            ("complete", f"no: {self.missing}" if self.missing else "yes, all that was asked for was read"),
            ("redaction", self.redaction()),
            ("digest of the data", f"SHA-256 {self.digest}, of the redacted frames"),
            ("template", f"{self.template}, SHA-256 {self.template_digest}"),
            ("made", f"{_moment(self.made_at)} with {DISTRIBUTION} {self.version}"),
            ("to make it again", "Fetch these runs, report on them with the same template and redaction, "
             "and compare the digests: those of runs that have ended are equal."),
        ]  # fmt: skip

    def redaction(self) -> str:
        """Say what was masked, and what was not on purpose."""
        counts = [
            f"{name}: {plural(number, 'value')} in {plural(self.texts.get(name, 0), 'text')}"
            for name, number in self.masked.items()
        ]
        parts = [f"masked {'; '.join(counts)}" if counts else "nothing was masked, as nothing was found"]
        if not self.is_redacted:
            parts.insert(0, "switched off by whoever made this; only keys are masked")
        if self.revealed:
            parts.append(f"left as they are on purpose: {', '.join(self.revealed)}")
        if self.own_rules:
            parts.append(f"with own rules: {', '.join(self.own_rules)}")
        if self.keep_last:
            parts.append(
                f"the last {plural(self.keep_last, 'digit')} of tax and social security numbers kept"
            )
        parts.append("names of people and companies and postal addresses are not masked")
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."

    def _archive(self) -> list[tuple[str, str]]:
        if self.archive_version is None:
            return []
        return [("archive", f"version {self.archive_version}, which can be read again")]

    def _read(self) -> str:
        when = "at an unknown time"
        if self.read_first and self.read_last:
            first, last = _moment(self.read_first), _moment(self.read_last)
            when = first if first == last else f"{first} to {last}"
        return f"{when}, from {', '.join(self.hosts) or 'an unknown host'}"

    def __repr__(self) -> str:
        return visible("\n".join(f"{name}: {words}" for name, words in self.facts()))

    def _repr_html_(self) -> str:
        return block(_BLOCK.format(CLASS, html_table(("fact", "value"), self.facts())))


def _unlisted(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def provenance(frames: Frames, template: tuple[str, str], redaction: Mapping[str, Any]) -> Provenance:
    """Describe redacted data. `template`: name and SHA-256; `redaction`: the fields that tell of it."""
    first, last = frames.read_at or (None, None)
    return Provenance(
        run_ids=tuple(frames.runs["run_id"].tolist()),
        hosts=frames.read_from,
        read_first=first.isoformat() if first else None,
        read_last=last.isoformat() if last else None,
        missing=_missing(frames),
        archive_version=frames.version,
        digest=digest_of(frames),
        template=template[0],
        template_digest=template[1],
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
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
    """Give the SHA-256 of frames, in hex: equal for equal data, in whatever order the runs came.

    It covers every column but what depends on where and when the data was read: `as_of` of runs that have
    ended, who answered (the answer log of a machine tells), and the places of problems. It is taken of
    redacted frames: from a digest of the rest and a number of nine digits, the number could be found.
    """
    total = hashlib.sha256()
    for name, df in frames.items():
        kept = df.drop(columns=_LOCAL.get(name, []))
        if name == "runs":
            kept = kept.assign(as_of=kept["as_of"].where(kept["ended_at"].isna()))
        ordered = kept.sort_values("run_id", kind="stable").reset_index(drop=True)
        text = _MASK.sub(
            r"[\1]", ordered.to_json(orient="split", index=False, date_format="iso", date_unit="us")
        )
        total.update(f"{name}\n{text}\n".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _moment(text: str) -> str:
    return moment(datetime.fromisoformat(text))
