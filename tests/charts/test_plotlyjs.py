"""Figures drawn by plotly.js 3, which other front ends bring along (VS Code), as by the one of plotly 7."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

import runkit
from runkit.charts import fleet
from support import example

OLD = "plotly==6.5.0"  # brings plotly.js 3
DRAW = """async ({data, layout}) => {
  await Plotly.newPlot("it", data, {...layout, width: 1200});
  return {
    bars: document.querySelectorAll(".bars .point path").length,
    dots: document.querySelectorAll(".scatterlayer .point").length,
    texts: [...document.querySelectorAll("svg text")].map((text) => text.textContent).filter(Boolean).sort(),
  };
}"""


@pytest.fixture(scope="session")
def plotlyjs(request: pytest.FixtureRequest) -> list[str]:
    """Both scripts; pytest's cache keeps the old one, so that it is installed once."""
    folder: Path = request.config.cache.mkdir("plotly-6")  # type: ignore[union-attr]
    script = folder / "plotly" / "package_data" / "plotly.min.js"
    if not script.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--no-deps", "--upgrade", "--target", str(folder), OLD], check=True)
    old, new = script.read_text(), get_plotlyjs()
    assert "plotly.js v3." in old[:200]
    assert "plotly.js v3." not in new[:200]
    return [old, new]


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    """One of each kind, with a figure of every panel that has one."""
    f = runkit.frames(example("completed"))
    with runkit.sandbox(speed=600, history=170, seed=3) as box, box.client(rate=None) as client:
        many = runkit.frames(client.runs.fetch(client.runs.list(progress=False), progress=False))
    ids = many.runs["run_id"].tolist()
    several, some = many.select(ids[:2]), many.select(ids[:40])
    drawn: dict[str, Any] = {
        "one run": runkit.gantt(f),
        "two runs": runkit.gantt(several),
        "40 runs": runkit.gantt(some),
        "170 runs": runkit.gantt(many),
    }
    for panel in (fleet.failed_steps, fleet.outcomes, fleet.slowest_steps, fleet.waits):
        drawn[panel.__name__] = panel(many).figure
    return {name: figure for name, figure in drawn.items() if figure is not None}


@pytest.mark.browser
def test_both_draw_the_same(
    browser: Any, figures: dict[str, Figure], plotlyjs: list[str], tmp_path: Path
) -> None:
    """As many bars and points, and the same texts, for every figure."""
    seen: list[dict[str, Any]] = []
    for number, script in enumerate(plotlyjs):
        path = tmp_path / f"{number}.html"
        path.write_text(f"<meta charset=utf-8><script>{script}</script><div id=it></div>")
        with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
            page = context.new_page()
            page.goto(path.as_uri())
            seen.append(
                {name: page.evaluate(DRAW, figure.to_plotly_json()) for name, figure in figures.items()}
            )
    assert seen[0] == seen[1]
    assert sum(one["bars"] for one in seen[1].values()) > 100
