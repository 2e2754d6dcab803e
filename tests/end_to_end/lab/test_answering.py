"""Forms in a real JupyterLab: by mouse, by keyboard, in both themes, saved and opened again."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from support import until
from tests.end_to_end.lab.conftest import KERNEL, PANEL

FORM = "form = runkit.InterruptForm(client, run)\nform"
NOTE = "born in another year"
RECEIPT = f"Confirmed by the API: “Dismiss the hit”, “{NOTE}”"
SIX = (
    "combined_proposal",
    "tin_mismatch",
    "address_gap",
    "decision",
    "watchlist_hit",
    "watchlist_hit",
)
INBOX = f"""for scenario in {SIX!r}:
    client.runs.wait(client.runs.create("cip_orchestrator", businesses[scenario]))
inbox = runkit.InterruptInbox(client, who="Ana Ortiz")
inbox"""
FOCUS = """() => {
    const at = document.activeElement;
    return String(at?.innerText || at?.type || "");
}"""
BUSY = """
import pathlib, time
while not pathlib.Path("end").exists():
    time.sleep(0.02)
"""
MOST_CLICKS = 16
CELL = 1  # the number of the cell whose output is looked at
pytestmark = [pytest.mark.browser]


def form(page):
    return page.locator(".runkit-form")


def send(page):
    return form(page).locator("button.mod-primary")


def outputs(page):
    return page.locator(".jp-OutputArea-output")


def see(page, words):
    """Wait until an output says something."""
    expect(outputs(page).filter(has_text=words).first).to_be_visible()


def choose_and_type(page):
    """Choose to dismiss a hit, and give a reason."""
    form(page).get_by_role("button", name="Dismiss the hit", exact=True).click()
    type_reason(page)


def type_reason(page):
    """Type where the focus goes once an answer needs a reason."""
    page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
    page.keyboard.type(NOTE)


def press(page):
    """Press Send, and wait for the receipt."""
    send(page).click()
    see(page, RECEIPT)


def dismiss(page):
    """Answer the question about a hit."""
    choose_and_type(page)
    press(page)


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
            type_reason(page)
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
            type_reason(page)
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
    for act in (choose_and_type, press):
        act(page)
        found = Axe().run(page, context=".runkit-live", options=options)
        assert [item["id"] for item in found.response["violations"]] == []


def test_presses_while_a_cell_runs_send_one_answer(open_session, posts):
    """Heard at once or after the cell, as the kernel can."""
    session = open_session("watchlist_hit", FORM)
    page = session.page
    choose_and_type(page)
    expect(send(page)).to_be_enabled()
    page.evaluate(f"code => void {KERNEL}.requestExecute({{code}})", BUSY)
    page.wait_for_function(f"() => {KERNEL}.status === 'busy'")
    send(page).click(click_count=5)
    session.path.with_name("end").touch()
    see(page, RECEIPT)
    assert posts() == 1


def test_send_is_lit_as_soon_as_the_reason_is_typed(open_session, posts):
    """Before, a press says what is missing; after, the first press is heard."""
    page = open_session("watchlist_hit", FORM).page
    form(page).get_by_role("button", name="Dismiss the hit", exact=True).click()
    send(page).click()
    see(page, "needs a reason")
    expect(send(page)).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    type_reason(page)
    expect(send(page)).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    press(page)
    assert posts() == 1


def test_a_saved_notebook_keeps_the_question_then_the_receipt(open_session):
    """As HTML, without the state of widgets or a key; also without a kernel."""
    session = open_session("watchlist_hit", FORM)
    page = session.page
    form(page).wait_for()
    expect(page.locator("[class^=runkit-saved]")).to_be_hidden()
    before = session.saved()
    assert "Watchlist hit is another person" in json.dumps(before["cells"][1]["outputs"])
    dismiss(page)
    # the receipt is in the widget a little before it is in the output
    until(lambda: "Confirmed by the API" in json.dumps(session.saved()["cells"][1]["outputs"]))
    text = session.path.read_text()
    assert "mk_test_" not in text
    assert "widgets" not in json.loads(text)["metadata"]
    session.restart()
    page.reload()
    see(page, RECEIPT)
    expect(outputs(page).filter(has_text="model not found")).to_be_hidden()
    assert page.evaluate(f"() => {PANEL}.content.widgets[1].model.trusted") is True
