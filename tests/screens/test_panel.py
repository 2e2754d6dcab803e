"""A panel in a notebook, on a page and in a terminal: bounded, escaped, and the same text."""

from __future__ import annotations

import re
from inspect import getmembers
from itertools import pairwise
from xml.etree import ElementTree

import pandas as pd
import pytest

import runkit
from runkit.api.words import RUN_STATUSES
from runkit.screens.blocks import Decision, Decisions, Details, Quote, Table, Tile, Tiles
from runkit.screens.html import block_html
from runkit.screens.panel import Panel, page_of
from support import example, run, step

HOSTILE = "<img src=x onerror=canary=1>\u202e"
WORD = RUN_STATUSES.find(HOSTILE)
RUN_ID = "83fe7317-0000-4000-8000-000000000000"


def rows(df: pd.DataFrame) -> list[list[str]]:
    """The texts of a table as HTML, its heads first."""
    tree = ElementTree.fromstring(f"<div>{block_html(Table(df))}</div>")  # noqa: S314
    return [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in tree.iter("tr")]


@pytest.mark.parametrize("module", [runkit.fleet, runkit.one_run])
def test_what_takes_runs_is_listed(module):
    """`__all__` is what `dir()` offers, and what the tests of all panels go through."""
    own = getmembers(module, lambda each: getattr(each, "__module__", "") == module.__name__)
    assert [
        name for name, each in own if each.__annotations__.get("f") == "Source"
    ] == module.__all__


CELLS = {
    "seconds": (
        "wait_s",
        [504_000.0, 5400.0, 0.0, None],
        ["Waiting", "5 d 20 h", "1 h 30 min", "0 s", "–"],
    ),
    "times": (
        "asked_at",
        pd.to_datetime(["2025-02-03T23:59:31+02:00", None], utc=True),
        ["Since", "Feb 3, 2025, 21:59", "–"],
    ),
    "counts": ("n_steps", [1_234_567], ["Steps", "1,234,567"]),
    "statuses": ("status", ["completed", "odd", None], ["Status", "Completed ✓", "odd ○", "–"]),
    "confidences": ("confidence", ["LOW", "0.3"], ["Confidence", "LOW", "0.3"]),
    "tiers": ("best_tier", ["primary", "odd"], ["Best tier", "▮▮▮ primary", "▯▯▯ odd"]),
    "agents": ("agent", ["tin_check", None], ["Agent", "TIN Check", "–"]),
    "outcomes": ("outcome", ["pending"], ["Outcome", "Waiting for a reviewer ◷"]),
    "ids": ("run_id", [RUN_ID], ["Run", "83fe7317"]),
    "lists of ids": ("run_ids", [[RUN_ID, RUN_ID]], ["Run ids", "83fe7317+ 183fe7317"]),
    "texts in _s": ("notes_s", ["a"], ["Notes", "a"]),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_column_is_written_by_its_name_and_dtype(name):
    column, values, expected = CELLS[name]
    df = pd.DataFrame({column: pd.Series(values)})
    assert [row[0] for row in rows(df)] == expected


def test_ids_are_last_and_columns_without_a_value_are_left_out():
    """But not those that are equal."""
    df = pd.DataFrame({"run_id": [RUN_ID] * 2, "reason": None, "n_runs": [2, 3], "n": [2, 3]})
    assert [row[:2] for row in rows(df)] == [["Runs", "Count"], ["2", "2"], ["3", "3"]]
    assert [row[2] for row in rows(df)] == ["Run", "83fe7317", "83fe7317"]


def test_a_text_that_all_rows_share_stands_once_above_them():
    """But for the first column, which names a row."""
    df = pd.DataFrame({"step": ["a", "a"], "reason": ["late", "late"], "detail": ["b", "c"]})
    assert rows(df) == [["Step", "Detail"], ["a", "b"], ["a", "c"]]
    assert block_html(Table(df)).count("Reason: late") == 1


NAMES = [(["Acme", None], ["Acme", "TIN Check"]), ([None, None], None)]


@pytest.mark.parametrize(("businesses", "shown"), NAMES)
def test_a_run_is_named_by_its_business_and_a_name_that_most_share_is_left_out(businesses, shown):
    df = pd.DataFrame(
        {
            "business_name": pd.Series(businesses, dtype="str"),
            "agent_name": ["TIN Check", "TIN Check"],
            "n_runs": [1, 2],
        }
    )
    heads, *cells = rows(df)
    assert heads == (["Business", "Runs"] if shown else ["Runs"])
    assert [row[0] for row in cells] == (shown or ["1", "2"])


def test_rows_beyond_the_first_are_folded_and_both_say_how_many():
    panel = Panel("Time", pd.DataFrame({"n": range(1_520)}))
    html = panel._repr_html_()
    assert html.count("<tr>") == 2 + 200
    assert html.index("<details") < html.index("1,500 more") < html.index("200 of 1,520")
    assert "10 of 1,520" in repr(panel)


def test_a_long_cell_is_folded_and_nothing_is_lost():
    text = "word " * 40
    assert text.strip() in block_html(Table(pd.DataFrame({"reason": [text]})))


@pytest.mark.parametrize(
    "block",
    [
        Tiles([Tile(HOSTILE, HOSTILE, HOSTILE)]),
        Table(pd.DataFrame({HOSTILE: [HOSTILE]}), HOSTILE, 1, 20, HOSTILE),
        Quote(WORD, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        Decisions([Decision(HOSTILE, WORD, [(HOSTILE, HOSTILE)], HOSTILE, HOSTILE, HOSTILE)]),
        Details(HOSTILE, HOSTILE),
    ],
    ids=lambda block: type(block).__name__,
)
def test_hostile_text_is_text(block):
    panel = Panel(HOSTILE, pd.DataFrame(), blocks=[block])
    for text in (panel._repr_html_(), page_of(HOSTILE, [panel])):
        assert "<img" not in text
        assert "\u202e" not in text
    assert "\u202e" not in repr(panel)


def test_a_notebook_gets_the_blocks_and_then_the_figure(monkeypatch):
    outputs = []
    monkeypatch.setattr("runkit.screens.panel.display", lambda output, **_: outputs.append(output))
    panel = runkit.overview(example("completed"))
    panel._ipython_display_()
    assert "tiles" in outputs[0]["text/html"]
    assert outputs[1] is panel.figure


def test_a_page_has_headings_in_order_and_says_once_what_was_read():
    f = runkit.frames(run(step("a")))
    page = page_of("Runs", [runkit.overview(f), runkit.fleet.waits(f)])
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[:2] == [1, 2]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.count("1 run read") == 1
    assert "<script" not in page


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_no_panel_is_wider_than_its_screen(open_file, tmp_path, width):
    """With names, labels, errors and addresses that are long and do not break."""
    long = "x" * 300
    found = {"title": long, "summary": long, "confidence": long, "sources": []}
    found["sources"] = [{"url": f"https://a.example/{long}", "source_name": long}]
    steps = [
        step("a", 0, 90, label=long, artifacts=[found]),
        step("b", 90, 95, status="error", result={"error": long}),
    ]
    f = runkit.frames([run(*steps, run_id=f"{n}-run", status="error") for n in range(3)])
    own = f.select("0-run")
    panels = [getattr(runkit.fleet, name)(f) for name in runkit.fleet.__all__]
    panels += [runkit.one_run.findings(own), runkit.one_run.step(own, "b"), runkit.overview(f)]
    path = tmp_path / "page.html"
    path.write_text(page_of("Runs", panels), encoding="utf-8")
    page = open_file(path, width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
