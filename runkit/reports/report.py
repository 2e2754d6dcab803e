"""`report()`: from runs to a notebook and one HTML file to share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from runkit.analysis.compare import changes
from runkit.arguments import Hours, checked
from runkit.display.messages import MASK
from runkit.display.text import moment, plural, visible
from runkit.errors import ReportError, UsageError
from runkit.local import files
from runkit.reports import templates
from runkit.reports.redaction import Masker, Redaction
from runkit.reports.report_data import (
    Labels,
    ReportData,
    make_masker,
    redact_source,
    write_data,
)
from runkit.screens.pages import heading
from runkit.tables import sources
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames

_FIGURE_NUMBERS = re.compile(r'"bdata": ?"[^"]*"')


@dataclass(frozen=True)
class Report:
    """A finished report: its HTML file, the executed notebook, and what was masked.

    `masked` counts different values by rule. `n_bytes` is the size of the HTML file. `missing`
    has the reasons why something is not in it, as in `Frames`; empty means complete.
    """

    html: Path
    notebook: Path
    masked: Mapping[str, int]
    n_runs: int
    n_bytes: int
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = ", ".join(f"{number:,} {name}" for name, number in self.masked.items())
        return visible(
            f"{self.html} ({plural(self.n_runs, 'run')}, {self.n_bytes / 1_000:,.0f} kB), "
            f"executed notebook {self.notebook}\n"
            f"masked: {counts or 'nothing'}"
        )

    __repr__ = __str__


@checked
def report(
    source: sources.Source,
    path: str | Path,
    *,
    template: str | Path | None = None,
    redact: bool | Redaction = True,
    title: str | None = None,
    classification: str | None = None,
    prepared_by: str | None = None,
    before: sources.Source | None = None,
    sla_h: Hours | None = None,
    progress: bool = True,
) -> Report:
    """Make a report: one HTML file that needs no network, and the executed notebook beside it.

    Existing files are replaced only at the end, if everything succeeded.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` accepts. Decisions and reasons that the data lacks
        come with `frames(source, answers=runkit.answer_log())`.
    path
        The HTML file to write; the notebook gets the same name.
    template
        "run" (one run), "runs" (any number), or the path of your own notebook, which reads
        `runkit.report_data()`. None chooses one of the first two by the number of runs.
    redact
        True masks e-mail addresses, nine digits and secrets before the notebook sees the data, by
        the table in README. A `Redaction` adds your own patterns, or values to keep. False masks
        keys only, and the report says RAW.
    title
        The heading and the title of the window. By default the heading names the business, and the
        title also has the date. A heading in a notebook of your own stays.
    classification
        A word at the top of each page, such as "Internal".
    prepared_by
        Who prepared the report.
    before
        The runs as they were earlier, as `source`. The report on many runs then shows what
        has changed since (`runkit.changes`), masked, too.
    sla_h
        Hours within which a reviewer should answer; None is no limit.
    progress
        Count the cells in a line.

    Returns
    -------
    Report
        The two files, and the counts of masked values.

    Raises
    ------
    UsageError
        For invalid arguments, or runs that the template cannot show, such as those of several
        businesses.
    ReportError
        If a cell fails, or a finished file would contain a masked value. Nothing is written then.
    MissingExtra
        If the extra `[report]` is not installed.
    """
    templates.check_installed()
    from runkit.reports._export import to_html

    html_path, notebook_path = output_paths(path)
    marks = [mark for mark in ("RAW" if redact is False else None, classification) if mark]
    texts = (title or "", " · ".join(marks), prepared_by or "")
    labels = Labels(*(" ".join(text.split()) for text in texts))
    masker = make_masker(redact)
    _check_notebook(notebook_path)
    chosen = None if template is None else templates.find_template(template)
    f = frames(source)
    n_runs = len(f.runs)
    selected = chosen or templates.find_template(None, n_runs)
    _check_runs(selected, f, has_before=before is not None)

    changed = None if before is None else changes(before, f)
    data = redact_source(f, masker, selected, labels, sla_h, changed)
    about = data.provenance
    executed = _execute(data, selected, masker, progress=progress)
    html = to_html(
        nbformat.reads(executed, 4),
        title=_name(data, selected) or masker.text(html_path.stem),
        classification=data.labels.classification,
    )
    _check_leaks([html, _FIGURE_NUMBERS.sub("", executed)], masker)
    _write(html_path, html, notebook_path, executed)
    return Report(
        html=html_path,
        notebook=notebook_path,
        masked=about.masked,
        n_runs=n_runs,
        n_bytes=len(html.encode()),
        missing=about.missing,
    )


def _check_notebook(notebook_path: Path) -> None:
    """Raise `UsageError` if a notebook of the user is in the way."""
    if notebook_path.exists() and not templates.is_report(notebook_path):
        raise UsageError(
            f"{notebook_path} exists and was not made by a report; the executed notebook would "
            "replace it. Choose another name for the report."
        )


def _check_runs(template: templates.Template, f: Frames, *, has_before: bool) -> None:
    """Raise `UsageError` if the template cannot show these runs, or `before`."""
    template.check(len(f.runs))
    if has_before and template.is_ours and template.name != "runs":
        raise UsageError(
            f"before= is for the report on many runs, not for {template.name}; leave it out."
        )


def _name(data: ReportData, template: templates.Template) -> str:
    """Return the name of a report: the title, or with our templates what it is about."""
    if data.labels.title or not template.is_ours:
        return data.labels.title
    f = data.frames
    return f"{heading(f)}, {moment(f.as_of)}"


def _execute(
    data: ReportData, template: templates.Template, masker: Masker, *, progress: bool
) -> str:
    """Return the executed template as JSON; its kernel sees the redacted data only."""
    about = data.provenance
    notebook = template.notebook()
    with TemporaryDirectory(prefix="runkit-report-", ignore_cleanup_errors=True) as folder:
        write_data(data, Path(folder))
        templates.execute(
            notebook, Path(folder), template=template.path, mask=masker.text, progress=progress
        )
    executed = templates.with_provenance(notebook, about._repr_html_(), repr(about))
    if folder in executed:
        raise ReportError(
            "the template prints the path of its private data. Nothing was written. "
            "Print the data instead."
        )
    return executed


def output_paths(path: str | Path) -> tuple[Path, Path]:
    """Return the paths of HTML and notebook. Raises `UsageError` for a wrong one."""
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"path={str(path)!r} must end in .html.")
    html = files.file_at(path)
    if not html.parent.is_dir():
        raise UsageError(f"path={str(path)!r} is in a folder that does not exist; create it first.")
    return html, files.file_at(html.with_suffix(".ipynb"))


def _check_leaks(texts: Iterable[str], masker: Masker) -> None:
    """Raise `ReportError`, without the value, if a file contains a masked value or a key."""
    leaks = set().union(*map(masker.leaks, texts))
    if leaks:
        rules = {MASK.sub(r"\1", masker.secrets.get(value, "API key")) for value in leaks}
        raise ReportError(
            f"the finished report would contain {plural(len(leaks), 'masked value')} "
            f"({', '.join(sorted(rules))}). Nothing was written. "
            "The template writes this itself; use the redacted data instead."
        )


def _write(html_path: Path, html: str, notebook_path: Path, notebook: str) -> None:
    """Write both files; they replace others only if both are complete."""
    with files.replacing(notebook_path, 0o666) as ipynb, files.replacing(html_path, 0o666) as page:
        ipynb.write_text(notebook, encoding="utf-8")
        page.write_text(html, encoding="utf-8")
