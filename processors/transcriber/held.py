"""A chunk in flight at the transcriber: its record, its audio on the way, its windows. Owned by `stage`."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from processors.transcriber.engine import Engine, Group, Window
from processors.transcriber.windows import ChunkWindows
from runtime.backoff import Backoff, store_backoff
from runtime.kafka.messages import Received
from schemas.options import ModelRef
from schemas.record import Lane
from schemas.topics import CHUNKS_INTERACTIVE
from schemas.work import ChunkReady
from schemas.worker import WorkerRun

WINDOW_COST_S = 2.0  # about that of two seconds of speech


@dataclass(slots=True, eq=False)
class Held:
    """`request` tells repeats. `fetch` runs while its audio is on the way; `windows` is set once it is here. `window` is the one
    to decode now, `running` while a worker has it."""

    record: Received[ChunkReady]
    chunk: ChunkReady
    request: bytes
    fetch: "Future[NDArray[np.int16]] | None" = None
    kept_path: Path | None = None
    backoff: Backoff = field(default_factory=store_backoff)
    next_try_s: float = 0.0
    windows: ChunkWindows | None = None
    window: Window | None = None
    group: tuple[ModelRef, Group] | None = None
    begun_at: datetime | None = None
    running: bool = False

    @property
    def begun(self) -> bool:
        return self.begun_at is not None

    @property
    def lane(self) -> Lane:
        return "interactive" if self.record.topic == CHUNKS_INTERACTIVE.name else "bulk"

    @property
    def model(self) -> ModelRef:
        return self.chunk.model

    @property
    def has_audio(self) -> bool:
        """It is here or on its way."""
        return self.fetch is not None or self.windows is not None

    @property
    def cost_s(self) -> float:
        """Of its window, for the lanes' shares: its length, and what a window costs whatever its length."""
        return WINDOW_COST_S + (self.window.duration_s if self.window is not None else 0.0)

    @property
    def suspect(self) -> bool:
        """A worker crashed while this was in flight."""
        return self.record.attempts > 0

    def advance(self) -> bool:
        """The next window waits for its batch; False when the chunk is finished."""
        assert self.windows is not None
        self.window, self.group = self.windows.next, None
        return self.window is not None

    def grouped(self, engine: Engine) -> "Held":
        """With the group that its window's batch has, as its engine says."""
        if self.group is None and self.window is not None:
            self.group = self.model, engine.group(self.window)
        return self


def runs_of(held: Iterable[Held]) -> tuple[WorkerRun, ...]:
    """The runs of the chunks that have begun."""
    begun: dict[tuple[str, str], list[tuple[datetime, Held]]] = {}
    for each in held:
        if each.begun_at is not None:
            begun.setdefault((each.chunk.work_id, each.chunk.run), []).append((each.begun_at, each))
    return tuple(_run(work_id, run, chunks) for (work_id, run), chunks in sorted(begun.items()))


def _run(work_id: str, run: str, chunks: Sequence[tuple[datetime, Held]]) -> WorkerRun:
    since, oldest = min(chunks, key=lambda chunk: chunk[0])
    return WorkerRun(work_id=work_id, run=run, model=oldest.model.name, lane=oldest.lane, chunks=len(chunks), since=since)
