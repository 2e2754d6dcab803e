"""The API's other objects: agents, threads, businesses, feedback, actions, documents, events."""

from __future__ import annotations

from typing import Any

from runkit.api.contract import Json
from runkit.api.models import ApiObject, Run, Step
from runkit.api.validation import Time


class Agent(ApiObject):
    """An agent that Middesk offers; its `type` is the word that creates a run."""

    object: str
    id: str
    type: str
    name: str | None
    description: str | None
    created_at: Time | None
    updated_at: Time | None


class Thread(ApiObject):
    """Runs about one context.

    `business_id` is known only if the client listed threads by business.
    """

    object: str
    id: str
    created_at: Time
    updated_at: Time
    status: str
    metadata: Json | None
    requester: Json | None
    business_id: str | None
    steps: tuple[Step, ...] | None


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
    comment: str | None


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
    effects: Any | None
    actors: Any | None
    note: str | None
    metadata: Json | None


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
    object: str | None
    document_type: str | None
    filename: str | None
    content_type: str | None
    size: int | None
    download_url: str | None
    created_at: Time | None
    source: Any | None
    filing_date: str | None
    metadata: Json | None


class Event(ApiObject):
    """One event of a run's stream, in Middesk's or AG-UI's format.

    `type` is `RUN_STARTED`, `STATE_SNAPSHOT`, `RUN_FINISHED`, `RUN_ERROR`, or `RUN_READ`: the
    client's own last event of every stream.
    """

    type: str
    run_id: str | None
    thread_id: str | None
    timestamp: float | None
    snapshot: Json | None
    outcome: Json | None
    message: str | None

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
