"""`report()`: from runs to a notebook and one HTML file that can be handed on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runkit.errors import MissingExtra, ReportError, UsageError
from runkit.reports import templates
from runkit.reports.execution import execute
from runkit.reports.masker import Masker
from runkit.reports.material import Material, handed_over, policy_of, read_source, redacted
from runkit.reports.redaction import Redaction
from runkit.text import plural

_NEEDED = ("ipykernel", "nbclient", "nbconvert", "nbformat", "nh3")
_KEYS = ("MIDDESK_API_KEY", "RUNKIT_SANDBOX_KEY")


@dataclass(frozen=True)
class Report:
    """A report that was made: its HTML file, the executed notebook beside it, and what was masked.

    `sha256` is that of the HTML file, in hex; `masked` counts different values by rule.
    """

    html: Path
    notebook: Path
    sha256: str
    masked: Mapping[str, int]
    n_runs: int

    def __str__(self) -> str:
        size = self.html.stat().st_size / 1e6
        counts = ", ".join(f"{number:,} {name}" for name, number in self.masked.items()) or "nothing"
        return (
            f"{self.html} ({plural(self.n_runs, 'run')}, {size:.1f} MB), executed notebook {self.notebook}\n"
            f"masked: {counts}\nSHA-256 {self.sha256}"
        )

    __repr__ = __str__


def report(
    source: object,
    path: str | Path,
    *,
    template: str | Path = "run",
    redact: bool | Redaction = True,
    title: str | None = None,
    progress: bool = True,
) -> Report:
    """Make a report: an executed notebook (`.ipynb`) and beside it one HTML file that needs no network.

    `source`: `Frames`, or anything that `frames()` takes. `path`: the HTML file to write; the notebook gets
    its name. `template`: "run" (one run), "compare" (two), "fleet" (any number), or the path of a notebook of
    your own: one that reads `runkit.report_data()`.
    `redact`: True masks tax and social security numbers, e-mail addresses, keys and signed links before the
    notebook sees them; a `Redaction` has patterns of your own and what to reveal; False masks keys only. What
    was masked is counted in the report, and so is what was revealed.
    `title` takes the place of the notebook's first heading. `progress` shows the cells on stderr.

    Files that are there are replaced in the end, when all went well. Raises `UsageError` for what cannot be
    used, `ReportError` when a cell fails or when the finished files hold what should be masked (nothing is
    written then), and `MissingExtra` without the extra `[report]`.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise MissingExtra.of("report", "making a report")
    html_path, notebook_path = targets(path)
    policy = policy_of(redact)
    chosen = templates.find(template)
    if chosen.path.resolve() in (notebook_path.resolve(), html_path.resolve()):
        raise UsageError(f"{notebook_path} is the template itself; give the report another name.")
    f, runs = read_source(source)
    chosen.check(len(f.runs))
    masker = Masker(policy, [os.environ[name] for name in _KEYS if os.environ.get(name)])
    heading = masker.text(title) if title is not None else None
    name = masker.text(html_path.stem)
    material = redacted(f, runs, policy, masker, template=(masker.text(chosen.path.name), chosen.digest))
    notebook = chosen.notebook(list(material.provenance.run_ids), heading)
    with handed_over(material) as folder:
        execute(notebook, folder, template=chosen.path, progress=progress)
        finished = _finish(notebook, material, name, str(folder))
    for file, text in zip((html_path.name, notebook_path.name), finished, strict=True):
        _check(file, text, masker)
    html, executed = (text.encode() for text in finished)
    _write({html_path: html, notebook_path: executed})
    return Report(html_path, notebook_path, hashlib.sha256(html).hexdigest(), masker.counts, len(f.runs))


def targets(path: str | Path) -> tuple[Path, Path]:
    """Give the files of a report: HTML and notebook. Raises `UsageError` for what cannot be one."""
    html = Path(path)
    if html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"path={str(path)!r} is no HTML file; expected a name that ends in .html.")
    if html.is_dir():
        raise UsageError(f"path={str(path)!r} is a folder; expected the name of a file.")
    return html, html.with_suffix(".ipynb")


def _finish(notebook: Any, material: Material, name: str, folder: str) -> tuple[str, str]:
    """Give HTML and notebook as texts, both with where the data comes from."""
    from runkit.reports.export import to_html

    said = templates.with_provenance(notebook, material.provenance)
    html = to_html(notebook, title=name)
    if folder in said or folder in html:
        raise ReportError("the template prints where its data lies; nothing was written. Print data instead.")
    return html, said


def _check(name: str, text: str, masker: Masker) -> None:
    """Look for what was masked in a finished file, as any of its formats would write it."""
    from runkit.charts.html import figure_scripts
    from runkit.reports.scan import leaks

    found = leaks(text, masker, exempt=[str(figure_scripts()[0])])
    if found:
        counts = ", ".join(f"{number:,} of {rule}" for rule, number in found.items())
        raise ReportError(
            f"{name} would hold values that should be masked: {counts}. Nothing was written. A template that "
            "holds them in its own text, or one that builds them from parts, has to be changed."
        )


def _write(files: Mapping[Path, bytes]) -> None:
    """Write each file beside its place and then move all there."""
    parts = {path: path.with_name(f".{path.name}.part") for path in files}
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path].write_bytes(content)
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be written ({error.strerror}).") from None
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
