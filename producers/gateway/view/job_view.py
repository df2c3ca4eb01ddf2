"""What the view says of one job. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from producers.gateway.view.job_filter import Place
from schemas.jobs import TERMINAL, Job, JobRequested, ResultSummary, State
from schemas.options import ModelRef
from schemas.record import Failure


def shown_name(job: Job) -> str:
    """With the folder, for a file that was dropped into one."""
    return job.filename if job.dropped is None else job.dropped.key


@dataclass(frozen=True, slots=True)
class JobView:
    """The last known state of a job."""

    job: Job
    work_id: str
    state: State
    changed_at: datetime
    model: ModelRef
    cached: bool = False
    result: ResultSummary | None = None
    error: Failure | None = None
    started_at: datetime | None = None
    decoded_s: float | None = None

    @property
    def job_id(self) -> UUID:
        return self.job.job_id

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL

    @property
    def ended_at(self) -> datetime | None:
        return self.changed_at if self.ended else None

    @property
    def duration_s(self) -> float | None:
        """Of the audio: as it was read, before that as the file states."""
        if self.result is not None:
            return self.result.duration_s
        return self.decoded_s or (self.job.audio.duration_s if self.job.audio is not None else None)

    @property
    def filename(self) -> str:
        return shown_name(self.job)

    @property
    def place(self) -> Place:
        return Place(self.job.submitted_at.timestamp(), str(self.job_id))


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What an Idempotency-Key was used for; `requested` is None if the job was deleted."""

    job_id: UUID
    requested: JobRequested | None


def groups(job: Job) -> tuple[str | None, str | None]:
    """What the job can also be found by: its batch, and the digest of its Idempotency-Key."""
    return str(job.batch_id) if job.batch_id else None, job.idempotency.key if job.idempotency else None
