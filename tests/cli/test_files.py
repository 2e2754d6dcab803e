"""What runkit writes is for its owner only, whatever the umask allows."""

import os
import stat
import subprocess
import sys

from runkit.local import files

MAKE = """
import os
import sys
from pathlib import Path

os.umask(0)  # nothing is taken away from what is asked for
import runkit
from runkit.shell import cli
from runkit.widgets import _drafts as drafts

assert cli.main(["demo", "--speed", "3000"]) == 0
with runkit.sandbox(history=2) as box, box.client() as client:
    os.environ |= {"MIDDESK_API_KEY": box.key, "MIDDESK_BASE_URL": box.url}
    run = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
    drafts.save(drafts.DraftKey("run", "a", "b"), {"0": {"note": "typed"}})
    runkit.frames(client.runs.fetch(client.runs.list())).save("frames")
    Path("empty").mkdir()
    for name in ("runs.ndjson", "new/", "empty/"):
        assert cli.main(["fetch", "-o", name]) == 0
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def run(code, folder):
    """Run Python in a folder; return what it printed."""
    path = os.pathsep.join(sys.path)
    environment = os.environ | {"RUNKIT_STATE_DIR": str(folder / "state"), "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nobody_else_reads_what_is_written(tmp_path):
    """State, frames, saved runs, archives, the demo's page and runs are all closed."""
    run(MAKE, tmp_path)
    folders, files = {"state", "frames", "new", "empty", "runkit-demo"}, {"runs.ndjson"}
    assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
        **dict.fromkeys(folders, 0o700),
        **dict.fromkeys(files, 0o600),
    }
    inside = [
        path for name in ("state", "frames", "runkit-demo") for path in (tmp_path / name).iterdir()
    ]
    assert len(inside) == 1 + 8 + 2
    assert {mode(path) for path in inside} == {0o600}


def test_what_is_replaced_is_closed_too(tmp_path):
    """A file that others could read is not the measure for the one that takes its place."""
    path = tmp_path / "a.json"
    path.touch(0o666)
    with files.replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == ""
        assert mode(part) == 0o600
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]
