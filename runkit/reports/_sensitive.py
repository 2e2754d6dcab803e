r"""What is sensitive in a text: named patterns, names of fields, and both under escapes.

The patterns see a text with full-width letters, other scripts' digits, dashes and quotes as ASCII
(`fold`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from unicodedata import category
from urllib.parse import unquote

from runkit.api import jsontext
from runkit.display.text import unescape

# ----------------------------------------------------------------------------------- parts of rules

_PARTS = {
    # A name that ends in one of these words is the name of a secret, in a text and in JSON.
    "passwords": r"(?:pass(?:word|phrase|code)s?|passwd|pwd|(?<![a-z])pw"
    r"|(?:admin|db|ftp|mysql|root|smtp|user)[_-]?pass)",
    "secrets": r"(?:(?:client[ _-]?)?secret|(?<![a-z])otp"
    r"|(?:api|access|account|auth|connection|deploy|encryption|functions|hmac|master|pgp|gpg"
    r"|private|secret"
    r"|session|shared|shared[ _-]?access|signing|ssh|subscription|webhook)[ _-]?key"
    r"|shared[ _-]?access[ _-]?signature"
    r"|(?:(?:access|refresh|session|auth|api|id|bearer|csrf)[ _-]?)?(?<!page[ _-])token)",
    # with words in front: DB_PASSWORD, x-api-key, dbToken
    "name": r"(?:[\w-]{0,40}{passwords}|(?:[\w-]{0,40}(?:[_-]"
    r"|(?<=(?-i:[a-z]))(?=(?-i:[A-Z]))))?{secrets})",
    "named": r"(?<![?&#\w-])(?<!&amp;){name}",  # in a URL's query, other rules apply
    "owner": r"(?: (?:for|of|to) [\w.@-]+(?: [\w.@-]+){0,2})?",
    "tag": r"</?[a-z][^<>\n]{0,60}>",
    "marks": r"(?:[\"'`*_)\]]|{tag}){0,4}",
    # `name: v`, `"name" => v`, `**name**: v`, `| name | v |`, `<name>v`, `<th>name</th><td>v`
    "attributes": r"(?: [\w-]+=\"[^\"\n]{0,40}\"){0,3}",
    "separator": r"{marks}{attributes}\s{0,3}(?::=|=>|->|: ?[|>]-?|[:=|>]|(?<=>)){marks}\s{0,3}",
    # words and placeholders in place of a value
    "nothing": r"(?:none|no|yes|null|nil|n/?a|unknown|missing|pending|required|optional|granted"
    r"|denied|set"
    r"|unset|expired|revoked|rotated|valid|invalid|present|absent|empty|redacted|removed|hidden"
    r"|masked|true|false"
    r"|ok|verified|failed|enabled|disabled|active|inactive|[*•.-]+|x{3,}|<[^<>]*>|\[\w+\]"
    r"|\{\{.*?\}\}"
    r"|(?-i:\$\{\w+\}|\$[A-Z_]{2,}|%\w+%))",
    "date": r"(?:\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{2,4})(?![\w/])",
    "something": r"(?!{nothing}(?![^\s\"'`,;.<>&)\]]))(?!{date})",
    "character": r"[^\s\"'`<>,;\\]",
    # A delimiter is part of a value if no space or next name follows: `ab;cd9`, but not `ab; cd` or
    # `ab;c=d`.
    "inside": r"(?:{character}|[,;<>](?![\s/\"'`<>,;]|[\w.-]+[=:]|\Z))",
    "stop": r"(?<![.:!?)}\]])",  # punctuation after a value is not part of it
    # a quote before a letter or digit is within the value
    "quoted": r"(?P<quote>[\"'`])(?!{nothing}(?P=quote))"
    r"(?P<quoted>(?:(?!(?P=quote)(?!\w))[^\\\n]|\\.){1,4000})(?:(?P=quote)|(?=\n)|\Z)",
    "has_digit": r"(?=[^\s\"'`]{0,200}\d)",
    # eight or more letters and digits without a break, or 20 letters: no word, number, date or
    # reference
    "random": r"(?=[^\s\"']{0,300}?(?<![a-z0-9])"
    r"(?:(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{8}|(?=[0-9]*[a-z])[a-z0-9]{20}))",
    # "bearer shares", "basic 401k plan" and "authorization: pending" are words
    "no_word": r"(?!{date})(?!\d{1,4}-?[a-z]*(?![\w-]))(?=[^\s\"']{0,200}\d|{character}{20})",
    "setting": r"[\w.-]+=(?:\"[^\"\n]*\"|[^\s\"'<>,;]*)",
    "settings": r"{setting}(?:[,;] ?(?:{setting}|[\w.-]+(?![\w.-])))*",
    "authorization": r"\bauthorization[\"'`*]{0,3}\s?[:=]\s?[\"'`]?",
    # URL parameters of OAuth, OpenID, SAML, sessions, signed links of cloud providers
    "parameter": r"(?:{name}|[a-z]{1,20}token|oauth_(?:verifier|signature)|id_token_hint"
    r"|code_verifier|jwt"
    r"|pass|(?:client_)?assertion|(?:device|user)_code|saml(?:response|art)|credential|sig"
    r"|signature|hmac|key-pair-id"
    r"|x-(?:amz|goog|oss)-(?:signature|credential)|(?:aws|oss)accesskeyid|googleaccessid"
    r"|subscription[_-]?key|(?:j|php)?sess(?:ion)?_?id)",
    "query": r"[^\s\"'<>\\^`{|}#&;]",
    # a password may have a / or another delimiter, a port has not
    "login": r"(?:[^\s/?#\"'<>\\]+(?=@)"
    r"|[^\s/?#\"'<>\\@:]+:(?!\d{1,5}(?![^\s/?#\"'<>,;)]))[^\s\"<>\\@]{1,200}(?=@))",
    "mail_end": r"\s@<>()\[\]{}\"'‘,;:/\\=|?&#!…*%",
    "mailbox": r"(?<![^{mail_end}])(?<![^{mail_end}]')[^{mail_end}]+(?:'[^{mail_end}]+){0,2}",
    # tax numbers, also in names of fields
    "ein": r"(?-i:F?EINs?|F?TINs?|(?:F\.)?[ET]\. ?I\. ?N\.?)"
    r"|(?:federal|fed|irs|tax(?:payer)?|employer)[ _-]?(?:id(?:s|entif\w*)?|no"
    r"|num(?:ber)?s?)(?![^\W_])",
    "ssn": r"(?-i:SSNs?|ITINs?|S\. ?S\. ?N\.?)|soc(?:ial|\.)[ _-]?sec(?:urity|\.)",
    "start": r"(?:(?<!\w)|(?<=EIN)|(?<=TIN)|(?<=SSN)|(?<=\bUS))(?<![-$€£])",
    "end": r"(?!\w|-\w|\.[0-9])",
    # the dashed form of an SSN is one next to any word
    "nine": r"(?:[0-9]{9}|[0-9]{2}(?:[ ._-]| - )[0-9]{7}|[0-9]{3}(?:[ .]| - )[0-9]{2}(?:[ .]"
    r"| - )[0-9]{4}"
    r"|[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{3}|(?<!, )[0-9]{3},[0-9]{3},[0-9]{3}"
    r"|[0-9]{5}-[0-9]{4})(?!\w|[.,][0-9])",
    "each": r"(?:US[ -]?)?(?<![$€£])"
    r"(?P<each>{nine}(?:\s?(?:,|/|and|or|vs\.?|not|against)?\s?(?<!\w){nine}){0,9})",
    # words that name an amount, a count or another number, not a tax number
    "other_number": r"(?:account|amount|assets|balance|budget|capital|case|cost|count|credit"
    r"|debt|duns"
    r"|employees|fee|head|income|invoice|length|liabilit(?:y|ies)|limit|loan|order|phone"
    r"|population|price"
    r"|profit|quantity|rank|rate|records|revenue|routing|run|salary|sales|score|sequence|size|supply"
    r"|total|turnover"
    r"|volume|year)s?",
    # words that name the number of another thing
    "other_name": r"(?:charter|control|docket|document|entity|file|filing|licen[cs]e|permit|record"
    r"|reference|registry|request|ticket)[ _](?:id|nos?|num(?:ber)?s?)",
    # "on", "W-9", "147C", "(2024)", "dated 03/04/2019": what a KYB file writes before the number
    "word": r"(?:{date}|\([^()\n]{0,40}\)|nos?\.|(?!(?:{other_number}|{other_name})\b)(?![0-9]{5})"
    r"[^\W_]+(?:['&/][^\W_]+)*)",
    # "EIN given was 123456789", "tax id (123456789)", but not "EIN checked: revenue 250000000";
    # more than four words need a colon, a dash or a verb before the number
    "then": r"(?:\(s\))?(?:(?:[ _-]{word}){0,4}(?:{tag}|[^\w;]|_){1,6}"
    r"|(?:[ _-]{word}){5,9}(?:\s?[:=#]\s?| - | (?:is|was) )){each}",
    # ends of the names of fields that hold a time or a quantity
    "unit": r"(?:attempts|bytes|days|duration|elapsed|hours|index|latency|minutes|ms|n|ns|page"
    r"|retries|s|secs?|seconds|time|timestamp|us|version)",
    "is": r"(?:is|as|was) (?:(?!not )[\w']+ ){0,4}",
}


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern with parts in place of their names in braces, ignoring case."""
    while (expanded := re.sub(r"\{([a-z_]+)\}", lambda name: _PARTS[name[1]], pattern)) != pattern:
        pattern = expanded
    return re.compile(pattern, re.IGNORECASE)


