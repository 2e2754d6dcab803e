"""Change one operator, number or condition at a time, and list the changes that no test notices. Run by `.ci/soak`.

    python -m tests.defects.mutants                          some changes of each module
    python -m tests.defects.mutants client/resume            some of one module

It works on copies of the tree. What survives is in `mutants.txt`, with file, line and diff. A change
that a user would feel gets a test, or a planted defect; others mean the same, or are not promised.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.defects.data import ROOT
from tests.defects.planted import Copy
from tests.environments import Environment

REPORT = ROOT / "mutants.txt"
N_COPIES = 2  # of the tree, used side by side
CHANGES = 20  # of a module, drawn anew each time: about three minutes
# cosmic-ray and not mutmut, which leaves out what is decorated (all facts) and all outside of
# functions. It gets an environment of its own, as it brings 27 packages.
TOOL = "cosmic-ray>=8.4,<9"
# The folders and files of tests that the modules of a package are run with, the quick ones first.
TESTS = {
    "": "facts core charts tables",
    "display": "facts core screens/test_panel.py",
    "api": "core facts tables client widgets",
    "local": "core client",
    "client": "client",
    "tables": "facts tables",
    "analysis": "analysis charts/test_compare.py",
    "charts": "charts",
    "screens": "facts screens/test_fleet.py screens/test_one_run.py screens",
    "widgets": "widgets",
    "reports": "reports",
    "server": "server",
    "shell": "cli",
}
MODULES = [
    path.relative_to(ROOT / "runkit").with_suffix("").as_posix()
    for path in sorted((ROOT / "runkit").rglob("*.py"))
    if not path.name.startswith("__")
]
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


def survivors(tool: Environment, module: str, folder: Path) -> str:
    """Return the report on a module: the changes that no test noticed, then the counts."""
    copy = Copy(folder)
    tests = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    tests += ["-m", "not browser", "--timeout=60"]
    tests += [f"tests/{name}" for name in TESTS[module.rpartition("/")[0]].split()]
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
    """Try the modules that are named, some side by side, and write what survived as it comes in."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="MODULE")
    modules: list[str] = parser.parse_args().modules
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(N_COPIES) as pool:
        tool = Environment.new(Path(name, "tool"))
        tool.install(TOOL)
        folders = [Path(name, module.replace("/", ".")) for module in modules]
        reports = pool.map(partial(survivors, tool), modules, folders)
        with REPORT.open("w") as file:
            for module, report in zip(modules, reports, strict=True):
                print(f"==== {module}\n{report}", file=file, flush=True)


if __name__ == "__main__":
    main()
