"""The numbers of every screen are those of a plain loop over the JSON, whoever sent it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from html import unescape
from statistics import median

import pytest

import oracle
import runkit
import strangers
from chart import draw
from panel_texts import headings, tiles
from runkit.display.text import duration
from runkit.screens import pages
from support import column

RATINGS = ("high", "medium", "low")
LABELS = {
    "interrupted": "waiting",
    "error": "failed",
    "failed": "failed",
    "running": "running",
    "pending": "running",
    "completed": "completed",
}
ICONS = {"waiting": "◷", "failed": "✕", "running": "●"}
NOT_IN_THE_DATA = "The question is not in the data"


class Truth:
    """What a plain loop says of a file of runs."""

    def __init__(self, rows: oracle.Tables) -> None:
        self.runs, self.steps, self.questions = rows.runs, rows.steps, rows.interrupts
        self.pending = [row for row in self.questions if row["outcome"] == "pending"]
        self.waiting = {row["run_id"] for row in self.pending}
        self.words = {row["run_id"]: LABELS.get(row["status"], row["status"]) for row in self.runs}
        self.findings = [
            row for row in rows.artifacts if row["origin"] == "finding" and not row["is_repeat"]
        ]
        outputs = [row for row in rows.artifacts if row["origin"] == "output"]
        self.done = [row for row in self.runs if self.words[row["run_id"]] == "completed"]
        done_ids = {row["run_id"] for row in self.done}
        rated = [row for row in (*self.findings, *outputs) if row["run_id"] in done_ids]
        self.ratings = [(row["run_id"], row["confidence"]) for row in rated]

    def of_run(self, rows: list[oracle.Row], run_id: str) -> list[oracle.Row]:
        """Return the rows of one run."""
        return [row for row in rows if row["run_id"] == run_id]

    def is_low(self, run: oracle.Row) -> bool | None:
        """Return whether a run has something of low confidence; None where nobody knows."""
        words = [str(word).lower() for run_id, word in self.ratings if run_id == run["run_id"]]
        if "low" in words:
            return True
        return False if {*words} <= {*RATINGS} and run["n_findings"] is not None else None

    @property
    def groups(self) -> dict[str, int]:
        """How many runs need somebody."""
        return {
            "Waiting for a reviewer": len(self.waiting),
            "Failed": [*self.words.values()].count("failed"),
            "Low confidence": [*map(self.is_low, self.done)].count(True),
        }

    @property
    def statuses(self) -> Counter[str]:
        """How many runs have each status; one with an open question waits."""
        words = self.words | dict.fromkeys(self.waiting, "waiting")
        return Counter(words.values())

    @property
    def tiles(self) -> dict[str, str]:
        """The four counts."""
        odd = [word for word in self.words.values() if word not in LABELS.values()]
        found = {}
        for label, icon in ICONS.items():
            flags: list[bool | None] = []
            for run_id, word in self.words.items():
                is_so = run_id in self.waiting if label == "waiting" else word == label
                flags.append(True if is_so else None if word in odd else False)
            found[f"{label.capitalize()} {icon}"] = count(flags, "runs", odd)
        words = [word for _, word in self.ratings if word and word.lower() not in RATINGS]
        found["Low confidence"] = count(map(self.is_low, self.done), "completed runs", words)
        return found


def count(flags: Iterable[bool | None], noun: str, words: list[str]) -> str:
    """A count by hand: `3 of 19 runs, 1 not known (“paused”)`."""
    flags = list(flags)
    n_unknown = flags.count(None)
    quoted = ", ".join(f"“{word}”" for word in dict.fromkeys(words))
    n_known = len(flags) - n_unknown
    text = f"{flags.count(True)} of {n_known} {noun}" + f", {n_unknown} not known" * bool(n_unknown)
    if flags and not n_known:
        text = "–"
    return f"{text} ({quoted})" if quoted else text


FILES = {
    **{f"form {name}": name for name in strangers.FORMS},
    **{f"without {name}": name for name in strangers.REMOVALS},
}


def records_of(file: str) -> list[object]:
    """A file of runs: six in a form beside ordinary ones, or all with something removed."""
    ordinary = strangers.fleet(seed=5, n_runs=9)
    name = FILES[file]
    if file.startswith("form"):
        return strangers.records([*ordinary, *strangers.several(name, 6)])
    return strangers.reduced(ordinary, name)


@pytest.fixture(params=FILES, scope="module")
def file(request):
    """The frames of a file, and what a plain loop says of it."""
    records = records_of(request.param)
    return runkit.frames(records), Truth(oracle.tables(records))


def test_the_counts_of_every_screen(file):
    """Of the overview, a report of many runs, the shell, the inbox and the chart."""
    f, truth = file
    overview = runkit.overview(f)
    assert tiles(overview) == tiles(pages.head(f)) == truth.tiles
    assert headings(overview) == headings(runkit.fleet.needs_attention(f)) == truth.groups
    assert headings(pages.inbox_panel(f)) == {"Waiting for a reviewer": len(truth.waiting)}
    shown = {name.lower(): n for name, n in headings(pages.show_panel(f)).items()}
    shown.pop("problems in the data", None)
    assert shown == truth.statuses
    title, *words = draw(f).title.split(" · ")
    assert title == f"{len(truth.runs)} runs"
    counted = {label: n for label, n in truth.statuses.items() if label != "completed"}
    assert {*words} == {f"{n} {label}" for label, n in counted.items()}


def test_the_questions_of_every_screen(file):
    """Those that wait in the inbox and the overview, and those that were answered in a report."""
    f, truth = file
    waits = sorted((row["wait_s"] for row in truth.pending), key=lambda wait: -(wait or 0))
    for panel in (pages.inbox_panel(f), runkit.fleet.needs_attention(f)):
        assert column(panel.table, "wait_s")[: len(waits)] == waits
    names = ["decision", "answered_by", "reason"]
    table = pages.answered_panel(f).table
    shown = zip(*(column(table, name) for name in names), strict=True)
    answered = [row for row in truth.questions if row["outcome"] == "answered"]
    assert Counter(shown) == Counter(tuple(row[name] for name in names) for row in answered)


def test_waits_of_questions(file):
    """Of all kinds together: no rule fixes what the kinds are."""
    f, truth = file
    answered = [row["wait_s"] for row in truth.questions if row["outcome"] == "answered"]
    pending = [row["wait_s"] for row in truth.pending]
    known = [wait for wait in (*pending, *answered) if wait is not None]
    table = runkit.fleet.waits(f, sla_h=4).table
    sums = table[["n_pending", "n_answered", "n_late"]].sum()
    late = sum(wait > 4 * strangers.HOUR for wait in known)
    assert sums.tolist() == [len(pending), len(answered), late]
    longest = [wait for wait in column(table, "longest_pending_s") if wait is not None]
    assert max(longest, default=None) == max(filter(None, pending), default=None)


def test_what_failed_and_where_the_time_went(file):
    f, truth = file
    failed = {
        (row["run_id"], row["step_id"]): row for row in truth.steps if row["state"] == "failed"
    }
    parents = {(row["run_id"], row["parent_step_id"]) for row in failed.values()}
    causes = {run_id for run_id, step_id in failed if (run_id, step_id) not in parents}
    assert {*runkit.fleet.failed_steps(f).table["run_ids"].explode().dropna()} == causes
    critical = sum(
        row["critical_s"]
        for row in truth.steps
        if row["type"] != "interrupt"
        and row["completed_at"] is not None
        and None not in (row["self_s"], row["critical_s"])
    )
    slowest = runkit.fleet.slowest_steps(f).table
    if len(slowest) < 15:
        assert slowest["critical_s"].sum() == pytest.approx(critical)


def test_panels_of_each_run_have_its_rows(file):
    """Its findings and questions, the first screen of its report, the shell's tree, its chart."""
    f, truth = file
    for run in truth.runs[::3]:
        own = f.select(run["run_id"])
        questions = truth.of_run(truth.questions, run["run_id"])
        findings = truth.of_run(truth.findings, run["run_id"])
        steps = truth.of_run(truth.steps, run["run_id"])
        names = ["label", "proposed", "decision", "answered_by", "reason", "wait_s"]
        cells = Counter(tuple(row[name] for name in names) for row in questions)
        titles = Counter(row["title"] for row in findings)
        table = runkit.one_run.questions(own).table
        assert Counter(zip(*(column(table, name) for name in names), strict=True)) == cells
        assert Counter(column(runkit.one_run.findings(own).table, "title")) == titles
        blocks = pages.head(own).blocks
        shown = [item.question for block in blocks for item in getattr(block, "decisions", ())]
        assert Counter(shown) == Counter(row["label"] or NOT_IN_THE_DATA for row in questions)
        tree = column(pages.show_panel(own).table, "state")
        assert tree == [row["state"] for row in steps]
        if run["working_s"] is not None:
            assert f"{duration(run['working_s'])} work" in draw(own).alt