# ----------------------------------------------------------------------------------------- patterns

_PATTERNS = {
    "key": (
        # by format: Middesk, Stripe, OpenAI, webhooks, Slack, AWS, Google, GitHub, JSON Web Tokens,
        # …
        r"mk_(?:live|test)_(?=[\w-]{4})[^\s\"'<>,;\\)\]}&%]+",
        r"\b[sr]k_(?:live|test)_\w{8,}|\bsk-(?=[\w-]{0,99}\d)[\w-]{20,}|\bwhsec_[\w+/=-]{16,}",
        r"(?-i:\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,})",
        r"(?-i:\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}|\bhv[sb]\.[\w-]{20,}|\bSK[0-9a-f]{32}\b)",
        r"\b(?:gh[pousr]|hf)_[a-z0-9]{20,}|\bgithub_pat_\w{20,}|\bgl[a-z]{2,5}-[\w-]{16,}"
        r"|\bnpm_\w{30,}",
        r"\bx(?:ox[a-z]|app)-[\w-]{10,}|\bpypi-[\w-]{20,}|\b(?:key-|dapi)[0-9a-f]{32}\b"
        r"|\b\d{8,10}:AA[\w-]{33}\b",
        r"\b(?:shp(?:at|ca|pa|ss)|dop_v1|dckr_pat|lin_api|figd|glsa)_[\w-]{20,}",
        # of any vendor: a short prefix, then 24 or more letters of both cases and digits
        r"(?-i:\b(?!sha[0-9])[a-z][a-z0-9]{1,7}[_-](?=[A-Za-z]*[0-9])(?=[A-Z0-9]*[a-z])"
        r"(?=[a-z0-9]*[A-Z])"
        r"[A-Za-z0-9]{24,})",
        r"\bhooks\.slack\.com/(?:services|workflows|triggers)/(?P<value>[\w/]{8,})",
        r"\bdiscord(?:app)?\.com/api/webhooks/(?P<value>\d+/[\w-]{20,})",
        r"(?<![\w-])(?-i:eyJ)[\w-]{5,}\.[\w-]{4,}(?:\.[\w-]*){0,3}",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END|\Z)",
        # Values with a word in front of them.
        r"{authorization}(?:bearer|basic|token|digest)\s+(?P<value>{settings}"
        r"|{character}{3,}{stop})",
        r"{authorization}(?:[a-z][\w-]{0,40}\s+)?(?P<value>{settings}"
        r"|{no_word}{character}{6,}{stop})",
        r"\bbearer(?:\s{1,3}{no_word}|\s?[:=]\s{0,3}[\"'`]?{random})(?P<value>{character}{6,}{stop})",
        r"\bbasic\s{1,3}(?P<value>{random}[\w+/=]{12,})",
        r"\b(?:set-)?cookie[\"'`*]{0,3} ?: ?[\"']?(?P<value>{settings})",
        r"{named}(?:{separator}{quoted}"
        r"|{marks}\s{0,3}={marks}\s{0,3}(?P<set>{something}{inside}{3,}{stop})"
        r"|{separator}(?P<listed>{something}{has_digit}{inside}{6,}{stop})"
        r"|\s{1,3}[(\[]?(?P<beside>(?=(?:[a-z0-9]{4,7} )?{random})"
        r"(?:(?=[a-z]*\d)(?=\d*[a-z])[\w+/=]{4,}\s?){1,8})(?<!\s))",
        r"[:=]\s{0,3}[\"']{name}[\"'] ?,?\s{0,9}[\"']?value[\"']? ?[:=] ?{quoted}",
        r"[\"']{name}[\"'] ?, ?[\"'](?P<value>{random}[^\s\"']+)",
        r"{passwords}{owner}{separator}"
        r"(?P<value>{something}(?=\S{0,200}[\d!#$%^&+])(?!\d{1,3}\b){inside}{3,}{stop})",
        r"(?:{named}|\bpin){owner} (?:is|was|has been)(?: now| (?:set|changed|reset) to)?:? ?"
        r"(?:{quoted}|(?P<value>{something}(?=\S{0,200}[\d!#$%^&*_]){inside}{4,}{stop}))",
        # An option on a command line.
        r"(?<!\S)--?{name}[ =]{1,3}[\"']?(?P<value>{something}(?!-){inside}{3,})",
        r"(?:\b(?:mysql\w*|mariadb)\b[^\n]{0,200}?\s-p"
        r"|\bsshpass -p ?)[\"']?(?P<value>[^\s\"']{3,})",
        r"\b(?:curl|wget)\b[^\n]{0,200}?\s(?:-u|--user) ?[\"']?(?P<value>[^\s\"':]+:[^\s\"']+)",
    ),
    "signed_url": (  # empty and word-like values stay: `?sig=`, `?key=acme`
        r"[?#&;~]{parameter}=(?P<value>{something}(?=[^\s&;#]{0,500}\d|{query}{20}){query}+)",
        r"[?#&;][\w-]{0,40}{passwords}=(?P<value>{something}{query}{3,})",
        r"[?#&;](?:key|auth|session|code|state|nonce|ticket|hash"
        r"|sid)=(?P<value>{random}{query}{16,})",
        r"[?#&;](?:otp|pin)=(?P<value>\d{4,8})(?!\w)",
    ),
    "url_login": (r"//(?P<value>{login})@",),
    # the end of a login with its host is not an address
    "email": (
        r"//{login}@|(?P<value>(?:\"[^\"\n@]{1,64}\""
        r"|{mailbox})@(?:[^.{mail_end}]+\.)+[^\W\d_][^.{mail_end}]*)",
    ),
    "ein": (
        r"{start}[0-9]{2}-[0-9]{7}{end}",
        r"(?<![^\W_])(?:{ein}){then}",
        r"(?<![^\W_])f?[et]in(?:(?:[^\w;,]|_){0,6}"
        r"| (?:from|on|per)(?:[ _-]{word}){1,8}\s?[:=#]\s?){each}",
        r"(?<!\w)(?P<each>{nine})(?: ?[(\[](?:{ein})[)\]]| {is}(?:{ein})(?!\w))",
    ),
    "ssn": (
        r"{start}[0-9]{3}-[0-9]{2}-[0-9]{4}{end}",
        r"(?<![^\W_])(?:{ssn}){then}",
        r"(?<![^\W_])(?:ssn|itin)(?:[^\w;,]|_){0,6}{each}",
        r"(?<!\w)(?P<each>{nine})(?: ?[(\[](?:{ssn})[)\]]| {is}(?:{ssn})(?!\w))",
    ),
}
RULES = tuple(_PATTERNS)
"""The names of the rules."""
TAX_RULES = ("ein", "ssn")
MIN_TAX_NUMBER = 1_000_000  # it has two leading zeros; smaller numbers are counts

