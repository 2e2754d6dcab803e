"""Execute the notebooks: `python -m tests.notebooks` writes them with what a hosting page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from IPython import get_ipython

from runkit.server import _launch

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("0*.ipynb"))
SHOWN = ("image/svg+xml", "text/html", "text/plain")
NO_KERNEL = "This card needs a running kernel"  # a page that reads this shows no form anyway
# What differs each time, and what stands for it.
CHANGING = {r"(127\.0\.0\.1):\d+": r"\1", r"(Last full check) .*? UTC": r"\1 just now"}
# Each kernel begins with this: its own folder for drafts and answers, and a clock that stands still.
KERNEL_CONFIG = """
import os
os.environ["RUNKIT_STATE_DIR"] = os.path.abspath("state")
c.IPKernelApp.exec_lines = ["from tests.notebooks import hold_clock; hold_clock()"]
"""
CELL_S = 160  # that a cell takes a reader: agents need less until a question, and after it


def executed(paths: Sequence[Path]) -> dict[Path, Any]:
    """Execute notebooks by nbmake, each in a folder of its own; the outputs are those to commit."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "profile_default").mkdir()
        (folder / "profile_default/ipython_kernel_config.py").write_text(KERNEL_CONFIG)
        copies = {path: folder / path.stem / path.name for path in paths}
        for path, copy in copies.items():
            copy.parent.mkdir()
            shutil.copy(path, copy)
        options = ["--nbmake", "--overwrite", "--nbmake-timeout=120", "-n2", "-c", os.devnull]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *copies.values()],
            env=os.environ | {"PYTHONPATH": str(FOLDER.parent), "IPYTHONDIR": name},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return {path: to_commit(path, nbformat.read(copy, 4)) for path, copy in copies.items()}


def to_commit(path: Path, executed: Any) -> Any:
    """Return a notebook with what a hosting page shows of its outputs."""
    notebook = nbformat.read(path, 4)
    for cell, ran in zip(notebook.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            cell.execution_count = ran.execution_count
            cell.outputs = [shown(output) for output in ran.outputs if is_shown(output)]
    return notebook


def is_shown(output: Any) -> bool:
    """Leave out progress bars, and cards that need a page."""
    words = output.get("data", {}).get("text/plain", "")
    return bool(words) and not words.startswith(NO_KERNEL)


def shown(output: Any) -> Any:
    """Keep what a hosting page shows of an output: of a chart its picture."""
    from runkit.charts.figure import PLOTLY
    from runkit.charts.svg import svg

    data, output.metadata = output.data, {}
    if PLOTLY in data:
        data = {"image/svg+xml": str(svg(data[PLOTLY])), "text/plain": data["text/plain"]}
    output.data = {kind: steady(data[kind]) for kind in SHOWN if kind in data}
    return output


def steady(text: str) -> str:
    """Replace what differs each time."""
    for pattern, words in CHANGING.items():
        text = re.sub(pattern, words, text)
    return text


def hold_clock() -> None:
    """Let the sandbox's clock stand still within a cell, so that outputs do not depend on speed."""
    shell = get_ipython()
    held = {"speed": 1, "real_time": lambda: shell.execution_count * CELL_S}
    store = _launch.Store
    _launch.Store = lambda **options: store(**options | held)  # type: ignore[misc, assignment]


if __name__ == "__main__":
    for path, notebook in executed(NOTEBOOKS).items():
        nbformat.write(notebook, path)
        print(f"written: {path}")
