"""What is said about the system: models, GPUs, statistics, readiness."""

from pydantic import Field

from producers.gateway.documents.document import Document
from schemas.jobs import State
from schemas.record import Lane
from schemas.warning import TranscriptWarning
from schemas.worker import ModelState


class ServedModel(Document):
    """A model that jobs may ask for. What transcribers do with it is null while none has reported."""

    id: str
    default: bool
    revision: str
    languages: tuple[str, ...]
    state: ModelState | None
    workers: int | None = Field(description="transcribers that have it loaded")
    loads: int | None
    load_s: float | None = Field(description="mean time of a load")
    windows: int | None
    memory_bytes: int | None
    warnings: tuple[TranscriptWarning, ...]


class ModelList(Document):
    """The models that jobs may ask for, the default one first."""

    models: tuple[ServedModel, ...]


class Gpu(Document):
    """A GPU of a worker's machine; sizes in GiB."""

    id: int = Field(description="its number on its machine")
    uuid: str
    name: str
    memory_allocated_gb: float
    memory_reserved_gb: float
    memory_total_gb: float
    memory_free_gb: float
    compute_capability: str
    workers: tuple[str, ...]


class GpuStatus(Document):
    """The workers' GPUs."""

    gpu_available: bool
    device: str | None = Field(description="where models are loaded: cuda or cpu; null: none is loaded")
    gpu_count: int
    gpus: tuple[Gpu, ...]


class ResultFormat(Document):
    """A kind of result file."""

    name: str
    content_type: str
    ending: str
    description: str


class FormatList(Document):
    """The kinds of result files."""

    formats: tuple[ResultFormat, ...]


class Totals(Document):
    """Figures of the jobs that ended in a window; a mean or ratio of nothing is null."""

    jobs: int
    audio_s: float
    queue_wait_s: float | None
    real_time_factor: float | None
    cache_hits: int
    cache_hit_ratio: float | None


class Breakdown(Document):
    """The same, by kind of job."""

    state: dict[State, Totals]
    lane: dict[str, Totals]
    model: dict[str, Totals]
    owner: dict[str, Totals]


class Window(Document):
    """Of the last minute, hour or day."""

    totals: Totals
    by: Breakdown


class Windows(Document):
    """By length."""

    minute: Window
    hour: Window
    day: Window


class Statistics(Document):
    """What the metrics sink has counted."""

    at: str = Field(json_schema_extra={"format": "date-time"})
    stale: bool = Field(description="no metrics sink has written lately")
    windows: Windows
    started_jobs: int
    oldest_job_age_s: float | None
    queued_audio_s: dict[Lane, float] | None = Field(description="speech cut into chunks and not yet transcribed, by lane")


class Status(Document):
    """The answer of a probe."""

    status: str