_COMPILED = [
    (rule, _compile(pattern)) for rule, patterns in _PATTERNS.items() for pattern in patterns
]
_EACH_NUMBER = _compile("{nine}")

# Every match of a rule, and every field that is masked by its name, contains this (RE2 syntax).
PREFILTER = (
    r"[@\\&%\x{ad}\x{200b}-\x{200f}\x{2060}\x{feff}\x{fe6b}\x{ff01}-\x{ff5e}]|[^\P{Nd}0-9]"
    r"|(?:\b|_|ein|tin|ssn|us)(?:\d{2}[\W_]{0,3}\d{7}|\d{2,3}[^\w:]{1,3}\d{2,3}[^\w:]{1,3}\d{3,4}"
    r"|\d{5}\W\d{4})\b"
    r"|[:,\[] ?\d{7,9}\b"
    r"|mk_|[sr]k[_-]|whsec|akia|asia|aiza|sg\.|ya29|gocspx|hv[sb]\.|gh[pousr]_|hf_|github_"
    r"|gl[a-z]+-|npm_|xox|xapp"
    r"|pypi-|shp|dop_|dckr|lin_api|figd|glsa|dapi|sk[0-9a-f]{32}|:aa|slack|discord|eyj|key|auth"
    r"|bearer|basic|cookie|credential|shared"
    r"|pass|pwd|(?:\b|_)(?:pw|otp)|pin|token|secret|mysql|mariadb|curl|wget|[?#&;~][\w-]+=|jwt"
    r"|\b[a-z][a-z0-9]{1,7}[_-][a-z0-9]{24}"
)


