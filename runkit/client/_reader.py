"""Read runs: once, many into a folder of files, until they stop, or as a stream of events."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, TypeAlias

from httpx_sse import ServerSentEvent

from runkit.api import contract
from runkit.api.contract import RUN_READ, Json, event_fields
from runkit.api.models import Event, Run
from runkit.api.words import RUN_STATUSES
from runkit.client._http import Http, path_to
from runkit.client._replies import Reply
from runkit.client.businesses import Businesses
from runkit.client.run_list import RunList, read_each
from runkit.display.messages import log, quoted
from runkit.display.text import duration
from runkit.errors import (
    ContractError,
    NotFound,
    RateLimited,
    Unavailable,
    WaitTimeout,
)
from runkit.local.fetch_files import First, Held, Last, fetch_file

POLL_FIRST = 0.25  # seconds; a run in the sandbox takes about one
POLL_GROWTH = 1.5
# agents work for minutes, so a delay of 5 s is fine; 100 waits stay within the rate limit
POLL_MAX = 5.0
Into: TypeAlias = "str | Path | IO[bytes]"


class RunReader:
    """Reads runs of one client."""

    def __init__(self, http: Http, businesses: Businesses) -> None:
        self.http = http
        self._businesses = businesses

    def parse(self, raw: Json, reply: Reply) -> Run:
        """Read a run of a response."""
        reading = {"read_from": self.http.target.host, "read_at": reply.read_at}
        business = self._businesses.facts_of(str(raw.get("thread_id")))
        own = {**raw, contract.LOCAL: None}  # what the API sends under this name is not runkit's
        return Run.from_json(contract.with_local_fields(own, **reading, **business))

    def from_reply(self, reply: Reply, run_id: str | None = None) -> Run:
        """Read the run that is a response; `run_id` is that of the request."""
        run = reply.read(lambda raw: self.parse(raw, reply))
        if run_id not in (None, run.id):
            other = quoted(run.id, 100)
            raise ContractError(
                f"{reply.source}: the API returned run {other!r}. Check base_url and the proxy."
            )
        return run

    def read(self, run_id: str, deadline: float = math.inf) -> Run:
        """Read a run with its steps; the limits are those of `Http.get`."""
        path = path_to("runs", run_id)
        reply = self.http.get(path, {"include": "steps"}, deadline=deadline)
        return self.from_reply(reply, run_id)

    def follow(self, run_id: str) -> Generator[Event, None, None]:
        """Yield the events of a run as they arrive, then `RUN_READ`, also after a lost stream.

        A stream may be unavailable or cut off; only the run itself is reliable.
        """
        try:
            for message in self.http.events(path_to("runs", run_id, "stream")):
                event = _event_of(message, run_id)
                if event is not None:
                    yield event
        except (NotFound, Unavailable, RateLimited) as error:
            log.info("the stream ended early (%s); reading the run", type(error).__name__)
        run = self.read(run_id)
        yield Event.from_json({"type": RUN_READ, "run_id": run.id, "snapshot": run.to_dict()})

    def wait(self, run_id: str, timeout: float | None, poll: float | None) -> Run:
        """Read a run until it has stopped. Raises as `Runs.wait`."""
        http = self.http
        deadline = http.clock() + (math.inf if timeout is None else timeout)
        pause = poll or POLL_FIRST
        run = self.read(run_id, deadline)
        while RUN_STATUSES.is_a(run.status, "running"):
            if http.clock() + pause >= deadline:
                raise _timed_out(run, timeout)
            http.sleep(pause)
            pause = poll or min(POLL_MAX, pause * POLL_GROWTH)
            try:
                run = self.read(run_id, deadline)
            except RateLimited as error:
                if error.status is not None:
                    raise
                raise _timed_out(run, timeout) from None  # no slot was left
        return run


def _timed_out(run: Run, timeout: float | None) -> WaitTimeout:
    return WaitTimeout(
        f"{run.label} was still running after {duration(timeout)}; wait again with a "
        "longer timeout=, or follow it with runs.stream",
        run,
    )


def _event_of(message: ServerSentEvent, run_id: str) -> Event | None:
    """Read a message; None for one of an unknown type, or that cannot be read (logged).

    Raises `ContractError` for a snapshot of another run.
    """
    try:
        data = contract.loads(message.data.encode()) if message.data else None
        fields = event_fields(message.event, data)
        event = None if fields is None else Event.from_json(fields)
    except ValueError:
        log.warning("left out of the stream: an event whose data cannot be read")
        return None
    if event and event.snapshot and (event.snapshot.get("id") or run_id) != run_id:
        raise ContractError(
            f"the stream of run {quoted(run_id, 100)!r} shows another run. "
            "Check base_url and the proxy."
        )
    return event


# ------------------------------------------------------------------------------ many, into a folder


def fetch(
    reader: RunReader,
    wanted: Mapping[str, str | Run],
    source: RunList,
    known: Mapping[str, Run],
    into: Into | None,
    *,
    workers: int,
    progress: bool,
) -> RunList:
    """Read runs, but those that are listed as they were read before, and write them to a file.

    `wanted` are runs or ids, by id, of the list `source`; `known` are runs that were read before,
    by id. A folder has its own. What is open there may have been answered or have ended, so it is
    read also if it was not asked for. Raises as `Runs.fetch`.
    """
    host = reader.http.target.host
    listed = {key: run.to_dict() for key, run in wanted.items() if isinstance(run, Run)}
    with fetch_file(into, host) as file:
        held = file.held or {key: Held.of(run.to_dict()) for key, run in known.items()}
        unchanged = {
            key for key in held.keys() & listed.keys() if held[key].is_shown_by(listed[key])
        }
        open_ids = [key for key, run in file.held.items() if run.is_open]
        due = [key for key in dict.fromkeys([*wanted, *open_ids]) if key not in unchanged]

        file.add(First(host=host, query=dict(source.query)))
        fetched = read_each(
            reader.read,
            due,
            lambda run: file.add(run.to_dict()),
            workers=workers,
            progress=progress,
        )
        missing = tuple(dict.fromkeys([*source.missing, *fetched.missing]))
        times = [run.read_at for run in fetched.results.values() if run.read_at]
        last = Last(
            read_at=source.read_at or min(times, default=None),
            missing=[*missing],
            unchanged=[key for key in open_ids if key in unchanged],
        )
        file.add(last)
    kept = {key: _as_listed(known[key], listed[key]) for key in unchanged & known.keys()}
    found = {**dict.fromkeys(wanted), **kept, **fetched.results}
    return replace(source.with_items(filter(None, found.values())), missing=missing)


def _as_listed(run: Run, listed: Json) -> Run:
    """Return a run that was read before, as of the time of a list that shows it unchanged."""
    return run.with_local_fields(**contract.local_fields(listed))
