"""Templates: found by name or path, with parameters and a title, and sanitized."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import nbformat
import pytest

from runkit.errors import UsageError
from runkit.reports._export import to_html
from runkit.reports.templates import Template, find_template, template_folder
from tests.reports.conftest import write_template


@pytest.mark.parametrize("name", ["run", "compare", "fleet", "business"])
def test_built_in_templates_are_found_by_name(name):
    """With the SHA-256 of the file, a cell for the parameters, and the data read by `report_data`."""
    template = find_template(name)
    assert template.path == template_folder() / f"{name}.ipynb"
    assert template.digest == hashlib.sha256(template.path.read_bytes()).hexdigest()
    sources = [cell.source for cell in template.notebook(["a"]).cells]
    assert "run_ids = ['a']" in sources
    assert any("runkit.report_data(run_ids" in source for source in sources)
    assert not any("from runkit" in source for source in sources)


def test_a_template_of_the_user_is_found_by_path(tmp_path):
    """It is called by its file's name and holds any number of runs."""
    path = write_template(tmp_path / "mine.ipynb", "# Mine", "1")
    template = find_template(str(path))
    assert template == find_template(path)
    assert (template.name, template.path) == ("mine.ipynb", path)
    for n_runs in (1, 10_000):
        template.check(n_runs)


@pytest.mark.parametrize("name", ["report.html", ""])
def test_an_unknown_template_name_is_refused(name):
    with pytest.raises(UsageError, match="is not known; expected one of 'run'"):
        find_template(name)


@pytest.mark.parametrize("content", [b"{}", b"no json", b"\xff\xfe"])
def test_a_template_that_is_no_notebook_is_refused(tmp_path, content):
    """No library's error comes through."""
    path = tmp_path / "odd.ipynb"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"odd\.ipynb"):
        find_template(path).notebook(["a"])


def test_the_parameters_are_the_ids_whatever_they_hold():
    """They are read back as they are; an id cannot become code."""
    ids = ["'", '"', "\\", "\n", "{}", "'] + exit() + ['", "\u2028"]
    cell = nbformat.v4.new_code_cell("run_ids = []  # none", metadata={"tags": ["parameters"]})
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))
    [made] = Template("own.ipynb", Path("own.ipynb"), text).notebook(ids).cells
    [assignment] = ast.parse(made.source).body
    assert ast.literal_eval(assignment.value) == ids


# ----------------------------------------------------------------------------------------- the page


def page_of(*cells):
    """A notebook's cells as a page, without what is around them."""
    html = to_html(nbformat.v4.new_notebook(cells=list(cells)), title="t")
    return html[html.index("<main>") : html.index("</main>")]


ACTS = '<meta http-equiv="refresh" content="0;url=https://evil.example/"><script>1</script><form></form>'


def test_a_raw_cell_is_cleaned():
    page = page_of(nbformat.v4.new_raw_cell(f"{ACTS}<b>words</b>"))
    assert "<b>words</b>" in page
    assert not [word for word in ("<meta", "<script", "<form") if word in page]


@pytest.mark.parametrize(
    ("address", "is_kept"),
    [
        ("https://example.com/a?b=c", True),
        ("#part-1", False),
        ("//evil.example/share", False),
        (r"\\\\evil.example\\share", False),
        ("https://bank.example@evil.example/", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_links_to_the_web_are_kept(address, is_kept):
    """From a file on a disk, an address without a scheme leads into the reader's own network."""
    page = page_of(nbformat.v4.new_markdown_cell(f"[words]({address})"))
    assert (f'href="{address}"' in page) == ("href" in page) == is_kept
