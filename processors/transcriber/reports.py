"""What a transcriber publishes about itself on `workers`, for the gateway: its models and the GPUs of its machine.

Asked at every turn of the stage's loop. A turn in which no report is due costs a comparison.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from processors.transcriber.model_uses import ModelUses
from runtime import gpus
from runtime.gpus import Gpu
from runtime.kafka.messages import Output, Step
from schemas.options import ModelRef
from schemas.topics import WORKERS
from schemas.worker import WorkerDevice, WorkerModel, WorkerReported, WorkerRun

AT_MOST_EVERY_S = 10.0
RUNS_AT_MOST_EVERY_S = 2.0  # when a run begins or ends
AT_LEAST_EVERY_S = 60.0


class Reported(Protocol):
    """Of `residents`."""

    uses: ModelUses

    @property
    def ready(self) -> bool: ...

    @property
    def replicas(self) -> int: ...

    @property
    def batch_size(self) -> int: ...


def worker_id(instance: str | None) -> str:
    return instance or f"{socket.gethostname()}-{os.getpid()}"


class Reports:
    """The first report is due when the default model is loaded, or `AT_MOST_EVERY_S` after the start if that takes longer."""

    def __init__(
        self,
        name: str,
        models: Sequence[ModelRef],
        residents: Reported,
        read_gpus: Callable[[], Sequence[Gpu]] = gpus.read,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._models = models
        self._residents = residents
        self._read_gpus = read_gpus
        self._clock = clock
        self._last: WorkerReported | None = None
        self._published_s = 0.0
        self._due_s = clock() + AT_MOST_EVERY_S
        self._runs_due_s = 0.0
        self._runs: set[tuple[str, str]] = set()

    def due(self, running: Callable[[], tuple[WorkerRun, ...]] = tuple) -> Iterator[Step]:
        """The report, if it is due and has changed, or is old. `running`: what the worker does now."""
        now_s, is_first = self._clock(), self._last is None
        is_due = now_s >= self._due_s or (is_first and self._residents.ready)
        if not is_due and (is_first or now_s < self._runs_due_s):
            return
        self._runs_due_s = now_s + RUNS_AT_MOST_EVERY_S
        runs = running()
        which = {(run.work_id, run.run) for run in runs}
        if not is_due and which == self._runs:
            return
        self._due_s, self._runs = now_s + AT_MOST_EVERY_S, which
        report = self._report(runs)
        if self._last is None or now_s - self._published_s >= AT_LEAST_EVERY_S or _differ(report, self._last):
            self._last, self._published_s = report, now_s
            yield Step(outputs=[Output(WORKERS, self._name, report, may_be_lost=True)])

    def withdrawn(self) -> list[Output]:
        """For the end of the worker: a tombstone of its reports, if there are any."""
        return [] if self._last is None else [Output(WORKERS, self._name, None, may_be_lost=True)]

    def _report(self, runs: tuple[WorkerRun, ...]) -> WorkerReported:
        models = self._residents.uses.of(self._models)
        return WorkerReported(
            worker_id=self._name,
            at=datetime.now(UTC),
            replicas=self._residents.replicas,
            batch_size=self._residents.batch_size,
            models=models,
            devices=tuple(_device(gpu, models) for gpu in self._read_gpus()),
            running=runs,
        )


def _differ(report: WorkerReported, last: WorkerReported) -> bool:
    return report != last.model_copy(update={"at": report.at})


def _device(gpu: Gpu, models: Sequence[WorkerModel]) -> WorkerDevice:
    """CTranslate2 uses the first one."""
    allocated_bytes = sum(model.memory_bytes for model in models if model.device == "cuda") if gpu.id == 0 else 0
    return WorkerDevice(
        id=gpu.id,
        uuid=gpu.uuid,
        name=gpu.name,
        compute_capability=gpu.compute_capability,
        total_bytes=gpu.total_bytes,
        free_bytes=gpu.total_bytes - gpu.used_bytes,
        used_bytes=gpu.used_bytes,
        allocated_bytes=allocated_bytes,
    )
