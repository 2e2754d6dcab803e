"""The API's other objects: agents, threads, businesses, feedback, actions, documents, events."""

from __future__ import annotations

from typing import Any

from runkit.api.contract import Json
from runkit.api.models import ApiObject, Run, Step
from runkit.api.validation import Items, Maybe, Time


class Agent(ApiObject):
    """An agent that Middesk offers; its `type` is the word that creates a run."""

    object: str
    id: str
    type: str
    name: Maybe[str]
    description: Maybe[str]
    created_at: Maybe[Time]
    updated_at: Maybe[Time]


class Thread(ApiObject):
    """Runs about one context.

    `business_id` is known only if the client listed threads by business.
    """

    object: str
    id: str
    created_at: Time
    updated_at: Time
    status: str
    metadata: Maybe[Json]
    requester: Maybe[Json]
    business_id: Maybe[str]
    steps: Maybe[Items[Step]]


class Feedback(ApiObject):
    """A rating of one artifact.

    `superseded_prior`: it replaced an earlier one by the same reviewer.
    """

    object: str
    id: str
    run_id: str
    rating: str
    artifact_id: str
    reviewer: Json
    superseded_prior: bool
    created_at: Time
    comment: Maybe[str]


class Action(ApiObject):
    """A recorded change of a business or a watchlist result.

    Each of `effects` has its `operation`, and in `diff` the values before and after, by field; each
    of `actors` an `actor_type`: an account, a user or a run.
    """

    id: str
    type: str
    object_type: str
    object_id: str
    created_at: Time
    effects: Maybe[Any]
    actors: Maybe[Any]
    note: Maybe[str]
    metadata: Maybe[Json]


class Business(ApiObject):
    """A business of the account. All its data is in `to_dict()`.

    `status` is open, pending, in_audit, in_review, approved or rejected; unknown words are kept.
    """

    object: str
    id: str
    name: str
    status: str
    created_at: Time
    updated_at: Time


class Document(ApiObject):
    """A file of a business: what it is and where to get it (`download_url`), not its content.

    `size` is in bytes.
    """

    id: str
    object: Maybe[str]
    document_type: Maybe[str]
    filename: Maybe[str]
    content_type: Maybe[str]
    size: Maybe[int]
    download_url: Maybe[str]
    created_at: Maybe[Time]
    source: Maybe[Any]
    filing_date: Maybe[str]
    metadata: Maybe[Json]


class Event(ApiObject):
    """One event of a run's stream, in Middesk's or AG-UI's format.

    `type` is `RUN_STARTED`, `STATE_SNAPSHOT`, `RUN_FINISHED`, `RUN_ERROR`, or `RUN_READ`: the
    client's own last event of every stream.
    """

    type: str
    run_id: Maybe[str]
    thread_id: Maybe[str]
    timestamp: Maybe[float]
    snapshot: Maybe[Json]
    outcome: Maybe[Json]
    message: Maybe[str]

    @staticmethod
    def _with_derived_fields(clean: Json) -> Json:
        return {
            **clean,
            "run_id": clean.get("run_id") or clean.get("runId"),
            "thread_id": clean.get("thread_id") or clean.get("threadId"),
        }

    @property
    def run(self) -> Run | None:
        """The run in this event, if the event has a complete one."""
        if self.snapshot is None or "id" not in self.snapshot:
            return None
        return Run.from_json(self.snapshot)
