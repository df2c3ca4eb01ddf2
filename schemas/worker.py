"""What a transcriber does with its models, and the GPUs of its machine. One record per worker; the newest one is valid."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.record import Lane, Record, Sha256, Time, Value

ModelState = Literal["not loaded", "loading", "loaded"]


class WorkerModel(Value):
    """A model that the worker serves, and what it has done with it since it started."""

    name: str
    revision: str
    state: ModelState
    device: Literal["cpu", "cuda"] | None = Field(None, description="of a loaded model")
    loads: int = Field(0, description="how often it was loaded")
    load_s: float = Field(0.0, description="time of all these loads, until the model was warmed up")
    windows: int = Field(0, description="windows submitted to it")
    memory_bytes: int = Field(0, description="what it takes, as measured when it was loaded; 0 while it is not loaded")


class WorkerDevice(Value):
    """A GPU as its driver counts: memory is that of all processes."""

    id: int = Field(description="its number on the worker's machine")
    uuid: str = Field(description="the driver's; workers that share a GPU report the same one")
    name: str
    compute_capability: str
    total_bytes: int
    free_bytes: int
    used_bytes: int
    allocated_bytes: int = Field(0, description="by this worker's models")


class WorkerRun(Value):
    """A run of a work of which the worker has begun chunks that are not done."""

    work_id: Sha256
    run: str
    model: str
    lane: Lane
    chunks: int
    since: Time = Field(description="when the oldest of these chunks was begun")


class WorkerReported(Record):
    """`workers`: written when it has changed, at most every 10 s (2 s if it begins or ends a run), and at least once a minute."""

    TYPE: ClassVar[str] = "worker.reported"

    worker_id: str = Field(description="MURMUR_INSTANCE, or host name and process id")
    at: Time
    replicas: int = Field(0, description="batches at the same time; 0 while no model is loaded")
    batch_size: int = Field(0, description="windows in one batch, at most")
    models: tuple[WorkerModel, ...] = Field(description="those that it serves, the default one first")
    devices: tuple[WorkerDevice, ...] = ()
    running: tuple[WorkerRun, ...] | None = Field(
        None, description="None: in records of an earlier version", exclude_if=lambda running: running is None
    )

    @property
    def event_id(self) -> str:
        return f"{self.worker_id}@{self.at.isoformat()}"

    @property
    def subject(self) -> str:
        return self.worker_id
