r"""What is sensitive in a text: a table of named patterns, the names of fields, and where escapes hide both.

The patterns see a text with full-width letters, other scripts' digits, dashes and quotes as ASCII (`fold`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from runkit import jsontext
from runkit.text import unescape

# --------------------------------------------------------------------------------------------- parts of rules

# A name that ends in one of these words is the name of a secret, in a text and in JSON.
_PASSWORDS = (
    r"(?:pass(?:word|phrase|code)s?|passwd|pwd|(?<![a-z])pw|(?:admin|db|ftp|mysql|root|smtp|user)[_-]?pass)"
)
_SECRETS = (
    r"(?:(?:client[ _-]?)?secret|(?<![a-z])otp"
    r"|(?:api|access|account|auth|private|secret|signing|shared[ _-]?access|encryption|master)[ _-]?key"
    r"|(?:(?:access|refresh|session|auth|api|id|bearer|csrf)[ _-]?)?(?<!page[ _-])token)"
)
# with words in front: DB_PASSWORD, x-api-key, dbToken
_NAME = rf"(?:[\w-]{{0,40}}{_PASSWORDS}|(?:[\w-]{{0,40}}(?:[_-]|(?<=(?-i:[a-z]))(?=(?-i:[A-Z]))))?{_SECRETS})"
_NAMED = rf"(?<![?&#\w-])(?<!&amp;){_NAME}"  # in a URL's query, other rules apply
_TAG = r"</?[a-z][^<>\n]{0,60}>"
_MARKS = rf"(?:[\"'`*_)\]]|{_TAG}){{0,4}}"
# `name: v`, `"name" => v`, `**name**: v`, `| name | v |`, `<name>v`, `<th>name</th><td>v`
_SEPARATOR = rf"{_MARKS}\s{{0,3}}(?::=|=>|->|[:=|>]|(?<=>)){_MARKS}\s{{0,3}}"

# Words and placeholders in place of a value.
_NOTHING = (
    r"(?:none|no|yes|null|nil|n/?a|unknown|missing|pending|required|optional|granted|denied|expired|revoked"
    r"|rotated|valid|invalid|present|absent|set|unset|empty|redacted|removed|hidden|masked|true|false|ok"
    r"|verified|failed|enabled|disabled|active|inactive|[*•.-]+|x{3,}|(?-i:\$\{\w+\}|\$[A-Z_]{2,}|%\w+%)|<[^<>]*>|\[\w+\]|\{\{.*?\}\})"
)
_DATE = r"(?:\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{2,4})(?![\w/])"
_CHARACTER = r"[^\s\"'`<>,;\\]"
# A delimiter is part of a value if no space or next name follows: `ab;cd9`, but not `ab; cd` or `ab;c=d`.
_INSIDE = rf"(?:{_CHARACTER}|[,;<>](?![\s/\"'`<>,;]|[\w.-]+[=:]|\Z))"
_OWNER = r"(?: (?:for|of|to) [\w.@-]+(?: [\w.@-]+){0,2})?"
_STOP = r"(?<![.:!?)}\]])"  # punctuation after a value is not part of it
_VALUE_END = r"(?![^\s\"'`,;.<>&)\]])"
_SOMETHING = rf"(?!{_NOTHING}{_VALUE_END})(?!{_DATE})"
_HAS_DIGIT = r"(?=[^\s\"'`]{0,200}\d)"
_QUOTED = (  # a quote before a letter or digit is within the value
    rf"(?P<quote>[\"'`])(?!{_NOTHING}(?P=quote))"
    r"(?P<quoted>(?:(?!(?P=quote)(?!\w))[^\\\n]|\\.){1,4000})(?:(?P=quote)|(?=\n)|\Z)"
)
# Eight or more letters and digits without a break, or 20 letters: no word, number, date or reference.
_RANDOM = (
    r"(?=[^\s\"']{0,300}?(?<![a-z0-9])"
    r"(?:(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{8}|(?=[0-9]*[a-z])[a-z0-9]{20}))"
)
# "bearer shares", "basic 401k plan" and "authorization: pending" are words
_NO_WORD = rf"(?!{_DATE})(?!\d{{1,4}}-?[a-z]*(?![\w-]))(?=[^\s\"']{{0,200}}\d|{_CHARACTER}{{20}})"
_SETTING = r"[\w.-]+=(?:\"[^\"\n]*\"|[^\s\"'<>,;]*)"
_SETTINGS = rf"{_SETTING}(?:[,;] ?(?:{_SETTING}|[\w.-]+(?![\w.-])))*"
_AUTHORIZATION = r"\bauthorization[\"'`*]{0,3}\s?[:=]\s?[\"'`]?"

# Secret URL parameters: OAuth, OpenID, SAML, sessions, signed links of cloud providers.
_PARAMETER = (
    rf"{_NAME}|[a-z]{{1,20}}token|oauth_(?:verifier|signature)|id_token_hint"
    r"|code_verifier|jwt|pass|(?:client_)?assertion|(?:device|user)_code|saml(?:response|art)"
    r"|sig|signature|hmac|key-pair-id|x-(?:amz|goog|oss)-(?:signature|credential)"
    r"|(?:aws|oss)accesskeyid|googleaccessid|subscription[_-]?key|(?:j|php)?sess(?:ion)?_?id"
)
_LONG_PARAMETER = r"key|auth|session|code|state|nonce|ticket|hash|sid"  # also ordinary codes
_QUERY = r"[^\s\"'<>\\^`{|}#&;]"
# empty and word-like ones stay: `?sig=`, `?key=acme`
_IN_QUERY = rf"(?=[^\s&;#]{{0,500}}\d|{_QUERY}{{20}})"
_LOGIN = (  # a password may have a / or another delimiter, a port has not
    r"(?:[^\s/?#\"'<>\\]+(?=@)|[^\s/?#\"'<>\\@:]+:(?!\d{1,5}(?![^\s/?#\"'<>,;)]))[^\s\"<>\\@]{1,200}(?=@))"
)
_MAIL_END = r"\s@<>()\[\]{}\"'‘,;:/\\=|?&#!…*%"
_MAIL = (
    rf"(?:\"[^\"\n@]{{1,64}}\"|(?<![^{_MAIL_END}])(?<![^{_MAIL_END}]')[^{_MAIL_END}]+(?:'[^{_MAIL_END}]+){{0,2}})"
    rf"@(?:[^.{_MAIL_END}]+\.)+[^\W\d_][^.{_MAIL_END}]*"
)

# Words that name an amount, a count or another number, not a tax number.
_OTHER_NUMBER = (
    r"(?:account|amount|assets|balance|budget|capital|case|cost|count|credit|debt|duns|employees|fee"
    r"|head|income|invoice|length|liabilit(?:y|ies)|limit|loan|order|phone|population|price|profit|quantity"
    r"|rate|records|revenue|routing|salary|sales|score|sequence|size|supply|total|turnover|volume|year)s?"
)
_TAX_WORDS = {  # in texts and names of fields
    "ein": r"(?-i:F?EINs?|F?TINs?|(?:F\.)?[ET]\. ?I\. ?N\.?)"
    r"|(?:federal|fed|irs|tax(?:payer)?|employer)[ _-]?(?:id(?:s|entif\w*)?|no|num(?:ber)?s?)(?![^\W_])",
    "ssn": r"(?-i:SSNs?|ITINs?|S\. ?S\. ?N\.?)|soc(?:ial|\.)[ _-]?sec(?:urity|\.)",
}
_START = r"(?:(?<!\w)|(?<=EIN)|(?<=TIN)|(?<=SSN)|(?<=\bUS))(?<![-$€£])"
_END = r"(?!\w|-\w|\.[0-9])"
_NINE = (  # the dashed form of an SSN is one next to any word
    r"(?:[0-9]{9}|[0-9]{2}(?:[ .-]| - )[0-9]{7}|[0-9]{3}(?:[ .]| - )[0-9]{2}(?:[ .]| - )[0-9]{4}"
    r"|[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{3}|[0-9]{5}-[0-9]{4})(?!\w|[.,][0-9])"
)
_EACH_NINE = rf"(?P<each>{_NINE}(?:\s?(?:,|/|and|or|vs\.?|not|against)?\s?(?<!\w){_NINE}){{0,9}})"


def _nine_digits(rule: str, acronyms: str) -> tuple[str, ...]:
    """Build patterns for nine digits next to words, or right after acronyms, which are also words."""
    words = _TAX_WORDS[rule]
    country = r"(?:US[ -]?)?(?<![$€£])"
    return (
        # "EIN given was 123456789", "tax id (123456789)", but not "EIN checked: revenue 250000000"
        rf"(?<![^\W_])(?:{words})(?: \([^()\n]{{0,40}}\))?(?:[ _-](?!{_OTHER_NUMBER}\b)[^\W\d_]+){{0,4}}"
        rf"(?:{_TAG}|[^\w;]|_){{1,6}}{country}{_EACH_NINE}",
        rf"(?<![^\W_])(?:{acronyms})(?:[^\w;,]|_){{0,6}}{country}{_EACH_NINE}",
        rf"(?<!\w)(?P<each>{_NINE})(?: ?[(\[](?:{words})[)\]]"
        rf"| (?:is|as|was) (?:(?!not )[\w']+ ){{0,4}}(?:{words})(?!\w))",
    )


# --------------------------------------------------------------------------------------------------- patterns

PATTERNS = {
    "key": (
        # by format: Middesk, Stripe, OpenAI, webhooks, Slack, AWS, Google, GitHub, JSON Web Tokens, …
        r"mk_(?:live|test)_(?=[\w-]{4})[^\s\"'<>,;\\)\]}&%]+",
        r"\b[sr]k_(?:live|test)_\w{8,}|\bsk-(?=[\w-]{0,99}\d)[\w-]{20,}|\bwhsec_[\w+/=-]{16,}",
        r"(?-i:\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,})",
        r"(?-i:\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}|\bhv[sb]\.[\w-]{20,}|\bSK[0-9a-f]{32}\b)",
        r"\b(?:gh[pousr]|hf)_[a-z0-9]{20,}|\bgithub_pat_\w{20,}|\bgl[a-z]{2,5}-[\w-]{16,}|\bnpm_\w{30,}",
        r"\bx(?:ox[a-z]|app)-[\w-]{10,}|\bpypi-[\w-]{20,}|\b(?:shp(?:at|ca|pa|ss)|dop_v1|dckr_pat|lin_api|figd|glsa)_[\w-]{20,}",
        r"\b(?:key-|dapi)[0-9a-f]{32}\b|\b\d{8,10}:AA[\w-]{33}\b",
        r"\bhooks\.slack\.com/(?:services|workflows|triggers)/(?P<it>[\w/]{8,})",
        r"\bdiscord(?:app)?\.com/api/webhooks/(?P<it>\d+/[\w-]{20,})",
        r"(?<![\w-])(?-i:eyJ)[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*){0,3}",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END|\Z)",
        # by the words in front of them
        rf"{_AUTHORIZATION}(?:bearer|basic|token|digest)\s+(?P<it>{_SETTINGS}|{_CHARACTER}{{3,}}{_STOP})",
        rf"{_AUTHORIZATION}(?:[a-z][\w-]{{0,40}}\s+)?(?P<it>{_SETTINGS}|{_NO_WORD}{_CHARACTER}{{6,}}{_STOP})",
        rf"\bbearer\s{{1,3}}(?P<it>{_NO_WORD}{_CHARACTER}{{6,}}{_STOP})",
        rf"\bbasic\s{{1,3}}(?P<it>{_RANDOM}[\w+/=]{{8,}})",
        rf"\b(?:set-)?cookie[\"'`*]{{0,3}} ?: ?[\"']?(?P<it>{_SETTINGS})",
        rf"{_NAMED}(?:{_SEPARATOR}{_QUOTED}"
        rf"|{_MARKS}\s{{0,3}}={_MARKS}\s{{0,3}}(?P<set>{_SOMETHING}{_INSIDE}{{3,}}{_STOP})"
        rf"|{_SEPARATOR}(?P<listed>{_SOMETHING}{_HAS_DIGIT}{_INSIDE}{{6,}}{_STOP})"
        rf"|\s{{1,3}}(?P<beside>(?=(?:[a-z0-9]{{4,7}} )?{_RANDOM})"
        rf"(?:(?=[a-z]*\d)(?=\d*[a-z])[\w+/=]{{4,}}\s?){{1,8}})(?<!\s))",
        rf":\s{{0,3}}[\"']{_NAME}[\"'] ?,\s{{0,9}}[\"']value[\"'] ?: ?{_QUOTED}",
        rf"{_PASSWORDS}{_OWNER}{_SEPARATOR}"
        rf"(?P<it>{_SOMETHING}(?=\S{{0,200}}[\d!#$%^&+])(?!\d{{1,3}}\b){_INSIDE}{{3,}}{_STOP})",
        rf"(?<!\S)--?{_NAME}[ =]{{1,3}}[\"']?(?P<it>{_SOMETHING}(?!-){_INSIDE}{{3,}})",
        r"(?:\b(?:mysql\w*|mariadb)\b[^\n]{0,200}?\s-p|\bsshpass -p ?)[\"']?(?P<it>[^\s\"']{3,})",
        r"\b(?:curl|wget)\b[^\n]{0,200}?\s(?:-u|--user) ?[\"']?(?P<it>[^\s\"':]+:[^\s\"']+)",
        rf"(?:{_NAMED}|\bpin){_OWNER} (?:is|was|has been)(?: now| (?:set|changed|reset) to)?:? ?"
        rf"(?:{_QUOTED}|(?P<it>{_SOMETHING}(?=\S{{0,200}}[\d!#$%^&*_]){_INSIDE}{{4,}}{_STOP}))",
    ),
    "signed_url": (
        rf"[?#&;](?:{_PARAMETER})=(?P<it>{_SOMETHING}{_IN_QUERY}{_QUERY}+)",
        rf"[?#&;][\w-]{{0,40}}{_PASSWORDS}=(?P<it>{_SOMETHING}{_QUERY}{{3,}})",
        rf"[?#&;](?:{_LONG_PARAMETER})=(?P<it>{_RANDOM}{_QUERY}{{16,}})",
        r"[?#&;](?:otp|pin)=(?P<it>\d{4,8})(?!\w)",
    ),
    "url_login": (rf"//(?P<it>{_LOGIN})@",),
    # the end of a login with its host is not an address
    "email": (rf"//{_LOGIN}@|(?P<it>{_MAIL})",),
    "ein": (rf"{_START}[0-9]{{2}}-[0-9]{{7}}{_END}", *_nine_digits("ein", "f?[et]in")),
    "ssn": (rf"{_START}[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}{_END}", *_nine_digits("ssn", "ssn|itin")),
}

Span = tuple[int, int]
_RULES = [(rule, re.compile(pattern, re.IGNORECASE)) for rule, group in PATTERNS.items() for pattern in group]
_EACH_NUMBER = re.compile(_NINE)

# Every match of a rule, and every field that is masked by its name, contains this (RE2 syntax).
PREFILTER = (
    r"[@\\&%\x{ad}\x{200b}-\x{200f}\x{2060}\x{feff}\x{fe6b}\x{ff01}-\x{ff5e}]|[^\P{Nd}0-9]"
    r"|(?:\b|_|ein|tin|ssn|us)(?:\d{2}\W{0,3}\d{7}|\d{2,3}[^\w:]{1,3}\d{2,3}[^\w:]{1,3}\d{3,4}|\d{5}\W\d{4})\b"
    r"|[:,\[] ?\d{7,9}\b"
    r"|mk_|[sr]k[_-]|whsec|akia|asia|aiza|sg\.|ya29|gocspx|hv[sb]\.|gh[pousr]_|hf_|github_|gl[a-z]+-|npm_|xox|xapp"
    r"|pypi-|shp|dop_|dckr|lin_api|figd|glsa|dapi|sk[0-9a-f]{32}|:aa|slack|discord|eyj|key|auth|bearer|basic|cookie"
    r"|pass|pwd|(?:\b|_)(?:pw|otp)|pin|token|secret|mysql|mariadb|curl|wget|[?#&;][\w-]+="
)


def spans(text: str, rules: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield start, stop and rule of what the rules find in a text: a pattern's group, or all of it.

    Of the group `each`, every number is found by itself.
    """
    folded = fold(text)
    for rule, pattern in _RULES:
        if rule in rules:
            for match in pattern.finditer(folded):
                for start, stop in _groups(match, folded):
                    yield start, stop, rule


