"""Executing a template: in a kernel of its own, with the data and without a key."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from runkit.errors import ReportError
from runkit.progress import Bar
from runkit.text import shorten

DATA_NAME = "RUNKIT_REPORT_DATA"  # names the folder of the data in the kernel's environment
TIMEOUT = 600  # seconds for a cell, whole ones for nbclient's sake; the longest of ours takes two
MAX_SOCKET_FOLDER = 80  # characters of a folder; the systems allow 104 to 108 for a socket's whole path
# What Python and a shell need of the environment, and nothing that may hold a secret.
_INHERITED_VARIABLES = re.compile(
    "PATH|HOME|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|VIRTUAL_ENV|CONDA_PREFIX|PYTHON(PATH|HOME|UTF8|WARNINGS)"
    "|LD_LIBRARY_PATH|DYLD_.*|SYSTEM(ROOT|DRIVE)|WINDIR|COMSPEC|PATHEXT|USERPROFILE|(LOCAL)?APPDATA",
    re.IGNORECASE,
)
_IMPORT_OPTIONS = ("--ignore-cwd", "--IPKernelApp.exec_lines=__import__('sys').path.append('')")
"""What lies beside the template can be imported, but takes no module's place: it is looked for last."""
_ANSI_COLOR = re.compile(r"\x1b\[[0-9;]*m")
MAX_LINES = 6  # lines of a cell that failed


def execute(notebook: Any, data: Path, *, template: Path, mask: Callable[[str], str], progress: bool) -> None:
    """Execute a notebook (an nbformat node) in place, in the folder of its template.

    `data` is the private folder of the material; what the kernel needs for itself is kept there too. Raises
    `ReportError` that shows the cell that failed, through `mask`.
    """
    from jsonschema import ValidationError
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    name, folder = template.name, template.resolve().parent
    n_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    at = 0

    def failure(reason: str) -> ReportError:
        return ReportError(_failure_message(name, at, mask(notebook.cells[at].source), mask(reason)))

    with Bar(total=n_cells, desc="report", unit="cell", disable=not progress) as bar:

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
            _run_in_thread(lambda: client.async_execute(env=_environment(data), stderr=DEVNULL))
        except CellExecutionError as error:
            raise failure(_ANSI_COLOR.sub("", f"{error.ename}: {error.evalue}")) from None
        except CellTimeoutError:
            raise failure(f"took more than {TIMEOUT:g} s") from None
        except (DeadKernelError, RuntimeError) as error:
            raise failure(f"the kernel died ({error})") from None
        except (ValidationError, KeyError) as error:
            raise failure(f"an output is not made as Jupyter's are ({shorten(str(error), 100)})") from None
    notebook.metadata.pop("widgets", None)


def _run_in_thread(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Run a coroutine on a loop of its own, so that it works where a loop runs already, as in Jupyter.

    Ctrl-C cancels it, and what it started ends with it.
    """
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def run_task() -> None:
        running.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        await work()

    with ThreadPoolExecutor(1, thread_name_prefix="runkit-report") as pool:
        done = pool.submit(asyncio.run, run_task())
        try:
            done.result()
        except KeyboardInterrupt:
            loop, task = running.result()
            if task is not None and not done.done():
                loop.call_soon_threadsafe(task.cancel)
            raise


def _kernel_manager(data: Path) -> type[Any]:
    """A manager for this interpreter, whatever kernels are installed, with sockets in the private folder."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class Manager(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            is_short = len(str(data)) <= MAX_SOCKET_FOLDER
            transport = "ipc" if os.name == "posix" and is_short else "tcp"
            super().__init__(connection_file=str(data / "kernel.json"), transport=transport, **options)

        @property
        def kernel_spec(self) -> KernelSpec:
            program = [sys.executable, "-P", "-m", "ipykernel_launcher"]
            argv = [*program, "-f", "{connection_file}", *_IMPORT_OPTIONS]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    return Manager


def _environment(data: Path) -> Mapping[str, str]:
    """The environment of the kernel: what it needs of this one, and folders of its own."""
    kept = {name: value for name, value in os.environ.items() if _INHERITED_VARIABLES.fullmatch(name)}
    return kept | {
        DATA_NAME: str(data),
        "RUNKIT_STATE_DIR": str(data / "state"),  # the answer log is not redacted
        "IPYTHONDIR": str(data / "ipython"),  # no start-up files: a colleague has others
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _failure_message(name: str, at: int, source: str, reason: str) -> str:
    lines = source.strip().split("\n")
    shown = "\n".join(f"    {line}" for line in lines[:MAX_LINES])
    more = f"\n    … {len(lines) - MAX_LINES} more lines" if len(lines) > MAX_LINES else ""
    return (
        f"cell {at + 1} of {name} failed: {shorten(reason, 500)}\n{shown}{more}\n"
        "Nothing was written. Open the template as a notebook to see where it goes wrong."
    )
