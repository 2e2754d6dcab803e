"""What a report masks: one table of named patterns, names of fields, and `Masker`, which applies them.

A run and a JSON text in a column are texts, too: they are parsed, and each value in them is masked as any
text or by the name of its field.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from runkit import jsontext
from runkit.errors import UsageError
from runkit.models import Run
from runkit.tables.schema import COLUMNS
from runkit.tables.validate import cast
from runkit.text import brief, unescape

# --------------------------------------------------------------------------------------------------- patterns

_DASH = "[-‐‑‒–—−﹣－]"
_START, _END = rf"(?:(?<!\w)|(?<=EIN|TIN|SSN))(?<!{_DASH})", rf"(?!\w|{_DASH}\w|\.[0-9])"
_NINE = r"(?<!\w)(?:[0-9]{9}|[0-9]{2}[ .]?[0-9]{7}|[0-9]{3}[ .][0-9]{2}[ .][0-9]{4})(?!\w|[.,][0-9])"
_EACH_NINE = rf"(?P<each>{_NINE}(?:\s?(?:,|/|and|or|vs\.?|not|against)?\s?{_NINE}){{0,9}})"
_TAX_WORDS = {  # in texts and names of fields
    "ein": r"(?-i:F?EINs?|TINs?)|tax(?:payer)?[ _-]?(?:id|no|number)\w*|employer[ _-]?id\w*",
    "ssn": r"(?-i:SSNs?|ITINs?)|social[ _-]?security",
}
_VALUE = r"[^\s\"'“”<>,;\\\[\]]"
_STOP = r"(?<![.:!?)}])"  # punctuation after a value is not part of it
_HAS_DIGIT = r"(?=[^\s\"']{0,200}\d)"
# "bearer shares" and "authorization: pending" are words
_NO_WORD = rf"(?=[^\s\"']{{0,200}}\d|{_VALUE}{{20}})"
_QUOTED = r"[\"'“](?P<quoted>[^\"'“”\\\n]{1,500})[\"'”]"
_NAME = (
    r"(?:(?:api|access|account|auth|private|secret|signing|shared[ _-]?access)[ _-]?key"
    r"|pass(?:word|wd|phrase)|pwd|(?:client[ _-]?)?secret"
    r"|(?:(?:access|refresh|session|auth|api|id|bearer|csrf)[ _-]?)?token)"
)
# in a URL query, other rules apply
_NAMED = rf"(?<![?&#\w])(?<!&amp;)(?:[\w-]{{1,40}}[_-])?{_NAME}"
_IS = r"(?:password|passphrase|pwd|pin|token|secret|(?:api|access) key) (?:is|was):? ?"
_COOKIE = r"[\w.-]+=[^\s\"'<>,;]*"

# Secret URL parameters: OAuth, OpenID, SAML, sessions, signed links of cloud providers.
_PARAMETER = (
    r"(?:[a-z]{1,20}[_-]?){0,2}token|oauth_(?:verifier|signature)|id_token_hint|code_verifier|jwt"
    r"|pass(?:word|wd)|pwd|(?:client_)?(?:secret|assertion)|(?:device|user)_code|saml(?:response|art)"
    r"|sig|signature|x-(?:amz|goog|oss)-(?:signature|credential)|(?:aws|oss)accesskeyid|googleaccessid"
    r"|(?:access|auth|api|subscription)[_-]?key|(?:j|php)?sess(?:ion)?_?id"
)
_LONG_PARAMETER = r"key|auth|session|code|state|nonce|ticket"  # short values are ordinary codes
_QUERY = r"[^\s\"'<>\\^`{|}#&;]"
# empty and word-like ones stay: `?sig=`, `?key=acme`
_IN_QUERY = rf"(?=[^\s&;#]{{0,500}}\d|{_QUERY}{{20}})"
_LOGIN = r"[^\s/?#\"'<>\\]+"
_MAIL_END = r"\s@＠﹫<>()\[\]{}\"'“”‘’,;:/\\=|?&#!…*%"
_MAIL = (
    rf"(?<![^{_MAIL_END}])(?<![^{_MAIL_END}]')[^{_MAIL_END}]+(?:'[^{_MAIL_END}]+){{0,2}}"
    rf"[@＠﹫](?:[^.．。{_MAIL_END}]+[.．。])+[^\W\d_][^.．。{_MAIL_END}]*"
)


def _nine_digits(rule: str, acronyms: str) -> tuple[str, ...]:
    """Build patterns for nine digits next to words, or right after acronyms, which are also words."""
    words = _TAX_WORDS[rule]
    return (
        # "EIN given was 123456789", "tax id (123456789)", but not "EIN checked: revenue 250000000"
        rf"(?<![^\W_])(?:{words})(?:[ _-][^\W\d_]+){{0,4}}[^\w\n;]{{1,5}}{_EACH_NINE}",
        rf"(?<![^\W_])(?:{acronyms})[\"']?[ :=#]{{1,3}}[\"']?{_EACH_NINE}",
        rf"(?P<each>{_NINE})(?: ?\((?:{words})\)| (?:is|as|was) (?:(?:the|an?|its|their) )?(?:{words})\b)",
    )


_PATTERNS = {
    "key": (
        # by format: Middesk, Stripe, OpenAI, webhooks, Slack, AWS, Google, GitHub, JSON Web Tokens, …
        r"mk_(?:live|test)_(?=[\w-]{4})[^\s\"'<>,;\\)\]}&%]+",
        r"\b[sr]k_(?:live|test)_\w{8,}|\bsk-[\w-]{20,}|\bwhsec_[\w+/=-]{16,}|\bxox[abeprs]-[\w-]{10,}",
        r"(?-i:\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,})",
        r"\b(?:gh[pousr]|hf|github_pat)_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_\w{30,}|\bpypi-[\w-]{20,}",
        r"\bhooks\.slack\.com/(?:services|workflows|triggers)/(?P<it>[\w/]{8,})",
        r"(?<![\w-])(?-i:eyJ)[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*)?",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{1,20000}-----END",
        # by the words in front of them
        rf"\bauthorization[\"']? ?[:=] ?[\"']?(?:bearer|basic|token|digest) (?P<it>{_VALUE}{{3,}}{_STOP})",
        rf"\bauthorization[\"']? ?[:=] ?[\"']?(?P<it>{_NO_WORD}{_VALUE}{{3,}}{_STOP})",
        rf"\b(?:bearer|basic)\s{{1,3}}(?P<it>{_NO_WORD}{_VALUE}{{6,}}{_STOP})",
        rf"\b(?:set-)?cookie[\"']? ?: ?[\"']?(?P<it>{_COOKIE}(?:; ?(?:{_COOKIE}|[\w.-]+))*)",
        rf"{_NAMED}[\"']?\s{{0,3}}[:=]\s{{0,3}}{_QUOTED}",
        rf":\s{{0,3}}[\"']{_NAME}[\"'] ?,\s{{0,9}}[\"']value[\"'] ?: ?{_QUOTED}",
        rf"{_NAMED}\s{{0,3}}=\s{{0,3}}(?P<it>{_VALUE}{{4,}}{_STOP})",
        rf"{_NAMED}:\s{{0,3}}(?P<it>{_HAS_DIGIT}{_VALUE}{{6,}}{_STOP})",
        rf"\b{_IS}(?:{_QUOTED}|(?P<it>(?=[^\s]{{0,200}}[\d!#$%^&*_]){_VALUE}{{4,}}{_STOP}))",
    ),
    "signed_url": (
        rf"[?#&;](?:{_PARAMETER})=(?P<it>{_IN_QUERY}{_QUERY}+)",
        rf"[?#&;](?:{_LONG_PARAMETER})=(?P<it>{_IN_QUERY}{_QUERY}{{16,}})",
    ),
    "url_login": (rf"//(?P<it>{_LOGIN})@",),
    # the end of a login with its host is not an address
    "email": (rf"//{_LOGIN}@|(?P<it>{_MAIL})",),
    "ein": (rf"{_START}[0-9]{{2}}{_DASH}[0-9]{{7}}{_END}", *_nine_digits("ein", "f?ein|tin")),
    "ssn": (
        rf"{_START}[0-9]{{3}}{_DASH}[0-9]{{2}}{_DASH}[0-9]{{4}}{_END}",
        *_nine_digits("ssn", "ssn|itin"),
    ),
}
BUILTIN_RULES = tuple((name, re.compile(one, re.IGNORECASE)) for name in _PATTERNS for one in _PATTERNS[name])
RULES = tuple(_PATTERNS)
"""The rule names that `Redaction.reveal` accepts."""
_EACH_NUMBER = re.compile(_NINE)

# Every match of a built-in rule, and every field that is masked by its name, contains this (RE2 syntax).
PREFILTER = (
    r"[@＠﹫\\&%\x{ad}\x{200b}-\x{200f}\x{2060}\x{feff}]"
    r"|(?:\b|ein|tin|ssn)(?:\d{2}\W?\d{7}|\d{2,3}[^\w:]\d{2,3}[^\w:]\d{3,4})\b|[:,\[] ?\d{7,9}\b"
    r"|mk_|[sr]k[_-]|whsec|akia|asia|aiza|sg\.|gh[pousr]_|hf_|github_|glpat-|npm_|xox|pypi-|slack|eyj|key|auth"
    r"|bearer|basic|cookie|pass|pwd|pin|token|secret|[?#&;][\w-]+="
)


# ---------------------------------------------------------------------------------------------------- escapes

MAX_ESCAPE_LAYERS = 2  # those of a text itself, and those of the text that contains it
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]"
    r"|&#[0-9]{1,7};?|&#[xX][0-9a-fA-F]{1,6};?|&[a-zA-Z][a-zA-Z0-9]{1,31};|(?:%[0-9a-fA-F]{2})+"
    "|[\xad\u200b-\u200f\u2060\ufeff]"  # invisible between two digits
)


def unescape_all(text: str) -> str:
    """Decode JSON, HTML and URL escapes."""
    return _ESCAPE.sub(_unescape_match, text)


def _unescape_match(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[0] == "\\":
        # half a surrogate pair is no text
        return jsontext.as_unicode(json.loads(f'"{escape}"'))
    return unquote(unescape(escape)) if escape[0] in "&%" else ""


# ---------------------------------------------------------------------------------------------- JSON's fields

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of tax_id, taxId, TAX-ID
# the end of the name; "pass" alone is an outcome, "auth" a way to log in
_KEY_FIELD = re.compile(
    r"(?:authorization|pass(?:word|wd|phrase)|pwd|secret|cookie"
    r"|(?:^|access|api|auth|bearer|csrf|id|refresh|session)token"
    r"|(?:access|account|api|auth|private|secret|signing)key)\Z"
)
# fields with the name of a "value"
_NAME_FIELDS = ("name", "key", "field", "label", "header", "Name", "Key")
_SCHEME = re.compile(r"(?:bearer|basic|token|digest)\s+", re.IGNORECASE)
_WORDS_OR_COUNT = re.compile(rf"(?!(?i:{_SCHEME.pattern}))[^\W\d]+(?:[ -][^\W\d]+)*|[\d.,+-]{{1,6}}")


@lru_cache(4096)
def field_rule(name: str, *, is_whole: bool = False) -> str:
    """Return the rule for a field name, or ""; `is_whole`: only if the name has no other words."""
    if _KEY_FIELD.search("".join(filter(str.isalnum, name)).casefold()):
        return "key"
    words = "_".join(_WORD.findall(name)).upper()
    for rule, pattern in _TAX_WORDS.items():
        if re.fullmatch(pattern if is_whole else rf"(?:\w*_)?(?:{pattern})(?:_\w*)?", words, re.IGNORECASE):
            return rule
    return ""


def _field_rules(item: Any, outer: str) -> list[str]:
    """Return the rules of fields or items: by name, by a name next to them, or the rule of the outer field.

    `{"name": "password", "value": "…"}` and `["Authorization", "Bearer …"]` have the name next to the value.
    """
    if isinstance(item, list):
        is_pair = len(item) == 2 and isinstance(item[0], str) and not _WORDS_OR_COUNT.fullmatch(str(item[1]))
        return [outer, field_rule(item[0]) or outer] if is_pair else [outer] * len(item)
    named = outer
    if "value" in item or "Value" in item:
        beside = (item[name] for name in _NAME_FIELDS if isinstance(item.get(name), str))
        named = next(filter(None, map(field_rule, beside)), outer)
    # {"tin_check": {"revenue": …}} contains other numbers, so here the whole name must be a tax number's
    return [
        field_rule(name, is_whole=isinstance(child, dict)) or (named if name in ("value", "Value") else outer)
        for name, child in item.items()
    ]


def _field_value(value: object, rule: str) -> str | None:
    """Return the part of a field's value that its rule masks; None if the value is of another kind."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    if rule == "key":
        return _SCHEME.sub("", text, count=1) or None
    if isinstance(value, str):
        digits = re.sub(r"[ ./-]", "", text)
        return digits if re.fullmatch("[0-9]{9}", digits) else None
    digits = text.removesuffix(".0").lstrip("-").zfill(9)  # a number has lost its leading zeros
    return digits if re.fullmatch("0{0,2}[1-9][0-9]{6,8}", digits) else None


