"""What a submission asks for, apart from the audio; and the promise of a job whose audio is still to be uploaded."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from schemas.jobs import Idempotency, Job
from schemas.options import DecodingOptions, ModelRef, SlicingOptions
from schemas.record import Lane, Record, Time, Trace, Value


class Order(Value):
    """The effective options of one submission, and what its job is to have."""

    owner: str
    model: ModelRef
    decoding: DecodingOptions = DecodingOptions()
    slicing: SlicingOptions = SlicingOptions()
    lane: Lane | None = None
    webhook_url: str | None = None
    formats: tuple[str, ...] | None = None
    no_cache: bool = False
    correct: bool = Field(True, exclude_if=lambda correct: correct)
    batch_id: UUID | None = None
    idempotency: Idempotency | None = None
    trace: Trace = None

    def job(self, job_id: UUID, filename: str, submitted_at: datetime, **facts: object) -> Job:
        """`facts`: further fields of the job."""
        names = ("owner", "lane", "webhook_url", "formats", "batch_id", "idempotency", "trace", "correct")
        own = {name: getattr(self, name) for name in names}
        return Job.model_validate(
            {"job_id": job_id, "source": "http", "filename": filename, "submitted_at": submitted_at, **own, **facts}
        )


class UploadPromised(Record):
    """An object in the work bucket: a job that begins when its file arrives in the uploads bucket. Written by the gateway, read
    by intake."""

    TYPE: ClassVar[str] = "upload.promised"

    job_id: UUID
    filename: str = Field(description="for people; never used as a path")
    order: Order
    max_bytes: int
    expires_at: Time = Field(description="then nothing can be uploaded any more")

    @property
    def event_id(self) -> str:
        return f"{self.job_id}:promised"

    @property
    def subject(self) -> str:
        return str(self.job_id)
