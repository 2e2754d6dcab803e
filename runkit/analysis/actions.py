"""`actions()`: who approved which action, with which effect.

The API does not tell on an action whether a reviewer or the interrupt policy approved it. The run
that did it does: an action follows the question that proposed it.
"""

from __future__ import annotations

import json
from collections import Counter
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
from runkit.display.counts import Count, sentence, things, unread
from runkit.display.text import brief, plural
from runkit.errors import UsageError
from runkit.facts import Facts
from runkit.tables.frames import Frames
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source

SETTLED_BY = {"answered": "reviewer", "auto_approve": "policy"}
UNKNOWN = "unknown"
SETTLED = {  # in the words of a sentence
    "reviewer": "settled by a reviewer",
    "policy": "by policy",
    UNKNOWN: "by nobody known",
}
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
OBJECT_OF_CHANGE = {
    "add_sources": BUSINESS,
    "add_attributes": BUSINESS,
    "verify_tin": BUSINESS,
    "dismissal": RESULT,
}
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

        `attrs["listed"]` is JSON text: by type of object, the runs that had ended and whose objects
        of this type were listed, each with its number of rows. `runkit.decisions` reads there what
        was not done. `attrs["sentence"]` counts the actions, and what was not read.

    Raises
    ------
    UsageError
        If no run knows its business, and for a `client` that is not a `Client`.
    ApiError
        If a business or its actions cannot be read.

    Examples
    --------
    >>> import runkit
    >>> box = runkit.sandbox(history=40, seed=7, now="2026-11-02T10:00:00Z")
    >>> with box, box.client() as client:
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
            f"none of the {plural(len(f.runs), 'run')} in f knows its business, and the API lists "
            "actions by business. List the runs with "
            "client.runs.list(business_id=client.businesses.list())."
        )

    rows: dict[str, Json] = {}
    # by business: whether the lists of each type of object are complete
    complete: dict[str, dict[str, bool]] = {}
    lists = concurrently(partial(_read, client), ids, "business", progress)
    for business_id, (recorded, are_complete) in zip(ids, lists, strict=True):
        rows |= {action.id: _row(action) for action in recorded}
        complete[business_id] = are_complete

    table = pd.DataFrame(rows.values(), columns=[*DTYPES]).astype(DTYPES).drop(columns=JOINED)
    table = table.sort_values(["created_at", "action_id"], ignore_index=True)
    joined = table.merge(_join(table, _proposals(f)), "left", "action_id")[[*DTYPES]]
    joined = joined.fillna({"settled_by": UNKNOWN}).astype(DTYPES)
    joined.attrs[LISTED] = jsontext.dumps(_listed_runs(joined, f.runs, complete))
    n_partial = sum(not all(types.values()) for types in complete.values())
    joined.attrs["sentence"] = _sentence(joined, f, n_partial)
    return joined


def _sentence(table: pd.DataFrame, f: Frames, n_partial: int) -> str:
    """Write how many actions there are, who settled them, and what was not read.

    The actions on `n_partial` businesses are not all listed.
    """
    n, n_of = len(table), table["settled_by"].value_counts()
    n_unnamed = int(f.runs["business_id"].isna().sum())
    listed = things(Count(n, n + n_partial, n_partial, n_unnamed), "action")
    settled = ", ".join(f"{n_of[word]:,} {words}" for word, words in SETTLED.items() if n_of[word])
    parts = [sentence(listed), sentence(settled), unread(Facts(f).unread, "Questions")]
    return " ".join(filter(None, parts))


def _read(client: Client, business_id: str) -> tuple[list[Action], dict[str, bool]]:
    """Read the actions on a business and on its watchlist results.

    Also returns by type of object whether all their lists are complete.
    """
    watchlist = client.businesses.get(business_id).to_dict().get("watchlist")
    recorded: list[Action] = []
    are_complete: dict[str, bool] = {}
    objects = [(BUSINESS, "businesses", business_id)]
    objects += [(RESULT, "watchlist_result", item) for item in _watchlist_results(watchlist)]
    for object_type, word, object_id in objects:
        listed = client.actions.list(word, object_id)
        recorded += listed
        are_complete[object_type] = listed.is_complete and are_complete.get(object_type, True)
    return recorded, are_complete


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
    run_id, effects = actors.get("run", {}).get("id"), action.to_dict()["effects"]
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


def _listed_runs(
    table: pd.DataFrame, runs: pd.DataFrame, complete: dict[str, dict[str, bool]]
) -> dict[str, dict[str, int]]:
    """Count the rows of each ended run, by type of object, if those of its business are complete.

    A run that goes on may still do what was approved.
    """
    n_rows = _n_rows(table)
    ended = runs[runs["status"].isin(FINAL_STATUSES) & runs["business_id"].notna()]
    ids = dict(zip(ended["run_id"], ended["business_id"], strict=True))
    return {
        object_type: {
            run_id: n_rows[run_id, object_type]
            for run_id, business_id in ids.items()
            if complete[business_id].get(object_type)
        }
        for object_type in (BUSINESS, RESULT)
    }


def _n_rows(table: pd.DataFrame) -> Counter[tuple[str, str]]:
    """Count the actions of each run, by type of object."""
    return Counter(zip(table["run_id"], table["object_type"], strict=True))


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

    For these, the frame has all actions of the run on such objects, and each of the type is joined.
    """
    n_rows, listed = _n_rows(actions), json.loads(actions.attrs.get(LISTED, "{}"))
    known = {
        (run_id, action_type)
        for action_type, object_type in OBJECT_OF_CHANGE.items()
        for run_id, n_listed in listed.get(object_type, {}).items()
        if n_rows[run_id, object_type] == n_listed
    }
    not_joined = actions.loc[actions["step_id"].isna(), ["run_id", "type"]]
    return known.difference(not_joined.itertuples(index=False, name=None))


# ----------------------------------------------------------------------------------------- the join


def _join(actions: pd.DataFrame, proposals: pd.DataFrame) -> pd.DataFrame:
    """Join actions, in order of time, to proposals: what is known of each action by its id."""
    pairs = actions.merge(proposals, on=["run_id", "type"])
    before = pairs["round_no"].where(pairs["answered_at"] <= pairs["created_at"])
    newest = pairs[pairs["round_no"] == before.groupby(pairs["action_id"]).transform("max")]
    rounds = newest.groupby(["run_id", "type", "round_no"])
    matches = [match for _, rows in rounds for match in _match(rows)]
    columns = ["action_id", "proposal"]
    known = pd.DataFrame(matches, columns=columns).astype(pairs[columns].dtypes)
    by_action = known.merge(proposals, on="proposal").groupby("action_id")[JOINED]
    joined = by_action.first().where(by_action.nunique(dropna=False) == 1)
    joined["proposal_no"] = joined["proposal_no"].where(joined["step_id"].notna())
    return joined.reset_index()


def _match(pairs: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Match actions of one type to the proposals of one round, by object, else in order.

    If fewer actions than proposals remain, each goes to all of these: what they have in common is
    known.
    """
    free, rest = dict.fromkeys(pairs["proposal"]), dict.fromkeys(pairs["action_id"])
    columns = ["action_id", "proposal", "object_id", "result"]
    for action_id, proposal, object_id, result in pairs[columns].itertuples(index=False):
        if f'"{object_id}"' in result and action_id in rest and proposal in free:
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
