"""Execute the notebooks: `python -m tests.notebooks` writes them with what a hosting page shows."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partialmethod
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
from IPython import get_ipython

import runkit
from runkit.server import Sandbox, _app

FOLDER = Path(__file__).parent.parent / "notebooks"
TESTS = [str(FOLDER.parent), str(Path(__file__).parent)]
NOTEBOOKS = sorted(FOLDER.glob("0*.ipynb"))
SHOWN = ("image/svg+xml", "text/html", "text/plain")
VIEW = "application/vnd.jupyter.widget-view+json"  # of a widget, which needs a kernel
# What differs each time, and what stands for it.
CHANGING = {r"(127\.0\.0\.1):\d+": r"\1", r"(runkit-saved)-[0-9a-f]+": r"\1"}
# Each kernel begins with this: its own folder for answers, a clock that stands still, and a reviewer.
KERNEL_CONFIG = """
import os
os.environ["RUNKIT_STATE_DIR"] = os.path.abspath("state")
c.IPKernelApp.exec_lines = ["from tests.notebooks import begin; begin()"]
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
        # without the plugins of these tests, which take longer to import than a notebook
        plugins = ["-p", "nbmake.pytest_plugin", "-p", "xdist.plugin"]
        environment = {"PYTHONPATH": os.pathsep.join(TESTS), "IPYTHONDIR": name}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, *options, *copies.values()],
            env=os.environ | environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
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
    """Leave out progress bars, and widgets, which have their HTML beside them."""
    if output.output_type == "stream":
        return bool(output.name == "stdout")
    data = output.get("data", {})
    return bool(data.get("text/plain")) and VIEW not in data


def shown(output: Any) -> Any:
    """Keep what a hosting page shows of an output: of a chart its picture."""
    if output.output_type == "stream":
        return output
    data = output.data
    output.metadata = {}
    _, is_chart, address = data.get("text/html", "").partition('src="data:image/svg+xml,')
    if is_chart:
        picture = unquote(address.partition('"')[0])
        data = {"image/svg+xml": picture, "text/plain": data["text/plain"]}
    output.data = {kind: steady(data[kind]) for kind in SHOWN if kind in data}
    return output


def steady(text: str) -> str:
    """Replace what differs each time."""
    for pattern, words in CHANGING.items():
        text = re.sub(pattern, words, text)
    return text


def begin() -> None:
    """Let the sandbox's clock stand still within a cell and clients ask without a pace; answer forms."""
    Sandbox.client = partialmethod(Sandbox.client, rate=None)  # type: ignore[assignment]
    shell = get_ipython()
    held = {"speed": 1, "real_time": lambda: shell.execution_count * CELL_S}
    store = _app.Store
    _app.Store = lambda **options: store(**options | held)  # type: ignore[misc, assignment]
    shell.events.register("post_run_cell", press)


def press(cell: Any) -> None:
    """Answer the form that a cell shows, as its reader does, and wait for the receipt."""
    widget = cell.result
    if isinstance(widget, runkit.InterruptForm) and widget.forms.form is not None:
        form = widget.forms.form
        [inputs] = form.inputs.proposals
        inputs.texts["note"].value = "Another date of birth"
        inputs.choice.value = "approve"
        # on a thread, as the loop of the kernel is in this cell
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, asyncio.run, form.send()).result()


if __name__ == "__main__":
    for path, notebook in executed(NOTEBOOKS).items():
        nbformat.write(notebook, path)
        print(f"written: {path}")
