"""Starting and ending a sandbox."""

import time
from urllib.parse import urlsplit

import httpx
import pytest

from runkit.errors import UsageError
from runkit.server import sandbox
from support import until


def status(box, path="/runs"):
    headers = {"Authorization": f"Bearer {box.key}"}
    return httpx.get(box.url + path, headers=headers, trust_env=False).status_code


def test_businesses_are_found_by_name_or_scenario():
    """A business is named by its name, its scenario or its id; a wrong word gets the choices."""
    with sandbox() as box:
        row = next(row for row in box.businesses if row.scenario == "watchlist_hit")
        assert {
            box.business(word) for word in (row.name, row.name.upper(), row.scenario, row.id)
        } == {row.id}
        with pytest.raises(UsageError, match="Did you mean 'watchlist_hit'"):
            box.business("watchlist_hits")


def test_a_port_in_use_is_refused():
    with sandbox() as box, pytest.raises(UsageError, match="cannot be used"):
        sandbox(port=urlsplit(box.url).port)


@pytest.mark.parametrize(
    "options",
    [
        {"speed": 0},
        {"now": "tomorrow"},
        {"seed": 10**20},
        {"port": 99_999},
        {"limit": 0},
    ],
)
def test_bad_options_are_refused(options):
    """An option that cannot be used is a UsageError, and nothing keeps running."""
    with pytest.raises(UsageError):
        sandbox(**options)


def test_latency_delays_requests_and_limit_refuses_them():
    """Each request takes longer, and those beyond so many in a second are refused."""
    with sandbox(latency=0.2) as box:
        begun = time.monotonic()
        assert status(box) == 200
        assert time.monotonic() - begun >= 0.2
    with sandbox(limit=2) as box, httpx.Client(trust_env=False) as http:
        http.headers["Authorization"] = f"Bearer {box.key}"
        answers = [http.get(f"{box.url}/agents") for _ in range(2)]

        def is_refused():  # on a busy machine the third comes more than a second later
            answers.append(http.get(f"{box.url}/agents"))
            return answers[-1].is_error

        until(is_refused)
        *others, refused = answers
        assert {answer.status_code for answer in others} == {200}
        assert refused.status_code == 429
        assert (list(refused.json()), refused.headers["Retry-After"]) == (["errors"], "1")


def test_a_sandbox_and_its_client_ignore_the_account_of_the_environment(
    monkeypatch,
):
    monkeypatch.setenv("MIDDESK_API_KEY", "mk_live_0123456789abcdef")
    monkeypatch.setenv("MIDDESK_BASE_URL", "https://elsewhere.example/v1")
    with sandbox(history=3) as box, box.client() as client:
        assert (client.mode, client.host) == ("SANDBOX", box.url.split("/")[2])
        assert len(client.runs.list(progress=False)) == 3
