"""The committed notebooks: they run, and their outputs are fit for a hosting page."""

import re

import nbformat
import pytest

from tests.notebooks import NOTEBOOKS, executed

LOGIN = "login-of-this-test"
MACHINE = r"127\.0\.0\.1:\d\d|localhost|/tmp|/root|/home/|/Users/|mk_(test|live)_"
MAX_SIZE = 300_000
pytestmark = pytest.mark.timeout(600)  # all are executed before the first test


def outputs(notebook):
    """Return the outputs of a notebook by cell."""
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


def shape(output):
    """Return an output that is text, else its mime types and the heads and rows of its tables."""
    if output.output_type == "stream":
        return output.text
    if [*output.data] == ["text/plain"]:
        return output.data["text/plain"]
    html = output.data.get("text/html", "")
    return sorted(output.data), re.findall("<th[^>]*>(.*?)</th>", html), html.count("<tr")


@pytest.fixture(scope="module")
def ran():
    """All notebooks, executed by somebody whose name appears nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JUPYTERHUB_USER", raising=False)
        for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            patch.setenv(variable, LOGIN)
        return executed(NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_is_committed(ran, path):
    """In shape: numbers may change with a version of pandas."""
    committed, shown = (
        {name: [*map(shape, shown)] for name, shown in outputs(notebook).items()}
        for notebook in (nbformat.read(path, 4), ran[path])
    )
    assert committed == shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_small_and_tell_nothing_of_a_machine(ran, path):
    """No path, login, port or key; `python -m tests.notebooks` writes them."""
    text = path.read_text(encoding="utf-8")
    assert len(text) < MAX_SIZE
    assert not re.findall(MACHINE, text)
    assert LOGIN not in nbformat.writes(ran[path])
