"""The redaction policy of a report, and the masking rules: one table of named rules, and rules by field name.

Text with JSON, HTML or URL escapes is searched as it is and unescaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from runkit.errors import UsageError
from runkit.text import brief, unescape

MAX_ESCAPE_LAYERS = 2  # those of a text itself, and those of the text that contains it

# --------------------------------------------------------------------------------------------------- patterns

_DASH = "[-‐‑‒–—−﹣－]"
_START, _END = rf"(?:(?<!\w)|(?<=EIN|TIN|SSN))(?<!{_DASH})", rf"(?!\w|{_DASH}\w|\.[0-9])"
_NINE = r"(?<!\w)(?:[0-9]{9}|[0-9]{2}[ .]?[0-9]{7}|[0-9]{3}[ .][0-9]{2}[ .][0-9]{4})(?!\w|[.,][0-9])"
_EACH_NINE = rf"(?P<each>{_NINE}(?:\s?(?:,|/|and|or|vs\.?|not|against)?\s?{_NINE}){{0,9}})"
_EIN_WORD = r"(?-i:F?EINs?|TINs?)|tax(?:payer)?[ _-]?(?:id|no|number)\w*|employer[ _-]?id\w*"
_SSN_WORD = r"(?-i:SSNs?|ITINs?)|social[ _-]security"
_VALUE = r"[^\s\"'“”<>,;\\\[\]]"
_STOP = r"(?<![.:!?)}])"  # punctuation after a value is not part of it
_HAS_DIGIT = r"(?=[^\s\"']{0,200}\d)"
_NO_WORD = (
    rf"(?=[^\s\"']{{0,200}}\d|{_VALUE}{{20}})"  # "bearer shares" and "authorization: pending" are words
)
_QUOTED = r"[\"'“](?P<quoted>[^\"'“”\\\n]{1,500})[\"'”]"
_NAME = (
    r"(?:(?:api|access|account|auth|private|secret|signing|shared[ _-]?access)[ _-]?key"
    r"|pass(?:word|wd|phrase)|pwd|(?:client[ _-]?)?secret"
    r"|(?:(?:access|refresh|session|auth|api|id|bearer|csrf)[ _-]?)?token)"
)
_NAMED = rf"(?<![?&#\w])(?<!&amp;)(?:[\w-]{{1,40}}[_-])?{_NAME}"  # in a URL query, other rules apply
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
_IN_QUERY = rf"(?=[^\s&;#]{{0,500}}\d|{_QUERY}{{20}})"  # empty and word-like ones stay: `?sig=`, `?key=acme`
_LOGIN = r"[^\s/?#\"'<>\\]+"
_MAIL_END = r"\s@＠﹫<>()\[\]{}\"'“”‘’,;:/\\=|?&#!…*%"
_MAIL = (
    rf"(?<![^{_MAIL_END}])(?<![^{_MAIL_END}]')[^{_MAIL_END}]+(?:'[^{_MAIL_END}]+){{0,2}}"
    rf"[@＠﹫](?:[^.．。{_MAIL_END}]+[.．。])+[^\W\d_][^.．。{_MAIL_END}]*"
)


class Rule(NamedTuple):
    """A named pattern of secrets: the whole match, its named group, or each number in the group `each`."""

    name: str
    pattern: re.Pattern[str]


def _nine_digits(words: str, acronyms: str) -> tuple[str, ...]:
    """Build patterns for nine digits next to `words`, or right after `acronyms`, which are also words."""
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
    "email": (rf"//{_LOGIN}@|(?P<it>{_MAIL})",),  # the end of a login with its host is not an address
    "ein": (rf"{_START}[0-9]{{2}}{_DASH}[0-9]{{7}}{_END}", *_nine_digits(_EIN_WORD, "f?ein|tin")),
    "ssn": (
        rf"{_START}[0-9]{{3}}{_DASH}[0-9]{{2}}{_DASH}[0-9]{{4}}{_END}",
        *_nine_digits(_SSN_WORD, "ssn|itin"),
    ),
}
BUILTIN_RULES = tuple(
    Rule(name, re.compile(one, re.IGNORECASE)) for name in _PATTERNS for one in _PATTERNS[name]
)
RULES = tuple(_PATTERNS)
"""The rule names that `Redaction.reveal` accepts."""
_EACH_NUMBER = re.compile(_NINE)

# Every match of a built-in rule contains this (RE2 syntax).
PREFILTER = (
    r"[@＠﹫\\&%\x{ad}\x{200b}-\x{200f}\x{2060}\x{feff}]|\b\d{2}\W?\d{7}\b|\b\d{3}\W\d{2}\W\d{4}\b|:\d{7,9}\b"
    r"|mk_|[sr]k[_-]|whsec|akia|asia|aiza|sg\.|gh[pousr]_|hf_|github_|glpat-|npm_|xox|pypi-|slack|eyj|key|auth"
    r"|bearer|basic|cookie|pass|pwd|pin|token|secret|[?#&;][\w-]+="
)


class Match(NamedTuple):
    """A secret in a text: its position, the rule, and the unescaped value."""

    start: int
    end: int
    rule: str
    value: str


def find_matches(text: str, table: Sequence[Rule]) -> list[Match]:
    """Find secrets in a text and in its unescaped forms; positions refer to the text."""
    matches: dict[tuple[int, int], Match] = {}
    for view, positions in reversed(list(unescaped_views(text))):  # an unescaped value comes first
        for rule in table:
            for start, end in (span for match in rule.pattern.finditer(view) for span in _spans(match)):
                span_in_text = positions[start], positions[end]
                matches.setdefault(span_in_text, Match(*span_in_text, rule.name, view[start:end]))
    return sorted(matches.values())


def _spans(match: re.Match[str]) -> list[tuple[int, int]]:
    if match.lastgroup == "each":
        return [number.span() for number in _EACH_NUMBER.finditer(match.string, *match.span("each"))]
    return [match.span(match.lastgroup or 0)] if match.lastgroup or not match.re.groups else []


# ---------------------------------------------------------------------------------------------------- escapes

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]"
    r"|&#[0-9]{1,7};?|&#[xX][0-9a-fA-F]{1,6};?|&[a-zA-Z][a-zA-Z0-9]{1,31};"
    r"|%[0-7][0-9a-fA-F]|%[c-dC-D][0-9a-fA-F]%[89abAB][0-9a-fA-F]|%[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}"
    "|[\xad\u200b-\u200f\u2060\ufeff]"  # invisible between two digits
)


def unescaped_views(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield a text as it is and unescaped, each with the position of every character in the text."""
    positions: Sequence[int] = range(len(text) + 1)
    yield text, positions
    for _ in range(MAX_ESCAPE_LAYERS):
        if not _ESCAPE.search(text):
            return
        text, positions = _unescape_with_positions(text, positions)
        yield text, positions


