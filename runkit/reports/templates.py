"""Templates: notebooks that are opened by an analyst, tested like any other, and executed for a report."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from runkit.errors import UsageError
from runkit.reports.provenance import Provenance
from runkit.text import plural, shorten

PARAMETERS = "parameters"  # the tag of the cell that holds `run_ids`
REPORT_FLAG = "runkit_report"  # in the metadata of a notebook that a report made, and may replace
_READ_ERRORS = (ValueError, AttributeError, TypeError, KeyError, RecursionError)  # what a wrong file raises
_RUN_COUNTS = {"run": (1, 1), "compare": (2, 2), "fleet": (1, None)}  # least and most runs


def notebooks() -> Path:
    """The folder of runkit's notebooks: in the installed package, else beside it in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / "01_first_look.ipynb").is_file():
            return folder
    raise UsageError(f"runkit's notebooks are neither in {package} nor beside it; install runkit again.")


class Template(NamedTuple):
    """A notebook to execute: its name as it was asked for, its file, its text."""

    name: str
    path: Path
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return sha256(self.text.encode()).hexdigest()

    def check(self, n_runs: int) -> None:
        """Raise `UsageError` unless the template can show so many runs."""
        least, most = _RUN_COUNTS.get(self.name, (1, None))
        if n_runs == 0:
            raise UsageError(
                "there is no run in the source; expected runs, or a file or archive that holds some. "
                "What could not be read of it is in runkit.frames(source).problems."
            )
        if n_runs < least or (most is not None and n_runs > most):
            expected = plural(least, "run") if least == most else f"at least {plural(least, 'run')}"
            others = ", ".join(f'"{name}"' for name in _RUN_COUNTS if name != self.name)
            raise UsageError(
                f'template="{self.name}" shows {expected}; got {n_runs:,}. '
                f"Select the runs, or take another template: {others}."
            )

    def notebook(self, run_ids: list[str], title: str | None, redact: str = "") -> Any:
        """Give the notebook to execute (an nbformat node): without outputs, with these parameters.

        The tagged cell gets the ids, so that whoever opens the executed notebook can make it again, and says
        in a comment with which redaction if it is not the usual one. A `title` takes the place of the first
        heading.
        """
        import nbformat

        try:
            nb = read(self.text)
            nbformat.validate(nb)
        except (*_READ_ERRORS, nbformat.ValidationError) as error:
            detail = shorten(str(error), 200)
            raise UsageError(f"{self.path} is no notebook ({detail}); expected an .ipynb file.") from None
        nb.metadata.pop("widgets", None)
        nb.metadata[REPORT_FLAG] = True
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                if PARAMETERS in cell.metadata.get("tags", ()):
                    cell.source = f"run_ids = {_list_source(run_ids)}"
                    if redact:
                        cell.source += f"\n# redacted otherwise than usual: report_data(run_ids, {redact})"
        if title is not None:
            _set_title(nb, title)
        return nb


def _list_source(ids: list[str]) -> str:
    if len(ids) < 2:
        return repr(ids)
    return "[\n" + "".join(f"    {one!r},\n" for one in ids) + "]"


def _set_title(nb: Any, title: str) -> None:
    """Write `title` as the first heading; it is text, whatever it holds."""
    import nbformat

    heading = "# " + "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+-.!|$&~:" else sign for sign in title)
    for cell in nb.cells:
        lines = cell.source.split("\n")
        if cell.cell_type == "markdown" and lines[0].startswith("# "):
            cell.source = "\n".join([heading, *lines[1:]])
            return
    nb.cells.insert(0, nbformat.v4.new_markdown_cell(heading))


def is_report(path: Path) -> bool:
    """Whether a file is a notebook that a report made."""
    try:
        return REPORT_FLAG in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    except (OSError, *_READ_ERRORS):
        return False


def text_of(nb: Any) -> str:
    """Give a notebook (an nbformat node) as the text of its file."""
    import nbformat

    return str(nbformat.writes(nb))


def read(text: str) -> Any:
    """Give the text of a notebook's file as an nbformat node; what a cell gave in lines is whole."""
    import nbformat

    return nbformat.reads(text, as_version=4)


def with_provenance(nb: Any, provenance: Provenance) -> str:
    """Give an executed notebook as text; where its data comes from is added if it does not say so."""
    import nbformat

    html = provenance._repr_html_()
    outputs = [output for cell in nb.cells for output in cell.get("outputs", ())]
    if not any(html in output.get("data", {}).get("text/html", "") for output in outputs):
        bundle = {"text/html": html, "text/plain": repr(provenance)}
        output = nbformat.v4.new_output("display_data", bundle)
        nb.cells += [
            nbformat.v4.new_markdown_cell("## How this was made"),
            nbformat.v4.new_code_cell("data.provenance", outputs=[output]),
        ]
    return text_of(nb)


def find_template(template: str | Path) -> Template:
    """Find a template by its name, or a notebook of the user's own by its path."""
    name = str(template)
    path = notebooks() / f"report_{name}.ipynb" if name in _RUN_COUNTS else Path(name)
    if name not in _RUN_COUNTS and path.suffix != ".ipynb":
        raise UsageError.one_of("template", name, [*_RUN_COUNTS, "my_template.ipynb"])
    try:
        return Template(name if name in _RUN_COUNTS else path.name, path, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"template={name!r} cannot be read ({type(error).__name__}: {path}).") from None
