"""`to_perfetto()` and `to_otlp()`: runs as files for trace viewers, masked as reports are.

Both write ids, names, times and outcomes. Findings, sources and results of steps stay in the frames.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

import runkit
from runkit import files
from runkit.arguments import checked
from runkit.contract import Json
from runkit.reports.bundle import make_masker
from runkit.reports.redaction import Redaction
from runkit.tables.frames import frames
from runkit.tables.sources import Source
from runkit.text import run_label

SEMCONV = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
"""The version of the conventions for generative AI; their status is "Development", so names may change."""
ERROR, INFO = 2, 9  # OTLP's StatusCode and SeverityNumber
INTERNAL, CLIENT = 1, 3  # OTLP's SpanKind
STEP = ("step_id", "name", "label", "type", "status", "resolution", "is_open", "is_critical", "critical_s")
RUN = ("run_id", "status", "requester", "business_id", "business_name", "business_status")
MEASURED = ("working_s", "waiting_s", "idle_s")


@checked
def to_perfetto(f: Source, path: str | Path, *, redact: bool | Redaction = True) -> Path:
    """Write runs as Chrome trace events, which ui.perfetto.dev opens without an upload.

    A run is a process, an agent in it a thread, and a step a complete event. Where steps of an agent overlap
    and are not nested, the agent has one more thread. The category is the type of the step, or `waiting` if
    it waited for a reviewer. Times are UTC.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    path
        The file to write, such as `trace.json`; readable by its owner only.
    redact
        True masks as `runkit.report` does, also with your own `Redaction`. False masks API keys only.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        For a path that cannot be written, and an invalid `redact`.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=3, seed=7) as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> print(runkit.to_perfetto(f, "trace.json"))
    trace.json
    """
    runs, steps = _runs_and_steps(f, redact)
    other = {"producer": f"runkit {runkit.__version__}"}
    events = list(_trace_events(runs, steps))
    return _write(Path(path), {"displayTimeUnit": "ms", "otherData": other, "traceEvents": events})


@checked
def to_otlp(
    f: Source, path: str | Path, *, redact: bool | Redaction = True, include_open: bool = False
) -> tuple[Path, Path]:
    """Write runs as OpenTelemetry traces, and their questions as logs: two documents of OTLP JSON.

    A run is a trace: its root span is `invoke_agent {agent}`, a step that delegates to another agent is
    `invoke_agent {that agent}`, and other steps are internal spans. A question to a reviewer is a span
    without an error, with the log records `gen_ai.agent.paused` and `.resumed`. Ids depend on the run alone,
    so that sending it twice gives one trace. The names follow conventions in development; `schemaUrl` has
    their version.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    path
        The file of the spans, such as `trace.json`; the logs are beside it, as `trace.logs.json`. A collector
        takes them at `/v1/traces` and `/v1/logs`. Both are readable by their owner only.
    redact
        As in `to_perfetto`.
    include_open
        Also write runs that have not ended. Sent again after their end, they would be stored twice.

    Returns
    -------
    tuple of Path
        The file of the spans, and that of the logs.

    Raises
    ------
    UsageError
        For a path that cannot be written, and an invalid `redact`.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=3, seed=7) as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> print(*runkit.to_otlp(f, "trace.json"))
    trace.json trace.logs.json
    """
    runs, steps = _runs_and_steps(f, redact)
    runs = [run for run in runs if include_open or run["ended_at"] is not None]
    kept = {run["run_id"] for run in runs}
    steps = [step for step in steps if step["run_id"] in kept]
    resource = {"attributes": _attributes({"service.name": "middesk-agents"})}
    scope = {"scope": {"name": "runkit", "version": runkit.__version__}, "schemaUrl": SEMCONV}

    spans = [*map(_root_span, runs), *_step_spans(steps)]
    traces = {"resourceSpans": [{"resource": resource, "scopeSpans": [scope | {"spans": spans}]}]}
    pauses = [record for step in steps for record in _pauses(step)]
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [scope | {"logRecords": pauses}]}]}
    target = Path(path)
    return _write(target, traces), _write(target.with_suffix(f".logs{target.suffix}"), logs)


def _runs_and_steps(f: Source, redact: bool | Redaction) -> tuple[list[Json], list[Json]]:
    """Return masked runs and steps, with `start` and `duration` in microseconds, and a step's question."""
    f = frames(f)
    safe = replace(f, **make_masker(redact).tables(dict(f.items())))
    key = ["run_id", "step_id"]
    asked = safe.interrupts.dropna(subset="step_id")[[*key, "interrupt_id", "outcome"]].drop_duplicates(key)
    steps = safe.steps.drop(columns="result").merge(asked, "left", key)
    return _records(safe.runs, safe.runs["started_at"].fillna(safe.runs["created_at"])), _records(
        steps, steps["started_at"]
    )


def _records(df: pd.DataFrame, start: pd.Series[Any]) -> list[Json]:
    # not `Timestamp.value`, which is nanoseconds for any unit of the column
    start = start.dt.as_unit("us").astype("int64")
    duration = df["duration_s"].fillna(0).mul(1e6).round().astype("int64")
    plain = df.assign(start=start, duration=duration).astype("object")
    records: list[Any] = plain.where(plain.notna(), None).to_dict("records")
    return records


def _write(path: Path, document: Json) -> Path:
    target = files.file_at(path)
    with files.replacing(target) as part:
        part.write_bytes(orjson.dumps(document))
    return target


# ------------------------------------------------------------------------------------- Chrome trace events


