"""Without dask, the message names the extra, and the rest of an archive works."""

import subprocess
import sys

CODE = """
import sys
sys.modules["dask"] = None
import runkit
archive = runkit.Archive(sys.argv[1])
archive.add([])
archive.frames()
try:
    archive.dask()
except runkit.errors.MissingExtra as error:
    print(error)
"""


def test_dask_frames_without_dask_name_the_line_that_installs_it(tmp_path):
    command = [sys.executable, "-W", "error", "-c", CODE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "pip install 'runkit-jupyter[scale]'" in done.stdout, done.stderr
