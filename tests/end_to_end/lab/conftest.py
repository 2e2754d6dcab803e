"""A real JupyterLab or Notebook 7 with a home of its own, and pages of it in the shared browser."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page

from runkit.api.models import Run
from support import BROWSER_TIMEOUT, until

START_SECONDS = 120
LAB, NOTEBOOK = "JupyterLab", "Notebook 7"
PANEL = "window.jupyterapp.shell.currentWidget"
KERNEL = f"{PANEL}.sessionContext.session.kernel"
READY = """() => {
    const session = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session;
    return session?.kernel?.connectionStatus === "connected" && session.kernel.status === "idle";
}"""
RUN_ALL = "() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page
}


class Lab(NamedTuple):
    """Where JupyterLab or Notebook 7 runs: its address, its token and the folder it serves."""

    url: str
    token: str
    folder: Path
    is_notebook_7: bool

    def address(self, notebook: str) -> str:
        """The page of a notebook, in a workspace of its own: others' tabs are not opened again."""
        place = "notebooks" if self.is_notebook_7 else f"lab/workspaces/{secrets.token_hex(4)}/tree"
        return f"{self.url}/{place}/{notebook}?token={self.token}"

    def end_kernels(self) -> None:
        """End what runs."""
        with httpx.Client(
            base_url=f"{self.url}/api", params={"token": self.token}, trust_env=False
        ) as http:
            for kernel in http.get("/kernels").json():
                http.delete(f"/kernels/{kernel['id']}").raise_for_status()


def start(folder: Path, home: Path, program: str) -> tuple[Lab, subprocess.Popen[bytes]]:
    """Start JupyterLab or Notebook 7 on a port of its choice, without news and update checks."""
    is_notebook_7 = program == NOTEBOOK
    app, module = ("JupyterNotebookApp", "notebook") if is_notebook_7 else ("LabApp", "jupyterlab")
    for name, values in SETTINGS.items():
        file = home / f"config/lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    token = secrets.token_hex(16)
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_TOKEN": token,
    }
    options = [
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        "--ServerApp.open_browser=False",
        f"--ServerApp.root_dir={folder}",
        f"--{app}.expose_app_in_browser=True",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    with (home / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            env=environment,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        url = wait_for_address(process, home, token)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return Lab(url, token, folder, is_notebook_7), process


def wait_for_address(process: subprocess.Popen[bytes], home: Path, token: str) -> str:
    """Wait until a server answers at the port that its info file names, and return its address."""
    url = ""

    def is_up() -> bool:
        nonlocal url
        assert process.poll() is None, (home / "lab.log").read_text()[-3000:]
        try:
            file = next((home / "runtime").glob("jpserver-*.json"))
            url = f"http://127.0.0.1:{json.loads(file.read_text())['port']}"
            return httpx.get(f"{url}/api?token={token}", trust_env=False).is_success
        except (StopIteration, ValueError, httpx.TransportError):  # not there, or half written
            return False

    until(is_up, START_SECONDS)
    return url


@pytest.fixture(scope="session")
def lab(request, tmp_path_factory):
    """JupyterLab, or what a test asks for."""
    home = tmp_path_factory.mktemp("home")
    program = getattr(request, "param", LAB)
    running, process = start(tmp_path_factory.mktemp("work"), home, program)
    yield running
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def shared_context(browser):
    """Pages of all tests, so that the code of JupyterLab is loaded and compiled once."""
    opened = browser.new_context(viewport={"width": 1280, "height": 1000})
    opened.set_default_timeout(BROWSER_TIMEOUT)
    yield opened
    opened.close()


@pytest.fixture
def pages(lab, shared_context):
    """Where a test opens its pages; they end with it, as do kernels, and nothing leaves loopback."""
    urls = []

    def note(request):
        urls.append(request.url)

    shared_context.on("request", note)
    yield shared_context
    shared_context.remove_listener("request", note)
    for page in shared_context.pages:
        page.close()
    lab.end_kernels()
    near = (lab.url, lab.url.replace("http", "ws"), "data:", "blob:", "file:")
    assert [url for url in urls if not url.startswith(near)] == []


def wait_until_ready(page: Page) -> None:
    """Wait until a notebook is there and its kernel has nothing to do."""
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    page.wait_for_function(READY, timeout=90_000)


@dataclass
class Session:
    """A notebook in a page, whose kernel has a client of the sandbox, and its run."""

    page: Page
    path: Path
    run: Run

    def run_all(self) -> None:
        """Start all cells."""
        self.page.evaluate(RUN_ALL)

    def restart(self) -> None:
        """Restart the kernel."""
        self.page.evaluate(f"async () => {{ await {KERNEL}.restart(); }}")
        wait_until_ready(self.page)

    def saved(self) -> dict[str, Any]:
        """Save the notebook, give what is in the file."""
        self.page.evaluate(f"async () => {{ await {PANEL}.context.save(); }}")
        return dict(json.loads(self.path.read_text()))


@pytest.fixture
def open_session(lab, pages, box):
    """Open a notebook about a run that waits, and start its cells; they know `businesses`, `client` and `run`.

    The key is not in the notebook but in a module beside it, as are `setup`, code that comes before
    the client, and the client's `options`. What runkit keeps is kept beside it as well.
    """

    def open_it(scenario, *cells, options="", setup="", page=None):
        folder = lab.folder / secrets.token_hex(4)
        folder.mkdir()
        with box.client() as client:
            run = client.runs.create("cip_orchestrator", box.business(scenario))
            run = client.runs.wait(run)
        (folder / "session.py").write_text(f"""import os
os.environ["RUNKIT_STATE_DIR"] = {str(folder / "state")!r}
import runkit
from runkit.server._recordings import packaged
businesses = {{item.scenario: item.id for item in packaged()}}
{setup}
client = runkit.Client({box.key!r}, {box.url!r}, {options})
run = client.runs.get({run.id!r}).with_local_fields(business_id={run.business_id!r})
""")
        write_notebook(
            folder / "n.ipynb", "from session import businesses, client, run, runkit", *cells
        )
        page = page or pages.new_page()
        page.goto(lab.address(f"{folder.name}/n.ipynb"))
        wait_until_ready(page)
        session = Session(page, folder / "n.ipynb", run)
        session.run_all()
        return session

    return open_it


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells whose kernel is known, so that no dialog asks."""
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    code = [new_code_cell(source) for source in cells]
    nbformat.write(new_notebook(cells=code, metadata={"kernelspec": kernel}), path)