def _trace_events(runs: list[Json], steps: list[Json]) -> Iterator[Json]:
    processes: dict[str, int] = {}
    for number, run in enumerate(runs, 1):
        processes[run["run_id"]] = number
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        yield {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": label}}

    numbers = count(1)
    # by run and agent: the threads, each with its number and the ends of the steps that are open
    threads: dict[tuple[int, str], dict[int, list[int]]] = defaultdict(dict)
    for step in sorted(steps, key=lambda step: (step["start"], -step["duration"])):
        pid, agent = processes[step["run_id"]], step["agent"] or "unknown"
        start, end = step["start"], step["start"] + step["duration"]
        own = threads[pid, agent]
        for ends in own.values():
            ends[:] = [other for other in ends if other > start]
        tid = next((number for number, ends in own.items() if not ends or ends[-1] >= end), 0)
        if not tid:
            tid = next(numbers)
            own[tid] = []
            yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": agent}}
        own[tid].append(end)
        yield {
            "ph": "X",
            "cat": "waiting" if step["is_wait"] else step["type"],
            "name": step["label"],
            "pid": pid,
            "tid": tid,
            "ts": start,
            "dur": step["duration"],
            "args": {name: step[name] for name in (*STEP, "agent", "outcome")},
        }


# --------------------------------------------------------------------------------------------------- OTLP


def _root_span(run: Json) -> Json:
    attributes = {
        **_agent(run["agent"]),
        "gen_ai.conversation.id": run["thread_id"],
        "openinference.span.kind": "AGENT",
        "output.value": run["outcome"],
        **{f"middesk.run.{name.removeprefix('run_')}": run[name] for name in RUN},
        **{f"runkit.{name}": run[name] for name in (*MEASURED, "confidence")},
    }
    return _span(run, None, f"invoke_agent {run['agent'] or 'unknown'}", CLIENT, attributes) | {
        "status": {"code": ERROR} if run["status"] == "error" else {}
    }


def _step_spans(steps: list[Json]) -> Iterator[Json]:
    children: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    known = {(step["run_id"], step["step_id"]) for step in steps}
    for step in steps:
        children[step["run_id"], step["parent_step_id"]].append(step["agent"])
    for step in steps:
        run_id, agent = step["run_id"], step["agent"]
        called = set(children[run_id, step["step_id"]])
        other = called.pop() if len(called) == 1 and None not in called else None
        delegate = other if other != agent else None
        attributes = {
            **(_agent(delegate) if delegate else {"gen_ai.agent.name": agent}),
            "openinference.span.kind": "AGENT" if delegate else "CHAIN",
            "middesk.run.id": run_id,
            "middesk.interrupt.id": step["interrupt_id"],
            "middesk.interrupt.outcome": step["outcome"],
            **{f"middesk.step.{name.removeprefix('step_')}": step[name] for name in STEP},
        }
        name = f"invoke_agent {delegate}" if delegate else step["label"]
        parent = step["parent_step_id"] if (run_id, step["parent_step_id"]) in known else None
        yield _span(step, step["step_id"], name, INTERNAL, attributes) | {
            "parentSpanId": _ids(run_id, parent)["spanId"],
            # A pause for a reviewer is no error, even if its run ended first.
            "status": {"code": ERROR, "message": step["label"]} if step["is_failed"] else {},
        }


def _pauses(step: Json) -> Iterator[Json]:
    """Yield the log records of a question to a reviewer: when the run paused, and when it was resumed."""
    if not step["is_wait"]:
        return
    pause_id = step["interrupt_id"] or step["step_id"]
    events = {"paused": (step["start"], {"pause.reason": "human_input"})}
    if step["outcome"] == "answered":
        end = step["start"] + step["duration"]
        events["resumed"] = end, {"resumed_from.type": "pause", "resumed_from.id": pause_id}
    known = {"execution.id": step["run_id"], "pause.id": pause_id, "name": step["agent"]}
    for event, (at, details) in events.items():
        yield {
            **_ids(step["run_id"], step["step_id"]),
            "timeUnixNano": str(at * 1000),
            "observedTimeUnixNano": str(at * 1000),
            "severityNumber": INFO,
            "eventName": f"gen_ai.agent.{event}",
            "attributes": _attributes({f"gen_ai.agent.{name}": it for name, it in (known | details).items()}),
        }


def _agent(name: str | None) -> Json:
    operation = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "middesk"}
    return operation | {"gen_ai.agent.name": name}


def _span(row: Json, step_id: str | None, name: str, kind: int, attributes: Json) -> Json:
    return {
        **_ids(row["run_id"], step_id),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(row["start"] * 1000),
        "endTimeUnixNano": str((row["start"] + row["duration"]) * 1000),
        "attributes": _attributes(attributes),
    }


def _ids(run_id: str, step_id: str | None) -> Json:
    """Return the ids of a run's trace and of one span: of a step, or else the root."""
    trace_id = hashlib.sha256(run_id.encode()).hexdigest()[:32]
    span_id = hashlib.sha256("\n".join([run_id, step_id or ""]).encode()).hexdigest()[:16]
    return {"traceId": trace_id, "spanId": span_id}


def _attributes(values: Json) -> list[Json]:
    """Return attributes in the form of OTLP JSON, without missing values."""
    kinds = {bool: "boolValue", float: "doubleValue"}
    return [
        {"key": key, "value": {kinds.get(type(value), "stringValue"): value}}
        for key, value in values.items()
        if value is not None
    ]
