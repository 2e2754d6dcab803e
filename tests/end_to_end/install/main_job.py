"""What runkit is for, as somebody who has installed it would do it; started with the Python that has it.

Arguments are the parts to try: `sandbox`, and `report`, which needs its extra, too.
Each leaves its files in the current folder, and prints a line.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from IPython.display import display

import runkit


def sandbox() -> None:
    """Frames, a Gantt page, and an answer."""
    with runkit.sandbox(history=6, speed=3000) as box, box.client() as client:
        f = runkit.frames(client.runs.fetch(client.runs.list()))
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))
        run = client.runs.wait(run)
        form = runkit.InterruptForm(client, run)
        display(form)
        assert "open, SANDBOX" in repr(form)
        answer = {"decision": "approve", "note": "Another person"}
        run = client.runs.resume(run, run.interrupts[0].id, answer)
        assert client.runs.wait(run).status == "completed"
    assert (f.missing, len(f.runs), len(f.problems)) == ((), 6, 0)
    f.save("saved")
    assert runkit.frames("saved").steps.equals(f.steps)
    runkit.gantt(f).write_html("gantt.html", include_plotlyjs=True)


def report() -> None:
    """A report of runs, and the executed notebook."""
    with runkit.sandbox(history=6) as box, box.client() as client:
        runs = client.runs.fetch(client.runs.list())
    assert runkit.report(runs, "report.html", template="runs").n_runs == 6


if __name__ == "__main__":
    assert Path(runkit.__file__).is_relative_to(sys.prefix), runkit.__file__
    assert version("runkit-jupyter") == runkit.__version__
    for name in sys.argv[1:]:
        {"sandbox": sandbox, "report": report}[name]()
        print(name)
