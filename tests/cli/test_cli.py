"""The command line, run as a user runs it."""

import argparse
import contextlib
import io
import json
import os
import re
from unittest.mock import patch

import pytest
from rich.cells import cell_len

import runkit
from runkit.shell.cli import main, parser
from support import artifact, question, step
from support import run as raw
from tests.cli.conftest import CANARY, OTHER_KEY, environment, run

COMMANDS = next(
    action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys, monkeypatch):
    """`--help` describes the command and each option, with its default."""
    monkeypatch.setenv("COLUMNS", "200")  # so that no word is broken at a hyphen
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: runkit {name} ")
    assert str(COMMANDS[name].description) in text
    for action in COMMANDS[name]._actions:
        assert action.help not in (None, "", argparse.SUPPRESS), action.dest
        assert " ".join(action.help.split()) in text
        if action.default not in (None, False, 0, [], argparse.SUPPRESS):
            assert f"({action.default})" in action.help, action.dest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dmo",), "Did you mean 'demo'?"),
        (("fetch",), "-o/--output"),
        (
            ("fetch", "-o", "runs.csv"),
            "expected a folder, ending in /; a new file that ends in .ndjson",
        ),
        (("fetch", "-o", "runs.ndjson", "--status", "done"), "invalid choice"),
        (("fetch", "-o", "runs.ndjson"), "MIDDESK_API_KEY is not set in this shell"),
        (("report", "runs.ndjson"), "-o/--output"),
        (
            ("report", "missing.ndjson", "-o", "report.html"),
            "missing.ndjson is no file or folder of runs",
        ),
        (("report", "a", "-o", "report.pdf"), "must end in .html"),
        (("report", "a", "-o", "report.html", "--template", "flet"), "Did you mean 'fleet'"),
        (("demo", "--speed", "-1"), "greater than 0"),
        (("sandbox", "--port", "99999"), "99999"),
    ],
)
def test_wrong_use_explains_itself(arguments, words, tmp_path):
    """Exit code 2, a message without a traceback, nothing written."""
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_demo_shows_runs_and_writes_a_page(demo):
    """Eight runs, two of them in forms of other accounts; for their owner only."""
    done, folder = demo
    assert re.search("^✕ Gulf Coast Cable Inc +[0-9a-f]{8} IRS TIN Matching", done.stdout, re.M)
    assert re.search(
        r"8 runs: 4 completed, 2 failed, 2 waiting\n.*8 runs read · as of \w+ \d+, ", done.stdout
    )
    assert "\x1b" not in done.stdout  # no terminal, no colors
    assert not re.search("[0-9a-f]{8}-[0-9a-f]{4}-", done.stdout + done.stderr)
    modes = [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())]
    assert modes == [0o700, 0o600, 0o600]
    page = (folder / "index.html").read_text()
    assert page.count("<img") == 2
    assert "<script" not in page
    assert CANARY not in page + done.stdout + done.stderr


