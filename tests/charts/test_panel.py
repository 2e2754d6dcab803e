"""A panel as outputs of a notebook: a sentence, a figure and a table for people."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from runkit.display.html_tables import MAX_ROWS

from runkit.charts import Panel
from runkit.charts.gantt import gantt
from runkit.display.text import Markup
from support import example

TABLE = pd.DataFrame({"label": pd.Series(["a", "b"], dtype="str"), "wait_s": [5_400.0, 5.0]})
RUN_ID = "83fe7317-0000-4000-8000-000000000000"


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook is given, in order."""
    outputs: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda output, **_: outputs.append(output))
    return outputs


def html(panel: Panel) -> str:
    return str(panel._repr_mimebundle_()["text/html"])


def test_sentence_figure_and_table_come_in_this_order(displayed):
    """The table is folded, and its heads and values are for people."""
    figure = gantt(example("completed"))
    Panel("Time", "It waited.", TABLE, figure)._ipython_display_()
    assert displayed[1] is figure
    sentence = displayed[0]["text/html"]
    table = displayed[2]["text/html"]
    assert ">Time</h2>" in sentence
    assert "<table" not in sentence
    for text in ("<details ", ">Step<", ">Wait<", "1 h 30 min"):
        assert text in table


def test_without_a_figure_the_table_is_open(displayed):
    """Without rows there is none, and a panel with a body shows that."""
    Panel("Time", "It waited.", TABLE)._ipython_display_()
    assert [("1 h 30 min" in shown["text/html"]) for shown in displayed] == [True]
    assert "<table" not in html(Panel("Time", "It waited.", TABLE.head(0)))
    own = html(Panel("Time", "It waited.", TABLE, body=Markup("<p>Own</p>")))
    assert ("<p>Own</p>" in own, "<table" in own) == (True, False)


def test_tables_are_bounded_and_say_so():
    many = Panel("Time", "It waited.", pd.DataFrame({"n": range(1_520)}))
    assert html(many).count("<tr>") == 1 + MAX_ROWS
    assert "20 of 1,520 rows" in html(many)
    assert "1,500 more rows" in repr(many)


@pytest.mark.parametrize("name", ["Acme LLC", None])
def test_a_run_is_shown_by_its_label(name):
    """Business, else agent, and 8 digits; ids that only join are left to the DataFrame."""
    row = {
        "run_id": RUN_ID,
        "business_name": name,
        "agent_name": "CIP Orchestrator",
        "step_id": "s-1",
    }
    shown = html(Panel("Runs", "One.", pd.DataFrame([row], dtype="str")))
    assert f"{name or 'CIP Orchestrator'} · 83fe7317" in shown
    assert RUN_ID not in shown
    assert "s-1" not in shown
