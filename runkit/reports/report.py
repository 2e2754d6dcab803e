"""`report()`: from runs to a notebook and one HTML file to share."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runkit import files
from runkit.errors import MissingExtra, ReportError, UsageError
from runkit.reports import templates
from runkit.reports.bundle import (
    Labels,
    ReportData,
    bundle_folder,
    heading,
    make_masker,
    read_source,
    redact_source,
    redaction_policy,
)
from runkit.reports.masking import Masker, builtin_words, find_leaks
from runkit.reports.redaction import Redaction
from runkit.text import moment, plural, short_id, visible

MAX_NAMED = 3  # leaks in an error message
_REQUIRED_PACKAGES = ("ipykernel", "jupyter_client", "nbclient", "nbconvert", "nh3")


@dataclass(frozen=True)
class Report:
    """A finished report: its HTML file, the executed notebook, and what was masked.

    `sha256` is the hash of the HTML file, in hex. `digest` is the hash of the redacted data: it stays the
    same when the same ended runs are reported again. `masked` counts different values by rule. `n_bytes` is
    the size of the HTML file.
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
            f"masked: {counts}\ndata digest {self.digest}\nSHA-256 {self.sha256}"
        )

    __repr__ = __str__


def check_installed() -> None:
    """Raise `MissingExtra` unless the packages of the extra `[report]` are installed."""
    if any(find_spec(name) is None for name in _REQUIRED_PACKAGES):
        raise MissingExtra.of("report", "making a report")


def report(
    source: object,
    path: str | Path,
    *,
    template: str | Path | None = None,
    redact: bool | Redaction = True,
    title: str | None = None,
    classification: str | None = None,
    prepared_by: str | None = None,
    sign_off: Sequence[str] = (),
    progress: bool = True,
) -> Report:
    """Make a report: one HTML file that needs no network, and the executed notebook (`.ipynb`) next to it.

    Existing files are replaced only at the end, if everything succeeded.

    Parameters
    ----------
    source
        `Frames`, or anything that `frames()` accepts.
    path
        The HTML file to write; the notebook gets the same name.
    template
        "run" (one run), "compare" (two), "fleet" (any number), or the path of your own notebook, which
        reads `runkit.report_data()`. None chooses one of the three by the number of runs.
    redact
        True masks tax and social security numbers, e-mail addresses, keys and signed links before the
        notebook sees the data. A `Redaction` adds your own patterns or reveals rules. False masks keys only.
        The report counts what was masked and lists what was revealed.
    title
        The first heading and the title of the window. By default the heading names the business, and the
        title also has the date.
    classification
        A word at the top of each page, such as "Internal".
    prepared_by
        Who prepared the report.
    sign_off
        Roles, such as "Reviewed by"; each gets a line to sign at the end of the case file.
    progress
        Show a progress bar that counts cells.

    Returns
    -------
    Report
        The two files, the digests, and the counts of masked values.

    Raises
    ------
    UsageError
        For invalid arguments, or runs that the template cannot show.
    ReportError
        If a cell fails, or a finished file would contain a masked value. Nothing is written then.
    MissingExtra
        If the extra `[report]` is not installed.
    """
    check_installed()
    html_path, notebook_path = output_paths(path)
    policy = redaction_policy(redact)
    labels = _labels(title, classification, prepared_by, sign_off)
    selected = templates.find_template(template) if template is not None else None
    if selected and selected.path.resolve() in (notebook_path.resolve(), html_path.resolve()):
        raise UsageError(f"{notebook_path} is the template itself; choose another name for the report.")
    if notebook_path.exists() and not templates.is_report(notebook_path):
        raise UsageError(
            f"{notebook_path} exists and was not made by a report; the executed notebook would replace it. "
            "Choose another name for the report."
        )
    original = read_source(source)
    n_runs = len(original.frames.runs)
    selected = selected or templates.find_template(None, n_runs)
    selected.check(n_runs)
    masker = make_masker(policy, builtin_words(selected.text))
    template_id = selected.path.name, selected.digest
    bundle = redact_source(original, policy, masker, template=template_id, labels=labels)
    page_title = _page_title(selected, bundle)
    run_ids = list(bundle.provenance.run_ids)
    notebook = selected.notebook(run_ids, page_title or None, _redaction_note(policy))
    with bundle_folder(bundle) as folder:
        templates.execute(notebook, folder, template=selected.path, mask=masker.text, progress=progress)
        name = page_title or masker.text(html_path.stem)
        rendered = _render(notebook, bundle, name, str(folder))
    _check_leaks(*rendered, masker, exempt=(bundle.provenance.digest, selected.digest))
    html, executed = (text.encode() for text in rendered)
    _write({html_path: html, notebook_path: executed})
    digest = hashlib.sha256(html).hexdigest()
    return Report(
        html_path, notebook_path, digest, bundle.provenance.digest, dict(masker.counts), n_runs, len(html)
    )


