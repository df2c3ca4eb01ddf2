"""The transcriber's stage: chunks of any files and users in, in two lanes; their text out on `chunk-results`.

It holds no state that a restart would miss: a chunk is settled only together with its result. A repeat is settled the same
way, with the result of the first; while that is in flight, it waits. A chunk of several windows joins one batch for each.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from processors.revocations import Revocations
from processors.transcriber import results
from processors.transcriber.batch_spans import BatchSpans
from processors.transcriber.batching import Filling, Turns
from processors.transcriber.device_faults import OutOfMemory
from processors.transcriber.device_guard import GPU_BATCH, DeviceGuard
from processors.transcriber.engine import Engine, WindowText
from processors.transcriber.eviction import CacheLimits
from processors.transcriber.features import from_pcm
from processors.transcriber.held import Held, runs_of
from processors.transcriber.kept_results import KeptResults
from processors.transcriber.recent_results import RecentResults, request_id
from processors.transcriber.reports import Reports, worker_id
from processors.transcriber.residents import Residents
from processors.transcriber.windows import of_chunk
from processors.transcriber.workers import Result
from runtime.errors import Invalid, UsageError
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore, StoreUnavailable
from runtime.objects.store import Replaced
from runtime.resources import Resources, Stage
from runtime.work_folders import WorkFolders
from schemas.options import ModelRef
from schemas.record import Failure
from schemas.topics import CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE
from schemas.work import ChunkLost, ChunkReady, WorkEvent, WorkFailed, WorkReported

log = get_logger(__name__)
NAME = "transcriber"
FETCHERS = 8
ROUNDS_AHEAD = 2  # batches per replica and lane that are fetched while the replicas work
LOOK_AHEAD = 1000  # chunks of a lane in hand where several models are served: behind those of a model that is not loaded
MOST_ATTEMPTS = 3  # of a chunk whose workers crashed
Clock = Callable[[], float]


class Revoked(Protocol):
    def is_revoked(self, work_id: str, run: str) -> bool: ...

    def start(self) -> None: ...

    def check(self) -> None: ...

    def stop(self) -> None: ...


def build(resources: Resources) -> Stage:
    """Models are loaded when the stage runs, in a thread, so that the loop polls from the start."""

    models, settings, wakeup = {model.ref: model for model in resources.models}, resources.settings, Wakeup()

    def load(model: ModelRef, on_cpu: bool) -> Engine:
        from processors.transcriber.loading import load

        return load(models[model], settings, on_cpu=on_cpu)

    limits = CacheLimits(settings.model_cache_size, settings.model_cache_timeout_minutes * 60)
    residents = Residents[Held](resources.model.ref, load, limits, wakeup)
    residents.guard = DeviceGuard(settings.gpu_memory_threshold, settings.batch_size or GPU_BATCH)
    revocations = Revocations(resources.kafka, NAME)
    transcriber = Transcriber([*models], resources.objects, revocations, residents)
    transcriber.filling = Filling(settings.batch_wait_ms / 1000, wakeup.set_after)
    transcriber.reports = Reports(worker_id(settings.instance), [*models], residents)
    transcriber.kept = KeptResults(resources.chunk_results)
    return Loop(
        NAME,
        resources.kafka,
        [CHUNKS_INTERACTIVE, CHUNKS_BULK],
        transcriber,
        LoopOptions(group_per_topic=True, wakeup=wakeup, keep_large=resources.keep_large, last=transcriber.reports.withdrawn),
    )


class Transcriber:
    """See `runtime.kafka.messages.Handler`."""

    def __init__(
        self,
        models: Sequence[ModelRef],
        objects: ObjectStore,
        revocations: Revoked,
        residents: Residents[Held],
        clock: Clock = time.monotonic,
    ) -> None:
        self._models = models
        self._objects = objects
        self._revocations = revocations
        self._residents = residents
        self._clock = clock
        self._turns = Turns()
        self._held: dict[tuple[Partition, int], Held] = {}
        self._recent = RecentResults()
        self._spans = BatchSpans()
        self.kept = KeptResults(WorkFolders(None))
        self.filling = Filling(0.0, lambda _wait_s: None)
        self.reports = Reports(worker_id(None), models, residents, clock=clock)
        self._fetchers = ThreadPoolExecutor(FETCHERS, thread_name_prefix="chunk-audio")

    def not_ready(self) -> str | None:
        return None if self._residents.ready else "the model is loading"

    def room(self, topic: str) -> int:
        if not self._residents.ready:
            return 0
        most = self._ahead if len(self._models) == 1 else LOOK_AHEAD
        return max(0, most - sum(held.record.topic == topic for held in self._held.values()))

    def handle(self, records: Sequence[Received[ChunkReady]]) -> Iterable[Step]:
        if not self._residents.started:
            self._residents.start()
            self._revocations.start()
        self._revocations.check()
        for record in records:
            yield from self._take(record)
        yield from self._finish()
        yield from self._unloadable()
        yield from self._drop_revoked()
        yield from self._repeats()
        yield from self._fetched()
        yield from self._dispatch()
        self._residents.turn([held.model for held in self._held.values()])
        yield from self.reports.due(lambda: runs_of(self._held.values()))

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """Nothing to prepare."""

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        lost = set(partitions)
        self._held = {place: held for place, held in self._held.items() if held.record.partition not in lost}

    def close(self) -> None:
        self._held.clear()
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        self._residents.close()
        self._revocations.stop()

    def _take(self, record: Received[ChunkReady]) -> Iterator[Step]:
        chunk = record.event
        if chunk.model not in self._models:
            served = ", ".join(f"{model.name} at {model.revision}" for model in self._models)
            raise UsageError(
                f"this transcriber serves {served}; a chunk requires {chunk.model.name} at {chunk.model.revision}. "
                "Set MURMUR_MODEL, MURMUR_MODELS and MURMUR_MODELS_DIR to the same for all stages"
            )
        held = Held(record, chunk, request_id(chunk))
        if record.attempts >= MOST_ATTEMPTS:
            message = f"{record.attempts} workers crashed while transcribing {chunk.chunk_id}"
            yield self._settled(held, "crashes_engine", WorkFailed(failure=Failure(reason="crashes_engine", message=message)))
        else:
            self._held[record.partition, record.offset] = held

    def _finish(self) -> Iterator[Step]:
        for done in self._residents.finished():
            self._spans.ended(done.items, done.fault)
            if isinstance(done.fault, OutOfMemory):
                for held in done.items:
                    held.running = False  # it waits for the CPU
                continue
            if done.fault is not None:
                raise done.fault
            self._turns.done(
                sum(held.cost_s for held in done.items),
                sum(result.inference_s for result in done.results if isinstance(result, WindowText)),
            )
            for held, result in zip(done.items, done.results, strict=True):
                if self._is_held(held):  # else its partition has moved to another transcriber
                    yield self._answered(held, result)

    def _answered(self, held: Held, result: Result) -> Step:
        if isinstance(result, Invalid):
            return self._settled(held, result.failure.reason, WorkFailed(failure=result.failure))
        assert held.windows is not None
        held.windows.take(result)
        held.running = False
        if held.advance():
            return Step()
        text = held.windows.text()
        results.report(held.chunk, text)
        transcribed = results.transcribed(held.chunk, text)
        self.kept.keep(held.kept_path, transcribed)
        return self._settled(held, "transcribed", transcribed, text.inference_s)

    def _unloadable(self) -> Iterator[Step]:
        """A model that cannot be loaded fails the jobs that ask for it, not the transcriber: others work on."""
        for model, error in self._residents.failed():
            failure = Failure(reason="model_unavailable", message=f"the model {model.name} cannot be loaded: {error}")
            for held in [held for held in self._held.values() if held.model == model]:
                yield self._settled(held, failure.reason, WorkFailed(failure=failure))

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
        """Begins fetching what is due, and takes in what has arrived. Only for models that are loaded: a chunk of another one is
        kept without its audio. A record may also come with its partition, before the loop could pause that."""
        for held in self._firsts():
            if held.fetch is not None and held.fetch.done():
                yield from self._arrived(held, held.fetch)
        ahead = Counter((held.lane, held.model) for held in self._held.values() if held.has_audio)
        for held in self._firsts():
            lane = (held.lane, held.model)
            is_due = not held.has_audio and held.next_try_s <= self._clock() and self._residents.engine(held.model)
            if is_due and ahead[lane] < self._ahead:
                ahead[lane] += 1
                held.fetch = self._fetchers.submit(self._fetch, held.chunk)
                held.fetch.add_done_callback(lambda _fetch: self._residents.wakeup.set())

    @property
    def _ahead(self) -> int:
        """Chunks of a lane and a model whose audio is fetched while others are transcribed."""
        return ROUNDS_AHEAD * self._residents.capacity

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
            held.kept_path = self.kept.path(held.chunk, audio)
            if (kept := self.kept.find(held.kept_path)) is not None:
                yield self._settled(held, "kept", kept.model_copy(update={"index": held.chunk.index}))
                return
            held.windows = of_chunk(audio, held.chunk.decoding, held.chunk.pieces, held.chunk.speech, vad=held.chunk.vad)
        except NotFound:
            yield self._settled(held, "lost", ChunkLost(span=held.chunk.span))
        except StoreUnavailable as error:
            wait_s = held.backoff.next_s()
            held.next_try_s = self._clock() + wait_s
            log.warning("chunk.waiting", work_id=held.chunk.work_id, chunk_id=held.chunk.chunk_id, error=error, wait_s=wait_s)
        except Invalid as invalid:
            yield self._settled(held, invalid.failure.reason, WorkFailed(failure=invalid.failure))
        else:
            held.advance()

    def _dispatch(self) -> Iterator[Step]:
        while self._residents.idle > 0:
            if not (batch := self._next_batch()):
                return
            if begins := [held.record for held in batch if not held.begun]:
                yield Step(begins=begins)
                results.begun(begins)
            for held in batch:
                held.begun_at, held.running = held.begun_at or datetime.now(UTC), True
            self._spans.began(batch)
            self._residents.submit(batch[0].model, batch, [held.window for held in batch if held.window])

    def _next_batch(self) -> list[Held]:
        """A chunk whose worker crashed runs alone and first: if it crashes this one, too, no other chunk is affected."""
        if any(held.running and held.suspect for held in self._held.values()):
            return []
        waiting = [
            held.grouped(engine)
            for held in self._firsts()
            if held.window and not held.running and (engine := self._residents.engine(held.model))
        ]
        if suspects := [held for held in waiting if held.suspect]:
            return [] if self._residents.busy else suspects[:1]
        size = self._residents.batch_size
        return self._turns.take(waiting, size, self._residents.idle) if self.filling.is_due(len(waiting), size) else []

    def _is_held(self, held: Held) -> bool:
        return self._held.get((held.record.partition, held.record.offset)) is held

    def _settled(self, held: Held, outcome: str, event: WorkEvent | None = None, inference_s: float = 0.0) -> Step:
        """The end of a chunk: its result, if there is one, its one log line, and its offset."""
        record, chunk = held.record, held.chunk
        self._held.pop((record.partition, record.offset), None)
        results.settled(chunk, held.lane, outcome, inference_s)
        if event is None:
            return Step(settles=record)
        report = WorkReported(work_id=chunk.work_id, run=chunk.run, event=event, trace=chunk.trace)
        self._recent.remember(held.request, report)
        return Step(outputs=[Output(CHUNK_RESULTS, chunk.work_id, report)], settles=record)
