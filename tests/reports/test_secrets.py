"""A report holds no secret and no live text, asks for nothing, and leaves nothing behind."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from typing import Any

import httpx
import nbformat
import pytest

import runkit
from runkit.errors import ReportError
from support import example, run, step
from tests.client.conftest import KEY, Answer, server
from tests.reports.conftest import Made, make, write_template

__all__ = ["server"]

ACCOUNT_KEY = "of-another-form-7c1e9a04"
EIN, EMAIL, SIGNATURE = "47-1839265", "olga.hrdlicka@kestrel.example", "9f3c1e7ad0b24c55"
OTHER_KEY = "mk_live_q8Zt4Lw2Xc7Vb1Nm"
PASSWORD = "hunter22x"
SECRETS = (ACCOUNT_KEY, EIN, EIN.replace("-", ""), EMAIL, SIGNATURE, OTHER_KEY, PASSWORD)
KEPT = ("250,000,000", "ORD-2024-11873", "March 4, 2019", "letter of the owner")
HOSTILE = "<b>bold</b><img src=x onerror=alert(1)><script>alert(2)</script>"
READ = "import runkit\ndata = runkit.report_data()"
SEND_REQUESTS = """
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


def unsafe_run() -> dict[str, Any]:
    """The completed example, with secrets, hostile text and plain numbers where agents would write them."""
    raw = example("completed")
    raw["steps"][0] |= {
        "label": f"Checking {EIN} of order {KEPT[1]}",
        "agent": HOSTILE,
        "result": {
            "tax_id": EIN.replace("-", ""),
            "owner": {"email": EMAIL},
            "api_key": OTHER_KEY,
            "password": PASSWORD,
        },
    }
    finding = raw["output"]["artifacts"][0]
    finding["title"] = HOSTILE
    finding["summary"] = f"Paid {KEPT[0]} on {KEPT[2]}; write to {EMAIL} or use {OTHER_KEY}."
    finding["sources"][0]["url"] = (
        f"https://docs.example.gov/letter.pdf?id=1&X-Amz-Signature={SIGNATURE}"
    )
    return raw | {"requester": {"id": "r", "name": EMAIL}}


