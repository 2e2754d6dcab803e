"""A folder that anybody can verify: what a report was made of, the report, and their sums."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from runkit.api import contract
from runkit.display.counts import paragraph, unread
from runkit.display.text import static_file
from runkit.errors import UsageError
from runkit.facts import Facts
from runkit.local import files
from runkit.reports._bundle import ReportData
from runkit.reports.redaction import Masker

SUMS, RUNS = "SHA256SUMS", "runs.ndjson"
PROVES = "The files are as they were when SHA256SUMS was made."
PROVES_NOT = (
    "That the API told everything, that these are all runs, or who made this folder: for the "
    "last, sign SHA256SUMS with a key of your own."
)
NO_RUNS = "frames/: the source was Frames, which hold no raw runs"
_ASSUMPTION = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|", re.MULTILINE)


def new_folder(path: str | Path) -> Path:
    """Return a path for the folder. Raises `UsageError` unless it is new, or an empty folder."""
    folder = files.usable(path)
    try:
        is_free = not folder.exists() or not any(folder.iterdir())
    except OSError as error:
        raise UsageError.of_path(path, error) from None
    if not is_free:
        raise UsageError(f"evidence={str(path)!r} is not empty; expected a new or empty folder.")
    return folder


def evidence_files(data: ReportData, runs: Sequence[str], masker: Masker) -> dict[str, str]:
    """Return what the report was made of as texts by file name.

    `runs` are the raw runs as JSON, none if the source was `Frames`.
    """
    texts = {
        f"{name}.ndjson": df.to_json(
            orient="records", lines=True, date_format="iso", date_unit="us", force_ascii=False
        )
        for name, df in data._asdict().items()
        if isinstance(df, pd.DataFrame) and len(df)
    }
    if runs:
        texts[RUNS] = "".join(f"{masker.text(run)}\n" for run in runs)
    return texts | {"about.json": _about(data, RUNS if runs else NO_RUNS)}


def _about(data: ReportData, source: str) -> str:
    """Describe the folder: what it proves, what it holds, and how that was read."""
    about = data.provenance
    why = paragraph(about.missing, unread(Facts(data.frames).unread, "Steps"))
    assumed = static_file(Path(contract.__file__).with_suffix(".md"))
    text = {
        "proves": PROVES,
        "does_not_prove": PROVES_NOT,
        "data": source,
        "run_ids": about.run_ids,
        "is_complete": not why,
        "why_not": why or None,
        "masked": about.masked,
        "provenance": about.facts,
        "assumptions": {no: f"{what}: {how}" for no, what, how in _ASSUMPTION.findall(assumed)},
    }
    return json.dumps(text, indent=1, ensure_ascii=False) + "\n"


def write_evidence(folder: Path, data: ReportData, texts: Mapping[str, str]) -> None:
    """Write a folder for its owner only, all of it or nothing: the texts, frames and sums."""
    verify = static_file(Path(__file__).parent / "static/verify.txt")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".runkit-", dir=folder.parent) as private:
            part = files.folder_at(Path(private, "evidence"))
            for name, text in {**texts, "verify.py": verify}.items():
                _write(part / name, text)
            if RUNS not in texts:
                data.frames.save(part / "frames")
            paths = sorted(filter(Path.is_file, part.rglob("*")))
            sums = [
                f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(part).as_posix()}\n"
                for path in paths
            ]
            _write(part / SUMS, "".join(sums))
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
    except OSError as error:
        raise UsageError.of_path(folder, error) from None


def _write(path: Path, text: str) -> None:
    files.make_file(path)
    path.write_bytes(text.encode())
