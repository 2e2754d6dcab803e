"""`report()`: from runs to a notebook and one HTML file that can be handed on."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runkit import files
from runkit.charts.wording import listed
from runkit.errors import MissingExtra, ReportError, UsageError
from runkit.reports import templates
from runkit.reports.bundle import (
    Bundle,
    bundle_folder,
    make_masker,
    read_source,
    redact_source,
    redaction_policy,
)
from runkit.reports.execute import execute
from runkit.reports.leaks import builtin_words, find_leaks
from runkit.reports.masking import Masker
from runkit.reports.redaction import Redaction
from runkit.text import plural, visible

MAX_NAMED = 3  # of what would have leaked
_REQUIRED_PACKAGES = ("ipykernel", "jupyter_client", "nbclient", "nbconvert", "nh3")


@dataclass(frozen=True)
class Report:
    """A report that was made: its HTML file, the executed notebook beside it, and what was masked.

    `sha256` is that of the HTML file, in hex, `digest` that of the redacted data: equal for a report of the
    same ended runs made again. `masked` counts different values by rule.
    `n_bytes` is the size of the HTML file.
    """

    html: Path
    notebook: Path
    sha256: str
    digest: str
    masked: Mapping[str, int]
    n_runs: int
    n_bytes: int

    def __str__(self) -> str:
        size = self.n_bytes / 1e6
        counts = ", ".join(f"{number:,} {name}" for name, number in self.masked.items()) or "nothing"
        return visible(
            f"{self.html} ({plural(self.n_runs, 'run')}, {size:.1f} MB), executed notebook {self.notebook}\n"
            f"masked: {counts}\ndigest of the data {self.digest}\nSHA-256 {self.sha256}"
        )

    __repr__ = __str__


def check_installed() -> None:
    """Raise `MissingExtra` unless the packages of the extra `[report]` are there."""
    if any(find_spec(name) is None for name in _REQUIRED_PACKAGES):
        raise MissingExtra.of("report", "making a report")


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

    Files that are there are replaced in the end, when all went well.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` takes.
    path
        The HTML file to write; the notebook gets its name.
    template
        "run" (one run), "compare" (two), "fleet" (any number), or the path of a notebook of your own that
        reads `runkit.report_data()`.
    redact
        True masks tax and social security numbers, e-mail addresses, keys and signed links before the
        notebook sees them; a `Redaction` has patterns of your own and what to reveal; False masks keys only.
        What was masked is counted in the report, and so is what was revealed.
    title
        Takes the place of the notebook's first heading.
    progress
        Count the cells.

    Returns
    -------
    Report
        The two files, their digests, and what was masked.

    Raises
    ------
    UsageError
        For what cannot be used.
    ReportError
        When a cell fails, or when a finished file would hold what is masked. Nothing is written then.
    MissingExtra
        Without the extra `[report]`.
    """
    check_installed()
    html_path, notebook_path = output_paths(path)
    policy = redaction_policy(redact)
    chosen = templates.find_template(template)
    if chosen.path.resolve() in (notebook_path.resolve(), html_path.resolve()):
        raise UsageError(f"{notebook_path} is the template itself; give the report another name.")
    if notebook_path.exists() and not templates.is_report(notebook_path):
        raise UsageError(
            f"{notebook_path} is there and no report made it; the executed notebook would take its place. "
            "Give the report another name."
        )
    read = read_source(source)
    chosen.check(len(read.frames.runs))
    masker = make_masker(policy, builtin_words(chosen.text))
    texts = {"title": _title(title) if title is not None else "", "name": html_path.stem}
    material = redact_source(read, policy, masker, template=(chosen.path.name, chosen.digest), texts=texts)
    heading = masker.text(texts["title"]) or None
    notebook = chosen.notebook(list(material.provenance.run_ids), heading, _redaction_note(policy))
    with bundle_folder(material) as folder:
        execute(notebook, folder, template=chosen.path, mask=masker.text, progress=progress)
        rendered = _render(notebook, material, masker.text(html_path.stem), str(folder))
    _check_leaks(*rendered, masker, exempt=(material.provenance.digest, chosen.digest))
    html, executed = (text.encode() for text in rendered)
    _write({html_path: html, notebook_path: executed})
    digest = hashlib.sha256(html).hexdigest()
    n_runs = len(read.frames.runs)
    return Report(
        html_path, notebook_path, digest, material.provenance.digest, dict(masker.counts), n_runs, len(html)
    )


def _redaction_note(policy: Redaction | None) -> str:
    """Say what whoever executes the notebook again has to give to `report_data`; patterns are not kept."""
    if policy is None:
        return "redact=False"
    parts = [f"patterns for {', '.join(policy.patterns)}"] if policy.patterns else []
    parts += [f"reveal={sorted(policy.reveal)}"] if policy.reveal else []
    parts += [f"keep_last={policy.keep_last}"] if policy.keep_last else []
    return f"redact=runkit.Redaction with {', '.join(parts)}" if parts else ""


def _title(title: object) -> str:
    """Give a title in one line."""
    words = " ".join(title.split()) if isinstance(title, str) else ""
    if not words:
        raise UsageError(f"title={title!r} cannot be used; expected some words, or None.")
    return words


def output_paths(path: str | Path) -> tuple[Path, Path]:
    """Give the files of a report: HTML and notebook. Raises `UsageError` for what cannot be one."""
    if not isinstance(path, str | Path) or Path(path).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"path={str(path)!r} is no HTML file; expected a name that ends in .html.")
    html = files.file_at(path)
    return html, files.file_at(html.with_suffix(".ipynb"))


def _render(notebook: Any, material: Bundle, name: str, folder: str) -> tuple[str, str]:
    """Give HTML and notebook as texts, both with where the data comes from."""
    from runkit.reports.export import to_html

    notebook_text = templates.with_provenance(notebook, material.provenance)
    html = to_html(templates.read(notebook_text), title=name)
    if folder in notebook_text or folder in html:
        raise ReportError("the template prints where its data lies; nothing was written. Print data instead.")
    return html, notebook_text


def _check_leaks(html: str, notebook: str, masker: Masker, exempt: tuple[str, ...]) -> None:
    """Raise `ReportError` where a finished file holds what was masked."""
    values = sorted(find_leaks(html, notebook, masker, exempt))
    if values:
        named = listed([_describe_leak(value, masker) for value in values[:MAX_NAMED]])
        more = f" and {len(values) - MAX_NAMED:,} more" if len(values) > MAX_NAMED else ""
        raise ReportError(
            f"the report would hold what is masked in its data: {named}{more}. Nothing was written. "
            "A cell of the template builds it from parts; let it show the data instead."
        )


def _describe_leak(value: str, masker: Masker) -> str:
    """Name the rule that masked a value, the run and the field."""
    if value not in masker.secrets:
        return "a key of this process' environment"
    run_id, field = masker.secrets[value]
    run = f"run {masker.text(run_id)}, " if isinstance(run_id, str) else ""
    return f"{masker.rule_of(value)} ({run}field {field})"


def _write(files: Mapping[Path, bytes]) -> None:
    """Write each file under a name that nobody else has, and then move all to their places."""
    parts: dict[Path, Path] = {}
    target = next(iter(files))
    try:
        for target, content in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.parent / f".runkit-{secrets.token_hex(8)}.part"
            with part.open("xb") as file:  # new, and as open as the umask says, which is all threads'
                parts[target] = part
                file.write(content)
        for target, written in parts.items():
            written.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror}).") from None
    finally:
        for written in parts.values():
            written.unlink(missing_ok=True)
