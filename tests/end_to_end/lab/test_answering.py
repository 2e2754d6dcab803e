"""Forms in a real JupyterLab: by mouse, by keyboard, in both themes, saved and opened again."""

import json
import subprocess
import sys

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from support import until
from tests.end_to_end.lab.conftest import PANEL

FORM = "form = runkit.InterruptForm(client, run)\nform"
NOTE = "born in another year"
SIX = (
    "combined_proposal",
    "tin_mismatch",
    "address_gap",
    "decision",
    "watchlist_hit",
    "watchlist_hit",
)
INBOX = f"""for scenario in {SIX!r}:
    client.runs.wait(client.runs.create("cip_orchestrator", businesses[scenario]), poll=0.02)
inbox = runkit.InterruptInbox(client, who="Ana Ortiz")
inbox"""
FOCUS = """() => {
    const at = document.activeElement;
    return String(at?.innerText || at?.type || "");
}"""
MOST_CLICKS = 16
CELL = 1  # the number of the cell whose output is looked at
pytestmark = [pytest.mark.browser]


def form(page):
    return page.locator(".runkit-form")


def send(page):
    return form(page).locator("button.mod-primary")


def choice(page, words):
    return form(page).get_by_role("button", name=words, exact=True)


def outputs(page):
    return page.locator(".jp-OutputArea-output")


def see(page, words):
    """Wait until an output says something."""
    expect(outputs(page).filter(has_text=words).first).to_be_visible()


def dismiss(page):
    """Answer the question about a hit."""
    choice(page, "Dismiss the hit").click()
    page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
    page.keyboard.type(NOTE)
    send(page).click()
    see(page, "Confirmed by the API: dismiss the hit")


