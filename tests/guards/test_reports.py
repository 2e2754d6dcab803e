"""A report holds no secret and no live text, asks for nothing, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import nbformat
import pytest

import runkit
from runkit.errors import ReportError, UsageError
from support import example, run, step
from tests.client.conftest import KEY, Answer, Server
from tests.guards.conftest import running
from tests.reports.conftest import without_kernel, write_template

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["without_kernel"]

ACCOUNT_KEY = "of-another-form-7c1e9a04"
EIN, EMAIL, SIGNATURE = "47-1839265", "olga.hrdlicka@kestrel.example", "9f3c1e7ad0b24c55"
OTHER_KEY = "mk_live_q8Zt4Lw2Xc7Vb1Nm"
SECRETS = (ACCOUNT_KEY, EIN, EIN.replace("-", ""), EMAIL, SIGNATURE, OTHER_KEY)
KEPT = ("250000000", "ORD-2024-11873", "March 4, 2019", "letter of the owner")
HOSTILE = "<b>bold</b><img src=x onerror=alert(1)><script>alert(2)</script>"
ASKS_OUT = """
(url) => {
  const loaded = (node, home) => new Promise((done) => {
    node.onload = node.onerror = done;
    home?.append(node);
  });
  const make = (tag, values) => Object.assign(document.createElement(tag), values);
  return Promise.allSettled([
    fetch(url + "/fetch", {mode: "no-cors"}),
    loaded(make("img", {src: url + "/image"}), document.body),
    loaded(make("link", {rel: "stylesheet", href: url + "/style"}), document.head),
    loaded(make("script", {src: url + "/script"}), document.head),
  ]);
}
"""


class Made(NamedTuple):
    """The two files of a report."""

    html: Path
    notebook: Path

    @property
    def texts(self) -> list[str]:
        """What stands in them."""
        return [path.read_text(encoding="utf-8") for path in self]


def told_run() -> dict[str, Any]:
    """The completed example, with secrets, hostile text and plain numbers where agents would write them."""
    told = example("completed")
    first = told["steps"][0]
    first["label"] = f"Checking {EIN} of order {KEPT[1]}"
    first["agent"] = HOSTILE
    first["result"] = {"tax_id": EIN.replace("-", ""), "owner": {"email": EMAIL}, "api_key": OTHER_KEY}
    finding = told["output"]["artifacts"][0]
    finding["title"] = HOSTILE
    finding["summary"] = f"Paid {KEPT[0]} on {KEPT[2]}; write to {EMAIL} or use {OTHER_KEY}."
    finding["sources"][0]["url"] = f"https://docs.example.gov/letter.pdf?id=1&X-Amz-Signature={SIGNATURE}"
    told["requester"] = {"id": "r", "name": EMAIL}
    return told


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Made]:
    """Make a report on that run, once, when a test asks: one that is refused is a failure of the test."""

    @cache
    def once() -> Made:
        folder = tmp_path_factory.mktemp("report")
        told, server = told_run(), Server()
        server.script = lambda asked: Answer(told)
        with pytest.MonkeyPatch.context() as patch, running(server):
            patch.setenv("RUNKIT_STATE_DIR", str(folder / "state"))
            patch.setenv("MIDDESK_API_KEY", ACCOUNT_KEY)
            with runkit.Client(KEY, server.url, rate=None) as client:
                note = f"{KEPT[3]}, {EMAIL}: {EIN}"
                asked = runkit.Run.from_json(example("interrupted") | {"id": told["id"]})
                client.runs.resume(asked, "int-7", {"decision": "approve", "note": note})
            assert EIN in runkit.answer_log()["answer"].iloc[0]
            report = runkit.report(told, folder / "report.html", progress=False)
        return Made(report.html, report.notebook)

    return once


def template(folder: Path, *cells: str) -> Path:
    """Write a template of one's own, of code cells."""
    return write_template(folder / "template.ipynb", "import runkit\ndata = runkit.report_data()", *cells)


