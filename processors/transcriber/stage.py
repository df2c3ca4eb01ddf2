"""The transcriber's stage: chunks of any files and users in, in two lanes; their text out on `chunk-results`.

It holds no state that a restart would miss: a chunk is settled only together with its result. A repeat is settled the same
way, with the result of the first; while that is in flight, it waits. A chunk of several windows joins one batch for each.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from processors.revocations import Revocations
from processors.transcriber import results
from processors.transcriber.batching import Turns
from processors.transcriber.engine import Engine, Group, Window
from processors.transcriber.features import from_pcm
from processors.transcriber.kept_results import KeptResults
from processors.transcriber.recent_results import RecentResults, request_id
from processors.transcriber.windows import ChunkWindows, of_chunk
from processors.transcriber.workers import Result, Workers
from runtime.backoff import Backoff, store_backoff
from runtime.errors import Invalid, UsageError
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore, StoreUnavailable
from runtime.objects.store import Replaced
from runtime.resources import Resources, Stage
from schemas.options import ModelRef
from schemas.record import Failure, Lane
from schemas.topics import CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE
from schemas.work import ChunkLost, ChunkReady, WorkEvent, WorkFailed, WorkReported

log = get_logger(__name__)
NAME = "transcriber"
FETCHERS = 8
ROUNDS_AHEAD = 2  # batches per replica and lane that are fetched while the replicas work
WINDOW_COST_S = 2.0  # about that of two seconds of speech
MOST_ATTEMPTS = 3  # of a chunk whose workers crashed
Clock = Callable[[], float]


class Revoked(Protocol):
    def is_revoked(self, work_id: str, run: str) -> bool: ...

    def start(self) -> None: ...

    def check(self) -> None: ...

    def stop(self) -> None: ...


def build(resources: Resources) -> Stage:
    """The model is loaded when the stage runs, in a thread, so that the loop polls from the start."""

    def load() -> Engine:
        from processors.transcriber.loading import load

        return load(resources.model, resources.settings)

    wakeup = Wakeup()
    revocations = Revocations(resources.kafka, NAME)
    transcriber = Transcriber(resources.model.ref, resources.objects, revocations, Workers(load, wakeup))
    transcriber.kept = KeptResults(resources.local_state and resources.local_state / "chunk-results")
    return Loop(
        NAME,
        resources.kafka,
        [CHUNKS_INTERACTIVE, CHUNKS_BULK],
        transcriber,
        LoopOptions(group_per_topic=True, wakeup=wakeup, keep_large=resources.keep_large),
    )


@dataclass(slots=True, eq=False)
class Held:
    """A chunk in flight. `request` tells repeats. `fetch` runs while its audio is on the way; `windows` is set once it is here.
    `window` is the one to decode now, `running` while a worker has it."""

    record: Received[ChunkReady]
    chunk: ChunkReady
    request: bytes
    fetch: "Future[NDArray[np.int16]] | None" = None
    kept_name: str | None = None
    backoff: Backoff = field(default_factory=store_backoff)
    next_try_s: float = 0.0
    windows: ChunkWindows | None = None
    window: Window | None = None
    group: Group | None = None
    begun: bool = False
    running: bool = False

    @property
    def lane(self) -> Lane:
        return "interactive" if self.record.topic == CHUNKS_INTERACTIVE.name else "bulk"

    @property
    def cost_s(self) -> float:
        """Of its window, for the lanes' shares: its length, and what a window costs whatever its length."""
        return WINDOW_COST_S + (self.window.duration_s if self.window is not None else 0.0)

    @property
    def suspect(self) -> bool:
        """A worker crashed while this was in flight."""
        return self.record.attempts > 0


