"""Arguments: times and statuses that people write, and wrong values in every public parameter."""

import asyncio
import inspect
import socket
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from itertools import islice
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

import runkit
from runkit.arguments import KEYS
from runkit.errors import UsageError
from support import example, run
from tests.end_to_end.echo import CANARY, found_in, shown_by

NOW = datetime(2026, 2, 3, 10, 30, tzinfo=UTC)
RUN = example("interrupted")
HOST = "http://127.0.0.1:9/v1"


# ------------------------------------------------------------------------------- times and statuses


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("now", "2026-02-03 10:30"),
        ("Today", "2026-02-03"),
        ("yesterday", "2026-02-02"),
        ("7d", "2026-01-27 10:30"),
        ("12h", "2026-02-02 22:30"),
        ("30 m", "2026-02-03 10:00"),
        ("2w", "2026-01-20 10:30"),
        ("2026-02-01", "2026-02-01"),
        ("2026-02-01T10:00:00+02:00", "2026-02-01 08:00"),
        ("2026-02-01 10:00", "2026-02-01 10:00"),
        (date(2026, 2, 1), "2026-02-01"),
        (datetime(2026, 2, 1, 10), "2026-02-01 10:00"),
        (pd.Timestamp("2026-02-01 10:00:00.123456789Z"), "2026-02-01 10:00:00.123456"),
    ],
)
def test_a_time_may_be_written_in_many_ways(value, expected):
    """What is relative is so to the server's clock."""
    old = runkit.Run.from_json(run(run_id="old", start=-(10**8), end=None))
    runs = replace(_client().runs.list(), items=(old,))
    as_of = runkit.frames(runs, as_of=value).runs["as_of"].item()
    assert as_of == pd.Timestamp(expected, tz="UTC")


@pytest.mark.parametrize(
    "value", ["", "tomorrow", "7", "d", "12345d", "2026-13-01", pd.NaT, "23:59:60", 7]
)
def test_a_time_that_cannot_be_read_is_refused(value):
    with pytest.raises(UsageError, match=r"^since="):
        _client().runs.list(since=value)


def test_a_relative_time_is_measured_by_the_clock_of_the_server():
    runs = _client().runs
    assert len(runs.list(since="15m")) == 0
    assert len(runs.list(since="1h", until="now")) == 1


@pytest.mark.parametrize("status", ["waiting", "Waiting", "interrupted", ["failed", "waiting"]])
def test_a_status_may_be_the_word_on_the_screen(status, tmp_path):
    archive = runkit.Archive(tmp_path)
    archive.add([RUN])
    assert len(archive.select(status=status)) == len(_client().runs.list(status=status)) == 1
    assert len(archive.select(status="failed")) == 0


# ------------------------------------------------------------------------------------- any argument