def test_a_run_beside_the_others_of_its_agent(file):
    f, truth = file
    for run in truth.runs[::3]:
        others = [
            row["working_s"]
            for row in truth.done
            if row["agent"] == run["agent"] is not None and row["run_id"] != run["run_id"]
        ]
        known = [work for work in others if work is not None]
        table = runkit.one_run.beside_others(f, run["run_id"]).table.head(1)
        middle = pytest.approx(median(known)) if known else None
        names = ["what", "this_run_s", "median_s", "n_others"]
        found = [value for name in names for value in column(table, name)]
        assert found == ["Work", pytest.approx(run["working_s"]), middle, len(known)]


@pytest.mark.parametrize("n_runs", [1, 30])
def test_a_report_has_these_numbers(n_runs, tmp_path):
    """As its page shows them: of one run its decisions and work, of many the four counts."""
    records = strangers.records(strangers.fleet(seed=5, n_runs=n_runs))
    truth = Truth(oracle.tables(records))
    report = runkit.report(records, tmp_path / "report.html", progress=False)
    page = re.sub(r'<img alt="([^"]*)"[^>]*>', r"\1", report.html.read_text())
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    words = " ".join(unescape(text).split())
    expected = [counted.replace(" ", f" {name} ", 1) for name, counted in truth.tiles.items()]
    if n_runs == 1:
        [run] = truth.runs
        expected = [str(row["label"]) for row in truth.questions]
        expected.append(f"{duration(run['working_s'])} work")
    for phrase in expected:
        assert phrase in words
