"""The threads that run the engine, one batch each, and their results. Called by the stage's loop; independent of Kafka."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from processors.transcriber.engine import Engine, Window, WindowText
from runtime import memory, metrics
from runtime.errors import Invalid
from runtime.kafka.wakeup import Wakeup

T = TypeVar("T")
Result = WindowText | Invalid
JOIN_S = 2.0  # a batch cannot be interrupted: a thread that is still running ends with the process


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """A batch that is finished. `fault`: an error that no window caused; then there are no results."""

    items: Sequence[T]
    results: Sequence[Result] = ()
    fault: BaseException | None = None


class Workers(Generic[T]):
    """Loads the engine in a thread of its own, warms it up, then runs its replicas."""

    def __init__(self, load: Callable[[], Engine], wakeup: Wakeup | None = None) -> None:
        """`wakeup` is set when something has ended, or the engine is there."""
        self._load = load
        self.wakeup = wakeup or Wakeup()
        self._batches: SimpleQueue[tuple[Sequence[T], Sequence[Window]] | None] = SimpleQueue()
        self._done: SimpleQueue[Done[T]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self.engine: Engine | None = None  # set when it is warmed up
        self.load_s = 0.0  # until it was
        self.memory_bytes = 0  # how much more the process has allocated then
        self.busy = 0
        self._trim = memory.IdleTrim()

    @property
    def started(self) -> bool:
        return bool(self._threads)

    def start(self) -> None:
        self._threads = [self._thread(self._begin, "engine-load")]

    @property
    def idle(self) -> int:
        """Idle replicas; 0 while the engine loads."""
        return self.engine.replicas - self.busy if self.engine else 0

    def submit(self, items: Sequence[T], batch: Sequence[Window]) -> None:
        self.busy += 1
        self._batches.put((items, batch))

    def finished(self) -> list[Done[T]]:
        """The batches that ended since the last call; does not wait."""
        ended: list[Done[T]] = []
        while True:
            try:
                done = self._done.get_nowait()
            except Empty:
                self._trim.turn(busy=bool(ended or self.busy))
                return ended
            self.busy -= 1 if done.items else 0
            ended.append(done)

    def close(self) -> None:
        """Idempotent. Batches that have not begun are dropped."""
        self._closed = True
        self._batches.put(None)
        until = time.monotonic() + JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _thread(self, run: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def _begin(self) -> None:
        began_s, before_bytes = time.monotonic(), memory.allocated_bytes()
        try:
            engine = self._load()
            engine.warm_up()
        except BaseException as error:  # handed to the loop, which ends the stage with it
            self._end(Done((), fault=error))
            return
        memory.trim()  # loading takes more than the engine does; the rest would be kept for as long as the process runs
        self.load_s, self.memory_bytes = time.monotonic() - began_s, max(0, memory.allocated_bytes() - before_bytes)
        if self._closed:
            return
        self._threads += [self._thread(lambda: self._work(engine), f"engine-{n}") for n in range(engine.replicas)]
        self.engine = engine
        self.wakeup.set()

    def _end(self, done: Done[T]) -> None:
        self._done.put(done)
        self.wakeup.set()

    def _work(self, engine: Engine) -> None:
        while (queued := self._batches.get()) is not None and not self._closed:
            items, batch = queued
            metrics.BATCH_WINDOWS.observe(len(batch))
            try:
                with metrics.INFERENCE_SECONDS.time():
                    results = transcribe(engine, batch)
                self._end(Done(items, results))
            except BaseException as error:  # as above
                self._end(Done(items, fault=error))
        self._batches.put(None)  # for the next one


def transcribe(engine: Engine, batch: Sequence[Window]) -> list[Result]:
    """An invalid window does not fail its batch: then each window is decoded alone."""
    try:
        texts = engine.transcribe(batch)
    except Invalid as invalid:
        if len(batch) == 1:
            return [invalid]
        return [transcribe(engine, [window])[0] for window in batch]
    if len(texts) != len(batch):
        raise RuntimeError(f"the engine gave {len(texts)} texts for {len(batch)} windows")
    return list(texts)
