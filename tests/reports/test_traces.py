"""Exports to trace viewers, read back by the format's own definitions."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

import runkit
from support import example, question, run, step


@pytest.fixture(scope="module")
def f():
    """Runs of the sandbox's history, with waits, failures, policy and open questions."""
    with (
        runkit.sandbox(history=30, seed=7, now="2026-11-02T10:00:00Z") as box,
        box.client(rate=None) as client,
    ):
        listed = client.runs.list(business_id=client.businesses.list(), progress=False)
        return runkit.frames(client.runs.fetch(listed, progress=False))


def to_bytes(value: Any) -> Any:
    """OTLP JSON has ids in hex, where protobuf's JSON has base64."""
    if isinstance(value, list):
        return [to_bytes(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode() if name in ids else to_bytes(item)
        for name, item in value.items()
    }


def otlp(f: object, folder: Path, **options: Any) -> tuple[list[Span], list[Any]]:
    """The spans and the log records of an export, parsed by the protocol's own definitions."""
    files = runkit.to_otlp(f, folder / "trace.json", **{"include_open": True} | options)
    traces = TracesData()
    logs = LogsData()
    for file, parsed in zip(files, (traces, logs), strict=True):
        json_format.ParseDict(to_bytes(json.loads(file.read_bytes())), parsed)
    [[scope], [records]] = traces.resource_spans[0].scope_spans, logs.resource_logs[0].scope_logs
    assert "gen-ai" in scope.schema_url
    return list(scope.spans), list(records.log_records)


def attributes(record: Any) -> dict[str, Any]:
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value")) for item in record.attributes
    }


def test_spans_add_up_to_the_steps(f, tmp_path):
    """One span per run and per step, every parent in the same trace."""
    spans, _ = otlp(f, tmp_path)
    ids = {(span.trace_id, span.span_id) for span in spans}
    assert len(spans) == len(ids) == len(f.runs) + len(f.steps)
    assert {(len(trace_id), len(span_id)) for trace_id, span_id in ids} == {(16, 8)}
    assert len({trace_id for trace_id, _ in ids}) == len(f.runs)
    of_steps = [span for span in spans if span.parent_span_id]
    assert {(span.trace_id, span.parent_span_id) for span in of_steps} <= ids
    nanoseconds = sum(span.end_time_unix_nano - span.start_time_unix_nano for span in of_steps)
    assert nanoseconds / 1e9 == pytest.approx(f.steps["duration_s"].sum())
    types = Counter(attributes(span)["middesk.step.type"] for span in of_steps)
    assert types == f.steps["type"].value_counts().to_dict()


def test_the_root_span_has_the_outcome_and_absolute_times(tmp_path):
    """The example started on February 3, 2026 at 10:00:01 UTC, whatever the column's unit."""
    source = runkit.frames(example("completed"))
    spans, _ = otlp(source, tmp_path)
    [root] = [span for span in spans if not span.parent_span_id]
    assert attributes(root)["output.value"] == source.runs["outcome"].iloc[0]
    assert attributes(root)["runkit.confidence"] == source.runs["confidence"].iloc[0]
    assert spans[0].start_time_unix_nano == 1_770_112_801_000_000_000
    assert spans[0].end_time_unix_nano == 1_770_115_260_000_000_000
    source.steps["started_at"] = source.steps["started_at"].dt.as_unit("ms")
    of_steps = [span for span in otlp(source, tmp_path)[0] if span.parent_span_id]
    assert of_steps[0].start_time_unix_nano == 1_770_112_801_000_000_000


def test_a_question_is_no_error_in_a_trace(f, tmp_path):
    """The status is unset, also where the run failed; errors are those of the frames."""
    pause = question("q", 1, 3, status="error")  # it failed with its run
    lapsed = run(pause, step("e", 2, 3, type="error", status="error"), status="error")
    for source in (f, runkit.frames(lapsed)):
        spans, _ = otlp(source, tmp_path)
        failed = [span for span in spans if span.status.code == Status.STATUS_CODE_ERROR]
        types = [attributes(span).get("middesk.step.type") for span in failed]
        assert "interrupt" not in types
        assert (
            len(failed) == source.steps["is_failed"].sum() + source.runs["status"].eq("error").sum()
        )


def test_pauses_are_logged(tmp_path):
    """A question to a reviewer has a record when the run paused, and one when it was answered."""
    policy = question("p", 2, 2, result={"resolution": "auto_approve"})
    answered = question("q", 5, 9, result={"interrupt_id": "int-1"})
    item = {"id": "int-2", "value": {"label": "Step w", "type": "decision"}}
    open_run = {"end": None, "status": "interrupted", "interrupts": [item]}
    _, records = otlp(run(policy, answered, question("w", 20, None), **open_run), tmp_path)
    rows = [(item.event_name.rpartition(".")[2], attributes(item)) for item in records]
    assert [(event, row["gen_ai.agent.pause.id"]) for event, row in rows] == [
        ("paused", "int-1"),
        ("resumed", "int-1"),
        ("paused", "int-2"),
    ]
    assert {row["gen_ai.agent.pause.reason"] for _, row in rows} == {"human_input"}
    assert records[1].time_unix_nano - records[0].time_unix_nano == 4_000_000_000


def test_open_runs_are_left_out_of_spans(f, tmp_path):
    """They would be stored twice when they are sent again."""
    spans, records = otlp(f, tmp_path, include_open=False)
    is_over = f.runs["ended_at"].notna()
    assert 0 < is_over.sum() < len(f.runs)
    assert len({span.trace_id for span in spans}) == is_over.sum()
    assert {record.trace_id for record in records} <= {span.trace_id for span in spans}


KEY, EIN, EMAIL = "mk_live_9f8e7d6c5b4a39281706", "12-3456789", "ana.ortiz@bank.example"


def test_planted_secrets_are_absent(tmp_path):
    """In labels, names, agents, requesters and questions, by the same policy as in a report."""
    text = f"{KEY} {EIN} {EMAIL}"
    steps = [step("s", label=text, name=text, agent=text), question("q", 5, 9, label=text)]
    raw = run(*steps, requester={"id": "u", "name": text}, agent=text, status="error")

    def shown(redact: Any) -> list[bool]:
        runkit.to_otlp(raw, tmp_path / "trace.json", redact=redact)
        written = "".join(file.read_text(encoding="utf-8") for file in tmp_path.iterdir())
        return [word in written for word in (KEY, EIN, EMAIL, "[ein 1]")]

    assert shown(True) == [False, False, False, True]
    assert shown(runkit.Redaction(reveal="email")) == [False, False, True, True]
    assert shown(False) == [False, True, True, False]
    assert (tmp_path / "trace.json").stat().st_mode & 0o077 == 0
