"""Artifacts and their sources: what was found, proposed and delivered, and on which evidence it rests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit.models import Artifact, Source
from runkit.tables.columns import Chunk, Flags, Ints, count, take, text
from runkit.tables.explode import spread
from runkit.tables.layout import Runs, Steps
from runkit.tables.problems import Problems
from runkit.tables.schema import ORIGINS
from runkit.tables.validate import TEXT, Flaw

STEP, PROPOSAL, OUTPUT = range(len(ORIGINS))
_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


class Bundle(NamedTuple):
    """A list of artifacts that a question or a run carries; step is -1 where it belongs to none."""

    run: int
    step: int
    origin: int
    interrupt_id: str | None
    agent: str | None
    artifacts: object
    field: str


class Bundles(NamedTuple):
    """All lists of artifacts of a bite, run after run: the steps' in tree order, the output's last."""

    run: Ints
    step: Ints
    origin: Ints
    interrupt_id: pa.Array
    agent: pa.Array
    artifacts: list[Any]
    field: list[str]


def gather(
    steps: Steps, is_interrupt: Flags, interrupt_ids: dict[int, str | None], loose: Sequence[Bundle]
) -> Bundles:
    """Put the lists that steps carry and the `loose` ones in order.

    What an interrupt step carries is proposed, not found, by the question in `interrupt_ids`. A pending
    question shows what it proposes in its value; the same artifacts on its step are not repeated.
    """
    told = {bundle.step for bundle in loose if _holds(bundle.artifacts)}
    lists = steps.values["artifacts"]
    carrying = [position for position, artifacts in enumerate(lists) if _holds(artifacts)]
    if told:
        carrying = [position for position in carrying if position not in told]
    at = np.array(carrying, np.int64)
    bundles = Bundles(
        steps.run[at],
        at,
        np.where(is_interrupt[at], PROPOSAL, STEP),
        text(map(interrupt_ids.get, carrying)) if interrupt_ids else pa.nulls(len(at), TEXT),
        take(steps.text["agent"], at),
        [lists[position] for position in carrying],
        ["artifacts"] * len(at),
    )
    return _merge(bundles, loose, len(steps.records)) if loose else bundles


def _holds(artifacts: object) -> bool:
    """Whether there is anything: artifacts, or something else that is to be noted."""
    return artifacts is not None and (type(artifacts) is not list or bool(artifacts))


def _merge(bundles: Bundles, loose: Sequence[Bundle], n_steps: int) -> Bundles:
    """Sort the loose lists in: by run, those of no step after those of steps, the output's last."""
    run, step, origin = (
        np.concatenate([here, np.array(more, np.int64)])
        for here, more in zip(bundles[:3], zip(*(bundle[:3] for bundle in loose), strict=True), strict=True)
    )
    order = np.lexsort((np.where(step < 0, n_steps, step), origin == OUTPUT, run))
    interrupt_id = pa.concat_arrays([bundles.interrupt_id, text(bundle.interrupt_id for bundle in loose)])
    agent = pa.concat_arrays([bundles.agent, text(bundle.agent for bundle in loose)])
    artifacts = [*bundles.artifacts, *(bundle.artifacts for bundle in loose)]
    field = [*bundles.field, *(bundle.field for bundle in loose)]
    places = order.tolist()
    return Bundles(
        run[order],
        step[order],
        origin[order],
        take(interrupt_id, order),
        take(agent, order),
        [artifacts[place] for place in places],
        [field[place] for place in places],
    )


def find(bundles: Bundles, runs: Runs, steps: Steps, problems: Problems) -> tuple[Chunk, Chunk]:
    """Read the artifacts of all bundles and then their sources; `link` makes rows of the frames of them."""

    def note(number: int, path: str, flaw: Flaw) -> None:
        record, step = runs.records[bundles.run[number]], bundles.step[number]
        field = bundles.field[number] + path
        if step < 0:
            problems.of_run(record, flaw.problem, flaw.detail, field)
        else:
            problems.of_step(record, steps.records[step], flaw.problem, flaw.detail, field)

    found = spread(bundles.artifacts, Artifact, note)

    def note_source(number: int, path: str, flaw: Flaw) -> None:
        note(int(found.owner[number]), f"[{found.place[number]}].sources{path}", flaw)

    evidence = spread([artifact.get("sources") for artifact in found.records], Source, note_source)
    artifacts: Chunk = {
        "run": bundles.run[found.owner],
        "step": bundles.step[found.owner],
        "origin": bundles.origin[found.owner],
        "interrupt_id": take(bundles.interrupt_id, found.owner),
        "agent": take(bundles.agent, found.owner),
        "artifact_id": found.columns["id"],
        **{name: found.columns[name] for name in ("title", "type", "confidence", "summary")},
    }
    sources: Chunk = {"artifact": evidence.owner, "source_no": evidence.place, **evidence.columns}
    return artifacts, sources


def link(artifacts: Chunk, sources: Chunk, runs: Chunk, step_ids: pa.Array) -> None:
    """Add the columns that follow from where artifacts and sources stand."""
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


def _repeats(artifacts: Chunk, run_agents: pa.Array) -> Flags:
    """Find the proposals that repeat what a step of their run found: same agent, title and type.

    A combined proposal that was answered has the run's own agent, which groups what other agents raised.
    """
    is_repeat: Flags = np.zeros(len(artifacts["run"]), np.bool_)
    proposed = np.flatnonzero(artifacts["origin"] == PROPOSAL)
    if len(proposed):
        found = np.flatnonzero(artifacts["origin"] == STEP)
        found = found[np.isin(artifacts["run"][found], artifacts["run"][proposed])]
        by_run = take(run_agents, artifacts["run"][found])
        known = {
            *_names(artifacts, found, take(artifacts["agent"], found)),
            *_names(artifacts, found, by_run),
        }
        names = _names(artifacts, proposed, take(artifacts["agent"], proposed))
        is_repeat[proposed] = [name in known for name in names]
    return is_repeat


def _names(artifacts: Chunk, positions: Ints, agents: pa.Array) -> Iterator[tuple[object, ...]]:
    """What tells the findings of all runs apart."""
    columns = (take(artifacts[name], positions).to_pylist() for name in ("title", "type"))
    return zip(artifacts["run"][positions].tolist(), agents.to_pylist(), *columns, strict=True)


def hosts(urls: pa.Array) -> pa.Array:
    """The host of each url in lower case; null where there is none."""
    encoded = urls.dictionary_encode()  # many findings rest on the same sources
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(encoded.dictionary, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, urls.type), host).take(encoded.indices)


def output_bundles(runs: Runs) -> list[Bundle]:
    """What the runs deliver."""
    agent = runs.text["agent"]
    return [
        Bundle(number, -1, OUTPUT, None, agent[number].as_py(), output.get("artifacts"), "output.artifacts")
        for number, record in enumerate(runs.records)
        if isinstance(output := record.raw.get("output"), dict)
    ]
