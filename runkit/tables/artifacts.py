"""Artifacts of steps, interrupts and outputs, and their sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit.contract import TIERS
from runkit.models import Artifact, Source
from runkit.tables.columns import Chunk, Flags, Ints, count, take, text
from runkit.tables.explode import explode
from runkit.tables.layout import Runs, Steps
from runkit.tables.problems import Problems
from runkit.tables.schema import ORIGINS
from runkit.tables.validate import TEXT, Issue

STEP, PROPOSAL, OUTPUT = range(len(ORIGINS))
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


class ArtifactList(NamedTuple):
    """The artifacts of an interrupt or of a run's output; step is -1 where there is none."""

    run: int
    step: int
    origin: int
    interrupt_id: str | None
    agent: str | None
    artifacts: object
    field: str


class ArtifactLists(NamedTuple):
    """All lists of artifacts of a batch, run by run: those of steps in tree order, then the output's."""

    run: Ints
    step: Ints
    origin: Ints
    interrupt_id: pa.Array
    agent: pa.Array
    artifacts: list[Any]
    field: list[str]


def collect_lists(
    steps: Steps, is_interrupt: Flags, interrupt_ids: dict[int, str | None], others: Sequence[ArtifactList]
) -> ArtifactLists:
    """Collect the lists of steps and the `others`, in order.

    The artifacts of an interrupt step are proposals; `interrupt_ids` has its interrupt. A pending interrupt
    has its proposals in its value, so that those of its step are skipped.
    """
    with_value = {entry.step for entry in others if _has_artifacts(entry.artifacts)}
    lists = steps.values["artifacts"]
    positions = [position for position, artifacts in enumerate(lists) if _has_artifacts(artifacts)]
    if with_value:
        positions = [position for position in positions if position not in with_value]
    at = np.array(positions, np.int64)
    artifact_lists = ArtifactLists(
        steps.run[at],
        at,
        np.where(is_interrupt[at], PROPOSAL, STEP),
        text(map(interrupt_ids.get, positions)) if interrupt_ids else pa.nulls(len(at), TEXT),
        take(steps.text["agent"], at),
        [lists[position] for position in positions],
        ["artifacts"] * len(at),
    )
    return _merge(artifact_lists, others, len(steps.records)) if others else artifact_lists


def _has_artifacts(artifacts: object) -> bool:
    """Whether there are artifacts, or some other value, which will be an issue."""
    return artifacts is not None and (type(artifacts) is not list or bool(artifacts))


def _merge(artifact_lists: ArtifactLists, others: Sequence[ArtifactList], n_steps: int) -> ArtifactLists:
    """Merge both by run: lists of steps first, then those without a step, then the output's."""
    run, step, origin = (
        np.concatenate([values, np.array(more, np.int64)])
        for values, more in zip(
            artifact_lists[:3], zip(*(entry[:3] for entry in others), strict=True), strict=True
        )
    )
    order = np.lexsort((np.where(step < 0, n_steps, step), origin == OUTPUT, run))
    interrupt_id = pa.concat_arrays(
        [artifact_lists.interrupt_id, text(entry.interrupt_id for entry in others)]
    )
    agent = pa.concat_arrays([artifact_lists.agent, text(entry.agent for entry in others)])
    artifacts = [*artifact_lists.artifacts, *(entry.artifacts for entry in others)]
    field = [*artifact_lists.field, *(entry.field for entry in others)]
    indices = order.tolist()
    return ArtifactLists(
        run[order],
        step[order],
        origin[order],
        take(interrupt_id, order),
        take(agent, order),
        [artifacts[index] for index in indices],
        [field[index] for index in indices],
    )


def read_artifacts(
    artifact_lists: ArtifactLists, runs: Runs, steps: Steps, problems: Problems
) -> tuple[Chunk, Chunk]:
    """Explode the artifacts and their sources; `add_keys` adds the columns that join them."""

    def note(number: int, path: str, issue: Issue) -> None:
        record, step = runs.records[artifact_lists.run[number]], artifact_lists.step[number]
        field = artifact_lists.field[number] + path
        if step < 0:
            problems.add_for_run(record, issue.problem, issue.detail, field)
        else:
            problems.add_for_step(record, steps.records[step], issue.problem, issue.detail, field)

    exploded = explode(artifact_lists.artifacts, Artifact, note)

    def note_source(number: int, path: str, issue: Issue) -> None:
        note(int(exploded.owner[number]), f"[{exploded.item_no[number]}].sources{path}", issue)

    evidence = explode([artifact.get("sources") for artifact in exploded.records], Source, note_source)
    artifacts: Chunk = {
        "run": artifact_lists.run[exploded.owner],
        "step": artifact_lists.step[exploded.owner],
        "origin": artifact_lists.origin[exploded.owner],
        "interrupt_id": take(artifact_lists.interrupt_id, exploded.owner),
        "agent": take(artifact_lists.agent, exploded.owner),
        "artifact_id": exploded.columns["id"],
        **{name: exploded.columns[name] for name in ("title", "type", "confidence", "summary")},
    }
    sources: Chunk = {"artifact": evidence.owner, "source_no": evidence.item_no, **evidence.columns}
    return artifacts, sources


