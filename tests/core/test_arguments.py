"""Arguments: times and statuses that people write, and mistakes that users typically make."""

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import httpx
import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from support import example, run

NOW = datetime(2026, 2, 3, 10, 30, tzinfo=UTC)
RUN = example("interrupted")
HOST = "http://127.0.0.1:9/v1"


# ------------------------------------------------------------------------------- times and statuses


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("now", "2026-02-03 10:30"),
        ("7d", "2026-01-27 10:30"),
        ("12h", "2026-02-02 22:30"),
        ("2026-02-01T10:00:00+02:00", "2026-02-01 08:00"),
        (pd.Timestamp("2026-02-01 10:00:00.123456789Z"), "2026-02-01 10:00:00.123456"),
    ],
)
def test_a_time_may_be_written_in_many_ways(value, expected):
    """What is relative is so to the server's clock."""
    old = runkit.Run.from_json(run(run_id="old", start=-(10**8), end=None))
    runs = replace(_client().runs.list(), items=(old,))
    as_of = runkit.frames(runs, as_of=value).as_of
    assert as_of == pd.Timestamp(expected, tz="UTC")


@pytest.mark.parametrize(
    "value", ["", "today", "7", "d", "12345d", "2026-13-01", pd.NaT, "23:59:60", 7]
)
def test_a_time_that_cannot_be_read_is_refused(value):
    with pytest.raises(UsageError, match=r"^since="):
        _client().runs.list(since=value)


def test_a_relative_time_is_measured_by_the_clock_of_the_server():
    runs = _client().runs
    assert len(runs.list(since="15m")) == 0
    assert len(runs.list(since="1h")) == 1


# ------------------------------------------------------------------------------------- any argument


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


ONE = runkit.Run.from_json(RUN)
F = runkit.frames(RUN)
# a call, and what its error names: argument, value, and what is right
MISTAKES = [
    (lambda: runkit.Client("mk_test_x", kay=1), "'kay'", "its arguments are api_key, base_url"),
    (lambda: runkit.sandbox(sped=2), "'sped'", "its arguments are speed"),
    (lambda: runkit.gantt(F, depth="all"), "depth='all'", "integer"),
    (lambda: runkit.frames(F, on_error="ignore"), "on_error='ignore'", "'collect' or 'raise'"),
    (lambda: runkit.frames(F, progress=1), "progress=1", "boolean"),
    (lambda: runkit.frames([RUN, F]), "source has Frames", "expected one kind: [f, runkit"),
    (lambda: runkit.gantt([]), "no run to draw", "expected at least one."),
    (lambda: F.select(b"x"), "runs=b'x'", "expected run ids"),
    (lambda: F.save(3), "directory=3", "string or it should be"),
    (lambda: runkit.search(F, " "), "text=' '", "at least 1 character"),
    (lambda: _client().runs.list(status="waitin"), "status='waitin'", "mean 'waiting'?"),
    (lambda: _client().businesses.identify(["x"]), "runs[0]='x'", "Run"),
    (lambda: _client().runs.get(), "'run'", "its arguments are run"),
    (lambda: _client().runs.fetch(5), "ids_or_runs=5", "Run or str or Iterable"),
    (lambda: _client().runs.fetch([ONE], known=[1]), "known[0]=1", "Run"),
    (lambda: _client().runs.fetch([ONE], into=StringIO()), "into=", "for writing bytes"),
    (lambda: runkit.report_data(), "source=None outside runkit.report()", "give a file"),
    (lambda: runkit.InterruptInbox(_client(), sla_h=-1), "sla_h=-1", "0.001"),
    (lambda: runkit.fleet.waits(None), "source is NoneType", "expected Frames"),
]


@pytest.mark.parametrize(("call", "parts"), [(call, parts) for call, *parts in MISTAKES])
def test_a_typical_mistake_is_one_clear_error(call, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        call()
    assert [part for part in parts if part not in str(error.value)] == []
    assert not list(tmp_path.iterdir())


KEY = "mk_live_0123456789abcdef"
WITH_IDS = [
    lambda client: client.runs.get(KEY),
    lambda client: client.runs.resume(KEY, "int-7", {"decision": "approve"}),
    lambda client: client.runs.list(business_id=KEY),
    lambda client: runkit.InterruptForm(client, KEY),
]


@pytest.mark.parametrize("call", WITH_IDS)
def test_a_key_in_the_place_of_an_id_is_neither_sent_nor_shown(call, caplog):
    caplog.set_level("DEBUG")
    urls = []

    def respond(request):
        urls.append(str(request.url))
        return _respond(request)

    client = runkit.Client("mk_test_x", HOST, transport=httpx.MockTransport(respond))
    with pytest.raises(UsageError, match="api_key=") as error:
        call(client)
    assert "0123456789" not in f"{error.value}{urls}{caplog.text}"
