"""Hostile text in every field: what each surface shows of it is text and nothing else."""

import pytest

import runkit
from hostile.made import filled, hostile_run, hostile_runs, models
from hostile.payloads import BATCHES, PAYLOADS, SAMPLE, check_text
from runkit.errors import DataError, UsageError


def objects(texts):
    """Each model, with all its fields, unknown ones, and names of fields."""
    for cls in models():
        for text in texts:
            source = filled(cls, text)
            made = cls.from_json(source)
            assert made.to_dict() == source
            yield made


def lists_and_frames(texts):
    """A list that says what is missing, and frames with their problems."""
    runs = tuple(hostile_runs(dict(enumerate(texts))))
    listed = runkit.RunList(runs, tuple(texts))
    f = runkit.frames(listed)
    yield from (listed, listed[:1], f, f.select(runs[0].id))


def errors(texts):
    for text in texts:
        bad = [{text: text}, hostile_run(text) | {"created_at": text}]
        with pytest.raises(DataError) as caught:
            runkit.frames(bad, on_error="raise")
        with pytest.raises(UsageError) as refused:
            runkit.frames(hostile_run(text)).select(f"{text}!")
        yield from (caught.value, refused.value)


def check_shown(shown):
    """Check all forms in which something shows itself."""
    check_text(str(shown))
    if not isinstance(shown, Exception):
        check_text(repr(shown))
    if hasattr(shown, "_repr_html_"):
        html = shown._repr_html_()
        check_text(html)
        assert "mathjax_ignore" in html[:80]  # JupyterLab would typeset it


CASES = [(lists_and_frames, batch.values()) for batch in BATCHES]
CASES += [(objects, PAYLOADS.values()), (errors, SAMPLE.values())]


@pytest.mark.parametrize(("surface", "texts"), CASES)
def test_hostile_text_is_shown_as_text(surface, texts):
    for shown in surface(texts):
        check_shown(shown)
