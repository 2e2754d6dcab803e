"""Hostile text in a real JupyterLab, which typesets formulas and shows HTML as it is."""

import pytest
from playwright.sync_api import expect

from hostile.payloads import FOUND, SAMPLE, SCRIPTS, WATCH
from tests.end_to_end.lab.test_answering import FORM, form, outputs

pytestmark = [pytest.mark.browser]
SHOWN = ".jp-OutputArea-output"
TYPESET = "from IPython.display import HTML\nHTML('<p>$\\\\beta$</p>')"  # MathJax has been here
# In the kernel: every text of a run and of its documents becomes a hostile one, but what the client
# needs.
SPOIL = """
import json, zlib, httpx
TEXTS = {texts!r}
KEPT = {{"object", "type", "status", "format", "decision", "url", "id"}}
SENT = []

def spoil(value, key=""):
    if isinstance(value, dict):
        return {{name: spoil(item, name) for name, item in value.items()}}
    if isinstance(value, list):
        return [spoil(one, key) for one in value]
    is_kept = key in KEPT or key.endswith(("_at", "_id")) or not isinstance(value, str)
    return value if is_kept else value[:12] + TEXTS[zlib.crc32(value.encode()) % len(TEXTS)]

class Spoiled(httpx.HTTPTransport):
    def handle_request(self, request):
        answer = super().handle_request(request)
        if request.method == "POST":
            SENT.append(json.loads(request.read()))
            return answer
        told = spoil(json.loads(answer.read())) if request.url.path.startswith("/v1/") else answer.json()
        return httpx.Response(answer.status_code, json=told, headers={{"Date": answer.headers["Date"]}})
"""


def watch(page):
    """Watch a page before it is opened; return what happens besides what is wanted."""
    happened = []
    page.add_init_script(WATCH)
    page.on("dialog", lambda dialog: (happened.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: happened.append(request.url))
    return happened


def test_hostile_text_in_forms_does_nothing(open_session, pages):
    """In forms of each kind, an inbox, their errors, and a monitor: texts are shown as they are."""
    asking = """def ask(scenario):
    made = client.runs.create("cip_orchestrator", businesses[scenario])
    return runkit.InterruptForm(client, client.runs.wait(made))"""
    cells = [f"ask({item!r})" for item in ("address_gap", "decision", "tin_mismatch")]
    cells += [
        "runkit.RunMonitor(client, ask('watchlist_hit').run)",
        "runkit.InterruptInbox(client)",
        TYPESET,
    ]
    setup = SPOIL.format(texts=[*SCRIPTS.values(), *SAMPLE.values()])
    page = pages.new_page()
    happened = watch(page)
    open_session(
        *("combined_proposal", FORM, asking, *cells),
        setup=setup,
        options="transport=Spoiled()",
        page=page,
    )
    expect(form(page)).to_have_count(6, timeout=90_000)
    headers = page.locator(".runkit-form .jupyter-widget-Collapse-header")
    for folded in headers.filter(visible=True).all():
        folded.click()
    send = form(page).nth(4).locator("button.mod-primary")
    form(page).nth(4).locator(".widget-toggle-button").first.click()
    expect(send).to_be_enabled()
    send.click()
    expect(form(page).nth(4).locator(".rk-note.fail")).to_have_count(1)
    outputs(page).locator("details").evaluate_all(
        "all => all.forEach((one) => { one.open = true; })"
    )
    page.set_viewport_size({"width": 1280, "height": 4000})
    wide = page.evaluate(
        "s => [...document.querySelectorAll(s)].filter(e => e.scrollWidth > e.clientWidth + 400).length",
        SHOWN,
    )
    assert wide == 0
    outputs(page).locator("mjx-container").first.wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate("window.canary") is None
    assert [url for url in happened if "canary" in url and "/api/" not in url] == []
    made = page.evaluate(FOUND, SHOWN)
    assert [item for item in made if not item.startswith("<mjx-container")] == []
    expect(outputs(page).locator("mjx-container")).to_have_count(1)  # the formula that is ours
    links = outputs(page).locator("a").evaluate_all("all => all.map(one => one.href)")
    assert [link for link in links if not link.startswith(("https://", "http://"))] == []
