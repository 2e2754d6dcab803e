"""What must not be in a report is masked before the report's notebook sees it.

The same value always becomes the same mask (`[ein 1]`), so that a reader sees what is equal, and ids join.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit import jsontext
from runkit.errors import UsageError
from runkit.models import Run
from runkit.reports.masking import FINDERS, Found, digits, readings
from runkit.tables.linked import Frames
from runkit.tables.schema import SCHEMA, Column
from runkit.values import RESOLUTIONS, RUN_STATUSES, STEP_STATUSES, STEP_TYPES

RULES = tuple(FINDERS)  # the order of precedence where two find the same place
MOST_KEPT = 4  # of an EIN or SSN: what banks and tax offices print to tell numbers apart
BATCH_ROWS = 50_000  # rows of a column that are Python strings at one time

_TAX_FIELDS = {
    "ein": "ein",
    "fein": "ein",
    "tin": "ein",
    "itin": "ssn",
    "ssn": "ssn",
    "taxid": "ein",
    "taxpayerid": "ein",
    "tinnumber": "ein",
    "einnumber": "ein",
    "ssnnumber": "ssn",
    "taxidnumber": "ein",
    "taxidentificationnumber": "ein",
    "socialsecuritynumber": "ssn",
}
_KEY_FIELDS = {
    "authorization",
    "apikey",
    "password",
    "secret",
    "accesstoken",
    "clientsecret",
    "privatekey",
    "refreshtoken",
}
_TAX_LEAVES = {"value", "number", "digits", "raw", "formatted"}  # under a name as above, the number itself
_TIMES = {"created_at", "updated_at", "started_at", "completed_at", "ended_at", "read_at"}
_WORDS = {"status": {*RUN_STATUSES, *STEP_STATUSES}, "type": {*STEP_TYPES}, "resolution": {*RESOLUTIONS}}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELD_HINT = re.compile(r"tin|ein|ssn|tax|auth|key|pass|secret|token|social", re.IGNORECASE)
_NAME = re.compile(r"[\w .-]{1,40}")
_LIKE_A_MASK = re.compile(r"\[[\w .-]{1,40} \d{1,9}(?: …\d{1,4})?\]")
_SCHEME = re.compile(r"(?:bearer|basic|token|digest)\s+", re.IGNORECASE)
WHOLE_NUMBER = 7  # digits, from which on a tax number is told from a year or the last digits of one


@dataclass(frozen=True)
class Redaction:
    """What is masked in a report: the built-in rules but those in `reveal`, and patterns of your own.

    `patterns`: name -> regular expression. `reveal`: names of rules that are not applied; the report says so.
    `keep_last`: how many last digits of an EIN or SSN stay readable, 0 to 4.
    Raises `UsageError`.
    """

    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict, repr=False)
    reveal: Collection[str] = ()
    keep_last: int = 0

    def __post_init__(self) -> None:
        patterns = {name: _compiled(name, pattern) for name, pattern in dict(self.patterns).items()}
        reveal = (self.reveal,) if isinstance(self.reveal, str) else tuple(self.reveal)
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "reveal", reveal)
        for name in reveal:
            if name == "key":
                raise UsageError("reveal='key' cannot be: keys are masked in every report. Leave it out.")
            if name not in RULES and name not in patterns:
                raise UsageError.one_of("reveal", name, [*(r for r in RULES if r != "key"), *patterns])
        if type(self.keep_last) is not int or not 0 <= self.keep_last <= MOST_KEPT:
            raise UsageError(f"keep_last={self.keep_last!r}; expected a whole number from 0 to {MOST_KEPT}.")


def _compiled(name: str, pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"patterns: the name {name!r} cannot stand in a mask; expected 1 to 40 letters, digits or _ . -"
        )
    if name in RULES:
        raise UsageError(f"patterns: {name!r} is the name of a built-in rule; give the pattern another one.")
    try:
        compiled = re.compile(pattern)
        takes_nothing = compiled.search("") is not None
    except (re.error, TypeError) as error:
        raise UsageError(f"patterns[{name!r}] is no regular expression for text: {error}. Mend it.") from None
    if takes_nothing:
        raise UsageError(
            f"patterns[{name!r}] matches the empty text; expected one that needs a character, + for *."
        )
    return compiled


class _Span(NamedTuple):
    """A place in a text to mask; the first in order is the one whose rule and value count."""

    start: int
    end: int
    rank: int
    depth: int
    """0 is the text as it stands, less are its readings: the deepest knows best what the value is."""
    rule: str
    same: str
    seen: str


class Masker:
    """Masks for one report. Not thread-safe: it numbers what it meets.

    `secrets` are masked wherever they stand, by the rule `key`. Without a policy that is the only rule.
    """

    def __init__(self, policy: Redaction | None, secrets: Collection[str] = ()) -> None:
        chosen = policy or Redaction(reveal=[rule for rule in RULES if rule != "key"])
        self._keep_last = chosen.keep_last
        rules = [rule for rule in RULES if rule not in chosen.reveal]
        self._finders = list(dict.fromkeys(FINDERS[rule] for rule in rules))
        self._patterns = {
            name: re.compile(pattern)
            for name, pattern in chosen.patterns.items()
            if name not in chosen.reveal
        }
        self._rank = {rule: rank for rank, rule in enumerate([*rules, *self._patterns])}
        self._masks: dict[tuple[str, str], tuple[str, str]] = {}
        self._issued: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        self._values: dict[str, str] = {}
        self._sought: dict[str, str] = {}
        self._secrets: set[str] = set()
        self._literal: re.Pattern[str] | None = None
        for secret in [secrets] if isinstance(secrets, str) else secrets:
            self._seek(secret)

    def __repr__(self) -> str:
        return f"Masker(counts={self.counts})"

    def __reduce__(self) -> str:
        raise TypeError("a Masker holds what it masked, and is not pickled")

    @property
    def counts(self) -> dict[str, int]:
        """How many different values were masked, by rule."""
        return dict(self._counts)

    @property
    def occurrences(self) -> dict[str, int]:
        """In how many places something was masked, by rule."""
        return dict(self._places)

    @property
    def values(self) -> dict[str, str]:
        """Every masked value as it stood, in all spellings met, and its rule. Never show them."""
        return dict(self._values)

    @property
    def sought(self) -> dict[str, str]:
        """What a finished file must not hold, and its rule: the secrets, and of `values` those that tell.

        Left out are what could be anything: a tax number of less than 7 digits, a password that is a word.
        """
        return dict(self._sought)

    def _seek(self, secret: str) -> None:
        """Mask a secret from now on wherever it stands."""
        if secret and secret not in self._secrets:
            self._secrets.add(secret)
            self._sought[secret] = "key"
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._literal = re.compile("|".join(map(re.escape, longest_first)))

    # ------------------------------------------------------------------------------------------------- text

    def text(self, value: str) -> str:
        """Mask a text, which may be JSON, HTML or an address inside."""
        if not self._patterns and self._literal is None and _UUID.fullmatch(value):
            return value
        while spans := self._spans(value):
            parts: list[str] = []
            at = 0
            for start, end, span in spans:
                parts += [value[at:start], self._mask(span.rule, span.same, value[start:end], span.seen)]
                at = end
            value = "".join([*parts, value[at:]])
        return value

    def _spans(self, value: str) -> list[tuple[int, int, _Span]]:
        spans = []
        for depth, reading in enumerate(readings(value)):
            for found in self._find(reading.text):
                rule = self._rule_of(found)
                if rule in self._rank and found.end > found.start:
                    start, end = reading.place(found.start, found.end)
                    seen = reading.text[found.start : found.end]
                    spans.append(_Span(start, end, self._rank[rule], -depth, found.rule, found.same, seen))
        return self._apart(value, spans) if spans else []

    def _rule_of(self, found: Found) -> str:
        if found.rule != "bare":
            return found.rule
        return "ssn" if ("ssn", found.same) in self._masks and "ein" not in self._rank else "ein"

    def _find(self, text: str) -> Iterator[Found]:
        for finder in self._finders:
            yield from finder(text)
        if self._literal is not None:
            for match in self._literal.finditer(text):
                yield Found(*match.span(), "key", match[0])
        for name, pattern in self._patterns.items():
            for match in pattern.finditer(text):
                yield Found(*match.span(), name, match[0])

    def _apart(self, value: str, spans: list[_Span]) -> list[tuple[int, int, _Span]]:
        """Join spans that overlap, so that nothing of either is left; what is a mask already stays."""
        end_of_login = 0
        masks = [m.span() for m in _LIKE_A_MASK.finditer(value) if m[0] in self._issued]
        out: list[tuple[int, int, _Span]] = []
        for span in sorted(spans):
            if span.rule == "url_login":
                end_of_login = max(end_of_login, span.end)
            if span.rule == "email" and span.start < end_of_login:
                continue  # "password@host" of an address
            for start, end in _without(span.start, span.end, masks):
                if out and start < out[-1][1]:
                    first, last, best = out[-1]
                    out[-1] = (first, max(last, end), span if span[2:4] < best[2:4] else best)
                else:
                    out.append((start, end, span))
        return out

    def _mask(self, rule: str, same: str, *spellings: str) -> str:
        """Give the mask of a value, and note how it was spelled."""
        mask, rule = self._known(rule, same) or self._new(rule, same)
        self._places[rule] += 1
        for spelling in spellings:
            self._values.setdefault(spelling, rule)
            for sought in _sought(spelling, rule):
                self._sought.setdefault(sought, rule)
        return mask

    def _known(self, rule: str, same: str) -> tuple[str, str] | None:
        """Find the mask of a value. Nine bare digits are the EIN or SSN that was written so, or will be."""
        known = self._masks.get((rule, same))
        if rule == "bare":
            return known or self._masks.get(("ein", same)) or self._masks.get(("ssn", same))
        if known is None and rule in ("ein", "ssn"):
            bare = self._masks.get(("bare", same))
            if bare and bare != self._masks.get(("ssn" if rule == "ein" else "ein", same)):
                known = self._masks[rule, same] = bare
        return known

    def _new(self, rule: str, same: str) -> tuple[str, str]:
        named = "ein" if rule == "bare" else rule
        self._counts[named] += 1
        tail = ""
        if self._keep_last and named in ("ein", "ssn") and len(same) == 9:
            tail = f" …{same[-self._keep_last :]}"
        mask = f"[{named} {self._counts[named]}{tail}]"
        self._issued.add(mask)
        self._masks[rule, same] = mask, named
        return mask, named

    # ------------------------------------------------------------------------------------------------- JSON

    def learn(self, value: Any) -> None:
        """Look through parsed JSON before anything of it is masked.

        What only one place shows to be a secret is masked in all others too: a password under its name, or
        the digits of an EIN as a number. `json` does so for its own value; learn first what comes in parts.
        """
        places = self._places.copy()
        self.json(value)
        self._places = places

    def json(self, value: Any) -> Any:
        """Mask parsed JSON of any depth: its texts, its names, and what stands under a telling name.

        Gives new objects. Names that become equal get a number: `[ein 1] (2)`.
        """
        self._learn_keys(value)
        out: list[Any] = [None]
        numbers: list[tuple[Any, Any, int | float]] = []
        stack: list[tuple[Any, Any, Any, str | None, str]] = [(out, 0, value, None, "")]
        while stack:
            target, at, item, rule, name = stack.pop()
            if isinstance(item, dict):
                made: dict[str, Any] = {}
                target[at] = made
                inside = []
                for key, child in item.items():
                    shown = _free(self.text(str(key)), made)
                    made[shown] = None
                    inside.append((made, shown, child, self._field_rule(str(key), rule), str(key)))
                stack += reversed(inside)  # so that masks are numbered as one reads
            elif isinstance(item, list | tuple):
                target[at] = [None] * len(item)
                stack += reversed([(target[at], n, child, rule, name) for n, child in enumerate(item)])
            elif item is None or isinstance(item, bool):
                target[at] = item
            elif rule is not None:
                target[at] = self._field_value(item, rule)
            elif isinstance(item, str):
                target[at] = item if _is_kept(item, name) else self.text(item)
            else:
                target[at] = item
                numbers.append((target, at, item))
        for target, at, number in numbers:  # now all EIN and SSN of the value are known
            same = _digits_of(number)
            if len(same) == 9 and self._known("bare", same):
                target[at] = self._mask("bare", same, str(number))
        return out[0]

    def _learn_keys(self, value: Any) -> None:
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, list | tuple):
                stack += item
            elif isinstance(item, dict):
                for name, child in item.items():
                    if isinstance(child, str) and _field(str(name)) == "key":
                        secret = _SCHEME.sub("", child, count=1)
                        if _is_telling(secret) and not _LIKE_A_MASK.fullmatch(secret):
                            self._seek(secret)
                    elif isinstance(child, dict | list | tuple):
                        stack.append(child)

    def _field_rule(self, name: str, outer: str | None) -> str | None:
        rule = _field(name)
        if rule is None and outer is not None and (outer == "key" or name.casefold() in _TAX_LEAVES):
            rule = outer
        return rule if rule in self._rank else None

    def _field_value(self, value: str | int | float, rule: str) -> Any:
        """Mask what stands under a telling name; a word for a number (`"tin": "none"`) stays."""
        text = str(value)
        if rule != "key" and len(same := _digits_of(value)) == 9 and text.isdecimal():
            return self._mask(rule, same, text)
        masked = self.text(text)
        rest = _LIKE_A_MASK.sub("", masked) if masked != text or text in self._issued else text
        if not rest.strip():
            return masked
        if rule == "key":
            if not _LIKE_A_MASK.search(masked):
                return self._mask("key", _SCHEME.sub("", text, count=1), text)
            return masked if _SCHEME.fullmatch(rest.strip() + " ") else self._mask("key", text, text)
        if not any(map(str.isdecimal, rest)):
            return masked if masked != text else value
        same = _digits_of(value)
        return self._mask(rule, same if len(same) >= WHOLE_NUMBER else text, text)

    def run(self, run: Run) -> Run:
        """Mask a run."""
        return Run.from_json(self.json(run.to_dict()))

    # ----------------------------------------------------------------------------------------------- frames

    def frames(self, f: Frames) -> Frames:
        """Mask six frames, consistently, ids too; columns and dtypes stay, categories are masked as texts."""
        frames = {name: df.assign(**self._texts(name, df)) for name, df in f.items()}
        results = _mapped(f.steps["result"], self._result)  # last: all EIN and SSN are known by now
        if results is not None:
            frames["steps"] = frames["steps"].assign(result=results)
        why = f.coverage.why
        return Frames(**frames, coverage=f.coverage._replace(why=why and self.text(why)))

    def _texts(self, name: str, df: pd.DataFrame) -> dict[str, Any]:
        """Give those columns of a frame in which something was masked."""
        if name == "steps":
            for results in _batches(df["result"]):
                for text in filter(_FIELD_HINT.search, results.dictionary.to_pylist()):
                    self._learn_keys(_parsed(text))
        changed = {}
        for column in SCHEMA[name]:
            values: Any = None
            if column.kind == "str" and column.name != "result":
                values = _mapped(df[column.name], self.text)
            elif column.kind == "category":
                values = self._category(df[column.name], column)
            if values is not None:
                changed[column.name] = values
        return changed

    def _result(self, text: str) -> str:
        if not _FIELD_HINT.search(text) and not self._spans(text):
            return text
        value = _parsed(text)
        if value is None:
            return self.text(text)
        masked = self.json(value)
        return text if masked == value else jsontext.dumps(masked)

    def _category(self, values: pd.Series[Any], column: Column) -> pd.Categorical | None:
        words = [str(word) for word in values.cat.categories]
        masked = [word if word in column.words else self.text(word) for word in words]
        if masked == words:
            return None
        kept = list(dict.fromkeys(masked))
        codes = np.array([*map(kept.index, masked), -1])[values.cat.codes.to_numpy()]
        return pd.Categorical.from_codes(codes, categories=pd.Index(kept, dtype="str"))


def _field(name: str) -> str | None:
    """Give the rule that a field's name calls for."""
    plain = name.replace("_", "").replace("-", "").replace(" ", "").casefold()
    return "key" if plain in _KEY_FIELDS else _TAX_FIELDS.get(plain)