Match = tuple[int, int, str, str]  # start, stop, rule, and the mask if it is known


def spans(text: str, rules: Collection[str]) -> Iterator[Match]:
    """Yield what the rules find in a text: a pattern's group, or all of it.

    Of the group `each`, every number is found by itself.
    """
    folded = fold(text)
    for rule, pattern in _COMPILED:
        if rule in rules:
            for match in pattern.finditer(folded):
                group = match.lastgroup
                if group == "each":
                    numbers = _EACH_NUMBER.finditer(folded, *match.span(group))
                    yield from ((*number.span(), rule, "") for number in numbers)
                # a pattern with groups of which none matched keeps its text
                elif group or not match.re.groups:
                    yield *match.span(group or 0), rule, ""


# ------------------------------------------------------------------------------ characters, escapes

MAX_ESCAPE_LAYERS = 2  # those of a text itself, and those of the text that contains it
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_OTHER_DASHES = "ーｰ˗⁃⁓−➖⁻₋ㅡ─"  # characters that look like one, of other Unicode categories
_BY_CATEGORY = {"Pd": "-", "Zs": " "}
_ASCII = (
    {code: plain for code in range(0x10000) if (plain := _BY_CATEGORY.get(category(chr(code))))}
    | str.maketrans(dict.fromkeys(_OTHER_DASHES, "-"))
    | _FULL_WIDTH
    | str.maketrans("“”„«»’﹫。", '"""""\'@.')
)
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[\"\\/bfnrt]"
    r"|&#[0-9]{1,7};?|&#[xX][0-9a-fA-F]{1,6};?|&[a-zA-Z][a-zA-Z0-9]{1,31};"
    r"|%[0-7][0-9a-fA-F]|%[c-fC-F][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){1,3}"
    "|[\xad\u200b-\u200f\u2060\ufeff]"  # invisible between two digits
)
_ESCAPE_OR_CHARACTER = re.compile(f"{_ESCAPE.pattern}|.", re.DOTALL)


