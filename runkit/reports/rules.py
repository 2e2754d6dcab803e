"""What is a secret: the built-in rules that find one by its form, and the names of fields that tell one.

Where two rules find the same place, the first in `RULES` counts. All patterns are linear: a match can begin
only where a word begins, or its repetitions are bounded.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from runkit.values import RESOLUTIONS, RUN_STATUSES, STEP_STATUSES, STEP_TYPES

_HEX_ID = 12  # characters, from which on a word of hexadecimal digits is an id: the last group of a UUID
_LONGEST_WORD = 200  # characters to look at on either side of a number; the longest usual digest has 128
_TOO_LONG = 10**300
WHOLE_NUMBER = 7  # digits, from which on a tax number is told from a year or the last digits of one


class Found(NamedTuple):
    """A secret in a reading: where, by which rule, and what makes it equal to others."""

    start: int
    end: int
    rule: str
    same: str


_DASH = r"[\-+‐‑‒–—―−﹘﹣－]"
_GAP = rf"(?:(?:\s|{_DASH}){{1,3}}|{_DASH}\s{{1,40}})"  # the line may end after the dash
_SIGN_BETWEEN = r"[./_·•∙⋅]"  # of an EIN no point: that is a decimal number
_NUMBER = re.compile(
    rf"(?<!\d)(?:(?P<bare>\d{{9}})|(?P<ein>\d{{2}}(?:{_GAP}|[/_·•∙⋅])\d{{7}})"
    rf"|\d{{3}}(?:{_GAP}\d{{2}}{_GAP}|(?P<sign>{_SIGN_BETWEEN})\d{{2}}(?P=sign))\d{{4}})(?!\d)"
)
_PHONE_BEFORE = re.compile(r"\+\d{1,3}[ -]\Z")  # +49 30 1234567: a country, an area, a number
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_WORD = re.compile(r"[0-9A-Za-z]*")
_MARKS = "".join(chr(code) for code in range(0x300, 0x3100) if unicodedata.category(chr(code))[0] == "M")
_LOCAL = rf"\w{_MARKS}.+%-"
_LABEL = rf"[\w{_MARKS}-]"
_EMAIL = re.compile(
    rf"(?:(?<![{_LOCAL}])[{_LOCAL}]+(?:'[{_LOCAL}]+){{0,2}}|\"[^\"\n]{{1,64}}\")[@＠﹫]"
    rf"(?:{_LABEL}+[.．。])+[^\W\d_]{_LABEL}+"
)
LIKE_A_KEY = re.compile(r"mk_(?:live|test)_(?=[\w-]{4})[^\s\"'<>,;\\)\]}&%]+", re.IGNORECASE)
_SIGN = r"[\w.~+/=:-]"
_TELLING = rf"(?=[^\s\d\"']{{0,200}}\d|{_SIGN}{{20}})"  # "bearer shares" and "Basic checks" are no tokens
_NAMES = (
    r"(?:api[ _-]?key|password|passwd|pwd|(?:client_?)?secret|(?:private|secret|(?:secret_?)?access)_?key"
    r"|(?:(?:access|refresh|session|auth|api|id)_?)?token)"
)
_BEFORE = r"\b(?:x-|aws_)?"
_KEYS = (
    LIKE_A_KEY,
    re.compile(
        r"\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
        rf"(?:(?:bearer|basic|token|digest)\s{{1,3}}|{_TELLING})(?P<it>{_SIGN}{{3,}})",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?:bearer|basic|token)\s{{1,3}}(?P<it>{_TELLING}{_SIGN}{{6,}})", re.IGNORECASE),
    re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*)?"),
    re.compile(rf"[\"']{_NAMES}[\"']\s{{0,3}}:\s{{0,3}}([\"'])(?P<it>[^\"'\\\n]+)\1", re.IGNORECASE),
    re.compile(
        rf":\s{{0,3}}[\"']{_NAMES}[\"']\s{{0,3}},\s{{0,9}}[\"']value[\"']\s{{0,3}}:\s{{0,3}}"
        r"([\"'])(?P<it>[^\"'\\\n]+)\1",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:sk|rk)_(?:live|test)_\w{8,}|\bsk-[\w-]{20,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}"
        r"|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bnpm_\w{30,}"
        r"|\bhf_\w{20,}|\bpypi-[\w-]{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
    ),
    re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{1,20000}-----END"),
    re.compile(
        rf"{_BEFORE}{_NAMES}(?::|\s{{0,3}}=)\s{{1,3}}(?P<it>(?=[^\s\d]{{0,200}}\d)[^\s\"'<>&;,\\\[]{{6,}})",
        re.IGNORECASE,
    ),
    re.compile(rf"{_BEFORE}{_NAMES}=(?P<it>[^\s\"'<>&;,\\\[]{{4,}})", re.IGNORECASE),
)
_LOGIN = re.compile(r"//(?P<it>[^\s/?#\"'<>\\]+)@")
# Also after a path (`/a;sig=`), or where the front of an address was cut off (`…&sig=`).
_QUERY = re.compile(r"[?#;&](?P<it>[^\s\"'<>\\^`{|}?#]+)")
_DOORS = "|".join(
    (
        # OAuth 1 and 2 with their extensions (RFC 5849, 6749, 7521, 7636, 8628), OpenID Connect, SAML
        r"(?:[a-z]{1,20}[_-]){0,2}token|id_token_hint|oauth_(?:verifier|signature|token_secret)|code_verifier"
        r"|(?:client_)?(?:secret|assertion)|device_code|user_code|saml(?:response|art)|password|auth|jwt",
        # signed links of AWS (versions 2 and 4, CloudFront), Google, Alibaba and Azure
        r"x-(?:amz|goog|oss)-(?:signature|credential|security-token)|signature|sig|se|expires|key-pair-id"
        r"|(?:aws|oss)accesskeyid|googleaccessid",
        # keys and sessions
        r"(?:(?:access|auth|api)_?)?key|(?:j|php)?sess(?:ion)?(?:_?id)?",
    )
)
# Codes of trades are shorter: one of OAuth should have 128 bits (RFC 6749, 10.10), which 22 signs can hold.
_LONG_DOORS = r"code|state|nonce|ticket"
_SIGNED = re.compile(rf"(?:^|[&;])(?:(?:{_DOORS})=|(?:{_LONG_DOORS})=[^&;]{{16}})", re.IGNORECASE)


def numbers(text: str) -> Iterator[Found]:
    """Find EIN and SSN; nine bare digits are `bare`: which of the two they are is not written on them."""
    for found in _NUMBER.finditer(text):
        start, end = found.span()
        if stands_alone(text, start, end):
            rule = next((name for name in ("bare", "ein") if found[name]), "ssn")
            yield Found(start, end, rule, digits(found[0]))


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a number is one by itself: no part of a longer one, of a hexadecimal id or a phone number."""
    before = text[max(start - _LONGEST_WORD, 0) : start]
    if before[-1:].isdecimal() or text[end : end + 1].isdecimal():
        return False
    if before[-1:] == "." and before[-2:-1].isdecimal():  # decimals of a second
        return False
    left, right = _word(before[::-1]), _word(text[end : end + _LONGEST_WORD])
    word = left[::-1] + "".join(filter(str.isalnum, text[start:end])) + right
    if (left or right) and len(word) >= _HEX_ID and _HEX.fullmatch(word):
        return False
    return not (text[start + 2 : start + 3] in " -" and _PHONE_BEFORE.search(before[-5:]))


