"""`search()`: where a text is in runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import pandas as pd

from runkit.arguments import Words, checked, one_or_several
from runkit.display.messages import log
from runkit.display.text import brief
from runkit.errors import UsageError
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

MAX_HITS = 10_000
AROUND = 40  # characters before and after a hit
COLUMNS = (
    "run_id",
    "business_name",
    "status",
    "step_id",
    "where",
    "before",
    "hit",
    "after",
)


@checked
def search(
    f: Source, text: str, *, regex: bool = False, where: Words | None = None
) -> pd.DataFrame:
    """Find a text in all text columns of the six frames, the results of steps included.

    Parameters
    ----------
    f
        `Frames`, or anything that `frames()` takes.
    text
        The text to find, in upper or lower case.
    regex
        Whether it is a regular expression, as in `re`.
    where
        The columns to search, such as `steps.result`, or whole frames, such as `sources`; one or
        several.

    Returns
    -------
    pandas.DataFrame
        One row for each hit, at most 10,000 (a warning in the log says if there are more): the run,
        the step if the row has one, `where` it is, such as `artifacts.summary`, and the `hit` with
        the 40 characters `before` and `after` it.

    Raises
    ------
    UsageError
        For an invalid pattern, and a column or a frame that does not exist.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=12, seed=7) as box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> runkit.search(f, "example.gov", where="sources.url")["where"].unique().tolist()
    ['sources.url']
    """
    f = frames(f)
    try:
        pattern = re.compile(text if regex else re.escape(text), re.IGNORECASE)
    except re.error as error:
        raise UsageError(
            f"text={brief(text)} is not a regular expression: {error}; "
            "without regex=True, any text is found as it is"
        ) from None
    matches = _hits(f, pattern, _columns(f, where))
    rows = list(islice(matches, MAX_HITS + 1))
    if len(rows) > MAX_HITS:
        log.warning(
            "more than %s hits; search for a longer text, or in fewer columns", f"{MAX_HITS:,}"
        )
    hits = pd.DataFrame(rows[:MAX_HITS], columns=["run_id", "step_id", *COLUMNS[4:]], dtype="str")
    runs = f.runs[["run_id", "business_name", "status"]]
    return hits.merge(runs, "left", "run_id")[[*COLUMNS]]


def _columns(f: Frames, where: Words | None) -> list[tuple[str, str]]:
    """Return frames and columns of text that the argument `where` names, or all."""
    texts: dict[str, pd.DataFrame] = {name: df.select_dtypes("str") for name, df in f.items()}
    pairs = [(name, str(column)) for name, df in texts.items() for column in df]
    names = one_or_several("where", where)
    if names is None:
        return pairs
    choices = [*f.keys(), *map(".".join, pairs)]
    for name in names:
        if name not in choices:
            raise UsageError.one_of("where", name, choices)
    return [pair for pair in pairs if {pair[0], ".".join(pair)} & names]


def _hits(
    f: Frames, pattern: re.Pattern[str], columns: list[tuple[str, str]]
) -> Iterator[tuple[str, ...]]:
    for name, column in columns:
        values = f[name][column]
        texts = [text for text in values.dropna().unique() if pattern.search(text)]
        rows = f[name][values.isin(texts)].reindex(columns=["run_id", "step_id", column])
        for run_id, step_id, value in rows.itertuples(index=False):
            for match in pattern.finditer(value):
                start, end = match.span()
                before = value[max(0, start - AROUND) : start]
                after = value[end : end + AROUND]
                if match[0]:
                    yield run_id, step_id, f"{name}.{column}", before, match[0], after
