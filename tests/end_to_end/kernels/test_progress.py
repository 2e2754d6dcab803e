"""Progress in a real kernel: what a cell shows while it reads, and what is left of it."""

from tests.end_to_end.kernels.conftest import INSTALLED

FETCH = """
with runkit.Client(KEY, URL, rate=5) as slow:
    created = [client.runs.create("cip_orchestrator", businesses["clean_pass"]) for _ in range(12)]
    begin = time.monotonic()
    runs = slow.runs.fetch([run.id for run in created])
    took = time.monotonic() - begin
"""


SHORT_FETCH = """
from unittest.mock import patch
with patch("runkit.display.messages.DELAY", 60):  # on a busy machine a short fetch takes longer than two seconds
    runs = client.runs.fetch([run.id])
"""


def test_a_long_fetch_leaves_an_empty_output(kernels):
    """It counts runs in one output of the cell, which is empty in the end; nothing was on a stream."""
    kernel = kernels(INSTALLED)
    kernel.heard.clear()
    kernel.run(FETCH)
    assert kernel.value("took > 2 and not runs.missing") == "True"
    kinds = [kind for kind, _ in kernel.heard]
    assert kinds == ["display_data", *["update_display_data"] * (len(kinds) - 1)]
    assert len({content["transient"]["display_id"] for _, content in kernel.heard}) == 1
    texts = [content["data"]["text/plain"] for _, content in kernel.heard]
    assert " of 12 runs" in texts[0]
    assert [text for text in texts if not text] == texts[-1:]


def test_a_short_fetch_shows_nothing(kernels):
    """What is done at once needs no progress."""
    kernel = kernels(INSTALLED)
    kernel.run('run = client.runs.create("cip_orchestrator", businesses["clean_pass"])')
    kernel.heard.clear()
    kernel.run(SHORT_FETCH)
    assert kernel.heard == []
