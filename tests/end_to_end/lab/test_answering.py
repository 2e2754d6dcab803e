"""Forms in a real JupyterLab."""

import json
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from support import until
from tests.end_to_end.lab.conftest import KERNEL, PANEL
from tests.widgets.live import is_armed, press

FORM = "form = runkit.InterruptForm(client, run)\nform"
KEEP = "Keep in review"
DISMISS = "Dismiss the hit"
NOTE = "born in another year"
FOCUS = """() => {
    const at = document.activeElement;
    return at.labels?.[0]?.textContent || at.textContent.trim();
}"""
pytestmark = [pytest.mark.browser]


def card(page):
    return page.locator(".jp-OutputArea-output .runkit-card")


def button(page, words):
    return card(page).get_by_role("button", name=words, exact=True)


def outputs(page):
    return page.locator(".jp-OutputArea-output")


def see(page, words):
    """Wait until an output says something."""
    expect(outputs(page).filter(has_text=words).first).to_be_visible()


def verb(page, words):
    """The button of the action bar that names an answer."""
    return card(page).locator(".rk-bar button").filter(has_text=words)


def tab_to(page, words):
    """Press Tab until something has the focus."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS).startswith(words):
            return
    raise AssertionError(f"Tab does not lead to {words!r}")


def dismiss(page):
    """Answer the question about a hit, up to the second press."""
    card(page).locator("textarea").fill(NOTE)
    press(verb(page, DISMISS), times=1)
    is_armed(page)


def test_an_answer_sent_while_offline_has_its_receipt(open_session, context, box, posts):
    """The browser loses the server in mid-send; when it is back the receipt is there."""
    sockets = []
    context.route_web_socket(
        "**/channels*", lambda socket: sockets.append(socket) or socket.connect_to_server()
    )
    session = open_session("decision", FORM)
    press(verb(session.page, KEEP), times=1)
    is_armed(session.page)
    box.fault("hold")
    verb(session.page, KEEP).click()
    see(session.page, "Sending your answer…")
    context.set_offline(True)
    for socket in sockets:
        socket.close()
    session.page.wait_for_function(f"() => {KERNEL}.connectionStatus !== 'connected'")
    box.clear_faults()
    with box.client() as client:
        until(lambda: not client.runs.get(session.run).interrupts)
    see(session.page, "Sending your answer…")
    context.set_offline(False)
    session.page.evaluate(
        f"() => {{ void {KERNEL}.reconnect(); }}"
    )  # it would try by itself, ever less often
    see(session.page, "Kept in review")
    assert posts() == 1


def test_a_form_works_after_a_reload_of_the_page(open_session, posts):
    """After the page was reloaded the form still works, without a hint, and its receipt is seen."""
    session = open_session("watchlist_hit", FORM)
    card(session.page).locator("textarea").fill("typed before")
    until(lambda: session.value("form.controller.entries['0']['note']") == "typed before")
    session.saved()
    restored = card(session.page)
    lost = outputs(session.page).filter(has_text="model not found")
    for _ in range(3):  # JupyterLab waits only seconds for the widgets of a busy kernel
        session.page.reload()
        expect(restored.or_(lost).first).to_be_visible()
        if not lost.count():
            break
    expect(restored.locator("textarea")).to_have_value("typed before")
    expect(session.page.locator(".runkit-nobuttons")).to_have_count(1)
    expect(session.page.locator(".runkit-nobuttons")).to_be_hidden()
    dismiss(session.page)
    verb(session.page, DISMISS).click()
    see(session.page, "Hit dismissed")
    assert posts() == 1


def test_a_form_without_anywidget_says_what_to_install(open_session, context):
    """The question and what to do without buttons are shown."""
    context.route("**/extensions/anywidget/**", lambda route: route.abort())
    page = open_session("watchlist_hit", FORM).page
    see(page, "No buttons below? Install anywidget where JupyterLab runs")
    see(page, "Watchlist hit is another person")
    expect(card(page)).to_have_count(0)


def test_a_draft_is_restored_after_a_restart_of_the_kernel(open_session, posts):
    """The header can be read, a click is harmless; running the cell again restores the draft."""
    session = open_session("watchlist_hit", FORM)
    card(session.page).locator("textarea").fill(NOTE)
    kept = session.path.parent / "state" / "runkit.sqlite3"
    until(lambda: kept.exists() and NOTE.encode() in kept.read_bytes())
    session.restart()
    see(session.page, "Watchlist hit is another person")
    press(verb(session.page, DISMISS))
    session.run_all()
    see(session.page, "Draft restored.")
    expect(card(session.page).locator("textarea")).to_have_value(NOTE)
    dismiss(session.page)
    verb(session.page, DISMISS).click()
    see(session.page, "Hit dismissed")
    assert posts() == 1


def test_keys_that_delete_a_cell_do_nothing_in_a_form(open_session):
    """The keys that delete a cell do nothing while a control of a form has the focus."""
    page = open_session("address_gap", FORM).page
    card(page).get_by_role("button", name="Edit").click()
    page.locator(".jp-CodeCell").nth(1).focus()
    for words in ("Close", "Add the source", "Don't add"):
        tab_to(page, words)
        page.keyboard.press("d")
        page.keyboard.press("d")
    page.locator(".rk-pane").focus()
    page.keyboard.press("d")
    page.keyboard.press("d")
    expect(page.locator(".jp-CodeCell")).to_have_count(2)
    expect(card(page)).to_be_visible()


def test_a_saved_notebook_keeps_question_and_receipt(open_session, posts):
    """The saved notebook holds the question and the receipt, no widget and no key.

    Opened untrusted it shows both, and so does what nbconvert makes of it, with the network off.
    """
    short = FORM.replace("run)", "run, receipts='short')")
    session = open_session("watchlist_hit", short)
    dismiss(session.page)
    verb(session.page, DISMISS).click()
    see(session.page, "Hit dismissed, ")
    expect(card(session.page)).to_have_count(0)
    notebook = session.saved()
    text = session.path.read_text()
    for absent in ("widget-view", "mk_test_", NOTE):
        assert absent not in text
    assert "widgets" not in notebook["metadata"]
    [_, receipt] = ("".join(item["data"]["text/html"]) for item in notebook["cells"][1]["outputs"])
    assert "Watchlist hit is another person" in receipt
    assert "Hit dismissed" in receipt

    notebook["metadata"]["changed"] = "so it is not the one that was signed"
    copy = session.path.with_name("untrusted.ipynb")
    copy.write_text(json.dumps(notebook))
    page = session.page
    page.evaluate(
        "path => window.jupyterapp.commands.execute('docmanager:open', {path})",
        f"{session.path.parent.name}/untrusted.ipynb",
    )
    page.wait_for_function(
        f"() => {PANEL}.context?.path.endsWith('untrusted.ipynb') && {PANEL}.context.isReady"
    )
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    shown.locator("summary").filter(has_text="Details").click()
    expect(shown.get_by_text("Watchlist hit is another person").first).to_be_visible()
    expect(shown.get_by_text("Hit dismissed").first).to_be_visible()
    assert page.evaluate(f"() => {PANEL}.content.widgets[1].model.trusted") is False

    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    alone = page.context.browser.new_context(offline=True).new_page()
    alone.goto(copy.with_suffix(".html").as_uri())
    alone.locator("summary").filter(has_text="Details").click()
    expect(alone.get_by_text("Watchlist hit is another person").first).to_be_visible()
    expect(alone.get_by_text("Hit dismissed").first).to_be_visible()
    alone.context.close()
