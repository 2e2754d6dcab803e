"""Several writers: nothing is lost, and nothing counts twice."""

import runkit
from tests.archive.conftest import check_holds, item


def test_two_writers_at_once_lose_and_double_no_run(archive, tmp_path):
    """Another writer adds a run of its own, and one of ours, while ours are on their way."""
    archive.add([item("first")])

    def coming():
        yield item("a")
        runkit.Archive(tmp_path / "runs").add([item("b"), item("c")], progress=False)
        yield item("c")

    archive.add(coming(), progress=False)
    check_holds(archive, dict.fromkeys(("first", "a", "b", "c"), "completed"))
