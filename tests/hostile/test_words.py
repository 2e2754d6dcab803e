"""Every public object with hostile text in every field: what it says of itself is text and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import IPython.display
import pytest

import runkit
from hostile.made import filled, hostile_run, hostile_runs, mixed_runs, models
from hostile.payloads import PAYLOADS, TELLING, check_html, check_strings, check_text
from runkit.charts import one_run
from runkit.charts.panel import STYLE, Panel
from runkit.client import RunList
from runkit.errors import DataError, UsageError
from runkit.models import ApiObject, Run

FEW = 3  # texts in one set of frames: of similar problems three are named


def batched(texts: Iterable[str], size: int) -> list[list[str]]:
    """The texts in groups."""
    every = list(texts)
    return [every[at : at + size] for at in range(0, len(every), size)]


few_texts = pytest.mark.parametrize("texts", batched(PAYLOADS.values(), FEW))


def check_itself(shown: object) -> None:
    """Check all forms in which an object shows itself."""
    check_text(repr(shown))
    check_text(str(shown))
    for name in ("_repr_html_", "_repr_markdown_", "_repr_latex_"):
        if hasattr(shown, name):
            assert name == "_repr_html_"
            html = shown._repr_html_()
            assert type(html) is str  # marimo fails on `Markup`
            check_html(html)
            assert "mathjax_ignore" in html[:80]  # JupyterLab would typeset it


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is shown in a notebook."""
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda one, **_options: shown.append(one))
    return shown


@pytest.mark.parametrize("cls", [*models()], ids=lambda cls: cls.__name__)
def test_objects_of_the_api(cls: type[ApiObject]) -> None:
    """Each model, with all its fields, unknown ones, and names of fields."""
    for text in PAYLOADS.values():
        made = cls.from_json(filled(cls, text))
        assert made.to_dict()[text] == text
        check_itself(made)


@few_texts
def test_lists_and_frames(texts: list[str]) -> None:
    """A list that says what is missing, and frames with their problems."""
    runs = tuple(hostile_runs(dict(enumerate(texts))))
    errors = {text: UsageError(text) for text in texts}
    listed = RunList(runs, why=min(texts, key=len), requested=tuple(texts), errors=errors)
    f = runkit.frames(listed)
    for shown in (*runs, listed, listed[:1], f, f.select(runs[0].id)):
        check_itself(shown)
    for line in f.summary():
        assert "\n" not in line
    for text in texts:
        with pytest.raises(DataError) as caught:
            runkit.frames([{text: text}, hostile_run(text) | {"created_at": text}], on_error="raise")
        check_text(str(caught.value))
        with pytest.raises(UsageError) as refused:
            f.select(f"{text}!")
        check_text(str(refused.value))


def exhibits(wild: Run, tame: Run) -> Iterator[Panel]:
    """All panels of one run."""
    for run in (wild, tame):
        f = runkit.frames(run)
        yield from (getattr(one_run, name)(f) for name in one_run.__all__ if name != "step")
        yield from (one_run.step(f, step_id) for step_id in f.steps["step_id"].unique()[:5])


@pytest.mark.parametrize("half", [0, 1])
def test_what_charts_show(half: int, displayed: list[Any]) -> None:
    """Figures, sentences and tables of one run, as they are shown in a notebook."""
    texts = [*TELLING.values()][half::2]  # tables have room for the steps of so many
    check_exhibits(exhibits(*mixed_runs(texts)), displayed)


def check_exhibits(exhibits: Iterator[Panel], displayed: list[Any]) -> None:
    """Check all that exhibits show."""
    for shown in exhibits:
        check_itself(shown)
        shown._ipython_display_()
    for one in displayed:
        if isinstance(one, dict):
            check_html(one["text/html"].replace(STYLE, ""))
            check_text(one["text/plain"])
        else:
            check_strings(one.to_plotly_json())


def test_a_text_that_looks_like_ours_is_shown_whole() -> None:
    """Escaping loses nothing: the words of the text are in the page, and a code is not a sign."""
    text = PAYLOADS["img"] + PAYLOADS["bidi"]
    run = Run.from_json(hostile_run(text, is_tame=True))
    assert "<img src=x onerror=canary=1>\\u202egpj.exe\\u2066" in check_html(RunList((run,))._repr_html_())
