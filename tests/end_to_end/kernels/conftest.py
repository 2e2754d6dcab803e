"""Real kernels of the oldest and the installed version, used as a front end does: over their sockets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

OLDEST, INSTALLED = "6.31.0", version("ipykernel")
WAYS = [(OLDEST, False), (INSTALLED, False), (INSTALLED, True)]
TIMEOUT = 120  # seconds; a busy machine is slow
START = """
import asyncio, json, threading, time
import runkit
from runkit.server._recordings import packaged
businesses = {item.scenario: item.id for item in packaged()}
client = runkit.Client(KEY, URL)
def ask(scenario="decision"):
    run = client.runs.create("cip_orchestrator", businesses[scenario])
    return runkit.InterruptForm(client, client.runs.wait(run, poll=0.02))
"""


class Kernel:
    """A kernel and what a front end would know of it: its widgets and what its cells show."""

    def __init__(self, version: str, overlay: Path, environment: dict[str, str]) -> None:
        self.version = version
        self.widgets: dict[str, dict[str, Any]] = {}
        self.shown: dict[str, dict[str, Any]] = {}  # bundles by display id, as they are now
        # type and content of all that cells showed
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.subshell: str | None = None
        self._idle: set[str] = set()
        path = os.pathsep.join(filter(None, [str(overlay), os.environ.get("PYTHONPATH")]))
        variables = {**os.environ, **environment, "PYTHONPATH": path}
        self._manager, self._client = start_new_kernel(TIMEOUT, env=variables)

    def close(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def open_subshell(self) -> str:
        """Ask for a thread that handles comm messages while a cell runs, as JupyterLab does."""
        self._client.control_channel.send(self._client.session.msg("create_subshell_request"))
        return str(self._client.get_control_msg(timeout=TIMEOUT)["content"]["subshell_id"])

    def start(self, code: str) -> str:
        """Start a cell."""
        return str(self._client.execute(code, store_history=False))

    def finish(self, cell: str) -> dict[str, Any]:
        """Wait for the end of a cell; gives its reply."""
        while (reply := self._client.get_shell_msg(timeout=TIMEOUT))["parent_header"][
            "msg_id"
        ] != cell:
            pass
        self.until(lambda: cell in self._idle)
        return dict(reply["content"])

    def run(self, code: str) -> dict[str, Any]:
        """Run a cell that must not fail."""
        reply = self.finish(self.start(code))
        assert reply["status"] == "ok", reply
        return reply

    def value(self, expression: str) -> str:
        """Evaluate an expression; gives its repr."""
        cell = self._client.execute("", silent=True, user_expressions={"it": expression})
        text = self.finish(str(cell))["user_expressions"]["it"]
        assert text["status"] == "ok", text
        return str(text["data"]["text/plain"])

    def until(self, is_true: Callable[[], bool]) -> None:
        """Listen to what the kernel tells its front ends until something is so."""
        deadline = time.monotonic() + TIMEOUT
        while not is_true():
            assert time.monotonic() < deadline, f"not so: {self.shown}"
            with suppress(Empty):
                self._hear(self._client.get_iopub_msg(timeout=0.1))

    def _hear(self, message: dict[str, Any]) -> None:
        kind = message["msg_type"]
        content = message["content"]
        if kind in ("stream", "display_data", "update_display_data"):
            self.heard.append((kind, content))
        data = content.get("data", {})
        match kind, data.get("method") if isinstance(data, dict) else None:
            case "comm_open", _:
                self.widgets[content["comm_id"]] = dict(data["state"])
            case "comm_msg", "update":
                self.widgets[content["comm_id"]] |= data["state"]
            case "comm_close", _:
                self.widgets.pop(content["comm_id"])
            case "display_data" | "update_display_data", _:
                self.shown[content["transient"].get("display_id")] = data
        if content.get("execution_state") == "idle":
            self._idle.add(message["parent_header"]["msg_id"])

    def newest(self, name: str) -> str:
        """Return the id of the newest widget whose model has this name."""
        found = [key for key, state in self.widgets.items() if state.get("_model_name") == name]
        return found[-1]

    def answer(self, number: int, note: str = "", times: int = 1) -> None:
        """Type a reason into the newest form, choose its answer, and press Send."""
        self.set(self.newest("TextareaModel"), value=note)
        self.set(self.newest("ToggleButtonsModel"), index=number)
        for _ in range(times):
            self._send(self.send, {"method": "custom", "content": {"event": "click"}})

    @property
    def send(self) -> str:
        """The id of the newest Send button."""
        found = [
            key for key, state in self.widgets.items() if state.get("button_style") == "primary"
        ]
        return found[-1]

    def set(self, comm_id: str, **state: Any) -> None:
        """Change the state of a widget, as its page does."""
        self._send(comm_id, {"method": "update", "state": state, "buffer_paths": []})

    def _send(self, comm_id: str, data: dict[str, Any]) -> None:
        message = self._client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        self._client.shell_channel.send(message)


@pytest.fixture(scope="session")
def kernels(box, tmp_path_factory):
    """Return one kernel for each version, which ends with the tests.

    All share the packages of the tests, but for the oldest ipykernel and what it needs besides:
    these are put before them.
    """
    running = {}

    def overlay(version, folder):
        if version == INSTALLED:
            return folder
        wanted = [f"ipykernel=={version}", "nest-asyncio==1.6.0"]
        options = ["--quiet", "--no-deps", "--target", str(folder)]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, *wanted], check=True)
        return folder

    def give(version):
        if version not in running:
            state = tmp_path_factory.mktemp("state")
            environment = {"RUNKIT_STATE_DIR": str(state), "IPYTHONDIR": str(state / "ipython")}
            packages = overlay(version, tmp_path_factory.mktemp("packages"))
            kernel = running[version] = Kernel(version, packages, environment)
            kernel.run(f"KEY, URL = {box.key!r}, {box.url!r}")
            kernel.run(START)
            assert kernel.value("__import__('ipykernel').__version__") == repr(version)
        return running[version]

    yield give
    for kernel in running.values():
        kernel.close()


@pytest.fixture(params=WAYS, ids=[f"{version}{'-subshell' * way}" for version, way in WAYS])
def kernel(kernels, request):
    """Return a kernel that is spoken to plainly, or over a subshell."""
    version, is_by_subshell = request.param
    given = kernels(version)
    given.subshell = given.open_subshell() if is_by_subshell else None
    return given
