"""Request bodies, as the contract documents them. Unknown fields are ignored."""

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field


def _blank_to_none(text: str | None) -> str | None:
    return (text or "").strip() or None


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse half a surrogate pair, which JSON can spell and no UTF-8 text can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        msg = "holds text that is not valid Unicode"
        raise ValueError(msg) from error
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]


class Context(BaseModel):
    """What an agent works on: `business_id` is short for a context of type `business`."""

    business_id: UUID | None = None
    context_type: str | None = None
    context_id: UUID | None = None

    def business(self) -> str | None:
        """The id of what the agent works on, if the body says."""
        found = self.business_id or (self.context_id if self.context_type else None)
        return str(found) if found else None


class NewThread(Context):
    """Body of create-agent-thread (contract section 4)."""

    type: str


class NewRun(Context):
    """Body of create-agent-run (contract section 5), and the prompt of the object reference."""

    type: str
    thread_id: UUID | None = None
    prompt: str | None = Field(None, max_length=20_000)


class NewFeedback(BaseModel):
    """Body of submit-agent-run-feedback (contract section 9)."""

    rating: Literal["POSITIVE", "NEGATIVE"]
    artifact_id: UUID
    comment: Annotated[
        str | None, BeforeValidator(_trimmed), Field(max_length=5000), AfterValidator(_blank_to_none)
    ] = None


class NewAction(BaseModel):
    """Body of create-action (contract section 8). Wrong words in it are a 400, so they are plain texts."""

    object_type: str = Field(json_schema_extra={"enum": ["businesses", "watchlist_result"]})
    object_id: UUID
    type: str = Field(
        json_schema_extra={"enum": ["add_sources", "add_attributes", "verify_tin", "decision", "dismissal"]}
    )
    payload: JsonObject
    note: str | None = Field(None, max_length=5000)
    thread_id: UUID | None = None
    run_id: UUID | None = None


class NewDocument(BaseModel):
    """Body of the sandbox's own upload."""

    document_type: str = Field("irs_letter", min_length=1, max_length=100)
    filename: str = Field("document.pdf", min_length=1, max_length=200)


class ApiMessage(BaseModel):
    """One error."""

    message: str
    parameter: str | None = None


class ApiErrors(BaseModel):
    """The body of every error (contract section 13)."""

    errors: list[ApiMessage]
