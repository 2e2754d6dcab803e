"""Texts in inputs: what an input would hide or lose stands there as a code, and is sent as it came.

A browser hides controls and changes of direction, drops line breaks where there is one line, and makes CR an
LF. What a person reads, and perhaps edits, has codes instead; what leaves the input has the signs again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from runkit.text import UNSEEN, code


class EscapedText(NamedTuple):
    """A text as it came, as it stands in an input, and the sign behind each of its codes."""

    text: str
    shown: str
    signs: Mapping[str, str]

    @classmethod
    def of(cls, text: str, *, has_lines: bool) -> EscapedText:
        """Write a text with codes; `has_lines` tells whether the input keeps line breaks."""
        hidden = [sign for sign in dict.fromkeys(text) if _is_hidden(sign, has_lines=has_lines)]
        codes = {sign: _unused(code(sign), text) for sign in hidden}
        shown = "".join(codes.get(sign, sign) for sign in text)
        return cls(text, shown, {written: sign for sign, written in codes.items()})

    def read(self, entries: str) -> str:
        """Give what stands in the input with the signs for the codes."""
        if entries == self.shown:  # nothing can have gone wrong
            return self.text
        if not self.signs:
            return entries
        codes = "|".join(map(re.escape, sorted(self.signs, key=len, reverse=True)))
        return re.sub(codes, lambda found: self.signs[found[0]], entries)

    def words(self, entries: str) -> str:
        """Say what cannot be seen of what stands in the input; nothing where all can."""
        codes = ", ".join(written for written in self.signs if written in entries)
        pasted = ", ".join(code(sign) for sign in dict.fromkeys(entries) if _is_hidden(sign, has_lines=True))
        text = f"Signs that cannot be seen stand here as codes ({codes}) and are sent as they came."
        bare = f"It holds signs that cannot be seen ({pasted}); they are sent, too."
        return " ".join(said for said, is_so in ((text, codes), (bare, pasted)) if is_so)


def _is_hidden(sign: str, *, has_lines: bool) -> bool:
    return bool(UNSEEN.fullmatch(sign)) or (sign == "\n" and not has_lines)


def _unused(written: str, text: str) -> str:
    """Lengthen a code until the text does not hold it by itself."""
    while written in text:
        written = f"\\{written}"
    return written
