"""`Client`: the object that talks to the Agents API, which key goes to which host, and short lists.

    mk_live_...  https://api.middesk.com/v1            LIVE
    mk_test_...  https://api-sandbox.middesk.com/v1    TEST
    any key      loopback                              SANDBOX
    any key      another host, https only              TEST for mk_test_, else LIVE

Going live is a deliberate act: a key goes to loopback or another host if `base_url` came in code;
with `MIDDESK_BASE_URL` of the environment, only a test key does.

Source of the two hosts and prefixes: Middesk's pages on API keys and environments. [A] 22: both
serve agents.
"""

from __future__ import annotations

import os
import time
from ipaddress import ip_address
from typing import Self

import httpx

from runkit.api.models import Action, Agent, Document
from runkit.arguments import Seconds, Secret, checked
from runkit.client._http import Http, Mode, RateLimiter, Target, path_to
from runkit.client._runs import Runs
from runkit.client.businesses import Businesses
from runkit.client.run_list import ApiList, ApiPart
from runkit.display.messages import LIVE_KEY, TEST_KEY, hide
from runkit.errors import UsageError

KEY_NAME = "MIDDESK_API_KEY"
URL_NAME = "MIDDESK_BASE_URL"
HOST_OF_KEY = {LIVE_KEY: "api.middesk.com", TEST_KEY: "api-sandbox.middesk.com"}


class Agents(ApiPart):
    """The agents that Middesk offers."""

    def list(self) -> ApiList[Agent]:
        """List all agents; the API does not page them."""
        return self._read_all("/agents", Agent.from_json)


class Actions(ApiPart):
    """Recorded changes of businesses and watchlist results."""

    @checked
    def list(self, object_type: str, object_id: str) -> ApiList[Action]:
        """List the actions on one object; the API does not page them.

        `object_type` is `businesses` or `watchlist_result`. `missing` has the reasons why some may
        be missing.
        """
        path_to(object_id)  # refuses what is no id
        query = {"object_type": object_type, "object_id": object_id}
        return self._read_all("/actions", Action.from_json, query)


class Documents(ApiPart):
    """The files that businesses have on record. The API has no public way to upload one."""

    @checked
    def list(self, business_id: str) -> ApiList[Document]:
        """List the documents of a business; the API does not page them. Raises `NotFound`.

        `missing` has the reasons why some may be missing.
        """
        path = path_to("businesses", business_id, "documents")
        return self._read_all(path, Document.from_json)


class Client:
    """A client of Middesk's Agents API; synchronous, safe to share between threads.

    runs.list()                               RunList, without steps
    runs.get(run)                             Run, with its steps
    runs.fetch(runs)                          RunList, with their steps
    runs.wait(run)                            Run, when it has stopped
    runs.stream(run)                          iterator of Event, as they arrive
    runs.create(agent, business_id)           Run, which has begun
    runs.resume(run, interrupt_id, answer)    Run, after the answer
    runs.feedback(run, artifact_id, rating)   Feedback
    businesses.list(), businesses.get(id)     ApiList of Business, Business
    businesses.identify(runs)                 RunList, with their businesses
    agents.list(), threads.list()             ApiList of Agent, of Thread
    actions.list(object_type, object_id)      ApiList of Action
    documents.list(business_id)               ApiList of Document

    A run is a `Run`, its id or the first 8 characters. `help(client.runs.list)` has the options of
    one method. A read is tried again after a temporary failure; a write is sent once.

    The key appears in no repr, error, log line or file of runkit, and in no traceback of its
    errors, but in your own variables where a traceback shows them (`%xmode Verbose`). Response
    bodies are never changed, so a run in which a server repeats the key contains it.

    A proxy and a CA file are those of the environment (`HTTPS_PROXY`, `SSL_CERT_FILE`); loopback
    uses no proxy.

    Parameters
    ----------
    api_key
        MIDDESK_API_KEY by default. A key that starts with `mk_live_` goes to production, one with
        `mk_test_` to Middesk's sandbox.
    base_url
        Another host (or MIDDESK_BASE_URL), which must be https or loopback. It gets a live key only
        if it is passed here.
    read_only
        Refuse every POST before it is sent.
    rate
        Requests a second over all threads. 20 is what Middesk's documentation allows; None removes
        the limit.
    timeout
        Seconds of one attempt: to connect, to send, to wait for a part of the response, and from
        its start to the end of the body. A server that sends the head of its response byte by byte
        is not given up, nor is a stream that goes on.
    call_timeout
        Seconds of one call: a read that failed is tried again for so long, the waits for the rate
        limit included; without a response, or after a 500, five times at most.
    transport
        Replaces the network, with its proxies and TLS; the rate limit, the retries and the key
        stay.

    Raises
    ------
    UsageError
        For a missing or malformed key, and for a key and a host that do not match.
    """

    _sleep = staticmethod(time.sleep)  # tests replace the clock
    _clock = staticmethod(time.monotonic)

    @checked
    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        read_only: bool = False,
        rate: Seconds | None = 20,  # the limits are the same
        timeout: Seconds = 30,
        call_timeout: Seconds = 60,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        target = _choose_target(api_key, base_url)
        limiter = RateLimiter(rate, self._clock, self._sleep)
        self._http = Http(target, transport, limiter, timeout, call_timeout, read_only)
        self.agents = Agents(self._http)
        self.businesses = Businesses(self._http)
        self.threads = self.businesses.threads
        self.runs = Runs(self._http, self.businesses)
        self.actions = Actions(self._http)
        self.documents = Documents(self._http)

    @property
    def host(self) -> str:
        """The host of all requests, with its port if it is not the default."""
        return self._http.target.host

    @property
    def mode(self) -> Mode:
        """`LIVE` (real data), `TEST` (Middesk's sandbox) or `SANDBOX` (on this machine)."""
        return self._http.target.mode

    @property
    def read_only(self) -> bool:
        """Return whether every POST is refused."""
        return self._http.read_only

    def close(self) -> None:
        """Close the connections. A closed client cannot be used again."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if not hasattr(self, "_http"):  # a traceback may show a client whose constructor failed
            return "Client(not connected)"
        suffix = ", read_only" if self.read_only else ""
        return f"Client({self.host!r}, {self.mode}{suffix})"


def _choose_target(api_key: str | None, base_url: str | None) -> Target:
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
    mode: Mode = "SANDBOX" if _is_loopback(host) else "TEST" if is_test else "LIVE"
    netloc = url.netloc.decode()
    path = url.raw_path.decode().rstrip("/") or "/v1"  # quoted as in the URL
    return Target(f"{url.scheme}://{netloc}{path}", netloc, mode, secret)


def _is_loopback(host: str) -> bool:
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
    is_private = url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))
    is_plain = not url.userinfo and "?" not in text and "#" not in text
    return url if url.host and is_private and is_plain else None
