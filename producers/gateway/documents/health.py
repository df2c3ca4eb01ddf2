"""What is said about the parts of the installation."""

from typing import Literal

from pydantic import AwareDatetime, Field

from producers.gateway.documents.document import Document

PartStatus = Literal["ok", "degraded"]


class Part(Document):
    """A part of the installation."""

    status: PartStatus
    detail: str | None = Field(description="what is wrong; null if nothing is")


class StorePart(Part):
    """The object store."""

    kind: str = Field(description="s3 or directory")
    response_s: float | None = Field(description="how long the last check took")


class WorkersPart(Part):
    """The transcribers that have reported lately."""

    count: int
    replicas: int = Field(description="batches that all of them together can transcribe at once")
    models_loaded: tuple[str, ...]


class GpuPart(Part):
    """The GPUs of the workers' machines; sizes in GiB."""

    available: bool
    count: int
    memory_total_gb: float
    memory_free_gb: float


class CachePart(Part):
    """The cache of results, as in `/api/cache-stats`; null: not counted yet, or no limit."""

    size: int | None
    max_size: int | None
    bytes: int | None
    hit_rate: float | None
    stored: int | None = Field(description="as `size`: all transcripts are in the store")


class CorrectionPart(Part):
    """Corrected text, and the file with its rules."""

    enabled: bool
    rules: int | None = Field(description="that are in force; null: not known")


class SpacePart(Part):
    """Of the gateway's machine, or of its container."""

    total_bytes: int | None
    free_bytes: int | None


class RamPart(SpacePart):
    """Memory of the gateway's machine, or of its container."""

    process_bytes: int = Field(description="of this process")


class StoredKind(Document):
    """Objects of one kind that murmur has in the store; of the kind `jobs`, records on the topic."""

    files: int = Field(description="of `jobs`: jobs that have a record")
    bytes: int = Field(description="of `jobs`: key and value of the newest record of each, uncompressed")
    oldest_at: AwareDatetime | None = Field(
        description="when the oldest was written, or of `versions` replaced or deleted; null: there is none"
    )


class Stored(Document):
    """As of the last search of the retention stage."""

    at: AwareDatetime
    kinds: dict[str, StoredKind]


class Retention(Document):
    """How long what is kept, in seconds, and what there is now. Figures about jobs and dead letters are
    null for a caller who may not see all."""

    jobs: int | None = Field(description="in this gateway's view")
    unfinished_jobs: int | None
    oldest_job_submitted_at: AwareDatetime | None
    job_memory_s: float = Field(description="how long an ended job is remembered, so that it cannot run again")
    requests_s: float
    transcripts_s: float
    progress_s: float
    dead_letters: int | None = Field(description="those that wait to be replayed or dropped; null: not known")
    dead_letters_s: float
    stored: Stored | None = Field(description="null: there was no search yet, or the caller may not see all")


class QueueFigures(Document):
    """What was accepted and has not ended; of the caller's owner, where it may not see all."""

    works: int = Field(description="several jobs may wait for one")
    audio_s: float = Field(description="as the files state, or by their size")


class HealthReport(Document):
    """The parts of the installation; `degraded` if any of them is."""

    status: PartStatus
    at: AwareDatetime
    age_s: float | None = Field(description="since broker, store, memory and disk were read; null: not yet")
    broker: Part
    store: StorePart
    workers: WorkersPart
    gpu: GpuPart
    cache: CachePart
    ram: RamPart
    disk: SpacePart
    correction: CorrectionPart
    stages: Part = Field(description="what is not ready to work: this gateway, and in `murmur dev` the other stages")
    queue: QueueFigures
    retention: Retention
