"""The recipe of notebook 07 for several machines, on a real cluster."""

import nbformat
import orjson
import pytest

import runkit
from support import at, run, step
from tests.notebooks import FOLDER

NOTEBOOK = nbformat.read(FOLDER / "07_many_machines.ipynb", 4)
CELLS = {cell.id: cell.source for cell in NOTEBOOK.cells}


def copy(run_id, label, updated):
    """Return a copy of a run; its step's label says which."""
    return run(step("s", label=label)) | {"id": run_id, "updated_at": at(updated)}


# In the order of the files: a later copy is newer, older, or of the same time.
FILES = [
    [copy("later", "old", 100), copy("earlier", "new", 200), copy("same", "old", 100)],
    [copy("later", "new", 200), copy("earlier", "old", 100), copy("same", "new", 100)],
    [],
    [copy("once", "new", 100)],
]


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("account")
def test_a_merge_keeps_the_newest_copy_of_each_run(client, tmp_path, monkeypatch):
    """As `runkit.frames` does for the folder, in values and dtypes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    first = {"object": "runkit.fetch", "host": "h", "query": {}, "started_at": at(0)}
    for number, runs in enumerate(FILES):
        lines = b"".join(orjson.dumps(record) + b"\n" for record in [first, *runs])
        (tmp_path / f"runs/{number}.ndjson").write_bytes(lines)
    f = runkit.frames("runs/")
    names = {"__name__": "__main__", "runkit": runkit, "client": client, "f": f}
    exec(CELLS["cluster"], names)  # noqa: S102
    try:
        exec(CELLS["merge"], names)  # noqa: S102
        steps = names["steps"].compute()
    finally:
        names["workers"].close()
        names["cluster"].close()
    assert len(names["copies"]) == 7
    found = dict(zip(steps["run_id"], steps["label"], strict=True))
    assert found == {"later": "new", "earlier": "new", "same": "new", "once": "new"}
    assert found == dict(zip(f.steps["run_id"], f.steps["label"], strict=True))
