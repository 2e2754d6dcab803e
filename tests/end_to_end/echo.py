"""A key that must show up nowhere, and responses that repeat it wherever they can."""

from __future__ import annotations

import json
import pickle
import re
import traceback

from tests.client.conftest import Answer, Received, Script
from tests.support import run

CANARY = "mk_test_c4n4ry/Zq7+w5~x"  # no character that JSON, HTML or `repr` would escape
LOGIN = "pr0xy-Passw0rd~canary"  # of a proxy and an address


def found_in(text: str | bytes, *secrets: str) -> list[str]:
    """Return what stands before a secret in a text."""
    text = text if isinstance(text, str) else text.decode("latin-1")
    return [
        text[max(0, text.index(key) - 80) :][:80]
        for key in secrets or (CANARY, LOGIN)
        if key in text
    ]


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and its causes."""
    causes = [error]
    for cause in causes:
        more = (cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ()))
        causes += [item for item in more if item is not None and item not in causes]
    return causes


def everything_of(error: BaseException) -> str:
    """Return an error's text, traceback, arguments, attributes and pickle, and those of its causes."""
    parts = [repr(pickle.dumps(error)), *traceback.format_exception(error)]
    parts += [f"{item} {item!r} {item.args!r} {vars(item)!r}" for item in causes_of(error)]
    return "".join(parts)


def shown_by(error: BaseException) -> str:
    """Return what a traceback with local variables shows, without the frames of tests."""
    parts = [everything_of(error)]
    for item in causes_of(error):
        for frame, _ in traceback.walk_tb(item.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                parts += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(parts)


# HTTP responses, in which KEY becomes the header that was sent, and the key in it.
HEADS = "Set-Cookie: k=KEY\nX-Echo: KEY\nWWW-Authenticate: Bearer KEY\nDate: KEY\nETag: KEY"
ERROR = json.dumps({"errors": [{"message": "KEY", "parameter": "KEY"}]})
RUN = json.dumps(
    run(run_id="KEY", end=None, agent="KEY", KEY="KEY", prompt="KEY", output={"a": "KEY"})
)
EVENT = 'event: {0}\ndata: {{"type": "{0}", "run_id": "KEY", "snapshot": {{"a": "KEY"}}}}\n\n'
EVENTS = f"200 KEY\n{HEADS}\nContent-Type: text/event-stream; x=KEY\n\n" + EVENT.format(
    "STATE_SNAPSHOT"
)
WAYS = {
    "401": f"401 KEY\n{HEADS}\n\n{ERROR}",
    "429": f"429 KEY\n{HEADS}\nRetry-After: KEY\n\n{ERROR}",
    "error as HTML": f"404 KEY\n{HEADS}\nContent-Type: text/html; KEY\n\n<p>KEY",
    "redirect": f"302 KEY\n{HEADS}\nLocation: http://127.0.0.1:9/?k=KEY\n\n",
    "run": f"200 KEY\n{HEADS}\n\n{RUN}",
    "no run": f'200 KEY\n{HEADS}\n\n{{"id": "KEY", "KEY": "KEY"}}',
    "page": f'200 KEY\n{HEADS}\n\n{{"object": "list", "has_more": "KEY", "data": ["KEY"]}}',
    "bad gzip": f"200 KEY\n{HEADS}\nContent-Encoding: gzip\n\nKEY",
    "cut": f'200 KEY\n{HEADS}\nContent-Length: 9999\n\n"KEY"',
    "bad header": "200 OK\nKEY\nKEY\x01: x\n\n",
    "bad status": "KEY 200 OK\n\n",
    "nothing": "",
    "events": EVENTS + EVENT.format("RUN_STARTED"),
    "bad events": EVENTS + "event: KEY\ndata: KEY\n\nevent: STATE_SNAPSHOT\ndata: {",
}


def key_of(request: Received) -> str:
    """The header with a key or a login."""
    return request.headers.get("proxy-authorization") or request.headers.get("authorization", "")


def repeat(way: str) -> Script:
    """Return the script of a server that responds in one of `WAYS`."""

    def respond(request: Received) -> Answer:
        key = key_of(request)
        text = WAYS[way].replace("KEY", f"{key} {key.partition(' ')[2]}")
        head, _, body = text.partition("\n\n")
        if not re.search("Content-Length|event-stream", head):
            head += f"\nContent-Length: {len(body)}"
        whole = f"HTTP/1.1 {head}\n\n".replace("\n", "\r\n") + body
        return Answer(parts=[whole.encode()] if text else [])

    return respond
