"""`runkit/api/contract.md` lists what the code assumes, and where."""

import re
from pathlib import Path

import runkit

PACKAGE = Path(runkit.__file__).parent
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
FILES = {
    int(number): set(re.findall(r"`([^`]+)`", where))
    for number, where in ROW.findall((PACKAGE / "api" / "contract.md").read_text())
}
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): path.read_text()
    for path in PACKAGE.rglob("*")
    if path.suffix in (".py", ".toml", ".js")
}


def test_each_assumption_in_the_code_is_listed_with_its_file():
    for name, text in SOURCES.items():
        for numbers in re.findall(r"\[A\] (\d+(?:(?:, | and )\d+)*)", text):
            for number in map(int, re.findall(r"\d+", numbers)):
                assert name in FILES[number], (name, number)


def test_each_file_in_the_list_of_assumptions_exists():
    assert len(FILES) == 36
    for number, files in FILES.items():
        assert files, number
        assert all((PACKAGE / name).is_file() for name in files), (number, files)
