"""What the object page of the API shows, on every surface.

Frames, chart, report and `runkit show`.
"""

import html
import re

import runkit
from support import EXAMPLES
from tests.cli.conftest import run

FILE = EXAMPLES / "run_object_page.json"


def plain_text(page):
    """The words of a page without its styles and scripts."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def show(*options):
    """What `runkit show` prints."""
    done = run("show", FILE.name, *options, cwd=EXAMPLES)
    assert done.returncode == 0
    return done.stdout


# what each surface shows of the page's fields
TEXTS = {
    "chart": [
        "c1d2e3f4",
        "✓ Completed",
        "4 min 59 s",
        "CIP Orchestrator",
        "Researching TIN verification",
        "1 min 30 s",
        "match: true",
        "TIN Verification Result",
    ],
    "report": [
        "c1d2e3f4",
        "Completed ✓ CIP summary confidence low",
        "recommendation: approve Approve with caution",
        "CIP Orchestrator",
        "TIN Verification Result",
        "high",
        "TIN matches IRS records for the registered business name.",
        "irs.gov",
        "IRS TIN Matching",
        "▮▮▮ government",
    ],
    "show": [
        "c1d2e3f4",
        "Jan 15, 2026, 12:00 UTC",
        "Completed ✓  CIP summary",
        "confidence  low",
        "4 min 59 s",
        "├─ Researching TIN verification",
        "1 min 30 s",
        "TIN Verification Result  high",
    ],
    "step": [
        "Researching TIN verification",
        "CIP Orchestrator",
        "Jan 15, 2026, 12:01 UTC",
        "1 min 30 s",
        "TIN Verification Result",
        "high",
        "TIN matches IRS records for the registered business name.",
        "https://irs.gov/tin-matching",
        "IRS TIN Matching",
        "▮▮▮ government",
        "d1e2f3a4",
    ],
}


def test_each_field_of_the_object_page_is_shown(tmp_path):
    surfaces = {
        "chart": html.unescape(runkit.gantt(FILE).to_json()),
        "report": plain_text(runkit.report(FILE, tmp_path / "report.html").html.read_text()),
        "show": show(),
        "step": show("--step", "research_tin"),
    }
    for name, shown in surfaces.items():
        assert [text for text in TEXTS[name] if text not in shown] == [], name
        assert "Unknown agent" not in shown
        assert "No output" not in shown
