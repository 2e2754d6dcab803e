"""The columns of artifacts, sources and interrupts, and what every screen shows of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runkit import contract, timing
from runkit.models import Artifact, Source
from runkit.questions import interrupt_kind, proposals_of
from runkit.tables.columns import (
    NEVER,
    Columns,
    count,
    extreme_word,
    flags,
    is_word,
    map_words,
    measure,
    note_contradictions,
    note_unknown_words,
    object_columns,
    position_in_group,
    rank,
    run_fields,
    step_columns,
    step_fields,
    take,
    text,
    to_arrow,
)
from runkit.tables.flatten import ANSWERED, LAPSED, OUTPUT, PENDING, PROPOSAL, STEP, Rows, flatten
from runkit.tables.schema import TEXT
from runkit.text import agent_title, brief
from runkit.timing import Flags, Ints

_HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^:/?#\\]*)"


def tables(rows: Rows, as_of: int | None) -> dict[str, pa.Table]:
    """Build the Arrow tables of a batch. `as_of` is in microseconds, or None for each run's own.

    The table of runs has their location in the source, too.
    """
    flatten(rows)
    runs, steps = run_fields(rows.runs), step_fields(rows)
    note_contradictions(runs, steps, rows)
    measure(runs, steps, rows, as_of)
    steps |= step_columns(runs, steps, rows)
    artifacts = artifact_columns(runs, steps, rows)
    sources = source_columns(artifacts, rows)
    interrupts = interrupt_columns(runs, steps, rows)
    steps["n_artifacts"] = count(artifacts["step"], len(rows.steps))
    parts = {"steps": steps, "artifacts": artifacts, "sources": sources, "interrupts": interrupts}
    runs |= _run_columns(runs, parts, rows)
    note_unknown_words(runs, steps, rows)

    built = {name: to_arrow(name, columns) for name, columns in (parts | {"runs": runs}).items()}
    built["runs"] = built["runs"].append_column("location", text(record.location for record in rows.records))
    return built | {"reads": to_arrow("reads", runs)}


def artifact_columns(runs: Columns, steps: Columns, rows: Rows) -> Columns:
    """Build the columns of the artifacts frame, and the rows of their runs and steps."""
    artifacts = rows.artifacts
    run = _numbers(artifact.run for artifact in artifacts)
    step = _numbers(artifact.step for artifact in artifacts)
    fields = object_columns([artifact.artifact for artifact in artifacts], Artifact)
    n_sources = _numbers(len(artifact.artifact.get("sources") or ()) for artifact in artifacts)

    def note(row: int, detail: str) -> None:
        holder = artifacts[row].artifact
        rows.note(artifacts[row].run, "unknown_value", detail, "confidence", holder=holder)

    columns = fields | {
        "run": run,
        "step": step,
        "run_id": take(runs["run_id"], run),
        "artifact_no": position_in_group(run),
        "step_id": take(steps["step_id"], step),
        "origin": text(artifact.origin for artifact in artifacts),
        "interrupt_id": text(artifact.interrupt_id for artifact in artifacts),
        "artifact_id": fields["id"],
        "agent": text(artifact.agent for artifact in artifacts),
        "confidence": _known_words(fields["confidence"], "confidence", contract.CONFIDENCES, note),
        "n_sources": n_sources,
    }
    return columns | {"is_repeat": _repeats(columns, runs, steps)}


def source_columns(artifacts: Columns, rows: Rows) -> Columns:
    """Build the columns of the sources frame; adds to the artifacts what their sources tell."""
    sources = [source for row in rows.artifacts for source in row.artifact.get("sources") or ()]
    owner = np.repeat(np.arange(len(rows.artifacts)), artifacts["n_sources"])
    fields = object_columns(sources, Source)

    def note(row: int, detail: str) -> None:
        run = rows.artifacts[owner[row]].run
        rows.note(run, "unknown_value", detail, "source_tier", holder=sources[row])

    tiers = _known_words(fields["source_tier"], "source_tier", contract.TIERS, note)
    host = _hosts(fields["url"])
    n = len(rows.artifacts)
    artifacts["n_hosts"] = _count_hosts(owner, host, n)
    artifacts["best_tier"] = extreme_word(owner, tiers, n, contract.TIERS, np.maximum)
    return fields | {
        **{name: take(artifacts[name], owner) for name in ("run_id", "step_id", "title", "origin")},
        "run": artifacts["run"][owner],
        "artifact_no": artifacts["artifact_no"][owner],
        "source_no": position_in_group(owner),
        "source_tier": tiers,
        "host": host,
    }


def interrupt_columns(runs: Columns, steps: Columns, rows: Rows) -> Columns:
    """Build the columns of the interrupts frame, and the rows of their runs."""
    interrupts = rows.interrupts
    run = _numbers(row.run for row in interrupts)
    step = _numbers(row.step for row in interrupts)
    names = ("interrupt_id", "agent", "label", "outcome")
    texts = {name: text(getattr(row, name) for row in interrupts) for name in names}
    answered = (row.step if row.outcome == ANSWERED else -1 for row in interrupts)
    answerers = (contract.answerer_of(rows.steps[row]) if row >= 0 else None for row in answered)
    has_step = step >= 0
    is_settled = has_step & ~is_word(texts["outcome"], PENDING, LAPSED)
    is_undated = is_word(texts["outcome"], PENDING) & runs["is_undated"][run]
    # An open interrupt has waited until its run's end (as_of while the run is open), as its step has.
    asked, until = (np.append(steps[name], 0)[step] for name in ("start", "end"))
    return texts | {
        "run": run,
        "run_id": take(runs["run_id"], run),
        "step_id": take(steps["step_id"], step),
        "kind": text(interrupt_kind(row.value) for row in interrupts),
        "n_proposals": _numbers(len(proposals_of(row.value)) for row in interrupts),
        "asked_at": np.where(has_step, asked, NEVER),
        "answered_at": np.where(is_settled, until, NEVER),
        "wait_s": np.where(has_step & ~is_undated, until - asked, NEVER),
        "decision": pa.nulls(len(run), TEXT),
        "answered_by": text(answerers),
    }


def _weakest(artifacts: Columns, is_finding: Flags, n: int) -> pa.Array:
    """Return the title of each run's weakest finding, else of its weakest output, if it is not high."""
    ranks = np.maximum(rank(artifacts["confidence"], contract.CONFIDENCES), 0)
    is_weak = (ranks < len(contract.CONFIDENCES) - 1) & ~artifacts["is_repeat"]
    order = np.lexsort((ranks, ~is_finding, artifacts["run"]))
    rows = order[is_weak[order]]
    runs, first = np.unique(artifacts["run"][rows], return_index=True)
    positions = np.full(n, -1)
    positions[runs] = rows[first]
    return take(artifacts["title"], positions)


