"""Mask matches where they occur, and everywhere else if they look like secrets; scan the finished files.

Two passes over the data: `scan` searches all of it, then `frame`, `run` and `text` insert the masks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from itertools import compress, repeat
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

import runkit
from runkit import jsontext
from runkit.models import Run
from runkit.reports.redaction import (
    BUILTIN_RULES,
    MAX_ESCAPE_LAYERS,
    PREFILTER,
    RULES,
    Match,
    Redaction,
    Rule,
    field_rule,
    field_rules,
    field_value,
    find_matches,
    unescape_all,
    unescaped_views,
)
from runkit.tables.schema import COLUMNS
from runkit.tables.validate import cast

MIN_SECRET_LENGTH = 12  # characters of a value masked everywhere: shorter values are also ordinary words
MAX_PREFIXES = 500  # prefixes of secrets in one regular expression for Arrow
WORD = re.compile(rf"[\w!#$%&*+./:;=?@^|~-]{{{MIN_SECRET_LENGTH},}}")  # a secret or part of one
_LONG_WORD = r"[^\s\"'<>]{12}"  # about the same in RE2 syntax
_NUMBER_OR_TIME = re.compile(r"[\d.,:;eETZ+-]+")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?")
Tables = Mapping[str, pd.DataFrame]
Replace = Callable[[str, str], str]  # from a text and the name of its field to the masked text


class Location(NamedTuple):
    """Where a text was found first: the run, if any, and the field."""

    run_id: str | None
    field: str


class Masker:
    """Masks the data of one report. Not thread-safe: it numbers the values it finds.

    `keys` are masked everywhere, by the rule `key`; without a policy that is the only rule. `builtin_words`
    are the words of a report without data, which are not secrets.
    """

    def __init__(self, policy: Redaction | None, keys: Collection[str] = (), builtin_words: str = "") -> None:
        policy = policy or Redaction(reveal=RULES[1:])
        self.keys = tuple(sorted(keys, key=len, reverse=True))
        self.counts: Counter[str] = Counter()  # different masked values, by rule
        self.secrets: dict[str, Location] = {}  # no finished file may contain these; never show them
        self._keep_last, self._builtin_words = policy.keep_last, builtin_words
        self._table = [Rule("key", re.compile("|".join(map(re.escape, self.keys))))] if keys else []
        self._table += [rule for rule in BUILTIN_RULES if rule.name not in policy.reveal]
        custom = {name: re.compile(pattern) for name, pattern in policy.patterns.items()}
        self._patterns = [Rule(name, custom[name]) for name in custom if name not in policy.reveal]
        self._prefilter = "" if custom else "|".join([PREFILTER, *(rf"\Q{key}\E" for key in keys)])
        self._rule_names = {rule.name for rule in self._table}
        self._masks: dict[str, str] = {}  # by value
        self._prefixes: dict[str, list[str]] = {}  # secrets by their first characters
        self._matches: dict[str, list[Match] | None] = {}  # by text; None: the text is JSON
        self._candidates: set[str] = set()  # texts that may need masks
        self._masked_texts: dict[str, str] = {}  # by original text
        self._plain_names: set[str] = set()  # field names that call for no rule

    @property
    def texts(self) -> dict[str, int]:
        """The number of different texts with masks, by rule."""
        texts = self._masked_texts.values()
        return {rule: sum(f"[{rule} " in text for text in texts) for rule in self.counts}

    def scan(self, frames: Tables, runs: Iterable[Run], texts: Mapping[str, str]) -> None:
        """Search frames by name, runs, and other texts by name, before anything is masked."""
        new = {text: Location(None, name) for name, text in texts.items()}
        for frame, df in frames.items():
            for name, unique in _unique_texts(frame, df):
                for text, run_id in unique.items():
                    if text not in new:
                        new[text] = Location(run_id, f"{frame}.{name}")
        for run in runs:
            self._scan_json(run.to_dict(), Location(run.id, ""), new)
        batches = []
        while new:
            locations, new = new, {}
            batches.append(list(locations))
            for text in _matching_texts(batches[-1], self._prefilter):
                if text not in self._matches:
                    self._search(text, locations[text], new)
        is_few = len(self._prefixes) <= MAX_PREFIXES
        prefixes = "|".join(rf"\Q{prefix}\E" for prefix in self._prefixes) if is_few else _LONG_WORD
        self._candidates.update(
            self._matches, *(_matching_texts(batch, prefixes) for batch in batches if self._prefixes)
        )
        self._plain_names -= self._candidates

    def _search(self, text: str, location: Location, new: dict[str, Location]) -> None:
        """Find secrets in a text; a JSON text adds new texts to search."""
        payload = _parse_json(text)
        if payload is not None:
            self._matches[text] = None
            self._scan_json(payload, location, new)
        elif matches := self._find_matches(text):
            self._matches[text] = matches
            for match in matches:
                self._add_secret(match.rule, match.value, location)

    def _find_matches(self, text: str) -> list[Match]:
        if _ID.fullmatch(text):  # an id joins frames: mask all of it or nothing
            whole = (rule.name for rule in self._patterns if rule.pattern.fullmatch(text))
            matches = [Match(0, len(text), name, text) for name in whole][:1]
            return matches or find_matches(text, self._table)
        patterns = [] if _TIME.fullmatch(text) else self._patterns
        return find_matches(text, [*self._table, *patterns])

    def _scan_json(self, value: Any, location: Location, new: dict[str, Location]) -> None:
        def add_text(text: str, name: str) -> str:
            if text not in new:
                new[text] = Location(location.run_id, location.field or name)
            return text

        def add_field(secret: str, name: str, rule: str) -> None:
            self._add_secret(rule, secret, Location(location.run_id, location.field or name))

        self._walk(value, add_text, add_field)

    def _add_secret(self, rule: str, value: str, location: Location) -> None:
        """Create the mask of a value and of its parts that look like secrets."""
        mask = self._mask(rule, value)
        for part in _secret_parts(value, rule):
            if part not in self.secrets and part not in self._builtin_words:
                self.secrets[part] = location
                self._masks.setdefault(part, mask)
                self._prefixes.setdefault(part[:MIN_SECRET_LENGTH], []).append(part)

    def _mask(self, rule: str, value: str) -> str:
        is_tax = rule in ("ein", "ssn")
        normal = (
            "".join(filter(str.isdigit, value)) if is_tax else value.casefold() if rule == "email" else value
        )
        if normal not in self._masks:
            self.counts[rule] += 1
            tail = f" …{normal[-self._keep_last :]}" if self._keep_last and is_tax else ""
            self._masks[normal] = f"[{rule} {self.counts[rule]}{tail}]"
        return self._masks[normal]

    def rule_of(self, value: str) -> str:
        """Return the rule that found a secret."""
        return self._masks[value][1:].rpartition(" ")[0]

    # ----------------------------------------------------------------------------------------- second pass

    def text(self, text: str) -> str:
        """Mask a text that was not scanned before."""
        self.scan({}, (), {"text": text})
        return self._mask_text(text)

    def run(self, run: Run) -> Run:
        """Mask a run in place. Raises `ContractError` if a custom pattern masks field names of the API."""
        if not self._masks:
            return run
        return Run.from_json(self._walk(run.to_dict(), self._mask_text, self._mask_field))

    def frame(self, frame: str, df: pd.DataFrame) -> pd.DataFrame:
        """Mask a frame and its ids. Columns and dtypes stay; unknown category values are masked as texts."""
        changed = {}
        for name, unique in _unique_texts(frame, df) if self._candidates else ():
            masks = {text: self._mask_text(text) for text in unique if text in self._candidates}
            if masks:
                texts = df[name].astype("str")
                changed[name] = texts.map(masks).fillna(texts).astype("str")
        masked = df.assign(**changed)
        return cast(masked, frame) if changed and frame in COLUMNS else masked

    def _mask_text(self, text: str, name: str = "") -> str:
        """Return a text with its masks."""
        if text not in self._candidates:
            return text
        if text not in self._masked_texts:
            matches = self._matches.get(text, [])
            if matches is None:
                payload = _parse_json(text)
                before = jsontext.dumps(payload)
                after = jsontext.dumps(self._walk(payload, self._mask_text, self._mask_field))
                self._masked_texts[text] = text if after == before else after
            else:
                self._masked_texts[text] = self._with_masks(text, [*matches, *self._repeated_secrets(text)])
        return self._masked_texts[text]

    def _with_masks(self, text: str, matches: list[Match]) -> str:
        """Mask all matches in a text; of two that overlap, the first and longest mask comes first."""
        parts, end = [], 0
        for match in sorted(matches, key=lambda match: (match.start, -match.end)):
            if match.end > end:
                parts += [text[end : match.start], self._mask(match.rule, match.value)]
                end = match.end
        return "".join([*parts, text[end:]])

    def _repeated_secrets(self, text: str) -> Iterator[Match]:
        """Find secrets that were found elsewhere."""
        for view, positions in unescaped_views(text):
            for start, value in find_values(view, self._prefixes):
                yield Match(positions[start], positions[start + len(value)], self.rule_of(value), value)

    def _mask_field(self, secret: str, name: str, rule: str) -> str:
        return self._mask(rule, secret)

    # ----------------------------------------------------------------------------------------------- JSON

    def _walk(self, value: Any, text: Replace, field: Callable[[str, str, str], str | None]) -> Any:
        """Edit JSON in place: `text` replaces texts and names, `field` replaces secrets in named fields."""
        todo: list[tuple[Any, str, str]] = [(value, "", "")]
        for item, outer, outer_name in todo:
            is_list = type(item) is list
            is_plain = len(item) != 2 if is_list else self._plain_names.issuperset(item)
            by_field: Iterable[str] = field_rules(item, outer) if outer or not is_plain else repeat("")
            if not is_list and not is_plain:
                plain = {name for name in item if not field_rule(name)} - {"value", "Value"}
                self._plain_names |= plain - self._candidates
                for name in list(item):
                    item[_unused_name(text(name, name), item)] = item.pop(name)
            children = enumerate(item) if is_list else item.items()
            for (key, child), rule in zip(children, by_field, strict=False):
                kind, name = type(child), outer_name if is_list else key
                if kind is dict or kind is list:
                    todo.append((child, rule, name))
                elif rule in self._rule_names and (secret := field_value(child, rule)):
                    item[key] = field(secret, name, rule) or child
                elif kind is str:
                    item[key] = text(child, name)
        return value


def find_values(text: str, prefixes: Mapping[str, list[str]]) -> Iterator[tuple[int, str]]:
    """Find values in a text; `prefixes` has them by their first `MIN_SECRET_LENGTH` characters."""
    for word in WORD.finditer(text):
        for start in range(word.start(), word.end() - MIN_SECRET_LENGTH + 1):
            for value in prefixes.get(text[start : start + MIN_SECRET_LENGTH], ()):
                if text.startswith(value, start):
                    yield start, value


def _secret_parts(value: str, rule: str) -> Iterator[str]:
    """Yield the parts of a value that look like secrets: long, letters and digits, no time, not escaped."""
    words = WORD.findall(value) + (WORD.findall(value.partition(":")[2]) if rule == "url_login" else [])
    for word in words:
        for part in dict.fromkeys([word, *re.split("[=&;]", word)]):
            secret = re.sub(r"\A[\W_]+|[\W_]+\Z", "", part)
            is_mixed = any(map(str.isalpha, secret)) and any(map(str.isdigit, secret))
            is_other = _NUMBER_OR_TIME.fullmatch(secret) or unescape_all(secret) != secret
            if len(secret) >= MIN_SECRET_LENGTH and is_mixed and not is_other:
                yield secret


def _matching_texts(texts: list[str], pattern: str) -> Iterator[str]:
    """Filter texts by an RE2 pattern: Arrow searches 50 times as fast as Python."""
    try:
        array = pa.array(texts, pa.large_string())
    except UnicodeEncodeError:  # half a surrogate pair
        array = pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.large_string())
    return compress(texts, pc.match_substring_regex(array, pattern, ignore_case=True).to_pylist())


def _parse_json(text: str) -> Any:
    """Parse a text that is a JSON object or list; None for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return jsontext.loads(text.encode())
    except (ValueError, RecursionError):
        return None


