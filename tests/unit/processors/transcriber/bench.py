"""A transcriber with an engine that can be held, killed or made to refuse, a store in a folder, and a clock."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from processors.transcriber.engine import Group, Window, WindowText
from processors.transcriber.eviction import CacheLimits
from processors.transcriber.held import Held
from processors.transcriber.residents import Load, Residents
from processors.transcriber.stage import Transcriber
from runtime.kafka.messages import Partition, Received, Step
from runtime.objects.directory import DirectoryStore
from schemas.options import DecodingOptions, ModelRef
from schemas.record import Lane, ObjectRef
from schemas.segment import Segment
from schemas.work import ChunkReady, WorkReported
from tests.waiting import DEADLINE_S, wait_until

MODEL = ModelRef(name="demo", revision="1")
SECOND = np.random.default_rng(0).normal(0, 1000, 16_000).astype("<i2")  # audible


@dataclass
class StandIn:
    """Says how many samples it was given. `gate`: work waits until it is open. `warm`: so does the start, if there is one."""

    replicas: int = 2
    batch_size: int = 1
    gate: threading.Event = field(default_factory=threading.Event)
    wrong: Callable[[Sequence[Window]], list[WindowText] | None] = lambda batch: None
    batches: list[int] = field(default_factory=list)
    warm: threading.Event | None = None
    on_gpu: bool = False

    def warm_up(self) -> None:
        assert self.warm is None or self.warm.wait(DEADLINE_S)

    def group(self, window: Window) -> Group:
        return Group.of(3000, window.options)

    def transcribe(self, batch: Sequence[Window]) -> list[WindowText]:
        self.batches.append(len(batch))
        assert self.gate.wait(DEADLINE_S)
        if (texts := self.wrong(batch)) is not None:
            return texts
        return [text(f"{len(window.samples)} samples") for window in batch]


def text(words: str, read_to_s: float = 1.0) -> WindowText:
    """One segment, up to there. More than that is left of a longer window."""
    segment = Segment(start=0, end=read_to_s, text=words)
    return WindowText("en", 0.9, (segment,), read_to_s=read_to_s, inference_s=0.01)


@dataclass
class Revoked:
    runs: set[tuple[str, str]] = field(default_factory=set)

    def is_revoked(self, work_id: str, run: str) -> bool:
        return (work_id, run) in self.runs

    def start(self) -> None: ...

    def check(self) -> None: ...

    def stop(self) -> None: ...


class System:
    """A transcriber with its engine, store and clock; `turn` is one turn of the loop. `models`, with `load` and `limits`: those
    that it serves instead, the default one first."""

    def __init__(
        self,
        folder: Path,
        engine: StandIn,
        models: Sequence[ModelRef] = (MODEL,),
        load: Load | None = None,
        limits: CacheLimits | None = None,
    ) -> None:
        self.engine, self.revoked = engine, Revoked()
        self.store = DirectoryStore({"work": folder})
        self.now_s = 0.0
        self.residents = Residents[Held](models[0], load or (lambda model, on_cpu: engine), limits, clock=lambda: self.now_s)
        self.handler = Transcriber(models, self.store, self.revoked, self.residents, clock=lambda: self.now_s)
        self.offset = 0
        self.steps: list[Step] = []

    def start(self) -> "System":
        self.until(lambda: self.handler.not_ready() is None, "the engine")
        return self

    def chunk(
        self,
        lane: Lane = "bulk",
        *,
        work: str = "a",
        audio: bool = True,
        attempts: int = 0,
        seconds: int = 1,
        **changes: object,
    ) -> Received[ChunkReady]:
        """Speech from end to end."""
        self.offset += 1
        key = f"chunks/{self.offset}"
        if audio:
            self.store.put("work", key, SECOND.tobytes() * seconds)
        span = (self.offset * 16_000, (self.offset + seconds) * 16_000)
        chunk = ChunkReady(
            work_id=work * 64,
            run="0-1",
            slice_id="b" * 64,
            span=span,
            pieces=(span,),
            speech=(span,),
            audio=ObjectRef(bucket="work", key=key),
            model=MODEL,
            decoding=DecodingOptions(),
            lane=lane,
        ).model_copy(update=changes)
        return Received(Partition(f"chunks.{lane}", 0), self.offset, None, b"", event=chunk, attempts=attempts)

    def turn(self, *records: Received[ChunkReady]) -> list[Step]:
        new = list(self.handler.handle(records))
        self.steps += new
        return new

    def begun(self) -> list[Received]:
        return [record for step in self.steps for record in step.begins]

    def settled(self) -> list[Received]:
        return [step.settles for step in self.steps if step.settles]

    def answers(self) -> list[Any]:
        values = [output.value for step in self.steps for output in step.outputs]
        return [value.event for value in values if isinstance(value, WorkReported)]

    def kinds(self) -> list[str]:
        return [answer.kind for answer in self.answers()]

    def until(self, condition: Callable[[], object], what: str) -> None:
        def turned() -> object:
            self.turn()
            return condition()

        wait_until(turned, what)
