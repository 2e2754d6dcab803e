"""Any text around a secret: the secret goes, everything goes only once, and ids and times stay."""

import html
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit.reports.masker import Masker
from runkit.reports.redaction import Redaction
from runkit.reports.scan import leaks

SECRETS = st.sampled_from(
    ["12-3456789", "98 7654321", "123-45-6789", "jane.doe@acme.example", "mk_live_abcdef012345"]
)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(
    "\\nu0041%&;#x\"'<>@./:?=- ", max_size=12
)
BREAKS = st.sampled_from([" ", "\n", '"', "<", ">", "(", ","])


@given(st.lists(st.tuples(AROUND, BREAKS, SECRETS, BREAKS), min_size=1, max_size=3), AROUND)
def test_a_planted_secret_goes_and_does_not_come_back(planted, end):
    """Not in the text, not in JSON, HTML or an address made of it; and masking again changes nothing."""
    text = "".join(before + left + secret + right for before, left, secret, right in planted) + end
    masker = Masker(Redaction())
    masked = masker.text(text)
    for _, _, secret, _ in planted:
        assert secret not in masked
    for written in (masked, json.dumps(masked), html.escape(masked), quote(masked)):
        assert leaks(written, masker) == {}
    assert masker.text(masked) == masked


@given(st.uuids(), st.datetimes(), st.integers(0, 10**9 - 1))
def test_ids_and_times_never_change(uuid, when, nanoseconds):
    """Whatever their digits are."""
    text = f"{uuid} {uuid.hex} {when.isoformat()}Z {when:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"
    assert Masker(Redaction()).text(text) == text


@pytest.mark.parametrize(
    "unit", ["a", "7", "a@", "1-", "%", "https://", "://a@", "[", "\\", "a.", "12-", "eyJ"]
)
def test_hostile_text_takes_linear_time(unit):
    """A megabyte of anything takes the processor a moment, however busy the machine is."""
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()
    Masker(Redaction()).text(text)
    assert time.process_time() - start < 5
