"""Masking: what is found in any text of a report is masked there, and if it looks like a secret, everywhere.

Two passes over the data: `scan` looks through all of it, then `frame`, `run` and `text` put in the masks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import compress, repeat
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit import jsontext
from runkit.models import Run
from runkit.reports import rules
from runkit.reports.redaction import Redaction
from runkit.reports.rules import Match, Rule
from runkit.tables.schema import COLUMNS, cast

MIN_SECRET_LENGTH = 12  # characters of what is masked everywhere: shorter values are words and numbers, too
MAX_PREFIXES = 500  # beginnings of secrets that Arrow looks for at one time
WORD = re.compile(rf"[\w!#$%&*+./:;=?@^|~-]{{{MIN_SECRET_LENGTH},}}")  # what a secret is, or a part of
_LONG_WORD = r"[^\s\"'<>]{12}"  # the same, roughly, in the syntax of RE2
_NUMBER_OR_TIME = re.compile(r"[\d.,:;eETZ+-]+")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?")
Tables = Mapping[str, pd.DataFrame]
Replace = Callable[[str, str], str]  # from a text and the name of its field to the masked text


class Location(NamedTuple):
    """Where a text was found first: the run, if it is of one, and the field."""

    run_id: str | None
    field: str


class Masker:
    """Masks for one report. Not thread-safe: it numbers what it meets.

    `keys` are masked wherever they stand, by the rule `key`; without a policy that is the only rule.
    `builtin_words` are those of a report without data, which are no secrets.
    """

    def __init__(self, policy: Redaction | None, keys: Collection[str] = (), builtin_words: str = "") -> None:
        chosen = policy or Redaction(reveal=rules.RULES[1:])
        self.keys = tuple(sorted(keys, key=len, reverse=True))
        self.counts: Counter[str] = Counter()  # different values that were masked, by rule
        self.secrets: dict[str, Location] = {}  # what no finished file may hold; never show it
        self._keep_last, self._own_words = chosen.keep_last, builtin_words
        self._table = [Rule("key", re.compile("|".join(map(re.escape, self.keys))))] if keys else []
        self._table += [rule for rule in rules.BUILTIN_RULES if rule.name not in chosen.reveal]
        own = {name: re.compile(pattern) for name, pattern in chosen.patterns.items()}
        self._patterns = [Rule(name, own[name]) for name in own if name not in chosen.reveal]
        self._hint = "" if own else "|".join([rules.PREFILTER, *(rf"\Q{key}\E" for key in keys)])
        self._rule_names = {rule.name for rule in self._table}
        self._masks: dict[str, str] = {}  # by value
        self._prefixes: dict[str, list[str]] = {}  # secrets by their first characters
        self._matches: dict[str, list[Match] | None] = {}  # by text; None: it is JSON
        self._candidates: set[str] = set()  # texts that may become others, and what becomes of them
        self._masked_texts: dict[str, str] = {}
        self._plain_names: set[str] = set()  # names of fields that say nothing

    @property
    def texts(self) -> dict[str, int]:
        """In how many different texts something was masked, by rule."""
        texts = self._masked_texts.values()
        return {rule: sum(f"[{rule} " in text for text in texts) for rule in self.counts}

    def scan(self, frames: Tables, runs: Iterable[Run], texts: Mapping[str, str]) -> None:
        """Look through frames by name, runs, and other texts by what they are, before anything is masked."""
        new = {text: Location(None, what) for what, text in texts.items()}
        for frame, df in frames.items():
            for name, different in _unique_texts(frame, df):
                for text, run_id in different.items():
                    if text not in new:
                        new[text] = Location(run_id, f"{frame}.{name}")
        for run in runs:
            self._learn_json(run.to_dict(), Location(run.id, ""), new)
        every = []
        while new:
            places, new = new, {}
            every.append(list(places))
            for text in _matching_texts(every[-1], self._hint):
                if text not in self._matches:
                    self._search(text, places[text], new)
        is_few = len(self._prefixes) <= MAX_PREFIXES
        prefixes = "|".join(rf"\Q{head}\E" for head in self._prefixes) if is_few else _LONG_WORD
        self._candidates.update(
            self._matches, *(_matching_texts(some, prefixes) for some in every if self._prefixes)
        )
        self._plain_names -= self._candidates

    def _search(self, text: str, place: Location, new: dict[str, Location]) -> None:
        """Find secrets in a text; JSON gives new texts."""
        payload = _parse_json(text)
        if payload is not None:
            self._matches[text] = None
            self._learn_json(payload, place, new)
        elif found := self._find_matches(text):
            self._matches[text] = found
            for one in found:
                self._add_secret(one.rule, one.value, place)

    def _find_matches(self, text: str) -> list[Match]:
        if _ID.fullmatch(text):  # ids join: only all of one can be meant
            whole = (rule.name for rule in self._patterns if rule.pattern.fullmatch(text))
            matches = [Match(0, len(text), name, text) for name in whole][:1]
            return matches or rules.find_matches(text, self._table)
        patterns = [] if _TIME.fullmatch(text) else self._patterns
        return rules.find_matches(text, [*self._table, *patterns])

    def _learn_json(self, value: Any, place: Location, new: dict[str, Location]) -> None:
        def note(text: str, name: str) -> str:
            if text not in new:
                new[text] = Location(place.run_id, place.field or name)
            return text

        def keep(secret: str, name: str, rule: str) -> None:
            self._add_secret(rule, secret, Location(place.run_id, place.field or name))

        self._walk(value, note, keep)

    def _add_secret(self, rule: str, value: str, place: Location) -> None:
        """Give a value its mask, and what of it looks like a secret, too."""
        mask = self._mask(rule, value)
        for part in _secret_parts(value, rule):
            if part not in self.secrets and part not in self._own_words:
                self.secrets[part] = place
                self._masks.setdefault(part, mask)
                self._prefixes.setdefault(part[:MIN_SECRET_LENGTH], []).append(part)

    def _mask(self, rule: str, value: str) -> str:
        is_tax = rule in ("ein", "ssn")
        same = (
            "".join(filter(str.isdigit, value)) if is_tax else value.casefold() if rule == "email" else value
        )
        if same not in self._masks:
            self.counts[rule] += 1
            tail = f" …{same[-self._keep_last :]}" if self._keep_last and is_tax else ""
            self._masks[same] = f"[{rule} {self.counts[rule]}{tail}]"
        return self._masks[same]

    def rule_of(self, value: str) -> str:
        """Give the rule by which a secret was found."""
        return self._masks[value][1:].rpartition(" ")[0]

    # ----------------------------------------------------------------------------------------- second pass

    def text(self, text: str) -> str:
        """Mask a text that was not looked through before."""
        self.scan({}, (), {"text": text})
        return self._mask_text(text)

    def run(self, run: Run) -> Run:
        """Mask a run in place. Raises `ContractError` where an own pattern masks names of the API."""
        if not self._masks:
            return run
        return Run.from_json(self._walk(run.to_dict(), self._mask_text, self._mask_field))

    def frame(self, frame: str, df: pd.DataFrame) -> pd.DataFrame:
        """Mask a frame, ids too; columns and dtypes stay, unknown words of a category are masked as texts."""
        changed = {}
        for name, different in _unique_texts(frame, df) if self._candidates else ():
            masks = {text: self._mask_text(text) for text in different if text in self._candidates}
            if masks:
                texts = df[name].astype("str")
                changed[name] = texts.map(masks).fillna(texts).astype("str")
        masked = df.assign(**changed)
        return cast(masked, frame) if changed and frame in COLUMNS else masked

    def _mask_text(self, text: str, name: str = "") -> str:
        """Give a text with its masks."""
        if text not in self._candidates:
            return text
        if text not in self._masked_texts:
            found = self._matches.get(text, [])
            if found is None:
                payload = _parse_json(text)
                before = jsontext.dumps(payload)
                after = jsontext.dumps(self._walk(payload, self._mask_text, self._mask_field))
                self._masked_texts[text] = text if after == before else after
            else:
                self._masked_texts[text] = self._with_masks(text, [*found, *self._repeated_secrets(text)])
        return self._masked_texts[text]

    def _with_masks(self, text: str, found: list[Match]) -> str:
        """Mask places in a text: of two that overlap the first and longest, and what is left of the other."""
        parts, at = [], 0
        for one in sorted(found, key=lambda found: (found.start, -found.end)):
            if one.end > at:
                parts += [text[at : one.start], self._mask(one.rule, one.value)]
                at = one.end
        return "".join([*parts, text[at:]])

    def _repeated_secrets(self, text: str) -> Iterator[Match]:
        """Find what was found elsewhere."""
        for words, at in rules.unescaped_views(text):
            for start, value in find_values(words, self._prefixes):
                yield Match(at[start], at[start + len(value)], self.rule_of(value), value)

    def _mask_field(self, secret: str, name: str, rule: str) -> str:
        return self._mask(rule, secret)

    # ----------------------------------------------------------------------------------------------- JSON

    def _walk(self, value: Any, text: Replace, field: Callable[[str, str, str], str | None]) -> Any:
        """Put into JSON, in place, what `text` gives for texts and names, `field` for secrets by name."""
        todo: list[tuple[Any, str, str]] = [(value, "", "")]
        for item, outer, called in todo:
            is_list = type(item) is list
            is_plain = len(item) != 2 if is_list else self._plain_names.issuperset(item)
            own: Iterable[str] = rules.field_rules(item, outer) if outer or not is_plain else repeat("")
            if not is_list and not is_plain:
                plain = {name for name in item if not rules.field_rule(name)} - {"value", "Value"}
                self._plain_names |= plain - self._candidates
                for name in list(item):
                    item[_unused_name(text(name, name), item)] = item.pop(name)
            for (key, child), rule in zip(enumerate(item) if is_list else item.items(), own, strict=False):
                kind, name = type(child), called if is_list else key
                if kind is dict or kind is list:
                    todo.append((child, rule, name))
                elif rule in self._rule_names and (secret := rules.field_value(child, rule)):
                    item[key] = field(secret, name, rule) or child
                elif kind is str:
                    item[key] = text(child, name)
        return value


def find_values(text: str, prefixes: Mapping[str, list[str]]) -> Iterator[tuple[int, str]]:
    """Find values in a text; `prefixes` has them by their first `MIN_SECRET_LENGTH` characters."""
    for word in WORD.finditer(text):
        for at in range(word.start(), word.end() - MIN_SECRET_LENGTH + 1):
            for value in prefixes.get(text[at : at + MIN_SECRET_LENGTH], ()):
                if text.startswith(value, at):
                    yield at, value


def _secret_parts(value: str, rule: str) -> Iterator[str]:
    """Give what of a value looks like a secret: long, of letters and digits, no time, not escaped."""
    words = WORD.findall(value) + (WORD.findall(value.partition(":")[2]) if rule == "url_login" else [])
    for word in words:
        for part in dict.fromkeys([word, *re.split("[=&;]", word)]):
            secret = re.sub(r"\A[\W_]+|[\W_]+\Z", "", part)
            is_mixed = any(map(str.isalpha, secret)) and any(map(str.isdigit, secret))
            is_other = _NUMBER_OR_TIME.fullmatch(secret) or rules.unescape_all(secret) != secret
            if len(secret) >= MIN_SECRET_LENGTH and is_mixed and not is_other:
                yield secret


def _matching_texts(texts: list[str], pattern: str) -> Iterator[str]:
    """Give the texts that hold a pattern of RE2: Arrow looks 50 times as fast as Python does."""
    try:
        array = pa.array(texts, pa.large_string())
    except UnicodeEncodeError:  # half a surrogate pair
        array = pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.large_string())
    return compress(texts, pc.match_substring_regex(array, pattern, ignore_case=True).to_pylist())


def _parse_json(text: str) -> Any:
    """Read a text that is a JSON object or list; None if it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return jsontext.loads(text.encode())
    except (ValueError, RecursionError):
        return None


def _unused_name(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _unused_name(f"{name} (2)", taken)


def _unique_texts(frame: str, df: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the different texts of each column and their first run, but no fixed words of categories."""
    fixed = {column.name: column.words for column in COLUMNS.get(frame, ())}
    for name in map(str, df.select_dtypes(["str", "category"]).columns):
        first = df[name].notna() & ~df[name].duplicated()
        different = dict(zip(df[name][first].astype("str"), df["run_id"][first], strict=True))
        yield name, {text: run_id for text, run_id in different.items() if text not in fixed.get(name, ())}
