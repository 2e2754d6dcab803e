"""Read runs: one of them, many into a folder of files, and by the start of an id."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from runkit.api import contract
from runkit.api.contract import Json
from runkit.api.models import Run
from runkit.arguments import check_each, check_kind, full_id
from runkit.client._http import Http, path_to
from runkit.client._replies import Reply
from runkit.client.businesses import Businesses
from runkit.client.run_list import RunList, read_each
from runkit.display.messages import quoted
from runkit.display.text import brief
from runkit.errors import ContractError, UsageError
from runkit.local.fetch_files import First, Held, Into, Last, fetch_file

START_OF_ID = re.compile(r"[0-9a-fA-F-]{8,35}")  # the first characters of a UUID
ListRuns: TypeAlias = "Callable[..., RunList]"  # `Runs.list`


class RunReader:
    """Reads runs of one client."""

    def __init__(self, http: Http, businesses: Businesses) -> None:
        self.http = http
        self._businesses = businesses

    def parse(self, raw: Json, reply: Reply) -> Run:
        """Read a run of a response."""
        reading = {"read_from": self.http.target.host, "read_at": reply.read_at}
        business = self._businesses._by_thread.get(str(raw.get("thread_id")), {})
        own = {**raw, contract.LOCAL: None}  # what the API sends under this name is not runkit's
        return Run.from_json(contract.with_local_fields(own, **reading, **business))

    def from_reply(self, reply: Reply, run_id: str | None = None) -> Run:
        """Read the run that is a response; `run_id` is that of the request."""
        run = reply.read(lambda raw: self.parse(raw, reply))
        if run_id not in (None, run.id):
            other = quoted(run.id, 100)
            raise ContractError(
                f"{reply.call}: expected this run; the API returned {other!r}. Check base_url "
                "and the proxy."
            )
        return run

    def read(self, run_id: str, call_timeout: float = math.inf) -> Run:
        """Read a run with its steps; the limits are those of `Http.get`."""
        path = path_to("runs", run_id)
        reply = self.http.get(path, {"include": "steps"}, call_timeout)
        return self.from_reply(reply, run_id)


# ------------------------------------------------------------------------------ many, into a folder


def fetch(
    reader: RunReader,
    ids_or_runs: str | Run | Iterable[str | Run],
    known: Iterable[Run] | None,
    into: Into | None,
    progress: bool,
    list_runs: ListRuns,
) -> RunList:
    """Read many runs; the arguments are those of `Runs.fetch`."""
    check_kind("ids_or_runs", ids_or_runs, Run, str, Iterable)
    if hasattr(ids_or_runs, "columns"):  # a DataFrame iterates over the names of its columns
        raise UsageError("ids_or_runs is a DataFrame; expected runs or run ids: df['run_id']")
    items = [ids_or_runs] if isinstance(ids_or_runs, str | Run) else [*ids_or_runs]
    listed = RunList(query={"runs": f"{len(items):,}"})
    if isinstance(ids_or_runs, RunList):
        listed = ids_or_runs
    wanted = dict(zip(full_ids_of(items, list_runs), items, strict=True))
    earlier = {run.id: run for run in check_each("known", known or (), Run) if run.steps}
    return _read_changed(reader, wanted, listed, earlier, into, progress)


def _read_changed(
    reader: RunReader,
    wanted: Mapping[str, str | Run],
    listed: RunList,
    known: Mapping[str, Run],
    into: Into | None,
    progress: bool,
) -> RunList:
    """Read runs, but those that are listed as they were read before, and write them to a file.

    `wanted` are runs or ids, by id, of the list `listed`; `known` are runs that were read before,
    by id. A folder has its own. What is open there may have been answered or have ended, so it is
    read also if it was not asked for.
    """
    host = reader.http.target.host
    states = {key: run.to_dict() for key, run in wanted.items() if isinstance(run, Run)}
    with fetch_file(into, host) as file:
        held = file.held
        if into is None:
            held = {key: Held.of(run.to_dict()) for key, run in known.items()}
        unchanged = {
            key for key in held.keys() & states.keys() if held[key].is_shown_by(states[key])
        }
        open_ids = [key for key, run in file.held.items() if run.is_open]
        due = [key for key in dict.fromkeys([*wanted, *open_ids]) if key not in unchanged]

        file.add(First(host=host, query=listed.query))
        results, gaps = read_each(
            reader.http,
            reader.read,
            due,
            lambda run: file.add(run.to_dict()),
            progress=progress,
        )
        missing = [*listed.missing, *gaps]
        last = Last(
            read_at=listed.read_at,
            missing=missing,
            unchanged=[key for key in open_ids if key in unchanged],
        )
        file.add(last)
    for key in unchanged & known.keys():
        as_listed = contract.local_fields(states[key])  # its time of reading, its business
        results[key] = known[key].with_local_fields(**as_listed)
    found = {**dict.fromkeys(wanted), **results}
    runs = tuple(filter(None, found.values()))
    return replace(listed, items=runs, missing=tuple(missing))


# ---------------------------------------------------------------------------- by the start of an id


def full_ids_of(runs: Iterable[str | Run], list_runs: ListRuns) -> Iterator[str]:
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
