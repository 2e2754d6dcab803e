"""`client.businesses`, and runs that know which business they are about."""

import pytest

import runkit
from runkit.client import businesses
from runkit.errors import NotFound
from tests.client.conftest import Answer

STAMPED = {"created_at": "2026-02-03T10:00:00Z", "updated_at": "2026-02-03T10:00:00Z"}


class Account:
    """Businesses with a thread each, and runs in threads."""

    def __init__(self, server, run_json):
        self.businesses = [("b-0", "approved"), ("b-1", "in_review"), ("b-2", "approved")]
        self.threads_read = []
        self.unreadable = set()
        self.run = run_json
        server.script = self.answer

    def answer(self, request):
        """Answer a request for businesses or threads."""
        if request.path == "/businesses":
            items = [
                {"object": "business", "id": name, "name": name, "status": status, **STAMPED}
                for name, status in self.businesses
            ]
        elif request.path == "/runs":
            items = [run.to_dict() for run in self.runs("b-0", "b-1", "b-2")]
        elif request.path.startswith("/businesses/"):
            name = request.path.removeprefix("/businesses/")
            if name not in dict(self.businesses):
                return Answer({"errors": [{"message": "no such business"}]}, status=404)
            return Answer(
                {"object": "business", "id": name, "name": name, "status": "x", **STAMPED}
            )
        else:
            name = request.query["business_id"]
            self.threads_read.append(name)
            if name in self.unreadable:
                return Answer(status=404)
            item = {"object": "thread", "id": f"thread-{name}", "status": "completed"}
            is_known = name in dict(self.businesses)
            items = [item | STAMPED] if is_known else []
        return Answer({"data": items, "has_more": False})

    def runs(self, *names):
        """Make runs in the threads of businesses."""
        return [
            runkit.Run.from_json(self.run(f"run-{name}", thread_id=f"thread-{name}"))
            for name in names
        ]


@pytest.fixture
def account(server, run_json):
    return Account(server, run_json)


def test_runs_are_listed_by_business(account, client):
    """By its id or as it was listed; the runs of others are left out, or all are named."""
    first, *_ = client.businesses.list()
    for business in (first, "b-2"):
        [run] = client.runs.list(business_id=business)
        assert run.business_name == run.business_id == getattr(business, "id", business)
    named = client.runs.list(with_businesses=True)
    assert [run.business_name for run in named] == ["b-0", "b-1", "b-2"]


def test_businesses_are_searched_until_all_runs_have_theirs(account, client, monkeypatch):
    """Those in review come first."""
    monkeypatch.setattr(businesses, "WORKERS", 1)
    [run] = client.businesses.identify(account.runs("b-1"))
    assert (run.business_name, account.threads_read) == ("b-1", ["b-1"])
    runs = client.businesses.identify([run, *account.runs("b-0")])
    assert ([run.business_name for run in runs], runs.missing) == (["b-1", "b-0"], ())


@pytest.mark.parametrize(
    ("business_id", "path"),
    [
        ("nope", "/businesses/nope:"),
        ("b-", "/businesses/b-:"),
    ],
)
def test_an_unknown_business_is_not_found(account, client, business_id, path):
    """The API lists no threads of it, as of a business without runs."""
    client.businesses.list()
    with pytest.raises(NotFound, match=path):
        client.runs.list(business_id=business_id)


def test_a_run_in_no_business_is_not_searched_for_again(account, client, server):
    runs = account.runs("elsewhere")
    assert not client.businesses.identify(runs).missing
    n_requests = len(server.requests)
    assert client.businesses.identify(runs)[0].business_id is None
    assert not client.businesses.identify([]).missing
    assert len(server.requests) == n_requests
    account.businesses.append(("b-3", "open"))
    assert client.businesses.identify(account.runs("b-3", "elsewhere"))[0].business_id == "b-3"


def test_a_business_that_cannot_be_read_costs_only_its_names(account, client):
    """A 404 for the threads of one ends no list; it is a reason."""
    account.unreadable = {"b-1"}
    runs = client.runs.list(with_businesses=True)
    assert [run.business_name for run in runs] == ["b-0", None, "b-2"]
    [reason] = runs.missing
    assert reason.startswith("1 business could not be read: b-1 (")
