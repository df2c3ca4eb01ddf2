"""What is said about jobs that were submitted together."""

from typing import Literal

from pydantic import ConfigDict, Field

from producers.gateway.documents.document import Document
from producers.gateway.documents.jobs import JobRow, Submitted
from producers.gateway.documents.problem import ProblemDocument
from schemas.jobs import State


class BatchAccepted(Submitted):
    """A file of the batch that is a job now."""

    model_config = ConfigDict(json_schema_extra={})

    index: int = Field(description="its place in the request, from 0")
    filename: str


class BatchRefused(Document):
    """A file of the batch that was not accepted."""

    index: int
    filename: str | None = Field(description="null: the entry names none")
    success: Literal[False]
    problem: ProblemDocument


class BatchSubmitted(Document):
    """The answer for each file. At least one was accepted."""

    success: bool = Field(description="whether all were accepted")
    batch_id: str = Field(json_schema_extra={"format": "uuid"})
    batch_url: str
    message: str
    submission_time: float = Field(description="seconds that the submission took")
    jobs: tuple[BatchAccepted | BatchRefused, ...]


class BatchStatus(Document):
    """The jobs of a batch, in the order in which they were accepted."""

    success: Literal[True]
    batch_id: str = Field(json_schema_extra={"format": "uuid"})
    state: State = Field(
        description="SUCCESS if all jobs succeeded; when all have ended FAILURE if one failed, else REVOKED; before that STARTED "
        "once one has started"
    )
    total: int
    counts: dict[State, int]
    share: float = Field(description="mean of the jobs' shares")
    jobs: tuple[JobRow, ...]


class BatchCancelled(Document):
    """A cancellation that was requested for all jobs that had not ended."""

    success: Literal[True]
    batch_id: str = Field(json_schema_extra={"format": "uuid"})
    cancelled: int = Field(description="jobs that had not ended")
    message: str