def _groups(match: re.Match[str], text: str) -> list[Span]:
    group = match.lastgroup
    if group == "each":
        return [number.span() for number in _EACH_NUMBER.finditer(text, *match.span(group))]
    # a pattern with groups of which none matched keeps its text
    return [match.span(group or 0)] if group or not match.re.groups else []


# ---------------------------------------------------------------------------------------- characters, escapes

MAX_ESCAPE_LAYERS = 2  # those of a text itself, and those of the text that contains it
_ASCII = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width forms
_ASCII |= dict.fromkeys(map(ord, "‐‑‒–—−﹣"), "-") | dict.fromkeys(map(ord, "“”„«»"), '"') | {ord("’"): "'"}
_ASCII |= {ord("﹫"): "@", ord("。"): "."}
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]"
    r"|&#[0-9]{1,7};?|&#[xX][0-9a-fA-F]{1,6};?|&[a-zA-Z][a-zA-Z0-9]{1,31};"
    r"|%[0-7][0-9a-fA-F]|%[c-fC-F][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){1,3}"
    "|[\xad\u200b-\u200f\u2060\ufeff]"  # invisible between two digits
)


def fold(text: str) -> str:
    """Replace full-width forms, other scripts' digits, dashes and quotes by ASCII; the length stays."""
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text.translate(_ASCII))