Own = Callable[[], tuple[str, list[str]]]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Own:
    """Execute a template once, when a test asks: gives its page, and what it left in the temporary folder."""

    @cache
    def once() -> tuple[str, list[str]]:
        folder = tmp_path_factory.mktemp("own")
        (folder / "t").mkdir()
        cells = (
            "import os\nkeys = [name for name in os.environ if name.endswith('_KEY')]",
            "print(len(data.frames.runs), 'run,', keys or 'no key', 'of it')",
            "from IPython.display import HTML\nHTML(data.frames.steps['label'][0])",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MIDDESK_API_KEY", ACCOUNT_KEY)
            patch.setenv("RUNKIT_SANDBOX_KEY", ACCOUNT_KEY)
            patch.setattr(tempfile, "tempdir", str(folder / "t"))
            hostile, path = run(step("a", label=HOSTILE)), template(folder, *cells)
            made = runkit.report(hostile, folder / "report.html", template=path, progress=False)
        return made.html.read_text(encoding="utf-8"), [path.name for path in (folder / "t").iterdir()]

    return once


class Elements(HTMLParser):
    """The elements of a page, with their attributes and the words right inside them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note words."""
        tag, attributes = self.found[-1] if self.found else ("", {})
        is_data = attributes.get("type") == "application/json"  # which no browser runs
        self.words.append(("data" if is_data else tag, data))


# ------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("secret", SECRETS)
def test_no_file_holds_a_secret(make: Callable[[], Made], secret: str) -> None:
    """Tax numbers, addresses, keys and signatures of labels, results, summaries, links and answers."""
    for text in make().texts:
        assert secret not in text


@pytest.mark.parametrize("value", KEPT)
def test_amounts_dates_and_words_stay(make: Callable[[], Made], value: str) -> None:
    """A report that masks too much tells nothing; nor does one without the words of whoever answered."""
    assert value in make().texts[0]


@pytest.mark.usefixtures("without_kernel")
def test_the_account_key_stops_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a template has it from: nothing is written."""
    monkeypatch.setenv("MIDDESK_API_KEY", ACCOUNT_KEY)
    own = template(tmp_path, f"print({ACCOUNT_KEY!r})")
    with pytest.raises(ReportError):
        runkit.report(run(step("a")), tmp_path / "out" / "report.html", template=own, progress=False)
    assert not list(tmp_path.glob("out/*"))


def test_a_template_sees_no_key_and_leaves_no_data(own: Own) -> None:
    """The environment in which it is executed has none, and the folder with the data is gone afterwards."""
    html, left_behind = own()
    assert "1 run, no key of it" in html
    assert left_behind == []


# ----------------------------------------------------------------------------------------------- live text


def check_harmless(html: str) -> None:
    """Check that no element came of hostile text, no handler of events and no script."""
    page = Elements(html)
    assert [tag for tag, _ in page.found if tag in ("img", "iframe", "object", "form")] == []
    assert [name for _, attributes in page.found for name in attributes if name.startswith("on")] == []
    assert [words for tag, words in page.words if "alert(2)" in words and tag == "script"] == []


def test_hostile_text_is_text_in_the_page(make: Callable[[], Made]) -> None:
    """In titles, labels and agents, wherever the page shows them."""
    html = make().texts[0]
    check_harmless(html)
    assert [tag for tag, words in Elements(html).words if "bold" in words and tag == "b"] == []
    assert "&lt;b&gt;bold" in html


def test_html_of_a_template_keeps_its_text_only(own: Own) -> None:
    """A template may show text of a run as HTML by mistake: what could act is taken out of the page."""
    html, _ = own()
    check_harmless(html)
    assert "bold" in html


@pytest.mark.browser
def test_the_page_asks_for_nothing(make: Callable[[], Made], browser: Browser, server: Server) -> None:
    """Opened from disk it loads nothing but itself, and its policy lets nothing out whatever tries."""
    address = make().html.as_uri()
    server.script = lambda asked: Answer({})
    context = browser.new_context()
    try:
        page = context.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.wait_for_selector("svg.runkit-chart")
        assert [url for url in requests if not url.startswith("data:")] == [address]
        page.evaluate(ASKS_OUT, server.url.removesuffix("/v1"))
    finally:
        context.close()
    assert server.lines == []


# -------------------------------------------------------------------------------------------- what is there


def test_a_notebook_of_ones_own_is_not_replaced(tmp_path: Path) -> None:
    """A report called like an analysis does not take its place."""
    mine = tmp_path / "analysis.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("mine = 1")]), mine)
    before = mine.read_bytes()
    with pytest.raises(UsageError):
        runkit.report(run(step("a")), tmp_path / "analysis.html", template=template(tmp_path), progress=False)
    assert mine.read_bytes() == before


PAGE_TEXTS = [
    "initial-scale=1",
    "font-size:13px",
    "color:#59636E",
    "minmax(160px",
    "td:nth-child(2)",
    "tex2jax_ignore",
    "text-align:left;min-width:13em",
    "xaxis2.tickvals",
    "var(--jp-content-font-color1",
    "rgba(217,119,6,0.1",
]


@pytest.mark.parametrize(("name", "redact"), [("run", True), ("fleet", False)])
def test_a_run_that_quotes_the_page_blocks_no_report(tmp_path: Path, name: str, redact: bool) -> None:
    source = example("completed")
    source["steps"][0]["label"] = "Read initial-scale=1"
    source["output"]["artifacts"][0]["summary"] = "; ".join(f"token={text}" for text in PAGE_TEXTS)
    done = runkit.report(source, tmp_path / "a.html", template=name, redact=redact)
    assert done.masked["key"] == len(PAGE_TEXTS)
    page = done.html.read_text()
    assert "token=initial" not in page
    assert name == "fleet" or "Read initial-scale=1" in page
