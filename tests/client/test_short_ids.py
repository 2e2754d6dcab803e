"""A run is meant by its id or, wherever runs are at hand, by the first characters of it."""

import pytest

import runkit
from runkit.errors import NotFound, UsageError

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(1, 31)]
TWIN = IDS[0][:8] + IDS[29][8:]
WRITES = {
    "resume": lambda client, run_id: client.runs.resume(run_id, "q", {"decision": "approve"}),
    "feedback": lambda client, run_id: client.runs.feedback(run_id, "artifact-1", "positive"),
    "form": runkit.InterruptForm,
    "monitor": runkit.RunMonitor,
}


@pytest.fixture
def account(account, run_json):
    """Return an account with three pages of runs."""
    account.page_size = 10
    account.add(*map(run_json, IDS))
    return account


@pytest.mark.usefixtures("account")
def test_the_client_finds_a_run_by_the_start_of_its_id(client):
    """Also one that it has not seen before; an unknown start is not found."""
    assert client.runs.get(IDS[25][:8]).id == IDS[25]
    assert client.runs.fetch([IDS[3][:9]], progress=False).ids == (IDS[3],)
    with pytest.raises(NotFound):
        client.runs.get("ffffffff")


@pytest.mark.parametrize("write", WRITES)
def test_a_write_needs_the_start_of_one_id_only(account, server, client, run_json, write):
    account.add(run_json(TWIN + "1"))
    with pytest.raises(UsageError, match=TWIN):
        WRITES[write](client, IDS[0][:8])
    assert server.posts == []


def test_a_write_is_refused_if_not_all_runs_could_be_listed(account, server, client):
    account.add({"id": "unreadable"})
    with pytest.raises(UsageError, match=IDS[0]):
        WRITES["resume"](client, IDS[0][:8])
    assert server.posts == []
