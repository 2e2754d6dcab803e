"""What a list or a file lacks is said on every screen, once."""

import pytest

import runkit
from runkit.reports.report_data import make_masker, redact_source
from runkit.shell.cli import main
from support import question, run, step
from tests.client.conftest import (
    KEY,
    Answer,
    account,
    client,
    fake_time,
    make_client,
    server,
)

__all__ = ["account", "client", "fake_time", "make_client", "server"]
WAITING = 4
OPEN = {"id": "q", "value": {"type": "dismissal", "label": "Dismiss?"}}


def asking(run_id):
    """Return a run that waits for a person."""
    return run(
        step("s"),
        question("q", 20, None),
        run_id=run_id,
        end=None,
        status="interrupted",
        interrupts=[OPEN],
    )


A, B = asking("aaaaaaaa-1"), asking("bbbbbbbb-1")


LIES = {
    "counts more": ({"data": [A, B], "total_count": 3}, "2 records arrived, the API counts 3"),
    "repeats a page": ({"data": [A, B], "has_more": True}, "2 records arrived, the API has more"),
    "no run": ({"data": [A, {"id": "x"}]}, "1 record could not be read (see the log)"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_list_that_lies_is_not_complete_on_any_screen(
    server, account, client, monkeypatch, capfd, tmp_path, name
):
    body, reason = LIES[name]
    account.add(A, B)
    server.script = lambda request: (
        Answer({"has_more": False} | body) if request.path == "/runs" else account.answer(request)
    )
    monkeypatch.setenv("MIDDESK_API_KEY", KEY)
    monkeypatch.setenv("MIDDESK_BASE_URL", server.url)
    runs = client.runs.list()
    assert runs.missing == (reason,)
    f = runkit.frames(client.runs.fetch(runs))
    again = runkit.frames(f.save(tmp_path / "saved"))
    frames = [f, again, f.select(f.runs["run_id"]), runkit.frames([f])]
    assert [item.missing for item in frames] == [(reason,)] * len(frames)
    for shown in (repr(runs), repr(f), f._repr_html_(), str(runkit.overview(f))):
        assert shown.count(reason) == 1
    data = redact_source(f, make_masker())
    assert data.provenance.missing == (reason,)
    assert (
        f"May be missing: {reason}." in runkit.InterruptInbox(client, since=None).listing.sentence
    )
    assert main(["inbox"]) == WAITING
    assert capfd.readouterr().out.startswith(f"{reason}\n")
