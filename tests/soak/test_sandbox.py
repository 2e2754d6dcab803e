"""The sandbox under load: 200 clients at once, and a thousand live runs."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from runkit import answers
from runkit.client import Client
from runkit.server.launch import SandboxServer
from support import until
from tests.soak.conftest import (
    MB,
    Served,
    Told,
    environment,
    grown,
    held,
    nothing_left,
    quantiles,
    waiting,
)

Serve = Callable[..., Served]
PROCESSES, THREADS = 4, 50  # 200 clients; more threads in one process would wait for each other
LIVE, ROUNDS = 1_000, 3
WARM = 1  # rounds, after which the cache of plans is full
KEPT = 20_000  # bytes; a run with its answer and rating takes some 10 KB, as text and as what is read
NOISE = 6 * MB  # of an allocator that gives pages back late
TIMEOUT = 120  # seconds of a client: 200 at once wait for each other, longer on a busy machine
KEY = "mk_test_soak"


def crowd(served: Served, work: str, each: list[list[Any]]) -> dict[str, Any]:
    """Let a crowd of clients work, some in each process; gives what came of all of it."""
    orders = {"url": served.box.url, "key": served.box.key, "work": work, "timeout": TIMEOUT}
    command = [sys.executable, "-m", "soak.crowd"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    parts = [each[n::PROCESSES] for n in range(PROCESSES)]
    started = [subprocess.Popen(command, env=environment(), **pipes) for _ in parts]  # type: ignore[call-overload]
    with ThreadPoolExecutor(PROCESSES) as pool:
        given = [json.dumps({**orders, "each": part}).encode() for part in parts]
        said = list(pool.map(lambda one, text: one.communicate(text)[0], started, given))
    assert [one.returncode for one in started] == [0] * PROCESSES
    sums: dict[str, Any] = {"ids": {}, "seconds": {}, "wrong": []}
    for told in map(json.loads, said):
        sums["wrong"] += told["wrong"]
        for kind in ("ids", "seconds"):
            for name, values in told[kind].items():
                sums[kind].setdefault(name, []).extend(values)
    return sums


@pytest.mark.timeout(1800)
def test_two_hundred_clients(serve: Serve, told: Told) -> None:
    """Each creates, follows, answers, rates and lists: nothing is lost or twice, and memory grows little.

    That is by so much for each run, and nothing for a request.
    """
    served = serve("--speed", "600")
    live, pid = waiting(served, LIVE), served.process.pid
    business, sizes = served.box.business("watchlist_hit"), []
    done: dict[str, list[Any]] = {"created": [], "answered": [], "rated": []}
    for number in range(ROUNDS):
        came = crowd(served, "work", [[business, 1]] * (PROCESSES * THREADS))
        assert came["wrong"] == []
        until(lambda: held(pid).files < 40)
        sizes.append(held(pid))
        told("MB", f"round {number}", f"{sizes[-1].rss / MB:.0f}")
        for name, ids in done.items():
            ids += came["ids"][name]
    for name, seconds in came["seconds"].items():
        told("p50/p95/max ms", name, quantiles(seconds))
    n_clients = PROCESSES * THREADS
    assert len(done["created"]) == n_clients * ROUNDS
    with served.client() as client:
        listed = client.runs.list(progress=False)
        assert listed.is_complete
        assert Counter(listed.ids) == Counter(live + done["created"])
        asking = client.runs.list(status="interrupted", progress=False)
        assert sorted(asking.ids) == sorted(live)
    served.stop()
    noted = answers.entries(done["answered"])
    assert Counter(one.run_id for one in noted if one.delivery == "confirmed") == Counter(done["answered"])
    assert {size.threads for size in sizes} == {sizes[0].threads}
    assert sizes[-1].rss - sizes[WARM].rss < (ROUNDS - 1 - WARM) * n_clients * KEPT + NOISE


@pytest.mark.timeout(1800)
def test_reading_keeps_nothing(serve: Serve, told: Told) -> None:
    """However often a thousand live runs are listed and read, the sandbox holds no more than before."""
    served = serve("--speed", "600")
    live, pid = waiting(served, LIVE), served.process.pid
    sizes = []
    with served.client() as client:
        for number in range(10):
            assert len(client.runs.list(progress=False)) == LIVE
            assert client.runs.fetch(live, progress=False).is_complete
            sizes.append(held(pid).rss)
            told("MB", f"round {number}", f"{sizes[-1] / MB:.0f}")
    served.stop()
    assert grown(sizes[2:]) < NOISE


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("faults", [[], ["duplicate GET /stream"]], ids=["well", "duplicate"])
def test_two_hundred_streams(serve: Serve, faults: list[str], told: Told) -> None:
    """All open at once, ten on each run: each tells every event of its run once, in order, to its end."""
    for stories in streams_of(serve, faults, told).values():
        assert stories == [stories[0]] * 10
        assert [kind for kind, _ in stories[0][-2:]] == ["RUN_FINISHED", "RUN_READ"]
        times = [at for kind, at in stories[0] if kind == "STATE_SNAPSHOT"]
        assert len(times) > 10
        assert all(one < other for one, other in pairwise(times))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "faults",
    [
        ["cut GET /stream chance=0.4"],
        ["reorder GET /stream chance=0.5", "reset GET /stream chance=0.2"],
        ["refuse GET /stream status=503 chance=0.3", "drop GET /stream chance=0.2"],
    ],
    ids=["cut", "reorder", "refused"],
)
def test_two_hundred_streams_in_trouble(serve: Serve, faults: list[str], told: Told) -> None:
    """Whatever becomes of them on the way, each ends with the run as it ended, and tells nothing twice."""
    for stories in streams_of(serve, faults, told).values():
        for story in stories:
            assert story[-1][0] == "RUN_READ"
            assert len({tuple(event) for event in story}) == len(story)


def streams_of(serve: Serve, faults: list[str], told: Told) -> dict[str, list[Any]]:
    """Follow twenty runs, each ten times and to its end, all at once; gives the stories by run."""
    served = serve("--speed", "30", *(word for fault in faults for word in ("--fault", fault)))
    with served.client() as client:
        business = served.box.business("clean_pass")
        made = [client.runs.create("cip_orchestrator", business).id for _ in range(20)]
    came = crowd(served, "follow", [[run_id] for run_id in made * 10])
    assert came["wrong"] == []
    followed = came["ids"]["followed"]
    assert Counter(run_id for run_id, _, _ in followed) == Counter(made * 10)
    assert {status for _, status, _ in followed} == {"completed"}
    told("p50/p95/max ms", "stream", quantiles(came["seconds"]["follow"]))
    until(lambda: held(served.process.pid).files < 40)
    served.stop()
    stories: dict[str, list[Any]] = {}
    for run_id, _, story in followed:
        stories.setdefault(run_id, []).append(story)
    return stories


@pytest.mark.timeout(1800)
def test_restarts_under_load(serve: Serve, told: Told) -> None:
    """While a hundred clients create, the server goes and comes back: what was confirmed is there once.

    And of whatever else is there, somebody was told that it may be.
    """
    served = serve("--speed", "600")
    served.box.fault("restart", "POST /runs", 4, seconds=0.3, chance=0.01)
    each = [[served.box.business("watchlist_hit"), 10]] * 100
    came = crowd(served, "make", each)
    assert came["wrong"] == []
    created, n_maybe = came["ids"]["created"], len(came["ids"].get("maybe", []))
    n_not = len(came["ids"].get("not", []))
    told("restarts", "confirmed", len(created))
    told("restarts", "in doubt", n_maybe)
    assert n_maybe > 0, "no request was hit: the restarts did not come under load"
    told("restarts", "surely not made", n_not)
    assert len(created) + n_maybe + n_not == 1_000
    served.box.clear_faults()
    with served.client() as client:
        kept = Counter(client.runs.list(progress=False).ids)
    served.stop()
    assert set(kept.values()) == {1}
    assert len(set(created)) == len(created)
    assert set(created) <= set(kept)
    assert len(kept) <= len(created) + n_maybe


@pytest.mark.timeout(1800)
def test_answers_through_restarts(serve: Serve) -> None:
    """Reads ride over restarts by themselves, and each answer that was confirmed is kept."""
    served = serve("--speed", "600")
    live = waiting(served, 400)
    served.box.fault("restart", "GET /runs", 5, seconds=0.3, chance=0.01)
    came = crowd(served, "answer", [[live[n::40]] for n in range(40)])
    lost = [words for words in came["wrong"] if not words.startswith(("MaybeSent", "Unavailable"))]
    assert lost == []
    served.box.clear_faults()
    with served.client() as client:
        answered = set(live) - set(client.runs.list(status="interrupted", progress=False).ids)
    served.stop()
    assert set(came["ids"]["answered"]) <= answered
    assert len(answered) <= len(came["ids"]["answered"]) + len(came["wrong"])


WORLD = """
import hashlib, httpx
from runkit.server.launch import SandboxServer
from runkit.server.scenarios import BUSINESSES
at = {"now": "2026-02-03T12:00:00Z", "real_time": lambda: 1_770_000_000.0}
box = SandboxServer(key="k", seed=7, history=60, **at)
digest = hashlib.sha256()
headers = {"Authorization": "Bearer k"}
with httpx.Client(base_url=box.url, headers=headers, trust_env=False) as http:
    ids = [run["id"] for run in http.get("/runs?per_page=100").json()["data"]]
    for business in BUSINESSES[:3]:
        http.post("/runs", json={"type": "cip_orchestrator", "business_id": business.id})
    paths = ["/agents", "/runs", "/threads", "/businesses"]
    paths += [f"/runs/{run_id}{end}" for run_id in ids for end in ("?include=steps", "/stream")]
    for path in paths:
        digest.update(http.get(path).content)
box.close()
print(digest.hexdigest())
"""


def test_equal_seeds_in_two_processes() -> None:
    """Every list, run and stream has the same bytes in each, whatever the order of their hashes."""
    command = [sys.executable, "-c", WORLD]
    digests = {
        subprocess.run(command, env=environment(PYTHONHASHSEED=seed), capture_output=True, check=True).stdout
        for seed in "12"
    }
    assert len(digests) == 1


def test_nothing_is_left_of_a_sandbox() -> None:
    """Started and stopped twenty times in this process, with streams open: no thread, no file, no task."""
    with nothing_left():
        for _ in range(20):
            running = SandboxServer(speed=30, key=KEY)
            with Client(KEY, running.url, rate=None) as client:
                run = client.runs.create("cip_orchestrator", "b1500000-0000-4000-8000-000000000001")
                streams = [client.runs.stream(run) for _ in range(10)]
                assert {next(stream).type for stream in streams} == {"RUN_STARTED"}
                running.close()
                for stream in streams:
                    stream.close()
    assert [one for one in gc.get_objects() if isinstance(one, asyncio.Task) and not one.done()] == []
