"""Templates: their parameters, and the links of their pages."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from runkit.reports._export import to_html
from runkit.reports.templates import Template


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
