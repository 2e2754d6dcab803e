"""`runkit lab`: JupyterLab with the notebooks, and one sandbox that they share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import runkit
from runkit.errors import MissingExtra
from runkit.files import folder_at, make_folder, replacing
from runkit.progress import echo
from runkit.reports.templates import notebooks

# JupyterLab's defaults; a user's settings override them
CONFIG = Path(__file__).parent / "static"
STOP_TIMEOUT_S = 15.0  # for JupyterLab to end its kernels, which takes about 2 s


def run_lab(folder: Path, port: int, *, has_browser: bool) -> int:
    """Copy the notebooks to `folder` and run JupyterLab until it is stopped; return its exit code.

    Raises `MissingExtra` without JupyterLab, and `UsageError` for a folder that cannot be used.
    """
    if find_spec("jupyterlab") is None:
        raise MissingExtra.of("lab", "opening JupyterLab")
    folder = folder_at(folder)
    source = notebooks()
    for notebook in (*source.glob("*.ipynb"), *source.glob("templates/*.ipynb")):
        target = folder / notebook.relative_to(source)
        if not target.exists():  # never overwrite an edited notebook
            make_folder(target.parent)
            with replacing(target) as part:  # private: results may contain customer data
                part.write_text(_without_outputs(notebook), encoding="utf-8")
    with runkit.sandbox(speed=60, history=60, seed=7) as box:  # as the notebooks expect
        echo(f"Notebooks in {folder}/, sandbox at {box.url}. Press Ctrl-C to stop both.")
        options = ["--LabApp.news_url=None"]
        if not has_browser:
            options.append("--ServerApp.open_browser=False")
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in most containers
            options.append("--allow-root")
        # -P: JupyterLab must not import modules from the current directory
        python = [sys.executable, "-P", "-m", "jupyterlab"]
        command = [*python, str(folder), f"--port={port}", *options]
        # Even without a news URL, JupyterLab asks about news; the question would cover the first
        # notebook.
        configs = filter(None, [os.environ.get("JUPYTER_CONFIG_PATH"), str(CONFIG)])
        environment = os.environ | {
            "RUNKIT_SANDBOX_URL": box.url,
            "RUNKIT_SANDBOX_KEY": box.key,
            "JUPYTER_CONFIG_PATH": os.pathsep.join(configs),
        }
        return _wait_for(command, environment)


def _without_outputs(notebook: Path) -> str:
    """Read a notebook as before its first run: in a checkout it has outputs."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content, indent=1, ensure_ascii=False)


def _wait_for(command: list[str], environment: dict[str, str]) -> int:
    """Run a program until it ends or a signal stops it; return its exit code.

    A signal terminates it once and waits. If JupyterLab is killed at once (as `subprocess.run` does
    on Ctrl-C) or gets two signals, its kernels or files remain. So it does not receive Ctrl-C
    itself.
    """

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    is_posix = os.name == "posix"
    signals = [signal.SIGTERM, signal.SIGHUP] if is_posix else [signal.SIGTERM]
    before = [(number, signal.signal(number, stop)) for number in signals]
    group = 0 if is_posix else None
    process = subprocess.Popen(command, env=environment, process_group=group)  # noqa: S603
    try:
        return process.wait()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
