"""Text for people: escaping, labels, counts, durations and times.

Text in a run is hostile. It enters HTML only through `Markup`, and everything else that shows it
uses `visible`, which escapes invisible characters: they could act on a terminal, reorder text or
deceive a reader.

Each sentence is written here once and used as a figure's title, its alt text and the first line of
a text form, so that they always agree.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from types import NoneType
from typing import Any, Self

import markupsafe
from jinja2 import Environment, FileSystemLoader

__all__ = ["unescape"]  # exported so that escaping and unescaping are in one module

# Invisible characters, and those with an effect: controls, unusual line ends, joiners, changes of
# direction, fillers, tags, halves of a surrogate pair. LF and TAB are fine.
UNSEEN = re.compile(
    "\r\n|[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

_URL = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d+)?(?:[/?#][!-\[\]-~]*)?", re.ASCII | re.IGNORECASE
)
MAX_URL = 2000  # characters; longer ones do not work in every browser
BRIEF = 60  # characters of a value that is shown in a message
LONG = 2000  # characters of a text that is shown in a form
_ACRONYM = r"(?<!\S)(?:aml|cip|dba|ein|id|irs|kyb|kyc|naics|ofac|pep|sos|tin|ubo|url)(?!\S)"
# Each word of a title has a capital, of a phrase only the first.
_OF_TITLE = re.compile(rf"{_ACRONYM}|(?<!\S)\w", re.IGNORECASE)
_OF_PHRASE = re.compile(rf"{_ACRONYM}|^\w", re.IGNORECASE)
MISSING = "–"  # a value that is not there
SHORT_ID = 8  # characters of an id that a reader sees, as in git
HOUR, DAY = 3_600, 86_400  # seconds


class Markup(markupsafe.Markup):
    """HTML.

    Text that is formatted into it, joined or added is escaped, invisible characters too.
    """

    @classmethod
    def escape(cls, value: Any, /) -> Self:
        """Escape a value, unless it is HTML already."""
        if hasattr(value, "__html__"):
            return cls(value.__html__())
        return super().escape(visible(str(value)))


_LINK = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a> ({})')
# JupyterLab's MathJax skips these classes; it would act on `$\href{…}$` in a text.
_BLOCK = Markup('<div class="runkit-static mathjax_ignore tex2jax_ignore">{}</div>')
esc = Markup.escape  # text enters runkit's HTML only this way


def environment(folder: Path) -> Environment:
    """Return the environment of the templates in a folder, which escape each value."""
    return Environment(loader=FileSystemLoader(folder), autoescape=True, finalize=esc)


def visible(text: str) -> str:
    r"""Show invisible characters as Python escapes such as `\x1b` or `\u202e`; LF and TAB stay."""
    lines = text.replace("\r\n", "\n")
    return UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), lines)


def escape_unseen(json_text: str) -> str:
    """Write invisible characters in JSON as its own escapes, which do nothing to a terminal."""
    return UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], json_text)


def static_file(path: Path) -> Markup:
    """Read one of runkit's own HTML, CSS or JavaScript files, which needs no escaping."""
    return Markup(path.read_text(encoding="utf-8"))  # noqa: S704 - a file of runkit


def block(*parts: Markup) -> str:
    """Wrap HTML for a notebook in a block that MathJax does not typeset.

    The result is a plain `str`: marimo does not take `Markup` for text.
    """
    return str(_BLOCK.format(Markup("").join(parts)))


def one_line(text: str) -> str:
    """Put a text on one line, with every character visible."""
    return visible(" ".join(text.split()))


