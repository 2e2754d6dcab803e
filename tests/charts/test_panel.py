"""A panel as outputs of a notebook: a sentence, a figure and a table for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import plotly.io
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from runkit.charts import Panel
from runkit.charts.gantt import gantt
from runkit.charts.panel import percent, words_of
from runkit.charts.stacked_bars import MOST_BARS, stacked_bars
from runkit.html_tables import MAX_ROWS
from support import example

PLOTLY = "application/vnd.plotly.v1+json"
TABLE = pd.DataFrame({"label": pd.Series(["a", "b"], dtype="str"), "wait_s": [5_400.0, 5.0]})
HOSTILE = '<script>window.hacked=1</script><a href="javascript:1">x</a>'
NOTES = ["1 h"] * 40
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


def bars(table: pd.DataFrame, **options: Any) -> Any:
    """A figure of one part."""
    return stacked_bars(table, options.pop("notes", NOTES), **options)


def test_sentence_figure_and_table_come_in_this_order(shown):
    """Three outputs; the table is folded, and its heads and values are for people."""
    figure = bars(pd.DataFrame({"n_answered": [1]}, ["a"]))
    sentence, drawn, table = shown(Panel("Time", "It waited.", TABLE, figure))
    assert sentence["text/plain"] == "Time: It waited."
    assert PLOTLY in drawn
    assert "<details>" in table["text/html"]
    for text in (">Step<", ">Wait<", "1 h 30 min"):
        assert text in table["text/html"]


def test_without_a_figure_the_table_is_open(shown):
    """It is what the panel shows; without rows there is none."""
    assert "<details" not in shown(Panel("Time", "It waited.", TABLE))[1]["text/html"]
    assert len(shown(Panel("Time", "It waited.", TABLE.head(0)))) == 1


def test_a_sentence_in_the_figure_is_not_repeated(shown):
    """It is the title of a chart of runs, and nothing but the alt text of bars."""
    figure = gantt(example("completed"))
    title = figure.layout.meta["summary"]
    assert title not in shown(Panel("Time", title, TABLE, figure))[0]["text/html"]
    figure = bars(pd.DataFrame({"n_answered": [1]}, ["a"]))
    assert "It waited." in shown(Panel("Time", "It waited.", TABLE, figure))[0]["text/html"]


def test_one_bundle_holds_the_three():
    """For front ends that take one output: HTML with the open table, text, and the figure's JSON if any."""
    bundle = Panel("Time", "It waited.", TABLE, gantt(example("completed")))._repr_mimebundle_()
    assert bundle.keys() == {"text/html", "text/plain", PLOTLY}
    assert "1 h 30 min" in bundle["text/html"]
    assert "<details" not in bundle["text/html"]
    json.dumps(bundle)
    assert PLOTLY not in Panel("Time", "It waited.", TABLE)._repr_mimebundle_()


def test_ipython_shows_the_outputs_and_not_the_bundle(shown):
    """Where both are there, `_ipython_display_` is what `display` and a cell's last line take."""
    panel = Panel("Time", "It waited.", TABLE, gantt(example("completed")))
    with capture_output() as captured:
        assert InteractiveShell.instance().display_formatter.format(panel) == ({}, {})
    assert [output.data for output in captured.outputs] == shown(panel)


def test_the_plain_form_has_columns_as_they_are_named():
    """Title, sentence and rows; no trailing blanks where there is no row."""
    assert repr(Panel("Time", "It waited.", TABLE)).splitlines()[1].split() == ["label", "wait_s"]
    assert repr(Panel("Time", "It waited.", TABLE.head(0))) == "Time: It waited."


def test_tables_are_bounded_and_say_so(shown):
    """The first 20 rows, and how many there are; in HTML and in text."""
    many = Panel("Time", "It waited.", pd.DataFrame({"n": range(1_520)}))
    html = shown(many)[1]["text/html"]
    assert html.count("<tr>") == 1 + MAX_ROWS
    assert "20 of 1,520 rows" in html
    assert "1,500 more rows" in repr(many)


def test_a_run_is_shown_by_its_label(shown):
    """Business and 8 digits instead of ids that only join; the DataFrame keeps them all."""
    run_id = "83fe7317-0000-4000-8000-000000000000"
    names = {"business_name": ["Acme LLC"], "agent_name": ["CIP Orchestrator"], "step_id": ["s-1"]}
    table = pd.DataFrame({"run_id": [run_id]} | names, dtype="str")
    html = shown(Panel("Runs", "One.", table))[1]["text/html"]
    assert "Acme LLC · 83fe7317" in html
    assert run_id not in html
    assert "s-1" not in html
    nameless = shown(Panel("Runs", "One.", table.assign(business_name=None)))[1]["text/html"]
    assert "CIP Orchestrator · 83fe7317" in nameless


def test_shares_do_not_round_to_nothing():
    """A wait of a second in a day is not 0%, nor is the rest of it 100%."""
    assert [percent(part, 1_000) for part in (0, 1, 500, 999, 1_000)] == [
        *("0%", "under 1%", "50%", "over 99%", "100%")
    ]
    assert percent(0, 0) == "–"


def test_missing_and_invisible_texts():
    """What is missing or blank is a dash; signs without a picture become codes."""
    assert [words_of(value) for value in (None, float("nan"), pd.NaT, " \u00a0 ")] == ["–"] * 4
    assert words_of("a\u200bb\u202e \n\u00a0 c\x00") == r"a\u200bb\u202e c\x00"


def test_bars_have_the_numbers_of_the_table():
    """A trace for each part that has any, a value for each bar that has it."""
    parts = pd.DataFrame({"n_answered": [3, 0], "n_pending": [1, 2], "n_lapsed": [0, 0]}, ["a", "b"])
    figure = stacked_bars(parts, NOTES)
    assert [(trace.name, list(trace.x)) for trace in figure.data[:-1]] == [
        ("Answered", [3]),
        ("Waiting", [1, 2]),
    ]
    assert stacked_bars(parts[["n_lapsed"]], NOTES) is None


def test_bars_beyond_the_most_are_counted():
    """The first ones are drawn, and the axis says how many are not."""
    figure = bars(
        pd.DataFrame({"n_answered": [2] * (MOST_BARS + 7)}, [f"label {n}" for n in range(MOST_BARS + 7)])
    )
    assert list(figure.data[0].x) == [2] * MOST_BARS
    assert "7 more bars not shown" in figure.layout.xaxis.title.text


def test_bars_fit_a_phone_and_cannot_be_zoomed():
    """Labels above the bars are cut and keep their notes; both axes are fixed."""
    figure = bars(pd.DataFrame({"n_answered": [1]}, ["WIDE words of a step " * 9]), notes=["19 min"])
    assert len(figure.data[1].text[0]) <= 54
    assert figure.data[1].text[0].endswith("… · 19 min")
    assert figure.layout.xaxis.fixedrange
    assert figure.layout.yaxis.fixedrange
    assert figure.layout.width is None
