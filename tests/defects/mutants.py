"""Change one operator, number or condition at a time, and list the changes that no test notices. Run by `.ci/soak`.

    python -m tests.defects.mutants                          some changes of each module of `TESTS`
    python -m tests.defects.mutants client/resume            some of one module

It works on copies of the tree. What survives is in `mutants.txt`, with file, line and diff. A change
that a user would feel gets a test, or a planted defect; others mean the same, or are not promised.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.defects.data import ROOT
from tests.defects.planted import N_COPIES, Copy
from tests.environments import Environment

REPORT = ROOT / "mutants.txt"
CHANGES = 60  # of a module, drawn anew each time: about ten minutes
# cosmic-ray and not mutmut, which leaves out what is decorated (all facts) and all outside of
# functions. It gets an environment of its own, as it brings 27 packages.
TOOL = "cosmic-ray>=8.4,<9"
# Most modules are run with the files of tests that are about them.
CLIENT = "tests/client/test_{}.py"
TESTS = {
    "facts": ["tests/facts", "tests/tables", "tests/screens"],
    "display/text": ["tests/facts", "tests/core/test_text.py"],
    **{
        f"tables/{name}": ["tests/tables", "tests/facts"]
        for name in ("flatten", "questions", "columns", "derive", "measure", "read_frames")
    },
    "api/reading": ["tests/tables", "tests/core"],
    "api/words": ["tests/core/test_words.py", "tests/facts"],
    "client/_http": [CLIENT.format(name) for name in ("http", "hosts", "limits", "stream")],
    "client/resume": [CLIENT.format("resume"), CLIENT.format("answer_log")],
    "reports/redaction": ["tests/reports/test_redaction.py", "tests/reports/test_secrets.py"],
    "server/_web": ["tests/server/test_access.py", "tests/server"],
    "client/run_list": [CLIENT.format("listing")],
    "local/fetch_files": [CLIENT.format("folder")],
    "screens/fleet": ["tests/screens"],
    "screens/one_run": ["tests/screens"],
    "screens/overview": ["tests/screens"],
    **{
        f"charts/{name}": [f"tests/charts/test_{test}.py" for test in ("gantt", "marks")]
        for name in ("gantt", "_items", "_rows", "_layout")
    },
    "api/questions": ["tests/widgets", CLIENT.format("resume"), "tests/core/test_questions.py"],
    **{
        f"widgets/{name}": ["tests/widgets"]
        for name in ("_answer_form", "_inputs", "_question", "interrupt_inbox")
    },
}
# One change for each place: a boundary, an opposite, a neighbor. `|` stands in annotations, mostly.
LEFT_OUT = [
    "core/ReplaceBinaryOperator_(?!Add_Sub|Sub_Add|Mul_Div|Div_Mul|BitAnd_BitOr)",
    "core/ReplaceComparisonOperator_(?!Gt_GtE|GtE_Gt|Lt_LtE|LtE_Lt|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)",
    "core/ReplaceUnaryOperator_(?!USub_UAdd|Delete_Not)",
    "core/ExceptionReplacer",
]
SAMPLE = """DELETE FROM work_items WHERE job_id NOT IN (
    SELECT job_id FROM work_items WHERE job_id NOT IN (SELECT job_id FROM work_results)
    ORDER BY random() LIMIT ?)"""


def survivors(module: str, tool: Environment, folder: Path) -> str:
    """Return the report on a module: the changes that no test noticed, then the counts."""
    copy = Copy(folder)
    tests = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    tests += ["-m", "not browser", "--timeout=60", *TESTS[module]]
    config = folder / "config.toml"
    session = folder / "session.sqlite"
    config.write_text(
        f"[cosmic-ray]\nmodule-path = 'runkit/{module}.py'\ntimeout = 300.0\n"
        f"test-command = {json.dumps(' '.join(json.dumps(part) for part in tests))}\n"
        "[cosmic-ray.distributor]\nname = 'local'\n"
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = {json.dumps(LEFT_OUT)}\n"
    )

    def run(name: str, *arguments: Path | str) -> str:
        command = [tool.program(name), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=copy.folder, env=copy.environment, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{module}: {' '.join(command)}\n{done.stdout[-5000:]}\n{done.stderr[-5000:]}")
        return done.stdout

    run("cosmic-ray", "baseline", config)  # the tests pass without a change
    run("cosmic-ray", "init", config, session)
    run("cr-filter-operators", session, config)
    with sqlite3.connect(session) as database:
        database.execute(SAMPLE, [CHANGES])
        database.execute("DELETE FROM work_results")
    run("cosmic-ray", "exec", config, session)
    return run("cr-report", session, "--surviving-only", "--show-diff")


def main() -> None:
    """Try the modules that are named, two side by side, and write what survived as it comes in."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=list(TESTS), metavar="MODULE")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(N_COPIES) as pool:
        tool = Environment.new(Path(name, "tool"))
        tool.install(TOOL)
        reports = [
            pool.submit(survivors, module, tool, Path(name, module.replace("/", ".")))
            for module in chosen.modules
        ]
        REPORT.write_text("")
        for module, report in zip(chosen.modules, reports, strict=True):
            with REPORT.open("a") as file:
                file.write(f"==== {module}{os.linesep}{report.result()}{os.linesep}")


if __name__ == "__main__":
    main()
