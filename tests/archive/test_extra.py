"""Without the extra, the message names it; and the rest of runkit works."""

import subprocess
import sys

import pytest

HIDE = "import sys; {hidden} = None; import runkit; from runkit.errors import MissingExtra\n"
DELTALAKE, DASK = "sys.modules['deltalake']", "sys.modules['dask']"


@pytest.mark.parametrize(
    ("hidden", "works", "needs"),
    [
        # also `from runkit import *`, and everything but an archive
        (
            f"{DELTALAKE} = {DASK}",
            "from runkit import *; frames([]); Archive",
            "runkit.Archive('runs')",
        ),
        (DASK, "a = runkit.Archive(sys.argv[1]); a.add([]); a.frames()", "a.dask()"),
    ],
)
def test_what_is_missing_is_named(hidden, works, needs, tmp_path):
    """With the line for pip; what does not need the package works without."""
    script = f"{works}\ntry:\n    {needs}\nexcept MissingExtra as error:\n    print(error)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HIDE.format(hidden=hidden) + script, str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert "pip install 'runkit-jupyter[scale]'" in done.stdout, done.stderr


def test_an_archive_does_not_load_a_client_or_dask():
    """Reading and writing at rest need neither."""
    code = (
        "import sys, runkit; runkit.Archive; "
        "print(sorted({'httpx', 'dask', 'fastapi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