# ---------------------------------------------------------------------------------------------------- policy

KEPT_DIGITS = range(5)  # of an EIN or SSN: at most as many as banks and tax offices print
_RULE_NAME = re.compile(r"[\w .-]{1,40}")


@dataclass(frozen=True)
class Redaction:
    """What is masked in a report: the built-in rules except those in `reveal`, and your own patterns.

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
        if not isinstance(self.patterns, Mapping):
            raise UsageError(f"patterns={brief(self.patterns)}; expected a dict of regular expressions.")
        if not isinstance(self.reveal, Iterable):
            raise UsageError(f"reveal={brief(self.reveal)}; expected a rule name, or several.")
        patterns = {name: _compile(name, pattern) for name, pattern in self.patterns.items()}
        reveal = (self.reveal,) if isinstance(self.reveal, str) else tuple(self.reveal)
        object.__setattr__(self, "patterns", patterns)
        object.__setattr__(self, "reveal", reveal)
        known = [rule for rule in RULES if rule != "key"]
        for name in reveal:
            if name == "key":
                raise UsageError("reveal='key' is not allowed: reports always mask API keys. Remove it.")
            if name not in known:
                raise UsageError.one_of("reveal", name, known)
        if type(self.keep_last) is not int or self.keep_last not in KEPT_DIGITS:
            raise UsageError(f"keep_last={brief(self.keep_last)}; expected a whole number from 0 to 4.")


def _compile(name: str, pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    if not isinstance(name, str) or not _RULE_NAME.fullmatch(name) or name in RULES:
        raise UsageError(
            f"patterns: the name {brief(name)} is invalid; expected 1 to 40 letters, digits, spaces or _ . - "
            "that are not the name of a built-in rule."
        )
    try:
        compiled = re.compile(pattern)
        if compiled.search("") is not None:
            raise ValueError("it matches empty text; expected at least one character, for example + for *")
    except (re.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"patterns[{name!r}] is not a valid regular expression: {error}.") from None
    return compiled


# ---------------------------------------------------------------------------------------------------- masker

# characters of a value masked everywhere: shorter values are also ordinary words
MIN_SECRET_LENGTH = 12
MAX_PREFIXES = 500  # prefixes of secrets in one regular expression for Arrow
MASK = re.compile(r"\[([\w .-]{1,40}) \d{1,9}(?: (?:…|\\u2026)\d{1,4})?\]")
_NUMBER_OR_TIME = re.compile(r"[\d.,:;eETZ+-]+")
_ID_OR_TIME = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"
)


class Masker:
    """Masks the data of one report. Not thread-safe: it numbers the values that it finds.

    `keys` are masked everywhere, by the rule `key`; without a policy that is the only rule. What `own_words`
    contains, the text of the report's template, is masked where it is found, and is no secret elsewhere.
    """

    def __init__(self, policy: Redaction | None, keys: Collection[str] = ()) -> None:
        self.policy, self.own_words = policy, ""
        self.keys = tuple(sorted(keys, key=len, reverse=True))
        self.counts: Counter[str] = Counter()  # different masked values, by rule
        # the masks of values that no finished file may contain
        self.secrets: dict[str, str] = {}
        policy = policy or Redaction(reveal=[name for name in RULES if name != "key"])
        rules = [("key", re.compile("|".join(map(re.escape, self.keys))))] if keys else []
        self._rules = [*rules, *(rule for rule in BUILTIN_RULES if rule[0] not in policy.reveal)]
        self._names = {name for name, _ in self._rules}
        self._custom_rules = [(name, re.compile(pattern)) for name, pattern in policy.patterns.items()]
        self._prefilter = "" if policy.patterns else "|".join([PREFILTER, *map(_quoted, self.keys)])
        self._keep_last = policy.keep_last
        self._masks: dict[str, str] = {}  # by value
        self._candidates: set[str] = set()  # texts that may need masks
        self._masked: dict[str, str] = {}  # by original text

    @property
    def texts(self) -> dict[str, int]:
        """The number of different texts with masks, by rule."""
        texts = self._masked.values()
        return {rule: sum(f"[{rule} " in text for text in texts) for rule in self.counts}

    def scan(self, texts: Iterable[str]) -> None:
        """Search all texts before any is masked: what looks like a secret is masked in each of them."""
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
        """Find keys and secrets in a finished file, as it is and with JSON, HTML or URL escapes."""
        values = [*self.keys, *self.secrets]
        found: set[str] = set()
        for _ in range(MAX_ESCAPE_LAYERS + 2):  # and those of the file
            if texts_with([text], _patterns(values)):
                found |= {value for value in values if value in text}
            text = unescape_all(text)
        return found

    def text(self, text: str) -> str:
        """Mask a text that was not scanned before."""
        text = jsontext.as_unicode(text)
        self.scan([text])
        return self._mask_text(text)

    def run(self, run: Run) -> Run:
        """Mask a run that was scanned as JSON text.

        Raises `ContractError` if a custom pattern masks field names of the API.
        """
        text = run.to_json()
        masked = self._edit(text, self._mask_text) if self._masks else text
        return run if masked == text else Run.from_json(jsontext.loads(masked.encode()))

    def tables(self, tables: Mapping[str, pd.DataFrame], texts: Iterable[str] = ()) -> dict[str, Any]:
        """Scan frames and further texts, and return the masked frames by name."""
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
        return cast(masked, frame) if changed and frame in COLUMNS else masked

    def _mask_text(self, text: str) -> str:
        if text not in self._candidates:
            return text
        if text not in self._masked:
            self._masked[text] = self._edit(text, self._mask_text)
        return self._masked[text]

    def _edit(self, text: str, edit_part: Callable[[str], str | None]) -> str:
        """Mask a text. In JSON, fields are masked by their names, and `edit_part` edits all other texts."""
        value = _parse_json(text)
        if value is None:
            return self._replace(text, MAX_ESCAPE_LAYERS)
        before = jsontext.dumps(value)
        todo: list[tuple[Any, str]] = [(value, "")]
        for item, outer in todo:
            rules = _field_rules(item, outer)
            if isinstance(item, dict):
                _rename(item, [edit_part(name) or name for name in item])
            children = enumerate(item) if isinstance(item, list) else item.items()
            for (key, child), rule in zip(children, rules, strict=True):
                if isinstance(child, dict | list):
                    todo.append((child, rule))
                elif rule in self._names and (secret := _field_value(child, rule)):
                    item[key] = self._mask(rule, secret)
                elif isinstance(child, str):
                    item[key] = edit_part(child) or child
        after = jsontext.dumps(value)
        return text if after == before else after

    def _replace(self, text: str, layers: int) -> str:
        """Mask all matches in a text; if something is found under its escapes, in the unescaped text.

        Of two that overlap, the first and longest mask comes first.
        """
        plain = unescape_all(text) if layers else text
        if plain != text and (masked := self._replace(plain, layers - 1)) != plain:
            return masked
        parts, end = [], 0
        for start, minus_stop, rule, mask in sorted(self._matches(text)):
            if (stop := -minus_stop) > end:
                parts += [text[end:start], mask or self._mask(rule, text[start:stop])]
                end = stop
        return "".join([*parts, text[end:]])

    def _matches(self, text: str) -> Iterator[tuple[int, int, str, str]]:
        """Find what to mask: start, minus stop, and the rule or the mask that is known."""
        for rule, pattern in self._rules:
            for start, stop in _spans(pattern, text):
                yield start, -stop, rule, ""
        is_id = _ID_OR_TIME.fullmatch(text)  # ids join frames: all of one is masked, or nothing
        for rule, pattern in self._custom_rules:
            for match in filter(None, [pattern.fullmatch(text)] if is_id else pattern.finditer(text)):
                yield match.start(), -match.end(), rule, ""
        for match in MASK.finditer(text):  # a mask of this report stays as it is
            if match[0] in self._masks.values():
                yield match.start(), -match.end(), "", match[0]
        for secret, mask in self.secrets.items():
            if secret in text:
                for match in re.finditer(re.escape(secret), text):
                    yield match.start(), -match.end(), "", mask

    def _mask(self, rule: str, value: str) -> str:
        """Return the mask of a value, and keep its parts that look like secrets."""
        normal = unescape_all(value)
        if rule in _TAX_WORDS:
            normal = "".join(filter(str.isdigit, normal))  # equal values get equal masks
        elif rule == "email":
            normal = normal.casefold()
        if normal not in self._masks:
            self.counts[rule] += 1
            tail = f" …{normal[-self._keep_last :]}" if self._keep_last and rule in _TAX_WORDS else ""
            self._masks[normal] = f"[{rule} {self.counts[rule]}{tail}]"
        for part in _secret_parts(value):
            if part not in self.own_words:
                self.secrets.setdefault(part, self._masks[normal])
        return self._masks[normal]


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and stop of what a built-in pattern masks: its group, or without groups all of it.

    Of the group `each`, every number is masked by itself.
    """
    for match in pattern.finditer(text):
        group = match.lastgroup
        if group == "each":
            yield from (number.span() for number in _EACH_NUMBER.finditer(text, *match.span(group)))
        elif group:
            yield match.span(group)
        elif not pattern.groups:  # else the match is of an alternative that keeps its text
            yield match.span()


