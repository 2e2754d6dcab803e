"""One function words a count, and one a length; null is what nobody knows."""

import pandas as pd
import pytest

from runkit.display.text import counted


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([True] * 27 + [False] * 3, "27 of 30"),
        ([True] * 27 + [False] + [None] * 2, "27 of 28 known, 2 not known"),
        ([False] * 30, "0 of 30"),
        ([None, None], "–"),
        ([], "0 of 0"),
        ([True] * 1_200, "1,200 of 1,200"),
    ],
)
def test_a_count_says_how_many_of_what_is_known(flags, words):
    assert counted(pd.Series(flags, dtype="boolean")) == words
