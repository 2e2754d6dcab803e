"""A key is in no traceback of an error, also where arguments and local variables are shown."""

import pytest

import runkit
from runkit.errors import RunkitError
from tests.end_to_end.echo import CANARY, LOGIN, found_in, shown_by

BROKEN = CANARY + "\n"  # as it is read from a file
NOWHERE = "http://127.0.0.1:9/v1"


def closed_sandbox():
    with runkit.sandbox(key=CANARY) as box:
        return box


CALLS = {
    "environment": runkit.Client,
    "white space": lambda: runkit.Client(BROKEN),
    "no such parameter": lambda: runkit.Client(CANARY, kay=1),
    "no such parameter of a sandbox": lambda: runkit.sandbox(key=CANARY, kay=1),
    "another parameter": lambda: runkit.Client(CANARY, NOWHERE, timeout=0),
    "as the URL": lambda: runkit.Client(CANARY, CANARY),
    "a login in the URL": lambda: runkit.Client(CANARY, f"https://ana:{LOGIN}@host.example"),
    "a login of a proxy": lambda: runkit.Client(CANARY),
    "no connection": lambda: runkit.Client(CANARY, NOWHERE, timeout=0.1).agents.list(),
    "sandbox": lambda: runkit.sandbox(key=BROKEN),
    "client of a sandbox": lambda: closed_sandbox().client(timeout=0),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_frame_of_a_failed_call_holds_the_key(name, monkeypatch):
    monkeypatch.setenv("MIDDESK_API_KEY", BROKEN)
    monkeypatch.setenv("HTTPS_PROXY", f"ftp://ana:{LOGIN}@host.example")
    with pytest.raises(RunkitError) as caught:
        CALLS[name]()
    assert not found_in(shown_by(caught.value))