def _secret_parts(value: str) -> Iterator[str]:
    """Yield the parts of a value that look like secrets: long, letters and digits, no time."""
    plain = unescape_all(value)
    for part in {*plain.split(), *re.split(r"[\s=&;:]+", plain)}:
        secret = re.sub(r"\A[\W_]+|[\W_]+\Z", "", part)
        is_mixed = any(map(str.isalpha, secret)) and any(map(str.isdigit, secret))
        if len(secret) >= MIN_SECRET_LENGTH and is_mixed and not _NUMBER_OR_TIME.fullmatch(secret):
            yield secret


def _unique_texts(frame: str, df: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Yield the unique texts of each column, except known category values."""
    known = {column.name: column.words for column in COLUMNS.get(frame, ())}
    for name in map(str, df.select_dtypes(["str", "category"]).columns):
        unique = df[name].dropna().astype("str").unique()
        yield name, [text for text in unique if text not in known.get(name, ())]


def texts_with(texts: list[str], patterns: Iterable[str]) -> list[str]:
    """Filter texts by RE2 patterns: Arrow searches 50 times as fast as Python."""
    array = pa.array(texts, pa.large_string())
    has_match = pa.repeat(pa.scalar(False), len(texts))
    for pattern in patterns:
        has_match = pc.or_(has_match, pc.match_substring_regex(array, pattern, ignore_case=True))
    return list(array.filter(has_match).to_pylist())


def _patterns(values: Iterable[str]) -> list[str]:
    """Build patterns for texts that may contain one of these values."""
    prefixes = sorted({_quoted(value[:MIN_SECRET_LENGTH]) for value in values})
    starts = range(0, len(prefixes), MAX_PREFIXES)
    return ["|".join(prefixes[at : at + MAX_PREFIXES]) for at in starts]


def _quoted(text: str) -> str:
    return re.escape(text)  # a text may have the \E that ends a \Q


def _parse_json(text: str) -> Any:
    """Parse a text that is a JSON object or list; None for any other text."""
    with suppress(ValueError, RecursionError):
        return jsontext.loads(text.encode()) if text.lstrip()[:1] in ("{", "[") else None


def _rename(item: dict[str, Any], names: list[str]) -> None:
    """Give the fields of an object new names, in the same order; two equal names stay apart."""
    values = list(item.values())
    item.clear()
    for name, value in zip(names, values, strict=True):
        while name in item:
            name += " (2)"
        item[name] = value
