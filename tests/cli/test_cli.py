"""The command line, run as a user runs it."""

import argparse
import contextlib
import io
import json
import re

import pytest
from rich.cells import cell_len

import runkit
from runkit.shell.cli import main, parser
from support import question, step
from support import run as raw
from tests.cli.conftest import CANARY, OTHER_KEY, run

COMMANDS = next(
    action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dmo",), "invalid choice"),
        (
            ("fetch", "-o", "runs.csv"),
            "expected a folder, ending in /; a new file that ends in .ndjson",
        ),
        (("fetch", "-o", "runs.ndjson", "--status", "done"), "invalid choice"),
        (("fetch", "-o", "runs.ndjson"), "MIDDESK_API_KEY must be set in this shell"),
        (
            ("report", "missing.ndjson", "-o", "report.html"),
            "missing.ndjson is no file or folder of runs",
        ),
        (("report", "a", "-o", "report.html"), "a is no file or folder here"),
        (("demo", "--speed", "-1"), "greater than 0"),
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
    assert re.search("^Gulf Coast Cable Inc +IRS TIN Matching .* [0-9a-f]{8}", done.stdout, re.M)
    assert re.search(r"^1 run without steps\n8 runs read · as of \w+ \d+, ", done.stdout, re.M)
    assert groups(done.stdout) == [("2", "waiting"), ("2", "failed"), ("4", "completed")]
    modes = [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())]
    assert modes == [0o700, 0o600, 0o600]
    page = (folder / "index.html").read_text()
    assert page.count("<img") == 2
    assert CANARY not in page + done.stdout


def groups(shown):
    """The number and name of each group of runs."""
    return re.findall(r"^(\d+) (waiting|failed|running|completed)$", shown, re.MULTILINE)


