"""Artifacts and their sources: what was found, proposed and delivered, and on which evidence it rests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit.models import Artifact, Source
from runkit.tables.checks import Flaw
from runkit.tables.columns import Chunk, Flags, Ints, count, take, text
from runkit.tables.layout import Runs, Steps
from runkit.tables.problems import Problems
from runkit.tables.schema import ORIGINS
from runkit.tables.spread import spread

STEP, PROPOSAL, OUTPUT = range(len(ORIGINS))
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


class Bundle(NamedTuple):
    """A list of artifacts and whose they are: run and step are positions in the batch, step -1 for none."""

    run: int
    step: int
    origin: int
    interrupt_id: str | None
    agent: str | None
    artifacts: object
    field: str


class Findings(NamedTuple):
    """The columns of the artifacts and sources frames, and whose each artifact is."""

    artifacts: Chunk
    sources: Chunk
    artifact_run: Ints
    artifact_step: Ints
    source_run: Ints


def find(bundles: Sequence[Bundle], runs: Runs, steps: Steps, problems: Problems) -> Findings:
    """Lay out the artifacts of all bundles, which stand run after run, and then their sources."""

    def note(bundle: Bundle, field: str, flaw: Flaw) -> None:
        record = runs.records[bundle.run]
        if bundle.step < 0:
            problems.of_run(record, flaw.problem, flaw.detail, field)
        else:
            problems.of_step(record, steps.records[bundle.step], flaw.problem, flaw.detail, field)

    def note_artifact(number: int, path: str, flaw: Flaw) -> None:
        note(bundles[number], bundles[number].field + path, flaw)

    found = spread([bundle.artifacts for bundle in bundles], Artifact, note_artifact)

    def note_source(number: int, path: str, flaw: Flaw) -> None:
        bundle = bundles[found.owner[number]]
        note(bundle, f"{bundle.field}[{found.place[number]}].sources{path}", flaw)

    evidence = spread([artifact.get("sources") for artifact in found.records], Source, note_source)

    run_of = np.array([bundle.run for bundle in bundles], np.int64)[found.owner]
    step_of = np.array([bundle.step for bundle in bundles], np.int64)[found.owner]
    origin = np.array([bundle.origin for bundle in bundles], np.int32)[found.owner]
    per_run = count(run_of, len(runs.records))
    number = np.arange(len(run_of)) - (np.cumsum(per_run) - per_run)[run_of]
    step_id = take(steps.ids, step_of)
    of = evidence.owner
    artifacts: Chunk = {
        "run_id": take(runs.text["id"], run_of),
        "artifact_no": number,
        "step_id": step_id,
        "origin": origin,
        "interrupt_id": take(text(bundle.interrupt_id for bundle in bundles), found.owner),
        "artifact_id": found.columns["id"],
        "agent": take(text(bundle.agent for bundle in bundles), found.owner),
        "title": found.columns["title"],
        "type": found.columns["type"],
        "confidence": found.columns["confidence"],
        "summary": found.columns["summary"],
        "n_sources": count(of, len(found.records)),
    }
    sources: Chunk = {
        "run_id": take(runs.text["id"], run_of[of]),
        "artifact_no": number[of],
        "source_no": evidence.place,
        "step_id": take(step_id, of),
        "origin": origin[of],
        "title": take(found.columns["title"], of),
        "url": evidence.columns["url"],
        "host": hosts(evidence.columns["url"]),
        "source_name": evidence.columns["source_name"],
        "source_tier": evidence.columns["source_tier"],
        "source_type": evidence.columns["source_type"],
    }
    return Findings(artifacts, sources, run_of, step_of, run_of[of])


def hosts(urls: pa.Array) -> pa.Array:
    """The host of each url in lower case; null where there is none."""
    encoded = urls.dictionary_encode()  # many findings rest on the same sources
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(encoded.dictionary, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, urls.type), host).take(encoded.indices)


def step_bundles(steps: Steps, is_interrupt: Flags) -> list[Bundle]:
    """What the steps carry; what an interrupt step carries is proposed, not found."""
    carried = [
        (position, artifacts)
        for position, step in enumerate(steps.records)
        if (artifacts := step.get("artifacts"))
    ]
    at = np.array([position for position, _ in carried], np.int64)
    return [
        Bundle(run, position, PROPOSAL if is_proposal else STEP, None, agent, artifacts, "artifacts")
        for (position, artifacts), run, is_proposal, agent in zip(
            carried,
            steps.run[at].tolist(),
            is_interrupt[at].tolist(),
            take(steps.text["agent"], at).to_pylist(),
            strict=True,
        )
    ]


def output_bundles(runs: Runs) -> list[Bundle]:
    """What the runs deliver."""
    agents = runs.text["agent"].to_pylist()
    return [
        Bundle(number, -1, OUTPUT, None, agents[number], output.get("artifacts"), "output.artifacts")
        for number, record in enumerate(runs.records)
        if isinstance(output := record.raw.get("output"), dict)
    ]
