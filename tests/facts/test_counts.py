"""One function words a count, and one a length; null is what nobody knows."""

import pandas as pd
import pytest

from runkit.display.text import counted, flag, lasted


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([True] * 27 + [False] * 3, "27 of 30"),
        ([True] * 27 + [False] + [None] * 2, "27 of 28, 2 not known"),
        ([False] * 30, "0 of 30"),
        ([None, None], "–"),
        ([], "0 of 0"),
        ([True] * 1_200, "1,200 of 1,200"),
    ],
)
def test_a_count_says_how_many_of_what_is_known(flags, words):
    assert counted(pd.Series(flags, dtype="boolean")) == words


def test_a_flag_is_null_where_it_is_not_known():
    flags = flag(pd.Series([True, True, False]), pd.Series([True, False, None], dtype="boolean"))
    assert flags.tolist() == [True, pd.NA, pd.NA]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (float("nan"), "–"), (0, "0 s"), (90, "1 min 30 s"), (504_000, "5 d 20 h")],
)
def test_a_length_has_two_units(seconds, words):
    assert lasted(seconds) == words
