"""`runkit lab`, started and stopped: what is left of it."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from support import until
from tests.soak.conftest import ROOT, environment

NOTEBOOKS = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")} | {"templates"}


@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM"])
def test_lab_leaves_nothing(tmp_path: Path, way: str) -> None:
    """Stopped with a kernel at work.

    No process is left, no file but the notebooks, no open port.
    """
    folders = {name: tmp_path / name for name in ("home", "tmp", "runtime", "work")}
    for folder in folders.values():
        folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    env = environment(
        HOME=str(folders["home"]),
        TMPDIR=str(folders["tmp"]),
        JUPYTER_RUNTIME_DIR=str(folders["runtime"]),
        JUPYTER_TOKEN=token,
    )
    command = [sys.executable, "-m", "runkit", "lab", "--no-browser", "--port", str(port)]
    with (tmp_path / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=env, cwd=folders["work"], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    output = tmp_path / "lab.log"
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=f"{url}/api", params={"token": token}, trust_env=False) as http:
            until(lambda: _answers(http), 90)
            kernel = http.post("/kernels", json={"name": "python3"}).raise_for_status().json()["id"]
            until(lambda: _n_kernels(process) == 1, 60)
            assert http.get(f"/kernels/{kernel}").status_code == 200
            time.sleep(1)
        box = re.search(r"sandbox at http://127\.0\.0\.1:(\d+)", output.read_text())
        assert box
        family = [
            psutil.Process(process.pid),
            *psutil.Process(process.pid).children(recursive=True),
        ]
        assert len(family) >= 3
        if way == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        else:
            process.terminate()
        assert process.wait(60) == 130, output.read_text()
        _, alive = psutil.wait_procs(family[1:], timeout=5)
        assert alive == []
    finally:
        for item in psutil.process_iter(["pid"]):
            if _is_of(item, process.pid):
                item.kill()
        process.wait()
    assert {path.name for path in (folders["work"] / "runkit-notebooks").iterdir()} == NOTEBOOKS
    assert [path.name for path in folders["work"].iterdir()] == ["runkit-notebooks"]
    left = sorted(
        str(path.relative_to(tmp_path)) for path in folders["runtime"].rglob("*") if path.is_file()
    )
    assert [name for name in left if not name.endswith("jupyter_cookie_secret")] == []
    assert list(folders["tmp"].iterdir()) == []
    for number in (port, int(box[1])):
        with socket.socket() as caller:
            assert caller.connect_ex(("127.0.0.1", number)) != 0


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/status").status_code == 200
    except httpx.TransportError:
        return False


def _n_kernels(process: subprocess.Popen[bytes]) -> int:
    found = psutil.Process(process.pid).children(recursive=True)
    return sum("ipykernel_launcher" in json.dumps(item.cmdline()) for item in found)


def _is_of(item: psutil.Process, session: int) -> bool:
    try:
        return os.getsid(item.pid) == session
    except OSError:
        return False
