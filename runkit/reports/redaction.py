"""What a report masks: `Redaction`, the policy, and `Masker`, which applies the rules.

A run and a JSON text in a column are texts, too: they are parsed, and each value in them is masked
as any text or by the name of its field.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Annotated, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from runkit.api import jsontext
from runkit.arguments import check, check_kind
from runkit.display.hide_keys import MASK
from runkit.display.text import brief
from runkit.errors import UsageError
from runkit.reports._sensitive import (
    MAX_ESCAPE_LAYERS,
    PREFILTER,
    RULES,
    TAX_RULES,
    Edit,
    Match,
    fold,
    layers,
    mask_fields,
    mask_matches,
    parse_json,
    spans,
    unescape_all,
)
from runkit.tables.arrow_columns import cast
from runkit.tables.schema import SCHEMA

# ------------------------------------------------------------------------------------------- policy

_RULE_NAME = re.compile(r"[\w .-]{1,40}")
_REVEALABLE = [rule for rule in RULES if rule != "key"]


@dataclass(frozen=True)
class Redaction:
    """What is masked in a report: the built-in rules without `reveal`, and your own patterns.

    Each text is searched as it is and with its JSON, HTML and URL escapes undone, and JSON in a
    text by the names of its fields if the whole text is JSON. Full-width letters and digits of any
    script count as ASCII.

    ============== ================================================================================
    rule           finds
    ============== ================================================================================
    `key`          API keys by their format; private keys; what follows `Authorization:`,
                   `Cookie:`, `bearer`; a value beside a name that ends in password, secret,
                   token or api, access, private, … key, except words such as none and pending
    `signed_url`   signatures, tokens and passwords in a URL's query
    `url_login`    user name and password in front of a host
    `email`        e-mail addresses
    `ein`, `ssn`   numbers in their dashed form; other nine digits if EIN, TIN, tax id, SSN, …
                   stands within four words before them, right behind them, or in the name of
                   their field
    ============== ================================================================================

    A value that looks like a secret (12 or more characters with letters and digits; no id of a run,
    step or question, no time, address or HTML, and not part of a page without data) is masked in
    all other texts, too, and a report is not written if a finished file contains it. Other values
    are masked where they were found.

    Not detected: encoded data (base64, hexadecimal digits, compressed, encrypted), pictures, a
    password that is an ordinary word in a sentence, a value spread over several fields or far from
    its name, fields of JSON that stands in the middle of a text where the text rules do not find
    them, and nine digits without a word.

    Parameters
    ----------
    patterns
        Regular expressions by rule name.
    reveal
        The names of rules that are not applied; the report lists them. `key` is always applied.
    keep_last
        The number of last digits of an EIN or SSN that stay readable, 0 to 4.

    Raises
    ------
    UsageError
        For an invalid pattern, rule name or number.
    """

    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict, repr=False)
    reveal: Collection[str] = ()
    keep_last: int = 0

    def __post_init__(self) -> None:
        check("keep_last", self.keep_last, Annotated[int, Field(ge=0, le=4)])
        check_kind("patterns", self.patterns, Mapping)
        check_kind("reveal", self.reveal, str, Collection)
        patterns = {name: _compile(name, pattern) for name, pattern in self.patterns.items()}
        reveal = (self.reveal,) if isinstance(self.reveal, str) else tuple(self.reveal)
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "reveal", reveal)
        for name in reveal:
            if name not in _REVEALABLE:
                raise UsageError.one_of("reveal", name, _REVEALABLE)


def _compile(name: str, pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    if not _RULE_NAME.fullmatch(name) or name in RULES:
        raise UsageError(
            f"patterns: the name {brief(name)} is invalid; expected 1 to 40 letters, digits, "
            "spaces or _ . - that are not the name of a built-in rule."
        )
    try:
        compiled = re.compile(pattern)
        if compiled.search("") is not None:
            raise ValueError(
                "it matches empty text; expected at least one character, for example + for *"
            )
    except (re.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(
            f"patterns[{name!r}] is not a valid regular expression: {error}."
        ) from None
    return compiled


# ------------------------------------------------------------------------------------------- masker

MIN_SECRET_LENGTH = 12  # characters: shorter values are also ordinary words
MAX_PREFIXES = 500  # prefixes of secrets in one regular expression for Arrow
ID_COLUMNS = ["run_id", "step_id", "interrupt_id"]  # their values are never secrets
_ID_OR_TIME = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"
)
_NUMBER_OR_TIME = re.compile(r"[\d.,:;eETZ+-]+|M[\d.-]+,[\d.,LHVMZ-]+")  # or the path of a line
_NUMBER_OR_COLOR = re.compile(r"#[0-9A-Fa-f]{6}\b|\d{1,3}(?:\.\d{1,3})?")
_ADDRESS = re.compile(r"https?://\S+")
_MARKUP = set('"<>{}')


class Masker:
    """Masks the data of one report. Not thread-safe: it numbers the values that it finds.

    `keys` are masked everywhere, by the rule `key`; without a policy that is the only rule. `page`
    is the text of a report without data: a value that it contains is masked only where it was
    found.
    """

    def __init__(self, policy: Redaction | None, keys: Collection[str] = ()) -> None:
        self.policy = policy
        self.page = ""
        self.keys = tuple(sorted(keys, key=len, reverse=True))
        self.counts: Counter[str] = Counter()  # different masked values, by rule
        # the masks of values that no finished file may contain
        self.secrets: dict[str, str] = {}
        policy = policy or Redaction(reveal=_REVEALABLE)
        self._rules = set(RULES).difference(policy.reveal)
        keys_rule = [("key", re.compile("|".join(map(re.escape, self.keys))))] if keys else []
        custom_rules = [(name, re.compile(pattern)) for name, pattern in policy.patterns.items()]
        self._policy_rules = [*keys_rule, *custom_rules]
        self._prefilter = (
            "" if policy.patterns else "|".join([PREFILTER, *map(re.escape, self.keys)])
        )
        self._keep_last = policy.keep_last
        self._ids: set[str] = set()  # ids of runs, steps and questions are no secrets
        self._masks: dict[str, str] = {}  # masks by value
        self._candidates: set[str] = set()  # texts that may need masks
        self._masked: dict[str, str] = {}  # masked texts by their original

    @cached_property
    def _page_shape(self) -> str:
        return _shape(self.page + unescape_all(self.page))

    @property
    def texts(self) -> dict[str, int]:
        """The number of different texts with masks, by rule."""
        texts = self._masked.values()
        return {rule: sum(f"[{rule} " in text for text in texts) for rule in self.counts}

    def scan(self, texts: Iterable[str]) -> None:
        """Search all texts before any is masked, as secrets are masked in each of them."""
        batches = [list(dict.fromkeys(texts))]
        for batch in batches:  # what JSON texts contain is the next batch
            inner: dict[str, None] = {}
            for text in texts_with(batch, [self._prefilter]):
                self._candidates.add(text)
                self._edit(text, inner.setdefault)  # collects them; None leaves each as it is
            if inner:
                batches.append(list(inner))
        for batch in batches:
            self._candidates.update(texts_with(batch, _patterns(self.secrets)))

    def leaks(self, text: str) -> set[str]:
        """Return the keys and secrets in a finished file, also under JSON, HTML or URL escapes."""
        leaks: set[str] = set()
        for _ in range(MAX_ESCAPE_LAYERS + 2):  # two more layers are those of the file
            leaks |= {value for value in (*self.keys, *self.secrets) if value in text}
            text = unescape_all(text)
        return leaks

    def text(self, text: str) -> str:
        """Mask a text that was not scanned before."""
        text = jsontext.as_unicode(text)
        self.scan([text])
        return self._mask_text(text)

    def tables(
        self, tables: Mapping[str, pd.DataFrame], texts: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Scan frames and further texts, and return the masked frames by name."""
        for df in tables.values():
            for name in df.columns.intersection(ID_COLUMNS):
                self._ids.update(df[name].dropna().astype("str"))
        columns = chain.from_iterable(_unique_texts(name, df) for name, df in tables.items())
        self.scan([*chain.from_iterable(unique for _, unique in columns), *texts])
        return {name: self._frame(name, df) for name, df in tables.items()}

    def _frame(self, frame: str, df: pd.DataFrame) -> pd.DataFrame:
        """Mask a frame. Columns and dtypes stay; unknown category values are masked."""
        changed = {}
        for name, unique in _unique_texts(frame, df):
            masks = {text: mask for text in unique if (mask := self._mask_text(text)) != text}
            if masks:
                texts = df[name].astype("str")
                changed[name] = texts.map(masks).fillna(texts).astype("str")
        masked = df.assign(**changed)
        return cast(masked, frame) if changed and frame in SCHEMA else masked

    def _mask_text(self, text: str) -> str:
        if text not in self._candidates:
            return text
        if text not in self._masked:
            self._masked[text] = self._edit(text, self._mask_text)
        return self._masked[text]

    def _edit(self, text: str, edit_part: Edit) -> str:
        """Mask a text.

        In JSON, fields are masked by their names, and `edit_part` edits all other texts.
        """
        value = parse_json(text)
        if value is None:
            return mask_matches(text, self._matches(text), self._mask)
        before = jsontext.dumps(value)
        mask_fields(value, self._rules, self._mask, edit_part)
        after = jsontext.dumps(value)
        return text if after == before else after

    def _matches(self, text: str) -> Iterator[Match]:
        """Yield what to mask in a text and under its escapes: start, minus stop, rule, mask."""
        for plain, positions in layers(text):
            for start, stop, rule, mask in self._matches_in(plain):
                yield positions[start], -positions[stop], rule, mask

    def _matches_in(self, text: str) -> Iterator[Match]:
        yield from spans(text, self._rules)
        is_id = _ID_OR_TIME.fullmatch(text)  # ids join frames: all of one is masked, or nothing
        for rule, pattern in self._policy_rules:
            matches = [pattern.fullmatch(text)] if is_id else pattern.finditer(text)
            for match in filter(None, matches):
                yield *match.span(), rule, ""
        for match in MASK.finditer(text):  # a mask of this report stays as it is
            if match[0] in self._masks.values():
                yield *match.span(), "", match[0]
        for secret, mask in self.secrets.items():
            if secret in text:
                for match in re.finditer(re.escape(secret), text):
                    yield *match.span(), "", mask

    def _mask(self, rule: str, value: str) -> str:
        """Return the mask of a value, and keep its parts that look like secrets."""
        normal = unescape_all(value)
        if rule in TAX_RULES:
            normal = "".join(filter(str.isdigit, fold(normal)))  # equal values get equal masks
        elif rule == "email":
            normal = normal.casefold()
        if normal not in self._masks:
            self.counts[rule] += 1
            n_last = self._keep_last if rule in TAX_RULES else 0
            tail = f" …{normal[-n_last:]}" if n_last else ""
            self._masks[normal] = f"[{rule} {self.counts[rule]}{tail}]"
        for part in _secret_parts(value) if self.policy else ():
            if part not in self._ids and _shape(part) not in self._page_shape:
                self.secrets.setdefault(part, self._masks[normal])
        return self._masks[normal]