def on_a_terminal(*arguments):
    """Run a command; return what it writes to a terminal."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    with contextlib.redirect_stdout(screen):
        assert main(arguments) == 0
    return screen.getvalue()


@pytest.mark.parametrize(
    ("variables", "is_colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_shows_colors(variables, is_colored, tmp_path):
    """Unless it cannot, or its user does not want any; text of a run has no control characters."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps(raw(step("a", label="red \x1b[31m"))))
    variables = environment(**({"TERM": "xterm"} | variables))
    with patch.dict(os.environ, variables, clear=True):
        shown = on_a_terminal("show", str(path))
    assert ("\x1b[32m ✓ Completed\x1b[0m" in shown) == is_colored
    assert r"red \x1b[31m" in shown


def show(folder, *runs):
    """Write runs into a file, and show them."""
    (folder / "runs.ndjson").write_text("\n".join(map(json.dumps, runs)))
    done = run("show", "runs.ndjson", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_is_shown_as_a_tree(tmp_path):
    """Each step with its time and whether it is on the critical path; a question with its end."""
    group = step("a", 0, 40, label="Group", steps=[step("b", 0, 20, label="Child")])
    tree = raw(group, question("q", 40, 70, label="Approve?"), step("c", 70, 100, label="Last"))
    # the year is shown in other years only
    lines = [
        " ".join(line.split()).replace(", 2026", "") for line in show(tmp_path, tree).splitlines()
    ]
    assert lines[0] == "CIP Orchestrator r ✓ Completed"
    assert lines[1].startswith("1 min 40 s: 1 min 10 s work, 30 s waiting · created Feb 3, ")
    assert lines[4:9] == [
        "├─ Group 40 s ◆",
        "│ └─ Child 20 s ◆",
        "├─ Approve? 30 s ◆",
        "│ Answered, Feb 3, 10:01 UTC",
        "└─ Last 30 s ◆",
    ]


def test_findings_are_named_weakest_first(tmp_path):
    findings = [artifact(f"Finding {word}", confidence=word) for word in ("high", "low", "medium")]
    shown = show(tmp_path, raw(step("a", artifacts=findings)))
    assert re.search(r"3 findings: Finding low .*Finding medium .*Finding high", shown)


def test_several_runs_are_shown_as_a_table(tmp_path):
    """An id after the file picks one of them, by its first characters."""
    ids = ["aaaaaaaa-1111", "bbbbbbbb-1111"]
    runs = [raw(step("a"), run_id=run_id, start=start) for start, run_id in enumerate(ids)]
    unrated = step("u", artifacts=[artifact(confidence=None)])
    waiting = raw(unrated, question("q", 10, None, label="Approve?"), status="interrupted")
    runs.append(waiting | {"ended_at": None})
    table = show(tmp_path, *runs)
    listed = re.findall("^✓ CIP Orchestrator +(\\w+) ", table, re.MULTILINE)
    assert listed == ["aaaaaaaa", "bbbbbbbb"]
    assert re.search("^ +Agent +Run ", table, re.MULTILINE)  # no business is known
    assert "2 completed" in table
    assert re.search("^◷ .* Approve[?] ", table, re.MULTILINE)  # what waits comes before a rating
    entry = run("show", "runs.ndjson", "bbbbbbbb", cwd=tmp_path).stdout
    assert "aaaaaaaa" not in entry
    assert "└─ Step a" in entry


def test_show_says_which_records_could_not_be_read(tmp_path):
    """The run that can be is shown; the exit code is that of incomplete data."""
    (tmp_path / "runs.ndjson").write_text(json.dumps(raw(step("a"))) + "\n{broken\n")
    done = run("show", "runs.ndjson", cwd=tmp_path)
    assert "└─ Step a" in done.stdout
    assert done.returncode == 3
    assert re.match("Incomplete: 1 of 2 .*\n  runs.ndjson:2: bad_json: not JSON", done.stderr)
    (tmp_path / "runs.ndjson").write_text("{broken\n")
    done = run("show", "runs.ndjson", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "all records were refused" in done.stderr


def test_the_inbox_lists_questions_that_wait(tmp_path):
    """The longest wait first, with its business; without one, the count is 0."""
    with runkit.sandbox(speed=600, history=20, seed=12) as box:
        at = {"MIDDESK_API_KEY": box.key, "MIDDESK_BASE_URL": box.url}
        done = run("inbox", cwd=tmp_path, **at)
        nothing = run("inbox", "--since", "today", cwd=tmp_path, **at)
    assert done.returncode == 0, done.stderr
    assert re.match(r"2 questions waiting, oldest \d+ d", done.stdout)
    assert re.findall(r"^◷ (.*?) +[0-9a-f]{8} (\S+) .*? \d+ d", done.stdout, re.MULTILINE) == [
        ("Lakeline Family Dental PLLC", "Add"),
        ("Truckee River Freight Co", "2"),
    ]
    assert nothing.stdout.startswith("0 questions waiting in 0 runs")


@pytest.mark.parametrize("has_question", [True, False])
def test_json_says_by_the_exit_code_whether_a_question_waits(tmp_path, has_question):
    """Also beside a line that cannot be read."""
    waiting_step = [question("q", 1, None, label="Approve?\x1b")] if has_question else []
    status = "interrupted" if has_question else "completed"
    run_now = raw(step("a"), *waiting_step, status=status)
    line = json.dumps(run_now | {"ended_at": None} if has_question else run_now)
    (tmp_path / "run.ndjson").write_text(line + "\n{" * has_question)
    done = run("show", "run.ndjson", "--json", cwd=tmp_path)
    assert done.returncode == (4 if has_question else 0)
    shown = json.loads(done.stdout)
    assert shown["runs"][0]["n_pending"] == has_question
    assert [row["label"] for row in shown["interrupts"]] == ["Approve?\x1b"] * has_question
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("width", [60, 110])
def test_a_table_fits_the_terminal(width, tmp_path, monkeypatch):
    """Wide characters count as two; completed runs are one line, unless `--all` is given."""
    names = {"_runkit": {"business_name": "東京貿易株式会社" * 4}}
    failed = raw(step("a", 0, 9, label="x" * 200, status="error"), run_id="f" * 9, status="error")
    output = {"artifacts": [artifact("Summary")]}
    weak = raw(step("a", artifacts=[artifact("Suite", confidence="low")]), output=output)
    runs = [
        weak,
        failed | names,
        *(raw(step("a"), run_id=f"{n}" * 9, output=output) for n in range(3)),
    ]
    path = tmp_path / "runs.ndjson"
    path.write_text("\n".join(map(json.dumps, runs)))
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    for options, n_rows in (([], 1), (["--all"], 5)):
        lines = on_a_terminal("show", str(path), *options).splitlines()
        assert max(map(cell_len, lines)) <= width
        assert len([line for line in lines if line[:2] in ("✕ ", "✓ ")]) == n_rows


def test_the_exports_of_the_sandbox_are_all_that_a_client_needs(served, monkeypatch):
    """Its key is its own, although the shell that started it has another one."""
    assert served["MIDDESK_API_KEY"].startswith("mk_test_")
    assert served["MIDDESK_API_KEY"] != OTHER_KEY
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    with runkit.Client() as client:
        assert (client.mode, len(client.runs.list(progress=False))) == ("SANDBOX", 6)


def test_a_second_fetch_into_a_folder_has_two_records(tmp_path, served):
    """With nothing new, no run is read, and the folder is complete."""
    for n_lines in (8, 2):
        known = {*tmp_path.glob("runs/*")}
        done = run("fetch", "-o", "runs/", cwd=tmp_path, **served)
        assert done.returncode == 0, done.stderr
        [path] = {*tmp_path.glob("runs/*")} - known
        assert len(path.read_bytes().splitlines()) == n_lines
    f = runkit.frames(tmp_path / "runs")
    assert (len(f.runs), f.missing) == (6, ())
    assert f.runs["has_steps"].all()
