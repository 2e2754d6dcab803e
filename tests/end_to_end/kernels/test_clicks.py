"""A form in a real kernel: comm messages go in, and what front ends get comes out."""

import pytest

from support import until
from tests.end_to_end.kernels.conftest import VERSIONS

VIEW = "application/vnd.jupyter.widget-view+json"
HEARD_WHILE = {  # measured: over which kernels a click is heard while a cell repeats this
    "time.sleep(0.02)": {("7.4.0", True)},
    "await asyncio.sleep(0.02)": {("7.4.0", True), ("7.4.0", False)},
}
CELL = """
from pathlib import Path
print("begun", flush=True)
form.controller.check()  # the card is drawn while the cell runs, as every 10 s
while not Path({end!r}).exists():
    {code}
seen = str(form.state)
"""


def show(kernel):
    """Show a form of a new run, as a front end draws it; gives the display id of its card."""
    kernel.run("form = ask(); form._ipython_display_()")
    kernel.open_card()
    return next(display for display, bundle in reversed(kernel.shown.items()) if VIEW in bundle)


def submit(kernel, decision, times=1):
    """Press a button of the newest card for the second time."""
    kernel.press(kernel.card, decision, times)


def receipt(kernel, card):
    """Wait until the card is a receipt, give its text."""
    kernel.until(lambda: VIEW not in kernel.shown[card])
    return str(kernel.shown[card]["text/plain"])


def state(kernel):
    """Write where the form stands, once all that was clicked before has been heard."""
    kernel.run("time.sleep(0.1)")
    return kernel.value("str(form.state)").strip("'")


@pytest.mark.parametrize("code", HEARD_WHILE)
def test_a_click_while_a_cell_runs_sends_one_answer(kernel, posts, code, tmp_path):
    """Heard at once or after the cell, as the kernel can: in the end one POST and a receipt."""
    card = show(kernel)
    end = tmp_path / "end"
    kernel.heard.clear()
    cell = kernel.start(CELL.format(end=str(end), code=code))
    kernel.until(lambda: "begun" in str(kernel.heard))
    n_drawn = kernel.view[kernel.card]["n"]
    kernel.until(lambda: kernel.view[kernel.card]["n"] > n_drawn)
    submit(kernel, "in_review", times=2)
    is_heard = (kernel.version, kernel.subshell is not None) in HEARD_WHILE[code]
    try:
        if is_heard:
            kernel.until(lambda: posts() == 1)
    finally:
        end.touch()
        kernel.finish(cell)
    assert "Kept in review" in receipt(kernel, card)
    assert (state(kernel), posts()) == ("settled", 1)
    assert (kernel.value("seen") != repr("open")) is is_heard


def test_no_thread_or_widget_is_left_after_a_receipt(kernels):
    """After the receipt no thread runs, and of the widgets only the card with its words is left."""
    kernel = kernels(VERSIONS[-1])
    before = set(kernel.widgets)
    card = show(kernel)
    submit(kernel, "in_review")
    receipt(kernel, card)
    assert state(kernel) == "settled"
    threads = "[one.name for one in threading.enumerate() if one.name.startswith('runkit-')]"
    # the case of the question is read in the background
    until(lambda: kernel.value(threads) == "[]")
    kernel.run("form.close()")
    assert kernel.widgets.keys() == before
