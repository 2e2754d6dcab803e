"""Exports to trace viewers: read back by the formats' own definitions, with the numbers of the frames."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from google.protobuf import json_format
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

import runkit
from hostile.payloads import SCRIPTS
from runkit.errors import UsageError
from support import artifact, example, question, run, step

RUN_ID = "7b0f6c1e-0a51-4a6e-9d6e-2f6f0f8f1a11"  # of the completed example
EXPORTS = {"perfetto": runkit.to_perfetto, "otlp": runkit.to_otlp}


@pytest.fixture(scope="module")
def f() -> runkit.Frames:
    """Runs of the sandbox's history, with waits, failures, policy and open questions."""
    with runkit.sandbox(history=30, seed=7, now="2026-11-02T10:00:00Z") as box, box.client() as client:
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


def otlp(f: object, folder: Path, **options: Any) -> tuple[list[Span], list[Any], dict[str, Any]]:
    """The spans and the log records of an export, parsed by the protocol's own definitions, and its JSON."""
    document = json.loads(runkit.to_otlp(f, folder / "trace.json", **options).read_bytes())
    assert set(document) == {"resourceSpans", "resourceLogs"}
    traces, logs = TracesData(), LogsData()
    json_format.ParseDict({"resourceSpans": to_bytes(document["resourceSpans"])}, traces)
    json_format.ParseDict({"resourceLogs": to_bytes(document["resourceLogs"])}, logs)
    [[scope], [records]] = traces.resource_spans[0].scope_spans, logs.resource_logs[0].scope_logs
    assert "gen-ai" in scope.schema_url
    return list(scope.spans), list(records.log_records), document


def attributes(record: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in record.attributes}


def perfetto(f: object, folder: Path, **options: Any) -> list[dict[str, Any]]:
    """The events of an export."""
    events = json.loads(runkit.to_perfetto(f, folder / "trace.json", **options).read_bytes())["traceEvents"]
    return list(events)


def seconds_by_type(steps: pd.DataFrame) -> dict[str, float]:
    is_wait = (steps["type"] == "interrupt") & steps["resolution"].isna()
    kinds = steps["type"].astype("str").mask(is_wait, "waiting")
    return dict(steps["duration_s"].groupby(kinds).sum())


