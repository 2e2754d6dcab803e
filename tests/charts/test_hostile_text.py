"""Run data is hostile text: in a figure it stays text."""

from __future__ import annotations

import json
import re

import pytest

from drawn import draw
from runkit.charts.labels import plain, wrapped
from runkit.tables.frames import frames
from support import artifact, run, step

HOSTILE = [
    '<img src=x onerror="window.hacked=1">',
    '<a href="https://evil.example">click</a>',
    "$\\text{x}$",
    "%{y} %{meta.alt}",
    "</script><script>window.hacked=1</script>",
    "&lt;b&gt;",
]


OUR_MARKUP = r'<br>|</?b>|</span>|<span style="(color:#[0-9A-F]{6}|font-size:13px)">'


def poisoned(text, **more):
    """A run with `text` in every field that a person or an agent can write."""
    return run(
        step(
            f"s{text}", 0, 10, agent=text, name=text, label=text, artifacts=[artifact(text, confidence=text)]
        ),
        step("t", 10, 20, type=text, status=text, agent=text, label=text),
        run_id=text,
        agent=text,
        **more,
    )


def strings(value):
    """All strings in a figure, and where they stand."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("meta", "template", "hovertemplate", "bdata", "source"):
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("rows", [None, "tree", "agent", "lanes", "run"])
def test_hostile_text_is_neutral_everywhere(text, rows):
    """No string of a figure holds a tag but our own, a dollar, or a template."""
    drawn = draw([poisoned(text), poisoned(text + "2")], rows=rows, title=text, time="absolute")
    for found in strings(drawn.json):
        bare = re.sub(OUR_MARKUP, "", found)
        assert not {"<", ">", "$"} & set(bare), found
        assert "%{" not in bare, found


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_that_is_shown_is_the_text_that_came(text):
    """Escaping is undone by plotly when it draws, and loses nothing."""
    from html import unescape

    assert unescape(plain(text, 100)) == text


def test_what_cannot_be_seen_is_shown():
    """Control characters and changes of the writing direction cannot rearrange a label."""
    assert plain("a\u202eb\x00c\nd\te") == "a\\u202eb\\x00c d e"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_neutral_in_a_comparison(text):
    """Step under step, with names of businesses, and of a single run that failed."""
    read = frames([poisoned(text), poisoned(text + "2", status="error")])
    read.runs["business_name"] = [text, text + "2"]
    for source in (read, read.select(text + "2")):
        for found in strings(draw(source, title=text).json):
            assert not {"<", ">", "$"} & set(re.sub(OUR_MARKUP, "", found)), found


def test_a_title_wraps_before_it_is_escaped():
    """A line break never falls into an entity."""
    assert all(line.count("&") == line.count(";") for line in wrapped("& " * 300, 40))


def test_the_figure_stays_json():
    """Any text that a run can hold gives a figure that can be written."""
    drawn = draw(poisoned("\U0001f600 \u2028 é"))
    assert json.dumps(drawn.json)
