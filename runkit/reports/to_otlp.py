"""`to_otlp()`: runs as OpenTelemetry traces, masked as reports are.

It writes ids, names, times and outcomes. Findings, sources and results of steps stay in the frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import orjson
import pandas as pd

import runkit
from runkit.analysis.actions import agreed
from runkit.api.contract import Json
from runkit.arguments import checked
from runkit.charts.panel import records
from runkit.local import files
from runkit.reports._bundle import make_masker
from runkit.reports.redaction import Redaction
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

SEMCONV = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
"""The version of the conventions for generative AI; their names may change."""
ERROR = 2  # OTLP's StatusCode
INTERNAL, CLIENT = 1, 3  # OTLP's SpanKind
STEP_KEY = ["run_id", "step_id"]
RUN_ATTRIBUTES = {
    "run_id": "middesk.run.id",
    "status": "middesk.run.status",
    "business_id": "middesk.run.business_id",
    "business_name": "middesk.run.business_name",
    "thread_id": "gen_ai.conversation.id",
    "outcome": "output.value",
    "confidence": "runkit.confidence",
    "working_s": "runkit.working_s",
    "waiting_s": "runkit.waiting_s",
}
STEP_ATTRIBUTES = {
    "run_id": "middesk.run.id",
    "step_id": "middesk.step.id",
    "type": "middesk.step.type",
    "label": "middesk.step.label",
    "critical_s": "runkit.critical_s",
    "interrupt_id": "middesk.interrupt.id",
    "outcome": "middesk.interrupt.outcome",
}


@checked
def to_otlp(
    f: Source, path: str | Path, *, redact: bool | Redaction = True, include_open: bool = False
) -> tuple[Path, Path]:
    """Write runs as OpenTelemetry traces, and their questions as logs: two documents of OTLP JSON.

    A run is a trace: its root span is `invoke_agent {agent}`, a step that delegates to another
    agent is `invoke_agent {that agent}`, and other steps are internal spans. A question to a
    reviewer is a span without an error, with the log records `gen_ai.agent.paused` and `.resumed`.
    Ids depend on the run alone, so that sending it twice gives one trace. The names follow
    conventions in development; `schemaUrl` has their version.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    path
        The file of the spans, such as `trace.json`; the logs are beside it, as `trace.logs.json`. A
        collector takes them at `/v1/traces` and `/v1/logs`. Both are readable by their owner only.
    redact
        True masks as `runkit.report` does, also with your own `Redaction`. False masks API keys
        only.
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
    f = frames(f)
    ended = f.select(f.runs["ended_at"].notna())
    runs, steps = _runs_and_steps(f if include_open else ended, redact)
    scope = {"scope": {"name": "runkit", "version": runkit.__version__}, "schemaUrl": SEMCONV}
    resource = {"resource": {"attributes": _attributes({"service.name": "middesk-agents"})}}

    spans = [*map(_root_span, runs), *map(_step_span, steps)]
    pauses = [record for step in steps if step["is_wait"] for record in _pause_records(step)]
    traces = {"resourceSpans": [resource | {"scopeSpans": [scope | {"spans": spans}]}]}
    logs = {"resourceLogs": [resource | {"scopeLogs": [scope | {"logRecords": pauses}]}]}
    target = Path(path)
    return _write(target, traces), _write(target.with_suffix(f".logs{target.suffix}"), logs)


def _runs_and_steps(f: Frames, redact: bool | Redaction) -> tuple[list[Json], list[Json]]:
    """Return masked runs, and steps with their questions; `delegate` has all steps below one."""
    safe = replace(f, **make_masker(redact).tables(dict(f.items())))
    questions = safe.interrupts.dropna(subset="step_id")
    asked = questions[[*STEP_KEY, "interrupt_id", "outcome"]]
    delegates = agreed(safe.steps.groupby(["run_id", "parent_step_id"])["agent"])
    steps = safe.steps.drop(columns="result").merge(asked, how="left", on=STEP_KEY)
    steps = steps.join(delegates.rename("delegate"), on=STEP_KEY)
    runs = safe.runs.assign(started_at=safe.runs["started_at"].fillna(safe.runs["created_at"]))
    return _records(runs), _records(steps)


