"""What is masked in a report: one table of named rules, and what the name of a field says of its value.

Text that is written with escapes of JSON, HTML or addresses is searched as it stands and with them undone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from runkit.text import unescape

MAX_ESCAPE_LAYERS = 2  # of escapes: those of a text itself, and those that were put around it

# --------------------------------------------------------------------------------------------------- patterns

_DASH = "[-‐‑‒–—−﹣－]"
_START, _END = rf"(?:(?<!\w)|(?<=EIN|TIN|SSN))(?<!{_DASH})", rf"(?!\w|{_DASH}\w|\.[0-9])"
_NINE = r"(?<!\w)(?:[0-9]{9}|[0-9]{2}[ .]?[0-9]{7}|[0-9]{3}[ .][0-9]{2}[ .][0-9]{4})(?!\w|[.,][0-9])"
_EACH_NINE = rf"(?P<each>{_NINE}(?:\s?(?:,|/|and|or|vs\.?|not|against)?\s?{_NINE}){{0,9}})"
_EIN_WORD = r"(?-i:F?EINs?|TINs?)|tax(?:payer)?[ _-]?(?:id|no|number)\w*|employer[ _-]?id\w*"
_SSN_WORD = r"(?-i:SSNs?|ITINs?)|social[ _-]security"
_VALUE = r"[^\s\"'“”<>,;\\\[\]]"
_STOP = r"(?<![.:!?)}])"  # punctuation after a value is none of it
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
_NAMED = rf"(?<![?&#\w])(?<!&amp;)(?:[\w-]{{1,40}}[_-])?{_NAME}"  # in a query, other rules decide
_IS = r"(?:password|passphrase|pwd|pin|token|secret|(?:api|access) key) (?:is|was):? ?"
_COOKIE = r"[\w.-]+=[^\s\"'<>,;]*"

# Parameters of an address that open a door: of OAuth, OpenID and SAML, sessions, signed links of clouds.
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
    """A named way to find secrets: a match, or its named group, or each number in the group `each`."""

    name: str
    pattern: re.Pattern[str]


def _nine_digits(words: str, acronyms: str) -> tuple[str, ...]:
    """Find nine digits beside a word; "ein" and "tin" are other words, too, and count right before them."""
    return (
        # "EIN given was 123456789", "tax id (123456789)", but not "EIN checked: revenue 250000000"
        rf"(?<![^\W_])(?:{words})(?:[ _-][^\W\d_]+){{0,4}}[^\w\n;]{{1,5}}{_EACH_NINE}",
        rf"(?<![^\W_])(?:{acronyms})[\"']?[ :=#]{{1,3}}[\"']?{_EACH_NINE}",
        rf"(?P<each>{_NINE})(?: ?\((?:{words})\)| (?:is|as|was) (?:(?:the|an?|its|their) )?(?:{words})\b)",
    )


_PATTERNS = {
    "key": (
        # by their form: Middesk, Stripe, OpenAI, webhooks, Slack, AWS, Google, GitHub, JSON Web Tokens, …
        r"mk_(?:live|test)_(?=[\w-]{4})[^\s\"'<>,;\\)\]}&%]+",
        r"\b[sr]k_(?:live|test)_\w{8,}|\bsk-[\w-]{20,}|\bwhsec_[\w+/=-]{16,}|\bxox[abeprs]-[\w-]{10,}",
        r"(?-i:\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,})",
        r"\b(?:gh[pousr]|hf|github_pat)_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_\w{30,}|\bpypi-[\w-]{20,}",
        r"\bhooks\.slack\.com/(?:services|workflows|triggers)/(?P<it>[\w/]{8,})",
        r"(?<![\w-])(?-i:eyJ)[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*)?",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{1,20000}-----END",
        # by the words before them
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
    "email": (rf"//{_LOGIN}@|(?P<it>{_MAIL})",),  # the end of a login and its host are no address
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
"""The names, as `Redaction.reveal` takes them."""
_EACH_NUMBER = re.compile(_NINE)

# What every match of the table holds, in the syntax of RE2.
PREFILTER = (
    r"[@＠﹫\\&%\x{ad}\x{200b}-\x{200f}\x{2060}\x{feff}]|\b\d{2}\W?\d{7}\b|\b\d{3}\W\d{2}\W\d{4}\b|:\d{7,9}\b"
    r"|mk_|[sr]k[_-]|whsec|akia|asia|aiza|sg\.|gh[pousr]_|hf_|github_|glpat-|npm_|xox|pypi-|slack|eyj|key|auth"
    r"|bearer|basic|cookie|pass|pwd|pin|token|secret|[?#&;][\w-]+="
)


class Match(NamedTuple):
    """A secret in a text: its place, the rule, and the value, with escapes undone."""

    start: int
    end: int
    rule: str
    value: str


def find_matches(text: str, table: Sequence[Rule]) -> list[Match]:
    """Find secrets in a text and in what it says once its escapes are undone; places are in the text."""
    found: dict[tuple[int, int], Match] = {}
    for words, at in reversed(list(unescaped_views(text))):  # what it says, and then how it is written
        for rule in table:
            for start, end in (span for match in rule.pattern.finditer(words) for span in _spans(match)):
                place = at[start], at[end]
                found.setdefault(place, Match(*place, rule.name, words[start:end]))
    return sorted(found.values())


def _spans(match: re.Match[str]) -> list[tuple[int, int]]:
    if match.lastgroup == "each":
        return [number.span() for number in _EACH_NUMBER.finditer(match.string, *match.span("each"))]
    return [match.span(match.lastgroup or 0)] if match.lastgroup or not match.re.groups else []


# ---------------------------------------------------------------------------------------------------- escapes

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]"
    r"|&#[0-9]{1,7};?|&#[xX][0-9a-fA-F]{1,6};?|&[a-zA-Z][a-zA-Z0-9]{1,31};"
    r"|%[0-7][0-9a-fA-F]|%[c-dC-D][0-9a-fA-F]%[89abAB][0-9a-fA-F]|%[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}"
    "|[\xad\u200b-\u200f\u2060\ufeff]"  # nobody sees these between two digits
)


def unescaped_views(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Give a text as it stands, and with its escapes undone; and where each character begins in the text."""
    at: Sequence[int] = range(len(text) + 1)
    yield text, at
    for _ in range(MAX_ESCAPE_LAYERS):
        if not _ESCAPE.search(text):
            return
        text, at = _unescape_with_positions(text, at)
        yield text, at


