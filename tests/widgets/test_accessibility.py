"""What assistive technology gets of cards: names, required fields, announcements."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import runkit
from runkit.display.colors import DARK, LIGHT
from tests.widgets.live import is_armed, press
from tests.widgets.test_inbox import refresh

Json = dict[str, Any]
NAMES = {
    "watchlist_hit": {"Dismiss the hit": "Control+Enter", "Keep the hit": "X"},
    "decision": {"Approve": "A", "Keep in review": "X", "Reject": "R"},
    "combined_proposal": {
        "Approve both": "A",
        "Reject both": "X",
        "Send 2 answers": "Control+Enter",
    },
}


def nodes(page: Page, role: str) -> dict[str, Json]:
    """Return the nodes of a role in Chromium's accessibility tree, by name."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] == role]
    return {node["name"]["value"]: node for node in nodes}


def shortcut(node: Json) -> str | None:
    """Return the key of a button, as the accessibility tree has it."""
    values = {item["name"]: item["value"].get("value") for item in node["properties"]}
    return values.get("keyshortcuts")


def test_buttons_have_names_and_shortcuts(show, page):
    for scenario, expected in NAMES.items():
        show(scenario)
        buttons = nodes(page, "button")
        assert {name: shortcut(buttons[name]) for name in expected} == expected


def test_required_fields_are_marked(show):
    card = show("watchlist_hit")
    expect(card.locator("[aria-required=true]")).to_have_count(1)
    expect(card.get_by_role("textbox", name="Reason")).to_have_attribute("aria-required", "true")
    card = show("tin_mismatch")
    expect(card.get_by_role("radiogroup", name="Document")).to_have_attribute(
        "aria-required", "true"
    )


def test_two_cards_on_a_page_announce_a_change_once(live, asking, show):
    inbox = runkit.InterruptInbox(asking.client)
    live.add(inbox.widget)
    form = show("decision")
    live.settle()
    assert live.announcements()
    for _ in range(3):
        refresh(inbox)
        live.settle()
    [announcement] = live.announcements()  # the question of the form is in the inbox, too
    assert "waiting" in announcement
    form.locator(".rk-bar button").filter(has_text="Approve").click()
    refresh(inbox)
    live.settle()
    assert live.announcements() == ["Press again to approve. This can't be undone. Esc cancels."]
    inbox.close()


THEMES = [
    ("data-jp-theme-light", "false", DARK),
    ("data-jp-theme-light", "true", LIGHT),
    ("data-vscode-theme-kind", "vscode-dark", DARK),
    ("data-vscode-theme-kind", "vscode-light", LIGHT),
    ("data-vscode-theme-kind", "vscode-high-contrast", DARK),
    ("data-vscode-theme-kind", "vscode-high-contrast-light", LIGHT),
    ("class", "vscode-dark", DARK),
]


def test_cards_follow_the_theme_of_the_front_end(show, page):
    card = show("decision")
    color = "card => getComputedStyle(card).getPropertyValue('--runkit-muted')"
    for name, value, theme in THEMES:
        page.evaluate("([name, value]) => document.body.setAttribute(name, value)", [name, value])
        assert card.evaluate(color).strip() == theme.muted, (name, value)
        page.evaluate("name => document.body.removeAttribute(name)", name)


@pytest.mark.parametrize("is_light", ["true", "false"])
def test_forms_have_no_serious_accessibility_finding(show, live, page, is_light):
    """No form has a serious finding of axe, whether it is open, wrong, armed or closed."""
    page.evaluate("(value) => document.body.setAttribute('data-jp-theme-light', value)", is_light)
    hit, decision, document, combined, sources = map(
        show, ("watchlist_hit", "decision", "tin_mismatch", "combined_proposal", "address_gap")
    )
    for card in (document, combined, hit):
        card.locator("[data-id^=press]").first.click()
    sources.get_by_role("button", name="Edit").click()
    for card in (decision, sources):
        press(card.locator("[data-id^=press]").first, times=1 if card is decision else 2)
    live.until(lambda: sources.get_attribute("data-state") == "settled")
    decision.locator("[data-id^=press]").first.click()
    is_armed(page)
    found = Axe().run(page, {"include": [[".runkit-card"]]}).response["violations"]
    assert [item["id"] for item in found if item["impact"] in ("serious", "critical")] == []
