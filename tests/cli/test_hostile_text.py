"""What the command line says, whatever the API, a file or an argument holds.

Nothing acts on the terminal.
"""

import json
import re

import pytest

from hostile.made import hostile_runs
from hostile.payloads import CHARACTERS, check_text
from runkit.shell.cli import main
from tests.client.conftest import Account, Answer, server

__all__ = ["server"]
ODD = "".join(CHARACTERS.values())
NAME = re.sub(
    r"[/\\]", "", CHARACTERS["osc 52"] + CHARACTERS["bidi"] + CHARACTERS["c1"] + CHARACTERS["lines"]
)


@pytest.fixture(autouse=True)
def environment(server, monkeypatch, tmp_path):
    """Put a server in the place of Middesk's, and work in an empty folder."""
    monkeypatch.setenv("MIDDESK_API_KEY", "mk_test_0123456789abcdef")
    monkeypatch.setenv("MIDDESK_BASE_URL", server.url)
    monkeypatch.chdir(tmp_path)


def output_of(capfd, code, *arguments):
    """Run a command; return what it wrote, which acts on no terminal."""
    ended = main(arguments)
    out, err = capfd.readouterr()
    check_text(out)
    check_text(err)
    assert ended == code, err
    return out + err


@pytest.mark.parametrize("to", ["-", "runs/", f"{NAME}.ndjson"])
def test_hostile_runs_are_fetched_without_acting_on_the_terminal(server, to, capfd):
    """Also on stdout, where the data are the same, written as escapes."""
    account = Account(server)
    account.add(*(run.to_dict() for run in hostile_runs(CHARACTERS)[::2]))
    shown = output_of(capfd, 0, "fetch", "-o", to)
    if to == "-":
        lines = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
        assert {line["id"] for line in lines if "id" in line} == set(account.runs)


REFUSALS = {
    "message": Answer({"errors": [{"message": ODD, "parameter": ODD}]}, status=422),
    "no json": Answer(ODD.encode("utf-8", "surrogatepass")),
    "no key": Answer({"errors": [{"message": ODD}]}, status=401),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_hostile_words_of_the_api_are_one_line(server, name, capfd):
    server.script = lambda request: REFUSALS[name]
    shown = output_of(capfd, 1, "fetch", "-o", "runs.ndjson", "--limit", "1")
    assert len(shown.strip().splitlines()) == 1