def show_output(page):
    """Set the window to that of a small laptop, and scroll to the output."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator(".jp-CodeCell").nth(CELL).locator(".jp-OutputArea").evaluate(
        "node => node.scrollIntoView()"
    )


def by_mouse(page):
    """Answer the question that is shown; gives the clicks."""
    clicks = 0
    for group in form(page).locator(".widget-toggle-buttons").all():
        first = group.locator("button").first
        if first.inner_text() == "Provide the document":
            form(page).locator("input[type=radio]").first.click()
            clicks += 1
        first.click()
        clicks += 1
        if first.inner_text() == "Dismiss the hit":
            page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
            page.keyboard.type(NOTE)
    expect(send(page)).to_be_enabled()
    expect(send(page)).to_be_in_viewport(ratio=1)
    send(page).click()
    return clicks + 1


def tab_to(page, words):
    """Press Tab until what is named has the focus."""
    for _ in range(20):
        at = page.evaluate(FOCUS)
        if at.startswith(words):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {words!r}")


def by_keys(page):
    """Answer the question that is shown, without a click."""
    firsts = [
        group.locator("button").first.inner_text()
        for group in form(page).locator(".widget-toggle-buttons").all()
    ]
    for words in firsts:
        if words == "Provide the document":
            tab_to(page, "radio")
            page.keyboard.press("Space")
        tab_to(page, words)
        page.keyboard.press("Space")
        if words == "Dismiss the hit":
            page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
            page.keyboard.type(NOTE)
    expect(send(page)).not_to_have_text("Choose an answer")
    tab_to(page, "Send: ")
    page.keyboard.press("Enter")
    return 0


@pytest.mark.parametrize(
    ("way", "theme"), [(by_mouse, "JupyterLab Light"), (by_keys, "JupyterLab Dark")]
)
def test_six_questions_are_answered(open_session, box, posts, way, theme):
    """In at most 16 clicks or by keys alone, Send in view; after each the next one opens."""
    with box.client() as client:
        for run in client.runs.list(status="interrupted", progress=False):
            box.end_run(run.id)
    page = open_session("clean_pass", INBOX).page
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    form(page).wait_for()
    show_output(page)
    form(page).locator(".rk-ask").click()
    page.locator(".jp-OutputArea select").first.focus()
    clicks = 0
    for number in range(1, len(SIX) + 1):
        if form(page).get_by_role("button", name="Provide the document").count():
            form(page).locator("input[type=radio]").first.wait_for()
        clicks += way(page)
        expect(page.locator(".rk-note.ok").filter(visible=True)).to_have_count(min(number, 5))
        if number < len(SIX):  # the focus is back in the list
            page.wait_for_function("() => document.activeElement.tagName === 'SELECT'")
    expect(form(page)).to_have_count(0)
    assert clicks <= MOST_CLICKS
    assert posts() == len(SIX)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_a_form_has_no_barriers(open_session, theme):
    """As far as axe finds out, in the form and its receipt."""
    page = open_session("watchlist_hit", FORM).page
    page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    form(page).wait_for()
    page.wait_for_function(
        "dark => document.body.dataset.jpThemeLight === String(!dark)", arg="Dark" in theme
    )
    options = {"runOnly": ["color-contrast", "label", "button-name", "link-name"]}
    found = Axe().run(page, context=".runkit-live", options=options)
    assert [item["id"] for item in found.response["violations"]] == []
    dismiss(page)
    found = Axe().run(page, context=".runkit-live", options=options)
    assert [item["id"] for item in found.response["violations"]] == []


def test_a_form_works_after_a_reload_of_the_page(open_session, posts):
    """What was typed is still there, and the HTML for pages without a kernel stays hidden."""
    session = open_session("watchlist_hit", FORM)
    page = session.page
    form(page).locator("textarea").fill("typed before")
    page.keyboard.press("Tab")
    note = "form.forms.form.inputs.proposals[0].texts['note'].value"
    until(lambda: session.value(note) == "typed before")
    session.saved()
    lost = outputs(page).filter(has_text="model not found")
    for _ in range(3):  # JupyterLab waits only seconds for the widgets of a busy kernel
        page.reload()
        expect(form(page).or_(lost).first).to_be_visible()
        if not lost.count():
            break
    expect(form(page).locator("textarea")).to_have_value("typed before")
    expect(page.locator("[class^=runkit-saved]")).to_be_hidden()
    choice(page, "Dismiss the hit").click()
    send(page).click()
    see(page, "Confirmed by the API: dismiss the hit")
    assert posts() == 1


def test_a_saved_notebook_keeps_the_question_then_the_receipt(open_session):
    """As HTML, without the state of widgets, what was typed or a key; also exported, offline."""
    session = open_session("watchlist_hit", FORM)
    form(session.page).wait_for()
    before = session.saved()
    assert "Watchlist hit is another person" in json.dumps(before["cells"][1]["outputs"])
    dismiss(session.page)
    see(session.page, "Confirmed by the API")
    for _ in range(40):  # the receipt is in the widget a little before it is in the output
        if "Confirmed by the API" in json.dumps(session.saved()["cells"][1]["outputs"]):
            break
        session.page.wait_for_timeout(250)
    text = session.path.read_text()
    for absent in ("mk_test_", NOTE):
        assert absent not in text
    assert "widgets" not in json.loads(text)["metadata"]
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(session.path)]
    subprocess.run(command, check=True, capture_output=True)
    alone = session.page.context.browser.new_context(offline=True).new_page()
    alone.goto(session.path.with_suffix(".html").as_uri())
    expect(alone.get_by_text("Confirmed by the API: dismiss the hit").first).to_be_visible()
    alone.context.close()


def test_opened_again_without_a_kernel_the_question_is_read(open_session):
    """In place of what JupyterLab says of a widget that is not there."""
    session = open_session("watchlist_hit", FORM)
    form(session.page).wait_for()
    session.saved()
    session.restart()
    session.page.reload()
    see(session.page, "Watchlist hit is another person")
    expect(outputs(session.page).filter(has_text="model not found")).to_be_hidden()
    assert session.page.evaluate(f"() => {PANEL}.content.widgets[1].model.trusted") is True
