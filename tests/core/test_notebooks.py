"""The committed notebooks: they run, and their outputs are fit for a hosting page."""

import re
from html import unescape

import nbformat
import nh3
import pytest

from tests.notebooks import NOTEBOOKS, executed

LOGIN = "login-of-this-test"
MACHINE = r"127\.0\.0\.1:\d\d|localhost|/tmp|/root|/home/|/Users/|mk_(test|live)_"
MAX_SIZE = 300_000
# What a hosting page keeps of attributes (https://github.com/github/markup, HTML sanitization): no style, no class.
HOSTED_ATTRIBUTES = {"*": {"colspan", "rowspan", "scope", "title", "dir"}, "a": {"href"}}
LOADS = r"<(?:script|image|foreignObject|use|a)\b|\son\w+=|href=|url\("
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


def reading(html):
    """Return what a reader has of a table or a card without its style: words, rows, links, folds."""
    html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
    marks = [html.count(mark) for mark in ("<tr", "<th", "<td", "<summary", '<a href="https://')]
    return [*marks, unescape(re.sub(r"<[^>]*>|\s", "", html))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_hosting_page_shows_all_words_tables_and_links(path):
    shown = [
        item.get("data", {}) for items in outputs(nbformat.read(path, 4)).values() for item in items
    ]
    for html in (data["text/html"] for data in shown if "text/html" in data):
        hosted = nh3.clean(
            html,
            clean_content_tags={"script", "style"},
            attributes=HOSTED_ATTRIBUTES,
            link_rel=None,
        )
        assert reading(hosted) == reading(html)
    for picture in (data["image/svg+xml"] for data in shown if "image/svg+xml" in data):
        assert not re.findall(LOADS, picture)