def on_a_terminal(*arguments):
    """Run a command; return what it writes to a terminal."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    with contextlib.redirect_stdout(screen):
        main(arguments)
    return screen.getvalue()


def show(folder, *runs, options=(), code=0):
    """Write runs into a file, and show them: the lines."""
    (folder / "runs.ndjson").write_text("\n".join(map(json.dumps, runs)))
    done = run("show", "runs.ndjson", *options, cwd=folder)
    assert done.returncode == code, done.stderr
    return done.stdout.splitlines()


def test_a_run_is_shown_as_a_tree(tmp_path):
    """How it ended, its questions, its times, each step with its state and length.

    An error is said once, and a question without a decision says so.
    """
    steps = [
        step("b", 0, 20, label="Child"),
        step("d", 20, 30, label="Register", status="error", result={"error": "down"}),
        step("e", 30, 30, type="error", label="No: down"),
    ]
    group = step("a", 0, 40, label="Group", steps=steps)
    gate = question("q", 40, 70, label="Approve?")
    lines = show(tmp_path, raw(group, gate, step("c", 70, 100, label="Last")))
    assert lines[0] == "CIP Orchestrator"
    assert lines[1].startswith("run r · 1 run read · as of Feb 3, 2026, 10:01 UTC (newest time in")
    assert lines[3] == "Completed ✓  ended Feb 3, 2026, 10:01 UTC"
    assert lines[5] == "Approve?  Answered ✓"
    assert "decision not in the data · " in lines[6]
    table = [re.split("  +", line.strip()) for line in lines[-7:]]
    assert lines[-8] == "1 min 40 s: 1 min 10 s work, 30 s waiting"
    assert table[0] == ["Step", "State", "Agent", "Started", "Duration", "What"]
    assert [(row[0], row[1], *row[3:]) for row in table[1:]] == [
        ("Group", "Done ✓", "10:00:00", "40 s"),
        ("Child", "Done ✓", "10:00:00", "20 s"),
        ("Register", "Failed ✕", "10:00:20", "10 s", "down"),
        ("No: down", "Failed ✕", "10:00:30", "–"),
        ("Approve?", "Done ✓", "10:00:40", "30 s"),
        ("Last", "Done ✓", "10:01:10", "30 s"),
    ]


DAYS = [("2026-12-31", ["Since", "Feb 3"]), ("2027-01-01", ["Since      ", "Feb 3, 2026"])]


@pytest.mark.parametrize(("as_of", "days"), DAYS)
def test_several_files_are_shown_together(as_of, days, tmp_path):
    """Each group has a name if the runs have several; a day has its year if `as_of` is in another.

    Columns without a value are left out, numbers are right.
    """
    other = raw(step("a", 0, 5), run_id="bbbbbbbb-1", agent="kyb", status="error")
    (tmp_path / "more.json").write_text(json.dumps(other))
    first = raw(step("a"), run_id="aaaaaaaa-1")
    lines = show(tmp_path, first, options=("more.json", "--as-of", as_of))
    head, day = days
    assert lines[2:] == [
        "1 failed",
        f"Agent  Work  {head}  Run",
        f"KYB     5 s  {day}  bbbbbbbb-1",
        "",
        "1 completed",
        f"Agent             Work  {head}  Run",
        f"CIP Orchestrator  10 s  {day}  aaaaaaaa-1",
    ]


def test_a_limit_stands_beside_each_wait(tmp_path):
    """Time is counted to `--as-of`."""
    waiting = raw(question("q", 10, None), status="interrupted", end=None)
    (tmp_path / "run.json").write_text(json.dumps(waiting))
    options = ("--as-of", "2026-02-03T11:00:00Z", "--sla-h", "0.01")
    done = run("show", "run.json", *options, cwd=tmp_path)
    assert "59 min 50 s" in done.stdout
    assert "over 0.01 h" in done.stdout


def test_one_step_is_shown_and_written_as_json(tmp_path):
    """Without an only run it is refused."""
    runs = [
        raw(step("a", result={"match": True}), run_id="aaaaaaaa-1"),
        raw(step("c"), run_id="bbbbbbbb-1"),
    ]
    assert show(tmp_path, *runs, options=("aaaaaaaa", "--step", "Step a"))[0] == "Step a"
    tables = json.loads(
        "".join(show(tmp_path, *runs, options=("aaaaaaaa", "--step", "a", "--json")))
    )
    assert tables["step"] == [{"path": "match", "value": "true"}]
    show(tmp_path, *runs, options=("--step", "a"), code=2)


def test_the_inbox_lists_questions_that_wait(tmp_path):
    """The longest wait first, with its business."""
    with runkit.sandbox(speed=600, history=20, seed=12) as box:
        at = {"MIDDESK_API_KEY": box.key, "MIDDESK_BASE_URL": box.url}
        done = run("inbox", cwd=tmp_path, **at)
    assert done.returncode == 4, done.stderr
    assert re.match(r"SANDBOX · 127\.0\.0\.1:\d+ · 20 runs listed · 2 runs read", done.stdout)
    assert re.findall(r"^(.*?)  +(\S+) .*? \d+ d .*[0-9a-f]{8}", done.stdout, re.MULTILINE) == [
        ("Lakeline Family Dental PLLC", "Add"),
        ("Truckee River Freight Co", "2"),
    ]


CODES = [(False, False, 0), (False, True, 3), (True, False, 4), (True, True, 4)]


@pytest.mark.parametrize(("has_question", "has_bad_line", "code"), CODES)
def test_the_exit_code_says_whether_a_question_waits(has_question, has_bad_line, code, tmp_path):
    """Else whether something could not be read."""
    steps = [question("q", 1, None, label="Approve?\x1b")] if has_question else []
    state = {"status": "interrupted", "end": None} if has_question else {}
    line = raw(step("a"), *steps, **state)
    (tmp_path / "run.ndjson").write_text(json.dumps(line) + "\n{" * has_bad_line)
    done = run("show", "run.ndjson", cwd=tmp_path)
    assert done.returncode == code
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("width", [60, 110])
def test_a_table_fits_the_terminal(width, tmp_path, monkeypatch):
    """Wide characters count as two; ten rows of a group, unless `--all` is given.

    Headings are bold and in the color of their status, but for NO_COLOR.
    """
    name = {"_runkit": {"business_name": "東京貿易株式会社" * 4}}
    reason = f"Register: {'down ' * 30}: end"
    failed = raw(step("a", type="error", label=reason), status="error") | name
    runs = [failed, *(raw(step("a"), run_id=f"{n:08}-1") for n in range(12))]
    path = tmp_path / "runs.ndjson"
    path.write_text("\n".join(map(json.dumps, runs)))
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_a_terminal("show", str(path))
    assert max(map(cell_len, shown.splitlines())) <= width
    assert groups(shown) == [("1", "failed"), ("12", "completed")]
    assert re.search("Register: (down )*(d|do|dow|down)?…", shown)
    assert "+ 2 completed: --all" in shown
    assert len(re.findall("000000", shown)) == 10
    assert len(re.findall("000000", on_a_terminal("show", str(path), "--all"))) == 12
    assert reason in run("show", str(path), cwd=tmp_path).stdout  # a pipe gets all
    assert [line for line in shown.splitlines() if line.endswith(" ")] == []
    assert "\x1b" not in shown
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[1;32m12 completed\x1b[0m" in on_a_terminal("show", str(path))


def test_the_exports_of_the_sandbox_are_all_that_a_client_needs(served, monkeypatch):
    """Its key is its own, although the shell that started it has another one."""
    assert served["MIDDESK_API_KEY"].startswith("mk_test_")
    assert served["MIDDESK_API_KEY"] != OTHER_KEY
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    with runkit.Client() as client:
        assert (client.mode, len(client.runs.list(progress=False))) == ("SANDBOX", 6)