class Transcriber:
    """See `runtime.kafka.messages.Handler`."""

    def __init__(
        self,
        model: ModelRef,
        objects: ObjectStore,
        revocations: Revoked,
        workers: Workers[Held],
        clock: Clock = time.monotonic,
    ) -> None:
        self._model = model
        self._objects = objects
        self._revocations = revocations
        self._workers = workers
        self._clock = clock
        self._turns = Turns()
        self._held: dict[tuple[Partition, int], Held] = {}
        self._recent = RecentResults()
        self.kept = KeptResults(None)
        self._fetchers = ThreadPoolExecutor(FETCHERS, thread_name_prefix="chunk-audio")

    def not_ready(self) -> str | None:
        return None if self._workers.engine else "the model is loading"

    def room(self, topic: str) -> int:
        engine = self._workers.engine
        if engine is None:
            return 0
        most = ROUNDS_AHEAD * engine.replicas * engine.batch_size
        return max(0, most - sum(held.record.topic == topic for held in self._held.values()))

    def handle(self, records: Sequence[Received[ChunkReady]]) -> Iterable[Step]:
        if not self._workers.started:
            self._workers.start()
            self._revocations.start()
        self._revocations.check()
        for record in records:
            yield from self._take(record)
        yield from self._finish()
        yield from self._drop_revoked()
        yield from self._repeats()
        yield from self._fetched()
        yield from self._dispatch()

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """Nothing to prepare."""

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        lost = set(partitions)
        self._held = {place: held for place, held in self._held.items() if held.record.partition not in lost}

    def close(self) -> None:
        self._held.clear()
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        self._workers.close()
        self._revocations.stop()

    def _take(self, record: Received[ChunkReady]) -> Iterator[Step]:
        chunk = record.event
        if chunk.model != self._model:
            raise UsageError(
                f"this transcriber has loaded the model {self._model.name} at {self._model.revision}; a chunk requires "
                f"{chunk.model.name} at {chunk.model.revision}. Set MURMUR_MODEL and MURMUR_MODELS_DIR to the same for all stages"
            )
        held = Held(record, chunk, request_id(chunk))
        if record.attempts >= MOST_ATTEMPTS:
            message = f"{record.attempts} workers crashed while transcribing {chunk.chunk_id}"
            yield self._settled(held, "crashes_engine", WorkFailed(failure=Failure(reason="crashes_engine", message=message)))
        else:
            self._held[record.partition, record.offset] = held

    def _finish(self) -> Iterator[Step]:
        for done in self._workers.finished():
            if done.fault is not None:
                raise done.fault
            for held, result in zip(done.items, done.results, strict=True):
                if self._is_held(held):  # else its partition has moved to another transcriber
                    yield self._answered(held, result)

    def _answered(self, held: Held, result: Result) -> Step:
        if isinstance(result, Invalid):
            return self._settled(held, result.failure.reason, WorkFailed(failure=result.failure))
        assert held.windows is not None
        held.windows.take(result)
        held.running = False
        if self._prepare(held):
            return Step()
        text = held.windows.text()
        results.report(held.chunk, text)
        transcribed = results.transcribed(held.chunk, text)
        self.kept.keep(held.kept_name, transcribed)
        return self._settled(held, "transcribed", transcribed, text.inference_s)

    def _prepare(self, held: Held) -> bool:
        """The chunk's next window waits for its batch; False when the chunk is finished."""
        assert held.windows is not None
        assert self._workers.engine is not None
        held.window = held.windows.next
        if held.window is not None:
            held.group = self._workers.engine.group(held.window)
        return held.window is not None

    def _drop_revoked(self) -> Iterator[Step]:
        """Before audio is fetched, and between two batches; what a worker has is finished."""
        for held in list(self._held.values()):
            if not held.running and self._revocations.is_revoked(held.chunk.work_id, held.chunk.run):
                yield self._settled(held, "revoked")

    def _repeats(self) -> Iterator[Step]:
        """Repeats of finished requests get the same result again."""
        for held in list(self._held.values()):
            if (answer := self._recent.answer(held.request)) is not None:
                yield self._settled(held, "repeated", answer)

    def _firsts(self) -> list[Held]:
        """What is in flight without its repeats, oldest first. What has begun is always the first of its kind."""
        firsts: dict[bytes, Held] = {}
        for held in self._held.values():
            firsts.setdefault(held.request, held)
        return list(firsts.values())

    def _fetched(self) -> Iterator[Step]:
        """Begins fetching what is due, and takes in what has arrived. Not before the engine is there: a record may come together
        with its partition, before the loop could pause that."""
        if self._workers.engine is None:
            return
        for held in self._firsts():
            if held.windows is not None:
                continue
            if held.fetch is None and held.next_try_s <= self._clock():
                held.fetch = self._fetchers.submit(self._fetch, held.chunk)
                held.fetch.add_done_callback(lambda _fetch: self._workers.wakeup.set())
            elif held.fetch is not None and held.fetch.done():
                yield from self._arrived(held, held.fetch)

    def _fetch(self, chunk: ChunkReady) -> NDArray[np.int16]:
        """Raises NotFound, also for audio that is not the chunk's."""
        data = self._objects.get(chunk.audio.bucket, chunk.audio.key)
        if chunk.audio_sha256 not in (None, hashlib.sha256(data).hexdigest()):
            raise Replaced(f"{chunk.audio.bucket}/{chunk.audio.key} is not the audio of this chunk")
        return from_pcm(data)

    def _arrived(self, held: Held, fetch: "Future[NDArray[np.int16]]") -> Iterator[Step]:
        held.fetch = None
        try:
            audio = fetch.result()
            held.kept_name = self.kept.name(held.chunk, audio)
            if (kept := self.kept.find(held.kept_name)) is not None:
                yield self._settled(held, "kept", kept)
                return
            held.windows = of_chunk(audio, held.chunk.decoding, held.chunk.pieces, held.chunk.speech)
        except NotFound:
            yield self._settled(held, "lost", ChunkLost(span=held.chunk.span))
        except StoreUnavailable as error:
            wait_s = held.backoff.next_s()
            held.next_try_s = self._clock() + wait_s
            log.warning("chunk.waiting", work_id=held.chunk.work_id, chunk_id=held.chunk.chunk_id, error=error, wait_s=wait_s)
        except Invalid as invalid:
            yield self._settled(held, invalid.failure.reason, WorkFailed(failure=invalid.failure))
        else:
            self._prepare(held)

    def _dispatch(self) -> Iterator[Step]:
        while self._workers.idle > 0:
            if not (batch := self._next_batch()):
                return
            if begins := [held.record for held in batch if not held.begun]:
                yield Step(begins=begins)
                results.begun(begins)
            for held in batch:
                held.begun = held.running = True
            self._workers.submit(batch, [held.window for held in batch if held.window])

    def _next_batch(self) -> list[Held]:
        """A chunk whose worker crashed runs alone and first: if it crashes this one, too, no other chunk is affected."""
        if any(held.running and held.suspect for held in self._held.values()):
            return []
        waiting = [held for held in self._firsts() if held.window and not held.running]
        if suspects := [held for held in waiting if held.suspect]:
            return [] if self._workers.busy else suspects[:1]
        engine = self._workers.engine
        return self._turns.take(waiting, engine.batch_size) if engine else []

    def _is_held(self, held: Held) -> bool:
        return self._held.get((held.record.partition, held.record.offset)) is held

    def _settled(self, held: Held, outcome: str, event: WorkEvent | None = None, inference_s: float = 0.0) -> Step:
        """The end of a chunk: its result, if there is one, its one log line, and its offset."""
        record, chunk = held.record, held.chunk
        self._held.pop((record.partition, record.offset), None)
        results.settled(chunk, held.lane, outcome, inference_s)
        if event is None:
            return Step(settles=record)
        report = WorkReported(work_id=chunk.work_id, run=chunk.run, event=event)
        self._recent.remember(held.request, report)
        return Step(outputs=[Output(CHUNK_RESULTS, chunk.work_id, report)], settles=record)
