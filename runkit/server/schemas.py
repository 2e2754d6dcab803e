"""Request and response bodies: the tables of the contract as pydantic models, for the OpenAPI document.

Requests are validated against them. Responses are written as plain JSON, and tests compare them with the
models. A field with a default is optional; null is allowed only where the type says so.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from runkit.server.businesses import Json

MAX_TEXT = 5000  # characters of a note or comment; the limit that feedback documents
Item = TypeVar("Item")


def _without_defaults(schema: Json) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Body(BaseModel):
    """A JSON object of the contract. The defaults of optional fields are left out of the schema."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


Uuid = Annotated[
    str, AfterValidator(lambda text: str(UUID(text))), Field(json_schema_extra={"format": "uuid"})
]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Uri = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Email = Annotated[str, Field(json_schema_extra={"format": "email"})]
Rating = Literal["POSITIVE", "NEGATIVE"]
Comment = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT)] | None,
    AfterValidator(lambda text: text or None),
]
ActionType = Literal["add_sources", "add_attributes", "verify_tin", "decision", "dismissal"]
ObjectType = Literal["businesses", "watchlist_result"]


def _one_of(words: Any) -> Any:
    """Document a closed list of words; the handler checks it, because it answers with another status."""
    return Field(json_schema_extra={"enum": list(words.__args__)})


# -- request bodies; unknown fields are ignored


class NewThread(Body):
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


class NewFeedback(Body):
    """Body of submit-agent-run-feedback (section 9)."""

    rating: Rating
    artifact_id: Uuid
    comment: Comment = None


class NewAction(Body):
    """Body of create-action (section 8)."""

    object_type: str = _one_of(ObjectType)
    object_id: Uuid
    type: str = _one_of(ActionType)
    payload: Json
    note: str = Field("", max_length=MAX_TEXT)
    thread_id: Uuid = ""
    run_id: Uuid = ""


class NewDocument(BaseModel):
    """Body of the sandbox's own upload."""

    document_type: str = Field("irs_letter", min_length=1, max_length=100)
    filename: str = Field("document.pdf", min_length=1, max_length=200)


# -- response bodies


class Agent(Body):
    """Section 3."""

    object: str
    id: Uuid
    type: str
    name: str = ""
    description: str = ""
    created_at: Time
    updated_at: Time


class Source(Body):
    """Section 5.2."""

    url: Uri
    source_name: str = ""
    source_tier: str = ""
    source_type: str = ""


class Artifact(Body):
    """Section 5.2; [A] 17: with an id."""

    id: Uuid = ""
    title: str
    type: str
    confidence: str | None = None
    summary: str | None = None
    sources: list[Source] = []


class Result(Body):
    """The result of a step (section 5.1); agents add other keys."""

    resolution: Literal["auto_approve", "skip"] = "skip"


class Step(Body):
    """Section 5.1."""

    id: Uuid
    run_id: Uuid
    agent: str = ""
    type: Literal["activity", "output", "interrupt", "error"]
    name: str
    label: str
    parent_step_id: Uuid | None = None
    status: Literal["running", "completed", "error"]
    started_at: Time
    completed_at: Time | None = None
    steps: list[Step] = []
    result: Result = Result()
    artifacts: list[Artifact] = []


Status = Literal["running", "completed", "error", "interrupted"]


class Thread(Body):
    """Section 4."""

    object: str
    id: Uuid
    created_at: Time
    updated_at: Time
    status: Status
    metadata: Json | None = None
    requester: Json | None = None
    steps: list[Step] = []


class Requester(Body):
    """Section 5."""

    id: Uuid
    name: str
    email: Email | None = None


class Interrupt(Body):
    """Section 6."""

    id: str
    value: Json
    agent: str | None = None


class Output(Body):
    """Section 5."""

    artifacts: list[Artifact]


class Run(Body):
    """Section 5; and the prompt of the request."""

    object: str
    id: Uuid
    created_at: Time
    updated_at: Time
    status: Status
    thread_id: Uuid = ""
    agent: str = ""
    requester: Requester | None = None
    prompt: str | None = None
    started_at: Time | None = None
    ended_at: Time | None = None
    output: Output | None = None
    interrupts: list[Interrupt] = []
    steps: list[Step] = []


class Reviewer(Body):
    """Section 9."""

    type: Literal["User", "Account"]
    id: Uuid


class Feedback(Body):
    """Section 9."""

    object: str
    id: Uuid
    run_id: Uuid
    rating: Rating
    artifact_id: Uuid
    comment: str | None
    reviewer: Reviewer
    superseded_prior: bool
    created_at: Time


class Target(Body):
    """Section 8."""

    object: str
    id: Uuid


class Effect(Body):
    """Section 8."""

    operation: Literal["created", "updated", "linked"]
    diff: Json | None
    target: Target | None


class Actor(Body):
    """Section 8."""

    actor_type: Literal["account", "user", "run"]
    data: Json = {}


class Action(Body):
    """Section 8. One of the types cannot be created."""

    id: Uuid
    type: Literal[ActionType, "update_address_risk"]
    object_type: Literal["Business", "Watchlist::Result"]
    object_id: Uuid
    created_at: Time
    note: str | None = None
    metadata: Json = {}
    effects: list[Effect]
    actors: list[Actor]


class All(Body, Generic[Item]):
    """A list without pages: of agents ([A] 29: with `object`), of actions."""

    object: str
    data: list[Item]
    url: str = ""


class Page(Body, Generic[Item]):
    """A page of a list (section 12)."""

    object: str
    has_more: bool
    data: list[Item] = []
    total_count: int = 0


_EVENT = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["RUN_STARTED", "STATE_SNAPSHOT", "RUN_FINISHED", "RUN_ERROR"]},
        "timestamp": {"type": "integer"},
        "snapshot": {"$ref": "#/components/schemas/Run"},
    },
}
_FRAME = {"data": {"contentMediaType": "application/json", "contentSchema": _EVENT}}
STREAM: Json = {"itemSchema": {"type": "object", "required": ["data"], "properties": _FRAME}}
"""The events of the stream (section 10), as OpenAPI 3.2 describes them."""


class ApiError(Body):
    """One error (section 13)."""

    message: str
    parameter: str = ""


class ApiErrors(Body):
    """The body of every error."""

    errors: list[ApiError]
