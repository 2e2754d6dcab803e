"""What the object page of the API shows, on every surface.

Frames, chart, report and `runkit show`.
"""

import html
import json
import re

import runkit
from support import object_page_form, step
from support import run as raw
from tests.cli.conftest import run

SOURCE = {
    "url": "https://tin.example.gov/match",
    "source_name": "Register of TINs",
    "source_tier": "government",
    "source_type": "tin_register",
}
FINDING = {
    "title": "TIN is on file",
    "type": "tin_verification",
    "confidence": "medium",
    "summary": "The register has the name and the number.",
    "sources": [SOURCE],
}
CHILD = step(
    "child-01",
    20,
    50,
    name="query_register",
    label="Querying the register",
    agent="tin_verification",
)
CHILD |= {"parent_step_id": "parent-1", "result": {"match": True, "entries": [{"state": "Ohio"}]}}
CHILD |= {"artifacts": [FINDING], "run_id": "c1d2e3f4-run"}
PARENT = step("parent-1", 10, 60, label="Delegating the TIN", steps=[CHILD])
SUMMARY = step("output-1", 60, 90, type="output", name="summary", label="Writing the summary")
SUMMARY |= {
    "artifacts": [
        FINDING | {"title": "Review of the TIN", "type": "cip_summary", "confidence": "low"}
    ]
}
PAGE = object_page_form(raw(PARENT, SUMMARY, run_id="c1d2e3f4-run", start=5, end=95))


def plain_text(page):
    """The words of a page without its styles and scripts."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def show(file, *options):
    """What `runkit show` prints."""
    done = run("show", file.name, *options, cwd=file.parent)
    assert done.returncode == 0
    return done.stdout


# what each surface shows of the page's fields
TEXTS = {
    "chart": [
        "c1d2e3f4",
        "✓ Completed",
        "1 min 30 s",
        "TIN Verification",
        "Querying the register",
        "10:00:20 UTC",
        "30 s",
        "own time 20 s",
        "state: Ohio",
        "TIN is on file",
        "medium confidence",
    ],
    "report": [
        "c1d2e3f4",
        "✓ Completed",
        "10:00 Review started",
        "10:01 Completed",
        "15 s",
        "No questions waiting.",
        "TIN Verification",
        "Querying the register",
        "30 s",
        "Findings 1",
        "state: Ohio",
        "TIN is on file",
        "Medium",
        FINDING["summary"],
        "Sources 1",
        "tin.example.gov",
        "Register of TINs",
        "▮▮▮ government",
        "Review of the TIN",
        "Low",
    ],
    "show": [
        "c1d2e3f4",
        "created Feb 3, ",
        "✓ Completed",
        "1 min 30 s",
        "│  └─ Querying the register",
        "30 s",
        "├─ Delegating the TIN",
        "--step",
        "1 finding",
        "TIN is on file",
        "(medium)",
        "Review of the TIN",
        "Low",
    ],
    "step": [
        "15 s",
        "1 min 30 s",
        "Activity",
        "query_register",
        "Querying the register",
        "Feb 3, 2026, 10:00 UTC",
        "30 s",
        "Ohio",
        "1 finding",
        "TIN is on file",
        "medium confidence",
        "tin_verification",
        SOURCE["url"],
        "Register of TINs",
        "▮▮▮ government",
        "tin_register",
        "child-01",
    ],
}


def test_each_field_of_the_object_page_is_shown(tmp_path):
    file = tmp_path / "run.json"
    file.write_text(json.dumps(PAGE))
    surfaces = {
        "chart": html.unescape(runkit.gantt(file).to_json()),
        "report": plain_text(runkit.report(file, tmp_path / "report.html").html.read_text()),
        "show": show(file),
        "step": show(file, "--step", "child-01"),
    }
    for name, shown in surfaces.items():
        assert [text for text in TEXTS[name] if text not in shown] == [], name
        assert "Unknown agent" not in shown
        assert "No output" not in shown
