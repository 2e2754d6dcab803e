"""`search()`: where a text is in runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit.arguments import NonBlank, Words, checked, one_or_several
from runkit.display.log import log
from runkit.display.text import brief
from runkit.errors import UsageError
from runkit.tables.build_columns import flags
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source
from runkit.time_budget import Flags

MAX_HITS = 10_000
AROUND = 40  # characters before and after a hit
TOKEN = re.compile(r"\\?.", re.DOTALL)  # a character of a pattern, with its backslash
UNLIKE = frozenset("[]{}^$")  # tokens that RE2 reads in another way
# What RE2 must match to find all that `re` finds: `re` knows two more forms of "i", and digits,
# letters and spaces that are not ASCII.
OTHERS = r"\x{80}-\x{10ffff}"
RE2 = dict.fromkeys("iI", "[iI\u0130\u0131]") | {
    r"\d": f"[0-9{OTHERS}]",
    r"\w": f"[0-9A-Za-z_{OTHERS}]",
    r"\s": rf"[\t-\r\x1c-\x20{OTHERS}]",
}
COLUMNS = ("run_id", "business_name", "status", "step_id", "where", "before", "hit", "after")


@checked
def search(
    f: Source, text: NonBlank, *, regex: bool = False, where: Words | None = None
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
        raise UsageError(f"text={brief(text)} is not a regular expression: {error}") from None
    rows = list(islice(_hits(f, pattern, _columns(f, where)), MAX_HITS + 1))
    if len(rows) > MAX_HITS:
        log.warning(
            "more than %s hits; search for a longer text, or in fewer columns", f"{MAX_HITS:,}"
        )
    hits = pd.DataFrame(rows[:MAX_HITS], columns=["run_id", "step_id", *COLUMNS[4:]], dtype="str")
    table = hits.merge(f.runs[["run_id", "business_name", "status"]], "left", "run_id")
    return table[[*COLUMNS]]


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
        df = f[name].reindex(columns=["run_id", "step_id", column])
        rows = df[_may_match(f[name][column], pattern)]
        for run_id, step_id, value in rows.itertuples(index=False):
            for match in pattern.finditer(value):
                start, end = match.span()
                before = value[max(0, start - AROUND) : start]
                after = value[end : end + AROUND]
                if match[0]:
                    yield run_id, step_id, f"{name}.{column}", before, match[0], after


def _may_match(values: pd.Series[str], pattern: re.Pattern[str]) -> Flags:
    """Flag all cells that match, and few others; where RE2 cannot tell, all but null."""
    wider = _to_re2(pattern.pattern)
    is_text = values.notna().to_numpy()
    if wider is None:
        return is_text
    array = pa.array(values, from_pandas=True)
    try:
        found = pc.match_substring_regex(array, wider, ignore_case=True)
    except pa.ArrowInvalid:  # RE2 refuses large patterns
        return is_text
    return flags(found.fill_null(False))


def _to_re2(pattern: str) -> str | None:
    """Translate a pattern to one of RE2 that matches no less, None if it has other syntax."""
    tokens = TOKEN.findall(pattern)
    if "(?" in pattern or not UNLIKE.isdisjoint(tokens):
        return None
    translated = [_token_to_re2(token) for token in tokens]
    return "".join(translated) if all(translated) else None


def _token_to_re2(token: str) -> str:
    """Translate a token, to "" if it has another meaning in RE2."""
    if not token.isascii():
        return "."  # the two may know different versions of Unicode
    is_named = token[0] == "\\" and token[1].isalnum()
    return RE2.get(token, "" if is_named else token)
