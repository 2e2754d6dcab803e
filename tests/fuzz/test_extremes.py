"""As deep, as wide and as large as it gets, in bounded time and memory.

Time is the processor's, so that a busy machine fails nothing; the limits are a few times what was measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import runkit
from fuzz.made import nested
from runkit.reports.bundle import make_masker, read_source, redact_source
from runkit.reports.redaction import Redaction
from runkit.tables.problems import problem_counts
from support import artifact, run, step

Json = dict[str, Any]
WIDE = 200_000


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if it takes the processor longer."""
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds


def chain(depth: int, **more: Any) -> Json:
    """A run of one step in another, so many levels."""
    top = inner = step("0", 0, 50, **more)
    for number in range(1, depth):
        inner["steps"] = [step(str(number), 0, 50, parent_step_id=str(number - 1), **more)]
        inner = inner["steps"][0]
    return run(top)


def as_text(source: Json) -> bytes:
    """The JSON of it, which Python's own writer may be too shallow for."""
    return runkit.Run.from_json(source).to_json().encode()


# --------------------------------------------------------------------------------------------------- deep


@pytest.mark.parametrize(
    ("depth", "form"), [(400, as_text), (5_000, dict)], ids=["400 from text", "5,000 from objects"]
)
def test_deep_steps_are_read_and_drawn(depth: int, form: Callable[[Json], Any]) -> None:
    """In tree order, with one critical path through all of them."""
    with within(10):
        f = runkit.frames(form(chain(depth)))
        figure = runkit.gantt(f).to_json()
    assert f.problems.empty
    assert f.steps["depth"].tolist() == list(range(depth))
    assert f.steps["critical_s"].sum() == 50
    assert len(figure) < 10_000_000


def test_deep_steps_are_objects(tmp_path: Path) -> None:
    """Linked, walked, compared, written, kept in an archive as far as they can be read back."""
    with within(10):
        made = runkit.Run.from_json(chain(5_000))
        assert sum(1 for _ in made.walk()) == 5_000
        assert runkit.Run.from_json(chain(400)) == runkit.Run.from_json(chain(400))
        assert made.sentence().endswith("5,000 steps")
        added = runkit.Archive(tmp_path / "runs").add([made, chain(400)], progress=False)
    assert added.problems["problem"].tolist() == ["too_deep"]


def test_what_is_wrong_in_deep_steps_is_noted_in_short() -> None:
    """Three problems on each of 5,000 levels: places of bounded length, in bounded time."""
    with within(10):
        f = runkit.frames(chain(5_000, type="odd", status="odd", agent=5))
    assert problem_counts(f.problems).sum() == 15_000
    assert len(f.problems) == 12
    assert f.problems["location"].str.len().max() < 300


def test_deep_steps_that_are_refused_cost_no_more() -> None:
    """Orphans of orphans, each at the top."""
    source = chain(3_000)
    inner = source["steps"][0]
    while inner["steps"]:
        inner["label"] = None
        inner = inner["steps"][0]
    with within(10):
        f = runkit.frames(source)
    assert f.steps["step_id"].tolist() == ["2999"]
    assert problem_counts(f.problems).sum() == 3_000


def test_a_deep_result_is_masked() -> None:
    """At the very bottom stands a tax number."""
    source = run(step("a", result=nested({"tin": "12-3456789"}, 400)))
    with within(10):
        done = redact_source(read_source(source), Redaction(), make_masker(Redaction()), template=("t", "d"))
    [masked], [text] = done.runs, done.frames.steps["result"]
    assert masked.to_json().count("[ein 1]") == 1
    assert "3456789" not in masked.to_json() + text
    assert text.count("{") == 401


# --------------------------------------------------------------------------------------------------- wide


