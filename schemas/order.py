"""What a submission asks for, apart from the audio."""

from datetime import datetime
from uuid import UUID

from schemas.jobs import Idempotency, Job
from schemas.options import DecodingOptions, ModelRef, SlicingOptions
from schemas.record import Lane, Trace, Value


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
    batch_id: UUID | None = None
    idempotency: Idempotency | None = None
    trace: Trace = None

    def job(self, job_id: UUID, filename: str, submitted_at: datetime, **facts: object) -> Job:
        """`facts`: further fields of the job."""
        names = ("owner", "lane", "webhook_url", "formats", "batch_id", "idempotency", "trace")
        own = {name: getattr(self, name) for name in names}
        return Job.model_validate(
            {"job_id": job_id, "source": "http", "filename": filename, "submitted_at": submitted_at, **own, **facts}
        )
