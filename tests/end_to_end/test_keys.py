"""A server that repeats the key: it is in no error, log line, output or file, whatever the server does."""

import logging
import threading
import time

import pytest

import runkit
from runkit.errors import RunkitError
from runkit.shell.cli import main
from support import run
from tests.client.conftest import server
from tests.end_to_end.echo import (
    CANARY,
    LOGIN,
    WAYS,
    everything_of,
    found_in,
    key_of,
    repeat,
)

__all__ = ["server"]


def called(call):
    """Call a client that was made of the environment; return what it shows of itself and of the result."""

    def show():
        with runkit.Client(rate=None, timeout=2) as client:
            try:
                return repr(call(client))
            finally:
                assert not found_in(f"{client!r} {vars(client)} {client.runs!r}")

    return show


def command(*arguments):
    return lambda: str(main(arguments))


RUN = runkit.Run.from_json(run(end=None, thread_id="t"))
SURFACES = {
    "get": called(lambda client: client.runs.get("r").status),
    "list": called(lambda client: client.agents.list()),
    "create": called(lambda client: client.runs.create("cip_orchestrator", business_id="b").status),
    "resume": called(lambda client: client.runs.resume(RUN, "q", {"decision": "approve"}).status),
    "stream": called(lambda client: len([*client.runs.stream("r")])),
    "runkit fetch": command("fetch", "-o", "runs/"),
    "runkit report": command("report", "r", "-o", "report.html"),
    "runkit inbox": command("inbox"),
}
FEW = ("401", "429", "error as HTML", "redirect", "run", "no run", "cut", "nothing", "bad status")
SOME = {"list": ("page",), "stream": ("events", "bad events", "401", "nothing")}
CASES = [
    (name, way) for name in SURFACES for way in (WAYS if name == "get" else SOME.get(name, FEW))
]


@pytest.fixture(autouse=True)
def quick(server, tmp_path, monkeypatch):
    """Let pauses pass at once, and their time with them, in an empty folder."""
    passed = [0.0]
    monkeypatch.setattr(runkit.Client, "_clock", staticmethod(lambda: time.monotonic() + passed[0]))
    monkeypatch.setattr(
        runkit.Client, "_sleep", staticmethod(lambda s: passed.append(passed.pop() + s))
    )
    monkeypatch.setenv("MIDDESK_API_KEY", CANARY)
    monkeypatch.setenv("MIDDESK_BASE_URL", server.url)
    monkeypatch.chdir(tmp_path)


def logged(caplog):
    """All that runkit has logged."""
    for thread in threading.enumerate():  # what is still on its way is in the pool of connections
        if thread.name.startswith("runkit-fetch"):
            thread.join(10)
    return "".join(f"{vars(record)}" for record in caplog.records if record.name == "runkit")


@pytest.mark.parametrize(("surface", "way"), CASES)
def test_no_surface_shows_the_key_that_a_server_repeats(
    server,
    surface,
    way,
    tmp_path,
    caplog,
    capfd,
):
    caplog.set_level(logging.DEBUG)
    server.script = repeat(way)
    try:
        shown = SURFACES[surface]()
    except RunkitError as error:
        shown = everything_of(error)
        assert len(str(error)) < 3000  # noqa: PT017
    assert {*map(key_of, server.requests)} == {f"Bearer {CANARY}"}
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for text in (shown, printed.out, printed.err, logged(caplog), *files):
        assert not found_in(text)


def test_the_login_of_a_proxy_is_in_no_error_and_no_log(server, caplog, monkeypatch):
    """Neither the error nor runkit's log at DEBUG holds it, and the proxy never sees the key."""
    caplog.set_level(logging.DEBUG)
    server.script = repeat("401")
    proxy = server.url.replace("http://", f"http://ana:{LOGIN}@").removesuffix("/v1")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    client = runkit.Client(CANARY, "https://host.example/v1", timeout=2)
    with client, pytest.raises(RunkitError) as caught:
        client.agents.list()
    assert {key_of(request).partition(" ")[0] for request in server.requests} == {"Basic"}
    assert not found_in(everything_of(caught.value) + logged(caplog) + f"{client!r} {vars(client)}")
