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


def runs(history: int = 6) -> runkit.RunList:
    """Runs of the sandbox, one of them just made."""
    with runkit.sandbox(history=history, speed=3000) as box, box.client() as client:
        business = box.business("clean_pass")
        client.runs.wait(client.runs.create("cip_orchestrator", business_id=business))
        return client.runs.fetch(client.runs.list(), progress=False)


def sandbox() -> None:
    """Frames, a Gantt page, and a form that shows its question."""
    f = runkit.frames(runs())
    assert not f.missing
    assert len(f.runs) == 7
    assert len(f.problems) == 0
    f.save("saved")
    assert runkit.frames("saved").steps.equals(f.steps)
    runkit.gantt(f).write_html("gantt.html", include_plotlyjs=True)
    with runkit.sandbox(speed=3000) as box, box.client() as client:
        run = client.runs.create("cip_orchestrator", business_id=box.business("watchlist_hit"))
        run = client.runs.wait(run)
        form = runkit.InterruptForm(client, run)
        display(form)
        assert "open, SANDBOX" in repr(form)
        run = client.runs.resume(
            run, run.interrupts[0].id, {"decision": "approve", "note": "Another person"}
        )
        assert client.runs.wait(run).status == "completed"


def report() -> None:
    """A report of them, and the executed notebook."""
    made = runkit.report(runs(), "report.html", template="runs", progress=False)
    assert made.n_runs == 7


if __name__ == "__main__":
    assert Path(runkit.__file__).is_relative_to(sys.prefix), runkit.__file__
    assert version("runkit-jupyter") == runkit.__version__
    for name in sys.argv[1:]:
        {"sandbox": sandbox, "report": report}[name]()
        print(name)