@pytest.fixture(scope="module")
def unsafe(tmp_path_factory):
    """Make a report on that run and an answer about it, once, when a test asks."""

    @cache
    def make_once() -> Made:
        folder = tmp_path_factory.mktemp("report")
        raw = unsafe_run()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RUNKIT_STATE_DIR", str(folder / "state"))
            patch.setenv("MIDDESK_API_KEY", ACCOUNT_KEY)
            waiting = runkit.Run.from_json(example("interrupted") | {"id": raw["id"]})
            answer = {"decision": "approve", "note": f"{KEPT[3]}, {EMAIL}: {EIN}"}
            transport = httpx.MockTransport(lambda request: httpx.Response(200, json=raw))
            with runkit.Client(KEY, "http://127.0.0.1:1/v1", transport=transport) as client:
                client.runs.resume(waiting, "int-7", answer)
            f = runkit.frames(raw, answers=runkit.answer_log())
            assert EIN in f.interrupts["reason"].iloc[0]
            return make(f, folder / "report.html")

    return make_once


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Execute a template once, when a test asks; return what was made, and what is left in the temp folder.

    The files beside it are named like modules.
    """

    @cache
    def make_once() -> tuple[Made, list[str]]:
        folder = tmp_path_factory.mktemp("own")
        (folder / "t").mkdir()
        for name in ("pathlib", "json", "pandas", "ipykernel_launcher"):
            (folder / f"{name}.py").write_text("raise ImportError('planted')")
        (folder / "helper_of_mine.py").write_text("WORD = 'helped'")
        cells = (
            "import os\nkeys = [name for name in os.environ if name.endswith('_KEY')]",
            "print(len(data.frames.runs), 'run,', keys or 'no key', 'of it')",
            "import helper_of_mine\nprint(helper_of_mine.WORD)",
            "from IPython.display import HTML\nHTML(data.frames.steps['label'][0])",
            "raise ValueError(data.frames.steps['label'][1])",
        )
        labels = (HOSTILE, f'EIN {EIN} <div class="runkit-provenance">')
        template = write_template(folder / "own.ipynb", READ, *cells)
        nb = nbformat.read(template, 4)
        nb.cells[-1].metadata.tags = ["raises-exception"]
        nbformat.write(nb, template)
        source = run(*(step(str(n), label=label) for n, label in enumerate(labels)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MIDDESK_API_KEY", ACCOUNT_KEY)
            patch.setattr(tempfile, "tempdir", str(folder / "t"))
            done = make(source, folder / "report.html", template=template)
        return done, [path.name for path in (folder / "t").iterdir()]

    return make_once


# ------------------------------------------------------------------------------------------ secrets


def test_no_file_holds_a_secret(unsafe):
    """Tax numbers, addresses, keys and signatures of labels, results, summaries, links and answers."""
    report = unsafe().report
    texts = report.html.read_text() + report.notebook.read_text()
    assert [secret for secret in SECRETS if secret in texts] == []


def test_amounts_dates_and_words_stay(unsafe):
    assert [value for value in KEPT if value not in unsafe().page] == []


@pytest.mark.parametrize("escaped", ["-", "%2D", "&#45;", "\\u002d"])
@pytest.mark.usefixtures("without_kernel")
def test_the_account_key_stops_the_export(tmp_path, monkeypatch, escaped):
    """Wherever a template has it from, and as it stands in a link, in HTML or in JSON."""
    monkeypatch.setenv("MIDDESK_API_KEY", ACCOUNT_KEY)
    text = ACCOUNT_KEY.replace("-", escaped)
    template = write_template(tmp_path / "own.ipynb", READ, f"print({text!r})")
    with pytest.raises(ReportError):
        make(run(step("a")), tmp_path / "report.html", template=template)
    assert [*tmp_path.iterdir()] == [template]


def test_a_template_sees_no_key_and_leaves_no_data(own):
    made, left_behind = own()
    assert "1 run, no key of it" in made.page
    assert left_behind == []


def test_a_traceback_in_a_report_holds_masks(own):
    made, _ = own()
    assert "ValueError: EIN [number 1 …65]" in made.page
    assert EIN not in made.page + made.outputs


def test_a_file_beside_a_template_replaces_no_module_and_a_helper_is_imported(own):
    """Whoever can put a file into a folder of downloads does not run in the report."""
    assert "helped" in own()[0].outputs


# ---------------------------------------------------------------------------------------- live text


# A picture that is here, or no picture.
CHART = re.compile(r'<img(?: alt="[^"]*")?(?: src="data:image/svg\+xml,[^"<>&]*")?>')


def check_harmless(html: str) -> None:
    """Check that no element came of hostile text, no handler of events and no script."""
    html = CHART.sub("", html)
    assert not re.findall(r"<(?:img|iframe|object|form|script)\b|<[a-z][^>]*\son\w+=", html)


def test_hostile_text_is_text_in_the_page(unsafe):
    """In titles, labels and agents, wherever the page shows them."""
    check_harmless(unsafe().page)
    assert "<b>bold" not in unsafe().page
    assert "&lt;b&gt;bold" in unsafe().page


def test_html_of_a_template_keeps_its_text_only(own):
    """A template may show text of a run as HTML by mistake: what could act is taken out of the page."""
    page = own()[0].page
    check_harmless(page)
    assert "<b>bold</b>" in page
    assert "Where this comes from" in page  # a text that names the block of it is not the block


@pytest.mark.browser
def test_a_report_page_makes_no_requests(unsafe, browser, server):
    """Its policy lets nothing out whatever tries."""
    server.script = lambda request: Answer({})
    page = browser.new_page()
    try:
        page.goto(unsafe().report.html.as_uri())
        page.wait_for_selector("img")
        page.evaluate(SEND_REQUESTS, server.url.removesuffix("/v1"))
    finally:
        page.close()
    assert server.lines == []
