"""What a report masks: the tables that README shows, `Redaction`, and `Masker`."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unicodedata import category, decimal
from urllib.parse import unquote

import pandas as pd

from runkit.api import contract
from runkit.arguments import check_kind
from runkit.display.messages import KEY_FORM, MASK, SENSITIVE_NAME
from runkit.display.text import brief, unescape
from runkit.errors import UsageError
from runkit.tables.schema import FRAME_COLUMNS, cast

# ------------------------------------------------------------------------------- parts of the rules

_LOGIN = (  # a password may have a /, and what follows a port is none
    r"(?:[^\s/?#\"'<>\\]+(?=@)"
    r"|[^\s/?#\"'<>\\@:]*:(?![0-9]{1,5}[/?#])[^\s\"'<>\\@]{1,200}(?=@))"
)
_MAIL_END = r"\s@<>()\[\]{}\"'`,;:/\\=|?&#!*…%"  # characters around an address
_EMAIL = (
    rf"//{_LOGIN}@|(?<![^{_MAIL_END}])(?P<value>"  # a login and its host are no address
    rf"(?:[^{_MAIL_END}]++(?:'[^{_MAIL_END}]+){{0,2}}(?:%(?!40)[^{_MAIL_END}]*){{0,8}}+"
    r"|\"[^\"\n@]{1,64}\")"
    rf"(?:@|%40)(?:[^.{_MAIL_END}]+\.)+[^\W\d_][^.{_MAIL_END}]*)"
)
_JOINT = r"(?: ?(?:-|%2[Dd]) ?| |%20|\+)"  # between the groups of a number, also in a URL
_NUMBER = (
    r"(?<!\w)\+[0-9](?:[() .-]{0,2}[0-9]){6,14}(?![0-9])"  # a phone
    r"|(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40})(?![0-9A-Fa-f])"
    r"|(?:(?<![0-9])|(?<=%[0-9A-Fa-f]{2}))(?<![$€£¥₹₩₽₺₱฿])(?<![$€£¥₹₩₽₺₱฿] )(?P<value>"
    r"(?<![0-9]\.)[0-9]{9}(?!\.[0-9])"
    rf"|[0-9]{{2}}{_JOINT}[0-9]{{7}}|[0-9]{{3}}{_JOINT}[0-9]{{2}}{_JOINT}[0-9]{{4}})(?![0-9])"
)
_WORD = (  # a hash of 64 hexadecimal digits is none
    r"(?<![A-Za-z0-9])(?=[A-Za-z0-9]{20})(?![0-9A-Fa-f]{64}(?![A-Za-z0-9]))"
    r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]+[\w+/=-]*"
)
_PRIVATE_KEY = r"(?s:-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END|\Z))"
_SCHEME = (  # "Basic" is a word, too, unless a header begins so
    r"(?i:(?P<header>authorization\W{1,5})?\b(?:bearer|basic)[ :=]{1,3})[\"']?"
    r"(?P<value>(?(header)|(?=[^\s\"',;]{0,99}[A-Za-z])"
    r"(?=[^\s\"',;]{0,99}(?:[0-9=]|[a-z][A-Z]\w{0,99}[a-z][A-Z])))[^\s\"'<>,;\\]{8,})"
)
_MIXED = (
    r"(?=(?=\S{0,99}[A-Za-z])\S{0,99}[0-9!#$%^*_]|[0-9]{6}|\S{16})"  # other words are no secrets
)
_NAMED = (
    rf"(?i:{SENSITIVE_NAME}|(?<![A-Za-z])sig(?:nature)?(?==))[\\\"'`*]{{0,4}}(?:"
    r"(?:\s{0,3}(?:=>|->|[:=]=?|>)\s{0,3}| (?:is|was):? | (?=[\"`]))"
    r"(?P<quote>\\?[\"'`]|&quot;|&#34;)"
    r"|\s?(?:[:=]=?|%3[AD]|=>|->|>)\s{0,3}"
    rf"|(?:\s?\|\s{{0,3}}| (?:is|was):? ){_MIXED})"
    r"(?P<value>(?!\[\w+ [0-9]+ ?…?[0-9]*\])(?(quote)(?:(?!(?P=quote))(?:\\.|[^\n\\])){1,300}"
    r"|(?:[^\s\"'`<>&,;\\]|[&,;](?!\s|\Z|[\w.-]{1,40}[:=]|(?:amp|quot|lt|gt);|#)){3,300}"
    r"(?<![.:?)}\]])))"
)
_TAX_NAME = (
    r"(?i:(?:.*[_ .-]|.*(?-i:(?<=[a-z])(?=[A-Z])))?(?:f?ein|i?tin|ssn|social[_ -]?security"
    r"|(?:tax|taxpayer|employer)[_ -]?id(?:entification)?|tax[_ -]?(?=number|no))"
    r"(?:[_ -]?(?:number|no))?)"
)

# ------------------------------------------------------------------------------------------- rules

RULES = (
    ("email", "e-mail addresses", _EMAIL),
    ("number", "nine digits, also as 2-7 or 3-2-4", _NUMBER),
    ("secret", "known prefixes (`ghp_`)", KEY_FORM.pattern),
    ("secret", "private keys", _PRIVATE_KEY),
    ("secret", "20 letters and digits or more", _WORD),
    ("secret", "Bearer and Basic values", _SCHEME),
    ("secret", "logins and signatures in URLs", rf"//(?P<value>{_LOGIN})"),
    ("secret", "the word or quote after `password:`, `secret=`, `token:`, `api key:`", _NAMED),
)
"""What is masked in a text: the name of a mask, in words, and as a pattern.