def _page_title(template: templates.Template, bundle: ReportData) -> str:
    """Name the report by its title, or by what it is about and when that was read; else nothing."""
    if bundle.labels.title or not template.is_ours:
        return bundle.labels.title
    return f"{heading(bundle.frames)}, {moment(bundle.frames.runs['as_of'].max())}"


def _redaction_note(policy: Redaction | None) -> str:
    """Describe the arguments of `report_data` that reproduce the redaction; patterns are not stored."""
    if policy is None:
        return "redact=False"
    parts = [f"patterns for {', '.join(policy.patterns)}"] if policy.patterns else []
    parts += [f"reveal={sorted(policy.reveal)}"] if policy.reveal else []
    parts += [f"keep_last={policy.keep_last}"] if policy.keep_last else []
    return f"redact=runkit.Redaction with {', '.join(parts)}" if parts else ""


def _labels(title: object, classification: object, prepared_by: object, sign_off: object) -> Labels:
    """Read the labels, each on one line. Raises `UsageError`."""

    def line(name: str, text: object) -> str:
        words = " ".join(text.split()) if isinstance(text, str) else ""
        if not words:
            raise UsageError(f"{name}={text!r} is invalid; expected text, or None.")
        return words

    if isinstance(sign_off, str) or not isinstance(sign_off, Sequence):
        raise UsageError(f"sign_off={sign_off!r} is invalid; expected a list of roles.")
    texts = {"title": title, "classification": classification, "prepared_by": prepared_by}
    lines = {name: line(name, text) for name, text in texts.items() if text is not None}
    return Labels(**lines, sign_off="\n".join(line("sign_off", role) for role in sign_off))


def output_paths(path: str | Path) -> tuple[Path, Path]:
    """Return the paths of a report: HTML and notebook. Raises `UsageError` for an invalid path."""
    if not isinstance(path, str | Path) or Path(path).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"path={str(path)!r} must end in .html.")
    html = files.file_at(path)
    return html, files.file_at(html.with_suffix(".ipynb"))


def _render(notebook: Any, bundle: ReportData, name: str, folder: str) -> tuple[str, str]:
    """Return the HTML page and the notebook as texts, both with the provenance."""
    from runkit.reports.export import to_html

    notebook_text = templates.with_provenance(notebook, bundle.provenance)
    html = to_html(templates.read(notebook_text), title=name, classification=bundle.labels.classification)
    if folder in notebook_text or folder in html:
        raise ReportError(
            "the template prints the path of its private data. Nothing was written. Print the data instead."
        )
    return html, notebook_text


def _check_leaks(html: str, notebook: str, masker: Masker, exempt: tuple[str, ...]) -> None:
    """Raise `ReportError` if a finished file contains a masked value."""
    values = sorted(find_leaks(html, notebook, masker, exempt))
    if values:
        named = ", ".join([_describe_leak(value, masker) for value in values[:MAX_NAMED]])
        more = f" and {len(values) - MAX_NAMED:,} more" if len(values) > MAX_NAMED else ""
        raise ReportError(
            f"the report would contain masked values: {named}{more}. Nothing was written. "
            "A cell of the template builds them from parts; show the data instead."
        )


def _describe_leak(value: str, masker: Masker) -> str:
    """Name the rule that masked a value, the run and the field."""
    if value not in masker.secrets:
        return "an API key from the environment"
    run_id, field = masker.secrets[value]
    run = f"run {short_id(masker.text(run_id))}, " if isinstance(run_id, str) else ""
    return f"{masker.rule_of(value)} ({run}field {field})"


def _write(files: Mapping[Path, bytes]) -> None:
    """Write each file under a unique temporary name, then rename all of them."""
    parts: dict[Path, Path] = {}
    target = next(iter(files))
    try:
        for target, content in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.parent / f".runkit-{secrets.token_hex(8)}.part"
            with part.open("xb") as file:  # a new file with the permissions of the umask
                parts[target] = part
                file.write(content)
        for target, written in parts.items():
            written.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror}). Choose another path.") from None
    finally:
        for written in parts.values():
            written.unlink(missing_ok=True)
