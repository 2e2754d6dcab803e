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

from runkit.arguments import Secret
from runkit.display.messages import LIVE_KEY, TEST_KEY, hide
from runkit.errors import UsageError

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
    is_test = key.startswith(TEST_KEY)
    own = next((host for prefix, host in HOST_OF_KEY.items() if key.startswith(prefix)), None)
    known = f"https://{own}/v1" if own else None
    text = hide(os.environ.get(URL_NAME) or known) if base_url is None else base_url
    if text is None:
        raise UsageError(
            "the key starts with neither mk_live_ nor mk_test_, so its host is not known; check "
            "that you copied all of it, or set base_url="
        )
    url = _read_url(text)
    if url is None:
        raise UsageError(
            f"base_url or {URL_NAME} cannot be used; expected https:// (http:// for loopback only) "
            "with host and path, without credentials, query or fragment, such as "
            "https://api.middesk.com/v1"
        )

    host = url.host.rstrip(".")
    is_trusted = is_test or base_url is not None
    if host != own and (host in HOST_OF_KEY.values() or not is_trusted):
        raise UsageError(
            f"the key does not go to {host!r}: one that starts with mk_live_ goes to "
            "api.middesk.com, one with mk_test_ to api-sandbox.middesk.com. To another host, "
            f"{URL_NAME} sends only one with mk_test_, and base_url= in code any key."
        )
    mode: Mode = "SANDBOX" if is_loopback(host) else "TEST" if is_test else "LIVE"
    netloc = url.netloc.decode()
    path = url.raw_path.decode().rstrip("/") or "/v1"  # quoted as in the URL
    return Target(f"{url.scheme}://{netloc}{path}", netloc, mode, secret)


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _read_url(text: str) -> httpx.URL | None:
    """Read a base URL; None for one that the key must not go to."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        return None
    is_private = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host))
    is_port = url.port is None or 0 < url.port < 2**16  # beyond, a system uses the last bits
    is_plain = not url.userinfo and "?" not in text and "#" not in text
    return url if url.host and is_private and is_port and is_plain else None
