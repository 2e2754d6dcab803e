"""What happens to an answer on its way: the `send` of ASGI, wrapped.

The work was done by then. An answer is a start, with the status and headers, and then its body: all at once
with a `content-length`, or event by event for a stream, which has none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from random import Random
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Send

START_OF_STREAM = 4096  # bytes in which a stream is cut where nothing says when: a few events
HELD_BACK = 3  # events that a stream in disorder keeps at most


class Hurt(NamedTuple):
    """What a damage needs: where to send to, where to cut, dice, the end of the connection, a pause."""

    send: Send
    at: int | None
    random: Random
    hang_up: Callable[[], Awaitable[None]]
    pause: Callable[[], Awaitable[None]]


def skewed(send: Send, by: float) -> Send:
    """Set the `Date` header wrong by some seconds."""

    async def late(message: Message) -> None:
        headers = MutableHeaders(raw=message.get("headers", []))
        if "date" in headers:
            wrong = parsedate_to_datetime(headers["date"]) + timedelta(seconds=by)
            headers["date"] = format_datetime(wrong, usegmt=True)
        await send(message)

    return late


def cut(hurt: Hurt) -> Send:
    """Close the connection after some bytes of the body."""
    left = 0

    async def cutting(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            length = _length(message)
            half = hurt.random.randrange(START_OF_STREAM) if length is None else length // 2
            left = half if hurt.at is None else hurt.at
            await hurt.send(message)
            return
        body, is_last = message.get("body", b""), not message.get("more_body")
        if left > len(body) or (left == len(body) and is_last):
            left -= len(body)
            await hurt.send(message)
        elif left >= 0:
            await hurt.send(_piece(body[:left]))
            left = -1
            await hurt.hang_up()

    return cutting


def garble(hurt: Hurt) -> Send:
    """Give half of the JSON as if it were all of it, and half of each event of a stream."""
    half: int | None = None

    async def garbling(message: Message) -> None:
        nonlocal half
        if message["type"] == "http.response.start":
            length = _length(message)
            if length is not None:
                half = length // 2
                MutableHeaders(scope=message)["content-length"] = str(half)
            await hurt.send(message)
            return
        body = message.get("body", b"")
        kept = body[: len(body) // 2] + b"\n\n" if half is None else body[:half]
        await hurt.send({**message, "body": kept})

    return garbling


def drip(hurt: Hurt) -> Send:
    """Send the body byte by byte, with a pause before each."""

    async def dripping(message: Message) -> None:
        for byte in message.get("body", b""):
            await hurt.pause()
            await hurt.send(_piece(bytes((byte,))))
        await hurt.send({**message, "body": b""} if "body" in message else message)

    return dripping


def duplicate(hurt: Hurt) -> Send:
    """Send each event twice."""

    async def doubling(message: Message) -> None:
        if message.get("body"):
            await hurt.send(_piece(message["body"]))
        await hurt.send(message)

    return doubling


def reorder(hurt: Hurt) -> Send:
    """Hold events back and send them in another order."""
    held: list[bytes] = []

    async def shuffling(message: Message) -> None:
        is_last = not message.get("more_body")
        if message["type"] == "http.response.start":
            await hurt.send(message)
            return
        held.append(message.get("body", b""))
        while held and (is_last or len(held) > HELD_BACK or hurt.random.random() < 0.5):
            await hurt.send(_piece(held.pop(hurt.random.randrange(len(held)))))
        if is_last:
            await hurt.send({**message, "body": b""})

    return shuffling


DAMAGES: dict[str, Callable[[Hurt], Send]] = {
    "cut": cut,
    "garble": garble,
    "drip": drip,
    "duplicate": duplicate,
    "reorder": reorder,
}


def _length(start: Message) -> int | None:
    told = Headers(raw=start["headers"]).get("content-length")
    return None if told is None else int(told)


def _piece(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}
