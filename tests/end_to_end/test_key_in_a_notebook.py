"""A notebook that does all that runkit can do, with a key that shows up in nothing that it leaves."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient

from runkit.server.launch import SandboxServer
from tests.end_to_end.echo import CANARY, LOGIN, echo, found_in
from tests.reports.conftest import kernels

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
print(data.frames.runs.to_dict("records"), data)
===
own, parent = Path("/proc/self"), Path(f"/proc/{os.getppid()}")
text = f"{dict(os.environ)} {sys.argv} {(own / 'environ').read_bytes()} {(own / 'cmdline').read_bytes()}"
print(f"{text} {(parent / 'cmdline').read_bytes()}".replace(os.environ["RUNKIT_REPORT_DATA"], "FOLDER"))
"""


def write_notebook(path: Path, cells: str) -> Any:
    """Write a notebook of cells."""
    sources = [cell.strip() for cell in cells.split("===\n")]
    made = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, sources)])
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(made, path)
    return made


class _Attended(NotebookClient):
    """A client that may be asked something, as JupyterLab: with any other, forms show no widgets."""

    async def async_start_new_kernel_client(self) -> Any:
        """Connect to the kernel."""
        connected = await super().async_start_new_kernel_client()
        connected.allow_stdin = True
        return connected


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Execute it, with a sandbox that has the key and a server that repeats it; return the folder, too."""
    folder = tmp_path_factory.mktemp("executed")
    write_notebook(folder / "mine.ipynb", TEMPLATE)
    notebook = write_notebook(folder / "executed.ipynb", CELLS)
    running = SandboxServer(key=CANARY, speed=300, history=3)
    given = {"RUNKIT_SANDBOX_URL": running.url, "RUNKIT_SANDBOX_KEY": CANARY, "LOGIN": LOGIN}
    given |= {"RUNKIT_STATE_DIR": str(folder / "state"), "PYTHONPATH": os.pathsep.join(sys.path)}
    before = kernels()
    with echo() as server:
        server.way = {"/agents": "401", "/stream": "events", "GET": "HTML", "POST /v1/runs": "run"}
        given["ECHO_URL"] = server.url
        options = {
            "allow_errors": True,
            "resources": {"metadata": {"path": str(folder)}},
            "timeout": 120,
        }
        _Attended(notebook, **options).execute(env={**os.environ, **given})
        nbformat.write(notebook, folder / "executed.ipynb")
        assert server.seen == {f"Bearer {CANARY}"}
    running.close()
    assert kernels() == before
    return folder, notebook


def test_the_notebook_did_all_that_was_asked(executed: tuple[Path, Any]) -> None:
    """The cells that were to fail did, each with its error, and no other."""
    _, notebook = executed
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [output["ename"] for output in outputs if output["output_type"] == "error"] == [
        *(
            "NotFound",
            "AuthError",
            "UsageError",
            "UsageError",
            "UsageError",
            "UsageError",
            "AuthError",
        ),
        *("ContractError", "Conflict", "UsageError", "Unavailable", "Unavailable", "ContractError"),
    ]
    assert notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert "Secret('**********')" in nbformat.writes(notebook)
    assert not found_in(str(outputs))


FILES: dict[str, str] = {
    "debug.log": "GET /v1/runs",
    "widgets.json": "LayoutModel",
    "crash.txt": "File ",
    "commands.txt": "ipykernel_launcher",
    "report.html": "<html",
    "report.ipynb": "cmdline",
    "executed.ipynb": "nbformat",
    "state/runkit.sqlite3": "another date of birth",
}


def test_no_file_holds_it(executed: tuple[Path, Any]) -> None:
    """Whatever lies in the folder, as bytes and, where it is Parquet, as the values in it."""
    folder, _ = executed
    for name, words in FILES.items():
        assert words.encode() in (folder / name).read_bytes(), name
    files = [path for path in folder.rglob("*") if path.is_file()]
    tables = [path for path in files if path.suffix == ".parquet"]
    assert len(tables) >= 7
    for path in files:
        assert not found_in(path.read_bytes()), path
    for path in tables:
        assert not found_in(str(pq.read_table(path).to_pylist())), path