def fold(text: str) -> str:
    """Replace full-width forms, digits of other scripts, dashes and quotes by ASCII."""
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
    """Yield a text with and without its escapes, and where each character was originally."""
    positions: Sequence[int] = range(len(text) + 1)
    yield text, positions
    for _ in range(MAX_ESCAPE_LAYERS):
        if not _ESCAPE.search(text):
            return
        characters = [
            (character, positions[match.start()])
            for match in _ESCAPE_OR_CHARACTER.finditer(text)
            for character in unescape_all(match[0])
        ]
        text = "".join(character for character, _ in characters)
        positions = [*(position for _, position in characters), positions[-1]]
        yield text, positions


# ------------------------------------------------------------------------------------ JSON's fields

_WORD = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+")  # finds the words of tax_id, taxId, TAX-ID
# The rules for the names of fields, the first that matches; an amount or a count is no tax number.
_FIELD_RULES = {
    "key": _compile(r"{name}|(?:\w+_)?(?:auth|authorization|bearer|cookie|credentials?|jwt)"),
    "": _compile(r"(?:\w+_)?(?:{other_number}|{other_name}|{unit})"),
    "ein": _compile(r"(?:\w*_)?(?:{ein})(?:_\w*)?"),
    "ssn": _compile(r"(?:\w*_)?(?:{ssn})(?:_\w*)?"),
}
# The text of the first may be several words, that of the second may be one word.
_SENTENCE_FIELD = _compile(r".*(?:{passwords}|secret)")
_WORD_FIELD = _compile(r".*(?:key|token)")
# names within a field with a key's name under which any text is masked, as in {"api_key": {"value":
# "…"}}
_VALUE_FIELD = _compile(r"(?:\w+_)?(?:current|new|old|previous|plain|raw|text|value)")
# These fields hold the name of a "value" beside them.
_NAME_FIELDS = ("name", "key", "field", "label", "header", "Name", "Key")
_SCHEME = _compile(r"(?:bearer|basic|token|digest)\s+")
_WORDS_OR_COUNT = re.compile(
    rf"(?!(?i:{_SCHEME.pattern}))[^\W\d]+(?:[ -][^\W\d]+)*|[\d.,+-]{{1,6}}"
)
_PLAIN_WORDS = re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*")
_NOT_A_VALUE = _compile("(?:not )?{nothing}|")
_LOOKS_RANDOM = _compile(r"{random}\S+")


