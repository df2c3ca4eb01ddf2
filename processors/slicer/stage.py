"""Many files at once: takes DecodeRequested from the loop, gives each a thread, and hands back what the threads say.

Fed by `decodes`. One thread is kept for small files, so that a voice message never waits for a film. A repeated request waits
while the first is in hand, and is settled after it.
"""

import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from cachetools import FIFOCache

from processors.revocations import Revocations
from processors.slicer.decode import open_audio
from processors.slicer.slicing import Slicer
from processors.slicer.vad import load_session
from processors.slicer.worker import FileWork, SlicerContext, failed, is_small
from runtime.kafka.loop import Loop
from runtime.kafka.messages import Partition, Received, Step
from runtime.resources import Resources, Stage
from schemas.record import Failure
from schemas.topics import DECODES
from schemas.work import DecodeRequested

WAITING_MAX = 32  # small files are found among so many that wait
UNTAKEN_MAX = 64  # steps that the loop has not taken yet; a thread that has more to say waits
CRASHES_MAX = 3
REMEMBERED = 2000  # requests that were done lately
_LOOK_S = 0.1  # how soon a thread that waits to say something notices that it should stop


class Follower(Protocol):
    """What the handler needs of `Revocations`."""

    def start(self) -> None: ...

    def check(self) -> None: ...

    def stop(self) -> None: ...


def build(resources: Resources) -> Stage:
    settings = resources.settings
    revocations = Revocations(resources.kafka, "slicer")
    context = SlicerContext(
        objects=resources.objects,
        work_bucket=settings.work_bucket,
        slicer=Slicer(open_audio, load_session(), settings.max_audio_s),
        interactive_max_s=settings.interactive_max_s,
        revoked=revocations.revoked,
        max_bytes=settings.max_upload_bytes,
    )
    return Loop("slicer", resources.kafka, [DECODES], SlicerHandler(context, settings.slicer_files, revocations))


class SlicerHandler:
    """Implements `runtime.kafka.messages.Handler`."""

    def __init__(self, context: SlicerContext, places: int, revocations: Follower) -> None:
        self._context = context
        self._places = places
        self._revocations = revocations
        self._following = False
        self._threads = ThreadPoolExecutor(places, thread_name_prefix="slicer")
        self._waiting: list[Received[DecodeRequested]] = []
        self._running: list[FileWork] = []
        self._done: FIFOCache[str, None] = FIFOCache(REMEMBERED)
        self._said: queue.Queue[tuple[FileWork, Step | Exception]] = queue.Queue(UNTAKEN_MAX)

    def room(self, topic: str) -> int:
        return max(0, self._places + WAITING_MAX - len(self._running) - len(self._waiting))

    def handle(self, records: Sequence[Received[DecodeRequested]]) -> Iterator[Step]:
        self._revocations.check()
        self._waiting += records
        yield from self._take_said()
        yield from self._begin()

    def assigned(self, partitions: Sequence[Partition]) -> None:
        if not self._following:
            self._following = True
            self._revocations.start()

    def revoked(self, partitions: Sequence[Partition]) -> None:
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

    def _take_said(self) -> Iterator[Step]:
        for _ in range(self._said.qsize()):
            work, said = self._said.get_nowait()
            if work not in self._running:
                continue
            if isinstance(said, Exception):
                raise said
            if said.settles is not None:
                self._running.remove(work)
                self._remember(work.request)
            yield said

    def _begin(self) -> Iterator[Step]:
        for record in list(self._waiting):
            request = record.event
            if request.event_id in self._done:
                self._waiting.remove(record)
                yield Step(settles=record)  # which the loop does after all that was said of the first is acknowledged
                continue
            if not self._has_place(request) or self._is_running(request):
                continue
            self._waiting.remove(record)
            if record.attempts >= CRASHES_MAX:
                self._remember(request)
                message = f"the decoder died of this file {record.attempts} times"
                yield failed(record, request, Failure(reason="crashes_decoder", message=message))
                continue
            yield Step(begins=[record])
            work = FileWork(record, self._context, self._say)
            self._running.append(work)
            self._threads.submit(work.run)

    def _is_running(self, request: DecodeRequested) -> bool:
        return any(work.request.event_id == request.event_id for work in self._running)

    def _remember(self, request: DecodeRequested) -> None:
        """All that there is to say of it has been handed to the loop."""
        self._done[request.event_id] = None

    def _has_place(self, request: DecodeRequested) -> bool:
        if is_small(request):
            return len(self._running) < self._places
        large = sum(not work.is_small for work in self._running)
        return len(self._running) < self._places and large < self._places - 1

    def _say(self, work: FileWork, said: Step | Exception) -> None:
        """Called in the threads; blocks while the loop is behind."""
        while not work.is_stopped:
            try:
                self._said.put((work, said), timeout=_LOOK_S)
            except queue.Full:
                continue
            return
