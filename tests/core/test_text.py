"""Words for durations and runs."""

import pytest

from runkit.display import text


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.sec.gov/x?a=1#b", "www.sec.gov"),
        ("https://evil.example#@www.sec.gov", "evil.example"),
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
        "https://evil.example\t/x",
        "https://evil.example/\u202ex",
        "https://www.s\u0435c.gov",
        "javascript:alert(1)",
        "https://evil.example/" + "x" * 2000,
    ],
)
def test_an_address_with_an_uncertain_host_is_text(url):
    """An address whose host is not certain is text."""
    assert text.link(url, "SEC") == f"<bdi>SEC</bdi>: <bdi>{text.visible(url)}</bdi>"
