"""A figure, its sentence and its table, as outputs of a notebook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import plotly.io
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from runkit.charts.gantt import gantt
from runkit.charts.panel import MOST_PRINTED, Panel
from support import example, run, step

PLOTLY = "application/vnd.plotly.v1+json"
TABLE = pd.DataFrame({"step": pd.Series(["a", "b"], dtype="str"), "wait_s": [90.0, 5.0]})
HOSTILE = '<script>window.hacked=1</script><a href="javascript:1">x</a>'
Show = Callable[[Panel], list[dict[str, Any]]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Show]:
    """Display an exhibit as a notebook would; gives the bundles of its outputs in order."""
    monkeypatch.setattr(plotly.io.renderers, "default", "plotly_mimetype")  # as in JupyterLab
    InteractiveShell.instance()  # plotly's figures show themselves only where a shell is
    try:

        def show(exhibit: Panel) -> list[dict[str, Any]]:
            with capture_output() as captured:
                exhibit._ipython_display_()
            assert captured.stdout == captured.stderr == ""
            return [output.data for output in captured.outputs]

        yield show
    finally:
        InteractiveShell.clear_instance()


def test_sentence_figure_and_table_stand_in_this_order(shown):
    """Three outputs, each of a kind that any page can show; the table is folded."""
    sentence, figure, table = shown(
        Panel("Time", "Most of it was waiting.", TABLE, gantt(example("completed")))
    )
    assert sentence["text/plain"] == "Most of it was waiting."
    assert "><p>Most of it was waiting.</p></div>" in sentence["text/html"]
    assert PLOTLY in figure
    assert "><details><summary>Time, as a table</summary><table" in table["text/html"]
    assert "1 min 30 s" in table["text/html"]


def test_without_a_figure_the_table_is_open(shown):
    """It is what the exhibit shows, so nobody has to open it."""
    sentence, table = shown(Panel("Time", "Most of it was waiting.", TABLE))
    assert sentence["text/plain"] == "Most of it was waiting."
    assert "<table" in table["text/html"]
    assert "<details" not in table["text/html"]


def test_without_rows_there_is_no_table(shown):
    """An empty table says nothing that the sentence does not."""
    assert len(shown(Panel("Time", "No run failed.", TABLE.head(0)))) == 1


def test_the_sentence_is_not_said_twice(shown):
    """Where it is the figure's title, it stands in the figure; another sentence stands above it."""
    figure = gantt(example("completed"))
    title = figure.layout.meta["summary"]
    assert [PLOTLY in output for output in shown(Panel("Time", title, TABLE, figure))] == [True, False]
    assert len(shown(Panel("Time", f"{title} It waited.", TABLE, figure))) == 3


def test_hostile_text_is_escaped(shown):
    """In the sentence, the title and the table; the plain form has it as it is."""
    table = pd.DataFrame({HOSTILE: pd.Series([HOSTILE], dtype="str")})
    outputs = shown(Panel(HOSTILE, HOSTILE, table, gantt(run(step("a")))))
    written = "".join(output["text/html"] for output in outputs if "text/html" in output)
    assert "<script" not in written
    assert "<a " not in written
    assert written.count("&lt;script&gt;") >= 5
    assert outputs[0]["text/plain"] == HOSTILE


def test_one_bundle_holds_the_three():
    """For front ends that take one output: HTML with the open table, text, and the figure's JSON if any."""
    bundle = Panel("Time", "It waited.", TABLE, gantt(example("completed")))._repr_mimebundle_()
    assert bundle.keys() == {"text/html", "text/plain", PLOTLY}
    assert "<p>It waited.</p>" in bundle["text/html"]
    assert "1 min 30 s" in bundle["text/html"]
    assert "<details" not in bundle["text/html"]
    assert bundle["text/plain"].startswith("Time: It waited.")
    assert len(bundle[PLOTLY]["data"]) > 0
    json.dumps(bundle)
    assert PLOTLY not in Panel("Time", "It waited.", TABLE)._repr_mimebundle_()


def test_ipython_shows_three_outputs_and_not_the_bundle(shown):
    """Where both are there, `_ipython_display_` is what `display` and a cell's last line take."""
    exhibit = Panel("Time", "It waited.", TABLE, gantt(example("completed")))
    with capture_output() as captured:
        assert InteractiveShell.instance().display_formatter.format(exhibit) == ({}, {})
    assert [output.data for output in captured.outputs] == shown(exhibit)


def test_the_plain_form_says_it_all():
    """Title, sentence and rows; no trailing blanks where there is no row."""
    assert repr(Panel("Time", "It waited.", TABLE)).splitlines() == [
        "Time: It waited.",
        "step  wait_s",
        "   a    90.0",
        "   b     5.0",
    ]
    assert repr(Panel("Time", "It waited.", TABLE.head(0))) == "Time: It waited."


def test_the_plain_form_is_bounded_and_says_so():
    """The first rows, and how many more there are."""
    many = pd.DataFrame({"n": range(MOST_PRINTED + 1_500)})
    lines = repr(Panel("Time", "It waited.", many)).splitlines()
    assert len(lines) == 1 + 1 + MOST_PRINTED + 1
    assert lines[-1] == "… and 1,500 more rows in .table"
