"""Templates: found by name or path, given their parameters and a title, and nothing of an earlier time."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit.errors import UsageError
from runkit.reports.templates import Template, find_template, notebooks
from tests.reports.conftest import write_template

OWN = nbformat.writes(
    nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("run_ids = []  # none", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_markdown_cell("# Old title\n\nWords below."),
            nbformat.v4.new_code_cell(
                "1", execution_count=7, outputs=[nbformat.v4.new_output("stream", text="an earlier secret")]
            ),
        ],
        metadata={"widgets": {"state": "typed"}},
    )
)


def prepared(run_ids: list[str], title: str | None = None, text: str = OWN) -> nbformat.NotebookNode:
    """A template of one's own as it is executed."""
    return Template("own.ipynb", Path("own.ipynb"), text).notebook(run_ids, title)


@pytest.mark.parametrize("name", ["run", "compare", "fleet"])
def test_ours_are_found_by_name(name):
    """With the SHA-256 of the file, a cell for the parameters, and the data read by `report_data`."""
    template = find_template(name)
    assert template.path == notebooks() / "templates" / f"{name}.ipynb"
    assert template.digest == hashlib.sha256(template.path.read_bytes()).hexdigest()
    notebook = template.notebook(["a"], None)
    assert [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])] == [
        "run_ids = ['a']"
    ]
    assert any("runkit.report_data(run_ids" in cell.source for cell in notebook.cells)


@pytest.mark.parametrize("as_text", [True, False])
def test_ones_own_is_found_by_path(tmp_path, as_text):
    """A text or a `Path`; it is called by its file's name and holds any number of runs."""
    path = write_template(tmp_path / "mine.ipynb", "# Mine", "1")
    template = find_template(str(path) if as_text else path)
    assert (template.name, template.path) == ("mine.ipynb", path)
    template.check(1)
    template.check(10_000)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("compar", "template='compar' is not known; expected one of 'run', .*Did you mean 'compare'"),
        ("report.html", "is not known; expected one of"),
        ("", "is not known; expected one of"),
        ("none.ipynb", "template='none.ipynb' cannot be read .FileNotFoundError"),
    ],
)
def test_what_is_not_there(name, said):
    """A wrong word is answered by the nearest one, a path by why it cannot be read."""
    with pytest.raises(UsageError, match=said):
        find_template(name)


@pytest.mark.parametrize("content", [b"{}", b"no json", b"\xff\xfe"])
def test_what_is_no_notebook(tmp_path, content):
    """Any other file is refused, and no library's error comes through."""
    path = tmp_path / "odd.ipynb"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"odd\.ipynb"):
        find_template(path).notebook(["a"], None)


@given(st.lists(st.text(), max_size=5))
def test_the_parameters_are_the_ids_whatever_they_hold(ids):
    """They are read back as they are; an id cannot become code."""
    [assignment] = ast.parse(prepared(ids).cells[0].source).body
    assert isinstance(assignment, ast.Assign)
    assert ast.literal_eval(assignment.value) == ids
