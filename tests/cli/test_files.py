"""What runkit writes is for its owner only, whatever the umask allows."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

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
    for name in ("runs.ndjson", "new/", "empty/"):
        assert cli.main(["fetch", "--sandbox", "-o", name]) == 0
"""
LAB = """
import os
os.umask(0)
from runkit.cli import main
main(["lab", "--folder", "books"])
"""
STAND_IN = """
import os, sys
print(sys.argv, "RUNKIT_SANDBOX_KEY" in os.environ, os.environ["RUNKIT_SANDBOX_KEY"] in str(sys.argv))
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(code: str, folder: Path) -> str:
    """Run Python in a folder, with a program there that stands in for JupyterLab.

    Return what it printed.
    """
    path = os.pathsep.join([str(folder / "stand_in"), *sys.path])
    environment = os.environ | {"RUNKIT_STATE_DIR": str(folder / "state"), "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nobody_else_reads_what_is_written(tmp_path: Path) -> None:
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


def test_what_is_replaced_is_closed_too(tmp_path: Path) -> None:
    """A file that others could read is not the measure for the one that takes its place."""
    path = tmp_path / "a.json"
    path.touch(0o666)
    with files.replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == ""
        assert mode(part) == 0o600
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_the_lab_keeps_to_its_folder(tmp_path: Path) -> None:
    """Folder and notebooks are closed, and what is started gets the key by its environment only.

    A file in a folder of downloads does not become a part of JupyterLab. A link to nowhere is
    replaced by the notebook; nothing is made where it leads.
    """
    package, books = tmp_path / "stand_in" / "jupyterlab", tmp_path / "books"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    books.mkdir(0o700)
    (books / "01_first_look.ipynb").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "jupyterlab.py").write_text("print('planted')")
    printed = run(LAB, tmp_path)
    assert printed.endswith("True False\n")
    assert "books" in printed
    assert "planted" not in printed
    assert mode(books / "templates") == 0o700
    assert {mode(path) for path in books.rglob("*.ipynb")} == {0o600}
    assert '"outputs": []' in (books / "01_first_look.ipynb").read_text()
    assert not (tmp_path / "elsewhere").exists()
