"""Which key goes to which host: the rules that make going live a deliberate act.

    mk_live_...  https://api.middesk.com/v1            LIVE
    mk_test_...  https://api-sandbox.middesk.com/v1    TEST
    any key      loopback                              SANDBOX
    any key      another host, https only              TEST for mk_test_, else LIVE

A key goes to loopback or another host if `base_url` came in code; with `MIDDESK_BASE_URL` of the
environment, only a test key does.

Source of the two hosts and prefixes: Middesk's pages on API keys and environments. [A] 22: both
serve agents.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

import httpx

from runkit.display.hide_keys import LIVE_KEY, TEST_KEY, hide
from runkit.errors import UsageError
from runkit.local.secret import Secret

KEY_NAME = "MIDDESK_API_KEY"
URL_NAME = "MIDDESK_BASE_URL"
HOST_OF_KEY = {LIVE_KEY: "api.middesk.com", TEST_KEY: "api-sandbox.middesk.com"}

Mode = Literal["LIVE", "TEST", "SANDBOX"]


@dataclass(frozen=True)
class Target:
    """Where a client sends its requests.

    `url` ends without a slash; `host` includes a given port.
    """

    url: str
    host: str
    mode: Mode
    secret: Secret

    @property
    def is_loopback(self) -> bool:
        """Return whether the requests stay on this machine."""
        return self.mode == "SANDBOX"


def choose_target(api_key: str | None, base_url: str | None) -> Target:
    """Return where a key goes. A `base_url` from the environment is trusted less than one in code.

    Raises `UsageError`, which never contains the key or a URL that may contain one.
    """
    # The key is hidden, because tracebacks may show local variables.
    key = hide(os.environ.get(KEY_NAME) if api_key is None else api_key)
    if not key:
        raise UsageError(
            f"no API key: set {KEY_NAME} in the environment of the kernel, or pass api_key=. "
            "Without an account, use runkit.sandbox(), a server on this machine."
        )
    secret = Secret(key, "api_key")
    prefix = next((known for known in HOST_OF_KEY if key.startswith(known)), "")
    host_of_key = HOST_OF_KEY.get(prefix)

    if base_url is not None:
        url = _checked_url(base_url, "base_url")
    elif url_of_environment := hide(os.environ.get(URL_NAME)):
        url = _checked_url(url_of_environment, URL_NAME)
    elif host_of_key is not None:
        url = httpx.URL(f"https://{host_of_key}/v1")
    else:
        raise UsageError(
            "the key starts with neither mk_live_ nor mk_test_, so its host is not known; check "
            "that you copied all of it, or set base_url="
        )

    host = url.host.rstrip(".")
    loopback = is_loopback(host)
    if host in HOST_OF_KEY.values() and host != host_of_key:
        raise UsageError(
            "key and host do not match: a key that starts with mk_live_ goes to api.middesk.com, "
            "one with mk_test_ to api-sandbox.middesk.com. Use the other key, or leave base_url "
            "out."
        )
    if base_url is None and host != host_of_key and prefix != TEST_KEY:
        raise UsageError(
            f"{URL_NAME} points to {host!r}, where only a key that starts with mk_test_ is sent. "
            "To send this key to that host on purpose, set base_url= in code."
        )

    mode: Mode = "SANDBOX" if loopback else "TEST" if prefix == TEST_KEY else "LIVE"
    netloc = url.netloc.decode()
    path = url.raw_path.decode().rstrip("/") or "/v1"  # quoted as in the URL
    return Target(f"{url.scheme}://{netloc}{path}", netloc, mode, secret)


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_url(value: str, name: str) -> httpx.URL:
    """Read a base URL. Errors do not repeat it, because it may contain a password."""
    try:
        url = httpx.URL(value)
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL("")
    is_port = url.port is None or 0 < url.port < 2**16  # beyond, a system uses the last bits
    if not (url.host and url.scheme in ("http", "https") and is_port):
        del url  # a traceback may show it
        raise UsageError(
            f"{name} is not an http(s) URL; expected one such as https://api.middesk.com/v1"
        )
    if url.userinfo or "?" in value or "#" in value:
        raise UsageError(
            f"{name} contains credentials, a query or a fragment; use scheme, host and path only, "
            "and give the key as api_key="
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(
            f"{name} is http to {url.host!r}, so others could read the key; use https "
            "(http is for loopback only)"
        )
    return url
