"""The transcriber on a GPU that runs out of memory: an engine double raises what CTranslate2 raises. No GPU is needed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from structlog.typing import EventDict

from processors.transcriber.device_faults import typed
from processors.transcriber.device_guard import READ_S, DeviceGuard
from processors.transcriber.engine import Window
from processors.transcriber.eviction import CacheLimits
from processors.transcriber.memory_policy import CALM_READINGS, Reading
from runtime.errors import DeviceLost
from schemas.options import ModelRef
from tests.samples import sample
from tests.unit.processors.transcriber.bench import StandIn, System

A, B = MODELS = [ModelRef(name=name, revision="1") for name in "ab"]
OUT_OF_MEMORY = "CUDA failed with error out of memory"
ILLEGAL_ACCESS = "CUDA failed with error an illegal memory access was encountered"
MODEL_BYTES = 30

THRESHOLD = 0.9


class Gpu:
    """A GPU of 100 bytes, of which others use some, and each model that is loaded on it 30. `error`: what its batches raise;
    `load_error`: what loading raises."""

    def __init__(self) -> None:
        self.others_bytes = 10
        self.models = 0
        self.error: str | None = None
        self.load_error: str | None = None
        self.loads: list[tuple[str, str]] = []
        self.engines: list[StandIn] = []

    def read(self) -> Reading:
        return Reading(self.others_bytes + MODEL_BYTES * self.models, 100)

    def load(self, model: ModelRef, on_cpu: bool) -> StandIn:
        self.loads.append((model.name, "cpu" if on_cpu else "gpu"))
        if self.load_error and not on_cpu:
            raise typed(RuntimeError(self.load_error))
        self.models = sum(device == "gpu" for _, device in self.loads)
        engine = StandIn(replicas=1, batch_size=1 if on_cpu else 4, on_gpu=not on_cpu)
        engine.wrong = lambda batch: None if on_cpu else self.fail(batch)
        engine.gate.set()
        self.engines.append(engine)
        return engine

    def fail(self, _batch: Sequence[Window]) -> None:
        if self.error is not None:
            raise typed(RuntimeError(self.error))


class Guarded:
    def __init__(self, folder: Path) -> None:
        self.gpu = Gpu()
        self.system = System(folder, StandIn(), MODELS, self.gpu.load, CacheLimits(2))
        self.system.residents.guard = DeviceGuard(THRESHOLD, 4, self.gpu.read, lambda: self.system.now_s)

    def transcribed(self, model: ModelRef = A) -> None:
        """One chunk more."""
        self.system.turn(record := self.system.chunk(model=model))
        self.system.until(lambda: record in self.system.settled(), "the chunk")

    def readings(self, count: int) -> None:
        for _ in range(count):
            self.system.now_s += READ_S
            self.system.turn()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    made = Guarded(tmp_path)
    yield made
    made.system.handler.close()


def steps(step: str) -> float:
    return sample("murmur_gpu_memory_steps_total", step=step)


def test_a_window_for_which_the_gpu_has_no_memory_is_transcribed_on_the_cpu(guarded: Guarded, logged: list[EventDict]) -> None:
    guarded.system.start()
    before = steps("cpu")
    guarded.gpu.error = OUT_OF_MEMORY
    guarded.transcribed()
    assert guarded.gpu.loads == [("a", "gpu"), ("a", "cpu")]
    assert guarded.system.kinds() == ["chunk.transcribed"]
    assert len(guarded.system.begun()) == 1, "it is the same attempt"
    assert steps("cpu") == before + 1
    assert [line["outcome"] for line in logged if line["event"] == "memory.relieved"] == ["cpu"]


def test_the_gpu_is_used_again_once_the_model_fits(guarded: Guarded) -> None:
    guarded.system.start()
    guarded.gpu.error = OUT_OF_MEMORY
    guarded.transcribed()
    guarded.gpu.error, guarded.gpu.models, guarded.gpu.others_bytes = None, 0, 60
    guarded.readings(2 * CALM_READINGS)
    guarded.transcribed()
    assert guarded.gpu.loads[-1] == ("a", "cpu"), "it does not fit yet"
    guarded.gpu.others_bytes = 10
    guarded.readings(2 * CALM_READINGS)
    guarded.transcribed()
    assert guarded.gpu.loads == [("a", "gpu"), ("a", "cpu"), ("a", "gpu")]


def test_what_is_too_large_for_the_gpu_is_tried_there_less_and_less_often(guarded: Guarded) -> None:
    guarded.gpu.load_error = OUT_OF_MEMORY
    guarded.system.start()
    for tries in (1, 2, 3):
        guarded.transcribed()
        assert [device for _, device in guarded.gpu.loads].count("gpu") == tries
        guarded.gpu.models = 0
        guarded.readings(2**tries * CALM_READINGS - 2)
        guarded.transcribed()
        assert [device for _, device in guarded.gpu.loads].count("gpu") == tries
        guarded.readings(2)  # the start has one more reading


def test_a_model_for_which_the_gpu_has_no_memory_is_loaded_on_the_cpu_also_at_the_start(guarded: Guarded) -> None:
    guarded.gpu.load_error = OUT_OF_MEMORY
    guarded.system.start()
    guarded.transcribed()
    guarded.transcribed(B)
    assert guarded.gpu.loads == [("a", "gpu"), ("a", "cpu"), ("b", "cpu")]


def test_above_the_threshold_batches_shrink_then_idle_models_go_then_the_cpu_takes_over(guarded: Guarded) -> None:
    guarded.system.start()
    guarded.transcribed(B)
    guarded.system.now_s += READ_S
    guarded.transcribed(A)
    guarded.gpu.others_bytes = 35
    sizes = []
    for _ in range(2):
        guarded.readings(1)
        sizes.append([engine.batch_size for engine in guarded.gpu.engines])
    assert sample("murmur_gpu_memory_used_ratio") > THRESHOLD
    assert sizes == [[2, 2], [1, 1]]
    guarded.system.turn(held := guarded.system.chunk(model=A))
    guarded.readings(1)
    guarded.system.until(lambda: guarded.system.residents.engine(B) is None, "B to make room")
    guarded.system.until(lambda: held in guarded.system.settled(), "the chunk")
    assert guarded.system.residents.engine(A) is not None
    guarded.gpu.models = 1
    guarded.gpu.others_bytes = 65
    guarded.system.now_s += READ_S
    guarded.readings(2)  # nothing asks for A now
    guarded.transcribed(A)
    assert guarded.gpu.loads[-1] == ("a", "cpu")


def test_a_lost_context_ends_the_stage_and_is_no_fault_of_memory(guarded: Guarded) -> None:
    guarded.system.start()
    guarded.gpu.error = ILLEGAL_ACCESS
    with pytest.raises(DeviceLost, match="illegal memory access"):
        guarded.transcribed()
    assert guarded.gpu.loads == [("a", "gpu")]


def test_nothing_is_read_where_no_model_is_on_a_gpu(tmp_path: Path) -> None:
    def read() -> Reading:
        raise AssertionError("read")

    system = System(tmp_path, StandIn())
    guard = system.residents.guard = DeviceGuard(0.9, 4, lambda: None, lambda: system.now_s)
    system.start()
    guard._read = read
    system.engine.gate.set()
    system.turn(record := system.chunk())
    system.now_s += 2 * READ_S
    system.until(lambda: record in system.settled(), "the chunk")
    system.handler.close()
