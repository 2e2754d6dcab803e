"""A panel as outputs of a notebook: a sentence, a figure and a table for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import plotly.io
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from runkit.charts import Panel
from runkit.charts.gantt import gantt
from runkit.html_tables import MAX_ROWS
from runkit.text import Markup
from support import example

PLOTLY = "application/vnd.plotly.v1+json"
TABLE = pd.DataFrame({"label": pd.Series(["a", "b"], dtype="str"), "wait_s": [5_400.0, 5.0]})
Show = Callable[[Panel], list[dict[str, Any]]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Show]:
    """Display a panel as a notebook would; gives the bundles of its outputs in order."""
    monkeypatch.setattr(plotly.io.renderers, "default", "plotly_mimetype")  # as in JupyterLab
    InteractiveShell.instance()  # plotly's figures show themselves only where a shell is
    try:

        def show(panel: Panel) -> list[dict[str, Any]]:
            with capture_output() as captured:
                panel._ipython_display_()
            assert captured.stdout == captured.stderr == ""
            return [output.data for output in captured.outputs]

        yield show
    finally:
        InteractiveShell.clear_instance()


def test_sentence_figure_and_table_come_in_this_order(shown):
    """Three outputs; the table is folded, and its heads and values are for people."""
    sentence, drawn, table = shown(Panel("Time", "It waited.", TABLE, gantt(example("completed"))))
    assert ">Time</h3>" in sentence["text/html"]
    assert "<table" not in sentence["text/html"]
    assert PLOTLY in drawn
    assert "<details>" in table["text/html"]
    for text in (">Step<", ">Wait<", "1 h 30 min"):
        assert text in table["text/html"]


def test_without_a_figure_the_table_is_open(shown):
    """It is what the panel shows; without rows there is none, and a panel with a body shows that."""
    [output] = shown(Panel("Time", "It waited.", TABLE))
    assert "1 h 30 min" in output["text/html"]
    assert "<details" not in output["text/html"]
    [output] = shown(Panel("Time", "It waited.", TABLE.head(0)))
    assert "<table" not in output["text/html"]
    [output] = shown(Panel("Time", "It waited.", TABLE, body=Markup("<p>Own</p>")))
    assert "<p>Own</p>" in output["text/html"]
    assert "<table" not in output["text/html"]


def test_tables_are_bounded_and_say_so(shown):
    """The first 20 rows, and how many there are; in HTML and in text."""
    many = Panel("Time", "It waited.", pd.DataFrame({"n": range(1_520)}))
    html = shown(many)[0]["text/html"]
    assert html.count("<tr>") == 1 + MAX_ROWS
    assert "20 of 1,520 rows" in html
    assert "1,500 more rows" in repr(many)


def test_a_run_is_shown_by_its_label(shown):
    """Business and 8 digits instead of ids that only join; the DataFrame keeps them all."""
    run_id = "83fe7317-0000-4000-8000-000000000000"
    names = {"business_name": ["Acme LLC"], "agent_name": ["CIP Orchestrator"], "step_id": ["s-1"]}
    table = pd.DataFrame({"run_id": [run_id]} | names, dtype="str")
    html = shown(Panel("Runs", "One.", table))[0]["text/html"]
    assert "Acme LLC · 83fe7317" in html
    assert run_id not in html
    assert "s-1" not in html
    nameless = shown(Panel("Runs", "One.", table.assign(business_name=None)))[0]["text/html"]
    assert "CIP Orchestrator · 83fe7317" in nameless