def test_spans_add_up_to_the_steps(f: runkit.Frames, tmp_path: Path) -> None:
    """One span per run and per step, with the steps' seconds by type, and every parent in the same trace."""
    spans, _, _ = otlp(f, tmp_path)
    assert len(spans) == len(f.runs) + len(f.steps)
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    assert len(by_id) == len(spans)
    assert {len(span.trace_id) for span in spans} == {16}
    assert {len(span.span_id) for span in spans} == {8}
    spent: dict[str, float] = defaultdict(float)
    for span in spans:
        found = attributes(span)
        if span.parent_span_id:
            assert (span.trace_id, span.parent_span_id) in by_id
            is_wait = found["middesk.step.type"] == "interrupt" and "middesk.step.resolution" not in found
            kind = "waiting" if is_wait else found["middesk.step.type"]
            spent[kind] += (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert spent == pytest.approx(seconds_by_type(f.steps))
    assert len({span.trace_id for span in spans}) == len(f.runs)


def test_absolute_times(tmp_path: Path) -> None:
    """The completed example started on 3 February 2026 at 10:00:01 UTC, whatever the unit of the column."""
    source = runkit.frames(example("completed"))
    spans, _, _ = otlp(source, tmp_path)
    assert spans[0].start_time_unix_nano == 1_770_112_801_000_000_000
    assert spans[0].end_time_unix_nano == 1_770_115_260_000_000_000
    [first, *_] = [event for event in perfetto(source, tmp_path) if event["ph"] == "b"]
    assert first["ts"] == 1_770_112_801_000_000
    for unit in ("ms", "ns"):
        source.steps["started_at"] = source.steps["started_at"].dt.as_unit(unit)
        [again, *_] = [event for event in perfetto(source, tmp_path) if event["ph"] == "b"]
        assert again["ts"] == first["ts"]


def test_agents_and_what_they_delegate(tmp_path: Path) -> None:
    """The run and each delegating step invoke an agent; other steps are internal spans of a chain."""
    spans, _, _ = otlp(example("completed"), tmp_path)
    root, *steps = spans
    assert (root.name, root.kind) == ("invoke_agent cip_orchestrator", Span.SPAN_KIND_CLIENT)
    assert attributes(root)["gen_ai.conversation.id"] == "7b0f6c1e-0a51-4a6e-9d6e-2f6f0f8f1a12"
    assert attributes(root)["middesk.run.id"] == RUN_ID
    assert {span.kind for span in steps} == {Span.SPAN_KIND_INTERNAL}
    kinds = {span.name: attributes(span)["openinference.span.kind"] for span in spans}
    called = [name for name, kind in kinds.items() if kind == "AGENT"]
    assert called == [root.name, "invoke_agent tin_verification", "invoke_agent watchlist_resolution"]
    assert Counter(kinds.values()) == {"AGENT": 3, "CHAIN": 6}


def test_a_run_sent_twice_is_one_trace(f: runkit.Frames, tmp_path: Path) -> None:
    """Ids depend on the run and the step alone, not on the other runs in the file."""
    one = f.select(f.runs["run_id"].iloc[3])
    every, _, _ = otlp(f, tmp_path)
    alone, _, _ = otlp(one, tmp_path)
    assert {(span.trace_id, span.span_id) for span in alone} <= {
        (span.trace_id, span.span_id) for span in every
    }


def test_a_pause_is_no_error(f: runkit.Frames, tmp_path: Path) -> None:
    """Questions have the status unset, also where the run failed; errors are those of the frames."""
    asked = question("q", 1, 3, status="error")  # it failed with its run
    lapsed = run(asked, step("e", 2, 3, type="error", status="error"), status="error")
    for source in (f, runkit.frames(lapsed)):
        spans, _, _ = otlp(source, tmp_path)
        failed = [span for span in spans if span.status.code == Status.STATUS_CODE_ERROR]
        kinds = Counter(attributes(span).get("middesk.step.type") for span in failed)
        steps = source.steps[source.steps["type"] != "interrupt"]
        n_failed = ((steps["type"] == "error") | (steps["status"] == "error")).sum()
        assert kinds.pop(None) == (source.runs["status"] == "error").sum()
        assert kinds.total() == n_failed
        assert "interrupt" not in kinds
        assert {span.status.code for span in spans} == {Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR}


def test_pauses_are_logged(f: runkit.Frames, tmp_path: Path) -> None:
    """A question to a reviewer has a record when the run paused, and one when it was answered."""
    spans, records, _ = otlp(f, tmp_path)
    of_people = f.interrupts[f.interrupts["outcome"].isin(["answered", "pending", "lapsed"])]
    names = Counter(record.event_name for record in records)
    n_answered = (of_people["outcome"] == "answered").sum()
    assert names == {"gen_ai.agent.paused": len(of_people), "gen_ai.agent.resumed": n_answered}
    span_ids = {(span.trace_id, span.span_id) for span in spans}
    assert {(record.trace_id, record.span_id) for record in records} <= span_ids
    paused = {}
    for record in records:
        if record.event_name == "gen_ai.agent.paused":
            found = attributes(record)
            paused[found["gen_ai.agent.pause.id"]] = found, record.time_unix_nano
    for row in of_people.to_dict("records"):
        found, moment = paused[row["interrupt_id"]]
        assert found["gen_ai.agent.execution.id"] == row["run_id"]
        assert found["gen_ai.agent.pause.reason"] == "human_input"
        assert moment == row["asked_at"].as_unit("ns").value


# ------------------------------------------------------------------------------------- Chrome trace events


def test_trace_events_follow_the_format(f: runkit.Frames, tmp_path: Path) -> None:
    """Each step is one pair of nestable async events, with an id of its own in its process."""
    events = perfetto(f, tmp_path)
    assert Counter(event["ph"] for event in events).keys() == {"M", "b", "e"}
    for event in events:
        assert {type(event["pid"]), type(event["tid"])} == {int}
        assert isinstance(event["name"], str)
        if event["ph"] != "M":
            assert isinstance(event["ts"], int)
            assert re.fullmatch("0x[0-9a-f]+", event["id2"]["local"])
    pairs: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["ph"] != "M":
            pairs[event["pid"], event["cat"], event["id2"]["local"], event["name"], event["tid"]].append(
                event
            )
    assert len(pairs) == len(f.steps)
    spent: dict[str, float] = defaultdict(float)
    for (_, kind, *_), (begin, end) in pairs.items():
        assert (begin["ph"], end["ph"]) == ("b", "e")
        spent[kind] += (end["ts"] - begin["ts"]) / 1e6
    assert spent == pytest.approx(seconds_by_type(f.steps))


def test_runs_are_processes_and_agents_are_threads(f: runkit.Frames, tmp_path: Path) -> None:
    """Every id of a process and a thread has a name; waits have a category of their own."""
    events = perfetto(f, tmp_path)
    named = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert len(named) == len(f.runs)
    assert all(run_id[:8] in name for run_id, name in zip(f.runs["run_id"], named.values(), strict=True))
    names = [event for event in events if event["name"] == "thread_name"]
    threads = {(event["pid"], event["tid"]) for event in names}
    agents = f.steps[["run_id", "agent"]].drop_duplicates()
    assert len(threads) == len(agents)
    begins = [event for event in events if event["ph"] == "b"]
    assert {(event["pid"], event["tid"]) for event in begins} == threads
    waits = [event["args"]["outcome"] for event in begins if event["cat"] == "waiting"]
    assert Counter(waits) == Counter(
        word for word in f.interrupts["outcome"] if word in ("answered", "pending", "lapsed")
    )
    assert sum(event["args"]["is_critical"] for event in begins) == f.steps["is_critical"].sum()


# -------------------------------------------------------------------------------------------- both formats

SECRETS = {"key": "mk_live_9f8e7d6c5b4a39281706", "ein": "12-3456789", "email": "ana.ortiz@bank.example"}


@pytest.mark.parametrize("kind", EXPORTS)
def test_planted_secrets_are_absent(kind: str, tmp_path: Path) -> None:
    """In labels, names, agents, requesters and questions; as they are in a report, and as you ask."""
    said = " and ".join(SECRETS.values())
    steps = [step("s", label=said, name=said, agent=said), question("q", 5, 9, label=said)]
    raw = run(*steps, requester={"id": "u", "name": said}, agent=said) | {"status": "error"}
    path = tmp_path / "trace.json"

    def export(**options: Any) -> str:
        return EXPORTS[kind](raw, path, **options).read_text(encoding="utf-8")

    masked = export()
    assert not [name for name, secret in SECRETS.items() if secret in masked]
    assert "[ein 1]" in masked
    assert SECRETS["email"] in export(redact=runkit.Redaction(reveal="email"))
    unmasked = export(redact=False)
    assert (SECRETS["ein"] in unmasked, SECRETS["key"] in unmasked) == (True, False)
    assert "[ask 1]" in export(redact=runkit.Redaction(patterns={"ask": "await_review"}))
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("kind", EXPORTS)
def test_odd_runs(kind: str, tmp_path: Path) -> None:
    """Hostile texts, missing agents, an unknown parent, open steps, no steps, no runs."""
    nasty = [step(f"s{n}", label=text, name=text, agent=text) for n, text in enumerate(SCRIPTS.values())]
    raw = [
        run(*nasty, run_id="nasty", agent=None),
        run(step("o", parent_step_id="gone"), step("p", 3, None), run_id="open", end=None),
        run(run_id="bare", started_at=None, ended_at=None, status="running") | {"steps": None},
    ]
    f = runkit.frames(raw)
    if kind == "perfetto":
        assert sum(event["ph"] == "b" for event in perfetto(f, tmp_path)) == len(f.steps)
        return
    spans, records, _ = otlp(f, tmp_path)
    assert (len(spans), len(records)) == (3 + len(f.steps), 0)
    known = {span.span_id for span in spans}
    assert all(span.parent_span_id in known for span in spans if span.parent_span_id)
    assert otlp([], tmp_path)[:2] == ([], [])


@pytest.mark.parametrize("kind", EXPORTS)
def test_files_that_cannot_be_written(kind: str, tmp_path: Path) -> None:
    """A folder, a file in a folder that does not exist, what is no path, and no policy."""
    raw = run(step("s", artifacts=[artifact()]))
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "trace.json", "cannot be used: No such file"),
    ):
        with pytest.raises(UsageError, match=words):
            EXPORTS[kind](raw, path)
    with pytest.raises(UsageError, match="redact='yes'"):
        EXPORTS[kind](raw, tmp_path / "trace.json", redact="yes")
    assert not list(tmp_path.iterdir())
