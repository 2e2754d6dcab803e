"""Forms in a real JupyterLab."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, WebSocketRoute, expect

from runkit.server import Sandbox
from tests.lab.conftest import COLORS, KERNEL, LEAST_CONTRAST, LIGHT, PANEL, Desk, Posts

Open = Callable[..., Desk]
FORM = "form = runkit.InterruptForm(client, run)\nform"
KEEP = "Keep in review"
YES = "Yes, dismiss the hit"
NOTE = "born in another year"
QUICK = """import time, runkit.widgets.form
runkit.widgets.form.CHECK_INTERVAL = 0.5
runkit.Client._sleep = staticmethod(lambda seconds: time.sleep(seconds / 5))
"""  # looks for other answers, and the looks after a doubtful failure
FOCUS = """() => {
    const at = document.activeElement;
    return at.labels?.[0]?.textContent || at.textContent.trim();
}"""
THREADS = "sorted(t.name for t in __import__('threading').enumerate() if t.name.startswith('runkit-'))"

# The contrast of each text, also in controls, with the ground that is seen behind it.
CONTRAST = (
    "() => {"
    + COLORS
    + """
  const ratios = [];
  for (const output of document.querySelectorAll(".jp-OutputArea-output")) {
    for (const node of output.querySelectorAll("*")) {
      const says = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
      if ((!says && !node.matches("input, textarea, select")) || !node.checkVisibility()) continue;
      ratios.push([contrast(getComputedStyle(node).color, ground(node)), node.outerHTML.slice(0, 100)]);
    }
  }
  return ratios;
}"""
)
pytestmark = [pytest.mark.browser]
light = pytest.mark.parametrize("lab", [LIGHT], indirect=True)


def card(page: Page) -> Locator:
    return page.locator(".jp-OutputArea-output .runkit-card")


def button(page: Page, words: str) -> Locator:
    return card(page).get_by_role("button", name=words, exact=True)


def outputs(page: Page) -> Locator:
    return page.locator(".jp-OutputArea-output")


def see(page: Page, words: str) -> None:
    """Wait until an output says something."""
    expect(outputs(page).filter(has_text=words).first).to_be_visible()


def choose(page: Page, answer: str) -> None:
    card(page).get_by_role("combobox").first.select_option(answer)


def busy_prompt(page: Page, number: int) -> Locator:
    """The prompt of a cell that runs, counted from 1."""
    return page.locator(".jp-CodeCell").nth(number - 1).get_by_text("[*]:")


def until(is_true: Callable[[], bool], patience: float = 15) -> None:
    """Wait until something is so that only the kernel knows."""
    deadline = time.monotonic() + patience
    while not is_true():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.1)


def tab_to(page: Page, words: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS).startswith(words):
            return
    raise AssertionError(f"Tab does not lead to {words!r}")


@light
def test_the_keyboard_is_enough(open_desk: Open, posts: Posts, tmp_path: Path) -> None:
    """From the cell to the receipt of a combined proposal by keys alone, with one POST at the end."""
    desk = open_desk("combined_proposal", FORM)
    page = desk.page
    button(page, "0 of 2 answered").wait_for()
    page.locator(".jp-CodeCell").nth(1).focus()
    tab_to(page, "Approve all")
    page.keyboard.press("Space")
    button(page, "Approve all 2").wait_for()
    tab_to(page, "Your answer")
    page.keyboard.press("ArrowDown")
    button(page, "Approve 1 of 2").wait_for()
    page.keyboard.type("Ver")
    button(page, "Approve all 2").wait_for()
    tab_to(page, "Note (required to dismiss)")
    page.keyboard.type("born in another year")
    tab_to(page, "Approve all 2")
    page.keyboard.press("Enter")
    see(page, "This can't be undone.")
    page.wait_for_function(f"() => ({FOCUS})() === 'Go back'")
    page.screenshot(path=tmp_path / "confirm.png")
    tab_to(page, "Yes, approve all 2")
    page.keyboard.press("Space")
    see(page, "Answered by")
    page.wait_for_function("() => document.activeElement.matches('.jp-Cell')")
    assert posts.count() == 1


def dismiss(page: Page) -> None:
    """Answer the question about a hit, up to the last click."""
    choose(page, "Dismiss the hit")
    card(page).locator("textarea").fill(NOTE)
    button(page, "Dismiss the hit").click()
    button(page, YES).wait_for()


@light
def test_a_double_click(open_desk: Open, posts: Posts) -> None:
    """A double click on the button is one POST."""
    page = open_desk("decision", FORM).page
    choose(page, "in_review")
    button(page, KEEP).dblclick()
    see(page, "Answered by")
    assert posts.count() == 1


@light
def test_enter_twice_does_not_confirm(open_desk: Open, posts: Posts) -> None:
    """Enter twice on the button leaves a final answer unsent, and the focus on a button of the card."""
    page = open_desk("watchlist_hit", FORM).page
    choose(page, "Dismiss the hit")
    card(page).locator("textarea").fill(NOTE)
    button(page, "Dismiss the hit").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    see(page, "This can't be undone.")
    page.wait_for_function(f"() => ({FOCUS})() === 'Go back'")
    page.keyboard.press("Enter")
    see(page, "Not sent.")
    page.wait_for_function(f"() => ({FOCUS})() === 'Dismiss the hit'")
    assert posts.count() == 0


@light
def test_a_refusal_keeps_the_text(open_desk: Open, posts: Posts) -> None:
    """After a 500 the card looks, finds the question still open, has kept the text, and sends it again."""
    page = open_desk("watchlist_hit", FORM, setup=QUICK).page
    dismiss(page)
    posts.fail("refuse", status=500)
    button(page, YES).click()
    see(page, "Checking whether your answer arrived…")
    see(page, "The question is still open.")
    expect(card(page).locator("textarea")).to_have_value(NOTE)
    button(page, "Dismiss the hit").click()
    button(page, YES).click()
    see(page, "Answered by")
    assert posts.count() == 2


@light
def test_answered_elsewhere(open_desk: Open, box: Sandbox, posts: Posts) -> None:
    """When a colleague was first the card is closed, says when and, as the API tells it, by whom."""
    desk = open_desk("watchlist_hit", FORM, setup=QUICK)
    button(desk.page, "Send answer").wait_for()
    with box.client(person="Noor Colleague") as colleague:
        colleague.runs.resume(desk.run, desk.run.interrupts[0].id, {"decision": "reject"})
    see(desk.page, "Already answered at")
    see(desk.page, "by Noor Colleague (according to the API)")
    expect(card(desk.page)).to_have_count(0)
    assert posts.count() == 1


@light
@pytest.mark.parametrize("fault", [{"kind": "lose_reply"}, {"kind": "slow", "seconds": 2}])
def test_a_lost_reply(open_desk: Open, posts: Posts, fault: dict[str, object]) -> None:
    """An answer whose reply never came is found settled: one POST, and a receipt that claims no more."""
    page = open_desk("watchlist_hit", FORM, options="timeout=1").page
    dismiss(page)
    posts.fail(**fault)
    button(page, YES).click()
    see(page, "Checking whether your answer arrived…")
    see(page, "couldn't confirm")
    see(page, "unconfirmed: the API doesn't tell whose answer closed it")
    assert posts.count() == 1


@light
def test_offline_while_sending(open_desk: Open, context: BrowserContext, box: Sandbox, posts: Posts) -> None:
    """The browser loses the server in mid-send; when it is back the receipt is there."""
    sockets: list[WebSocketRoute] = []
    context.route_web_socket(
        "**/channels*", lambda socket: sockets.append(socket) or socket.connect_to_server()
    )
    desk = open_desk("decision", FORM)
    choose(desk.page, "in_review")
    posts.fail("slow", seconds=1)
    button(desk.page, KEEP).click()
    button(desk.page, "Sending…").wait_for()
    context.set_offline(True)
    for socket in sockets:
        socket.close()
    desk.page.wait_for_function(f"() => {KERNEL}.connectionStatus !== 'connected'")
    with box.client() as client:
        until(lambda: not client.runs.get(desk.run).interrupts)
    expect(button(desk.page, "Sending…")).to_be_visible()
    context.set_offline(False)
    desk.page.evaluate(f"() => {{ void {KERNEL}.reconnect(); }}")  # it would try by itself, ever less often
    see(desk.page, "Answered by")
    assert posts.count() == 1


@light
def test_a_reload(open_desk: Open, posts: Posts) -> None:
    """After the page was reloaded the form still works, and its receipt is seen."""
    desk = open_desk("watchlist_hit", FORM)
    choose(desk.page, "Dismiss the hit")
    desk.saved()
    desk.page.reload()
    expect(card(desk.page).locator("select").first).to_have_value("Dismiss the hit")
    dismiss(desk.page)
    button(desk.page, YES).click()
    see(desk.page, "Answered by")
    assert posts.count() == 1


@light
def test_a_restart_of_the_kernel(open_desk: Open, posts: Posts) -> None:
    """The header can be read, a click is harmless, and running the cell again brings back what was typed."""
    desk = open_desk("watchlist_hit", FORM)
    choose(desk.page, "Dismiss the hit")
    card(desk.page).locator("textarea").fill(NOTE)
    button(desk.page, "Dismiss the hit").wait_for()
    kept = desk.path.parent / "state" / "runkit.sqlite3"
    until(lambda: kept.exists() and NOTE.encode() in kept.read_bytes())
    desk.restart()
    see(desk.page, "Watchlist hit is another person")
    card(desk.page).get_by_role("button", name="Dismiss the hit").click()
    desk.run_all()
    see(desk.page, "Draft restored.")
    expect(card(desk.page).locator("textarea")).to_have_value(NOTE)
    dismiss(desk.page)
    button(desk.page, YES).click()
    see(desk.page, "Answered by")
    assert posts.count() == 1


@light
@pytest.mark.parametrize(
    "busy",
    [
        "import time; time.sleep(2)",
        "import asyncio; await asyncio.sleep(2)",
        "await form.answered(timeout=20)",
    ],
)
def test_a_click_while_a_cell_runs(open_desk: Open, posts: Posts, busy: str) -> None:
    """A click is heard while or after another cell runs, and is one POST."""
    desk = open_desk("decision", FORM, busy)
    page = desk.page
    busy_prompt(page, 3).wait_for()
    choose(page, "in_review")
    button(page, KEEP).click()
    see(page, "Answered by")
    page.wait_for_selector("text=[3]:")
    assert page.locator("text=Traceback").count() == 0
    assert posts.count() == 1


@light
def test_a_click_does_not_overtake(open_desk: Open, posts: Posts) -> None:
    """What was chosen and typed last is what is sent, even if the kernel was busy all the while."""
    busy = "import time; time.sleep(2)"
    desk = open_desk("decision", FORM, busy, "print(runkit.answer_log().answer[0])")
    page = desk.page
    busy_prompt(page, 3).wait_for()
    choose(page, "in_review")
    reason = card(page).get_by_role("textbox", name="Reason")
    reason.press_sequentially("to be looked at")
    card(page).get_by_role("button").click()
    see(page, "Answered by")
    desk.run_cell(3)
    see(page, "to be looked at")
    assert posts.count() == 1


@light
def test_d_d_is_harmless(open_desk: Open) -> None:
    """The keys that delete a cell do nothing while a control of a form has the focus."""
    page = open_desk("address_gap", FORM).page
    button(page, "Send answer").wait_for()
    page.locator(".jp-CodeCell").nth(1).focus()
    tab_to(page, "Your answer")
    for words in ("Remove source 1", "Add a source", "Send answer"):
        tab_to(page, words)
        page.keyboard.press("d")
        page.keyboard.press("d")
    expect(page.locator(".jp-CodeCell")).to_have_count(2)
    expect(card(page)).to_be_visible()


@light
def test_where_the_focus_goes(open_desk: Open, posts: Posts) -> None:
    """To the first error, and after a receipt to the next card, or to the cell if it was the last."""
    second = """other = client.runs.create("cip_orchestrator", box.business("decision"))