def _unescape_with_positions(text: str, positions: Sequence[int]) -> tuple[str, Sequence[int]]:
    parts: list[str] = []
    result: list[int] = []
    last = 0
    for match in _ESCAPE.finditer(text):
        start, plain = match.start(), _unescape_match(match)
        parts += (text[last:start], plain)
        result += [*positions[last : start + bool(plain)], *[positions[match.end()]] * (len(plain) - 1)]
        last = match.end()
    return "".join([*parts, text[last:]]), [*result, *positions[last:]]


def unescape_all(text: str) -> str:
    """Decode JSON, HTML and URL escapes."""
    return _ESCAPE.sub(_unescape_match, text)


def _unescape_match(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[0] == "\\":
        return str(json.loads(f'"{escape}"'))
    if escape[0] == "&":
        return unescape(escape)
    return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace") if escape[0] == "%" else ""


# ---------------------------------------------------------------------------------------------- JSON's fields

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of tax_id, taxId, TAX-ID
_KEY_FIELD = re.compile(  # the end of the name; "pass" alone is an outcome, "auth" a way to log in
    r"(?:authorization|pass(?:word|wd|phrase)|pwd|secret|cookie"
    r"|(?:^|access|api|auth|bearer|csrf|id|refresh|session)token"
    r"|(?:access|account|api|auth|private|secret|signing)key)\Z"
)
_TAX_FIELD = {
    "ein": r"f?ein|tin|tax(?:payer)?_?(?:id|no|number)\w*|employer_?id\w*",
    "ssn": r"ssn|itin|social_?security\w*",
}
_VALUE_FIELDS = ("value", "Value")
_NAME_FIELDS = ("name", "key", "field", "label", "header", "Name", "Key")  # fields with the name of a "value"
_SCHEME = re.compile(r"(?:bearer|basic|token|digest)\s+", re.IGNORECASE)
_WORDS_OR_COUNT = re.compile(r"[^\W\d]+(?:[ -][^\W\d]+)*|[\d.,+-]{1,6}")


@lru_cache(4096)
def field_rule(name: str, *, is_whole: bool = False) -> str:
    """Return the rule for a field name, or ""; `is_whole`: only if the name has no other words."""
    if _KEY_FIELD.search("".join(filter(str.isalnum, name)).casefold()):
        return "key"
    words = "_".join(_WORD.findall(name)).casefold()
    for rule, pattern in _TAX_FIELD.items():
        if re.fullmatch(pattern if is_whole else rf"(?:\w*_)?(?:{pattern})(?:_\w*)?", words):
            return rule
    return ""


def field_rules(item: Mapping[str, Any] | Sequence[Any], outer: str) -> list[str]:
    """Return the rules of fields or items: by name, by a name next to them, or the rule of the outer field.

    `{"name": "password", "value": "…"}` and `["Authorization", "Bearer …"]` have the name next to the value.
    """
    if not isinstance(item, Mapping):
        is_pair = len(item) == 2 and isinstance(item[0], str) and not _is_word(item[1])
        return [outer, field_rule(item[0]) or outer] if is_pair else [outer] * len(item)
    beside = (item[name] for name in _NAME_FIELDS if isinstance(item.get(name), str))
    named = next(filter(None, map(field_rule, beside)), outer)
    # {"tin_check": {"revenue": …}} contains other numbers, so here the whole name must be a tax number's
    return [
        field_rule(name, is_whole=isinstance(child, Mapping)) or (named if name in _VALUE_FIELDS else outer)
        for name, child in item.items()
    ]


def _is_word(item: object) -> bool:
    text = str(item)
    return not _SCHEME.match(text) and _WORDS_OR_COUNT.fullmatch(text) is not None


def field_value(value: object, rule: str) -> str | None:
    """Return the part of a field's value that its rule masks; None if the value is of another kind."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    if rule == "key":
        return _SCHEME.sub("", text, count=1) or None
    if isinstance(value, str):
        digits = re.sub(r"[ ./-]", "", text)
        return digits if re.fullmatch("[0-9]{9}", digits) else None
    whole = text.removesuffix(".0").lstrip("-").zfill(9)
    return whole if re.fullmatch("0{0,2}[1-9][0-9]{6,8}", whole) else None


MAX_KEPT_DIGITS = 4  # of an EIN or SSN: as many as banks and tax offices print
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
        for name in reveal:
            if not isinstance(name, str):
                raise UsageError(f"reveal contains {brief(name)}; expected rule names.")
            if name == "key":
                raise UsageError("reveal='key' is not allowed: reports always mask API keys. Remove it.")
            if name not in RULES and name not in patterns:
                raise UsageError.one_of("reveal", name, [*(r for r in RULES if r != "key"), *patterns])
        if type(self.keep_last) is not int or not 0 <= self.keep_last <= MAX_KEPT_DIGITS:
            raise UsageError(
                f"keep_last={brief(self.keep_last)}; expected a whole number from 0 to {MAX_KEPT_DIGITS}."
            )


def _compile(name: str, pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    if not isinstance(name, str) or not _RULE_NAME.fullmatch(name):
        raise UsageError(
            f"patterns: the name {brief(name)} is invalid; expected 1 to 40 letters, digits, spaces or _ . -"
        )
    if name in RULES:
        raise UsageError(f"patterns: {name!r} is the name of a built-in rule; choose another name.")
    try:
        compiled = re.compile(pattern)
        matches_empty = compiled.search("") is not None
    except (re.error, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"patterns[{name!r}] is not a valid regular expression: {error}.") from None
    if matches_empty:
        raise UsageError(
            f"patterns[{name!r}] matches empty text; expected at least one character, for example + for *."
        )
    return compiled
