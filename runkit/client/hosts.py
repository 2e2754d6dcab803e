"""Which key goes to which host: the rules that make going live a deliberate act.

    mk_live_...  https://api.middesk.com/v1            LIVE
    mk_test_...  https://api-sandbox.middesk.com/v1    TEST
    any key      loopback                              SANDBOX
    any key      another host, https only              TEST for mk_test_, else LIVE

Source of the two hosts and prefixes: Middesk's pages on API keys and environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.request import getproxies, proxy_bypass

import httpx

from runkit.errors import UsageError
from runkit.secret import Secret, checked_key

KEY_NAME = "MIDDESK_API_KEY"
URL_NAME = "MIDDESK_BASE_URL"
LIVE_KEY, TEST_KEY = "mk_live_", "mk_test_"
HOST_OF_KEY = {LIVE_KEY: "api.middesk.com", TEST_KEY: "api-sandbox.middesk.com"}

Mode = Literal["LIVE", "TEST", "SANDBOX"]


@dataclass(frozen=True)
class Target:
    """Where a client sends its requests. `url` ends without a slash, `host` has its port if it is given."""

    url: str
    host: str
    mode: Mode
    secret: Secret

    @property
    def is_loopback(self) -> bool:
        """Whether the requests stay on this machine."""
        return self.mode == "SANDBOX"


def choose_target(api_key: str | None, base_url: str | None, environ: Mapping[str, str]) -> Target:
    """Apply the rules. A `base_url` from the environment is trusted less than one in code.

    Raises `UsageError`, which never holds the key or a URL that may hold one.
    """
    key = _checked_key(api_key if api_key is not None else environ.get(KEY_NAME))
    prefix = next((known for known in HOST_OF_KEY if key.startswith(known)), None)
    is_ours = base_url is not None  # the URL came in code
    given = base_url if is_ours else environ.get(URL_NAME) or None
    if given is None:
        if prefix is None:
            raise UsageError(
                f"the key starts with neither {LIVE_KEY!r} nor {TEST_KEY!r}, so its host is not known; "
                "check that it was copied whole, or give base_url"
            )
        given = f"https://{HOST_OF_KEY[prefix]}/v1"
    url = _checked_url(given, "base_url" if is_ours else URL_NAME)
    host = url.host.rstrip(".")
    loopback = is_loopback(host)
    if host in HOST_OF_KEY.values():
        _match(prefix, host)
    elif not is_ours and not (prefix == TEST_KEY or (loopback and prefix is None)):
        raise UsageError(
            f"{URL_NAME} sends requests to {host!r}, and only a key that starts with {TEST_KEY!r} follows it "
            "there. To send this key to that host on purpose, pass base_url= in code."
        )
    mode: Mode = "SANDBOX" if loopback else "TEST" if prefix == TEST_KEY else "LIVE"
    path = url.raw_path.decode("ascii").rstrip("/") or "/v1"  # quoted as it was given
    return Target(f"{url.scheme}://{_netloc(url)}{path}", _netloc(url), mode, Secret(key))


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def environment_proxy(url: str) -> str | None:
    """Give the proxy that the environment names for `url`, honouring `no_proxy`; loopback has none."""
    target = httpx.URL(url)
    if is_loopback(target.host) or proxy_bypass(target.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _checked_key(key: object) -> str:
    if key is None or key == "":
        raise UsageError(
            f"no API key: set {KEY_NAME} in the environment of the kernel, or pass api_key=. "
            "Without an account, runkit.sandbox() starts a server on this machine that needs none."
        )
    return checked_key("api_key", key)


def _checked_url(given: object, name: str) -> httpx.URL:
    """Parse a base URL. Errors do not repeat it: what is wrong with it may be a password."""
    try:
        url = httpx.URL(given) if isinstance(given, str) else None
    except httpx.InvalidURL:
        url = None
    if (
        url is None
        or not url.host
        or url.scheme not in ("http", "https")
        or not 0 < (1 if url.port is None else url.port) < 2**16  # beyond, a system takes the last bits
    ):
        raise UsageError(f"{name} is no http(s) URL; expected one such as https://api.middesk.com/v1")
    if url.userinfo or url.query or url.fragment or "?" in str(given) or "#" in str(given):
        raise UsageError(
            f"{name} holds credentials, a query or a fragment; give scheme, host and path only, "
            "and the key as api_key="
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(
            f"{name} is http to {url.host!r}, where the key could be read on the way; use https "
            "(http is for loopback only)"
        )
    return url


def _match(prefix: str | None, host: str) -> None:
    expected = {known: prefix for prefix, known in HOST_OF_KEY.items()}[host]
    if prefix != expected:
        kind = f"starts with {prefix!r}" if prefix else f"does not start with {expected!r}"
        raise UsageError(
            f"key and host do not match: {host} takes keys that start with {expected!r}, this one {kind}. "
            "Take the other key, or leave base_url out: the key picks its host."
        )


def _netloc(url: httpx.URL) -> str:
    return url.netloc.decode("ascii")
