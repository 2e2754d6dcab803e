"""What assistive technology gets of cards in a browser: names, groups, required fields, announcements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

import runkit
from runkit.style import DARK, LIGHT
from tests.widgets.asking import Asking
from tests.widgets.live import LivePage

Json = dict[str, Any]
NAMES = {
    "watchlist_hit": {"Dismiss the hit", "Keep the hit"},
    "decision": {"Approve", "Keep in review", "Reject"},
    "combined_proposal": {"Approve both", "Reject both", "Send 2 answers"},
}


@pytest.fixture
def show(live: LivePage, asking: Asking) -> Iterator[Callable[[str], Locator]]:
    forms: list[runkit.InterruptForm] = []

    def show(scenario: str) -> Locator:
        """Display the form of a new question."""
        forms.append(runkit.InterruptForm(asking.client, asking.run(scenario), who="Ana Ortiz"))
        return live.add(forms[-1].widget)

    yield show
    for form in forms:
        form.close()


Show = Callable[[str], Locator]


def nodes(page: Page, role: str) -> dict[str, Json]:
    """Return the nodes of a role in Chromium's accessibility tree, by name."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] == role]
    return {node["name"]["value"]: node for node in nodes}


def shortcut(node: Json) -> str | None:
    """Return the key of a button, as the accessibility tree has it."""
    values = {item["name"]: item["value"].get("value") for item in node["properties"]}
    return values.get("keyshortcuts")


@pytest.mark.parametrize("scenario", NAMES)
def test_names_of_buttons(show: Show, page: Page, scenario: str) -> None:
    show(scenario)
    buttons = nodes(page, "button")
    assert buttons.keys() >= NAMES[scenario]
    assert not [name for name in buttons if name.endswith(("Enter", "A", "X"))]


def test_shortcuts_of_buttons(show: Show, page: Page) -> None:
    show("decision")
    shortcuts = {name: shortcut(node) for name, node in nodes(page, "button").items()}
    keys = [shortcuts[name] for name in ("Approve", "Keep in review", "Reject")]
    assert keys == ["Control+Enter", None, "X"]


def test_groups_of_a_combined_question(show: Show, page: Page) -> None:
    card = show("combined_proposal")
    names = ["1. Verify the TIN with the uploaded letter?", "2. Dismiss 1 potential hit?"]
    assert [name for name in nodes(page, "group") if name] == names
    for name, button in zip(names, ("Verify the TIN", "Dismiss the hit"), strict=True):
        verb = card.get_by_role("group", name=name).get_by_role("button", name=button)
        verb.click()
        expect(verb).to_have_attribute("aria-pressed", "true")
        expect(verb).to_have_accessible_name(button)


@pytest.mark.parametrize(
    ("scenario", "role", "name"),
    [("watchlist_hit", "textbox", "Reason"), ("tin_mismatch", "radiogroup", "Document")],
)
def test_required_fields(show: Show, scenario: str, role: Any, name: str) -> None:
    card = show(scenario)
    expect(card.locator("[aria-required=true]")).to_have_count(1)
    expect(card.get_by_role(role, name=name)).to_have_attribute("aria-required", "true")


def test_two_cards_on_a_page(live: LivePage, asking: Asking, show: Show) -> None:
    inbox = runkit.InterruptInbox(asking.client)
    live.add(inbox.widget)
    form = show("decision")
    live.settle()
    assert live.announcements()
    for _ in range(3):
        inbox.controller.refresh()
        live.settle()
    [announcement] = live.announcements()  # the question of the form is in the inbox, too
    assert "waiting" in announcement
    form.locator(".rk-bar button").filter(has_text="Reject").click()
    inbox.controller.refresh()
    live.settle()
    assert live.announcements() == ["Reject? Press again: can't be undone"]
    inbox.close()


@pytest.mark.parametrize(
    ("name", "value", "theme"),
    [
        ("data-jp-theme-light", "false", DARK),
        ("data-jp-theme-light", "true", LIGHT),
        ("data-vscode-theme-kind", "vscode-dark", DARK),
        ("data-vscode-theme-kind", "vscode-light", LIGHT),
        ("data-vscode-theme-kind", "vscode-high-contrast", DARK),
        ("data-vscode-theme-kind", "vscode-high-contrast-light", LIGHT),
        ("class", "vscode-dark", DARK),
    ],
)
def test_themes(show: Show, page: Page, name: str, value: str, theme: Any) -> None:
    card = show("decision")
    page.evaluate("([name, value]) => document.body.setAttribute(name, value)", [name, value])
    color = "card => getComputedStyle(card).getPropertyValue('--runkit-muted')"
    assert card.evaluate(color).strip() == theme.muted
