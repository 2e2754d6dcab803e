"""What a list or a file lacks is said on every screen, once."""

import contextlib
import io

import pytest

import runkit
from runkit.errors import ContractError
from runkit.reports._bundle import make_masker, read_source, redact_source
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
from tests.widgets.asking import off_the_loop

__all__ = ["client", "fake_time", "make_client", "page", "run_json", "server"]
WAITING = 4
OPEN = {"id": "q", "value": {"type": "dismissal", "label": "Dismiss?"}}


def asking(run_id, status="interrupted"):
    """Return a run that waits for a person."""
    return run(
        step("s"),
        question("q", 20, None),
        run_id=run_id,
        end=None,
        status=status,
        interrupts=[OPEN],
    )


A, B = asking("aaaaaaaa-1"), asking("bbbbbbbb-1")


def serve(server, monkeypatch, *pages):
    """Answer with these pages, the last one again and again, and with each run that is asked for."""
    by_id = {raw["id"]: raw for raw in (A, B, asking("cccccccc-1", "awaiting_human"))}

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
    "counts fewer": ([((A, B), {"total": 1})], "2 records arrived, the API counts 1"),
    "repeats a page": ([((A, B), {"has_more": True})], "2 records arrived, the API has more"),
    "repeats a run": ([((A, A), {"total": 2})], "1 record arrived, the API counts 2"),
    "has more than it counted": (
        [((A,), {"has_more": True, "total": 1}), ((B,), {"total": 1})],
        "2 records arrived, the API counts 1",
    ),
    "promises an empty page": (
        [((A,), {"has_more": True, "total": 2}), ((), {"total": 2})],
        "1 record arrived, the API counts 2",
    ),
    "an empty page has more": (
        [((A,), {"has_more": True}), ((), {"has_more": True})],
        "1 record arrived, the API has more",
    ),
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


def test_a_limit_is_a_reason(server, client, page, monkeypatch):
    serve(server, monkeypatch, page(A, B, total=142))
    f = runkit.frames(client.runs.fetch(client.runs.list(limit=1)))
    assert f.missing == ("the newest 1 of 142",)
    assert "the newest 1 of 142" in repr(f)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, {"data": "x"}, [], None])
def test_a_list_without_data_is_no_list(server, client, monkeypatch, body):
    """An empty list would be a lie; neither is it one of businesses."""
    server.script = lambda request: Answer(body)
    for call in (client.runs.list, client.businesses.list, client.agents.list):
        with pytest.raises(ContractError):
            call()


@off_the_loop
def test_nothing_new_is_not_read_again(server, client, page, monkeypatch):
    """A second overview, and each refresh of an inbox, asks for the list only."""
    serve(server, monkeypatch, page(A, B, total=2))
    runkit.overview(client, progress=False)
    inbox = runkit.InterruptInbox(client, since=None)
    refresh = inbox.listing.refresh_button.click
    for look in (lambda: runkit.overview(client, progress=False), refresh):
        server.requests.clear()
        look()
        assert [line for line in server.lines if line.startswith("GET /runs")] == ["GET /runs"]


def test_a_list_with_empty_steps_was_not_read(server, client, page, monkeypatch):
    """The API's list may show `steps: []` of a run that has some."""
    serve(server, monkeypatch, page(A | {"steps": []}))
    listed = client.runs.list()
    [fetched] = client.runs.fetch(listed, known=listed)
    assert len(fetched.steps) == 2


def test_a_question_waits_whatever_the_status_is_called(server, client, page, monkeypatch):
    """In the list, the inbox, the shell and the overview."""
    raw = asking("cccccccc-1", "awaiting_human")
    serve(server, monkeypatch, page(raw))
    [listed] = client.runs.list()
    assert listed.is_waiting
    inbox = runkit.InterruptInbox(client, since=None)
    assert [item.run.id for item in inbox.questions] == [raw["id"]]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["inbox", "--json", "--since", "2026-01-01"]) == WAITING
    assert raw["id"] in out.getvalue()
    panel = runkit.overview(client, progress=False)
    assert raw["id"] in panel.table["run_id"].tolist()
