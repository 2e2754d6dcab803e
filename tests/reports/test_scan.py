"""A finished file is searched for what was masked, in every way a file writes it."""

import base64
import binascii
import html
import json
import time
from random import Random
from urllib.parse import quote, quote_plus

import pytest

from runkit.reports.masker import Masker
from runkit.reports.redaction import Redaction
from runkit.reports.scan import leaks

VALUES = ["12-3456789", "jörg+tax@acme.example", "p<a>ss & \"w\" 100%\\n'x'"]
WRITERS = {
    "raw": str,
    "json": json.dumps,
    "json, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "json in a script": lambda text: json.dumps(text).replace("<", "\\u003C").replace("&", "\\u0026"),
    "html": html.escape,
    "decimal": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "hexadecimal": lambda text: "".join(f"&#x{ord(sign):X};" for sign in text),
    "url": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "capitals": str.upper,
}
PAIRS = [("json", "html"), ("url", "json"), ("url", "html"), ("html", "json"), ("json", "json")]


def masker(*texts):
    made = Masker(Redaction(patterns={"own": "own-[a-z]+|p<a>ss.*|ab"}), ["the-secret"])
    for text in texts:
        made.text(text)
    return made


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("value", VALUES)
def test_each_way_to_write_is_found(value, writer):
    """Alone and between other signs."""
    found = masker(value)
    assert len(leaks(f"<p>{WRITERS[writer](value)}</p>", found)) == 1
    assert leaks("<p>nothing</p>", found) == {}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("value", VALUES)
def test_one_way_in_another_is_found(value, pair):
    """JSON in HTML, addresses in JSON, and so on."""
    inner, outer = (WRITERS[name] for name in pair)
    assert len(leaks(f"x {outer(inner(value))} y", masker(value))) == 1


@pytest.mark.parametrize(
    "encode", [base64.b64encode, base64.urlsafe_b64encode, base64.b16encode, binascii.hexlify]
)
@pytest.mark.parametrize("before", [b"", b"\xff", b"\xff\xff", b"\x89PNG12"])
@pytest.mark.parametrize("value", VALUES)
def test_a_value_within_encoded_data_is_found(value, before, encode):
    """At each of its places, whatever stands around it, text or not, also in JSON and in an address."""
    found = masker(value)
    word = encode(before + value.encode() + b"5\x00\xff").decode()
    for text in (word, json.dumps(word), quote(word, safe="")):
        assert len(leaks(f"1{text}2", found)) == 1


def test_a_short_value_is_found_in_other_signs_by_no_chance():
    """Of less than nine bytes, the few signs stand in any picture."""
    found = Masker(Redaction(patterns={"own": "own-abcd+"}))
    found.text("own-abcd own-abcdd")
    assert leaks(base64.b64encode(b"own-abcd").decode(), found) == {}
    assert leaks(base64.b64encode(b"own-abcdd").decode(), found) == {"own": 1}


def test_a_picture_is_no_leak():
    """A megabyte of chance in base64 and in hex holds none of a thousand values."""
    random = Random(3)
    found = masker(*(f"{random.randrange(10**9):09}" for _ in range(1_000)))
    picture = random.randbytes(1_000_000)
    assert leaks(base64.b64encode(picture).decode() + picture.hex(), found) == {}


def test_what_is_masked_leaves_no_leak():
    """Masks, longer numbers and ids with the same digits are no leak."""
    text = "12-3456789 123456789 own-ab"
    found = masker(text)
    assert leaks(found.text(text) + " 1234567890 c0ffee123456789 0.123456789 cab", found) == {}


def test_keys_are_found_even_if_never_masked():
    """By their form, and those that were handed in."""
    assert leaks("MK_LIVE_abcd1234 and the-secret", masker()) == {"key": 2}
    assert leaks("a key starts with mk_live_", masker()) == {}


def test_exempt_blocks_are_taken_out_and_join_nothing():
    """Only the exact block goes, and its sides do not become a value."""
    found = masker("12-3456789")
    assert leaks("x = 12-3456789;", found, exempt=["x = 12-3456789;"]) == {}
    assert leaks("12-345<block>6789", found, exempt=["<block>"]) == {}


def test_short_values_are_whole_words():
    """Less than four characters stand by chance in other words."""
    assert leaks("table", masker("ab")) == {}
    assert leaks("a (AB) c", masker("ab")) == {"own": 1}


def test_a_large_file_takes_seconds():
    """6 MB and 5,000 values; the one that leaks is found."""
    random = Random(1)
    values = [f"{random.randrange(100):02}-{random.randrange(10**7):07}" for _ in range(4_000)]
    values += [f"user{n}@x{n}.example" for n in range(1_000)]
    found = masker(*values)
    rows = [{"x": random.random(), "t": "<b>%20 &amp;", "u": random.randrange(10**8)} for _ in range(100_000)]
    document = (json.dumps(rows) * 2)[:6_000_000]
    start = time.process_time()
    assert leaks(document + html.escape(json.dumps(values[7])), found) == {"ein": 1}
    assert time.process_time() - start < 15
