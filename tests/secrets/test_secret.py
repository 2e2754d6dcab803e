"""What holds a key, and how the key is taken out of what others say."""

import base64
import copy
import inspect
import logging
import pickle
from urllib.parse import quote

import pytest

from runkit.secret import HIDDEN, Secret, forget
from tests.secrets.canary import CANARY, PLAIN, found_in, reachable, spellings


@pytest.mark.parametrize("key", [PLAIN, CANARY], ids=["plain", "odd"])
def test_every_spelling_is_blotted_out(key: str) -> None:
    """With escapes, in base64 and base32 of any offset, in hex or backwards: stars in its place."""
    secret = Secret(key)
    for spelling in spellings(key):
        told = secret.blot(f'{{"a": "before {spelling} after"}}')
        assert not found_in(told, key)
        assert HIDDEN in told
        assert told.startswith('{"a": "before ')
        assert told.endswith(' after"}')


@pytest.mark.parametrize("key", [PLAIN, CANARY], ids=["plain", "odd"])
@pytest.mark.parametrize("before", ["", "a", "ab", "Bearer ", "user:"])
@pytest.mark.parametrize("after", ["", ":", "ab"])
def test_no_header_that_holds_it_is_left(key: str, before: str, after: str) -> None:
    """Basic and its likes: what decodes to the key is gone, whatever stands around it."""
    packed = base64.b64encode(f"{before}{key}{after}".encode()).decode()
    for spelling in (packed, quote(packed, safe="")):
        assert not found_in(Secret(key).blot(f"Basic {spelling}"), key)


@pytest.mark.parametrize(
    "way",
    [
        "%{:02x}",
        "%25{:02X}",
        "\\u00{:02x}",
        "\\x{:02X}",
        "\\u{{{:x}}}",
        "&#{:d};",
        "&#X00{:x};",
        "&#{:d}",
        "%252525{:02x}",
    ],
)
def test_one_escaped_sign_is_enough(way: str) -> None:
    """Each sign may be the only one that is escaped."""
    key = "mk_test_" + "".join(map(chr, range(33, 127)))
    secret = Secret(key)
    for at in range(8, len(key)):
        said = key[:at] + way.format(ord(key[at])) + key[at + 1 :]
        assert secret.blot_bytes(said.encode()) == HIDDEN.encode()


def test_ordinary_text_stays_as_it_is() -> None:
    """Escapes, addresses and base64 of other things are not touched, byte for byte."""
    text = rb'{"a": "https://x.example/%6D%20b?q=\u006d\"", "b": "bWtfbGl2ZV9vdGhlcg==", "c": "&amp;&#109;"}'
    assert Secret(PLAIN).blot_bytes(text) == text
    assert Secret(CANARY).blot_bytes(text) == text


def test_a_short_key_blots_nothing() -> None:
    """One of fewer than 8 characters would be found in ordinary words, and is only good for a sandbox."""
    assert Secret("sandbox").blot_bytes(b"the sandbox said no") == b"the sandbox said no"


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_not_copied_or_pickled(leave: object) -> None:
    """It does not leave the process with an object that holds it."""
    with pytest.raises(TypeError, match="not pickled"):
        leave(Secret(CANARY))  # type: ignore[operator]


def test_nothing_that_lists_an_object_finds_it() -> None:
    """Attributes, slots, members, repr and str hold no key; a call of `reveal` gives it."""
    secret = Secret(CANARY)
    told = f"{secret} {secret!r} {inspect.getmembers(secret)}" + "".join(reachable(secret))
    assert not found_in(told)
    assert secret.reveal() == CANARY


def test_forgetting_empties_frames_of_the_whole_chain() -> None:
    """Locals of frames that ended are gone from an error, its cause, its context and its group's members."""

    def fail(header: str) -> None:
        raise ValueError(len(header))

    def chain(header: str) -> None:
        try:
            fail(header)
        except ValueError as error:
            try:
                fail(header + "2")
            except ValueError as other:
                raise ExceptionGroup("both", [other]) from error

    with pytest.raises(ExceptionGroup) as caught:
        chain("a header")
    errors = (caught.value, caught.value.__cause__, caught.value.exceptions[0])

    def frames() -> list[dict[str, object]]:
        traces = [error.__traceback__ for error in errors if error]
        return [trace.tb_next.tb_frame.f_locals for trace in traces if trace and trace.tb_next]

    assert any("header" in found for found in frames())
    forget(caught.value)
    assert not any("header" in found for found in frames())


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "httpcore.connection", "httpcore.proxy"])
def test_logs_of_the_http_libraries_are_blotted(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """What they log of an answer is kept, without the key, as long as somebody holds one."""
    held, other = Secret(CANARY), Secret(PLAIN)
    caplog.set_level(logging.DEBUG, name)
    logging.getLogger(name).debug("return_value=%r and %d", [(b"x-echo", CANARY.encode())], 5)
    assert not found_in(caplog.text)
    assert "return_value=[(b'x-echo', b'***')] and 5" in caplog.text.replace('"', "'")
    assert (held.reveal(), other.reveal()) == (CANARY, PLAIN)
