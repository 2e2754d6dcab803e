"""`report_data()`: the same call gives a template its data under `report()` and an analyst hers without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import runkit
from runkit.client import Client
from runkit.errors import AuthError, UsageError
from runkit.reports.data import report_data
from runkit.server import Sandbox


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    """A client of the sandbox that can only read."""
    with box.client(read_only=True, rate=None) as made:
        yield made


# ------------------------------------------------------------------------------------- a notebook by itself


def test_without_ids_one_example_that_waited():
    """One completed run of the embedded sandbox in which a person was asked."""
    data = report_data()
    [row] = data.frames.runs.to_dict("records")
    assert row["status"] == "completed"
    assert row["waiting_s"] > 0
    assert [run.id for run in data.runs] == [row["run_id"]]
    assert data.provenance.template == "a notebook"
    assert data.provenance.hosts[0].startswith("127.0.0.1")


def test_ids_are_read_with_a_client(client, completed):
    """In their order; equal runs have an equal digest, whenever they were read."""
    ids = [completed[1].id, completed[0].id]
    data = report_data(ids, client=client)
    assert data.frames.runs["run_id"].tolist() == [run.id for run in data.runs] == ids
    assert data.provenance.run_ids == tuple(ids)
    assert data.provenance.digest == report_data(ids[::-1], client=client).provenance.digest


def test_ids_are_read_from_the_sandbox_of_the_environment(joined, completed):
    """Where `RUNKIT_SANDBOX_URL` names one, nobody has to make a client."""
    data = report_data([completed[0].id])
    assert data.frames.runs["run_id"].tolist() == [completed[0].id]
    assert data.provenance.hosts == (joined.url.removeprefix("http://").removesuffix("/v1"),)


def test_ids_without_sandbox_and_key_ask_for_a_key():
    """Reading from Middesk needs one."""
    with pytest.raises((UsageError, AuthError), match="MIDDESK_API_KEY"):
        report_data(["r"])


def test_an_unknown_id_is_not_left_out_unsaid(client, completed):
    """The provenance names it as what is missing."""
    unknown = "b0000000-0000-4000-8000-000000000000"
    data = report_data([completed[0].id, unknown], client=client)
    assert len(data.frames.runs) == 1
    assert data.provenance.missing.startswith(f"1 run could not be read: {unknown}")
    assert data.provenance.missing in repr(data.provenance)


def test_data_are_redacted_here_too(client, completed, monkeypatch):
    """As under `report()`; `redact=False` leaves what is no key."""
    [run_id] = [run.id for run in completed if "@" in run.to_json() or "TIN" in run.to_json()][:1]
    masked, open_ = (report_data([run_id], client=client, redact=redact) for redact in (True, False))
    assert "Redaction is off" not in repr(masked.provenance)
    assert "Redaction is off" in repr(open_.provenance)
    assert "KYB review report" in masked._repr_html_()
    policy = runkit.Redaction(patterns={"word": "TIN"})
    own = report_data([run_id], client=client, redact=policy)
    assert own.provenance.masked["word"] == 1
    assert "TIN" not in own.frames.artifacts["title"].str.cat()
