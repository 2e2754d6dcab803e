"""`actions()`: who approved which action, with which effect.

The API does not tell on an action whether a reviewer or the interrupt policy approved it. The run
that did it does: an action follows the question that proposed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import pandas as pd

from runkit.api import jsontext
from runkit.api.contract import FINAL_STATUSES, Json
from runkit.api.other_models import Action
from runkit.api.validation import KIND_OF_TYPE, actor_name
from runkit.arguments import checked
from runkit.client import Client
from runkit.client.businesses import concurrently
from runkit.display.text import brief, plural
from runkit.errors import UsageError
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

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
JOINED = ["step_id", "interrupt_id", "proposal_no", "settled_by"]
BUSINESS, RESULT = "Business", "Watchlist::Result"
CHANGES_OF = {BUSINESS: ("add_sources", "add_attributes", "verify_tin"), RESULT: ("dismissal",)}
LISTED = "listed"  # a key of attrs; its value is text: each operation of pandas deep-copies attrs


@checked
def actions(f: Source, client: Client, *, progress: bool = True) -> pd.DataFrame:
    """Read the actions on the businesses of some runs, and join each to its question.

    An action belongs to the run that it names. Within the run it belongs to the newest question
    that was answered, or approved by policy, before the action, and that has a proposal of the
    action's type; of several such proposals to the one whose step names the action's object, else
    in order. What cannot be joined for sure is null: of two equal proposals in one question and a
    single action, the question is known and the proposal is not.

    Parameters
    ----------
    f
        `Frames` of runs that know their business, or anything that `frames()` takes. Runs listed
        with `client.runs.list(business_id=client.businesses.list())` know it.
    client
        The client to read with: one request for each business, and one for the actions on it and on
        each of its watchlist results, within the client's rate limit.
    progress
        Show a progress bar if it takes longer than 2 seconds.

    Returns
    -------
    pandas.DataFrame
        One row per action on these businesses, oldest first; also actions of people, and of runs
        that are not in `f`, whose questions are not known.

        | column | meaning |
        | --- | --- |
        | action_id, created_at, type, note | the action |
        | object_type, object_id | what it changed: a `Business` or a `Watchlist::Result` |
        | account_name, user_name, run_id | who did it; null where the API names nobody |
        | step_id, interrupt_id | the question that proposed it; null if nothing did |
        | proposal_no | the position among the question's proposals, from 0 |
        | settled_by | reviewer, policy, or unknown: done without a proposal, or not joined |
        | effects, n_effects | what changed, as JSON text with values before and after; how many |

        `attrs["listed"]` is JSON text: the number of actions, and pairs of a run that had ended and
        a type of object whose actions were all listed. `runkit.decisions` reads there what was not
        done, as long as no row is left out.

    Raises
    ------
    UsageError
        If no run knows its business, and for a `client` that is not a `Client`.
    ApiError
        If a business or its actions cannot be read.

    Examples
    --------
    >>> import runkit
    >>> box = runkit.sandbox(history=8, seed=7, now="2026-11-02T10:00:00Z")
    >>> with box, box.client(rate=None) as client:
    ...     runs = client.runs.list(business_id=client.businesses.list())
    ...     f = runkit.frames(client.runs.fetch(runs, progress=False))
    ...     done = runkit.actions(f, client)
    >>> sorted(done["settled_by"].unique())
    ['policy', 'reviewer']
    """
    f = frames(f)
    runs = f.runs
    ids = runs["business_id"].dropna().unique().tolist()
    if len(runs) and not ids:
        raise UsageError(
            f"none of the {plural(len(runs), 'run')} in f knows its business, and the API lists "
            "actions by business. List the runs with "
            "client.runs.list(business_id=client.businesses.list())."
        )

    lists = [*concurrently(partial(_read, client), ids, progress)]
    rows = {action.id: _row(action) for recorded, _ in lists for action in recorded}
    table = pd.DataFrame(rows.values(), columns=[*DTYPES]).astype(DTYPES).drop(columns=JOINED)
    table = table.sort_values(["created_at", "action_id"], ignore_index=True)
    known = _join(table, _proposals(f))
    joined = table.merge(known, "left", "action_id")[[*DTYPES]]
    joined = joined.fillna({"settled_by": UNKNOWN}).astype(DTYPES)
    # a run that goes on may still do what was approved, and what one host lacks another may have
    read_from = f.reads["read_from"]
    is_here = read_from.isna() | read_from.eq(client.host)
    run_ids = f.reads.loc[is_here, "run_id"]
    is_ended = runs["status"].isin(FINAL_STATUSES) & runs["run_id"].isin(run_ids)
    ended = runs.loc[is_ended, ["run_id", "business_id"]]
    types = dict(zip(ids, (types for _, types in lists), strict=True))
    ended = ended.assign(type=ended["business_id"].map(types))
    complete = ended.explode("type").dropna()
    listed = {
        "n_actions": len(joined),
        "complete": complete[["run_id", "type"]].to_numpy().tolist(),
    }
    joined.attrs[LISTED] = jsontext.dumps(listed)
    return joined


def _read(client: Client, business_id: str) -> tuple[list[Action], list[str]]:
    """Read the actions on a business and on its watchlist results.

    Also returns the types of objects whose lists are all complete.
    """
    watchlist = client.businesses.get(business_id).to_dict().get("watchlist")
    lists = [(BUSINESS, client.actions.list("businesses", business_id))]
    for result_id in _watchlist_results(watchlist):
        lists += [(RESULT, client.actions.list("watchlist_result", result_id))]
    partial_types = {name for name, listed in lists if not listed.is_complete}
    types = sorted({name for name, _ in lists} - partial_types)
    return [action for _, listed in lists for action in listed], types


def _watchlist_results(value: object) -> Iterator[str]:
    """Find the ids of the results in the JSON of a watchlist, wherever it holds them."""
    if isinstance(value, dict):
        if value.get("object") == "watchlist_result" and isinstance(value.get("id"), str):
            yield value["id"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _watchlist_results(item)


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


def check_actions(df: pd.DataFrame) -> None:
    """Raise `UsageError` for another frame than that of `actions`."""
    if not set(DTYPES) <= set(df):
        raise UsageError(f"actions={brief(df)}; expected the frame of runkit.actions(), or None.")


def status_after(effects: str) -> str | None:
    """Read from the `diff` of its effects ([A] 14) which status an action has set."""
    try:
        diffs = [effect["diff"] or {} for effect in json.loads(effects)]
        statuses = {str(diff["status"]["after"]) for diff in diffs if "status" in diff}
    except (KeyError, TypeError, ValueError):
        return None
    return statuses.pop() if len(statuses) == 1 else None


def fully_known(actions: pd.DataFrame) -> set[tuple[str, str]]:
    """Return pairs of run id and type of action of which a question without an action led to none.

    For these, the frame has all actions on such objects, and each of the type is joined.
    """
    listed = json.loads(actions.attrs.get(LISTED, "{}"))
    if listed.get("n_actions") != len(actions):
        return set()
    known = {
        (run_id, action_type)
        for run_id, object_type in listed["complete"]
        for action_type in CHANGES_OF[object_type]
    }
    not_joined = actions.loc[actions["step_id"].isna(), ["run_id", "type"]]
    return known.difference(not_joined.itertuples(index=False, name=None))


# ----------------------------------------------------------------------------------------- the join


def _join(actions: pd.DataFrame, proposals: pd.DataFrame) -> pd.DataFrame:
    """Join actions, in order of time, to proposals: what is known of each action by its id."""
    pairs = actions.merge(proposals, on=["run_id", "type"])
    before = pairs["round_no"].where(pairs["answered_at"] <= pairs["created_at"])
    newest = before.groupby(pairs["action_id"]).transform("max")
    rounds = pairs[pairs["round_no"] == newest].groupby(["run_id", "type", "round_no"])
    matches = [match for _, rows in rounds for match in _match(rows)]
    columns = ["action_id", "proposal"]
    known = pd.DataFrame(matches, columns=columns).astype(pairs[columns].dtypes)
    known = known.merge(proposals, on="proposal")
    by_action = known.groupby("action_id")[JOINED]
    joined: pd.DataFrame = agreed(by_action)
    joined["proposal_no"] = joined["proposal_no"].where(joined["step_id"].notna())
    return joined.reset_index()


def agreed(groups: Any) -> Any:
    """Return the value that all rows of each group have, null where they have different ones."""
    return groups.first().where(groups.nunique(dropna=False) == 1)


def _match(pairs: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Match actions of one type to the proposals of one round, by object, else in order.

    If fewer actions than proposals remain, each goes to all of these: what they have in common is
    known.
    """
    free = dict.fromkeys(pairs["proposal"])
    rest = dict.fromkeys(pairs["action_id"])
    columns = ["action_id", "proposal", "object_id", "result"]
    for action_id, proposal, object_id, result in pairs[columns].itertuples(index=False):
        is_free = action_id in rest and proposal in free
        if is_free and f'"{object_id}"' in result:
            del free[proposal], rest[action_id]
            yield action_id, proposal
    if len(rest) < len(free):
        yield from product(rest, free)
    else:
        yield from zip(rest, free, strict=False)