def test_numpy_numbers_are_accepted_and_other_types_refused():
    f = runkit.frames(RUN, progress=np.bool_(False))
    assert runkit.gantt(f, depth=np.int64(1)) == runkit.gantt(f, depth=1)
    for wrong in ({"depth": True}, {"depth": 1.0}, {"compress_waits": 1}, {"sla_h": "4"}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            runkit.gantt(f, **wrong)
    with pytest.raises(TypeError, match=r"^gantt\(\) .*; expected gantt\(source, depth,"):
        runkit.gantt()


def test_the_error_about_a_key_does_not_repeat_it():
    for name in ("api_key", "base_url", "proxy", "cert"):
        with pytest.raises(UsageError, match=name) as error:
            runkit.Client(**{"api_key": "mk_test_x", "base_url": HOST, name: b"mk_live_secret"})
        assert "secret" not in str(error.value)


@cache
def _empty():
    return runkit.frames([])


def _values():
    """Values that no parameter, or few, can take."""
    return [
        *(None, -1, float("nan"), 10**400, NOW, "x", "\ud800", b"x", {}, [1]),
        *(object(), np.array([1, 2]), pd.DataFrame(), Path("no\0pe")),
    ]


def _respond(request):
    """Serve one run that waits."""
    bodies = {
        "GET /v1/runs": {"data": [RUN], "total_count": 1, "has_more": False},
        f"GET /v1/runs/{RUN['id']}": RUN,
    }
    body = bodies.get(f"{request.method} {request.url.path}")
    headers = {"Date": f"{NOW:%a, %d %b %Y %H:%M:%S} GMT"}
    return httpx.Response(200 if body else 404, json=body or {"errors": []}, headers=headers)


def _client():
    return runkit.Client("mk_test_x", HOST, rate=None, transport=httpx.MockTransport(_respond))


@cache
def _valid():
    """A value for each parameter that has no default, by its name."""
    names = ["artifact_id", "object_id", "business_id", "business", "businesses", "text"]
    return {
        "labels": "qa.csv",
        **dict.fromkeys(["source", "f", "a", "b", "before", "after"], runkit.frames(RUN)),
        **dict.fromkeys(["run", "ids_or_runs"], runkit.Run.from_json(RUN)),
        **dict.fromkeys([*names, "directory"], "x"),
        **dict.fromkeys(["run_ids", "runs", "run_id"], RUN["id"]),
        "client": _client(),
        "name": RUN["steps"][0]["id"],
        "listed": [],
        "threads": {"x"},
        "path": "out.html",
        "interrupt_id": "int-7",
        "rating": "positive",
        "answer": {"decision": "approve"},
        "agent": "cip_orchestrator",
        "object_type": "businesses",
    }


HOLDERS = {
    "runkit": lambda: runkit,
    "runkit.fleet": lambda: runkit.fleet,
    "runkit.one_run": lambda: runkit.one_run,
    "Frames": lambda: _valid()["f"],
    "Archive": lambda: runkit.Archive("archive"),
    "Sandbox": runkit.sandbox,
    **{
        f"client.{name}": lambda name=name: getattr(_client(), name)
        for name in ("runs", "threads", "agents", "businesses", "actions", "documents")
    },
}
RESULTS = {"Frames", "Run", "RunList", "RunkitError"}  # nobody constructs them


def _functions(holder):
    """Yield each function, constructor or method of what a user holds, what it needs, and its parameters."""
    for name in getattr(holder, "__all__", dir(holder)):
        if name[0] == "_" or name in RESULTS:
            continue
        if not isinstance(inspect.getattr_static(holder, name, None), property):
            member = getattr(holder, name)
            if inspect.isroutine(member) or inspect.isclass(member):
                parameters = inspect.signature(member).parameters.values()
                named = [item for item in parameters if item.kind is not item.VAR_KEYWORD]
                needed = [item.name for item in named if item.default is item.empty]
                yield member, {key: _valid()[key] for key in needed}, named


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_key_in_the_place_of_another_argument_is_refused(holder, tmp_path, monkeypatch):
    """No function takes it, and no traceback with local variables shows it."""
    monkeypatch.chdir(tmp_path)
    for function, given, parameters in _functions(HOLDERS[holder]()):
        files = {item.name for item in parameters if "Path" in str(item.annotation)}
        for parameter in {item.name for item in parameters} - (KEYS - files):
            for value in (CANARY, [f"{CANARY} "]):
                with pytest.raises(UsageError) as error:
                    function(**given | {parameter: value})
                assert not found_in(shown_by(error.value), CANARY)


def _use(function, arguments):
    """Call a function, and read a little of what it gives."""
    result = function(**arguments)
    if inspect.iscoroutine(result):
        asyncio.run(result)
    if inspect.isgenerator(result):
        list(islice(result, 3))


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_wrong_argument_is_an_error_of_runkit(holder, tmp_path, monkeypatch):
    """Every value in every public parameter is taken, or refused by a `RunkitError`."""
    monkeypatch.chdir(tmp_path)
    clock = iter(range(10**6))
    monkeypatch.setattr(runkit.Client, "_sleep", lambda _self, seconds: None)
    monkeypatch.setattr(runkit.Client, "_clock", lambda _self: next(clock))
    raw = []
    with socket.create_server(("127.0.0.1", 0)) as used:
        # these fail at the end, before anything slow starts
        names = ["report", "overview", "actions", "decisions", "to_otlp", "search"]
        special = {
            **dict.fromkeys(names, dict.fromkeys(["source", "f"], _empty())),
            "sandbox": {"port": used.getsockname()[1]},
            "report_data": {"client": _client()},
        }
        for function, given, parameters in _functions(HOLDERS[holder]()):
            name = function.__name__
            known = {item.name for item in parameters}
            given |= {k: value for k, value in special.get(name, {}).items() if k in known}
            for parameter in parameters:
                if parameter.annotation in ("object", "Source") and name != "frames":
                    continue  # read by `frames`
                for value in _values():
                    try:
                        _use(function, given | {parameter.name: value})
                    except runkit.RunkitError:
                        pass
                    except Exception as error:
                        raw.append(f"{name}({parameter.name}={value!r:.40}): {error!r:.150}")
    assert not raw, "\n".join(raw)