def _is_telling(secret: str) -> bool:
    """Whether a secret cannot be an ordinary word, which would be masked all over the report."""
    return len(secret.split()) == 1 and (
        len(secret) >= 16 or (len(secret) >= 8 and not secret.replace("-", "").isalpha())
    )


def _sought(spelling: str, rule: str) -> Iterator[str]:
    """Give how a masked value is to be looked for in the finished file, if it can be told from other text."""
    if rule in ("ein", "ssn"):
        if len(digits(spelling)) >= WHOLE_NUMBER:
            yield spelling
    elif rule == "key":
        if _is_telling(spelling):
            yield spelling
    elif rule == "url_login":
        yield f"//{spelling}@"
        if ":" in spelling and len(spelling) >= 8:
            yield spelling
    elif rule == "signed_url":
        yield f"?{spelling}"
        if len(spelling) >= 16:
            yield spelling
    else:
        yield spelling


def _digits_of(value: str | int | float) -> str:
    """The digits of a tax number; as a number it has lost the zeros at its front."""
    if isinstance(value, str):
        return digits(value)
    whole = str(int(value)) if value == value and abs(value) < 10**9 and value == int(value) else str(value)
    return whole.zfill(9) if whole.isdecimal() and len(whole) >= WHOLE_NUMBER else whole


