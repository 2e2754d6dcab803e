"""`client.businesses`, and runs that know which business they are about."""

import pytest

from runkit.errors import NotFound


@pytest.fixture
def account(account, run_json):
    """Return an account with three businesses, and a run about each."""
    account.businesses = {"b-0": "approved", "b-1": "in_review", "b-2": "approved"}
    account.add(*(run_json(f"r-{name}", thread_id=f"thread-{name}") for name in account.businesses))
    return account


@pytest.mark.usefixtures("account")
def test_runs_are_listed_by_business(client):
    """By its id or as it was listed; the runs of others are left out, or all are named."""
    first, *_ = client.businesses.list()
    for business in (first, "b-2"):
        [run] = client.runs.list(business_id=business)
        assert run.business_name == run.business_id == getattr(business, "id", business)
    named = client.runs.list(with_businesses=True)
    assert [run.business_name for run in named] == ["b-0", "b-1", "b-2"]


@pytest.mark.usefixtures("account")
def test_an_unknown_business_is_not_found(client):
    """The API lists no threads of it, as of a business without runs."""
    with pytest.raises(NotFound, match="/businesses/b-:"):
        client.runs.list(business_id="b-")


def test_a_business_that_cannot_be_read_costs_only_its_names(account, client):
    """A 404 for the threads of one ends no list; it is a reason."""
    account.refused = {"b-1": 404}
    runs = client.runs.list(with_businesses=True)
    assert [run.business_name for run in runs] == ["b-0", None, "b-2"]
    [reason] = runs.missing
    assert reason.startswith("1 of 3 businesses could not be read: b-1 (")
