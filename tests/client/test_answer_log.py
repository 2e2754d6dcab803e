"""Every answer that leaves is in the log, whoever sends it and whatever becomes of it."""

import stat
from contextlib import suppress

import pytest

import runkit
from runkit.errors import RunkitError
from runkit.local import answer_log
from tests.client.conftest import Answer

YES = {"decision": "approve", "note": "tax number 12-3456789"}


def resume(client):
    """Answer, whatever comes of it."""
    with suppress(RunkitError):
        client.runs.resume("run-1", "int-1", YES)


@pytest.mark.parametrize(("hub", "name"), [("ada@hub", "ada@hub"), ("", "login")])
def test_the_declared_name_is_that_of_the_hub_or_of_the_login(monkeypatch, hub, name):
    """JupyterHub's user comes before the login of a container."""
    monkeypatch.setenv("JUPYTERHUB_USER", hub)
    monkeypatch.setenv("LOGNAME", "login")
    assert answer_log.declared_name() == name


def test_an_answer_is_in_the_log_before_it_leaves(server, client, run_json, state_dir):
    """The log is for its owner only."""
    assert len(runkit.answer_log()) == 0  # imports pandas, which may outlast the client's timeout
    at_arrival = []

    def script(request):
        at_arrival.extend(
            runkit.answer_log()[["run_id", "interrupt_id", "delivery"]].values.tolist()
        )
        return Answer(run_json())

    server.script = script
    resume(client)
    assert at_arrival == [["run-1", "int-1", "sending"]]
    assert runkit.answer_log()["delivery"].tolist() == ["confirmed"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (state_dir, *state_dir.iterdir())}
    assert modes == {0o700, 0o600}
    [path] = state_dir.iterdir()
    path.chmod(0o644)  # as a copied file may be
    resume(client)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
