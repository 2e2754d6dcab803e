"""What a list or a file lacks is said on every screen, once."""

import pytest

import runkit
from runkit.errors import ContractError
from runkit.reports.report_data import make_masker, read_source, redact_source
from runkit.shell.cli import main
from support import question, run, step
from tests.client.conftest import (
    KEY,
    Answer,
    client,
    fake_time,
    make_client,
    page,
    run_json,
    server,
)

__all__ = ["client", "fake_time", "make_client", "page", "run_json", "server"]
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


def serve(server, monkeypatch, *pages):
    """Answer with these pages, the last one again and again, and with each run that is asked for."""
    by_id = {raw["id"]: raw for raw in (A, B)}

    def answer(request):
        if request.path == "/runs":
            number = int(request.query.get("page", 1))
            return pages[min(number, len(pages)) - 1]
        if request.path in ("/businesses", "/threads"):
            return Answer({"data": [], "has_more": False})
        return Answer(by_id[request.path.removeprefix("/runs/")])

    server.script = answer
    monkeypatch.setenv("MIDDESK_API_KEY", KEY)
    monkeypatch.setenv("MIDDESK_BASE_URL", server.url)


LIES = {
    "counts more": ([((A, B), {"total": 3})], "2 records arrived, the API counts 3"),
    "repeats a page": ([((A, B), {"has_more": True})], "2 records arrived, the API has more"),
    "no runs": ([((A, {"id": "x"}), {"total": 2})], "1 record could not be read (see the log)"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_list_that_lies_is_not_complete_on_any_screen(
    server, client, page, monkeypatch, capfd, tmp_path, name
):
    pages, reason = LIES[name]
    serve(server, monkeypatch, *(page(*items, **more) for items, more in pages))
    runs = client.runs.list()
    assert runs.missing == (reason,)
    f = runkit.frames(client.runs.fetch(runs))
    again = runkit.frames(f.save(tmp_path / "saved"))
    frames = [f, again, f.select(f.runs["run_id"]), runkit.frames([f])]
    assert [item.missing for item in frames] == [(reason,)] * len(frames)
    for shown in (repr(runs), repr(f), f._repr_html_(), str(runkit.overview(f))):
        assert shown.count(reason) == 1
    data = redact_source(read_source(f), make_masker())
    assert data.provenance.missing == reason
    assert (
        f"May be missing: {reason}." in runkit.InterruptInbox(client, since=None).listing.sentence
    )
    assert main(["inbox"]) == WAITING
    assert capfd.readouterr().out.startswith(f"{reason}\n")


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, {"data": "x"}, [], None])
def test_a_list_without_data_is_no_list(server, client, monkeypatch, body):
    """An empty list would be a lie; neither is it one of businesses."""
    server.script = lambda request: Answer(body)
    for call in (client.runs.list, client.businesses.list, client.agents.list):
        with pytest.raises(ContractError):
            call()


def test_a_list_with_empty_steps_was_not_read(server, client, page, monkeypatch):
    """The API's list may show `steps: []` of a run that has some."""
    serve(server, monkeypatch, page(A | {"steps": []}))
    listed = client.runs.list()
    [fetched] = client.runs.fetch(listed, known=listed)
    assert len(fetched.steps) == 2
