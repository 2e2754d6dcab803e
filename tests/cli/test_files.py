"""What runkit writes is for its owner only, whatever the umask allows."""

import os
import stat

import pytest

import runkit
from runkit.shell.cli import main


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask(tmp_path, monkeypatch):
    """Work in an empty folder, where nothing is taken away from what is asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNKIT_STATE_DIR", str(tmp_path / "state"))
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_files_are_written_for_their_owner_only(tmp_path, monkeypatch):
    with runkit.sandbox(history=2) as box, box.client() as client:
        monkeypatch.setenv("MIDDESK_API_KEY", box.key)
        monkeypatch.setenv("MIDDESK_BASE_URL", box.url)
        runkit.frames(client.runs.fetch(client.runs.list())).save("frames")
        (tmp_path / "runs.ndjson").touch(0o666)  # a file that others can read is replaced
        for words in (["runs.ndjson", "--overwrite"], ["new/"]):
            assert main(["fetch", "-o", *words]) == 0
    paths = [*tmp_path.rglob("*")]
    assert len(paths) == 1 + 1 + 8 + 1
    for path in paths:
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
