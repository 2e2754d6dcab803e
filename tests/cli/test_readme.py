"""What README shows works as it stands there."""

import re
import shlex
import shutil
from contextlib import ExitStack
from functools import partialmethod

import pytest

import runkit
from environments import ROOT
from runkit.reports import templates
from runkit.server import Sandbox
from runkit.shell.cli import EXIT_WAITING
from tests.cli.conftest import run
from tests.cli.test_cli import COMMANDS
from tests.reports.conftest import execute_here, without_kernel

__all__ = ["without_kernel"]

README = (ROOT / "README.md").read_text()
# lines that are not run here, because they install or take minutes, and what holds them
ELSEWHERE = {
    "python3 -m venv .venv && .venv/bin/pip install --quiet --editable '.[lab]' && .venv/bin/runkit demo": (
        *("tests/cli/test_cli.py", "def test_the_demo_shows_runs_and_writes_a_page("),
    ),
    "bash .ci/test": (".ci/run", "bash .ci/test"),
    "export MIDDESK_API_KEY=mk_live_…": ("tests/cli/test_readme.py", '"MIDDESK_API_KEY": box.key'),
}


@pytest.fixture(scope="module")
def ran(demo, tmp_path_factory):
    """Run README's Python blocks in order, in one namespace and an empty folder."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    names = {"folder": tmp_path_factory.mktemp("readme")}
    shutil.copytree(demo[1], names["folder"] / "runkit-demo")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as closing:
        patch.chdir(names["folder"])
        patch.setattr(templates, "execute", execute_here)
        patch.setattr(Sandbox, "client", partialmethod(Sandbox.client, rate=None))
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)  # noqa: S102
            closing.callback(names["box"].close)
            closing.callback(names["client"].close)
    return names


def test_every_python_block_runs(ran):
    """The frames are whole, the report is there, and the table has README's columns."""
    assert len(ran["f"].runs) == len(ran["before"].runs) == 8
    assert not ran["slowest"].missing
    assert len(ran["slowest"].runs) == 1
    assert ran["run"].status in ("running", "completed")
    made = {path.name for path in ran["folder"].iterdir()}
    assert made == {"report.html", "report.ipynb", "runkit-demo"}
    [table] = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    shown = ran["slowest"].steps.nlargest(3, "critical_s")[table.split("\n")[0].split()]
    assert shown.to_string() == table.rstrip("\n")


@pytest.mark.usefixtures("without_kernel")
def test_every_answer_of_the_table_runs(ran, monkeypatch):
    """With the demo's runs, and a client of a sandbox."""
    cells = re.findall(r"^\| .+\? \| (.+) \|$", README, re.MULTILINE)
    codes = [
        code for cell in cells for code in re.findall(r"`((?:runkit|client|f)\b[^`]*[)\]])`", cell)
    ]
    assert len(codes) >= 18
    with runkit.sandbox(history=6) as box, box.client(rate=None) as client:
        listed = client.runs.list(with_businesses=True)
        names = ran | {"client": client, "before": runkit.frames(client.runs.fetch(listed))}
        monkeypatch.chdir(ran["folder"])
        for code in codes:
            exec(code, names)  # noqa: S102


@pytest.mark.usefixtures("without_kernel")
def test_every_shell_line_runs(tmp_path):
    """As it stands there, but on a sandbox and a run of it; or see ELSEWHERE."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    n_others = len(re.findall("^```(?:python|text)$", README, re.MULTILINE))
    assert len(blocks) + n_others == README.count("\n```") / 2
    lines = [line for block in blocks for line in block.splitlines()]
    for line, (file, test) in ELSEWHERE.items():
        lines.remove(line)
        assert test in (ROOT / file).read_text()
    # README shows what to do with runs before how to get them.
    lines.sort(key=lambda line: "fetch" not in line)
    with runkit.sandbox(history=6) as box, box.client(rate=None) as client:
        [run_id] = client.runs.list(limit=1, status="completed").ids
        at = {"MIDDESK_API_KEY": box.key, "MIDDESK_BASE_URL": box.url}
        for line in lines:
            program, *words = shlex.split(line.replace("4f029db6", run_id[:8]))
            assert program == "runkit"
            done = run(*words, cwd=tmp_path, **at)
            assert done.returncode in (0, EXIT_WAITING), (line, done.stderr)
    assert {path.name for path in tmp_path.iterdir()} >= {"runs", "report.html"}


def test_every_command_and_option_named_exists():
    """No `runkit …` in README is made up, in a block or in a sentence, nor is its option."""
    assert set(re.findall(r"\brunkit ([a-z]+)\b", README)) & set(COMMANDS) == set(COMMANDS)
    for name, words in re.findall(r"(?:^|`)runkit ([a-z]+)([^`\n]*)", README, re.MULTILINE):
        options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", words))
        assert options <= set(COMMANDS[name]._option_string_actions), (name, words)


def test_every_file_named_exists():
    """Links, scripts and pictures."""
    for name in re.findall(r"\]\((?!http|#)([^)]+)\)|\b((?:tests|\.ci|runkit)/[\w./]+\w)", README):
        path = name[0] or name[1]
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), path
