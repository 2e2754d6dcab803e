"""What runkit writes is for its owner only, whatever the umask allows."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runkit import files

MAKE = """
import os
import sys
from pathlib import Path

os.umask(0)  # nothing is taken away from what is asked for
import runkit
from runkit import cli
from runkit.widgets import drafts

assert cli.main(["demo", "--speed", "3000"]) == 0
with runkit.sandbox(history=2) as box, box.client() as client:
    os.environ |= {"RUNKIT_SANDBOX_URL": box.url, "RUNKIT_SANDBOX_KEY": box.key}
    run = client.runs.create("cip_orchestrator", box.business("watchlist_hit"))
    drafts.save(drafts.DraftKey("run", "a", "b"), {"0": {"note": "typed"}})
    runkit.frames(client.runs.fetch(client.runs.list())).save("frames")
    Path("empty").mkdir()
    for name in ("runs.ndjson", "runs.ndjson.gz", "new/", "empty/"):
        assert cli.main(["fetch", "--sandbox", "-o", name]) == 0
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, without an account or a sandbox to join."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNKIT", "MIDDESK"))}
    path = os.pathsep.join([str(folder / "stand_in"), *sys.path])
    kept |= {"RUNKIT_STATE_DIR": str(folder / "state"), "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=120)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder in which a process without a umask wrote all that runkit writes."""
    done = run(MAKE, tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_nobody_else_reads_what_is_written(made: Path) -> None:
    """State, frames, saved runs, archives, the demo's page and runs are all closed."""
    folders = {"state", "frames", "new", "empty", "runkit-demo"}
    files = {"runs.ndjson", "runs.ndjson.gz"}
    assert {path.name for path in made.iterdir()} == folders | files
    for path in made.iterdir():
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    inside = [path for name in ("state", "frames", "runkit-demo") for path in (made / name).iterdir()]
    assert len(inside) == 1 + 8 + 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in inside} == {0o600}


def test_what_is_replaced_is_closed_too(tmp_path: Path) -> None:
    """A file that others could read is not the measure for the one that takes its place."""
    path = tmp_path / "a.json"
    path.touch(0o666)
    with files.replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == ""
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


STAND_IN = """
import os, sys
print(sys.argv, "RUNKIT_SANDBOX_KEY" in os.environ, os.environ["RUNKIT_SANDBOX_KEY"] in str(sys.argv))
"""


def lab(folder: Path, stand_in: str) -> subprocess.CompletedProcess[str]:
    """Call `runkit lab`, without a umask and with a program that stands in for JupyterLab."""
    package = folder / "stand_in" / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(stand_in)
    code = "import os; os.umask(0)\nfrom runkit.cli import main\nmain(['lab', '--folder', 'books'])"
    return run(code, folder)


def test_the_lab_keeps_to_its_folder(tmp_path: Path) -> None:
    """Folder and notebooks are closed, and what is started gets the key by its environment only.

    A file in a folder of downloads does not become a part of JupyterLab. A link to nowhere is replaced by the
    notebook; nothing is made where it leads.
    """
    books = tmp_path / "books"
    books.mkdir(0o700)
    (books / "01_first_look.ipynb").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "jupyterlab.py").write_text("print('planted')")
    done = lab(tmp_path, STAND_IN)
    assert done.stdout.endswith("True False\n"), done.stderr
    assert "books" in done.stdout
    assert "planted" not in done.stdout
    assert stat.S_IMODE((books / "templates").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in books.rglob("*.ipynb")} == {0o600}
    assert len(list((books / "templates").iterdir())) == 3
    assert (books / "01_first_look.ipynb").is_file()
    assert not (tmp_path / "elsewhere").exists()