@pytest.fixture(scope="module")
def wide() -> bytes:
    """A run of 200,000 steps as text: an agent's step each ten, nine in it."""
    one = json.dumps(step("ID", 0, 1) | {"parent_step_id": "PARENT"})
    head, tail = json.dumps(run(step("ID", 0, 99, steps=[]) | {"steps": ["HERE"]})).split('"HERE"')
    opened, closed = head[head.index('"steps": [') + 10 :], tail[: tail.index("]}") + 2]
    before, after = head[: head.index('"steps": [') + 10], tail[len(closed) :]
    families = []
    for number in range(WIDE // 10):
        kids = [
            one.replace('"ID"', f'"{number}-{kid}"').replace('"PARENT"', f'"{number}"') for kid in range(9)
        ]
        families.append(opened.replace('"ID"', f'"{number}"') + ",".join(kids) + closed)
    return (before + ",".join(families) + after).encode()


def test_200_000_steps_are_read_and_drawn(wide: bytes) -> None:
    """The figure is bounded, and so is the time."""
    with within(20):
        f = runkit.frames(wide)
        figure = runkit.gantt(f).to_json()
    assert len(f.steps) == WIDE
    assert f.problems.empty
    assert len(figure) < 2_000_000
    assert "200,000 steps" in repr(f)


def test_many_problems_are_noted() -> None:
    """Three on each of 20,000 steps, in a time that grows with their number alone."""
    steps = [step(str(number), type="odd", status="odd", agent=5) for number in range(20_000)]
    with within(15):
        f = runkit.frames(run(*steps))
    assert problem_counts(f.problems).sum() == 60_000


def test_steps_without_nesting_find_their_parents() -> None:
    """Fifty thousand, each of which names the last one."""
    steps = [step("0", 0, 99), *(step(str(number), 0, 1, parent_step_id="0") for number in range(1, 50_000))]
    with within(20):
        f = runkit.frames(run(*reversed(steps)))
    assert f.steps["n_children"].max() == 49_999
    assert f.problems.empty


def test_a_step_with_many_findings() -> None:
    """A hundred thousand sources of one finding."""
    source = artifact(sources=[{"url": f"https://a{number}.example/"} for number in range(100_000)])
    with within(10):
        f = runkit.frames(run(step("a", artifacts=[source])))
    assert f.artifacts["n_sources"].tolist() == [100_000]
    assert f.sources["host"].nunique() == 100_000


# -------------------------------------------------------------------------------------------------- large


def test_a_result_of_50_mb(tmp_path: Path) -> None:
    """It is read, kept whole, written and read back, drawn and shown in short."""
    size = 50_000_000
    text = json.dumps(run(step("a", result={"text": "HERE"}))).replace("HERE", "x" * size).encode()
    with within(20):
        f = runkit.frames(text)
        assert f.steps["result"].str.len().tolist() == [size + 11]
        assert runkit.read(f.save(tmp_path)).steps["result"].equals(f.steps["result"])
        assert len(repr(f)) < 1_000
        assert len(runkit.gantt(f).to_json()) < 100_000


def test_a_result_of_50_mb_is_in_memory_a_few_times() -> None:
    """And not many, in a process of its own."""
    said = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 6 * 50_000


LARGE = """
import json, resource, runkit
runkit.frames({})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
text = b'{"object":"run","id":"r","status":"completed","created_at":"2026-02-03T10:00:00Z","updated_at":'
text += b'"2026-02-03T10:00:00Z","steps":[{"id":"a","run_id":"r","type":"activity","name":"n","label":"l",'
text += b'"status":"completed","started_at":"2026-02-03T10:00:00Z","result":{"x":"' + b"x" * 50_000_000
f = runkit.frames(text + b'"}}]}')
assert f.steps["result"].str.len().tolist() == [50_000_008] and f.problems.empty
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_megabyte_in_every_field() -> None:
    """What people are shown stays short."""
    long = "w" * 1_000_000
    source = run(
        step(long, agent=long, name=long, label=long, type=long, artifacts=[artifact(long, summary=long)]),
        run_id=long,
        agent=long,
        status=long,
    )
    with within(20):
        f = runkit.frames(source)
        assert len(repr(runkit.Run.from_json(source))) < 1_000
        assert f.problems["detail"].str.len().max() < 200
        assert len(runkit.gantt(f).to_json()) < 200_000
