"""The head of a report and its own panels: how runs ended, what happened, with the numbers of the frames."""

from __future__ import annotations

from typing import Any

import pytest

from runkit.api.models import Run
from runkit.charts import report_panels
from runkit.reports._bundle import Labels, ReportData, make_masker, read_source, redact_source
from support import artifact, run, step

EIN = "12-3456789"


def data_of(*raws: dict[str, Any], **labels: str) -> ReportData:
    """The data of a report on these runs."""
    return redact_source(read_source(list(raws)), make_masker(False), labels=Labels(**labels))


SENTENCES = [f"Sentence {n} says what was found on the way." for n in range(20)]


@pytest.mark.parametrize(("n", "is_whole"), [(3, True), (20, False)])
def test_a_quote_keeps_its_conclusion(n, is_whole):
    """Whole up to 600 characters, else its start and its last sentence, with the rest folded."""
    summary = " ".join([*SENTENCES[:n], "Recommendation: keep in review."])
    html = data_of(run(step("a"), output={"artifacts": [artifact(summary=summary)]}))._repr_html_()
    assert "<strong>Recommendation: keep in review.</strong>”" in html
    assert ("Whole text" not in html) == is_whole
    assert SENTENCES[n - 1] in html


def test_what_happened_does_not_say_that_an_error_failed():
    refused = step("e", 5, 6, type="error", status="error", label="The register refused")
    events = report_panels.what_happened(data_of(run(refused, status="error")).frames).table
    assert "✕ The register refused" in events["label"].tolist()


def test_the_head_says_live_or_sandbox():
    """By the host that the runs were read from; nothing where it is not known."""
    hosts = {
        "127.0.0.1:4711": "SANDBOX",
        "[::1]:4711": "SANDBOX",
        "api.middesk.com": "LIVE",
        "api-sandbox.middesk.com": "TEST",
    }
    for host, mode in hosts.items():
        read = Run.from_json(run(step("a"))).with_local_fields(read_from=host).to_dict()
        assert f">{mode}</span>" in data_of(read)._repr_html_()
    assert "SANDBOX" not in data_of(run(step("a")))._repr_html_()


def test_changes_are_masked():
    then = run(run_id="r", end=None)
    now = run(step("e", type="error", label=f"EIN {EIN}"), run_id="r", status="error")
    data = redact_source(read_source(now, before=then), make_masker())
    assert data.changes["what"].tolist() == ["status", "ended_at"]
    assert EIN not in data.changes.to_csv()
