"""Words for durations and runs."""

import pytest

from runkit.display import text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (6e-60, "under 0.001 s"),
        (3.04, "3 s"),
        (9.96, "10 s"),
        (59.7, "1 min"),
        (3576, "59 min 36 s"),
        (3599.6, "1 h"),
        (86_399, "1 d"),
        (50_520, "14 h 2 min"),
        (273_600, "3 d 4 h"),
        (-90, "-1 min 30 s"),
        (float("nan"), "unknown"),
    ],
)
def test_durations_are_written_in_two_units(seconds, words):
    """Rounded to what is shown."""
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.sec.gov/x?a=1#b", "www.sec.gov"),
        ("HTTP://WWW.SEC.GOV:8080", "www.sec.gov"),
        ("https://evil.example#@www.sec.gov", "evil.example"),
        ("https://[::1]/", "::1"),
    ],
)
def test_a_link_shows_its_host(url, host):
    """The host that a browser opens stands beside the link, apart from the words before it."""
    shown = text.link(url, "\u202eSEC")
    assert f'href="{url}"' in shown
    assert shown.endswith(f"<bdi>\\u202eSEC</bdi></a> (<bdi>{host}</bdi>)")


@pytest.mark.parametrize(
    "url",
    [
        r"https://evil.example\@www.sec.gov/x",
        "https://www.sec.gov@evil.example",
        "https://evil.example\t/x",
        " https://evil.example",
        "https://evil.example/\u202ex",
        "https://evil.example/\u034fx",
        "https://www.s\u0435c.gov",
        "https://www.sec.gov%2f.evil.example",
        "https:evil.example",
        "https://[",
        "javascript:alert(1)",
        "https://evil.example/" + "x" * 2000,
        "",
    ],
)
def test_an_address_with_an_uncertain_host_is_text(url):
    """An address whose host is not certain is text."""
    assert text.link(url, "SEC") == f"<bdi>SEC</bdi>: <bdi>{text.visible(url)}</bdi>"
