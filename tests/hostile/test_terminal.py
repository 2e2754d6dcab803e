"""What the command line says, whatever the API, a file or an argument holds: nothing acts on the terminal."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from hostile.made import hostile_runs
from hostile.payloads import SIGNS, check_text
from runkit.cli import main
from runkit.models import Run
from runkit.progress import Bar
from runkit.reports.report import Report

ODD = "".join(SIGNS.values())
TYPED = ODD.replace("\x00", "").replace("\ud83d", "")  # no argument and no file name holds NUL
NAME = re.sub(r"[/\\]", "", SIGNS["osc 52"] + SIGNS["bidi"] + SIGNS["c1"] + SIGNS["lines"])


class Api(ThreadingHTTPServer):
    """An API that says hostile things: `runs` it has, `refusal` is what it says instead, with a status."""

    runs: tuple[Run, ...] = ()
    refusal: tuple[int, object] | None = None


class Handler(BaseHTTPRequestHandler):
    """Answers reads."""

    server: Api

    def do_GET(self) -> None:
        """List the runs, or give one."""
        status, said = self.server.refusal or self._found()
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _found(self) -> tuple[int, object]:
        run_id = unquote(urlsplit(self.path).path.removeprefix("/v1/runs").lstrip("/"))
        if not run_id:
            data = [run.to_dict() | {"steps": None} for run in self.server.runs]
            return 200, {"object": "list", "data": data, "has_more": False, "total_count": len(data)}
        found = [run.to_dict() for run in self.server.runs if run.id == run_id]
        return (200, found[0]) if found else (404, {"errors": [{"message": ODD, "parameter": ODD}]})

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Api]:
    """The hostile API in the place of Middesk's, and an empty folder to work in."""
    server = Api(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("MIDDESK_API_KEY", "mk_test_0123456789abcdef")
    monkeypatch.setenv("MIDDESK_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
    monkeypatch.delenv("RUNKIT_SANDBOX_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    yield server
    server.shutdown()
    server.server_close()


def said(capfd: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """Run a command; gives what it said, which acts on no terminal."""
    try:
        ended = main(arguments)
    except SystemExit as wrong:  # of argparse
        ended = int(str(wrong.code))
    out, err = capfd.readouterr()
    err = re.sub(r"(\r *\d+%\|[^\r\n]*)+\r *\r", "", err)  # a progress bar of a slow machine
    check_text(out)
    check_text(err)
    assert ended == code, err
    return out + err


@pytest.mark.parametrize("to", ["runs.ndjson", "-", "runs/", f"{NAME}.ndjson"])
def test_fetching_hostile_runs(api: Api, to: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Also on stdout, where the data are the same, written as escapes."""
    api.runs = tuple(hostile_runs(SIGNS)[::2])
    shown = said(capfd, 0, "fetch", "-o", to)
    if to == "-":
        lines = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
        assert {line["id"] for line in lines} == {run.id for run in api.runs}


REFUSALS: dict[str, tuple[int, Any]] = {
    "message": (422, {"errors": [{"message": ODD, "parameter": ODD}]}),
    "no json": (200, ODD.encode("utf-8", "surrogatepass")),
    "no list": (200, {"data": ODD, ODD: ODD}),
    "no key": (401, {"errors": [{"message": ODD}]}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_api_that_says_hostile_things(api: Api, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Its messages are repeated on one line."""
    api.refusal = REFUSALS[name]
    shown = said(capfd, 1, "fetch", "-o", "runs.ndjson", "--limit", "1")
    assert len(shown.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (1, ("report", "missing" + TYPED, "-o", "r.html")),
        (2, ("report", f"{NAME}.ndjson", "-o", "r.html")),
        (2, ("report", "runs.ndjson", "-o", f"{TYPED}.txt")),
        (2, ("report", "runs.ndjson", "-o", "r.html", "--template", TYPED)),
        (2, ("report", "runs.ndjson", "-o", "r.html", "--mask", TYPED)),
        (2, ("report", "runs.ndjson", "-o", "r.html", "--mask", f"{TYPED}=(")),
        (2, ("report", "runs.ndjson", "-o", "r.html", "--reveal", TYPED)),
        (2, ("report", "runs.ndjson", "-o", "r.html", "--keep-last", TYPED)),
        (2, ("fetch", "-o", TYPED)),
        (2, ("fetch", "-o", "r.ndjson", "--since", TYPED)),
        (2, ("fetch", "-o", "r.ndjson", "--status", TYPED)),
        (2, ("fetch", "-o", "r.ndjson", f"--{TYPED}")),
        (2, ("sandbox", "--fault", TYPED)),
        (2, ("sandbox", "--latency", TYPED)),
        (2, (TYPED,)),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else one,
)
def test_odd_arguments(
    api: Api, code: int, arguments: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever pasted a command gets a complaint that can be read."""
    assert said(capfd, code, *arguments)


def test_a_file_that_holds_hostile_lines(api: Api, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be read is quoted as text."""
    file = tmp_path / f"{NAME}.ndjson"
    file.write_bytes(b'{"id": "' + ODD.encode("utf-8", "surrogatepass") + b'"\n{"' + b"\x1b]52;c;\x07" * 9)
    said(capfd, 2, "report", file.name, "-o", "r.html")


def test_a_report_and_a_bar_say_odd_names(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The name of a file, of a mask, and a line above the progress bar."""
    html = tmp_path / f"{NAME}.html"
    html.touch()
    made = Report(html, html, "0", "0", {ODD: 1}, 1, 1)
    check_text(str(made))
    with Bar(total=1, disable=True) as bar:
        bar.tell(ODD)
    check_text(capfd.readouterr().out)
