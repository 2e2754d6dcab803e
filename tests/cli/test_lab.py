"""`runkit lab`: its notebooks, run in its kernels on the sandbox behind it, without a browser."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from jupyter_client import BlockingKernelClient

from support import until
from tests.cli.conftest import environment

NOTEBOOKS = sorted(path.name for path in (Path(__file__).parents[2] / "notebooks").glob("0*.ipynb"))
START_S, CELL_S = 90, 120  # seconds that a start and a cell may take


class Lab(NamedTuple):
    """A running `runkit lab`: its HTTP API, the folder of its notebooks, that of its connection files."""

    http: httpx.Client
    notebooks: Path
    runtime: Path

    def run(self, name: str) -> list[str]:
        """Run all cells of a notebook in a kernel of its own; gives what was printed to stdout, by cell."""
        session = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        kernel = self.http.post("/sessions", json=session).raise_for_status().json()["kernel"]["id"]
        client = BlockingKernelClient(connection_file=str(self.runtime / f"kernel-{kernel}.json"))
        client.load_connection_file()
        client.start_channels(hb=False)
        try:
            client.wait_for_ready(START_S)
            notebook = json.loads((self.notebooks / name).read_text())
            cells = [
                "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"
            ]
            return [_run_cell(client, cell) for cell in cells]
        finally:
            client.stop_channels()
            self.http.delete(f"/kernels/{kernel}").raise_for_status()


def _run_cell(client: BlockingKernelClient, code: str) -> str:
    printed: list[str] = []

    def hear(message: dict) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            assert content["name"] == "stdout", (code, content["text"])  # stderr is a red box
            printed.append(content["text"])

    reply = client.execute_interactive(code, allow_stdin=False, output_hook=hear, timeout=CELL_S)
    assert reply["content"]["status"] == "ok", (code, reply["content"])
    return "".join(printed)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`runkit lab --no-browser` on a free port, with folders of its own."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    names = (
        "HOME",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "RUNKIT_STATE_DIR",
    )
    folders = {name: str(folder / name.lower()) for name in names}
    variables = environment(JUPYTER_TOKEN=token, IPYTHONDIR=str(folder / "ipython"), **folders)
    command = [sys.executable, "-m", "runkit", "lab", "--no-browser", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
    http = httpx.Client(
        base_url=f"http://127.0.0.1:{port}/api",
        params={"token": token},
        trust_env=False,
        timeout=START_S,
    )

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return http.get("/status").status_code == 200
        except httpx.TransportError:
            return False

    try:
        with http:
            until(answers, START_S)
            yield Lab(http, folder / "runkit-notebooks", Path(folders["JUPYTER_RUNTIME_DIR"]))
    finally:
        process.terminate()
        assert process.wait(30) == 130


@pytest.mark.parametrize("name", NOTEBOOKS[:1])  # tests/core runs them all, outside of a lab
def test_a_notebook_runs_to_its_end(lab: Lab, name: str) -> None:
    """Every cell ends well, without a word on stderr; the first says which options have no effect here."""
    [line] = lab.run(name)[0].splitlines()
    assert "No effect: seed" in line
