"""`to_perfetto()` and `to_otlp()`: runs as files for trace viewers.

Both write ids, names, times and outcomes. Findings, sources and payloads stay in the frames.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
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
from runkit.tables.frames import Frames, frames
from runkit.tables.sources import Source
from runkit.text import run_label

SEMCONV = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
"""The version of the conventions for generative AI; their status is "Development", so names may change."""
# Numbers of OTLP: two of SpanKind, one of StatusCode, one of SeverityNumber.
INTERNAL, CLIENT = 1, 3
ERROR = 2
INFO = 9

STEP_ATTRIBUTES = ("name", "label", "type", "status", "resolution")
MEASURED_ATTRIBUTES = ("self_s", "is_open", "is_critical", "critical_s")
EVENT_ARGS = ("run_id", "step_id", "name", "status", "is_open", "is_critical", "critical_s", "outcome")


@checked
def to_perfetto(f: Source, path: str | Path, *, redact: bool | Redaction = True) -> Path:
    """Write runs as Chrome trace events, which ui.perfetto.dev and chrome://tracing open.

    A run is a process, an agent in it a thread, and a step a pair of async events, because steps overlap. The
    category is the type of the step, or `waiting` if it waited for a reviewer. Times are UTC.

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
    safe = _redacted(f, redact)
    trace = {
        "displayTimeUnit": "ms",
        "otherData": {"producer": f"runkit {runkit.__version__}"},
        "traceEvents": list(_trace_events(safe)),
    }
    return _write(path, trace)


@checked
def to_otlp(f: Source, path: str | Path, *, redact: bool | Redaction = True) -> Path:
    """Write runs as OpenTelemetry traces and logs, as one document of OTLP JSON.

    A run is a trace: its root span is `invoke_agent {agent}`, a step that delegates to another agent is
    `invoke_agent {that agent}`, and other steps are internal spans. A question to a reviewer is a span
    without an error, with the log records `gen_ai.agent.paused` and `.resumed`. Ids depend on the run alone,
    so that sending it twice gives one trace. The names follow conventions in development; `schemaUrl` has
    their version. The document can be posted to `/v1/traces` and to `/v1/logs` of a collector, which read
    their part of it.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    path
        The file to write, such as `trace.json`; readable by its owner only.
    redact
        As in `to_perfetto`.

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
    >>> print(runkit.to_otlp(f, "trace.json"))
    trace.json
    """
    safe = _redacted(f, redact)
    scope = {"scope": {"name": "runkit", "version": runkit.__version__}, "schemaUrl": SEMCONV}
    resource = {"resource": {"attributes": _attributes({"service.name": "middesk-agents"})}}
    spans = [*_root_spans(safe), *_step_spans(safe)]
    document = {
        "resourceSpans": [resource | {"scopeSpans": [scope | {"spans": spans}]}],
        "resourceLogs": [resource | {"scopeLogs": [scope | {"logRecords": list(_pauses(safe))}]}],
    }
    return _write(path, document)


def _redacted(f: Source, redact: bool | Redaction) -> Frames:
    """Read the frames and mask them as a report does."""
    masker = make_masker(redact)
    f = frames(f)
    return replace(f, **masker.tables(dict(f.items())))


def _write(path: str | Path, document: Json) -> Path:
    target = files.file_at(path)
    with files.replacing(target) as part:
        part.write_bytes(orjson.dumps(document))
    return target


def _records(df: pd.DataFrame) -> Iterator[Json]:
    """Give the rows as dicts; a missing value is None, a time microseconds since 1970, seconds stay."""
    plain = df.astype("object").where(df.notna(), None)
    for name in df.select_dtypes("datetimetz"):
        # not `Timestamp.value`, which is nanoseconds for any unit of the column
        micros = df[name].dt.tz_convert(None).to_numpy("M8[us]").astype("int64")
        plain[name] = pd.Series(micros.tolist(), df.index, "object").where(df[name].notna(), None)
    for row in plain.to_dict("records"):
        yield {str(name): value for name, value in row.items()}


def _span(row: Json) -> tuple[int, int]:
    """Give the start and the end of a run or a step in microseconds; what is open ends where it was read."""
    start = row["created_at"] if row["started_at"] is None else row["started_at"]
    return start, start + round((row["duration_s"] or 0) * 1e6)


def _steps(f: Frames) -> Iterator[Json]:
    """Give the steps, with the id and the outcome of their question."""
    key = ["run_id", "step_id"]
    asked = f.interrupts.dropna(subset="step_id")[[*key, "interrupt_id", "outcome"]].drop_duplicates(key)
    return _records(f.steps.drop(columns="result").merge(asked, on=key, how="left"))


# ------------------------------------------------------------------------------------- Chrome trace events


def _trace_events(f: Frames) -> Iterator[Json]:
    processes: dict[str, int] = {}
    threads: dict[str, dict[str | None, int]] = defaultdict(dict)
    for number, run in enumerate(_records(f.runs), 1):
        processes[run["run_id"]] = number
        label = run_label(run["run_id"], run["business_name"], run["agent_name"])
        yield _named("process_name", number, 0, {"name": label})
        yield _named("process_labels", number, 0, {"labels": run["status"]})
        yield _named("process_sort_index", number, 0, {"sort_index": number})
    for number, step in enumerate(_steps(f), 1):
        pid, of_run = processes[step["run_id"]], threads[step["run_id"]]
        if step["agent"] not in of_run:
            of_run[step["agent"]] = len(of_run) + 1
            yield _named("thread_name", pid, len(of_run), {"name": step["agent"] or "unknown"})
        start, end = _span(step)
        event = {
            "cat": "waiting" if step["is_wait"] else step["type"],
            "name": step["label"],
            "id2": {"local": hex(number)},
            "pid": pid,
            "tid": of_run[step["agent"]],
        }
        yield event | {"ph": "b", "ts": start, "args": {name: step[name] for name in EVENT_ARGS}}
        yield event | {"ph": "e", "ts": end}