def _snake(name: str) -> str:
    return "_".join(_WORD.findall(name))


@lru_cache(4096)
def field_rule(name: str) -> str:
    """Return the rule for a field name, or ""."""
    parts = _snake(name).upper()
    return next((rule for rule, pattern in _FIELD_RULES.items() if pattern.fullmatch(parts)), "")


def field_rules(item: Any, outer: str) -> list[str]:
    """Return the rules of fields or items: by name, by a name next to them, or the outer one.

    `{"name": "password", "value": "…"}` and `["Authorization", "Bearer …"]` have the name next to
    the value.
    """
    if isinstance(item, list):
        if len(item) != 2 or not isinstance(item[0], str):
            return [outer] * len(item)
        is_about = _WORDS_OR_COUNT.fullmatch(str(item[1]))
        return [outer, outer if is_about else field_rule(item[0]) or outer]
    beside = (item[name] for name in _NAME_FIELDS if isinstance(item.get(name), str))
    named = next(filter(None, map(field_rule, beside)), outer)
    return [
        field_rule(name)
        or (named if name in ("value", "Value") else outer and _inherited(outer, name, child))
        for name, child in item.items()
    ]


def _inherited(outer: str, name: str, value: object) -> str:
    """Return the rule of the outer field if it holds for a field in it, else an empty text."""
    if outer != "key":
        return "" if _FIELD_RULES[""].fullmatch(_snake(name)) else outer
    is_secret = _VALUE_FIELD.fullmatch(_snake(name)) or (
        isinstance(value, str) and _LOOKS_RANDOM.fullmatch(value)
    )
    return outer if is_secret or isinstance(value, dict | list) else ""