def _numbers(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)


def _known_words(
    values: pa.Array, name: str, words: Sequence[str], note: Callable[[int, str], object]
) -> pa.Array:
    """Return a ranked column, in which each word that is not in `words` is the first of them, `other`."""
    is_unknown = flags(values.is_valid()) & ~is_word(values, *words)
    for row in np.flatnonzero(is_unknown).tolist():
        word = brief(values[row].as_py())
        note(row, f"{name}: {word} is not in the API's documentation; read as other")
    return pc.if_else(pa.array(is_unknown), words[0], values)


def _repeats(artifacts: Columns, runs: Columns, steps: Columns) -> Flags:
    """Find proposals that repeat a finding of a step of their run: same agent, title and type.

    An answered combined proposal has the run's agent, which groups the proposals of other agents. What an
    output step has may repeat the run's output: same title and type.
    """
    run_agents = runs["agent"].to_pylist()
    is_of_output: Flags = np.append(is_word(steps["type"], "output"), [False])[artifacts["step"]]
    columns = (artifacts[name].to_pylist() for name in ("origin", "agent", "title", "type"))
    rows = list(zip(artifacts["run"].tolist(), *columns, strict=True))
    found, delivered = set(), set()
    for run, origin, agent, *finding in rows:
        if origin == STEP:
            found |= {(run, agent, *finding), (run, run_agents[run], *finding)}
        elif origin == OUTPUT:
            delivered.add((run, *finding))
    is_repeat = [origin == PROPOSAL and (run, *finding) in found for run, origin, *finding in rows]
    is_same = [origin == STEP and (run, *finding) in delivered for run, origin, _, *finding in rows]
    return np.array(is_repeat, np.bool_) | np.array(is_same, np.bool_) & is_of_output


def _count_hosts(of: Ints, host: pa.Array, n: int) -> Ints:
    """Count the different hosts of each artifact's sources."""
    codes = host.dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    pairs = np.unique(np.stack([of, codes])[:, codes >= 0], axis=1)
    return count(pairs[0], n)


