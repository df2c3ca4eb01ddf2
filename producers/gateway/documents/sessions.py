"""What is said about the work in hand."""

from pydantic import AwareDatetime, Field

from producers.gateway.documents.document import Document
from schemas.jobs import State
from schemas.record import Lane


class SessionProgress(Document):
    """How far the job is. What is not known is null."""

    fraction: float | None
    processed_s: float | None
    total_s: float | None
    eta_s: float | None


class Session(Document):
    """A job that is being worked on, and the worker that has chunks of it."""

    task_id: str = Field(json_schema_extra={"format": "uuid"})
    filename: str
    owner: str
    state: State
    model: str
    since: AwareDatetime = Field(description="when the job was started, before that when it was submitted")
    progress: SessionProgress
    worker: str | None = Field(description="null: no worker has begun a chunk of it, or none has reported yet")
    device: str | None = Field(description="where the worker has the model: cuda or cpu")
    lane: Lane | None
    chunks: int = Field(description="that the worker has begun and not finished")
    chunks_since: AwareDatetime | None = Field(description="when the oldest of them was begun")


class SessionList(Document):
    """What runs where now."""

    sessions: tuple[Session, ...]
