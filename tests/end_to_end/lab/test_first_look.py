"""The first notebook in a real JupyterLab, light and dark."""

import nbformat
import pytest
from playwright.sync_api import expect

from tests.end_to_end.lab.conftest import RUN_ALL, wait_until_ready
from tests.notebooks import FOLDER

NAME = "01_first_look.ipynb"
# The contrast (WCAG) of a figure's texts with the ground that is seen behind them.
CONTRAST = """() => {
  const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = rgb(color).map((x) => x / 255).map(
      (x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgb(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const ratios = [];
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const paper = getComputedStyle(plot.querySelector(".main-svg")).backgroundColor;
    const back = /rgba\\(.*, 0\\)|transparent|^$/.test(paper) ? ground(plot) : paper;
    for (const text of plot.querySelectorAll("text")) {
      if (!text.textContent.trim()) continue;
      ratios.push(contrast(getComputedStyle(text).fill, back));
    }
  }
  return ratios;
}"""
LEAST_CONTRAST = 4.5  # WCAG AA for text
SET_THEME = """async (theme) => {
  await window.jupyterapp.commands.execute("apputils:change-theme", {theme});
}"""
ALL_RUN = """() => {
  // A cell whose source is hidden has an empty prompt.
  const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
    .map((prompt) => prompt.textContent).filter(Boolean);
  return prompts.length && prompts.every((text) => /\\[\\d+\\]/.test(text));
}"""


@pytest.mark.browser
def test_the_first_notebook_draws_itself(lab, pages):
    """All cells run, both charts are drawn and can be read, and no button sends them anywhere."""
    notebook = nbformat.read(FOLDER / NAME, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # what is committed would be taken for what is drawn
            cell.outputs = []
            cell.execution_count = None
    nbformat.write(notebook, lab.folder / NAME)
    page = pages.new_page()
    page.set_default_timeout(90_000)
    page.goto(lab.address(NAME))
    wait_until_ready(page)
    page.evaluate(RUN_ALL)
    page.wait_for_function(ALL_RUN)
    expect(page.locator(".js-plotly-plot:has(.point)")).to_have_count(2)
    output = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
    assert "".join(output).strip() == ""  # the progress bar has gone
    assert page.locator("text=Traceback").count() == 0
    assert (
        page.locator("[data-title*='Share'], [data-title*='loud'], .modebar-btn--logo").count() == 0
    )
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate(SET_THEME, theme)
        page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
        ratios = page.evaluate(CONTRAST)
        assert len(ratios) > 20
        assert min(ratios) >= LEAST_CONTRAST
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    charts = ".js-plotly-plot .bars .point, .jp-OutputArea-output img[src^='data:image/png']"
    # a reopened notebook shows them without a kernel
    page.locator(charts).first.wait_for(state="attached")