def unescape_all(text: str) -> str:
    """Decode JSON, HTML and URL escapes."""
    return _ESCAPE.sub(_unescape_match, text)


def _unescape_match(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[0] == "\\":
        # half a surrogate pair is no text
        return jsontext.as_unicode(json.loads(f'"{escape}"'))
    return unquote(unescape(escape)) if escape[0] in "&%" else ""


def layers(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield a text as it is and without its escapes, with the place of each character in the original."""
    places: Sequence[int] = range(len(text) + 1)
    yield text, places
    for _ in range(MAX_ESCAPE_LAYERS):
        parts: list[str] = []
        kept: list[int] = []
        end = 0
        for match in _ESCAPE.finditer(text):
            characters = _unescape_match(match)
            parts += [text[end : match.start()], characters]
            kept += [*places[end : match.start()], *[places[match.start()]] * len(characters)]
            end = match.end()
        if not end:
            return
        text, places = "".join([*parts, text[end:]]), [*kept, *places[end:]]
        yield text, places


# ---------------------------------------------------------------------------------------------- JSON's fields

_WORD = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+")  # of tax_id, taxId, TAX-ID
_KEY_FIELD = re.compile(rf"{_NAME}|(?:\w+_)?(?:authorization|cookie|credentials?)", re.IGNORECASE)
# fields whose text may be words, and those of which it may be a word
_SENTENCE_FIELD = re.compile(rf".*(?:{_PASSWORDS}|secret)", re.IGNORECASE)
_WORD_FIELD = re.compile(r".*(?:key|token)", re.IGNORECASE)
_OTHER_FIELD = re.compile(rf"(?:\w+_)?{_OTHER_NUMBER}", re.IGNORECASE)
# names within a field with a key's name under which any text is masked, as in {"api_key": {"value": "…"}}
_VALUE_FIELD = re.compile(r"(?:\w+_)?(?:current|new|old|previous|plain|raw|text|value)", re.IGNORECASE)
# fields with the name of a "value"
_NAME_FIELDS = ("name", "key", "field", "label", "header", "Name", "Key")
_SCHEME = re.compile(r"(?:bearer|basic|token|digest)\s+", re.IGNORECASE)
_WORDS_OR_COUNT = re.compile(rf"(?!(?i:{_SCHEME.pattern}))[^\W\d]+(?:[ -][^\W\d]+)*|[\d.,+-]{{1,6}}")
_WORDS = re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*")
_NOT_A_VALUE = re.compile(rf"(?:not )?{_NOTHING}|", re.IGNORECASE)
_LOOKS_RANDOM = re.compile(rf"{_RANDOM}\S+", re.IGNORECASE)


@lru_cache(4096)
def field_rule(name: str, *, is_whole: bool = False) -> str:
    """Return the rule for a field name, or ""; `is_whole`: only if the name has no other words."""
    words = "_".join(_WORD.findall(name))
    if _KEY_FIELD.fullmatch(words):
        return "key"
    if _OTHER_FIELD.fullmatch(words):
        return ""
    for rule, pattern in _TAX_WORDS.items():
        around = pattern if is_whole else rf"(?:\w*_)?(?:{pattern})(?:_\w*)?"
        if re.fullmatch(around, words.upper(), re.IGNORECASE):
            return rule
    return ""


def field_rules(item: Any, outer: str) -> list[str]:
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
    return [
        _own_rule(name, child)
        or (named if name in ("value", "Value") else outer and _inherited(outer, name, child))
        for name, child in item.items()
    ]


def _own_rule(name: str, value: object) -> str:
    """Return the rule for a field's name; `{"tin_check": {"revenue": …}}` contains other numbers."""
    rule = field_rule(name)
    items = value if isinstance(value, list) else [value]
    is_outer = rule and any(isinstance(item, dict) for item in items)
    return field_rule(name, is_whole=True) if is_outer else rule


def _inherited(outer: str, name: str, value: object) -> str:
    """Return the rule of the outer field if it holds for a field in it, which may be about the outer one."""
    if outer != "key":
        return "" if _OTHER_FIELD.fullmatch(name) else outer
    is_secret = _VALUE_FIELD.fullmatch(name) or (isinstance(value, str) and _LOOKS_RANDOM.fullmatch(value))
    return outer if is_secret or isinstance(value, dict | list) else ""


def _is_about(name: str, text: str) -> bool:
    """Return whether a text says something about a secret, as `{"authorization": "granted"}` does."""
    if not _WORDS.fullmatch(text) or _SENTENCE_FIELD.match(name):
        return False
    return " " in text or not _WORD_FIELD.match(name)


def field_value(name: str, value: object, rule: str) -> str | None:
    """Return the part of a field's value that its rule masks; None if the value is of another kind."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    if rule == "key":
        is_about = _NOT_A_VALUE.fullmatch(text) or (field_rule(name) == rule and _is_about(name, text))
        return None if is_about else _SCHEME.sub("", text, count=1)
    text = fold(text)
    if isinstance(value, str):
        digits = re.sub(r"[ ./-]", "", text)
        return digits if re.fullmatch("[0-9]{9}", digits) else None
    digits = text.removesuffix(".0").lstrip("-").zfill(9)  # a number has lost its leading zeros
    return digits if re.fullmatch("0{0,2}[1-9][0-9]{6,8}", digits) else None


# ---------------------------------------------------------------------------------------------------- masking

Mask = Callable[[str, str], str]  # of a rule and a value


def parse_json(text: str) -> Any:
    """Parse a text that is a JSON object or list; None for any other text."""
    with suppress(ValueError, RecursionError):
        return jsontext.loads(text.encode()) if text.lstrip()[:1] in ("{", "[") else None


def mask_fields(value: Any, rules: Collection[str], mask: Mask, edit: Callable[[str], str | None]) -> None:
    """Mask fields of a JSON object or list by their names, in place; `edit` all other texts and the names."""
    todo: list[tuple[Any, str]] = [(value, "")]
    for item, outer in todo:
        found = field_rules(item, outer)
        if isinstance(item, dict):
            _rename(item, [edit(name) or name for name in item])
        children = enumerate(item) if isinstance(item, list) else item.items()
        for (name, child), rule in zip(children, found, strict=True):
            if isinstance(child, dict | list):
                todo.append((child, rule))
            elif rule in rules and (secret := field_value(str(name), child, rule)):
                item[name] = mask(rule, secret)
            elif isinstance(child, str):
                item[name] = edit(child) or child


def _rename(item: dict[str, Any], names: list[str]) -> None:
    """Give the fields of an object new names, in the same order; two equal names stay apart."""
    values = list(item.values())
    item.clear()
    for name, value in zip(names, values, strict=True):
        while name in item:
            name += " (2)"
        item[name] = value


def mask_keys(text: str) -> str:
    """Replace keys, tokens and passwords in a text or JSON text by `[key]`, without any numbers or counts."""
    value = parse_json(text)
    if value is not None:
        mask_fields(value, {"key"}, lambda rule, secret: "[key]", mask_keys)
        return jsontext.dumps(value)
    found = (
        (places[start], places[stop])
        for plain, places in layers(text)
        for start, stop, _ in spans(plain, {"key"})
    )
    parts, end = [], 0
    for start, stop in sorted(found):
        if stop > end:
            parts += [text[end:start], "[key]"]
            end = stop
    return "".join([*parts, text[end:]])
