"""HTML and CSS from templates of Jinja, which escape each value."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from runkit.display import colors
from runkit.display.text import Markup, esc


def environment(folder: Path) -> Environment:
    """Return the environment of the templates in a folder."""
    return Environment(loader=FileSystemLoader(folder), autoescape=True, finalize=esc)


_environment = environment(Path(__file__).with_name("static"))
_environment.globals |= {"light": colors.LIGHT, "dark": colors.DARK}
_colors = _environment.get_template("colors.css.j2")


def css_variables(selector: str, *, is_page: bool = False) -> Markup:
    """Write the colors as CSS variables (`--runkit-ok`) within `selector`.

    They follow the theme of JupyterLab or VS Code, or on a page of its own the reader's; paper is
    light.
    """
    return Markup(_colors.render(selector=selector, is_page=is_page))  # noqa: S704
