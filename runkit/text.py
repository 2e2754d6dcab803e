"""Words: escaping, durations, times, and the one sentence that says where a run's time went.

Text of a run is hostile. `Markup` is the one way for it into HTML, `visible` shows what could not be seen and
would act: on a terminal, on the order of letters, on a reader who is deceived. Whatever shows text goes
through one of them.

Each sentence is written here once and used as a figure's title, its alt text and the first line of a
text form, so that all of them always say the same.
"""

from __future__ import annotations

import math
import re
import reprlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import unescape
from typing import Any, Self
from urllib.parse import urlsplit

import markupsafe

__all__ = ["unescape"]  # from here, so that escaping and undoing it have one home

# What no font draws, or what acts instead of being read: controls, line ends that are none to everybody,
# joiners, changes of direction, fillers, tags, halves of a surrogate pair. A page's LF and TAB are fine.
UNSEEN = re.compile(
    "\r\n|[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

MAX_URL = 2000  # characters; longer ones do not work in every browser
MAX_WORDS, MAX_WORD = 8, 40  # different statuses in a sentence, and characters of one
BRIEF = 60  # characters of a value that is shown in a message
MAX_SHOWN_BITS = 400  # of an integer: twice as many digits as are shown
ACRONYMS = {"CIP", "EIN", "IRS", "KYB", "OFAC", "SOS", "TIN"}  # as the field writes them
SHORT_ID = 8  # characters of an id that tell runs apart to a reader; git made people used to 7 or 8


class Markup(markupsafe.Markup):
    """HTML. Text that is formatted, joined or added to it is escaped, and what cannot be seen is shown."""

    @classmethod
    def escape(cls, value: Any, /) -> Self:
        """Escape a value, unless it is HTML already."""
        return cls(value.__html__()) if hasattr(value, "__html__") else super().escape(visible(str(value)))


_LINK = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a> ({})')
# JupyterLab's MathJax passes over these classes: it would act on what a text holds as `$\href{…}$`.
_BLOCK = Markup('<div class="runkit-static mathjax_ignore tex2jax_ignore">{}</div>')

# A word as long as a page must not push the other columns out of sight; a notebook takes no style sheet.
_TD = Markup('<td style="text-align:left;overflow-wrap:anywhere">{}</td>')


def esc(value: object) -> Markup:
    """Escape `value` for HTML. The only way for text to enter runkit's HTML."""
    return Markup.escape(value)


def visible(text: str) -> str:
    r"""Show signs that cannot be seen as codes, `\x1b` or `\u202e`; LF and TAB stay."""
    return UNSEEN.sub(lambda found: "\n" if found[0] == "\r\n" else code(found[0]), text)


def code(sign: str) -> str:
    """Give the code of a sign that cannot be seen: Python's, which every font can draw."""
    return sign.encode("unicode_escape").decode()


def block(*parts: Markup) -> Markup:
    """Put HTML into the block in which all of ours stands in a notebook: it is not typeset."""
    return _BLOCK.format(Markup("").join(parts))


def html_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """Build a plain `<table>` with a header row; every cell is escaped unless it is `Markup` already."""
    head = Markup("").join(
        Markup('<th scope="col" style="text-align:left">{}</th>').format(h) for h in headers
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(_TD.format(cell) for cell in row)) for row in rows
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)


def one_line(text: str) -> str:
    """Put a text on one line, on which all is visible."""
    return visible(" ".join(text.split()))


def shorten(text: str, limit: int = BRIEF) -> str:
    """Cut to `limit` characters on one line; a cut text ends in an ellipsis, so that the cut is seen."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


class _Brief(reprlib.Repr):
    """How a value is shown: Python's own way fails on deep values and large numbers, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 6
        self.maxstring = self.maxother = 2 * BRIEF
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 12

    def repr_int(self, value: int, level: int) -> str:
        if value.bit_length() > MAX_SHOWN_BITS:
            return f"<about {round(value.bit_length() * math.log10(2)):,} digits>"
        return repr(value)


_brief = _Brief()


def brief(value: object, limit: int = BRIEF) -> str:
    """Show a value that may be anything, as `repr` does, on one line of at most `limit` characters."""
    return shorten(_brief.repr(value), limit)


def short_id(value: str) -> str:
    """Shorten an id for reading: `c1d2e3f4`, which is accepted wherever the run is at hand."""
    line = one_line(value)
    return line if len(line) <= SHORT_ID + 4 else line[:SHORT_ID]


def agent_title(agent_type: str) -> str:
    """Name an agent by its type: `cip_orchestrator` is CIP Orchestrator."""
    words = one_line(agent_type).replace("_", " ").split()
    return " ".join(
        word.upper() if word.upper() in ACRONYMS else word[:1].upper() + word[1:] for word in words
    )


def run_label(run_id: str, business_name: object, agent_name: object, limit: int = BRIEF) -> str:
    """Name a run wherever it is shown: by its business, else by its agent, and its short id.

    Missing names may be None or pandas' NA. A name is cut so that the whole has `limit` characters.
    """
    names = (name for name in (business_name, agent_name) if isinstance(name, str) and name.strip())
    end = f" · {short_id(run_id)}"
    return shorten(next(names, "Unknown agent"), limit - len(end)) + end


