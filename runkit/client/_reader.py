"""Read runs: once, many into a folder of files, until they stop, or as a stream of events."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, TypeAlias

from httpx_sse import ServerSentEvent

from runkit.api import contract
from runkit.api.contract import RUN_READ, Json, event_fields
from runkit.api.models import Event, Run
from runkit.api.words import RUN_STATUSES
from runkit.arguments import check_kind, full_id
from runkit.client._http import Http, path_to
from runkit.client._replies import Reply
from runkit.client.businesses import Businesses
from runkit.client.run_list import RunList, read_each
from runkit.display.messages import log, quoted
from runkit.display.text import brief, duration
from runkit.errors import (
    ContractError,
    NotFound,
    RateLimited,
    Unavailable,
    UsageError,
    WaitTimeout,
)
from runkit.local.fetch_files import First, Held, Last, fetch_file

POLL_FIRST = 0.25  # seconds; a run in the sandbox takes about one
POLL_GROWTH = 1.5
# agents work for minutes, so a delay of 5 s is fine; 100 waits stay within the rate limit
POLL_MAX = 5.0
START_OF_ID = re.compile(r"[0-9a-fA-F-]{8,35}")  # the first characters of a UUID
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
            late = WaitTimeout(
                f"{run.label} was still running after {duration(timeout)}; wait again with a "
                "longer timeout=, or follow it with runs.stream",
                run,
            )
            if http.clock() + pause >= deadline:
                raise late
            http.sleep(pause)
            pause = poll or min(POLL_MAX, pause * POLL_GROWTH)
            try:
                run = self.read(run_id, deadline)
            except RateLimited as error:  # without a status, no slot was left
                raise (error if error.status else late) from None
        return run


def _event_of(message: ServerSentEvent, run_id: str) -> Event | None:
    """Read a message; None for one of an unknown type, or that cannot be read (logged).

    Raises `ContractError` for a snapshot of another run.
    """
    try:
        data = contract.loads(message.data.encode() or b"null")
        fields = event_fields(message.event, data)
        if fields is None:
            return None
        event = Event.from_json(fields)
    except ValueError:
        log.warning("left out of the stream: an event whose data cannot be read")
        return None
    shown = (event.snapshot or {}).get("id") or run_id
    if shown != run_id:
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
            reader.http,
            reader.read,
            due,
            lambda run: file.add(run.to_dict()),
            workers=workers,
            progress=progress,
        )
        missing = [*source.missing, *fetched.missing]
        last = Last(
            read_at=source.read_at,
            missing=missing,
            unchanged=[key for key in open_ids if key in unchanged],
        )
        file.add(last)
    kept = {}
    for key in unchanged & known.keys():
        as_listed = contract.local_fields(listed[key])  # its time of reading, its business
        kept[key] = known[key].with_local_fields(**as_listed)
    found = {**dict.fromkeys(wanted), **kept, **fetched.results}
    return replace(source.with_items(filter(None, found.values())), missing=tuple(missing))


# ---------------------------------------------------------------------------- by the start of an id


def full_ids_of(runs: Iterable[str | Run], list_runs: Callable[..., RunList]) -> Iterator[str]:
    """Yield the full ids of runs; all runs are listed, once, if an id is short.

    Raises `UsageError` if it is not the start of one id only, or not all runs could be listed.
    """
    listed: RunList | None = None
    for run in runs:
        check_kind("run", run, Run, str)
        run_id = run.id if isinstance(run, Run) else run
        path_to(run_id)  # refuses what is no id
        if isinstance(run, str) and START_OF_ID.fullmatch(run):
            listed = listed or list_runs(progress=False)
            run_id = _only_id(run, listed)
        yield run_id


def _only_id(start: str, listed: RunList) -> str:
    """Return the only id that begins so, or what was given if none does."""
    run_id = full_id(start, listed.ids)
    if run_id is not None and listed.missing:
        raise UsageError(
            f"{brief(start)} may be the start of several ids, as not all runs could be listed. "
            f"Pass the whole id; the only one that was found is {run_id}."
        )
    return run_id or start
