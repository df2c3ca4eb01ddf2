"""The models that are loaded, each with workers of its own; loads and unloads them as the chunks in hand require.

Called by the stage's loop. A model is loaded in a thread while the others work. On one device all share the replicas: no
more batches run at once than one model alone would have.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from processors.transcriber import eviction
from processors.transcriber.device_faults import OutOfMemory
from processors.transcriber.device_guard import DeviceGuard
from processors.transcriber.engine import Engine, Window
from processors.transcriber.eviction import CacheLimits, Loaded
from processors.transcriber.model_uses import ModelUses
from processors.transcriber.workers import Done, Workers
from runtime import memory, metrics
from runtime.errors import DeviceLost
from runtime.kafka.wakeup import Wakeup
from runtime.logs import get_logger
from schemas.options import ModelRef

log = get_logger(__name__)
T = TypeVar("T")
Load = Callable[[ModelRef, bool], Engine]  # the model; whether the CPU stands in for the GPU
Clock = Callable[[], float]


@dataclass(slots=True, eq=False)
class _Resident(Generic[T]):
    """`leaving`: why it begins no further batch, and is unloaded when its last one ends."""

    model: ModelRef
    workers: Workers[T]
    used_s: float
    on_cpu: bool  # instead of on the GPU
    device_bytes: int  # used on the GPU before it was loaded
    since_s: float = 0.0
    memory_bytes: int = 0
    ready: bool = False
    leaving: str | None = None

    @property
    def engine(self) -> Engine | None:
        return None if self.leaving else self.workers.engine


class Residents(Generic[T]):
    """`default` is loaded at `start()`. `load` blocks, in a thread, and raises UsageError. `wakeup` is set when something has
    ended."""

    def __init__(
        self,
        default: ModelRef,
        load: Load,
        limits: CacheLimits | None = None,
        wakeup: Wakeup | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.wakeup = wakeup or Wakeup()
        self.capacity = 0  # windows that are transcribed at once; 0 until the first model is there
        self.uses = ModelUses()
        self._default = default
        self._load = load
        self._limits = limits or CacheLimits()
        self._clock = clock
        self._residents: dict[ModelRef, _Resident[T]] = {}
        self._unloaded_s: dict[ModelRef, float] = {}
        self.guard: DeviceGuard | None = None  # of a GPU's memory
        self._failed: list[tuple[ModelRef, BaseException]] = []
        self._started = False

    @property
    def started(self) -> bool:
        return self._started

    def start(self) -> None:
        self._started = True
        self._begin_loading(self._default)

    @property
    def ready(self) -> bool:
        """The default model has been loaded, if only once."""
        return self.capacity > 0

    def engine(self, model: ModelRef) -> Engine | None:
        """Of a model that is loaded, and may begin a batch."""
        resident = self._residents.get(model)
        return resident.engine if resident else None

    @property
    def busy(self) -> int:
        """Batches that run."""
        return sum(resident.workers.busy for resident in self._residents.values())

    @property
    def replicas(self) -> int:
        """Batches that can run at once."""
        return min((engine.replicas for engine in self._engines()), default=0)

    @property
    def idle(self) -> int:
        """Batches that can be begun now."""
        return max(0, self.replicas - self.busy)

    @property
    def batch_size(self) -> int:
        return min((engine.batch_size for engine in self._engines()), default=0)

    def submit(self, model: ModelRef, items: Sequence[T], batch: Sequence[Window]) -> None:
        resident = self._residents[model]
        resident.used_s = self._clock()
        self.uses.submitted(model, len(batch))
        resident.workers.submit(items, batch)

    def finished(self) -> list[Done[T]]:
        """The batches that ended since the last call; does not wait. Those that ended with OutOfMemory are submitted again: the
        CPU takes over. Raises the error if the default model cannot be loaded at the start."""
        ended: list[Done[T]] = []
        for resident in list(self._residents.values()):
            for done in resident.workers.finished():
                if done.items:
                    resident.used_s = self._clock()
                    if isinstance(done.fault, OutOfMemory):
                        self._out_of_memory(done.fault)
                    ended.append(done)
                elif done.fault is not None:
                    self._loading_failed(resident, done.fault)
            if resident.workers.engine is not None and not resident.ready:
                self._loading_ended(resident, resident.workers.engine)
        return ended

    def failed(self) -> list[tuple[ModelRef, BaseException]]:
        """The models that could not be loaded since the last call, and why."""
        failed, self._failed = self._failed, []
        return failed

    def turn(self, wanted: Sequence[ModelRef]) -> None:
        """Unloads and loads as `wanted`, the models of the chunks in hand, requires. A model that has had no turn for the longest
        time is the next one."""
        for resident in [each for each in self._residents.values() if each.leaving and not each.workers.busy]:
            self._unload(resident)
        if self.guard is not None:
            self._relieve(self.guard, set(wanted))
        absent = [model for model in dict.fromkeys(wanted) if model not in self._residents]
        waiting = sorted(absent, key=lambda model: self._unloaded_s.get(model, 0.0))
        decision = eviction.decide([*self._loaded(set(wanted))], waiting, self._limits, self._clock())
        for model in decision.idle:
            self._leave(model, "idle")
        if decision.replaced is not None:
            self._leave(decision.replaced, "replaced")
        if decision.load is not None:
            self._begin_loading(decision.load)
        metrics.REPLICAS.set(self.replicas)
        metrics.REPLICAS_BUSY.set(self.busy)

    def close(self) -> None:
        """Idempotent. Models are freed with this object: after DeviceLost freeing one may end the process."""
        for resident in self._residents.values():
            resident.workers.close()
        metrics.REPLICAS.set(0)
        metrics.REPLICAS_BUSY.set(0)

    def _engines(self) -> Iterator[Engine]:
        return (resident.engine for resident in self._residents.values() if resident.engine is not None)

    def _loaded(self, wanted: set[ModelRef]) -> Iterator[Loaded]:
        for resident in self._residents.values():
            yield Loaded(
                resident.model,
                wanted=resident.model in wanted or resident.workers.busy > 0,
                changing=resident.leaving is not None or not resident.ready,
                since_s=resident.since_s,
                used_s=resident.used_s,
                load_s=resident.workers.load_s,
            )

    def _begin_loading(self, model: ModelRef) -> None:
        on_cpu = self.guard is not None and self.guard.relief.on_cpu
        workers = Workers[T](lambda: self._load(model, on_cpu), self.wakeup)
        self._residents[model] = _Resident(model, workers, self._clock(), on_cpu, self._device_bytes())
        self.uses.loading(model)
        workers.start()

    def _loading_ended(self, resident: _Resident[T], engine: Engine) -> None:
        resident.ready, resident.since_s = True, self._clock()
        self.capacity = engine.replicas * engine.batch_size
        on_gpu_bytes = max(0, self._device_bytes() - resident.device_bytes)
        resident.memory_bytes = on_gpu_bytes if engine.on_gpu else resident.workers.memory_bytes
        self.uses.loaded(resident.model, resident.workers.load_s, resident.memory_bytes, on_gpu=engine.on_gpu)

    def _loading_failed(self, resident: _Resident[T], error: BaseException) -> None:
        self.uses.unloaded(resident.model)
        if isinstance(error, OutOfMemory) and not resident.on_cpu:
            self._out_of_memory(error)
            del self._residents[resident.model]
            if not self.ready:  # else it is loaded again because it is wanted
                self._begin_loading(resident.model)
            return
        if isinstance(error, DeviceLost) or not self.ready or not isinstance(error, Exception):
            raise error
        log.error("model.failed", model=resident.model.name, revision=resident.model.revision, error=error)
        metrics.MODEL_LOAD_FAILURES.labels(resident.model.name).inc()
        resident.workers.close()
        del self._residents[resident.model]
        self._failed.append((resident.model, error))

    def _leave(self, model: ModelRef, reason: str) -> None:
        self._residents[model].leaving = reason
        self.wakeup.set()  # it is unloaded at the next turn, if it has no batch

    def _relieve(self, guard: DeviceGuard, wanted: set[ModelRef]) -> None:
        """What the memory of the GPU demands."""
        on_gpu = [(each, engine) for each in self._residents.values() if (engine := each.engine) and engine.on_gpu]
        if not on_gpu and not guard.relief.on_cpu:
            return
        idle = [each.model for each, _ in on_gpu if each.model not in wanted and not each.workers.busy]
        relief = guard.turn(
            has_idle=bool(idle),
            batch_size=min((engine.batch_size for _, engine in on_gpu), default=None),
            model_bytes=sum(each.memory_bytes for each, _ in on_gpu),
        )
        for _, engine in on_gpu:
            engine.batch_size = relief.batch_size
        for model in idle if relief.unload_idle else ():
            self._leave(model, "memory")
        self._move(relief.on_cpu)

    def _out_of_memory(self, error: OutOfMemory) -> None:
        if self.guard is None:
            raise error
        self.guard.out_of_memory()
        self._move(on_cpu=True)

    def _move(self, on_cpu: bool) -> None:
        """What is on the other device begins no further batch; what is wanted of it is loaded again."""
        for each in self._residents.values():
            if each.on_cpu != on_cpu and each.ready and not each.leaving:
                self._leave(each.model, "device")

    def _device_bytes(self) -> int:
        return self.guard.used_bytes() if self.guard else 0

    def _unload(self, resident: _Resident[T]) -> None:
        del self._residents[resident.model]
        self._unloaded_s[resident.model] = self._clock()
        resident.workers.close()
        self.uses.unloaded(resident.model)
        metrics.MODEL_UNLOADS.labels(resident.model.name, resident.leaving).inc()
        log.info("model.unloaded", model=resident.model.name, revision=resident.model.revision, reason=resident.leaving)
        memory.trim()
