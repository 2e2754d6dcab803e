"""Executing a template: in a kernel of its own, with the data and without a key."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from runkit.errors import ReportError
from runkit.text import shorten

DATA_NAME = "RUNKIT_REPORT_DATA"  # names the folder of the data in the kernel's environment
TIMEOUT = 600.0  # seconds for a cell; the longest of ours takes two
_SECRET = re.compile("KEY|TOKEN|SECRET|PASSW|CREDENTIAL|MIDDESK|RUNKIT_", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MOST_SHOWN = 6  # lines of a cell that failed


def execute(notebook: Any, data: Path, *, template: Path, progress: bool) -> None:
    """Execute a notebook (an nbformat node) in place, in the folder of its template.

    `data` is the private folder of the material; what the kernel needs for itself is kept there too. Raises
    `ReportError` that shows the cell that failed.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    name, folder = template.name, template.resolve().parent
    n_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    at = 0
    with tqdm(
        total=n_cells, desc="report", unit="cell", file=sys.stderr, leave=False, disable=not progress
    ) as bar:

        def started(cell: Any, cell_index: int) -> None:
            nonlocal at
            at = cell_index

        client = NotebookClient(
            notebook,
            kernel_manager_class=_kernel_manager(data),
            timeout=TIMEOUT,
            resources={"metadata": {"path": str(folder)}},
            store_widget_state=False,  # it would hold what was typed
            record_timing=False,
            on_cell_start=started,
            on_cell_executed=lambda **_: bar.update(),
        )
        try:
            client.execute(env=_environment(data))
        except CellExecutionError as error:
            said = _COLOUR.sub("", f"{error.ename}: {error.evalue}")
            raise ReportError(_failure(name, notebook, at, said)) from None
        except CellTimeoutError:
            raise ReportError(_failure(name, notebook, at, f"took more than {TIMEOUT:g} s")) from None
        except (DeadKernelError, RuntimeError) as error:
            raise ReportError(_failure(name, notebook, at, f"the kernel died ({error})")) from None
    notebook.metadata.pop("widgets", None)


def _kernel_manager(data: Path) -> type[Any]:
    """A manager for this interpreter, whatever kernels are installed, with sockets in the private folder."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class Manager(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            transport = "ipc" if os.name == "posix" else "tcp"
            super().__init__(connection_file=str(data / "kernel.json"), transport=transport, **options)

        @property
        def kernel_spec(self) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    return Manager


def _environment(data: Path) -> Mapping[str, str]:
    """The environment of the kernel: this one without what may be a secret, and with folders of its own."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    return kept | {
        DATA_NAME: str(data),
        "RUNKIT_STATE_DIR": str(data / "state"),  # the answer log is not redacted
        "IPYTHONDIR": str(data / "ipython"),  # no start-up files: a colleague has others
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _failure(name: str, notebook: Any, at: int, said: str) -> str:
    lines = notebook.cells[at].source.strip().split("\n")
    shown = "\n".join(f"    {line}" for line in lines[:MOST_SHOWN])
    more = f"\n    … {len(lines) - MOST_SHOWN} more lines" if len(lines) > MOST_SHOWN else ""
    return (
        f"cell {at + 1} of {name} failed: {shorten(said, 500)}\n{shown}{more}\n"
        "Nothing was written. Open the template as a notebook to see where it goes wrong."
    )
