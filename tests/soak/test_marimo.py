"""The card in marimo, which is no dependency: a wheel in an environment of its own."""

import re
import subprocess

import pytest
from playwright.sync_api import expect

from environments import Environment, build_both, copy_sources, environment
from tests.widgets.live import press

APP = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import runkit

    client = runkit.sandbox(history=20, seed=7).client()
    run = client.runs.list(status="interrupted")[0]
    form = runkit.InterruptForm(client, run.id, who="Ana Ortiz")
    mo.ui.anywidget(form.widget)
    return
"""


@pytest.fixture
def address(tmp_path):
    """Where marimo shows the app."""
    built = build_both(copy_sources(tmp_path / "source"), tmp_path / "dist")
    env = Environment.new(tmp_path / "venv")
    env.install(f"{built.wheel}[sandbox]", "marimo")
    (tmp_path / "app.py").write_text(APP)
    command = [env.program("marimo"), "run", "app.py", "--headless", "--no-token"]
    variables = environment(RUNKIT_STATE_DIR=str(tmp_path / "state"))
    with subprocess.Popen(
        command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))[0]
        server.terminate()
        server.communicate()


@pytest.mark.timeout(900)
def test_a_form_is_answered_in_marimo(address, browser):
    page = browser.new_page()
    page.goto(address)
    page.get_by_label("Reason").fill("Born in another year")
    press(page.get_by_role("button", name="dismiss"))
    expect(page.get_by_text("Dismissed").first).to_be_visible()
    page.close()