def _is_about(name: str, text: str) -> bool:
    """Return whether a text is about a secret, as in `{"authorization": "granted"}`."""
    if not _PLAIN_WORDS.fullmatch(text) or _SENTENCE_FIELD.match(name):
        return False
    return " " in text or not _WORD_FIELD.match(name)


def field_value(name: str, value: object, rule: str) -> str | None:
    """Return the part of a field's value that its rule masks; None for other values."""
    text = str(value).strip()
    if rule == "key":
        is_about = _NOT_A_VALUE.fullmatch(text) or (
            field_rule(name) == rule and _is_about(name, text)
        )
        return None if is_about else _SCHEME.sub("", text, count=1)
    # has lost its leading zeros
    is_number = isinstance(value, int | float) and value >= MIN_TAX_NUMBER
    digits = text.removesuffix(".0").zfill(9) if is_number else re.sub(r"[ .,/_-]", "", fold(text))
    return digits if re.fullmatch("[0-9]{9}", digits) else None


# ------------------------------------------------------------------------------------------ masking

Mask = Callable[[str, str], str]  # takes a rule and a value
Edit = Callable[[str], str | None]  # None leaves a text as it is


def parse_json(text: str) -> Any:
    """Parse a text that is a JSON object or list; None for any other text."""
    with suppress(ValueError, RecursionError):
        return jsontext.loads(text.encode()) if text.lstrip()[:1] in ("{", "[") else None


def mask_fields(value: Any, rules: Collection[str], mask: Mask, edit: Edit) -> None:
    """Mask fields of a JSON object or list by their names, in place.

    `edit` is called for all other texts and the names. Two names that become equal stay apart.
    """
    todo: list[tuple[Any, str]] = [(value, "")]
    for item, outer in todo:
        child_rules = field_rules(item, outer)
        children = list(enumerate(item) if isinstance(item, list) else item.items())
        item.clear()
        for (name, child), rule in zip(children, child_rules, strict=True):
            if isinstance(child, dict | list):
                todo.append((child, rule))
            elif rule in rules and (secret := field_value(str(name), child, rule)):
                child = mask(rule, secret)
            elif isinstance(child, str):
                child = edit(child) or child

            if isinstance(item, list):
                item.append(child)
                continue
            name = edit(name) or name
            while name in item:
                name += " (2)"
            item[name] = child


def mask_matches(text: str, matches: Iterable[Match], mask: Mask) -> str:
    """Mask matches in a text: start, minus stop, and the rule or the mask that is known.

    Of two that overlap, the first and longest mask comes first.
    """
    parts: list[str] = []
    end = 0
    for start, minus_stop, rule, known_mask in sorted(matches):
        if (stop := -minus_stop) > end:
            parts += [text[end:start], known_mask or mask(rule, text[start:stop])]
            end = stop
    return "".join([*parts, text[end:]])