The group `value` of a pattern is masked, or all of a match if the pattern has no such group.
"""
FIELD_RULES = (
    ("secret", "JSON fields of these names", rf"(?i:.*{SENSITIVE_NAME})"),
    ("number", "JSON fields `ssn`, `tin`, `ein`, `tax_id` with a digit", _TAX_NAME),
)
"""What is masked in JSON: the pattern matches the whole name of a field."""
MASK_NAMES = ("email", "number", "secret")
_PATTERNS = [(name, re.compile(pattern)) for name, _, pattern in RULES]
_VALUE_FIELDS = ("value", "current")  # in an object, these hold what its own name says,
_NAME_FIELDS = (
    "name",
    "key",
    "label",
    "header",
)  # or what a field beside them says


@lru_cache(4096)
def _field_rule(field_name: str) -> str:
    """Return the rule that masks a field of this name, or an empty text."""
    for name, _, pattern in FIELD_RULES:
        if re.fullmatch(pattern, field_name):
            return name
    return ""


class _Folding(dict[int, str]):
    """An ASCII character for a digit of any script, a dash, a space, a wide form."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = category(character)
        if kind == "Nd":
            return str(decimal(character))
        if 0xFF01 <= code <= 0xFF5E:  # wide forms
            return chr(code - 0xFEE0)
        return {"Pd": "-", "Zs": " "}.get(kind, character)


_FOLDING = _Folding(zip(map(ord, "−˗⁃⁻“”„‘’"), '----"""\'\'', strict=True))
_INVISIBLE = re.compile("[\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")

# ------------------------------------------------------------------------------------------- policy

_RULE_NAME = re.compile(r"[\w .-]{1,40}")


@dataclass(frozen=True)
class Redaction:
    """What is masked in a report beside the rules of README, and what stays.

    Parameters
    ----------
    patterns
        Regular expressions by the name that is shown in place of their group `value`, or of all
        that they match.
    keep
        Regular expressions of values that stay as they are, such as `.*@acme[.]com`.

    Raises
    ------
    UsageError
        For an invalid pattern or name.
    """

    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict, repr=False)
    keep: Collection[str | re.Pattern[str]] = ()

    def __post_init__(self) -> None:
        check_kind("patterns", self.patterns, Mapping)
        check_kind("keep", self.keep, list, tuple, set)
        for name, pattern in self.patterns.items():
            is_name = isinstance(name, str) and _RULE_NAME.fullmatch(name)
            if not is_name or name in MASK_NAMES:
                raise UsageError(
                    f"patterns: the name {brief(name)} is invalid; expected 1 to 40 letters, "
                    "digits, spaces or _ . - that are not the name of a built-in rule."
                )
            _check(f"patterns[{name!r}]", pattern)
        for pattern in self.keep:
            _check("keep", pattern)


