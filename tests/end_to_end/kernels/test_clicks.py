"""A form in a real kernel: comm messages go in, and what front ends get comes out."""

import pytest

KEEP = 1  # the number of the answer that keeps a business in review
CELL = """
from pathlib import Path
print("begun", flush=True)
while not Path({end!r}).exists():
    {code}
"""


def show(kernel):
    """Show a form of a new run; gives the display id of its HTML."""
    kernel.run("form = ask(); form._ipython_display_()")
    return [*kernel.shown][-1]


def receipt(kernel, shown):
    """Wait until the HTML is a receipt, give it."""
    kernel.until(lambda: "Confirmed by the API" in kernel.shown[shown]["text/html"])
    return str(kernel.shown[shown]["text/html"])


@pytest.mark.parametrize("code", ["time.sleep(0.02)", "await asyncio.sleep(0.02)"])
def test_clicks_while_a_cell_runs_send_one_answer(kernel, posts, code, tmp_path):
    """Heard at once or after the cell, as the kernel can: in the end one POST and a receipt."""
    shown = show(kernel)
    end = tmp_path / "end"
    kernel.heard.clear()
    cell = kernel.start(CELL.format(end=str(end), code=code))
    kernel.until(lambda: "begun" in str(kernel.heard))
    kernel.answer(KEEP, times=5)
    end.touch()
    kernel.finish(cell)
    assert "keep in review" in receipt(kernel, shown)
    assert posts() == 1
