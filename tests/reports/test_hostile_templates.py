"""A template, what lies beside it and where the report is made: none has a say in what it must not."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

import nbformat
import pandas as pd
import pytest

from runkit.html_tables import df_to_html
from runkit.reports.export import to_html
from support import run, step
from tests.reports.conftest import make, write_template

READ = "import runkit\ndata = runkit.report_data()"
ACTS = '<meta http-equiv="refresh" content="0;url=https://evil.example/"><script>1</script><form></form>'


def page_of(*cells):
    """A notebook's cells as a page, without the scripts that are the page's own."""
    html = to_html(nbformat.v4.new_notebook(cells=list(cells)), title="t")
    return html[html.index("<main>") : html.index("</main>")]


def test_the_working_directory_has_no_template_of_the_page(tmp_path, monkeypatch):
    """There nbconvert looks first, and its templates are programs."""
    cell = nbformat.v4.new_code_cell("1")
    plain = page_of(cell)
    for name in ("page.html.j2", "lab/page.html.j2", "base/page.html.j2", "base/display_priority.j2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{{ 1 / 0 }}")
    (tmp_path / "lab" / "conf.json").write_text('{"base_template": "planted"}')
    monkeypatch.chdir(tmp_path)
    assert page_of(cell) == plain


@pytest.mark.parametrize("kind", [{}, {"raw_mimetype": "text/html"}])
def test_a_raw_cell_does_nothing(kind):
    """It is cleaned as any HTML: it leads nowhere, and asks for nothing."""
    page = page_of(nbformat.v4.new_raw_cell(f"{ACTS}<b>words</b>", metadata=kind))
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
def test_a_link_leads_to_the_web_or_stays_on_the_page(address, is_kept):
    """From a file on a disk, an address without a scheme leads into the reader's own network."""
    page = page_of(nbformat.v4.new_markdown_cell(f"[words]({address})"))
    assert (f'href="{address}"' in page) == ("href" in page) == is_kept


class Elements(HTMLParser):
    """The elements and attributes of a page, as a browser counts them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it."""
        self.found.update([tag, *(f"{tag} {name}" for name, _ in attrs)])


MARKUP = "<table/><meta/http-equiv='refresh'/content='0;url=https://evil.example'><script>1</script></table>"
HOSTILE = [f'?a={MARKUP}"', "?a=&lt;table/&gt;&#60;meta/http-equiv=refresh&#62;", "?<h2/id=part-0>x</h2>"]


@pytest.mark.parametrize("query", [one + "&b='><img/src=x/onerror=1>" for one in HOSTILE])
def test_a_hostile_address_makes_no_element(query):
    """Neither as the address of a link nor as its words, in a table, in Markdown or in an agent's HTML."""

    def elements(address: str) -> Counter[str]:
        df = pd.DataFrame({"source": [address], "url": [address], "title": [address]})
        html = str(df_to_html(df))
        page = page_of(
            nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", {"text/html": html})]),
            nbformat.v4.new_markdown_cell(html),
        )
        return Elements(page).found

    assert elements(f"https://a.example/{query}") == elements("https://a.example/tame")


RAISE = "raise ValueError(data.frames.steps['label'][1])"
PUBLISH = "get_ipython().display_pub.publish"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A report of a template with odd cells, in a folder of files that are named like modules."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("pathlib", "json", "pandas", "ipykernel_launcher"):
        (folder / f"{name}.py").write_text("raise ImportError('planted')")
    (folder / "helper_of_mine.py").write_text("WORD = 'helped'")
    cells = [
        "import helper_of_mine\nprint(helper_of_mine.WORD)",
        "print(data.frames.steps['label'][0])",
        PUBLISH + "({'text/html': ['<b>a', ' b</b>']})",
    ]
    source = run(step("s", label='<div class="runkit-provenance">'), step("t", label="EIN 47-1839265"))
    template = write_template(folder / "own.ipynb", READ, *cells, RAISE)
    nb = nbformat.read(template, 4)
    nb.cells[-1].metadata.tags = ["raises-exception"]
    nbformat.write(nb, template)
    return make(source, folder / "a.html", template=template)


def test_a_file_beside_the_template_takes_no_modules_place(own):
    """Whoever can put a file into a folder of downloads does not run in the report; a helper is found."""
    assert "helped" in own.outputs


def test_no_text_of_a_run_hides_where_the_data_comes_from(own):
    """A text that names the block is not the block."""
    assert "About this report" in own.page


def test_a_traceback_holds_masks(own):
    """A cell that may raise leaves its error in both files, and no secret with it."""
    assert "ValueError: EIN [ein 1]" in own.page
    assert "47-1839265" not in own.page + own.report.notebook.read_text()