runkit.InterruptForm(client, client.runs.wait(other))"""
    page = open_desk("watchlist_hit", FORM, second).page
    first, last = card(page).nth(0), card(page).nth(1)
    last.get_by_role("button", name="Send answer", exact=True).wait_for()
    first.get_by_role("combobox").first.select_option("Dismiss the hit")
    first.get_by_role("button", name="Dismiss the hit", exact=True).click()
    see(page, "a dismissal needs a note")
    expect(first.locator("textarea")).to_be_focused()
    expect(first.locator("textarea")).to_have_attribute("aria-invalid", "true")
    first.get_by_role("combobox").first.select_option("Keep the hit")
    first.get_by_role("button", name="Keep the hit", exact=True).click()
    see(page, "Answered by")
    expect(card(page)).to_have_count(1)
    expect(card(page).get_by_role("combobox").first).to_be_focused()
    choose(page, "in_review")
    button(page, KEEP).click()
    expect(card(page)).to_have_count(0)
    page.wait_for_function("() => document.activeElement.matches('.jp-Cell')")
    assert posts.count() == 2


@light
def test_ten_runs_of_a_cell(open_desk: Open) -> None:
    """Ten runs of one cell leave one card and one set of threads; clearing the output ends them."""
    desk = open_desk("watchlist_hit", FORM)
    button(desk.page, "Send answer").wait_for()
    for _ in range(9):
        desk.run_cell(1)
    desk.page.wait_for_selector("text=[11]:")
    expect(card(desk.page)).to_have_count(1)
    until(lambda: desk.value(THREADS) == ["runkit-form"])
    desk.clear_cell(1)
    until(lambda: desk.value(THREADS) == [])


ASK = """def ask(scenario):
    made = client.runs.create("cip_orchestrator", box.business(scenario))
    return runkit.InterruptForm(client, client.runs.wait(made, poll=0.02))"""


@light
def test_what_is_saved(open_desk: Open, posts: Posts, tmp_path: Path) -> None:
    """The saved notebook holds header and receipt, no widget, no key and nothing that was typed.

    Opened untrusted it shows both, and so does what nbconvert makes of it, with the network off.
    """
    desk = open_desk("watchlist_hit", FORM)
    dismiss(desk.page)
    button(desk.page, YES).click()
    see(desk.page, "Answered by")
    expect(card(desk.page)).to_have_count(0)
    notebook = desk.saved()
    text = desk.path.read_text()
    for absent in ("widget-view", "mk_test_", NOTE):
        assert absent not in text
    assert "widgets" not in notebook["metadata"]
    [header, receipt] = ("".join(one["data"]["text/html"]) for one in notebook["cells"][1]["outputs"])
    assert "Watchlist hit is another person" in header
    assert "Answered by" in receipt

    notebook["metadata"]["changed"] = "so it is not the one that was signed"
    copy = desk.path.with_name("untrusted.ipynb")
    copy.write_text(json.dumps(notebook))
    page = desk.page
    page.evaluate(
        "path => window.jupyterapp.commands.execute('docmanager:open', {path})",
        f"{desk.path.parent.name}/untrusted.ipynb",
    )
    page.wait_for_function(
        f"() => {PANEL}.context?.path.endsWith('untrusted.ipynb') && {PANEL}.context.isReady"
    )
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(shown.get_by_text("Watchlist hit is another person").first).to_be_visible()
    expect(shown.get_by_text("Answered by").first).to_be_visible()
    assert page.evaluate(f"() => {PANEL}.content.widgets[1].model.trusted") is False
    page.screenshot(path=tmp_path / "untrusted.png")

    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    alone = page.context.browser.new_context(offline=True).new_page()
    alone.goto(copy.with_suffix(".html").as_uri())
    expect(alone.get_by_text("Watchlist hit is another person").first).to_be_visible()
    expect(alone.get_by_text("Answered by").first).to_be_visible()
    alone.screenshot(path=tmp_path / "exported.png")
    alone.context.close()


KINDS = ("decision", "tin_mismatch", "address_gap", "combined_proposal")


def test_the_looks(open_desk: Open, tmp_path: Path) -> None:
    """In both themes each kind of form, errors, the last question and a receipt can be read and are named."""
    page = open_desk("watchlist_hit", FORM, ASK, *(f"ask({one!r})" for one in KINDS)).page
    expect(card(page)).to_have_count(5)
    hit, decision, document, sources, combined = (card(page).nth(number) for number in range(5))
    combined.get_by_role("button", name="0 of 2 answered").wait_for()
    page.set_viewport_size({"width": 1280, "height": 4200})
    check_looks(page, tmp_path / "open.png")
    for one in (document, combined):
        one.get_by_role("button", name="answer").last.click()
    see(page, "Fix the 2 fields marked below.")
    decision.get_by_role("combobox").first.select_option("rejected")
    decision.get_by_role("button", name="Reject", exact=True).click()
    see(page, "Reject? This can't be undone.")
    sources.get_by_role("button", name="Add a source").click()
    check_looks(page, tmp_path / "errors.png")
    hit.get_by_role("combobox").first.select_option("Keep the hit")
    hit.get_by_role("button", name="Keep the hit", exact=True).click()
    see(page, "Answered by")
    expect(card(page)).to_have_count(4)
    check_looks(page, tmp_path / "receipt.png")


def check_looks(page: Page, picture: Path) -> None:
    """Take a picture; no serious finding of axe, and all that can be read is 4.5:1 against its ground."""
    page.mouse.move(0, 0)  # JupyterLab lights up the row of a table that the mouse is on
    page.screenshot(path=picture)
    found = Axe().run(page, {"include": [[".jp-OutputArea-output"]]})
    serious = [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 20
    assert [one for one in ratios if one[0] < LEAST_CONTRAST] == []
