"""Templates: found by name or path, given their parameters and a title, and nothing of an earlier time."""

from __future__ import annotations

import ast
import hashlib
from html import unescape
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from runkit.errors import UsageError
from runkit.reports.export import to_html
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


@pytest.mark.parametrize(
    ("name", "fits", "does_not"),
    [("run", [1], [2]), ("compare", [2], [1, 3]), ("fleet", [1, 500], [])],
)
def test_so_many_runs_fit(name, fits, does_not):
    """And the message says how many are expected, and which templates are there."""
    for n_runs in fits:
        find_template(name).check(n_runs)
    for n_runs in does_not:
        with pytest.raises(UsageError, match=f'template="{name}" shows .*got {n_runs}'):
            find_template(name).check(n_runs)
    with pytest.raises(UsageError, match="source contains no runs; expected runs, or a file"):
        find_template(name).check(0)


def test_nothing_of_an_earlier_time_is_left():
    """Outputs, counts and what was typed into widgets go."""
    notebook = prepared(["a"])
    assert "an earlier secret" not in nbformat.writes(notebook)
    assert notebook.cells[-1].execution_count is None
    assert "widgets" not in notebook.metadata


@given(st.lists(st.text(), max_size=5))
def test_the_parameters_are_the_ids_whatever_they_hold(ids):
    """They are read back as they are; an id cannot become code."""
    [assignment] = ast.parse(prepared(ids).cells[0].source).body
    assert isinstance(assignment, ast.Assign)
    assert ast.literal_eval(assignment.value) == ids


def test_many_ids_stand_on_lines_of_their_own():
    """So that a person can read and edit them."""
    assert prepared(["a", "b"]).cells[0].source == "run_ids = [\n    'a',\n    'b',\n]"


def test_a_title_takes_the_place_of_the_first_heading():
    """The words below it stay."""
    assert prepared(["a"], "New").cells[1].source == "# New\n\nWords below."
    assert prepared(["a"]).cells[1].source == "# Old title\n\nWords below."


def test_a_notebook_without_a_heading_gets_one():
    """At its top."""
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]))
    notebook = prepared(["a"], "New", text)
    assert [cell.source for cell in notebook.cells] == ["# New", "1"]
    nbformat.validate(notebook)


@pytest.mark.parametrize(
    "title",
    [
        "<script>window.hacked=1</script>",
        "[mark](javascript:window.hacked=1) ![x](x)",
        "**bold** _it_ `code` ~~gone~~",
        "$x$ and \\(x\\) and $$y$$",
        "1. # no list",
        "a | b &amp; c &#64; d",
        "back \\ slash \\\\ \\* star",
        "</h1><h2>two",
    ],
)
def test_a_title_is_text(title):
    """Whatever Markdown, HTML or LaTeX would make of it, the page shows it as it was given."""
    html = to_html(prepared(["a"], title), title="name")
    assert f"<title>{escape(title)}</title>" in html
    [heading] = [part.partition("</h1>")[0] for part in html.split("<h1")[1:]]
    shown = heading.partition(">")[2]
    assert "<" not in shown
    assert unescape(shown) == title
