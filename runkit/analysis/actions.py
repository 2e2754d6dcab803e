"""`actions()`: who approved which action, with which effect.

The API does not tell on an action whether a reviewer or the interrupt policy approved it. The run that did it
does: an action follows the question that proposed it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from runkit import jsontext
from runkit.arguments import checked
from runkit.client import Client
from runkit.client.businesses import concurrently
from runkit.contract import FINAL_STATUSES, Json, actor_name
from runkit.errors import UsageError
from runkit.logs import log
from runkit.objects import Action
from runkit.questions import KIND_OF_TYPE
from runkit.tables.frames import Frames, frames
from runkit.tables.sources import Source
from runkit.text import plural, short_id

MAX_NAMED = 3  # runs in a warning
SETTLED_BY = {"answered": "reviewer", "auto_approve": "policy"}
UNKNOWN = "unknown"
DTYPES: dict[str, Any] = {
    "action_id": "str",
    "created_at": "datetime64[us, UTC]",
    "type": "str",
    "object_type": "str",
    "object_id": "str",
    "note": "str",
    "account_name": "str",
    "user_name": "str",
    "run_id": "str",
    "step_id": "str",
    "interrupt_id": "str",
    "proposal_no": "Int32",
    "settled_by": pd.CategoricalDtype([*SETTLED_BY.values(), UNKNOWN]),
    "effects": "str",
    "n_effects": "int32",
}
JOINED = ("step_id", "interrupt_id", "proposal_no", "settled_by")
BUSINESS, RESULT = "Business", "Watchlist::Result"
OBJECT_OF_CHANGE = {
    "add_sources": BUSINESS,
    "add_attributes": BUSINESS,
    "verify_tin": BUSINESS,
    "dismissal": RESULT,
}
LISTED = "listed"  # in attrs; a text, because pandas makes a deep copy of attrs in each operation


@checked
def actions(f: Source, client: Client, *, progress: bool = True) -> pd.DataFrame:
    """Read the recorded actions on the businesses of some runs, and join each to the question that led to it.

    An action belongs to the run that it names. Within the run it belongs to the newest question that was
    answered, or approved by policy, before the action, and that has a proposal of the action's type; of
    several such proposals to the one whose step names the action's object, else in order. What cannot be
    joined for sure is null: of two equal proposals in one question and a single action, the question is known
    and the proposal is not.

    Parameters
    ----------
    f
        `Frames` of runs that know their business, or anything that `frames()` takes. Runs listed with
        `client.runs.list(business_id=client.businesses.list())` know it.
    client
        The client to read with: one request for each business, and one for the actions on it and on each of
        its watchlist results, within the client's rate limit.
    progress
        Show a progress bar if it takes longer than 2 seconds.

    Returns
    -------
    pandas.DataFrame
        One row per action on these businesses, oldest first; also actions of people, and of runs that are not
        in `f` (a warning in the log names some of these runs; their questions are not known).

        | column | meaning |
        | --- | --- |
        | action_id, created_at, type, note | the action |
        | object_type, object_id | what it changed: a `Business` or a `Watchlist::Result` |
        | account_name, user_name, run_id | who did it; null where the API names nobody |
        | step_id, interrupt_id | the question that proposed it; null if nothing did |
        | proposal_no | the position among the question's proposals, from 0 |
        | settled_by | reviewer, policy, or unknown: done without a proposal, or not joined |
        | effects, n_effects | what changed, as JSON text with the values before and after; how many changes |

        `attrs["listed"]` is JSON text: by type of object, the runs that had ended and whose objects of this
        type were listed, each with its number of rows. `runkit.decisions` reads there what was not done.

    Raises
    ------
    UsageError
        If no run knows its business, and for a `client` that is not a `Client`.
    ApiError
        If a business or its actions cannot be read.

    Examples
    --------
    >>> import runkit
    >>> with runkit.sandbox(history=40, seed=7, now="2026-11-02T10:00:00Z") as box, box.client() as client:
    ...     runs = client.runs.list(business_id=client.businesses.list())
    ...     f = runkit.frames(client.runs.fetch(runs, progress=False))
    ...     done = runkit.actions(f, client)
    >>> sorted(done["settled_by"].unique())
    ['policy', 'reviewer']
    """
    f = frames(f)
    ids = f.runs["business_id"].dropna().unique().tolist()
    if len(f.runs) and not ids:
        raise UsageError(
            f"none of the {plural(len(f.runs), 'run')} in f knows its business, and the API lists actions by "
            "business. List the runs with client.runs.list(business_id=client.businesses.list())."
        )
    lists = concurrently(lambda business_id: _actions_on(client, business_id), ids, "business", progress)
    by_business = dict(zip(ids, lists, strict=True))
    complete = {business_id: types for business_id, (_, types) in by_business.items()}
    unique = {action.id: action for recorded, _ in by_business.values() for action in recorded}
    rows = [_row(action) for action in unique.values()]
    rows.sort(key=lambda row: (row["created_at"], row["action_id"]))
    _warn_of_missing_runs(rows, f)
    joined = _join(rows, f)
    rows = [row | joined.get(row["action_id"], {"settled_by": UNKNOWN}) for row in rows]
    frame = pd.DataFrame(rows, columns=[*DTYPES]).astype(DTYPES)
    frame.attrs[LISTED] = jsontext.dumps(_listed_runs(frame, f.runs, complete))
    return frame


def _actions_on(client: Client, business_id: str) -> tuple[list[Action], set[str]]:
    """Read the actions on a business and on its watchlist results, and which types of object are complete."""
    business = client.businesses.get(business_id)
    lists = [(BUSINESS, client.actions.list("businesses", business_id))]
    result_ids = _watchlist_results(business.to_dict().get("watchlist"))
    lists += [(RESULT, client.actions.list("watchlist_result", result_id)) for result_id in result_ids]
    incomplete = {object_type for object_type, listed in lists if not listed.is_complete}
    complete = {object_type for object_type, _ in lists} - incomplete
    return [action for _, listed in lists for action in listed], complete


def _watchlist_results(watchlist: object) -> Iterator[str]:
    """Find the ids of the results in the JSON of a watchlist, wherever it holds them."""
    todo = [watchlist]
    for value in todo:
        if isinstance(value, dict):
            todo += value.values()
            if value.get("object") == "watchlist_result" and isinstance(value.get("id"), str):
                yield value["id"]
        elif isinstance(value, list):
            todo += value


def _row(action: Action) -> Json:
    """Return the columns that the action itself has."""
    actors = {actor.actor_type: actor.data or {} for actor in action.actors}
    run_id = actors.get("run", {}).get("id")
    effects = action.to_dict()["effects"]
    return {
        "action_id": action.id,
        "created_at": action.created_at,
        "type": action.type,
        "object_type": action.object_type,
        "object_id": action.object_id,
        "note": action.note,
        "account_name": actor_name(actors.get("account", {})),
        "user_name": actor_name(actors.get("user", {})),
        "run_id": run_id if isinstance(run_id, str) else None,
        "effects": jsontext.dumps(effects),
        "n_effects": len(effects),
    }


def _warn_of_missing_runs(rows: list[Json], f: Frames) -> None:
    """Log how many actions are of runs that are not in the frames."""
    known = {None, *f.runs["run_id"]}
    missing = [row["run_id"] for row in rows if row["run_id"] not in known]
    if missing:
        ids = [*dict.fromkeys(missing)]
        more = ", …" if len(ids) > MAX_NAMED else ""
        log.warning(
            "%s: done by %s that are not in these frames (%s%s), so their questions are not known; fetch "
            "these runs, too",
            plural(len(missing), "action"),
            plural(len(ids), "run"),
            ", ".join(map(short_id, ids[:MAX_NAMED])),
            more,
        )


def _listed_runs(
    frame: pd.DataFrame, runs: pd.DataFrame, complete: dict[str, set[str]]
) -> dict[str, dict[str, int]]:
    """Count the rows of each ended run, by type of object, if those of its business were listed completely.

    A run that goes on may still do what was approved.
    """
    counts = _count_by_run(frame)
    ended = runs[runs["status"].isin(FINAL_STATUSES) & runs["business_id"].notna()]
    listed: dict[str, dict[str, int]] = {BUSINESS: {}, RESULT: {}}
    for run_id, business_id in zip(ended["run_id"], ended["business_id"], strict=True):
        for object_type in complete[business_id]:
            listed[object_type][run_id] = counts[run_id, object_type]
    return listed


def _count_by_run(frame: pd.DataFrame) -> Counter[tuple[str, str]]:
    """Count the actions of each run, by type of object."""
    return Counter(zip(frame["run_id"], frame["object_type"], strict=True))


def fully_known(actions: pd.DataFrame) -> set[tuple[str, str]]:
    """Return pairs of run id and type of action of which a question without an action led to none.

    For these, the frame has all actions of the run on such objects, and each of the type is joined.
    """
    counts = _count_by_run(actions)
    listed = json.loads(actions.attrs.get(LISTED, "{}"))
    unjoined = actions[actions["step_id"].isna()]
    unclear = set(zip(unjoined["run_id"], unjoined["type"], strict=True))
    return {
        (run_id, action_type)
        for action_type, object_type in OBJECT_OF_CHANGE.items()
        for run_id, n_listed in listed.get(object_type, {}).items()
        if counts[run_id, object_type] == n_listed and (run_id, action_type) not in unclear
    }


# ------------------------------------------------------------------------------------------------ the join


def _join(rows: list[Json], f: Frames) -> dict[str, Json]:
    """Join actions, in order of time, to proposals; gives the joined columns by action id."""
    proposals: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for proposal in _proposals(f):
        proposals[proposal["run_id"], proposal["kind"]].append(proposal)
    by_round: dict[tuple[str, str, int], list[Json]] = defaultdict(list)
    for row in rows:
        run_id, kind = row["run_id"], row["type"]
        settled = [
            proposal for proposal in proposals[run_id, kind] if proposal["answered_at"] <= row["created_at"]
        ]
        if settled:
            round_no = max(proposal["round_no"] for proposal in settled)
            by_round[run_id, kind, round_no].append(row)
    joined: dict[str, Json] = {}
    for (run_id, kind, round_no), same_round in by_round.items():
        candidates = [proposal for proposal in proposals[run_id, kind] if proposal["round_no"] == round_no]
        joined |= _match(same_round, candidates)
    return joined


def _match(rows: list[Json], proposals: list[Json]) -> dict[str, Json]:
    """Match actions of one type to the proposals of one round: by object where one is named, else in order.

    If fewer actions than proposals remain, only what the proposals have in common is known.
    """
    joined: dict[str, Json] = {}
    for row in rows:
        object_id = f'"{row["object_id"]}"'
        named = next((proposal for proposal in proposals if object_id in (proposal["result"] or "")), None)
        if named is not None:
            joined[row["action_id"]] = _columns([named])
            proposals = [proposal for proposal in proposals if proposal is not named]
    rest = [row["action_id"] for row in rows if row["action_id"] not in joined]
    if len(rest) < len(proposals):
        return joined | dict.fromkeys(rest, _columns(proposals))
    return joined | {
        action_id: _columns([proposal]) for action_id, proposal in zip(rest, proposals, strict=False)
    }


def _columns(proposals: Sequence[Json]) -> Json:
    """Return the joined columns of a proposal, or what several have in common."""
    values = {name: {proposal[name] for proposal in proposals} for name in JOINED}
    columns = {name: different.pop() if len(different) == 1 else None for name, different in values.items()}
    columns["settled_by"] = columns["settled_by"] or UNKNOWN
    if columns["step_id"] is None:
        columns["proposal_no"] = None
    return columns


def _proposals(f: Frames) -> list[Json]:
    """Return the proposals of the questions that were answered or approved, without known rejections."""
    key = ["run_id", "step_id"]
    is_settled = f.interrupts["outcome"].isin([*SETTLED_BY])
    approved = f.interrupts[is_settled & f.interrupts["decision"].ne("rejected")]
    proposed = f.artifacts[f.artifacts["origin"] == "proposal"]
    proposed = proposed.assign(
        kind=proposed["type"].map(KIND_OF_TYPE), proposal_no=proposed.groupby(key).cumcount()
    )
    questions = _with_rounds(approved).drop(columns="kind")
    rows = questions.merge(proposed.dropna(subset="kind")[[*key, "kind", "proposal_no"]], on=key)
    rows = rows.merge(f.steps[[*key, "result"]], on=key, how="left")
    rows["settled_by"] = rows["outcome"].astype("str").map(SETTLED_BY)
    records: list[Any] = rows.astype("object").where(rows.notna(), None).to_dict("records")
    return records


def _with_rounds(questions: pd.DataFrame) -> pd.DataFrame:
    """Sort questions by run and time, and number the rounds of each run in `round_no`.

    Questions that were open at the same time are one round: a run goes on when the last one is answered.
    """
    questions = questions.sort_values(["run_id", "asked_at"], kind="stable")
    run_id = questions["run_id"]
    last_answer = questions["answered_at"].groupby(run_id).cummax()
    is_same_round = questions["asked_at"] < last_answer.groupby(run_id).shift()
    return questions.assign(round_no=(~is_same_round).groupby(run_id).cumsum())
