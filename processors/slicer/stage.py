"""Decodes several files at the same time: takes DecodeRequested from the loop, runs each in a thread, returns the threads' steps.

Fed by `decodes`. One slot is reserved for short files, so that they do not wait behind long ones. A repeated request
waits while the first is in flight, and is settled after it.
"""

import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from cachetools import FIFOCache

from processors.revocations import Revocations
from processors.slicer.attempts import Attempts
from processors.slicer.sandbox.pool import Decoders
from processors.slicer.sandbox.process import Limits
from processors.slicer.slicing import Slicer
from processors.slicer.slots import Slots
from processors.slicer.vad import load_session
from processors.slicer.worker import FileWork, SlicerContext, failed, is_small
from runtime import metrics
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from runtime.resources import Resources, Stage
from schemas.record import Failure
from schemas.topics import DECODES
from schemas.work import DecodeRequested

WAITING_MAX = 32  # of these the small ones are started first
EMITTED_MAX = 64  # steps that the loop has not taken yet; threads wait while there are so many
CRASHES_MAX = 3
RECENT_MAX = 2000  # requests that were done recently
_STOP_CHECK_S = 0.1  # how often a thread that waits to emit a step checks whether it should stop


class DecoderPool(Protocol):
    """What the handler needs of `Decoders`."""

    def start(self) -> None: ...

    def trim(self) -> None: ...

    def close(self) -> None: ...


class RevocationFollower(Protocol):
    """What the handler needs of `Revocations`."""

    def start(self) -> None: ...

    def check(self) -> None: ...

    def stop(self) -> None: ...


def build(resources: Resources) -> Stage:
    settings = resources.settings
    revocations = Revocations(resources.kafka, "slicer")
    decoders = Decoders(Limits(settings.decoder_memory_mb << 20, settings.decoder_cpu_s))
    context = SlicerContext(
        objects=resources.objects,
        work_bucket=settings.work_bucket,
        slicer=Slicer(decoders, load_session(), settings.max_audio_s),
        interactive_max_s=settings.interactive_max_s,
        is_revoked=revocations.is_revoked,
        max_bytes=settings.max_upload_bytes,
        attempts=Attempts(resources.local_state and resources.local_state / "decoding"),
    )
    wakeup = Wakeup()
    handler = SlicerHandler(context, decoders, settings.slicer_files, revocations, wakeup)
    return Loop("slicer", resources.kafka, [DECODES], handler, LoopOptions(wakeup=wakeup, keep_large=resources.keep_large))


class SlicerHandler:
    """Implements `runtime.kafka.messages.Handler`."""

    def __init__(
        self,
        context: SlicerContext,
        decoders: DecoderPool,
        slots: int,
        revocations: RevocationFollower,
        wakeup: Wakeup | None = None,
    ) -> None:
        self._context = context
        self._decoders = decoders
        self._slots = Slots(slots)
        self._in_flight_max = slots + WAITING_MAX
        self._revocations = revocations
        self._wakeup = wakeup or Wakeup()
        self._following = False
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="slicer")
        self._waiting: list[Received[DecodeRequested]] = []
        self._running: list[FileWork] = []
        self._long: set[str] = set()  # those that wait for a second time, since they are longer than they seemed
        self._done: FIFOCache[str, None] = FIFOCache(RECENT_MAX)
        self._emitted: queue.Queue[tuple[FileWork, Step | Exception | None]] = queue.Queue(EMITTED_MAX)

    def room(self, topic: str) -> int:
        return max(0, self._in_flight_max - len(self._running) - len(self._waiting))

    def handle(self, records: Sequence[Received[DecodeRequested]]) -> Iterator[Step]:
        self._revocations.check()
        self._waiting += records
        yield from self._take_emitted()
        yield from self._begin()
        metrics.FILES_WAITING.set(len(self._waiting))
        if not self._running:
            self._decoders.trim()

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        if not self._following:
            self._following = True
            self._revocations.start()
            self._decoders.start()

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        gone = set(partitions)
        self._waiting = [record for record in self._waiting if record.partition not in gone]
        for work in self._running:
            if work.record.partition in gone:
                work.stop()
        self._running = [work for work in self._running if work.record.partition not in gone]

    def close(self) -> None:
        for work in self._running:
            work.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._revocations.stop()
        self._decoders.close()

    def _take_emitted(self) -> Iterator[Step]:
        for _ in range(self._emitted.qsize()):
            work, emitted = self._emitted.get_nowait()
            if work not in self._running:
                continue
            if isinstance(emitted, Exception):
                raise emitted
            if emitted is None:
                self._running.remove(work)
                self._long.add(work.request.event_id)
                self._waiting.append(work.record)
                continue
            if emitted.settles is not None:
                self._running.remove(work)
                self._remember(work.request)
            yield emitted

    def _begin(self) -> Iterator[Step]:
        for record in self._in_turn():
            request = record.event
            if request.event_id in self._done:
                self._waiting.remove(record)
                yield Step(settles=record)  # done by the loop after all outputs of the first are acknowledged
                continue
            if self._context.is_revoked(request.work.work_id, request.run):
                self._waiting.remove(record)
                yield Step(settles=record)
                continue
            attempts = max(record.attempts, self._context.attempts.count(request.work.slice_id))
            if attempts >= CRASHES_MAX:
                self._waiting.remove(record)
                self._remember(request)
                message = f"the slicer crashed {attempts} times while decoding this file"
                yield failed(record, request, Failure(reason="crashes_decoder", message=message))
                continue
            if self._is_decoding(request.work.slice_id) or (attempts and self._has_suspect()):
                continue
            work = FileWork(record, self._context, self._slots, self._emit, is_suspect=attempts > 0)
            if self._slots.acquire(work, short=self._is_short(record)):
                self._waiting.remove(record)
                yield Step(begins=[record])
                self._running.append(work)
                self._threads.submit(work.run)

    def _in_turn(self) -> list[Received[DecodeRequested]]:
        """Those that wait, in the order of arrival, except that the short ones are sorted by size."""
        short = iter(sorted(filter(self._is_short, self._waiting), key=_size_bytes))
        return [next(short) if self._is_short(record) else record for record in self._waiting]

    def _is_short(self, record: Received[DecodeRequested]) -> bool:
        return is_small(record.event) and record.event.event_id not in self._long

    def _has_suspect(self) -> bool:
        """Of files during which a process died, only one is decoded at a time: it is the cause of the next crash."""
        return any(work.is_suspect for work in self._running)

    def _is_decoding(self, slice_id: str) -> bool:
        """The same audio, for this work or for another, which then finds it cut."""
        return any(work.request.work.slice_id == slice_id for work in self._running)

    def _remember(self, request: DecodeRequested) -> None:
        """All steps of the request have been handed to the loop."""
        self._done[request.event_id] = None
        self._long.discard(request.event_id)

    def _emit(self, work: FileWork, emitted: Step | Exception | None) -> None:
        """Called in the threads; blocks while too many steps wait for the loop."""
        while not work.is_stopped:
            try:
                self._emitted.put((work, emitted), timeout=_STOP_CHECK_S)
            except queue.Full:
                continue
            self._wakeup.set()
            return


def _size_bytes(record: Received[DecodeRequested]) -> int:
    return record.event.work.audio.size_bytes or 0
