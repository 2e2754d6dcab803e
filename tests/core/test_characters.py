"""Characters that cannot be seen.

Shown as codes wherever text is shown, and never lost from an answer.
"""

import sys
import unicodedata

from runkit.display.messages import log
from runkit.display.text import one_line, visible

ODD = "\x1b]8;;https://evil.example\x07a\x9b31m\u202eb\u200b\u2066c\x00\x08\r\ud83d"
# Format characters with a shape of their own, which stand over or before numbers and words.
SHAPED = {
    *range(0x600, 0x606),
    0x6DD,
    0x70F,
    0x890,
    0x891,
    0x8E2,
    0x110BD,
    0x110CD,
    *range(0x13430, 0x13440),
}


def test_control_and_invisible_characters_are_shown_as_codes():
    """All of Unicode's controls, format characters, separators of lines and halves of pairs.

    No letter has one.
    """
    hidden = {"Cc", "Cf", "Zl", "Zp", "Cs"}
    letters = set()
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) in hidden and character not in "\n\t":
            assert visible(character).isprintable() or number in SHAPED, hex(number)
        elif unicodedata.category(character)[0] in "LNPS" and visible(character) != character:
            letters.add(number)
    assert letters == {0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0}  # fillers: letters without a shape


def test_a_message_cannot_forge_a_line_of_the_log(caplog):
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
