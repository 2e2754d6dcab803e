"""A folder of files, one for each fetch."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import runkit
from runkit.errors import AuthError, DataError, StorageError, UsageError
from tests.client.conftest import Server


@pytest.fixture
def account(account, run_json):
    """Return an account with a run that is done, and one that asks."""
    account.add(run_json("done"), run_json("asks", status="interrupted"))
    return account


@pytest.fixture
def fetch(account, server, client, tmp_path):
    """Return a fetch of all runs into a folder.

    It returns which runs were read, and the number of lines of the new file.
    """

    def fetch_():
        before = {*tmp_path.glob("*")}
        listed = client.runs.list()
        server.requests.clear()
        client.runs.fetch(listed, into=tmp_path)
        [new] = {*tmp_path.glob("*")} - before
        read = {request.path.removeprefix("/runs/") for request in server.requests}
        return read, len(new.read_bytes().splitlines())

    return fetch_


def test_a_folder_is_read_as_it_is_now(account, fetch, tmp_path):
    """New and changed runs are read, and by id those that it holds as open."""

    def status():
        f = runkit.frames(tmp_path)
        return dict(zip(f.runs["run_id"], f.runs["status"].astype(str), strict=True))

    assert fetch() == ({"done", "asks"}, 4)
    assert fetch() == (set(), 2)
    assert runkit.frames(tmp_path).missing == ()
    account.unlisted = {"asks"}
    account.change("asks", status="completed")
    assert fetch() == ({"asks"}, 3)
    assert status() == {"done": "completed", "asks": "completed"}
    account.change("done", status="error")
    account.refused = {"done": 403}
    assert fetch() == ({"done"}, 2)
    assert status()["done"] == "completed"
    [reason] = runkit.frames(tmp_path).missing
    assert reason.startswith("1 of 1 runs could not be read: done (")
    account.refused = {}
    assert fetch() == ({"done"}, 3)
    assert (status()["done"], runkit.frames(tmp_path).missing) == ("error", ())
    account.runs["done"] |= {"status": "completed"}  # in the same moment
    assert [fetch()[0], fetch()[0]] == [{"done"}, set()]


def test_a_folder_has_one_host(account, fetch, tmp_path):
    """Nothing is read from another one, and nothing is written."""
    fetch()
    before = sorted(tmp_path.iterdir())
    other = Server()
    with (
        runkit.Client("mk_test_other_0123456789", other.url) as elsewhere,
        pytest.raises(UsageError, match=r"use a folder for each host"),
    ):
        elsewhere.runs.fetch(["done"], into=tmp_path)
    other.server_close()
    assert sorted(tmp_path.iterdir()) == before
    assert other.requests == []


LAST = b'{"object":"runkit.fetched"'
CUT = "the fetch was stopped, or goes on"


@pytest.mark.parametrize(
    ("damage", "n_runs", "missing"),
    [
        (lambda text: text[: text.index(LAST)], 2, CUT),
        (lambda text: text[: text.index(LAST) - 20], 1, CUT),
        (lambda text: text.replace(LAST, b"{\n" + LAST), 2, "1 of 3 records refused"),
        (lambda text: text[: text.index(LAST)] + b"{\n", 2, "1 of 3 records refused"),
        (lambda text: b"", 0, "1 problem in the data"),
    ],
    ids=["no last record", "cut run", "broken line", "broken line, no last", "zero bytes"],
)
def test_a_damaged_file_is_a_reason_or_an_error(account, fetch, tmp_path, damage, n_runs, missing):
    """What is whole is read; the next fetch reads the rest."""
    fetch()
    [path] = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    if n_runs:
        f = runkit.frames(tmp_path)
        assert len(f) == n_runs
        assert missing in f.missing[-1]
    else:
        with pytest.raises(DataError, match=missing):
            runkit.frames(tmp_path)
    read, _ = fetch()
    assert len(read) == 2 - n_runs
    assert len(runkit.frames(tmp_path)) == 2


def test_a_disk_that_is_full_is_one_error(account, client):
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(StorageError, match="/dev/full"),
    ):
        client.runs.fetch(["done"], into=full)


@pytest.mark.parametrize("name", ["runs", "runs.ndjson"])
def test_a_fetch_that_is_refused_leaves_no_file(account, client, tmp_path, name):
    """The error is the API's, and the same command can be given again."""
    account.refused = {"done": 401}
    for _ in range(2):
        with pytest.raises(AuthError):
            client.runs.fetch(["done"], into=tmp_path / name)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_fetch_of_all_runs_settles_what_was_missing(account, client, tmp_path):
    """One with a limit, a start or a status does not, nor one that was stopped."""

    def missing(**filters):
        client.runs.fetch(client.runs.list(**filters), into=tmp_path)
        return runkit.frames(tmp_path).missing

    cut = ("the newest 1 of 2",)
    assert missing(limit=1) == cut
    assert missing(since="2026-02-01") == cut
    assert missing(status="error") == cut
    before = {*tmp_path.iterdir()}
    client.runs.fetch(client.runs.list(), into=tmp_path)
    [stopped] = {*tmp_path.iterdir()} - before
    stopped.write_bytes(stopped.read_bytes().partition(LAST)[0])
    assert cut[0] in runkit.frames(tmp_path).missing
    assert missing() == ()
    assert missing(limit=1) == cut


def test_four_writers_at_once_lose_nothing(account, client, run_json, tmp_path):
    """One that begins later also reads the open runs that the folder has by then."""
    account.add(*(run_json(f"run-{n}") for n in range(38)))
    listed = client.runs.list()

    def write(first):
        return client.runs.fetch(listed[first::4], into=tmp_path, progress=False)

    with ThreadPoolExecutor(4) as pool:
        assert all(len(runs) >= 10 for runs in pool.map(write, range(4)))
    assert len([*tmp_path.iterdir()]) == 4
    assert len(runkit.frames(tmp_path)) == 40