def _word(text: str) -> str:
    found = _WORD.match(text)
    return found[0] if found else ""


def digits(text: str) -> str:
    """The digits of a number, in ASCII."""
    return "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())


def emails(text: str) -> Iterator[Found]:
    """Find addresses for mail, in letters of any script."""
    if "@" in text or "＠" in text or "﹫" in text:
        for found in _EMAIL.finditer(text):
            yield Found(*found.span(), "email", found[0].casefold().replace("＠", "@").replace("﹫", "@"))


def keys(text: str) -> Iterator[Found]:
    """Find keys and tokens that can be told by their form or by the words before them."""
    if _KEY_HINT.search(text):
        for pattern in _KEYS:
            for found in pattern.finditer(text):
                it = "it" if "it" in pattern.groupindex else 0
                yield Found(*found.span(it), "key", found[it])


_KEY_HINT = re.compile(
    r"mk_|[sr]k[_-]|A[KS]IA|gh[pousr]_|github_|glpat-|xox|AIza|npm_|hf_|pypi-|SG\.|bearer|basic|token|eyJ|auth|key"
    r"|pass|pwd|secret",
    re.IGNORECASE,
)


def logins(text: str) -> Iterator[Found]:
    """Find names and passwords in addresses."""
    if "@" in text:
        for found in _LOGIN.finditer(text):
            yield Found(*found.span("it"), "url_login", found["it"])


def signed_queries(text: str) -> Iterator[Found]:
    """Find queries of addresses that open a door to whoever has them."""
    if "=" in text:
        for found in _QUERY.finditer(text):
            if _SIGNED.search(found["it"]):
                yield Found(*found.span("it"), "signed_url", found["it"])


FINDERS: dict[str, Callable[[str], Iterator[Found]]] = {
    "key": keys,
    "signed_url": signed_queries,
    "url_login": logins,
    "email": emails,
    "ein": numbers,
    "ssn": numbers,
}
"""The built-in rules in the order of precedence, where two find the same place."""
RULES = tuple(FINDERS)

# ---------------------------------------------------------------------------------------------- field names

