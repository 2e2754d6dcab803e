"""Each error, provoked for real: its message says what was given, what was expected and what to do."""

from __future__ import annotations

import builtins
import importlib
import json
import pkgutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import runkit
from runkit import cli, errors, jsontext
from runkit.client import Client
from runkit.models import Run
from runkit.reports.templates import notebooks
from tests.client.conftest import Answer
from tests.client.conftest import Server as Scripted
from tests.faults import FaultyBox, sandbox
from tests.support import run, step

AGENT = "cip_orchestrator"
NOBODY = "00000000-0000-4000-8000-000000000000"
BASES = {errors.RunkitError, errors.ApiError}  # what their children share; never raised themselves
INTERNAL = {
    jsontext.TooDeepError,  # becomes a problem or a `DataError` before it reaches a caller
}


class Hasty(Client):
    """A client whose waits between tries pass at once, and its time with them."""

    _passed = 0.0

    def _clock(self) -> float:  # type: ignore[override]
        return time.monotonic() + self._passed

    def _sleep(self, seconds: float) -> None:  # type: ignore[override]
        self._passed += seconds


class House(NamedTuple):
    """What the examples need: a sandbox that takes its time, a client of it, an empty folder."""

    box: FaultyBox
    client: Client
    folder: Path

    def asked(self) -> Run:
        """A run that asks something."""
        waits = (one for one in self.client.runs.list(status="interrupted") if one.interrupts)
        return self.client.runs.get(next(waits))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with sandbox(speed=1, history=30) as box, box.client(rate=None) as client:
        yield House(box, client, tmp_path_factory.mktemp("errors"))


def usage(house: House) -> None:
    house.client.runs.list(limit=0)


def read_only(house: House) -> None:
    with house.box.client(read_only=True) as client:
        client.runs.create(AGENT, business_id=NOBODY)


def data(house: House) -> None:
    runkit.frames([{"object": "run", "status": "completed"}], on_error="raise")


def missing_extra(house: House) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "jupyterlab", None)
        cli.lab(cli.parser().parse_args(["lab", "--folder", str(house.folder / "lab")]))


def report(house: House) -> None:
    template = json.loads((notebooks() / "templates" / "run.ipynb").read_text())
    code = [cell for cell in template["cells"] if cell["cell_type"] == "code"]
    code[-1]["source"] = ["1 / 0"]
    path = house.folder / "broken.ipynb"
    path.write_text(json.dumps(template))
    runkit.report(run(step("a")), house.folder / "report.html", template=str(path))


def no_archive(house: House) -> None:
    runkit.Archive(house.folder / "none").frames()


def wait_timeout(house: House) -> None:
    started = house.client.runs.create(AGENT, business_id=house.box.business("clean_pass"))
    house.client.runs.wait(started, timeout=0.01)


def auth(house: House) -> None:
    with Client("mk_test_of_somebody_else", house.box.url) as client:
        client.runs.list()


def not_found(house: House) -> None:
    house.client.runs.get(NOBODY)


def invalid(house: House) -> None:
    asked = house.asked()
    house.client.runs.resume(asked.id, asked.interrupts[0].id, {"decision": "perhaps"})


def conflict(house: House) -> None:
    house.client.runs.resume(house.asked(), "int-nobody", {"decision": "approve"})


def rate_limited(house: House) -> None:
    house.box.fault("refuse", on="/runs", status=429)
    house.client.runs.create(AGENT, business_id=NOBODY)


def unavailable(house: House) -> None:
    with Hasty("mk_test_key", "http://127.0.0.1:9/v1") as client:
        client.runs.get(NOBODY)


def maybe_sent(house: House) -> None:
    house.box.fault("lose_reply", on="/runs")
    house.client.runs.create(AGENT, business_id=NOBODY)


def contract(house: House) -> None:
    server = Scripted()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    server.script = lambda asked: Answer(b"<html>sign in</html>", headers={"Content-Type": "text/html"})
    try:
        with Client("mk_test_key", server.url) as client:
            client.runs.get(NOBODY)
    finally:
        server.shutdown()
        server.server_close()


class Example(NamedTuple):
    """How to provoke an error, and words of its message: what was given, what was expected, what to do."""

    provoke: Callable[[House], None]
    given: str
    expected: str
    to_do: str


LOST = "GET /v1/runs/00000000-0000-4000-8000-000000000000"
EXAMPLES: dict[type[errors.RunkitError], Example] = {
    errors.UsageError: Example(usage, "limit=0", "expected", "a number greater than 0"),
    errors.ReadOnlyError: Example(read_only, "POST /runs", "read_only", "make a client with read_only=False"),
    errors.DataError: Example(
        data, "id: required but absent", "expected runs as the API", 'Use on_error="collect"'
    ),
    errors.MissingExtra: Example(missing_extra, "opening JupyterLab", "not installed", "pip install"),
    errors.ReportError: Example(report, "1 / 0", "ZeroDivisionError", "Open the template as a notebook"),
    errors.ArchiveError: Example(no_archive, "errors0/none", "no archive at", "create one with"),
    errors.WaitTimeout: Example(wait_timeout, "still running", "0.01", "wait again with a longer timeout="),
    errors.AuthError: Example(auth, "GET /v1/runs", "not valid here", "Check that the key is whole"),
    errors.NotFound: Example(not_found, LOST, "404", "Check the id"),
    errors.Invalid: Example(invalid, "perhaps", "decision must be approve or reject", "Change the request"),
    errors.Conflict: Example(conflict, "int-nobody", "is not open", "Read the run again"),
    errors.RateLimited: Example(rate_limited, "POST /v1/runs", "429", "make the client slower with rate="),
    errors.Unavailable: Example(unavailable, LOST, "no connection", "that the host is running"),
    errors.MaybeSent: Example(maybe_sent, "POST /v1/runs", "was not sent again", "Check the state"),
    errors.ContractError: Example(contract, LOST, "not JSON (text/html)", "Check base_url and the proxy"),
}


def descendants(cls: type) -> set[type]:
    found = {one for one in cls.__subclasses__() if one.__module__.startswith("runkit")}
    return found.union(*map(descendants, found))


def test_every_error_has_an_example() -> None:
    """A class without one fails here; modules that nobody has imported yet are imported."""
    for module in pkgutil.walk_packages(runkit.__path__, "runkit."):
        if module.name != "runkit.__main__":
            importlib.import_module(module.name)
    assert descendants(errors.RunkitError) - BASES - INTERNAL == set(EXAMPLES)


@pytest.mark.parametrize("cls", EXAMPLES, ids=lambda cls: cls.__name__)
def test_a_message_helps(cls: type[errors.RunkitError], house: House) -> None:
    """What was given, what was expected, what to do; in few words, and never a key."""
    example = EXAMPLES[cls]
    with pytest.raises(cls) as caught:
        example.provoke(house)
    assert type(caught.value) is cls
    message = str(caught.value)
    assert example.given in message
    assert example.expected in message
    assert example.to_do in message
    assert len(message) < 900
    assert house.box.key not in message
    assert "mk_test" not in message
    own = [base for base in cls.__mro__ if base.__module__ == builtins.__name__]
    assert own[0] not in (Exception, BaseException), "it is also a builtin that one would catch"
