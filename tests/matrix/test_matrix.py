"""Every call of the client under every fault of the sandbox: right, or one clear error; done at most once.

The table of what came out is printed at the end of the test run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runkit.client import Client, http
from runkit.errors import RunkitError
from tests.faults import KINDS, Fault, FaultyServer
from tests.matrix.calls import CALLS, Api, Call, eventually
from tests.sandbox.conftest import serving

ALWAYS = 1_000_000  # how often a fault hits that does not pass
TIMEOUT, SHORT_TIMEOUT = 10.0, 0.25  # real seconds of a request; the short one where an answer is to be late
LONGEST = 60.0  # real seconds that no cell may take, far more than it does: whatever hangs takes forever

FAULTS: dict[str, dict[str, Any]] = {
    "latency": {"kind": "slow", "seconds": 0.02},
    "slow": {"kind": "slow", "seconds": SHORT_TIMEOUT + 0.5},  # later than a busy machine looks
    "limit": {"kind": "limit", "per_second": 5},
    "429": {"kind": "refuse", "status": 429},
    "429 wait": {"kind": "refuse", "status": 429, "seconds": 2},
    "500": {"kind": "refuse", "status": 500},
    "502": {"kind": "refuse", "status": 502},
    "503": {"kind": "refuse", "status": 503},
    "drop": {"kind": "drop"},
    "reset": {"kind": "reset"},
    "restart": {"kind": "restart", "seconds": 0.01},
    "lose": {"kind": "lose_reply"},
    "cut": {"kind": "cut"},
    "garble": {"kind": "garble"},
    "drip": {"kind": "drip", "seconds": 0.02},
    "twice": {"kind": "duplicate"},
    "order": {"kind": "reorder"},
    "skew": {"kind": "skew", "by": -86_400},
}
HARMLESS = {
    "latency",
    "limit",
    "twice",
    "order",
    "skew",
}  # a limit of 5 a second lets one call through
WORKING = {"slow", "lose", "cut", "garble", "drip"}  # no answer, but the work is done
LATE = {"slow", "drip"}
STREAMS = {"twice", "order"}
WORDS = {
    "right": "ok",
    "said": "said",
    "Unavailable": "away",
    "RateLimited": "limit",
    "MaybeSent": "maybe",
    "ContractError": "odd",
}
LEGEND = ", ".join(f"{word} = {came}" for came, word in WORDS.items() if word != came)


def expected(name: str, fault: str, times: int) -> set[str]:
    """What may come out, by the rules that `transport`, `doubt` and `stream` promise."""
    call = CALLS[name]
    if fault == "restart" and call.counts is None:
        return {"right", "Unavailable"}  # these clients are in too much of a hurry to wait until it is back
    if fault in HARMLESS or name == "runs.stream":
        return {"right"}  # a stream is a convenience: the run that is read at its end is the truth
    if call.counts is None:
        if times == 1:
            return {"right"}
        if fault == "garble":
            return {"said"} if name == "runs.fetch" else {"ContractError"}
        return {"RateLimited"} if fault.startswith("429") else {"Unavailable"}
    if fault.startswith("429"):
        return {"RateLimited"}
    if call.counts == "answers" and fault in LATE:
        return {"right", "said" if name == "runs.deliver" else "MaybeSent"}  # as late as the machine is busy
    if call.counts == "answers" and fault in WORKING:
        return {"right"}  # it looks, and finds the question closed
    if name == "runs.deliver":
        return {"said"}
    return {"ContractError"} if fault == "garble" else {"MaybeSent"}


# These differ from `runs.get` and `runs.list` only in their path, so a few faults show that they repeat.
PLAIN_READS = {f"{part}.{name}" for part in ("agents", "actions", "documents") for name in ("list", "get")}
PLAIN_READS |= {"threads.list", "threads.get"}


def is_cell(name: str, fault: str, times: int) -> bool:
    """Whether a call meets a fault that often: a write is never repeated, so once shows all of it."""
    if fault in STREAMS:
        return name == "runs.stream"
    if name in PLAIN_READS:
        return (fault in ("503", "cut") and times == 1) or fault == "garble"
    return times == 1 or CALLS[name].counts is None


CELLS = [
    pytest.param(name, fault, times, id=f"{name}-{fault}-{'once' if times == 1 else 'always'}")
    for name in CALLS
    for fault in FAULTS
    for times in (1, ALWAYS)
    if is_cell(name, fault, times)
]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One sandbox for all cells."""
    with serving(FaultyServer) as serve:
        yield Api(serve())


def test_the_matrix_is_whole() -> None:
    """A call that the client gains, or a fault that the sandbox gains, must come in here."""
    with Client("mk_test_none", "http://127.0.0.1:9/v1") as client:
        parts = ("agents", "threads", "runs", "actions", "documents")
        calls = {f"{part}.{name}" for part in parts for name in dir(getattr(client, part)) if name[0] != "_"}
    assert calls == set(CALLS)
    assert {fault["kind"] for fault in FAULTS.values()} == set(KINDS)


@pytest.mark.parametrize(("name", "fault", "times"), CELLS)
def test_a_call_under_a_fault(
    api: Api,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fault: str,
    times: int,
) -> None:
    """The outcome is right or one clear error, in time; work is done at most once; nothing is left over."""
    call = CALLS[name]
    given = call.before(api)
    before, threads = api.done(call.counts or ""), set(threading.enumerate())
    is_late = fault in LATE and name != "runs.stream"
    if is_late:
        monkeypatch.setattr(http, "REQUEST_TIMEOUT", SHORT_TIMEOUT)
    pause = {"seconds": 0} if fault == "drip" and name == "runs.stream" else {}  # byte by byte, and no faster
    api.running.faults.append(Fault(**{"on": call.on, "times": times, **FAULTS[fault], **pause}))
    begun = time.monotonic()
    try:
        with api.client(SHORT_TIMEOUT if is_late else TIMEOUT) as client:
            outcome = come_of(call, api, client, given)
    finally:
        took = time.monotonic() - begun
        hits = times - api.faults_left()
    kind = "once" if times == 1 else "always"
    record_property(f"table:client x fault ({LEGEND})", (name, fault, kind, WORDS.get(outcome, outcome)))

    # a busy machine may leave no time for a second read
    may_be_late = {"Unavailable"} if is_late and call.counts is None else set()
    assert outcome in expected(name, fault, times) | may_be_late
    assert took < LONGEST
    if call.counts:
        assert hits == (0 if fault == "limit" else 1)  # nothing is sent twice
        is_done = fault in HARMLESS | WORKING
        assert eventually(lambda: api.done(call.counts or "") - before == is_done)
    elif fault not in ("limit", "restart"):
        assert hits >= 1
    assert eventually(lambda: not set(threading.enumerate()) - threads - {api.server.running.thread})
    assert eventually(lambda: api.n_connections() == 0)


def come_of(call: Call, api: Api, client: Client, given: Any) -> str:
    """Name what came of a call: `right`, `wrong`, `said` for an error as data, else the error's class."""
    try:
        found = call.does(api, client, given)
    except RunkitError as error:
        return type(error).__name__
    if call.is_said(found):
        return "said"
    return "right" if call.is_right(api, found) else "wrong"