def _unused_name(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _unused_name(f"{name} (2)", taken)


def _unique_texts(frame: str, df: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the unique texts of each column with their first run, except known category values."""
    fixed = {column.name: column.words for column in COLUMNS.get(frame, ())}
    for name in map(str, df.select_dtypes(["str", "category"]).columns):
        first = df[name].notna() & ~df[name].duplicated()
        unique = dict(zip(df[name][first].astype("str"), df["run_id"][first], strict=True))
        yield name, {text: run_id for text, run_id in unique.items() if text not in fixed.get(name, ())}


_BLOCK = re.compile('<script type="application/json">(.*?)</script>', re.DOTALL)  # a figure of the page
_IN_ESCAPE = re.compile(r"(?:\\\w{0,8}|&#?\w{0,8}|%\w?)\Z")  # \nabc is a line break and abc
_TEXT_SOURCES = ("charts", "reports", "tables", "text.py")  # the modules whose text is in reports


@cache
def _runkit_words() -> str:
    folder = Path(runkit.__file__).parent
    files = [
        file
        for name in _TEXT_SOURCES
        for file in (folder / name, *(folder / name).rglob("*"))
        if file.is_file()
    ]
    texts = (file.read_text(encoding="utf-8") for file in files if file.suffix != ".pyc")
    return "\n".join(sorted({word for text in texts for word in WORD.findall(text)}))


def builtin_words(template: str) -> str:
    """Return the long words of a report without data: those of its template and of runkit itself."""
    return "\n".join([*WORD.findall(template), _runkit_words()])


def find_leaks(html: str, notebook: str, masker: Masker, exempt: Collection[str]) -> set[str]:
    """Find masked values in the finished files, plain or with JSON, HTML or URL escapes.

    `exempt` are the report's own texts, such as digests. Not searched, because it is not data: plotly.js,
    the page's style and scripts, and plotly's packed numbers.
    """
    prefixes: dict[str, list[str]] = {}
    for value in masker.secrets:
        if not any(value in text for text in exempt):
            prefixes.setdefault(value[:12], []).append(value)
    leaks: set[str] = set()
    for text in ["\n\n".join(_page_texts(html)), "\n\n".join(_json_texts(json.loads(notebook)))]:
        for _ in range(MAX_ESCAPE_LAYERS + 1):
            leaks |= {key for key in masker.keys if key in text}
            for at, value in find_values(text, prefixes) if prefixes else ():
                if not _IN_ESCAPE.search(text[max(at - 10, 0) : at]):
                    leaks.add(value)
            text = unescape_all(text)
    return leaks


def _page_texts(html: str) -> Iterator[str]:
    """Yield the texts of a page: its title, its body without figures, and the texts of the figures."""
    head, _, rest = html.partition("<main>")
    body = rest.rpartition("</main>")[0]
    yield head.partition("<title>")[2].partition("</title>")[0]
    yield _BLOCK.sub("", body)
    for block in _BLOCK.findall(body):
        yield from _json_texts(json.loads(block))


def _json_texts(value: Any) -> Iterator[str]:
    """Yield the strings and names in JSON, except plotly's packed numbers."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item, *(child for name, child in item.items() if name != "bdata")]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str):
            yield item
