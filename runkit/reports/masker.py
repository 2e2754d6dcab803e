"""Masking: every text, JSON value and frame of a report goes through one `Masker`.

The same value always becomes the same mask (`[ein 1]`), so that a reader sees what is equal, and ids join.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from runkit import encodings, jsontext
from runkit.models import Run
from runkit.reports import rules
from runkit.reports.readings import readings
from runkit.reports.redaction import Redaction
from runkit.reports.rules import RULES, Found, Span
from runkit.tables.linked import Frames
from runkit.tables.schema import COLUMNS, Column
from runkit.text import brief

MOST_CLEAN, LONG = 100_000, 200  # texts kept as clean, and characters of one: some 20 MB
BATCH_ROWS = 50_000  # rows of a column that are Python strings at one time
MOST_ENCODED = 2  # base64 in base64 is read
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LIKE_A_MASK = re.compile(r"\[[\w .-]{1,40} \d{1,9}(?: …\d{1,4})?\]")

# Where a masked item goes, its place there, the item, the rule that its name calls for, and the name.
_Waiting = tuple[Any, Any, Any, str | None, str]


class Masker:
    """Masks for one report. Not thread-safe: it numbers what it meets.

    `secrets` are masked wherever they stand, by the rule `key`. Without a policy that is the only rule.
    """

    def __init__(self, policy: Redaction | None, secrets: Collection[str] = ()) -> None:
        chosen = policy or Redaction(reveal=[rule for rule in RULES if rule != "key"])
        self._keep_last = chosen.keep_last
        applied = [rule for rule in RULES if rule not in chosen.reveal]
        self._finders = list(dict.fromkeys(rules.FINDERS[rule] for rule in applied))
        self._patterns = {
            name: re.compile(pattern)
            for name, pattern in chosen.patterns.items()
            if name not in chosen.reveal
        }
        self._rank = {rule: rank for rank, rule in enumerate([*applied, *self._patterns])}
        self._masks: dict[tuple[str, str], tuple[str, str]] = {}
        self._issued: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        self._sought: dict[str, str] = {}
        self._secrets: set[str] = set()
        self._literal: re.Pattern[str] | None = None
        self._clean: set[str] = set()  # texts in which nothing was found; runs say the same again and again
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
    def sought(self) -> dict[str, str]:
        """What a finished file must not hold, and its rule: secrets, and masked values in every spelling met.

        Left out are what could be anything: a tax number of less than 7 digits, a password that is a word.
        Never show them.
        """
        return dict(self._sought)

    def _seek(self, secret: str) -> None:
        """Mask a secret from now on wherever it stands."""
        if secret and secret not in self._secrets:
            self._secrets.add(secret)
            self._clean.clear()
            self._sought[secret] = "key"
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._literal = re.compile("|".join(map(re.escape, longest_first)))

    # ------------------------------------------------------------------------------------------------- text

    def text(self, value: str) -> str:
        """Mask a text, which may be JSON, HTML or an address inside, or hold words in base64 or hex."""
        if value in self._clean:
            return value
        if _UUID.fullmatch(value) and not self._is_meant(value):
            return value
        given = value
        while spans := self._spans(value):
            parts: list[str] = []
            at = 0
            for start, end, span in spans:
                parts += [value[at:start], self._mask(span.rule, span.same, value[start:end], span.seen)]
                at = end
            value = "".join([*parts, value[at:]])
        if value == given and len(value) <= LONG and len(self._clean) < MOST_CLEAN:
            self._clean.add(value)
        return value

    def _is_meant(self, value: str) -> bool:
        """Whether an id is a secret, or a pattern means it as a whole; part of an id means nothing."""
        is_secret = self._literal is not None and self._literal.search(value) is not None
        return is_secret or any(pattern.fullmatch(value) for pattern in self._patterns.values())

    def _spans(self, value: str, layers: int = MOST_ENCODED) -> list[tuple[int, int, Span]]:
        spans = []
        for depth, reading in enumerate(readings(value)):
            for found in chain(self._find(reading.text), self._encoded(reading.text, layers)):
                rule = self._rule_of(found)
                if rule in self._rank and found.end > found.start:
                    start, end = reading.place(found.start, found.end)
                    seen = reading.text[found.start : found.end]
                    spans.append(Span(start, end, self._rank[rule], -depth, found.rule, found.same, seen))
        if not spans:
            return []
        return rules.joined(spans, [m.span() for m in _LIKE_A_MASK.finditer(value) if m[0] in self._issued])

    def _rule_of(self, found: Found | Span) -> str:
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

    def _encoded(self, text: str, layers: int) -> Iterator[Found]:
        """Find words that say, in base64 or hexadecimal digits, what would be masked if it stood there."""
        for word in encodings.words(text) if layers else ():
            if spans := self._spans(word.says, layers - 1):
                start, end, span = min(spans, key=lambda one: one[2].rank)
                said = text[word.start : word.end]
                is_all = not (word.says[:start] + word.says[end:]).strip()
                self._sought.setdefault(said, self._rule_of(span))
                yield Found(word.start, word.end, span.rule, span.same if is_all else said)

    def _mask(self, rule: str, same: str, *spellings: str) -> str:
        """Give the mask of a value, and note how it was spelled."""
        mask, rule = self._known(rule, same) or self._new(rule, same)
        self._places[rule] += 1
        for spelling in spellings:
            for text in rules.sought(spelling, rule):
                self._sought.setdefault(text, rule)
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
        numbers: list[_Waiting] = []
        stack: list[_Waiting] = [(out, 0, value, None, "")]
        while stack:
            target, at, item, rule, name = waiting = stack.pop()
            if isinstance(item, dict | list | tuple):
                target[at], inside = self._opened(item, rule, name)
                stack += reversed(inside)  # so that masks are numbered as one reads
            elif isinstance(item, bool) or not isinstance(item, str | int | float):
                target[at] = item  # null, or what no JSON can hold and no report will
            elif rule is not None:
                target[at] = self._field_value(item, rule)
            elif isinstance(item, str):
                target[at] = item if rules.is_kept(item, name) else self._named_text(item, name)
            else:
                target[at] = item
                numbers.append(waiting)
        self._mask_numbers(numbers)  # now all EIN and SSN of the texts are known
        return out[0]

    def _opened(
        self, item: dict[Any, Any] | Sequence[Any], rule: str | None, name: str
    ) -> tuple[dict[str, Any] | list[Any], list[_Waiting]]:
        """Give what will take the place of an object or a list, and what is to be masked for it."""
        value_at, beside = rules.named(item)
        told = self._field_rule(beside) if beside else None
        if not isinstance(item, dict):
            places: list[Any] = [None] * len(item)
            inside: list[_Waiting] = [(places, n, child, rule, name) for n, child in enumerate(item)]
            if beside:
                inside[value_at] = (places, value_at, item[value_at], rule or told, beside)
            return places, inside
        made: dict[str, Any] = {}
        inside = []
        for key, child in item.items():
            called = _called(key)
            shown = _free(self.text(called), made)
            made[shown] = None
            own = self._field_rule(called, rule)
            if beside and key == value_at:
                own, called = own or told, beside
            inside.append((made, shown, child, own, called))
        return made, inside

    def _mask_numbers(self, numbers: list[_Waiting]) -> None:
        """Mask numbers that are known as text; those first that tell by themselves what they are."""
        numbers.sort(key=lambda one: not self._looks_like_tax(one[2], one[4]))
        for target, at, number, _, name in numbers:
            same = rules.digits_of(number)
            if len(same) == 9 and (self._known("bare", same) or self._looks_like_tax(number, name)):
                target[at] = self._mask("bare", same, rules.spelled(number))

    def _named_text(self, text: str, name: str) -> str:
        """Mask a text; where its name speaks of tax, nine digits however they are written."""
        masked = self.text(text)
        same = rules.digits(text)
        if masked == text and len(same) == 9 and "ein" in self._rank and rules.speaks_of_tax(name):
            return self._mask("bare", same, text)
        return masked

    def _looks_like_tax(self, number: float, name: str) -> bool:
        """Whether a number is masked as nine digits of text are; under a telling name without its zeros."""
        is_long = 10**8 <= abs(number) < 10**9 or rules.speaks_of_tax(name)
        return "ein" in self._rank and number % 1 == 0 and is_long

    def _learn_keys(self, value: Any) -> None:
        stack = [value]
        while stack:
            item = stack.pop()
            if not isinstance(item, dict | list | tuple):
                continue
            at, beside = rules.named(item)
            if beside:
                self._learn_key(beside, item[at])
            if isinstance(item, dict):
                for name, child in item.items():
                    if isinstance(child, str):
                        self._learn_key(_called(name), child)
                    elif isinstance(child, dict | list | tuple):
                        stack.append(child)
            else:
                stack += item

    def _learn_key(self, name: str, value: object) -> None:
        if isinstance(value, str) and rules.field_rule(name) == "key":
            secret = rules.SCHEME.sub("", value, count=1)
            if rules.is_telling(secret) and not _LIKE_A_MASK.fullmatch(secret):
                self._seek(secret)

    def _field_rule(self, name: str, outer: str | None = None) -> str | None:
        rule = rules.field_rule(name)
        if rule is None and outer is not None and (outer == "key" or name.casefold() in rules.TAX_LEAVES):
            rule = outer
        return rule if rule in self._rank else None

    def _field_value(self, value: str | int | float, rule: str) -> Any:
        """Mask what stands under a telling name; a word for a number (`"tin": "none"`) stays."""
        text = rules.spelled(value)
        if rule != "key" and len(same := rules.digits_of(value)) == 9 and text.isdecimal():
            return self._mask(rule, same, text)
        masked = self.text(text)
        rest = _LIKE_A_MASK.sub(lambda found: "" if found[0] in self._issued else found[0], masked)
        if not rest.strip():
            return masked
        if rule == "key":
            if not _LIKE_A_MASK.search(masked):
                return self._mask("key", rules.SCHEME.sub("", text, count=1), text)
            return masked if rules.SCHEME.fullmatch(rest.strip() + " ") else self._mask("key", text, text)
        if not any(map(str.isdecimal, rest)):
            return masked if masked != text else value
        same = rules.digits_of(value)
        return self._mask(rule, same if len(same) >= rules.WHOLE_NUMBER else text, text)

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
        coverage = f.coverage._replace(why=why and self.text(why))
        reads = None if f.reads is None else f.reads.assign(**self._texts("reads", f.reads))
        return Frames(**frames, coverage=coverage, version=f.version, reads=reads)

    def _texts(self, name: str, df: pd.DataFrame) -> dict[str, Any]:
        """Give those columns of a frame in which something was masked."""
        if name == "steps":
            for results in _batches(df["result"]):
                for text in filter(rules.FIELD_HINT.search, results.dictionary.to_pylist()):
                    self._learn_keys(_parsed(text))
        changed = {}
        for column in COLUMNS[name]:
            values: Any = None
            if column.kind == "str" and column.name != "result":
                values = _mapped(df[column.name], self.text)
            elif column.kind == "category":
                values = self._category(df[column.name], column)
            if values is not None:
                changed[column.name] = values
        return changed

    def _result(self, text: str) -> str:
        if not rules.FIELD_HINT.search(text) and not self._spans(text):
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


def _called(name: object) -> str:
    return name if isinstance(name, str) else brief(name)


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
