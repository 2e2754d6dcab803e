"""The first notebook in a real JupyterLab, light and dark."""

import shutil

import pytest

from tests.end_to_end.lab.conftest import COLORS, LEAST_CONTRAST
from tests.notebooks import FOLDER

NAME = "01_first_look.ipynb"

# The contrast of a figure's texts with the ground that is seen behind them.
CONTRAST = (
    "() => {"
    + COLORS
    + """
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
)


@pytest.mark.browser
def test_the_first_notebook_draws_itself(lab, open_notebook):
    """All cells run, both charts are drawn and can be read, and no button sends them anywhere."""
    shutil.copy(FOLDER / NAME, lab.folder / NAME)
    page = open_notebook(NAME)
    page.wait_for_function(
        "() => document.querySelectorAll('.js-plotly-plot .bars .point').length > 10"
    )
    page.wait_for_function(
        """() => {
            // A cell whose source is hidden has an empty prompt.
            const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
              .map((prompt) => prompt.textContent).filter(Boolean);
            return prompts.length && prompts.every((text) => /\\[\\d+\\]/.test(text));
        }"""
    )
    output = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
    assert "".join(output).strip() == ""  # the progress bar has gone
    assert page.locator("text=Traceback").count() == 0
    assert page.locator(".js-plotly-plot").count() == 2
    assert (
        page.locator("[data-title*='Share'], [data-title*='loud'], .modebar-btn--logo").count() == 0
    )
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 20
    assert min(ratios) >= LEAST_CONTRAST
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    charts = ".js-plotly-plot .bars .point, .jp-OutputArea-output img[src^='data:image/png']"
    # a reopened notebook shows them without a kernel
    page.locator(charts).first.wait_for(state="attached")
