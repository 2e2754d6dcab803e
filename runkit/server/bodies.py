"""Bodies of requests: the tables of the contract as pydantic models. Unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from runkit.server.scenarios import Json

MAX_TEXT = 5000  # characters of a note or comment; the limit that feedback documents
ActionType = Literal["add_sources", "add_attributes", "verify_tin", "decision", "dismissal"]
ObjectType = Literal["businesses", "watchlist_result"]
Uuid = Annotated[
    str, AfterValidator(lambda text: str(UUID(text))), Field(json_schema_extra={"format": "uuid"})
]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT)]


class NewThread(BaseModel):
    """Body of create-agent-thread (section 4)."""

    type: str
    business_id: Uuid = ""
    context_type: str = ""
    context_id: Uuid = ""

    @property
    def business(self) -> str | None:
        """The id of the business: `business_id`, or the id of a context."""
        return self.business_id or (self.context_type and self.context_id) or None


class NewRun(NewThread):
    """Body of create-agent-run (section 5), and the prompt of the object reference."""

    thread_id: Uuid = ""
    prompt: str | None = Field(None, max_length=20_000)


class NewFeedback(BaseModel):
    """Body of submit-agent-run-feedback (section 9)."""

    rating: Literal["POSITIVE", "NEGATIVE"]
    artifact_id: Uuid
    comment: Comment | None = None


class NewAction(BaseModel):
    """Body of create-action (section 8)."""

    object_type: ObjectType
    object_id: Uuid
    type: ActionType
    payload: Json
    note: str = Field("", max_length=MAX_TEXT)
    thread_id: Uuid = ""
    run_id: Uuid = ""