def shorten(text: str, limit: int = BRIEF) -> str:
    """Cut to `limit` characters on one line; a cut text ends in an ellipsis."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


# Python's own repr fails on deep values and is slow on long ones; this one cuts both.
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 2 * BRIEF


def truncated(text: str, limit: int = LONG) -> str:
    """Cut a text of several lines to `limit` characters, and say how much is missing."""
    left_out = len(text) - limit
    more = f"… ({left_out:,} more characters not shown here)" if left_out > 0 else ""
    return visible(text[:limit] + more)


def brief(value: object, limit: int = BRIEF) -> str:
    """Show any value as `repr` does, on one line of at most `limit` characters."""
    try:
        return shorten(_repr.repr(value), limit)
    except ValueError:  # an integer of more digits than Python writes
        return f"<a very long {type(value).__name__}>"


KINDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
}


def kind(value: object) -> str:
    """Name the JSON kind of a value, such as `an object` or `true or false`."""
    return KINDS.get(type(value), type(value).__name__)


def short_id(value: str) -> str:
    """Shorten an id for reading: `c1d2e3f4`, which is accepted wherever runs are at hand."""
    line = one_line(value)
    return line if len(line) <= SHORT_ID + 4 else line[:SHORT_ID]


def first_text(*values: object) -> str | None:
    """Return the first of some values that is text and not blank."""
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def agent_title(agent_type: object, name: object = None) -> str:
    """Name an agent by its name, else by its type: `cip_orchestrator` becomes CIP Orchestrator.

    Missing words may be None or pandas' NA.
    """
    return first_text(name) or in_words(first_text(agent_type) or "Unknown agent", _OF_TITLE)


def in_words(word: str, capitals: re.Pattern[str] = _OF_PHRASE) -> str:
    """Write a word of the API for people: `irs_letter` becomes IRS letter."""
    return capitals.sub(lambda match: match[0].upper(), one_line(word.replace("_", " ")))


def run_label(run_id: str, business_name: object, agent_name: object) -> str:
    """Name a run wherever it is shown: its business, else its agent, and its short id.

    Missing names may be None or pandas' NA. A name is cut so that the label has at most `BRIEF`
    characters.
    """
    name = first_text(business_name, agent_name) or "Unknown agent"
    end = f" · {short_id(run_id)}"
    return shorten(name, BRIEF - len(end)) + end


def web_host(url: str) -> str | None:
    """Return the host that a browser would open for a web address, None if that is not certain.

    Browsers read a backslash as a slash, drop line breaks and read the part before an @ as a login,
    so an address can look like one of another host. So can a host with letters outside ASCII. None
    of them matches.
    """
    match = _URL.fullmatch(url) if len(url) <= MAX_URL else None
    return match[1].strip("[]").lower() if match else None


def isolate(text: object) -> Markup:
    """Isolate text of a run, so that a change of writing direction in it ends with it."""
    return Markup("<bdi>{}</bdi>").format(text)


def link(url: str, title: str | None = None) -> Markup:
    """Link to an address whose host is certain, and show the host; any other address is text."""
    host = web_host(url)
    label = isolate(title or url)
    if host is not None:
        return _LINK.format(url, label, isolate(host))
    return Markup("{}: {}").format(label, isolate(url)) if title else label


def plural(count: int, singular: str, plural: str | None = None) -> str:
    """Count things: `1 step`, `2,000 steps`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def flag(is_so: Any, is_known: Any) -> Any:
    """Return a Series of flags with three values: null where it is not known."""
    return is_so.astype("boolean").where(is_known.astype("boolean").fillna(False))


def counted(flags: Any, noun: str = "") -> str:
    """Write how many of a Series of flags are so: `27 of 30`, `27 of 28 known, 2 not known`.

    `noun` is what they are of. It is a dash if nothing is known.
    """
    n_known = int(flags.notna().sum())
    n_unknown = len(flags) - n_known
    if n_unknown and not n_known:
        return MISSING
    words = f"{int(flags.sum()):,} of {n_known:,}"
    if n_unknown:
        return f"{words} {noun or 'known'}, {n_unknown:,} not known"
    return f"{words} {noun}".rstrip()


# For durations below a limit in seconds: the smaller unit in seconds, its name, how many make a
# larger one
_UNITS = (
    (3599.5, 1, "s", 60, "min"),
    (86_370, 60, "min", 60, "h"),
    (math.inf, 3600, "h", 24, "d"),
)


def duration(seconds: float | None) -> str:
    """Write a duration, given in seconds, in at most two units: `0.25 s`, `14 h 2 min`, `3 d 4 h`.

    None, NaN and infinity are `unknown`. Rounded half up to the smaller unit, which is left out if
    zero.
    """
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 0:
        return "-" + duration(-seconds)
    if 0 < seconds < 0.001:
        return "under 0.001 s"
    if seconds < 9.95 and seconds != int(seconds):
        return f"{seconds:.2g} s"
    _, unit, small, size, large = next(row for row in _UNITS if seconds < row[0])
    whole, rest = divmod(int(seconds / unit + 0.5), size)
    parts = {large: whole, small: rest}
    return " ".join(f"{number:,} {name}" for name, number in parts.items() if number) or "0 s"


def lasted(seconds: float | None) -> str:
    """Write how long something lasted: `5 d 20 h`, `2 h 3 min`, a dash if it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    return duration(seconds)


def moment(when: datetime | None) -> str:
    """Format a time for people, in its zone: `Nov 25, 2026, 08:00 UTC`."""
    if when is None or when != when:  # NaT is the one datetime that differs from itself
        return "unknown"
    return f"{day(when)}, {when:%H:%M %Z}"


def live_moment(when: datetime | None) -> str:
    """Format a time for a screen that is not kept, where this year goes without saying."""
    this_year = f", {datetime.now(UTC).year}"
    return moment(when).replace(this_year, "")


def day(when: datetime, *, has_year: bool = True) -> str:
    """Format the day of a time for people: `Nov 25, 2026`."""
    return f"{when:%b} {when.day}, {when.year}" if has_year else f"{when:%b} {when.day}"