def _records(df: pd.DataFrame) -> list[Json]:
    """Return the rows of a frame with `start` and `end` in nanoseconds, as text."""
    # not `Timestamp.value`, which is nanoseconds for any unit of the column
    start = df["started_at"].dt.as_unit("us").astype("int64")
    end = start + df["duration_s"].fillna(0).mul(1e6).round().astype("int64")
    return records(df.assign(start=start.astype("str") + "000", end=end.astype("str") + "000"))


def _write(path: Path, document: Json) -> Path:
    target = files.file_at(path)
    with files.replacing(target) as part:
        part.write_bytes(orjson.dumps(document))
    return target


def _root_span(run: Json) -> Json:
    attributes = _invoked(run["agent"]) | _named(run, RUN_ATTRIBUTES)
    span = _span(run, f"invoke_agent {run['agent'] or 'unknown'}", CLIENT, attributes)
    return span | {"status": {"code": ERROR} if run["status"] == "error" else {}}


def _step_span(step: Json) -> Json:
    delegate = step["delegate"]
    if delegate in (None, step["agent"]):
        name = step["label"]
        agent = {"gen_ai.agent.name": step["agent"], "openinference.span.kind": "CHAIN"}
    else:
        name = f"invoke_agent {delegate}"
        agent = _invoked(delegate)
    span = _span(step, name, INTERNAL, _named(step, STEP_ATTRIBUTES) | agent)
    return span | {
        "parentSpanId": _ids(step, "parent_step_id")["spanId"],
        # A pause for a reviewer is no error, even if its run ended first.
        "status": {"code": ERROR, "message": step["label"]} if step["is_failed"] else {},
    }


def _pause_records(step: Json) -> Iterator[Json]:
    """Yield the log records of a question: when the run paused, and when it was resumed."""
    pause = {
        "gen_ai.agent.execution.id": step["run_id"],
        "gen_ai.agent.pause.id": step["interrupt_id"] or step["step_id"],
        "gen_ai.agent.pause.reason": "human_input",
    }
    times = {"paused": step["start"]}
    if step["outcome"] == "answered":
        times["resumed"] = step["end"]
    for event, time in times.items():
        yield _ids(step) | {
            "timeUnixNano": time,
            "eventName": f"gen_ai.agent.{event}",
            "attributes": _attributes(pause),
        }


def _named(row: Json, names: Mapping[str, str]) -> Json:
    return {name: row[column] for column, name in names.items()}


def _invoked(agent: str | None) -> Json:
    operation = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "middesk"}
    return operation | {"gen_ai.agent.name": agent, "openinference.span.kind": "AGENT"}


def _span(row: Json, name: str, kind: int, attributes: Json) -> Json:
    return _ids(row) | {
        "name": name,
        "kind": kind,
        "startTimeUnixNano": row["start"],
        "endTimeUnixNano": row["end"],
        "attributes": _attributes(attributes),
    }


def _ids(row: Json, column: str = "step_id") -> Json:
    """Return the ids of a run's trace and of one span: of a step, or else the root."""
    run_id = row["run_id"]
    step_id = row.get(column) or ""
    return {"traceId": _hash(run_id)[:32], "spanId": _hash(f"{run_id}\n{step_id}")[:16]}


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _attributes(values: Json) -> list[Json]:
    """Return attributes in the form of OTLP JSON, without missing values."""
    kinds = {bool: "boolValue", float: "doubleValue", str: "stringValue"}
    return [
        {"key": key, "value": {kinds[type(value)]: value}}
        for key, value in values.items()
        if value is not None
    ]
