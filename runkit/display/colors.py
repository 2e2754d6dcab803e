"""The colors of runkit, in both themes, wherever a person reads them.

The colors of the four states have a contrast of at least 4.5:1 with their background, in both
themes. A state is never shown by its color alone: an icon and a word go with it. The colors of
agents in charts have one of at least 3:1 in the light theme and 5:1 in the dark one; none is near
red or amber, and they are apart for people who see two colors.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from runkit.display.text import Markup, environment


class Theme(NamedTuple):
    """The colors of one theme, by default the light one.

    `*_on` is the background of text in that color; `on_accent` is text on `accent`.
    """

    ground: str = "#FFFFFF"
    text: str = "#1F2328"
    muted: str = "#59636E"
    line: str = "#D9DEE3"
    grid: str = "#ECEFF2"
    band: str = "#F6F8FA"
    ok: str = "#1A7F37"
    ok_on: str = "#E6F6EA"
    attention: str = "#8A5A00"
    attention_on: str = "#FFF4D9"
    fail: str = "#B42318"
    fail_on: str = "#FEE4E2"
    accent: str = "#1F6FEB"
    selected: str = "#EAF2FF"
    link: str = "#1A5FCC"
    wait: str = "#D97706"
    on_accent: str = "#FFFFFF"
    agent_1: str = "#2472EA"
    agent_2: str = "#4B5F72"
    agent_3: str = "#4AA27B"
    agent_4: str = "#6B2CBF"
    agent_5: str = "#878CC9"
    agent_6: str = "#07305A"
    other_agents: str = "#707071"


LIGHT = Theme()
DARK = Theme(
    ground="#111111",
    text="#E6E8EB",
    muted="#9AA4AF",
    line="#2C3137",
    grid="#23282E",
    band="#191C20",
    ok="#4AC26B",
    ok_on="#10291A",
    attention="#D6A325",
    attention_on="#2E240A",
    fail="#F97066",
    fail_on="#3B1512",
    accent="#4F9CF9",
    selected="#14263D",
    link="#6FB0FF",
    on_accent="#0B1B30",
    agent_1="#3A7FFD",
    agent_2="#69889F",
    agent_3="#62DDA2",
    agent_4="#9297FB",
    agent_5="#CAAAE3",
    agent_6="#A7DFEE",
    other_agents="#A2A3A3",
)
AGENT_COLORS = tuple(name for name in Theme._fields if name.startswith("agent_"))


def color_of(name: str, theme: Theme) -> str:
    """Return a color by its name in `Theme`."""
    return str(getattr(theme, name))


def faded(color: str, alpha: float) -> str:
    """Return a hexadecimal color that lets the ground through; 1 is opaque."""
    if alpha == 1:
        return color
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},{alpha})"


_environment = environment(Path(__file__).with_name("static"))
_environment.globals |= {"light": LIGHT, "dark": DARK}
_variables = _environment.get_template("colors.css.j2")


def css_variables(selector: str, *, is_page: bool = False) -> Markup:
    """Write the colors as CSS variables (`--runkit-ok`) within `selector`.

    They follow the theme of JupyterLab or VS Code, or on a page of its own the reader's; paper is
    light.
    """
    return Markup(_variables.render(selector=selector, is_page=is_page))  # noqa: S704 - ours
