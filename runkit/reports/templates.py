"""Templates: notebooks that an analyst can open, and that are executed to make a report."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from runkit.errors import UsageError
from runkit.reports.provenance import Provenance
from runkit.text import plural, shorten

PARAMETERS = "parameters"  # the tag of the cell with `run_ids`
REPORT_FLAG = "runkit_report"  # metadata of notebooks made by a report, which another report may replace
_READ_ERRORS = (ValueError, AttributeError, TypeError, KeyError, RecursionError)  # raised for invalid files
_RUN_COUNTS = {"run": (1, 1), "compare": (2, 2), "fleet": (1, None)}  # minimum and maximum number of runs


def notebooks() -> Path:
    """Find the folder of runkit's notebooks: in the installed package, or next to it in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / "01_first_look.ipynb").is_file():
            return folder
    raise UsageError(f"runkit's notebooks are neither in {package} nor next to it; reinstall runkit.")


class Template(NamedTuple):
    """A notebook to execute: its name as requested, its file, its text."""

    name: str
    path: Path
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return sha256(self.text.encode()).hexdigest()

    def check(self, n_runs: int) -> None:
        """Raise `UsageError` if the template cannot show this number of runs."""
        least, most = _RUN_COUNTS.get(self.name, (1, None))
        if n_runs == 0:
            raise UsageError(
                "the source contains no runs; expected runs, or a file or archive with runs. "
                "Records that could not be read are in runkit.frames(source).problems."
            )
        if n_runs < least or (most is not None and n_runs > most):
            expected = plural(least, "run") if least == most else f"at least {plural(least, 'run')}"
            others = ", ".join(f'"{name}"' for name in _RUN_COUNTS if name != self.name)
            raise UsageError(
                f'template="{self.name}" shows {expected}; got {n_runs:,}. '
                f"Select runs, or use another template: {others}."
            )

    def notebook(self, run_ids: list[str], title: str | None, redact: str = "") -> Any:
        """Build the notebook to execute (an nbformat node): no outputs, with these parameters.

        The tagged cell gets the ids, so that the executed notebook can be run again, and a comment about the
        redaction if it is not the default. `title` replaces the first heading.
        """
        import nbformat

        try:
            nb = read(self.text)
            nbformat.validate(nb)
        except (*_READ_ERRORS, nbformat.ValidationError) as error:
            detail = shorten(str(error), 200)
            raise UsageError(f"{self.path} is not a notebook ({detail}); expected an .ipynb file.") from None
        nb.metadata.pop("widgets", None)
        nb.metadata[REPORT_FLAG] = True
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                if PARAMETERS in cell.metadata.get("tags", ()):
                    cell.source = f"run_ids = {_list_source(run_ids)}"
                    if redact:
                        cell.source += f"\n# custom redaction: report_data(run_ids, {redact})"
        if title is not None:
            _set_title(nb, title)
        return nb


def _list_source(ids: list[str]) -> str:
    if len(ids) < 2:
        return repr(ids)
    return "[\n" + "".join(f"    {one!r},\n" for one in ids) + "]"


def _set_title(nb: Any, title: str) -> None:
    """Write `title` as the first heading, with Markdown escaped."""
    import nbformat

    heading = "# " + "".join(f"\\{char}" if char in r"\`*_{}[]<>()#+-.!|$&~:" else char for char in title)
    for cell in nb.cells:
        lines = cell.source.split("\n")
        if cell.cell_type == "markdown" and lines[0].startswith("# "):
            cell.source = "\n".join([heading, *lines[1:]])
            return
    nb.cells.insert(0, nbformat.v4.new_markdown_cell(heading))


def is_report(path: Path) -> bool:
    """Return whether a file is a notebook made by a report."""
    try:
        return REPORT_FLAG in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    except (OSError, *_READ_ERRORS):
        return False


def text_of(nb: Any) -> str:
    """Serialize a notebook (an nbformat node)."""
    import nbformat

    return str(nbformat.writes(nb))


def read(text: str) -> Any:
    """Parse the text of a notebook file into an nbformat node."""
    import nbformat

    return nbformat.reads(text, as_version=4)


def with_provenance(nb: Any, provenance: Provenance) -> str:
    """Serialize an executed notebook, with its provenance added if no cell shows it."""
    import nbformat

    html = provenance._repr_html_()
    outputs = [output for cell in nb.cells for output in cell.get("outputs", ())]
    if not any(html in output.get("data", {}).get("text/html", "") for output in outputs):
        bundle = {"text/html": html, "text/plain": repr(provenance)}
        output = nbformat.v4.new_output("display_data", bundle)
        nb.cells += [
            nbformat.v4.new_markdown_cell("## About this report"),
            nbformat.v4.new_code_cell("data.provenance", outputs=[output]),
        ]
    return text_of(nb)


def find_template(template: str | Path) -> Template:
    """Find a template by its name, or the user's own notebook by its path."""
    name = str(template)
    path = notebooks() / f"report_{name}.ipynb" if name in _RUN_COUNTS else Path(name)
    if name not in _RUN_COUNTS and path.suffix != ".ipynb":
        raise UsageError.one_of("template", name, [*_RUN_COUNTS, "my_template.ipynb"])
    try:
        return Template(name if name in _RUN_COUNTS else path.name, path, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"template={name!r} cannot be read ({type(error).__name__}: {path}).") from None