def _shape(text: str) -> str:
    """Replace numbers and colors, which in a page depend on its data, by others."""
    return _NUMBER_OR_COLOR.sub(lambda match: "#" if match[0][0] == "#" else "0", text)


def _secret_parts(value: str) -> Iterator[str]:
    """Yield the parts of a value that look like secrets: long, with letters and digits."""
    plain = _ADDRESS.sub(" ", unescape_all(value))
    for part in {*plain.split(), *re.split(r"[\s=&;:]+", plain)}:
        secret = re.sub(r"\A[\W_]+|[\W_]+\Z", "", part)
        is_long = len(secret) >= MIN_SECRET_LENGTH and _MARKUP.isdisjoint(secret)
        is_mixed = any(map(str.isalpha, secret)) and any(map(str.isdigit, secret))
        is_other = any(pattern.fullmatch(secret) for pattern in (_NUMBER_OR_TIME, _ID_OR_TIME))
        if is_long and is_mixed and not is_other:
            yield secret


def _unique_texts(frame: str, df: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Yield the unique texts of each column, except known category values."""
    categories = {column.name: column.words or () for column in SCHEMA.get(frame, ())}
    for name in map(str, df.select_dtypes(["str", "category"]).columns):
        unique = df[name].dropna().astype("str").unique()
        yield name, [text for text in unique if text not in categories.get(name, ())]


def texts_with(texts: list[str], patterns: Iterable[str]) -> list[str]:
    """Filter texts by RE2 patterns: Arrow searches 50 times as fast as Python."""
    array = pa.array(texts, pa.large_string())
    has_match = pa.repeat(pa.scalar(False), len(texts))
    for pattern in patterns:
        has_match = pc.or_(has_match, pc.match_substring_regex(array, pattern, ignore_case=True))
    return list(array.filter(has_match).to_pylist())


def _patterns(values: Iterable[str]) -> list[str]:
    """Build patterns for texts that may contain one of these values."""
    prefixes = sorted({re.escape(value[:MIN_SECRET_LENGTH]) for value in values})
    starts = range(0, len(prefixes), MAX_PREFIXES)
    return ["|".join(prefixes[start : start + MAX_PREFIXES]) for start in starts]
