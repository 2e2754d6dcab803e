"""Execute the notebooks: `python -m tests.notebooks` writes them with what a hosting page shows."""

from __future__ import annotations

import os
import re
import tempfile
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import nbformat
from IPython import get_ipython

from runkit.server import launch

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("0*.ipynb"))
SHOWN = ("image/svg+xml", "text/html", "text/plain")
HEADLESS = "This form needs an open notebook"  # a page that reads this shows no form anyway
# What differs each time, and what stands for it.
CHANGING = {r"(127\.0\.0\.1):\d+": r"\1", r"(Last full check) .*? UTC": r"\1 just now"}
HOLD_CLOCK = "from tests.notebooks import hold_clock; hold_clock()"
CELL_S = 160  # that a cell takes a reader: agents need less until a question, and after it


def executed(path: Path) -> Any:
    """Execute a notebook in an empty folder; the outputs are those to commit."""
    from nbclient import NotebookClient  # not in the kernel, which imports this module

    notebook = nbformat.read(path, 4)
    metadata = notebook.metadata.copy()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook,
            timeout=120,
            record_timing=False,
            store_widget_state=False,
            extra_arguments=[f"--IPKernelApp.exec_lines={HOLD_CLOCK}"],
            resources={"metadata": {"path": folder}},
        )
        more = {"PYTHONPATH": str(FOLDER.parent), "RUNKIT_STATE_DIR": f"{folder}/state"}
        client.execute(env=os.environ | more, stderr=DEVNULL)

    notebook.metadata = metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [shown(output) for output in cell.outputs if is_shown(output)]
    return notebook


def is_shown(output: Any) -> bool:
    """Leave out progress bars, and cards that need a page."""
    words = output.get("data", {}).get("text/plain", "")
    return bool(words) and not words.startswith(HEADLESS)


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
    launch.Store = partial(  # type: ignore[misc, assignment]
        launch.Store, speed=1, real_time=lambda: shell.execution_count * CELL_S
    )


if __name__ == "__main__":
    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)
        print(f"written: {path}")
