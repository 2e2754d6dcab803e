"""The figure as a whole: its sentence, its ground, its privacy, and the mark where two runs part."""

from __future__ import annotations

import subprocess
import sys

import plotly.io
import pytest

from drawn import draw
from runkit.charts import style
from runkit.charts.gantt import gantt
from runkit.tables.frames import frames, summarize_run
from support import example, question, run, step


def contrast(one, other):
    """The contrast of two colours as WCAG defines it."""

    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_one_sentence_is_title_and_alt_text():
    """The figure says in words what the run's sentence says."""
    read = frames(example("completed"))
    said = summarize_run(read.runs.iloc[0])
    drawn = draw(read)
    assert drawn.title == said
    assert drawn.layout["meta"]["summary"] == said
    assert said in drawn.layout["meta"]["alt"]


def test_a_title_stands_over_the_sentence():
    """A title of one's own does not replace what the figure says."""
    drawn = draw(example("completed"), title="Acme & Co")
    assert drawn.title.startswith("Acme &amp; Co run 7b0f6c1e: 40 min 59 s")


def test_a_fleet_has_one_sentence():
    """Many runs are counted by status and their time is added up."""
    runs = [run(step("a", 0, 60), question("q", 60, 90), run_id=f"r{n}", end=90) for n in range(6)]
    assert draw(runs).title == (
        "6 runs (6 completed): 6 min working + 3 min waiting for a reviewer; 12 steps"
    )


def test_two_runs_are_marked_where_they_part():
    """A diamond stands at the first step that differs, in each run that has one."""
    first = run(step("a", 0, 10), step("b", 10, 20, name="left"))
    second = run(step("c", 0, 10), step("d", 12, 20, name="right"), run_id="s")
    drawn = draw([first, second])
    assert drawn.numbers("x", {"the runs part here"}).tolist() == [10, 12]
    assert "the runs part here" not in draw([first, first | {"id": "s"}]).names


@pytest.mark.parametrize("look", style.LOOKS)
@pytest.mark.parametrize("ground", [style.LIGHT, style.DARK])
def test_marks_are_seen_on_both_grounds(look, ground):
    """Each colour has 3:1 against white and against dark; text has 7:1."""
    assert contrast(look.colour, ground.paper) >= 3
    assert contrast(ground.text, ground.paper) >= 7


@pytest.mark.parametrize("look", style.LOOKS)
@pytest.mark.parametrize("ground", [style.LIGHT, style.DARK])
def test_the_outline_is_seen_on_each_bar(look, ground):
    """The critical path's outline differs from what it surrounds and from the ground."""
    assert contrast(ground.outline, look.colour) >= 2.9
    assert contrast(ground.outline, ground.paper) >= 15


def test_the_ground_follows_plotlys_own_switch(monkeypatch):
    """White by default; dark when plotly's default template is a dark one."""
    assert draw(example("completed")).layout["template"]["layout"]["paper_bgcolor"] == style.LIGHT.paper
    monkeypatch.setattr(plotly.io.templates, "default", "plotly_dark")
    assert draw(example("completed")).layout["template"]["layout"]["paper_bgcolor"] == style.DARK.paper


def test_figures_are_not_offered_to_a_cloud():
    """After the first chart every renderer leaves out "Share chart", and keeps what the user has set."""
    plotly.io.renderers["notebook"].config = {"displaylogo": True}
    figure = gantt(example("completed"))
    bundle = plotly.io.renderers["plotly_mimetype"].to_mimebundle(figure.to_dict())
    config = bundle["application/vnd.plotly.v1+json"]["config"]
    assert config["showSendToCloud"] is False
    assert config["plotlyServerURL"] == ""
    assert plotly.io.renderers["notebook"].config == style.CONFIG | {"displaylogo": True}


def test_plotly_is_imported_by_the_first_chart_only():
    """Importing the charts costs no plotly, and no chart costs plotly.express."""
    code = (
        "import sys; from runkit.charts.gantt import gantt; assert 'plotly' not in sys.modules;"
        "gantt({'object': 'run', 'id': 'r', 'created_at': '2026-01-01T00:00:00Z',"
        "'updated_at': '2026-01-01T00:00:00Z', 'status': 'running'});"
        "assert 'plotly.express' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