def _unescape_with_positions(text: str, at: Sequence[int]) -> tuple[str, Sequence[int]]:
    words: list[str] = []
    places: list[int] = []
    last = 0
    for match in _ESCAPE.finditer(text):
        start, plain = match.start(), _unescape_match(match)
        words += (text[last:start], plain)
        places += [*at[last : start + bool(plain)], *[at[match.end()]] * (len(plain) - 1)]
        last = match.end()
    return "".join([*words, text[last:]]), [*places, *at[last:]]


def unescape_all(text: str) -> str:
    """Undo escapes of JSON, HTML and addresses."""
    return _ESCAPE.sub(_unescape_match, text)


def _unescape_match(match: re.Match[str]) -> str:
    written = match[0]
    if written[0] == "\\":
        return str(json.loads(f'"{written}"'))
    if written[0] == "&":
        return unescape(written)
    return bytes.fromhex(written.replace("%", "")).decode("utf-8", "replace") if written[0] == "%" else ""


# ---------------------------------------------------------------------------------------------- JSON's fields

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of tax_id, taxId, TAX-ID
_KEY_FIELD = re.compile(  # how the name ends; a lone "pass" is an outcome, and "auth" a way to log in
    r"(?:authorization|pass(?:word|wd|phrase)|pwd|secret|cookie"
    r"|(?:^|access|api|auth|bearer|csrf|id|refresh|session)token"
    r"|(?:access|account|api|auth|private|secret|signing)key)\Z"
)
_TAX_FIELD = {
    "ein": r"f?ein|tin|tax(?:payer)?_?(?:id|no|number)\w*|employer_?id\w*",
    "ssn": r"ssn|itin|social_?security\w*",
}
_VALUE_FIELDS = ("value", "Value")
_NAME_FIELDS = ("name", "key", "field", "label", "header", "Name", "Key")  # what holds the name of a "value"
_SCHEME = re.compile(r"(?:bearer|basic|token|digest)\s+", re.IGNORECASE)
_WORDS_OR_COUNT = re.compile(r"[^\W\d]+(?:[ -][^\W\d]+)*|[\d.,+-]{1,6}")


@lru_cache(4096)
def field_rule(name: str, *, is_whole: bool = False) -> str:
    """Give the rule that a field's name calls for, or none; `is_whole`: if it says nothing else."""
    if _KEY_FIELD.search("".join(filter(str.isalnum, name)).casefold()):
        return "key"
    words = "_".join(_WORD.findall(name)).casefold()
    for rule, pattern in _TAX_FIELD.items():
        if re.fullmatch(pattern if is_whole else rf"(?:\w*_)?(?:{pattern})(?:_\w*)?", words):
            return rule
    return ""


def field_rules(item: Mapping[str, Any] | Sequence[Any], outer: str) -> list[str]:
    """Give the rules of fields or items: by name, by a name beside them, or that of what they are in.

    `{"name": "password", "value": "…"}` and `["Authorization", "Bearer …"]` name what stands beside.
    """
    if not isinstance(item, Mapping):
        is_pair = len(item) == 2 and isinstance(item[0], str) and not _is_word(item[1])
        return [outer, field_rule(item[0]) or outer] if is_pair else [outer] * len(item)
    beside = (item[name] for name in _NAME_FIELDS if isinstance(item.get(name), str))
    named = next(filter(None, map(field_rule, beside)), outer)
    # {"tin_check": {"revenue": …}} holds other numbers, too: there the name has to be that of a number alone
    return [
        field_rule(name, is_whole=isinstance(child, Mapping)) or (named if name in _VALUE_FIELDS else outer)
        for name, child in item.items()
    ]


def _is_word(item: object) -> bool:
    text = str(item)
    return not _SCHEME.match(text) and _WORDS_OR_COUNT.fullmatch(text) is not None


def field_value(value: object, rule: str) -> str | None:
    """Give what is to be masked of a field's value by its rule; None where the value is none of that kind."""
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
