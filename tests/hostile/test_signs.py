"""Signs that cannot be seen: shown as codes wherever text is shown, and never lost from an answer."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runkit.errors import ContractError, RunkitError, UsageError
from runkit.logs import log
from runkit.text import Markup, one_line, visible
from runkit.widgets.questionnaire import Questionnaire

ODD = "\x1b]8;;https://evil.example\x07a\x9b31m\u202eb\u200b\u2066c\x00\x08\r\ud83d"
# Format signs with a shape of their own: they stand over or before numbers and words.
SHAPED = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
ANY = st.text(st.characters(categories=None) | st.sampled_from("\u202e\x1b\n\r\\u20e2"))


def test_every_sign_that_acts_or_hides_has_a_code() -> None:
    """All of Unicode's controls, format signs, separators of lines and halves of pairs; no letter has one."""
    hidden = {"Cc", "Cf", "Zl", "Zp", "Cs"}
    letters = set()
    for number in range(sys.maxunicode + 1):
        sign = chr(number)
        if unicodedata.category(sign) in hidden and sign not in "\n\t":
            assert visible(sign).isprintable() or number in SHAPED, hex(number)
        elif unicodedata.category(sign)[0] in "LNPS" and visible(sign) != sign:
            letters.add(number)
    assert letters == {0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0}  # fillers: letters without a shape


@given(ANY)
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    """Shown twice is shown once; and it can be written as UTF-8."""
    shown = visible(text)
    assert visible(shown) == shown
    shown.encode()


def test_html_shows_what_cannot_be_seen() -> None:
    """However text enters it: formatted, joined, added, or as an attribute."""
    for html in (
        Markup("<p>{}</p>").format(ODD),
        Markup("<p>%s</p>") % ODD,
        Markup(" ").join([ODD]),
        Markup("<p>") + ODD,
        Markup('<p title="{x}">').format(x=ODD),
    ):
        assert isinstance(html, Markup)
        assert visible(html) == html
        assert "\\x1b]8;;" in html


@pytest.mark.parametrize("kind", [RunkitError, UsageError, ContractError])
def test_an_error_does_not_act_on_the_terminal(kind: type[RunkitError]) -> None:
    """Its message may name a file, an id or what the API said; its arguments stay as they are."""
    error = kind(f"{ODD} is not there")
    assert str(error) == f"{visible(ODD)} is not there"
    assert error.args[0].startswith(ODD)


def test_a_message_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """One message is one line, and a traceback is indented."""
    forged = f"odd\nERROR    runkit:jobs.py:1 all is well\r{ODD}"
    try:
        raise ValueError(forged)
    except ValueError:
        log.exception("left out: %s", forged)
    lines = caplog.text.splitlines()
    assert lines[0].endswith(f"left out: {one_line(forged)}")
    assert all(line.startswith("  ") for line in lines[1:])
    assert visible(caplog.text) == caplog.text


@given(ANY)
@example("\\u202e and \u202e\r\nend")
def test_a_text_that_is_not_edited_is_sent_as_it_came(text: str) -> None:
    """Whatever it holds, when the cell beside it is edited; its input has what a browser keeps."""
    source = {"url": "https://a.example", "source_name": text}
    form = Questionnaire({"type": "add_sources", "payload": {"sources": [source]}})
    entries = form.start()
    [row] = entries["0"]["sources"]
    assert visible(row["source_name"]) == row["source_name"]
    assert "\n" not in row["source_name"]
    row["tier"] = entries["0"]["decision"] = "approve"
    sent, errors = form.answer(entries)
    assert errors == {}
    assert sent is not None
    assert sent["actions"][0]["payload"]["sources"] == [{**source, "tier": "approve"}]


def test_saved_runs_act_on_no_terminal() -> None:
    """`runkit fetch -o -` writes invisible characters as JSON escapes; the data stay equal."""
    from runkit.cli import _escape_unseen

    data = {"label": f"{ODD[:-1]}\x7f\U000e0041"}
    written = _escape_unseen(json.dumps(data, ensure_ascii=False))
    assert json.loads(written) == data
    assert visible(written) == written
