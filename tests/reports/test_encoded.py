"""A secret in base64, hexadecimal digits or per cent signs is masked; what only looks like it stays."""

import base64
import hashlib
import random
from urllib.parse import quote

import pytest

from runkit.reports.masker import Masker
from runkit.reports.redaction import Redaction
from runkit.reports.scan import leaks

WAYS = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "without padding": lambda data: base64.b64encode(data).decode().rstrip("="),
    "base64url": lambda data: base64.urlsafe_b64encode(data).decode(),
    "in lines": lambda data: base64.encodebytes(data).decode().strip(),
    "hex": bytes.hex,
    "HEX": lambda data: data.hex().upper(),
    "0x": lambda data: f"0x{data.hex()}",
    "twice": lambda data: base64.b64encode(base64.b64encode(data)).decode(),
    "hex of base64": lambda data: base64.b64encode(data).hex(),
}
SECRETS = {
    "12-3456789": "ein",
    "123456789": "ein",
    "123-45-6789": "ssn",
    "jane.doe@acme.example": "email",
    "jörg@müller.example": "email",
    "https://me:hunter2pw@a.example/": "url_login",
    "mk_live_abcdef0123456789": "key",
    "C-77 of theirs": "case",
}
POLICY = Redaction(patterns={"case": r"C-\d+"})


def mask(text, secrets=()):
    return Masker(POLICY, secrets).text(text)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("way", WAYS)
def test_a_secret_in_other_signs_is_masked(secret, way):
    """The word goes as a whole, by the rule of what it says."""
    word = WAYS[way](secret.encode())
    assert mask(f"see {word}, then") == f"see [{SECRETS[secret]} 1], then"


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_within_longer_text_is_masked(way):
    """JSON with a tax number in it, in lines of a mail too."""
    said = '{"of": "Müller", "ids": [1, 2, 3], "more": "and so on and on", "then": "12-3456789", "?": "~~"}'
    assert mask(WAYS[way](said.encode())) == "[ein 1]"


@pytest.mark.parametrize(
    "around",
    ["{}", "/v1/{}/x", "doc_{}", "doc-{}", "extra-registry-{}/x", "a?q={}&b=1", '{{"a": "{}"}}', "x\\n{}"],
)
def test_what_stands_around_a_word_stays(around):
    """A path, a name with a sign behind it, JSON."""
    word = base64.b64encode(b"123456789").decode()
    assert mask(around.format(word)) == around.format("[ein 1]")


def test_equal_values_get_equal_masks_in_other_signs():
    """The value alone is the value; with other text around it, it is another one."""
    alone, within = (base64.b64encode(said).decode() for said in (b"123456789\n", b"EIN 123456789"))
    assert mask(f"12-3456789 {alone} {within} {within}") == "[ein 1] [ein 1] [ein 2] [ein 2]"


def test_a_value_masked_elsewhere_is_masked_in_other_signs():
    """A password under its name, and before that inside base64 and hex."""
    said = b"in with tr0ub4dor-3"
    value = [base64.b64encode(said).decode(), said.hex(), {"password": "tr0ub4dor-3"}]
    assert Masker(POLICY).json(value) == ["[key 1]", "[key 2]", {"password": "[key 3]"}]


def test_a_secret_in_per_cent_signs_is_masked():
    """Each sign of it, or those that addresses need."""
    assert mask("".join(f"%{byte:02x}" for byte in b"12-3456789")) == "[ein 1]"
    assert mask(quote("a=jane@acme.example", safe="")) == "a%3D[email 1]"


PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + random.Random(1).randbytes(60_000)


def plain():
    """Words that could be base64 or hexadecimal digits, and say nothing, or nothing that is masked."""
    chance = random.Random(2)
    yield "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    yield PICTURE.hex()
    yield from (
        base64.b64encode(text).decode()
        for text in (b"The officers of this company", b"of \x01 123456789 \x00")
    )
    yield from (b"The officers of this company".hex(), "internationalization/and-telecommunications_of")
    yield from (
        "https://a.example/companies/Zm9vYmFyYmF6cXV1eA==",
        "20260203100000123456",
        "0" * 200,
        "e" * 200,
    )
    for _ in range(2_000):
        data = chance.randbytes(32)
        yield from (hashlib.sha256(data).hexdigest(), base64.b64encode(data).decode(), data[:10].hex())
        yield from (base64.urlsafe_b64encode(data[:16]).decode(), f"{chance.randrange(10**18)}")


def test_what_only_looks_encoded_stays():
    """Pictures, digests, ids, words, long numbers; and text in base64 that holds no secret."""
    masker = Masker(POLICY)
    for text in plain():
        assert masker.text(f"see {text}, then") == f"see {text}, then"


@pytest.mark.parametrize(
    "unit", ["YWFh", "YWFh/", "YWFh_", "a/", "Mi", "61", "61 ", "c3", f"{'YWFh' * 15}\n", "a+a-"]
)
def test_words_without_end_take_linear_time(unit):
    """A million signs of base64 take the processor a moment, wherever a word may begin."""
    import time

    start = time.process_time()
    mask(unit * (1_000_000 // len(unit)))
    assert time.process_time() - start < 5


def test_a_masked_word_is_looked_for_in_the_file():
    """It would tell what it says."""
    masker = Masker(POLICY)
    word = base64.b64encode(b"12-3456789").decode()
    masker.text(word)
    assert leaks(f"<p>{word}</p>", masker) == {"ein": 1}
