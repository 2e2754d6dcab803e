"""Templates: notebooks that an analyst can open, and that a report executes.

A template gets its data by `runkit.report_data(source)` and shows panels of `runkit.fleet` and
`runkit.one_run`, `runkit.gantt`, and these functions of `runkit.screens.pages`:

section          a panel without its line of what was read, or None if it has no rows
changed_panel    what has changed: of the frame of `runkit.changes`, `data.changes`
answered_panel   the questions that were answered, the newest first
folded_tables    the rows of the chart as folded tables
problems_panel   the kinds of problems in the data

`data` itself is the first screen, and `data.provenance` the line of where the data comes from.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_output

from runkit.display.messages import Progress
from runkit.display.text import plural, shorten
from runkit.errors import MissingExtra, ReportError, UsageError
from runkit.local.files import usable

PARAMETERS = "parameters"  # the tag of the cell with `source`; a report puts this in its place
NO_SOURCE = "source = None  # the runs of the report; to execute this again, give a file of them"
PROVENANCE = "data.provenance"  # the cell that shows where the data comes from
# Notebooks made by a report have this in their metadata; another report may replace them.
REPORT_FLAG = "runkit_report"
# These are raised for invalid files.
_READ_ERRORS = (
    ValueError,
    AttributeError,
    TypeError,
    KeyError,
    RecursionError,
)
_RUN_COUNTS = {"run": 1, "runs": None}  # None: any number

DATA_NAME = "RUNKIT_REPORT_DATA"  # environment variable of the kernel: the folder with the data
TIMEOUT = 600  # seconds per cell, an int as nbclient expects; our longest cell takes two
# What Python and a shell need of the environment, and nothing that may hold a secret.
_INHERITED_VARIABLES = re.compile(
    "PATH|HOME|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|VIRTUAL_ENV|CONDA_PREFIX"
    "|PYTHON(PATH|HOME|UTF8|WARNINGS)|LD_LIBRARY_PATH|DYLD_.*"
    "|SYSTEM(ROOT|DRIVE)|WINDIR|COMSPEC|PATHEXT|USERPROFILE|(LOCAL)?APPDATA",
    re.IGNORECASE,
)
_IMPORT_OPTIONS = ("--ignore-cwd", "--IPKernelApp.exec_lines=__import__('sys').path.append('')")
"""Modules next to the template can be imported, but replace no other module."""
_REQUIRED_PACKAGES = (
    "ipykernel",
    "jupyter_client",
    "nbclient",
    "nbconvert",
    "nh3",
)
MAX_LINES = 6  # an error message quotes so many lines of the failed cell


def check_installed() -> None:
    """Raise `MissingExtra` unless the packages of the extra `[report]` are installed."""
    if any(find_spec(name) is None for name in _REQUIRED_PACKAGES):
        raise MissingExtra.of("report", "making a report")


def template_folder() -> Path:
    """Return the folder of runkit's templates: in the package, or next to it in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "notebooks/templates", package.parent / "notebooks/templates"):
        if folder.is_dir():
            return folder
    raise UsageError(
        f"runkit's templates are neither in {package} nor next to it; reinstall runkit."
    )


class Template(NamedTuple):
    """A notebook to execute: its name as requested, its file, its text."""

    name: str
    path: Path
    text: str

    @property
    def is_ours(self) -> bool:
        """Return whether it is one of runkit's templates."""
        return self.name in _RUN_COUNTS

    def check(self, n_runs: int) -> None:
        """Raise `UsageError` if the template cannot show this number of runs."""
        expected = _RUN_COUNTS.get(self.name)
        if n_runs == 0:
            raise UsageError(
                "the source contains no runs; expected runs, or a file or folder with runs. "
                "Records that could not be read are in runkit.frames(source).problems."
            )
        if expected and n_runs != expected:
            raise UsageError(
                f'template="{self.name}" shows {plural(expected, "run")}; got {n_runs:,}. '
                "Select runs, or use another template."
            )

    def notebook(self) -> Any:
        """Build the notebook to execute (an nbformat node): no outputs, no own source."""
        try:
            nb = nbformat.reads(self.text, as_version=4)
            nbformat.validate(nb)
        except (*_READ_ERRORS, nbformat.ValidationError) as error:
            detail = shorten(str(error), 200)
            raise UsageError(
                f"{self.path} is not a notebook ({detail}); expected an .ipynb file."
            ) from None
        nb.metadata.pop("widgets", None)
        nb.metadata[REPORT_FLAG] = True
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = []
                cell.execution_count = None
                if PARAMETERS in cell.metadata.get("tags", ()):
                    cell.source = NO_SOURCE
        return nb