def _check(name: str, pattern: str | re.Pattern[str]) -> None:
    try:
        if re.search(pattern, ""):
            raise ValueError("it matches empty text; expected at least one character")
    except (re.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"{name} is not a valid regular expression: {error}.") from None


# ------------------------------------------------------------------------------------------- masker

ID_COLUMNS = ["run_id", "step_id", "interrupt_id"]  # their values stay
MAX_SHORT = 4  # digits of a number that is masked whole
MIN_SECRET = 12  # characters: a shorter value is found in a page by chance
_RANDOM = re.compile(r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{8}")
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_BASE64_IMAGE = re.compile(r"data:image/svg\+xml[\w;=-]*;base64,((?:[A-Za-z0-9+/]{4})+)")
_Patterns = list[tuple[str, re.Pattern[str]]]


class Masker:
    """Masks the data of one report. Not thread-safe: it numbers the values that it finds.

    `keys` and texts in the form of a key are masked everywhere. Without a policy nothing else is.
    """

    def __init__(self, policy: Redaction | None, keys: Collection[str] = ()) -> None:
        self.policy = policy
        self.counts: Counter[str] = Counter()  # different masked values, by rule
        # masks of values that no finished file may contain
        self.secrets = dict.fromkeys(keys, "API key")
        self._patterns = _literals(keys)
        if policy is None:
            self._patterns.append(("secret", KEY_FORM))
        else:
            own = policy.patterns.items()
            self._patterns += [(name, re.compile(pattern)) for name, pattern in own]
            self._patterns += _PATTERNS
        self._ids: set[str] = set()
        self._masks: dict[tuple[str, str], str] = {}  # masks by rule and value
        self._masked: dict[str, str] = {}  # masked texts by their original

    def tables(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
        """Return the masked frames by name; columns and dtypes stay.

        A secret that one text names is masked in all others, too.
        """
        for df in tables.values():
            for name in df.columns.intersection(ID_COLUMNS):
                self._ids.update(df[name].dropna().astype("str"))
        masked = self._frames(tables)
        texts = "\n".join(self._masked.values())
        left = [secret for secret in self.secrets if secret in texts]
        if left:
            self._patterns += _literals(left)
            self._masked.clear()
            masked = self._frames(tables)
        return masked

    def text(self, text: str) -> str:
        """Mask a text; if it is JSON, also fields by their names."""
        if text not in self._masked:
            self._masked[text] = text if text in self._ids else self._mask_text(text)
        return self._masked[text]

    def leaks(self, text: str) -> set[str]:
        """Return the keys and secrets in a finished file, also under its escapes and in images."""
        plain = unescape(_UNICODE_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text))
        with_images = _BASE64_IMAGE.sub(_decoded, plain)
        found: set[str] = set()
        for layer in {text, plain, unescape(unquote(with_images))}:
            found.update(value for value in self.secrets if value in layer)
            found.update(match[0] for match in KEY_FORM.finditer(layer))
        return {value for value in found if not self._stays(value)}

    def _frames(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
        return {name: self._frame(name, df) for name, df in tables.items()}

    def _frame(self, frame: str, df: pd.DataFrame) -> pd.DataFrame:
        """Mask a frame. Unknown category values are masked, too."""
        changed = {}
        for name, unique in _unique_texts(frame, df):
            masks = {text: mask for text in unique if (mask := self.text(text)) != text}
            if masks:
                texts = df[name].astype("str")
                changed[name] = texts.map(masks).fillna(texts).astype("str")
        masked = df.assign(**changed)
        return cast(masked, frame) if changed and frame in FRAME_COLUMNS else masked

    def _mask_text(self, text: str) -> str:
        if self.policy and text.lstrip()[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                value = contract.loads(text.encode("utf-8", "replace"))
                masked = self._mask_json(value)
                return text if masked == value else contract.dumps(masked)
        visible = text if text.isascii() else _INVISIBLE.sub("", text)
        parts = []
        done = 0
        for start, stop, rule in self._spans(visible):
            first = max(start, done)  # of two that overlap, the first is masked whole
            if first < stop:
                parts += [visible[done:first], self._mask(rule, visible[first:stop])]
                done = stop
        return "".join([*parts, visible[done:]]) if parts else text

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return the start, the end and the rule of each match, the longest of a place first."""
        folded = text if text.isascii() else text.translate(_FOLDING)
        spans = []
        for rule, pattern in self._patterns:
            group = "value" if "value" in pattern.groupindex else 0
            spans += [(*match.span(group), rule) for match in pattern.finditer(folded)]
        return sorted(spans, key=lambda span: (span[0], -span[1]))

    def _mask_json(self, value: Any, rule: str = "") -> Any:
        """Mask a value of JSON; `rule` is the one of its name."""
        if isinstance(value, dict):
            return self._mask_object(value, rule)
        if isinstance(value, list):
            return [self._mask_json(item, rule) for item in value]
        if isinstance(value, bool) or value in (None, ""):
            return value
        text = str(value)
        if rule == "secret" or (rule and re.search(r"\d", text)):
            return self._mask(rule, text.removesuffix(".0"))
        masked = self.text(text)
        return value if masked == text else masked

    def _mask_object(self, value: dict[str, Any], rule: str) -> dict[str, Any]:
        """Mask an object by the names of its fields."""
        for name in _NAME_FIELDS:
            rule = rule or _field_rule(str(value.get(name)))
        masked: dict[str, Any] = {}
        for name, item in value.items():
            inherited = rule if name in _VALUE_FIELDS else ""
            shown = self.text(name)
            while shown in masked:  # two names with equal masks stay apart
                shown += " (2)"
            masked[shown] = self._mask_json(item, _field_rule(name) or inherited)
        return masked

    def _mask(self, rule: str, value: str) -> str:
        """Return the mask of a value; equal values get equal masks."""
        if self._stays(value):
            return value
        same = value.casefold() if rule == "email" else value
        last = ""
        if rule == "number":
            same = re.sub(r"%2.|[^0-9]", "", value.translate(_FOLDING))
            last = f" …{same[-2:]}" if len(same) > MAX_SHORT else ""
        if (rule, same) not in self._masks:
            self.counts[rule] += 1
            self._masks[rule, same] = f"[{rule} {self.counts[rule]}{last}]"
        mask = self._masks[rule, same]
        if rule == "secret" and len(value) >= MIN_SECRET and _RANDOM.search(unquote(value)):
            self.secrets[value] = mask
        return mask

    def _stays(self, value: str) -> bool:
        """Return whether a value is an id, a mask, or one to keep."""
        keep = self.policy.keep if self.policy else ()
        is_kept = any(re.fullmatch(pattern, value) for pattern in keep)
        return is_kept or value in self._ids or MASK.fullmatch(value) is not None


def _literals(values: Iterable[str]) -> _Patterns:
    return [("secret", re.compile(re.escape(value))) for value in values]


def _decoded(image: re.Match[str]) -> str:
    return b64decode(image[1]).decode("utf-8", "replace")


def _unique_texts(frame: str, df: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Yield the unique texts of each column, except known category values."""
    categories = {column.name: column.words or () for column in FRAME_COLUMNS.get(frame, ())}
    for name in map(str, df.select_dtypes(["str", "category"]).columns):
        unique = df[name].dropna().astype("str").unique()
        yield name, [text for text in unique if text not in categories.get(name, ())]
