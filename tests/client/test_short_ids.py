"""A run is meant by its id or, wherever runs are at hand, by the first characters of it."""

import pytest

import runkit
from runkit.errors import NotFound, UsageError
from tests.client.conftest import Answer

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(1, 31)]
POST = {"decision": "approve"}


@pytest.fixture
def account(server, run_json, page):
    """Serve three pages of ten runs with a question each; an answer closes it."""

    def answer(request):
        if request.path == "/runs":
            start = 10 * int(request.query["page"]) - 10
            runs = [run_json(run_id) for run_id in IDS[start : start + 10]]
            return page(*runs, has_more=start + 10 < len(IDS), total=len(IDS))
        run_id = request.path.split("/")[2]
        return Answer(run_json(run_id)) if run_id in IDS else Answer(status=404)

    server.script = answer
    return answer


WRITES = {
    "resume": lambda client, run_id: client.runs.resume(run_id, "int-1", POST),
    "feedback": lambda client, run_id: client.runs.feedback(run_id, "artifact-1", "positive"),
    "form": runkit.InterruptForm,
    "monitor": runkit.RunMonitor,
}


@pytest.mark.usefixtures("account")
def test_the_client_finds_a_run_by_the_start_of_its_id(client):
    """Also one that it has not seen before; an unknown start is not found."""
    assert client.runs.get(IDS[25][:8]).id == IDS[25]
    assert client.runs.fetch([IDS[3][:9]], progress=False).ids == (IDS[3],)
    with pytest.raises(NotFound):
        client.runs.get("ffffffff")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("write", WRITES)
def test_a_write_needs_the_start_of_one_id_only(server, client, monkeypatch, write):
    twin = IDS[0][:8] + IDS[29][8:-1] + "1"
    monkeypatch.setitem(globals(), "IDS", [*IDS[:29], twin])
    with pytest.raises(UsageError) as error:
        WRITES[write](client, IDS[0][:8])
    assert twin in str(error.value)
    assert server.posts == []


def test_a_write_is_refused_if_not_all_runs_could_be_listed(server, client, account):
    def without_the_end(request):
        answer = account(request)
        return Answer({**answer.body, "total_count": 31}) if request.path == "/runs" else answer

    server.script = without_the_end
    with pytest.raises(UsageError, match=IDS[0]):
        client.runs.resume(IDS[0][:8], "int-1", POST)
    assert server.posts == []