_TAX_FIELDS = {
    **dict.fromkeys(("ein", "fein", "tin", "taxid", "taxpayerid", "tinnumber", "einnumber"), "ein"),
    **dict.fromkeys(("taxidnumber", "taxidentificationnumber"), "ein"),
    **dict.fromkeys(("ssn", "itin", "ssnnumber", "socialsecuritynumber"), "ssn"),
}
_TAX_WORDS = {"ein", "fein", "tin", "itin", "ssn", "tax", "taxpayer", "employer", "social"}
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # of tax_id, taxId, TAX-ID
# How the name of a key's field ends. A lone "pass" is an outcome, and "auth" a way to log in.
_KEY_FIELD = re.compile(
    r"(?:authorization|password|passwd|passphrase|pwd|secret|cookie"
    r"|(?:^|access|api|auth|bearer|csrf|id|refresh|session)token|(?:access|api|auth|private|secret)key)\Z"
)
# Under a name as above, the number itself, or a piece of it.
TAX_LEAVES = {"value", "number", "digits", "raw", "formatted", "prefix", "suffix", "area", "group", "serial"}
_TIMES = {"created_at", "updated_at", "started_at", "completed_at", "ended_at", "read_at"}
_WORDS = {"status": {*RUN_STATUSES, *STEP_STATUSES}, "type": {*STEP_TYPES}, "resolution": {*RESOLUTIONS}}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?")
FIELD_HINT = re.compile(
    r"\d{7}|tin|ein|ssn|tax|employer|auth|key|pass|pwd|secret|token|cookie|social", re.IGNORECASE
)
SCHEME = re.compile(r"(?:bearer|basic|token|digest)\s+", re.IGNORECASE)
_NAMING = (
    "name",
    "key",
    "field",
    "label",
    "header",
    "Name",
    "Key",
)  # in capitals in lists of headers and tags
_WORDS_OR_COUNT = re.compile(r"[^\W\d]{1,15}(?:[ -][^\W\d]{1,15}){0,8}|[\d.,+-]{1,6}")


@lru_cache(4096)
def field_rule(name: str) -> str | None:
    """Give the rule that a field's name calls for: what stands there is a secret whatever it looks like."""
    plain = "".join(filter(str.isalnum, name)).casefold()
    return "key" if _KEY_FIELD.search(plain) else _TAX_FIELDS.get(plain)


def named(item: dict[Any, Any] | Sequence[Any]) -> tuple[Any, str]:
    """Give which value goes by a telling name that stands beside it, and that name; "" if there is none.

    `{"name": "password", "value": "…"}` and `["Authorization", "Bearer …"]`. In a list, two words may both be
    names, and a number of few digits may count something.
    """
    at: str | int = 1
    beside: Sequence[Any] = ()
    if isinstance(item, dict):
        at = "value" if "value" in item else "Value"
        if at in item:
            beside = [item[key] for key in _NAMING if key in item]
    elif len(item) == 2 and _is_value(item[1]):
        beside = item[:1]
    for name in beside:
        if isinstance(name, str) and (field_rule(name) or speaks_of_tax(name)):
            return at, name
    return at, ""


def _is_value(item: object) -> bool:
    said = spelled(item) if isinstance(item, str | int | float) else ""
    return said != "" and (bool(SCHEME.match(said)) or not _WORDS_OR_COUNT.fullmatch(said))


@lru_cache(4096)
def speaks_of_tax(name: str) -> bool:
    """Whether a field's name speaks of tax numbers, as `corrected_tin` does and `tin_match` too."""
    return any(word.casefold() in _TAX_WORDS for word in _NAME_WORD.findall(name))


def is_telling(secret: str) -> bool:
    """Whether a secret cannot be an ordinary word, which would be masked all over the report."""
    return len(secret.split()) == 1 and (
        len(secret) >= 16 or (len(secret) >= 8 and not secret.replace("-", "").isalpha())
    )


def sought(spelling: str, rule: str) -> Iterator[str]:
    """Give how a masked value is to be looked for in the finished file, if it can be told from other text."""
    if rule in ("ein", "ssn"):
        if len(digits(spelling)) >= WHOLE_NUMBER:
            yield spelling
    elif rule == "key":
        if is_telling(spelling):
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


def spelled(value: str | int | float) -> str:
    """A text as it is, a number as it is written; one too long for Python's own digits in others."""
    return hex(value) if isinstance(value, int) and abs(value) >= _TOO_LONG else str(value)


def digits_of(value: str | int | float) -> str:
    """The digits of a tax number; as a number it has lost the zeros at its front."""
    if isinstance(value, str):
        return digits(value)
    is_whole = value == value and abs(value) < 10**9 and value == int(value)
    whole = str(abs(int(value))) if is_whole else spelled(value)
    return whole.zfill(9) if whole.isdecimal() and len(whole) >= WHOLE_NUMBER else whole


def is_kept(value: str, name: str) -> bool:
    """Whether a field's value is one of the API's own words or a time, which hold no secret."""
    return value in _WORDS.get(name, ()) or (name in _TIMES and _TIME.fullmatch(value) is not None)


# ----------------------------------------------------------------------------------------------------- places


class Span(NamedTuple):
    """A place in a text to mask; the first in order is the one whose rule and value count."""

    start: int
    end: int
    rank: int
    depth: int
    """0 is the text as it stands, less are its readings: the deepest knows best what the value is."""
    rule: str
    same: str
    seen: str


def joined(spans: list[Span], masks: list[tuple[int, int]]) -> list[tuple[int, int, Span]]:
    """Join spans that overlap, so that nothing of either is left; the places of `masks` stay."""
    end_of_login = 0
    out: list[tuple[int, int, Span]] = []
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
