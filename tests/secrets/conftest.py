"""A notebook that does all that runkit can do, with a key that must show up in nothing that it leaves."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbclient import NotebookClient

from runkit.server.launch import SandboxServer
from tests.secrets.canary import CANARY
from tests.secrets.hostile import hostile

LOGIN = "pr0xy-Passw0rd~canary"  # of a proxy, an address and a certificate
CELLS = """
import faulthandler, inspect, json, logging, os, sys, threading, time, traceback
import psutil
from pathlib import Path
log = logging.getLogger("runkit")
log.setLevel(logging.DEBUG)
log.addHandler(logging.FileHandler("debug.log"))
seen, is_over = set(), threading.Event()
def watch():
    while not is_over.wait(1):
        for process in psutil.process_iter():
            try:
                seen.add(" ".join(process.cmdline()))
            except psutil.Error:
                pass
watching = threading.Thread(target=watch)
watching.start()
===
import runkit
box = runkit.sandbox()
client = box.client()
ana = box.client(second_reviewer=True)
echo = runkit.Client(os.environ["RUNKIT_SANDBOX_KEY"], os.environ["ECHO_URL"], rate=None, timeout=2)
print(box, client, ana, vars(client), client.runs, inspect.getmembers(client), client._http.target)
box, client
===
%whos
===
%who_ls
===
run = client.runs.wait(client.runs.create("cip_orchestrator", box.business("watchlist_hit")), poll=0.05)
form = runkit.InterruptForm(client, run)
form
===
inbox = runkit.InterruptInbox(client)
inbox
===
monitor = runkit.RunMonitor(client, run)
monitor
===
monitor.close()
runkit.FeedbackForm(client, run)
===
other = client.runs.wait(client.runs.create("cip_orchestrator", box.business("watchlist_hit")), poll=0.05)
open_form = runkit.InterruptForm(client, other)
open_form
===
entries = open_form.controller.entries
open_form.controller.edit({key: {**value, "note": "a note"} for key, value in entries.items()})
client.runs.resume(run, run.interrupts[0].id, {"decision": "approve", "note": "another date of birth"})
runkit.answer_log()
===
client.runs.get("no such run")
===
runkit.Client(os.environ["RUNKIT_SANDBOX_KEY"] + "x", box.url).agents.list()
===
runkit.Client(os.environ["RUNKIT_SANDBOX_KEY"], "https://api.middesk.com/v1")
===
runkit.Client(os.environ["RUNKIT_SANDBOX_KEY"], f"https://user:{os.environ['LOGIN']}@host.example/v1")
===
runkit.Client(os.environ["RUNKIT_SANDBOX_KEY"], "https://h.example", proxy=f"gopher://u:{os.environ['LOGIN']}@h")
===
runkit.Client(
    os.environ["RUNKIT_SANDBOX_KEY"], "https://h.example", cert=("no.pem", "no.key", os.environ["LOGIN"])
)
===
echo.agents.list()
===
echo.runs.get("r")
===
client.runs.resume(run, "no such question", {"decision": "approve"})
===
box.end_run("no such run")
===
with runkit.Client(os.environ["RUNKIT_SANDBOX_KEY"], "http://127.0.0.1:9/v1", timeout=1) as gone:
    gone.runs.create("cip_orchestrator", business_id="b")
===
try:
    echo.runs.get("r")
except runkit.RunkitError as error:
    print(traceback.format_exc(), error.__dict__)
    log.exception("it failed")
===
%tb
===
f = runkit.frames(client.runs.get(run.id))
f.save("frames")
archive = runkit.Archive("runs/")
archive.sync(client)
f.steps, f.runs, f
===
runkit.gantt(f)
===
list(echo.runs.stream("r"))
===
made = runkit.report(f, "report.html", template="mine.ipynb", progress=False)
print(made)
===
import ipywidgets.embed
Path("widgets.json").write_text(json.dumps(ipywidgets.embed.embed_data(None)))
with open("crash.txt", "w") as file:
    faulthandler.dump_traceback(file, all_threads=True)
is_over.set()
watching.join()
Path("commands.txt").write_text("\\n".join(sorted(seen)))
"""
TEMPLATE = """
import os, sys
from pathlib import Path
import runkit
data = runkit.report_data([])
print(data.frames.runs.to_dict("records"), data.runs)
===
own, parent = Path("/proc/self"), Path(f"/proc/{os.getppid()}")
told = f"{dict(os.environ)} {sys.argv} {(own / 'environ').read_bytes()} {(own / 'cmdline').read_bytes()}"
print(f"{told} {(parent / 'cmdline').read_bytes()}".replace(os.environ["RUNKIT_REPORT_DATA"], "FOLDER"))
"""


def notebook(cells: str) -> Any:
    """A notebook of cells, all of which may fail."""
    sources = [one.strip() for one in cells.split("===\n")]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


class _Attended(NotebookClient):
    """A client that may be asked something, as JupyterLab: with any other, forms show no widgets."""

    async def async_start_new_kernel_client(self) -> Any:
        """Connect to the kernel."""
        connected = await super().async_start_new_kernel_client()
        connected.allow_stdin = True
        return connected


class Leftovers:
    """What is left of it: the executed notebook, and the folder with all that was written."""

    def __init__(self, folder: Path, executed: Any) -> None:
        self.folder, self.executed = folder, executed
        self.text = nbformat.writes(executed)
        (folder / "executed.ipynb").write_text(self.text)

    def errors(self) -> list[str]:
        """The names of the errors of its cells."""
        outputs = (one for cell in self.executed.cells for one in cell.outputs)
        return [one["ename"] for one in outputs if one["output_type"] == "error"]


@pytest.fixture(scope="module")
def leftovers(tmp_path_factory: pytest.TempPathFactory) -> Leftovers:
    """Execute it, with a sandbox that has the key and a server that repeats it."""
    folder = tmp_path_factory.mktemp("leftovers")
    nbformat.write(notebook(TEMPLATE), folder / "mine.ipynb")
    running = SandboxServer(key=CANARY, speed=300, history=3)
    given = {"RUNKIT_SANDBOX_URL": running.url, "RUNKIT_SANDBOX_KEY": CANARY, "LOGIN": LOGIN}
    given |= {"RUNKIT_STATE_DIR": str(folder / "state"), "PYTHONPATH": os.pathsep.join(sys.path)}
    with hostile() as server:
        server.way = {"/agents": "401", "/stream": "events", "GET": "HTML", "POST /v1/runs": "run"}
        given["ECHO_URL"] = server.url
        client = _Attended(
            notebook(CELLS), allow_errors=True, resources={"metadata": {"path": str(folder)}}, timeout=120
        )
        before = {one.pid for one in psutil.Process().children(recursive=True)}
        executed = client.execute(env={**os.environ, **given})
        assert server.seen == {f"Bearer {CANARY}"}
    running.close()
    assert {one.pid for one in psutil.Process().children(recursive=True)} <= before
    return Leftovers(folder, executed)
