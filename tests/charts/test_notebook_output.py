"""What a figure leaves in a notebook, and what an export of the notebook shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import plotly.io
import pytest

import runkit
from support import example

PLOTLY = "application/vnd.plotly.v1+json"


@pytest.fixture(autouse=True)
def renderer(monkeypatch):
    """As in JupyterLab; plotly's default depends on what was imported before it."""
    monkeypatch.setattr(plotly.io.renderers, "default", "plotly_mimetype")


def bundle(figure: Any) -> dict[str, Any]:
    """What a notebook keeps of a figure."""
    return dict(figure._repr_mimebundle_())


def test_an_output_has_json_picture_and_sentence():
    """The picture is an SVG whose address needs no decoding to be searched."""
    figure = runkit.gantt(example("completed"))
    output = bundle(figure)
    assert output.keys() == {PLOTLY, "text/html", "text/plain"}
    assert output["text/plain"] == figure.layout.meta["alt"]
    assert "CIP Orchestrator" in output["text/html"]
    address = output["text/html"].split('src="data:image/svg+xml,')[1].rpartition('"')[0]
    assert ElementTree.fromstring(unquote(address)).attrib["width"] == "848"  # noqa: S314 - our own


def test_an_edited_figure_is_shown_by_plotly_alone():
    """A picture would not show the edit; the sentence says that there is one."""
    figure = runkit.gantt(example("completed")).update_layout(title_text="Mine")
    output = bundle(figure)
    assert output.keys() == {PLOTLY, "text/plain"}
    assert output["text/plain"].endswith("(edited)")


def test_no_button_sends_a_figure_anywhere():
    """It would upload customers' data with one click."""
    config = bundle(runkit.gantt(example("completed")))[PLOTLY]["config"]
    assert config["showSendToCloud"] is False
