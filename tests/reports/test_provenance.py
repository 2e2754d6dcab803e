"""Where a report comes from: a digest that a colleague can compare, and facts in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import runkit
from runkit.answers import answer_log
from runkit.models import Run
from runkit.reports.bundle import (
    Provenance,
    Source,
    digest_of,
    make_masker,
    redact_source,
)
from runkit.reports.templates import Template
from runkit.tables.frames import Frames, frames
from support import artifact, example, question, run, step

READ = datetime(2026, 2, 3, 12, tzinfo=UTC)


def several() -> list[dict[str, Any]]:
    """Ended runs with rows in all frames."""
    return [example("completed"), run(step("a"), question("q", 10, 20), run_id="s")]


def read_at(raw: dict[str, Any], when: datetime) -> Run:
    """The run as it was read at some time."""
    return Run.from_json(raw).with_local_fields(read_at=when)


def about(f: Frames) -> Provenance:
    """The provenance of frames."""
    template = Template("run", Path("run.ipynb"), "{}")
    return redact_source(Source(f, (), answer_log()), make_masker(), template).provenance


def facts(given: Provenance) -> dict[str, str]:
    """Its facts by name."""
    return given.facts()


# -------------------------------------------------------------------------------------------------- digest


def test_the_order_of_the_runs_does_not_matter():
    """Equal data in another order has an equal digest."""
    assert digest_of(frames(several())) == digest_of(frames(several()[::-1]))


def test_ended_runs_have_one_digest_whenever_they_are_read():
    """Also where another machine tells where the problems stood."""
    times = [READ, READ + timedelta(days=30)]
    digests = {digest_of(frames([read_at(raw, when) for raw in several()])) for when in times}
    assert len(digests) == 1


def test_a_run_that_goes_on_has_another_digest_later():
    """What it waits for has grown by then."""
    raw = example("interrupted")
    later = READ + timedelta(seconds=1)
    assert digest_of(frames([read_at(raw, READ)])) != digest_of(frames([read_at(raw, later)]))


CHANGES = {
    "a time": lambda raw: raw["steps"][0].update(completed_at="2026-02-03T10:00:05.001Z"),
    "a millisecond": lambda raw: raw.update(updated_at="2026-02-03T10:41:00.001Z"),
    "a label": lambda raw: raw["steps"][0].update(label="Another"),
    "a result": lambda raw: raw["steps"][0].update(result={"a": 1}),
    "a finding": lambda raw: raw["output"]["artifacts"].append(artifact()),
    "a confidence": lambda raw: raw["output"]["artifacts"][0].update(confidence="low"),
    "a source": lambda raw: raw["output"]["artifacts"][0]["sources"][0].update(url="https://b.example.gov/"),
    "a requester": lambda raw: raw["requester"].update(name="Another Bank"),
    "an order of steps": lambda raw: raw["steps"].reverse(),
    "an unknown word": lambda raw: raw["steps"][0].update(type="odd"),
    "a step less": lambda raw: raw["steps"].pop(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_value_counts(change):
    """Whatever differs, the digest does."""
    changed = example("completed")
    CHANGES[change](changed)
    assert digest_of(frames([changed])) != digest_of(frames([example("completed")]))


# --------------------------------------------------------------------------------------------------- facts


def test_a_report_on_frames_says_when_and_where_they_were_read(fetched, tmp_path):
    """As one on the runs does; also of a part of them, and after they were saved and read."""
    f = runkit.frames(fetched)
    ids = f.runs["run_id"][:3].tolist()
    of_runs = facts(about(runkit.frames([run for run in fetched if run.id in ids])))["read"]
    f.save(tmp_path)
    assert fetched[0].read_from in of_runs
    for part in (f.select(ids), runkit.frames(tmp_path).select(ids)):
        assert facts(about(part))["read"] == of_runs


def test_what_is_missing_is_said(fetched):
    """Records that were refused, and a list that was cut."""
    refused = frames([run(), {"id": 1}, {"no": "run"}])
    assert facts(about(refused))["data"].startswith("2 of 3 records refused; ")
    one = frames([run(), {"id": 1}])
    assert facts(about(one))["data"].startswith("1 of 2 records refused; ")
    cut = replace(refused, coverage=refused.coverage._replace(why="the list was cut at 3 runs"))
    assert facts(about(cut))["data"].startswith(
        "2 of 3 records refused; not complete: the list was cut at 3 runs; "
    )
