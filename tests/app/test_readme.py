"""What README shows works as it stands there."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.tables.schema import SCHEMA
from tests.app.conftest import run
from tests.app.test_cli import COMMANDS
from tests.bench.__main__ import TOPICS, _parser

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "tests" / "examples"
README = (ROOT / "README.md").read_text()
BENCH = ".venv/bin/python -m tests.bench"
ELSEWHERE = {  # lines that are not run here, because they install or take minutes, and what holds them
    "python3 -m venv .venv && .venv/bin/pip install --quiet --editable '.[lab]' && .venv/bin/runkit demo": (
        *("tests/app/test_cli.py", "def test_the_demo_shows_runs_and_writes_a_page("),
    ),
    "bash .ci/test": (".ci/run", "bash .ci/test"),
    "export MIDDESK_API_KEY=mk_live_…": ("tests/app/test_readme.py", '"MIDDESK_API_KEY": box.key'),
    BENCH: ("tests/app/test_readme.py", "def test_the_benchmarks_are_called_as_they_want("),
    f"{BENCH} frames gantt --steps 20000 -o bench.json": (
        *("tests/app/test_readme.py", "def test_the_benchmarks_are_called_as_they_want("),
    ),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What README's Python blocks leave behind, run in order, in one namespace and an empty folder."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    names: dict[str, Any] = {"folder": tmp_path_factory.mktemp("readme")}
    examples = [json.dumps(json.loads(file.read_text())) for file in EXAMPLES.glob("run_[cm]*.json")]
    (names["folder"] / "runs.ndjson").write_text("\n".join(examples))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(names["folder"])
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    return names


def test_every_python_block_runs(ran: dict[str, Any]) -> None:
    """The frames are whole, and the reports are there."""
    assert len(ran["f"].runs) == ran["made"].n_runs == 2
    assert ran["slowest"].is_complete
    assert len(ran["slowest"].runs) == 1
    made = {path.name for path in ran["folder"].iterdir()}
    assert made == {
        "report.html",
        "report.ipynb",
        "fleet.html",
        "fleet.ipynb",
        "runs",
        "runs.ndjson",
        "frames",
    }
    assert len(ran["same_again"].runs) == 60


def test_sql_on_saved_frames(ran: dict[str, Any]) -> None:
    """DuckDB and Polars see the rows, the order and the words of the frames."""
    many: runkit.Frames = ran["many"]
    in_order = many.steps.sort_values(["run_id", "order"])
    words = ["  " * depth + label for depth, label in zip(in_order["depth"], in_order["label"], strict=True)]
    with contextlib.chdir(ran["folder"]):
        assert [step for (step,) in ran["tree"].fetchall()] == words
        waiting = ran["waiting"].collect()
        kinds = ran["duckdb"].sql(f"{ran['kinds']} GROUP BY ALL").fetchall()
    pending = many.interrupts[many.interrupts["outcome"] == "pending"]
    assert waiting["wait_s"].to_list() == pending["wait_s"].tolist()
    assert waiting["asked_at"].to_list() == pending["asked_at"].tolist()
    expected = many.steps.groupby(["agent", "name"])["critical_s"].sum().to_dict()
    assert {(agent, name): spent for agent, name, spent in kinds} == pytest.approx(expected)


def test_the_recipe_for_csv_keeps_formulas_out() -> None:
    """The expression in README puts an apostrophe before what a spreadsheet would run."""
    [recipe] = re.findall(r"`(text\.str\.replace\(.*?\))`", README)
    text = pd.Series(["=1+1", "+1", "-1", "@x", "\tx", "\n=1", " =1", "＝1", "a=b", ""], dtype="str")
    safe = eval(recipe, {"text": text})  # noqa: S307
    assert safe.tolist() == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\n=1", "' =1", "'＝1", "a=b", ""]


def test_every_shell_line_runs(tmp_path: Path) -> None:
    """As it stands there, but on a sandbox and a run of it; or see ELSEWHERE."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert len(blocks) + README.count("```python\n") == README.count("\n```") / 2
    lines = [line for block in blocks for line in block.splitlines()]
    for line, (file, test) in ELSEWHERE.items():
        lines.remove(line)
        assert test in (ROOT / file).read_text()
    # README shows what to do with runs before how to get them.
    lines.sort(key=lambda line: "fetch" not in line)
    with runkit.sandbox(history=60) as box, box.client() as client:
        [run_id] = client.runs.list(limit=1, status="completed").ids
        at = {"MIDDESK_API_KEY": box.key, "MIDDESK_BASE_URL": box.url}
        for line in lines:
            program, *words = shlex.split(line.replace("83fe7317", run_id[:8]))
            assert program == "runkit"
            done = run(*words, cwd=tmp_path, **at)
            assert done.returncode == 0, (line, done.stderr)
    assert {path.name for path in tmp_path.iterdir()} >= {"runs.ndjson", "report.html", "fleet.html"}
    assert run_id in (tmp_path / "report.html").read_text()


def test_every_command_and_option_named_exists() -> None:
    """No `runkit …` in README is made up, in a block or in a sentence, nor is any option."""
    spans = re.findall(r"^runkit .+$", "".join(re.findall(r"```sh\n.*?```", README, re.DOTALL)), re.MULTILINE)
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    spans += [span for span in re.findall(r"`([^`]+)`", prose) if re.match(r"(\S+/)?runkit ", span)]
    assert len(spans) >= 8
    for span in spans:
        _, name, *words = shlex.split(span)
        options = {word for word in words if word.startswith("-") and word != "-"}
        assert options <= set(COMMANDS[name]._option_string_actions), span
    assert all(f"runkit {name}" in README for name in COMMANDS)
    options = {option for one in COMMANDS.values() for option in one._option_string_actions}
    bench = set(_parser([])._option_string_actions)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README)) <= options | bench | {"--quiet", "--editable"}


def test_the_benchmarks_are_called_as_they_want() -> None:
    """The topics that README names are there."""
    for words in re.findall(r"-m tests\.bench (.+)$", README, re.MULTILINE):
        assert set(_parser([]).parse_args(words.split()).topics) <= set(TOPICS)


def test_every_file_named_exists() -> None:
    """Links, scripts and pictures."""
    for name in re.findall(r"\]\((?!http|#)([^)]+)\)|\b((?:tests|\.ci|runkit)/[\w./]+\w)", README):
        path = name[0] or name[1]
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), path


def test_every_frame_is_explained() -> None:
    """The six frames stand in README; public names explain themselves, see `test_docstrings`."""
    for frame in SCHEMA:
        assert f"| `{frame}` |" in README