def add_keys(artifacts: Chunk, sources: Chunk, runs: Chunk, step_ids: pa.Array) -> None:
    """Add the columns that join artifacts and sources to runs, steps and each other."""
    run_ids, run_agents = runs["run_id"], runs["agent"]
    run, of = artifacts["run"], sources["artifact"]
    per_run = count(run, len(run_ids))
    artifacts["run_id"] = take(run_ids, run)
    artifacts["artifact_no"] = np.arange(len(run)) - (np.cumsum(per_run) - per_run)[run]
    artifacts["step_id"] = take(step_ids, artifacts["step"])
    artifacts["n_sources"] = count(of, len(run))
    artifacts["is_repeat"] = _repeats(artifacts, run_agents)
    for name in ("run_id", "step_id", "title"):
        sources[name] = take(artifacts[name], of)
    for name in ("run", "artifact_no", "origin"):
        sources[name] = artifacts[name][of]
    sources["host"] = hosts(sources["url"])
    artifacts["n_hosts"] = _count_hosts(of, sources["host"], len(run))
    artifacts["best_tier"] = _best_tiers(of, sources["source_tier"], len(run))


def _count_hosts(of: Ints, host: pa.Array, n: int) -> Ints:
    """Count the different hosts of each artifact's sources."""
    codes = host.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    pairs = np.unique(np.stack([of, codes])[:, codes >= 0], axis=1)
    return count(pairs[0], n)


def _best_tiers(of: Ints, tier: pa.Array, n: int) -> pa.Array:
    """Return the best tier of each artifact's sources; unknown words rank below known ones."""
    encoded = tier.dictionary_encode()
    words = [*TIERS, *(word for word in encoded.dictionary.to_pylist() if word not in TIERS)]
    ranks = np.array([*map(words.index, encoded.dictionary.to_pylist()), len(words)], np.int64)
    best: Ints = np.full(n, len(words), np.int64)
    np.minimum.at(best, of, ranks[encoded.indices.fill_null(len(ranks) - 1).to_numpy()])
    return take(pa.array(words, TEXT), np.where(best < len(words), best, -1))


def _repeats(artifacts: Chunk, run_agents: pa.Array) -> Flags:
    """Find proposals that repeat a finding of a step of their run: same agent, title and type.

    An answered combined proposal has the run's agent, which groups the proposals of other agents.
    """
    is_repeat: Flags = np.zeros(len(artifacts["run"]), np.bool_)
    proposals = np.flatnonzero(artifacts["origin"] == PROPOSAL)
    if len(proposals):
        findings = np.flatnonzero(artifacts["origin"] == STEP)
        findings = findings[np.isin(artifacts["run"][findings], artifacts["run"][proposals])]
        by_run = take(run_agents, artifacts["run"][findings])
        known = {
            *_keys(artifacts, findings, take(artifacts["agent"], findings)),
            *_keys(artifacts, findings, by_run),
        }
        keys = _keys(artifacts, proposals, take(artifacts["agent"], proposals))
        is_repeat[proposals] = [key in known for key in keys]
    return is_repeat


def _keys(artifacts: Chunk, positions: Ints, agents: pa.Array) -> Iterator[tuple[object, ...]]:
    """Return what identifies a finding: run, agent, title and type."""
    columns = (take(artifacts[name], positions).to_pylist() for name in ("title", "type"))
    return zip(artifacts["run"][positions].tolist(), agents.to_pylist(), *columns, strict=True)


def hosts(urls: pa.Array) -> pa.Array:
    """Return the host of each URL in lower case; null where there is none."""
    encoded = urls.dictionary_encode()  # many findings share the same sources
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(encoded.dictionary, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, urls.type), host).take(encoded.indices)


def output_lists(runs: Runs) -> list[ArtifactList]:
    """Return the artifacts of the runs' outputs."""
    agent = runs.text["agent"]
    return [
        ArtifactList(
            number, -1, OUTPUT, None, agent[number].as_py(), output.get("artifacts"), "output.artifacts"
        )
        for number, record in enumerate(runs.records)
        if isinstance(output := record.raw.get("output"), dict)
    ]