def _free(name: str, taken: Collection[str]) -> str:
    n, free = 1, name
    while free in taken:
        n += 1
        free = f"{name} ({n})"
    return free


def _parsed(text: str) -> Any:
    try:
        return jsontext.loads(text.encode())
    except (ValueError, RecursionError):
        return None


def _is_kept(value: str, name: str) -> bool:
    return value in _WORDS.get(name, ()) or (name in _TIMES and _TIME.fullmatch(value) is not None)


def _without(start: int, end: int, holes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of a span without some places in it."""
    for left, right in holes[bisect_right(holes, start, key=itemgetter(1)) :]:
        if left >= end:
            break
        if left > start:
            yield start, left
        start = right
    if start < end:
        yield start, end


def _batches(values: pd.Series[Any]) -> Iterator[pa.DictionaryArray]:
    """Give a column of text as its different values and where they stand, some rows at a time."""
    for start in range(0, len(values), BATCH_ROWS):
        part = pa.chunked_array(pa.array(values.iloc[start : start + BATCH_ROWS], from_pandas=True))
        yield part.cast(pa.large_string()).combine_chunks().dictionary_encode()


def _mapped(values: pd.Series[Any], mask: Callable[[str], str]) -> pd.Series[Any] | None:
    """Mask a column of text; None if nothing changed."""
    parts, is_changed = [], False
    for coded in _batches(values):
        words = coded.dictionary.to_pylist()
        masked = [mask(word) for word in words]
        is_changed |= masked != words
        parts.append(pa.array(masked, pa.large_string()).take(coded.indices))
    return pa.chunked_array(parts).to_pandas().set_axis(values.index) if is_changed else None
