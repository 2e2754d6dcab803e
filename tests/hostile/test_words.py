"""Every public object with hostile text in every field: what it says of itself is text and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import IPython.display
import pytest

import runkit
from hostile.made import filled, hostile_run, hostile_runs, mixed_runs, models
from hostile.payloads import PAYLOADS, TELLING, check_html, check_strings, check_text
from runkit.charts import fleet, one_run, panels
from runkit.charts.panel import STYLE, Panel
from runkit.client import Client, RunList
from runkit.errors import DataError, UsageError
from runkit.models import ApiObject, Run
from runkit.reports.bundle import Labels, ReportData, make_masker, read_source, redact_source
from runkit.reports.templates import Template
from runkit.widgets import display, inbox, inbox_controller
from runkit.widgets.question import Outcome, question_of, verdict
from support import run as plain_run
from support import step

each_text = pytest.mark.parametrize("text", PAYLOADS.values(), ids=PAYLOADS)
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
    for line in (*f.sentences(), *f.summary()):
        assert "\n" not in line
    for text in texts:
        with pytest.raises(DataError) as caught:
            runkit.frames([{text: text}, hostile_run(text) | {"created_at": text}], on_error="raise")
        check_text(str(caught.value))
        with pytest.raises(UsageError) as refused:
            f.select(f"{text}!")
        check_text(str(refused.value))


def exhibits(wild: Run, tame: Run) -> Iterator[Panel]:
    """All that charts show of one run and of two."""
    for run in (wild, tame):
        f = runkit.frames(run)
        yield from (getattr(one_run, name)(f) for name in one_run.__all__ if name != "step")
        yield from (one_run.step(f, step_id) for step_id in f.steps["step_id"].unique())
    both = runkit.frames([wild, tame])
    yield from (panels.parting(both), panels.timeline(both))
    for table in (panels.facts(both), panels.findings(both), panels.steps(both)):
        yield Panel("Differences", "Of two runs.", table)


@pytest.mark.parametrize("half", [0, 1])
def test_what_charts_show(half: int, displayed: list[Any]) -> None:
    """Figures, sentences and tables of one run and of two; as they are shown in a notebook."""
    texts = [*TELLING.values()][half::2]  # tables have room for the steps of so many
    check_exhibits(exhibits(*mixed_runs(texts)), displayed)


def test_what_charts_of_many_runs_show(displayed: list[Any]) -> None:
    """Each text once, as far as it is not cut or counted with others."""
    f = runkit.frames(hostile_runs(PAYLOADS))
    check_exhibits((getattr(fleet, name)(f) for name in fleet.__all__), displayed)


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


@pytest.mark.parametrize("n_runs", [1, 2, 3, None])
def test_gantt_charts(n_runs: int | None) -> None:
    """Each way to draw runs."""
    drawn = runkit.gantt(hostile_runs(PAYLOADS)[-n_runs if n_runs else None :]).to_plotly_json()
    check_strings(drawn)
    check_text(drawn["layout"]["meta"]["alt"])


def test_titles() -> None:
    """A title of one's own; three texts are not cut."""
    runs = runkit.frames(plain_run(step("a")))
    for texts in batched(PAYLOADS.values(), 3):
        drawn = runkit.gantt(runs, title=" ".join(sorted(texts, key=len))).to_plotly_json()
        check_strings(drawn)
        check_text(drawn["layout"]["meta"]["alt"])


@pytest.fixture(scope="module")
def client() -> Client:
    """A client that asks nobody."""
    return Client("mk_test_0123456789abcdef", base_url="http://127.0.0.1:9/v1")


@each_text
def test_the_static_halves_of_widgets(client: Client, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked, what waits, what to rate, and what became of it."""
    raw = hostile_run(text) | {"status": "interrupted", "ended_at": None}
    raw["steps"][1] |= {"type": "interrupt", "status": "running", "completed_at": None}
    run = Run.from_json(raw)
    question = question_of(run)
    assert question is not None
    monkeypatch.setattr(client.runs, "get", lambda _run: run)
    ratings = runkit.FeedbackForm(client, run)
    waits = inbox_controller.Snapshot(waiting=inbox_controller.rows_of([run]), coverage=text, error=text)
    closed = Outcome("closed", run.created_at, text)
    _, elsewhere = verdict(question, client, closed, None, unsent=text)
    bundles = [
        display.question_twin(question, client),
        inbox.static(waits, client),
        ratings._static(),
        display.receipt_bundle(replace(elsewhere, reason=text), client, question),
    ]
    for bundle in bundles:
        check_html(bundle["text/html"].replace(display.STYLE, ""))
        check_text(bundle["text/plain"])
        assert "mathjax_ignore" in bundle["text/html"][:80]
    for row in ratings.widget.children[1:]:
        check_html(row.children[0].value)
    check_itself(client)


@pytest.mark.parametrize("text", TELLING.values(), ids=TELLING)
def test_the_data_of_a_report(text: str) -> None:
    """Data and provenance show themselves; what is missing of the source is hostile, too."""
    runs = tuple(hostile_runs({"": text}))
    source = read_source(RunList(runs, why=text))
    template = Template(text, Path(text), text)
    data = ReportData(*redact_source(source, make_masker(), template, Labels(text)))
    check_itself(data)
    check_itself(data.provenance)


def test_a_text_that_looks_like_ours_is_shown_whole() -> None:
    """Escaping loses nothing: the words of the text are in the page, and a code is not a sign."""
    text = PAYLOADS["img"] + PAYLOADS["bidi"]
    run = Run.from_json(hostile_run(text, is_tame=True))
    assert "<img src=x onerror=canary=1>\\u202egpj.exe\\u2066" in check_html(run._repr_html_())


@few_texts
def test_the_log_is_made_of_lines(texts: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """A record that is left out, and a field that breaks the contract, are named on one line."""
    caplog.set_level(logging.DEBUG, "runkit")
    runs = [
        plain_run(step("a", artifacts=[{text: text}], completed_at=text), **{"output": text, text: 1})
        | {"id": text}
        for text in texts
    ]
    runkit.frames([*map(Run.from_json, runs), *({text: text} for text in texts)])
    assert caplog.records
    for record in caplog.records:
        check_text(record.getMessage())
        assert "\n" not in record.getMessage()