def _hosts(urls: pa.Array) -> pa.Array:
    """Return the host of each URL in lower case; null where there is none."""
    encoded = urls.dictionary_encode()  # many findings share the same sources
    host = pc.utf8_lower(pc.struct_field(pc.extract_regex(encoded.dictionary, _HOST), "host"))
    return pc.if_else(pc.equal(host, ""), pa.scalar(None, urls.type), host).take(encoded.indices)


# -------------------------------------------------------------------------------------------------- runs


def _run_columns(runs: Columns, parts: dict[str, Columns], rows: Rows) -> Columns:
    n = len(rows.runs)
    steps, artifacts, interrupts = (parts[name] for name in ("steps", "artifacts", "interrupts"))
    started, ended = runs["started_at"], runs["ended_at"]
    is_started = started != NEVER
    queued = started - runs["created_at"]
    requesters = [raw.get("requester") or {} for raw in rows.runs]
    is_cause = flags(steps["error"].is_valid())
    is_output = is_word(artifacts["origin"], OUTPUT)
    is_finding = ~is_output & ~artifacts["is_repeat"]
    confidences = artifacts["confidence"].filter(pa.array(is_output))
    lowest = extreme_word(artifacts["run"][is_output], confidences, n, contract.CONFIDENCES, np.minimum)
    return {
        "agent_name": pc.coalesce(runs["agent_name"], map_words(runs["agent"], agent_title)),
        "requester": text(requester.get("name") for requester in requesters),
        "ended_at": np.where(ended == NEVER, NEVER, np.maximum(ended, started)),
        "queued_s": np.where(is_started & (queued >= 0), queued, NEVER),
        "duration_s": np.where(is_started, runs["end"] - runs["start"], NEVER),
        **_budget(runs, steps),
        **{f"n_{name}": count(columns["run"], n) for name, columns in parts.items()},
        "n_errors": count(steps["run"][is_cause], n),
        "n_pending": count(interrupts["run"][is_word(interrupts["outcome"], PENDING)], n),
        "n_findings": count(artifacts["run"][is_finding], n),
        "outcome": text(_outcomes(runs, parts)),
        "weakest": _weakest(artifacts, is_finding, n),
        "confidence": lowest,
    }


def _outcomes(runs: Columns, parts: dict[str, Columns]) -> list[str | None]:
    """Return how each run ended: by an error, in a question, or with the title of its last output."""
    steps, interrupts, artifacts = (parts[name] for name in ("steps", "interrupts", "artifacts"))
    errors = _by_run(steps["run"], steps["error"])
    labels = pc.coalesce(interrupts["label"], interrupts["kind"])
    questions = _by_run(interrupts["run"], labels, is_word(interrupts["outcome"], PENDING))
    titles = _by_run(artifacts["run"], artifacts["title"], is_word(artifacts["origin"], OUTPUT))
    outcomes: list[str | None] = []
    for run, status in enumerate(runs["status"].to_pylist()):
        if status == "error":
            outcomes.append(errors[run][0] if run in errors else None)
        elif run in questions:
            outcomes.append(questions[run][0])
        else:
            *others, last = titles.get(run, [""])
            outcomes.append(f"{last} +{len(others)}" if others else last or None)
    return outcomes


def _by_run(run: Ints, values: pa.Array, is_chosen: Flags | None = None) -> dict[int, list[str]]:
    """Collect the texts of each run; missing ones and those that are not chosen are left out."""
    chosen = flags(values.is_valid())
    rows = np.flatnonzero(chosen if is_chosen is None else chosen & is_chosen)
    texts: dict[int, list[str]] = defaultdict(list)
    for number, value in zip(run[rows].tolist(), take(values, rows).to_pylist(), strict=True):
        texts[number].append(value)
    return texts


def _budget(runs: Columns, steps: Columns) -> Columns:
    """Split each run's time: waiting for a reviewer, working (a leaf is open), or idle.

    A question that the policy resolved is a leaf.
    """
    is_question = is_word(steps["type"], "interrupt")
    is_leaf = np.where(is_question, ~steps["is_wait"], steps["n_children"] == 0)
    spans = steps["run"], steps["start"], steps["end"], runs["start"], runs["end"]
    budget = timing.budget(*spans, is_waiting=steps["is_wait"], is_leaf=is_leaf)
    is_known = (runs["started_at"] != NEVER) & runs["has_steps"]
    return {f"{name}_s": np.where(is_known, micros, NEVER) for name, micros in budget._asdict().items()}