def web_host(url: str) -> str | None:
    """Give the host that a browser would open for an http or https address, None if that is not certain.

    Browsers read a backslash as a slash, drop line breaks and take what is before an @ for a name to log in
    with, so that another host can seem to be meant. A host in letters beyond ASCII can look like another one.
    """
    if (
        len(url) > MAX_URL
        or UNSEEN.search(url)
        or any(sign == "\\" or unicodedata.category(sign)[0] in "CZ" for sign in url)
    ):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    is_plain = re.fullmatch(r"[a-z0-9._:-]+", host) and "@" not in parts.netloc
    return host if is_plain and parts.scheme in ("http", "https") else None


def apart(words: object) -> Markup:
    """Put words of a run among our own, so that signs that change the direction of writing end with them."""
    return Markup("<bdi>{}</bdi>").format(words)


def link(url: str, words: str | None = None) -> Markup:
    """Link to addresses whose host is certain, and show the host; anything else is text."""
    host, shown = web_host(url), apart(words or url)
    if host is not None:
        return _LINK.format(url, shown, apart(host))
    return Markup("{}: {}").format(shown, apart(url)) if words else shown


def plural(count: int, one: str, many: str | None = None) -> str:
    """Say `1 step`, `2,000 steps`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """Say a duration given in seconds in at most two units: `0.25 s`, `5 min 0 s`, `14 h 2 min`, `3 d 4 h`.

    None, NaN and infinity are `unknown`. Rounded to what is shown, half up to the next unit.
    """
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 0:
        return "-" + duration(-seconds)
    if 0 < seconds < 0.001:
        return "under 0.001 s"
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = int(seconds / 60 + 0.5)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = int(seconds / 3600 + 0.5)
    return f"{hours // 24:,} d {hours % 24} h"


def moment(when: datetime | None) -> str:
    """Say a time to the second, with its zone: `2026-02-03 10:00:01 UTC`."""
    if when is None or when != when:  # NaT is the one datetime that differs from itself
        return "unknown"
    day, time = (when.year, when.month, when.day), (when.hour, when.minute, when.second)
    # not by strftime, which writes the year 1 as 1 here and as 0001 there
    return f"{'{:04}-{:02}-{:02}'.format(*day)} {'{:02}:{:02}:{:02}'.format(*time)} {when.tzname() or 'UTC'}"


def counted(numbers: Mapping[str, int]) -> list[str]:
    """Say how often words come, in short: `["3 completed", "1 error"]`; many or long ones are bounded."""
    shown = [f"{n:,} {shorten(word, MAX_WORD)}" for word, n in list(numbers.items())[:MAX_WORDS]]
    rest = list(numbers.values())[MAX_WORDS:]
    return [*shown, *([f"{sum(rest):,} of {plural(len(rest), 'other kind')}"] if rest else [])]


def budget_words(working: float, waiting: float, idle: float) -> str:
    """Say the three parts of a time budget, given in seconds; parts that are zero are left out."""
    parts = [
        f"{duration(seconds)} {what}"
        for seconds, what in (
            (working, "working"),
            (waiting, "waiting for a person"),
            (idle, "idle"),
        )
        if seconds
    ]
    return " + ".join(parts) or "0 s"


def run_sentence(
    label: str,
    *,
    status: str,
    duration_s: float | None,
    budget: tuple[float, float, float] | None,
    n_steps: int,
    n_errors: int = 0,
    n_pending: int = 0,
) -> str:
    """Say all of a run in one sentence, which starts with its label.

    `budget` is (working, waiting, idle) in seconds, or None when the steps were not delivered.
    """
    head = label
    if status != "completed":
        head += f" ({shorten(status, MAX_WORD)})"
    if duration_s is None or math.isnan(duration_s):
        time = "not started"
    elif budget is None:
        time = f"{duration(duration_s)}; where it went is unknown, the steps were not delivered"
    else:
        time = f"{duration(duration_s)} = {budget_words(*budget)}"
    counts = [] if budget is None and not n_steps else [plural(n_steps, "step")]
    if n_errors:
        counts.append(plural(n_errors, "error"))
    if n_pending:
        counts.append(f"{plural(n_pending, 'question')} waiting for a person")
    return f"{head}: {time}" + (f"; {', '.join(counts)}" if counts else "")


def fleet_sentence(
    n_runs: int,
    *,
    statuses: Mapping[str, int],
    budget: tuple[float, float, float],
    n_steps: int,
    n_errors: int = 0,
    n_pending: int = 0,
) -> str:
    """Say all of many runs in one sentence.

    `statuses`: number of runs by status; `budget`: (working, waiting, idle) in seconds, over all runs.
    """
    kinds = ", ".join(counted(statuses))
    counts = [plural(n_steps, "step")]
    if n_errors:
        counts.append(plural(n_errors, "error"))
    if n_pending:
        counts.append(f"{plural(n_pending, 'question')} waiting for a person")
    return f"{plural(n_runs, 'run')} ({kinds}): {budget_words(*budget)}; {', '.join(counts)}"