def _named(name: str, pid: int, tid: int, args: Json) -> Json:
    return {"ph": "M", "name": name, "pid": pid, "tid": tid, "args": args}


# --------------------------------------------------------------------------------------------------- OTLP


def _root_spans(f: Frames) -> Iterator[Json]:
    for run in _records(f.runs):
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "middesk",
            "gen_ai.agent.name": run["agent"],
            "gen_ai.conversation.id": run["thread_id"],
            "openinference.span.kind": "AGENT",
            **{f"middesk.run.{name}": run[name] for name in ("requester", "status")},
            **{f"middesk.business.{name}": run[f"business_{name}"] for name in ("id", "name", "status")},
            **{f"runkit.{name}": run[name] for name in ("working_s", "waiting_s", "idle_s", "confidence")},
            "middesk.run.id": run["run_id"],
            "runkit.is_open": run["ended_at"] is None,
        }
        yield {
            **_ids(run["run_id"]),
            "name": f"invoke_agent {run['agent'] or 'unknown'}",
            "kind": CLIENT,
            **_times(run),
            "attributes": _attributes(attributes),
            "status": {"code": ERROR} if run["status"] == "error" else {},
        }


def _step_spans(f: Frames) -> Iterator[Json]:
    called = _called_agents(f)
    known = set(zip(f.steps["run_id"], f.steps["step_id"], strict=True))
    for step in _steps(f):
        has_parent = (step["run_id"], step["parent_step_id"]) in known
        parent = step["parent_step_id"] if has_parent else None
        agent = called.get((step["run_id"], step["step_id"]))
        attributes = {
            "gen_ai.operation.name": "invoke_agent" if agent else None,
            "gen_ai.provider.name": "middesk" if agent else None,
            "gen_ai.agent.name": agent or step["agent"],
            "openinference.span.kind": "AGENT" if agent else "CHAIN",
            "middesk.run.id": step["run_id"],
            "middesk.interrupt.id": step["interrupt_id"],
            "middesk.interrupt.outcome": step["outcome"],
            **{f"middesk.step.{name}": step[name] for name in STEP_ATTRIBUTES},
            "middesk.step.id": step["step_id"],
            **{f"runkit.{name}": step[name] for name in MEASURED_ATTRIBUTES},
        }
        # A pause for a reviewer is no error, even if its run ended first.
        yield {
            **_ids(step["run_id"], step["step_id"]),
            "parentSpanId": _ids(step["run_id"], parent)["spanId"],
            "name": f"invoke_agent {agent}" if agent else step["label"],
            "kind": INTERNAL,
            **_times(step),
            "attributes": _attributes(attributes),
            "status": {"code": ERROR, "message": step["label"]} if step["is_failed"] else {},
        }


def _called_agents(f: Frames) -> dict[tuple[str, str], str]:
    """Give the agent that a step delegates to: the one of all its children, if it is not its own."""
    children = f.steps.dropna(subset="parent_step_id").groupby(["run_id", "parent_step_id"])["agent"]
    only = children.first()[children.nunique(dropna=False) == 1].dropna()
    own = f.steps.set_index(["run_id", "step_id"])["agent"].reindex(only.index)
    called: dict[Any, str] = only[(only != own).fillna(True).astype(bool)].to_dict()
    return called


def _pauses(f: Frames) -> Iterator[Json]:
    """Give the log records of questions to reviewers: when the run paused, and when it was resumed."""
    for step in _steps(f):
        if not step["is_wait"]:
            continue
        start, end = _span(step)
        pause_id = step["interrupt_id"] or step["step_id"]
        yield _log_record(step, pause_id, start, "paused", {"pause.reason": "human_input"})
        if step["outcome"] == "answered":
            source = {"resumed_from.type": "pause", "resumed_from.id": pause_id}
            yield _log_record(step, pause_id, end, "resumed", source)


def _log_record(step: Json, pause_id: str, at: int, event: str, details: Json) -> Json:
    """Build the log record of an event, `at` microseconds; names get the prefix `gen_ai.agent`."""
    attributes = {"execution.id": step["run_id"], "pause.id": pause_id, "name": step["agent"]} | details
    return {
        **_ids(step["run_id"], step["step_id"]),
        "timeUnixNano": str(at * 1000),
        "observedTimeUnixNano": str(at * 1000),
        "severityNumber": INFO,
        "eventName": f"gen_ai.agent.{event}",
        "attributes": _attributes({f"gen_ai.agent.{key}": value for key, value in attributes.items()}),
    }


def _ids(run_id: str, step_id: str | None = None) -> Json:
    """Give the ids of a run's trace and of one span: of a step, or else the root."""
    trace_id = hashlib.sha256(run_id.encode()).hexdigest()[:32]
    span = hashlib.sha256("\n".join([run_id, step_id or ""]).encode()).hexdigest()[:16]
    return {"traceId": trace_id, "spanId": span}


def _times(row: Json) -> Json:
    start, end = _span(row)
    return {"startTimeUnixNano": str(start * 1000), "endTimeUnixNano": str(end * 1000)}


def _attributes(values: Json) -> list[Json]:
    """Give attributes in the form of OTLP JSON, without missing values."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: object) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