def is_report(path: Path) -> bool:
    """Return whether a file is a notebook made by a report."""
    try:
        return REPORT_FLAG in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    except (OSError, *_READ_ERRORS):
        return False


def with_provenance(nb: Any, html: str, text: str) -> str:
    """Return an executed notebook as JSON, with its provenance added if no cell shows it."""
    if not any(cell.source.strip().endswith(PROVENANCE) for cell in nb.cells):
        output = new_output("display_data", {"text/html": html, "text/plain": text})
        nb.cells.append(new_code_cell(PROVENANCE, outputs=[output]))
    return str(nbformat.writes(nb))


def find_template(template: str | Path | None, n_runs: int = 1) -> Template:
    """Return a template by its name or the number of runs, or the user's notebook by its path."""
    name = str(template or ("run" if n_runs == 1 else "runs"))
    is_ours = name in _RUN_COUNTS
    if not is_ours and Path(name).suffix != ".ipynb":
        names = " or ".join(f'"{ours}"' for ours in _RUN_COUNTS)
        raise UsageError(
            f"template={name!r} is not a template; expected {names}, or the path of a notebook of "
            "your own, which ends in .ipynb."
        )
    path = template_folder() / f"{name}.ipynb" if is_ours else usable(name)
    try:
        return Template(name if is_ours else path.name, path, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"template={name!r} cannot be read ({type(error).__name__}: {path})."
        ) from None


def execute(
    notebook: Any, data: Path, *, template: Path, mask: Callable[[str], str], progress: bool
) -> None:
    """Execute a notebook (an nbformat node) in place, in the folder of its template.

    `data` is the private folder with the data; the kernel's own files go there too. Raises
    `ReportError` with the failed cell, masked by `mask`.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    started: list[int] = []
    n_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    with Progress("cells", total=n_cells, progress=progress) as counter:
        client = NotebookClient(
            notebook,
            kernel_manager_class=_kernel_manager(data),
            timeout=TIMEOUT,
            resources={"metadata": {"path": str(template.resolve().parent)}},
            store_widget_state=False,  # it may contain typed text
            record_timing=False,
            on_cell_start=lambda cell_index, **_: started.append(cell_index),
            on_cell_executed=lambda **_: counter.update(),
        )
        try:
            _run_in_thread(_execute(client, _environment(data)))
        except CellExecutionError as error:
            reason = f"{error.ename}: {error.evalue}"
        except (TimeoutError, RuntimeError) as error:  # a cell took too long, or the kernel died
            reason = str(error).split("\n")[0]
        else:
            return
    index = started[-1] if started else 0
    lines = mask(notebook.cells[index].source).strip().split("\n")[:MAX_LINES]
    raise ReportError(
        "\n    ".join(
            [f"cell {index + 1} of {template.name} failed: {shorten(mask(reason), 500)}", *lines]
        )
        + "\nNothing was written. Open the template as a notebook to find the error."
    )


async def _execute(client: Any, environment: Mapping[str, str]) -> None:
    try:
        await client.async_execute(env=environment, stderr=DEVNULL)
    finally:  # nbclient leaves a kernel that was still starting
        if client.km is not None and client.km.has_kernel:
            await client.km.shutdown_kernel(now=True)


def _run_in_thread(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine in a thread with its own event loop.

    In Jupyter, this thread's loop is already running. Ctrl-C cancels the coroutine, which then ends
    its kernel.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop):
            loop.run_until_complete(task)

    with ThreadPoolExecutor(1, thread_name_prefix="runkit-report") as pool:
        try:
            pool.submit(run).result()
        except KeyboardInterrupt:
            if not task.done():
                loop.call_soon_threadsafe(task.cancel)
            raise


def _kernel_manager(data: Path) -> type[Any]:
    """Build a kernel manager for this interpreter; its files are in the private folder."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    argv = [
        sys.executable,
        "-P",
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
        *_IMPORT_OPTIONS,
    ]

    class Manager(AsyncKernelManager):
        kernel_spec = KernelSpec(argv=argv, display_name="Python 3", language="python")

        def __init__(self, **options: Any) -> None:
            super().__init__(connection_file=str(data / "kernel.json"), **options)

    return Manager


def _environment(data: Path) -> Mapping[str, str]:
    """Build the kernel's environment: the variables that it needs, and its own folders."""
    inherited = {
        name: value for name, value in os.environ.items() if _INHERITED_VARIABLES.fullmatch(name)
    }
    return inherited | {
        DATA_NAME: str(data),
        "RUNKIT_STATE_DIR": str(data / "state"),  # the answer log is not redacted
        "IPYTHONDIR": str(data / "ipython"),  # no start-up files: they differ between machines
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
