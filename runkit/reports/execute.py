"""Execute a template in its own kernel, with the data and without an API key."""

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

DATA_NAME = "RUNKIT_REPORT_DATA"  # environment variable of the kernel: the folder with the data
TIMEOUT = 600  # seconds per cell, an int as nbclient expects; our longest cell takes two
MAX_SOCKET_FOLDER = 80  # characters of a folder; systems allow 104 to 108 for the whole path of a socket
# What Python and a shell need of the environment, and nothing that may hold a secret.
_INHERITED_VARIABLES = re.compile(
    "PATH|HOME|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|VIRTUAL_ENV|CONDA_PREFIX|PYTHON(PATH|HOME|UTF8|WARNINGS)"
    "|LD_LIBRARY_PATH|DYLD_.*|SYSTEM(ROOT|DRIVE)|WINDIR|COMSPEC|PATHEXT|USERPROFILE|(LOCAL)?APPDATA",
    re.IGNORECASE,
)
_IMPORT_OPTIONS = ("--ignore-cwd", "--IPKernelApp.exec_lines=__import__('sys').path.append('')")
"""Modules next to the template can be imported, but come last in the search path: they replace no other."""
_ANSI_COLOR = re.compile(r"\x1b\[[0-9;]*m")
MAX_LINES = 6  # lines of a failed cell in the message


def execute(notebook: Any, data: Path, *, template: Path, mask: Callable[[str], str], progress: bool) -> None:
    """Execute a notebook (an nbformat node) in place, in the folder of its template.

    `data` is the private folder with the data; the kernel's own files go there too. Raises `ReportError` with
    the failed cell, masked by `mask`.
    """
    from jsonschema import ValidationError
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    name, folder = template.name, template.resolve().parent
    n_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    index = 0

    def failure(reason: str) -> ReportError:
        return ReportError(_failure_message(name, index, mask(notebook.cells[index].source), mask(reason)))

    with Bar(total=n_cells, desc="report", unit="cell", disable=not progress) as bar:

        def on_start(cell: Any, cell_index: int) -> None:
            nonlocal index
            index = cell_index

        client = NotebookClient(
            notebook,
            kernel_manager_class=_kernel_manager(data),
            timeout=TIMEOUT,
            resources={"metadata": {"path": str(folder)}},
            store_widget_state=False,  # it may contain typed text
            record_timing=False,
            on_cell_start=on_start,
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
            raise failure(f"an output is not in Jupyter's format ({shorten(str(error), 100)})") from None
    notebook.metadata.pop("widgets", None)


def _run_in_thread(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Run a coroutine in a thread with its own event loop: in Jupyter, this thread's loop is already running.

    Ctrl-C cancels the coroutine, which then ends its kernel.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def run_task() -> None:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        await work()

    with ThreadPoolExecutor(1, thread_name_prefix="runkit-report") as pool:
        done = pool.submit(asyncio.run, run_task())
        try:
            done.result()
        except KeyboardInterrupt:
            loop, task = started.result()
            if task is not None and not done.done():
                loop.call_soon_threadsafe(task.cancel)
            raise


def _kernel_manager(data: Path) -> type[Any]:
    """Build a kernel manager for this interpreter, with its sockets in the private folder."""
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
    """Build the kernel's environment: the variables that it needs, and its own folders."""
    inherited = {name: value for name, value in os.environ.items() if _INHERITED_VARIABLES.fullmatch(name)}
    return inherited | {
        DATA_NAME: str(data),
        "RUNKIT_STATE_DIR": str(data / "state"),  # the answer log is not redacted
        "IPYTHONDIR": str(data / "ipython"),  # no start-up files: they differ between machines
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _failure_message(name: str, index: int, source: str, reason: str) -> str:
    lines = source.strip().split("\n")
    excerpt = "\n".join(f"    {line}" for line in lines[:MAX_LINES])
    more = f"\n    … {len(lines) - MAX_LINES} more lines" if len(lines) > MAX_LINES else ""
    return (
        f"cell {index + 1} of {name} failed: {shorten(reason, 500)}\n{excerpt}{more}\n"
        "Nothing was written. Open the template as a notebook to find the error."
    )