def _proposals(f: Frames) -> pd.DataFrame:
    """Return the proposals of questions that were answered or approved, and not known as rejected.

    Questions that were open at the same time are one round: a run goes on when the last one is
    answered.
    """
    key = ["run_id", "step_id"]
    is_settled = f.interrupts["outcome"].isin([*SETTLED_BY])
    questions = f.interrupts[is_settled & f.interrupts["decision"].ne("rejected")]
    questions = questions.sort_values(["run_id", "asked_at"], kind="stable")
    run_ids = questions["run_id"]
    latest_answer = questions.groupby("run_id")["answered_at"].cummax()
    is_same_round = questions["asked_at"] < latest_answer.groupby(run_ids).shift()
    questions = questions[[*key, "interrupt_id", "answered_at"]].assign(
        round_no=(~is_same_round).groupby(run_ids).cumsum(),
        settled_by=questions["outcome"].astype("str").map(SETTLED_BY),
    )

    proposed = f.artifacts.loc[f.artifacts["origin"] == "proposal", [*key, "type"]]
    proposed = proposed.assign(
        type=proposed["type"].map(KIND_OF_TYPE).astype("str"),
        proposal_no=proposed.groupby(key).cumcount(),
    )
    rows = questions.merge(proposed.dropna(subset="type"), on=key)
    rows = rows.merge(f.steps[[*key, "result"]], "left", key)
    return rows.fillna({"result": ""}).rename_axis("proposal").reset_index()
