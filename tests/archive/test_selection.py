"""What is chosen is read, of one version, and nothing else."""

from datetime import date

import pytest

import runkit
from runkit.errors import ArchiveError, UsageError
from support import at, check_equal, question, run, step
from tests.reports.conftest import without_kernel, write_template

__all__ = ["without_kernel"]

RUNS = [
    run(
        step(f"s{number}", 1000 * number, 1000 * number + 10),
        **({"run_id": f"r{number}", "start": 1000 * number, "end": 1000 * number + 100} | more),
    )
    for number, more in enumerate(
        [
            {"agent": "cip_orchestrator", "_runkit": {"business_id": "b-1"}},
            {"status": "error", "agent": "tin_verification"},
            {"status": "failed"},
            {"status": "interrupted", "ended_at": None, "steps": [question("q", 3005, None)]},
            {"agent": None, "_runkit": {"business_id": "b-2"}},
        ]
    )
]


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """Five runs in two files, of which two have failed, in as many words, and one waits."""
    made = runkit.Archive(tmp_path_factory.mktemp("archive") / "runs")
    for part in (RUNS[:3], RUNS[3:]):
        made.add(part)
    return made


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"status": "error"}, [1, 2]),
        ({"status": ["interrupted", "completed"]}, [0, 3, 4]),
        ({"run_id": "r3"}, [3]),
        ({"business_id": ["b-1", "b-2"]}, [0, 4]),
        ({"since": at(1000), "until": at(3000)}, [2, 3]),
        ({"since": date(2026, 2, 3)}, [0, 1, 2, 3, 4]),
        ({"status": "error", "agent": "cip_orchestrator"}, [2]),
        ({"business_id": []}, []),
    ],
)
def test_an_archive_selects_the_runs_that_frames_would_select(unchanged, chosen, numbers):
    """Frames, runs and counts agree with frames of all runs that are cut afterwards."""
    ids = [f"r{number}" for number in numbers]
    f = unchanged.frames(**chosen)
    check_equal(f, runkit.frames(RUNS).select(ids))
    assert [stored.id for stored in unchanged.runs(**chosen)] == ids
    assert len(unchanged.select(**chosen)) == len(ids)
    assert f.is_complete


def test_a_pinned_version_stays_as_it_was(archive):
    """While another writer goes on."""
    archive.add(RUNS)
    pinned = archive.pinned
    archive.add([run(run_id="new"), RUNS[1] | {"updated_at": at(9000)}])
    assert len(pinned.frames().runs) == len(list(pinned.runs())) == len(pinned) == 5


@pytest.mark.usefixtures("without_kernel")
def test_frames_charts_and_reports_take_an_archive(unchanged, tmp_path):
    """The report names the version."""
    assert runkit.frames(unchanged).version == unchanged.version
    assert "5 runs" in runkit.gantt(unchanged).layout.title.text
    cell = "import runkit\nprint(runkit.report_data().provenance)"
    template = write_template(tmp_path / "own.ipynb", cell)
    made = runkit.report(unchanged.select(status="error"), tmp_path / "r.html", template=template)
    assert f"version {unchanged.version}" in made.html.read_text()


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"status": "done"}, "status='done'"),
        ({"run_id": "nope"}, "nope"),
        ({"until": "2026-02-30"}, "until='2026-02-30' is not a time"),
        ({"version": 99}, "0 to 2"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(unchanged, chosen, words):
    """What was given and what was expected."""
    with pytest.raises(UsageError, match=words):
        unchanged.frames(**chosen)


def test_the_start_of_a_run_id_is_enough_where_it_is_unique(tmp_path):
    archive = runkit.Archive(tmp_path / "runs")
    archive.add([run(run_id=name) for name in ("83fe7317-a", "83fe7317-b", "93fe7317-c")])
    assert [stored.id for stored in archive.runs(run_id="93fe7317")] == ["93fe7317-c"]
    with pytest.raises(UsageError, match="83fe7317-b"):
        archive.select(run_id="83fe7317")


def test_reading_an_archive_that_is_not_there_is_an_error(tmp_path):
    """A name with a typing error is no empty archive; and the mistake makes no folder."""
    archive = runkit.Archive(tmp_path / "runz")
    with pytest.raises(ArchiveError, match=r"no archive at .*runz"):
        archive.frames()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="expected a f"):
        runkit.Archive("s3://bucket/runs")
