"""Watches the memory of the GPU, and says what it demands: smaller batches, fewer models, or the CPU.

Asked by `residents` at every turn. On a CPU it demands nothing, and reads nothing.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from processors.transcriber.memory_policy import Limits, Reading, Relief, relieved
from runtime import gpus, metrics
from runtime.logs import get_logger

log = get_logger(__name__)
GPU_BATCH = 4  # the fastest on an H200: CTranslate2 needs more CPU time for each window of a larger batch (decision 0011)
READ_S = 1.0
CALM_MAX = 3600  # readings: an hour
Clock = Callable[[], float]


def first_gpu() -> Reading | None:
    """CTranslate2 uses the first one."""
    return next((Reading(gpu.used_bytes, gpu.total_bytes) for gpu in gpus.read()), None)


class DeviceGuard:
    """`read`: None where nothing can be read; then only errors of the device count."""

    def __init__(
        self,
        threshold: float,
        batch_max: int,
        read: Callable[[], Reading | None] = first_gpu,
        clock: Clock = time.monotonic,
    ) -> None:
        self.relief = Relief(batch_max)
        self._limits = Limits(threshold, batch_max)
        self._read = read
        self._clock = clock
        self._due_s = 0.0

    def turn(self, *, has_idle: bool, batch_size: int | None, model_bytes: int) -> Relief:
        """`batch_size`: of the engines on the GPU, which they also lower by themselves; None: there is none. `model_bytes`: what
        the models took there. One step at most, and a reading, every `READ_S`."""
        now_s = self._clock()
        if now_s < self._due_s:
            return replace(self.relief, unload_idle=False)
        self._due_s = now_s + READ_S
        if (reading := self._read()) is None:
            return self.relief
        metrics.GPU_MEMORY_USED_RATIO.set(reading.share())
        if batch_size is not None:
            self._limits = replace(self._limits, model_bytes=model_bytes)
            self.relief = replace(self.relief, batch_size=min(batch_size, self.relief.batch_size))
        self._change(relieved(self.relief, reading, self._limits, has_idle=has_idle), reading.share())
        return self.relief

    def used_bytes(self) -> int:
        """On the device now; 0 where nothing can be read."""
        reading = self._read()
        return reading.used_bytes if reading else 0

    def out_of_memory(self) -> None:
        """The GPU has no memory for a single window or for the model: the CPU takes over, until there is room. After each time
        twice as long: what is too large for the GPU must not be tried again and again."""
        self._limits = replace(self._limits, calm_readings=min(2 * self._limits.calm_readings, CALM_MAX))
        self._change(replace(self.relief, on_cpu=True, calm=0), None)

    def _change(self, relief: Relief, share: float | None) -> None:
        before, self.relief = self.relief, relief
        for step, taken in (
            ("smaller_batches", relief.batch_size < before.batch_size),
            ("larger_batches", relief.batch_size > before.batch_size),
            ("unload_idle", relief.unload_idle),
            ("cpu", relief.on_cpu and not before.on_cpu),
            ("gpu", before.on_cpu and not relief.on_cpu),
        ):
            if taken:
                metrics.GPU_MEMORY_STEPS.labels(step).inc()
                log.warning("memory.relieved", outcome=step, batch_size=relief.batch_size, used_share=share)
