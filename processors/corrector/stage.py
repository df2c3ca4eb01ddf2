"""The corrector's Kafka side: hands requests to an event loop, and settles each record with the report of its correction.

Fed by `corrections`; feeds the coordinator. Requests are independent and safe to repeat: a request that was in flight at a crash
is done again, or its time is over and it is skipped.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

from processors.corrector.answers import Answers
from processors.corrector.correcting import Correcting
from processors.corrector.endpoint import Endpoint
from processors.corrector.model_correction import ModelCorrector
from processors.corrector.rule_book import RuleBook
from processors.corrector.rules_report import RulesReport
from runtime.errors import Retry
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from runtime.resources import Resources, Stage
from schemas.topics import CHUNK_RESULTS, CORRECTIONS
from schemas.work import CorrectionRequested, WorkCorrected, WorkReported

IN_FLIGHT_MAX = 32  # each has its transcript in memory
CLOSE_S = 1.0
LOOK_S = 2.0  # how often it looks whether the rules have changed
Request = Received[CorrectionRequested]
End = WorkCorrected | Exception | None


def build(resources: Resources) -> Stage:
    """Raises UsageError: rules that cannot be read, a corrector without a model."""
    settings = resources.settings
    book = RuleBook(settings.correction_rules_file)
    book.load()
    model = None
    if settings.corrector_url is not None:
        answers = Answers(resources.objects, settings.work_bucket, settings.correction_cache_s)
        model = ModelCorrector(Endpoint(settings), answers, settings)
    wakeup = Wakeup()
    correcting = Correcting(resources.transcripts, book, model)
    report = RulesReport(book, resources.objects, settings.work_bucket)
    handler = CorrectorHandler(correcting, wakeup, report.refresh)
    return Loop("corrector", resources.kafka, [CORRECTIONS], handler, LoopOptions(wakeup=wakeup, keep_large=resources.keep_large))


class CorrectorHandler:
    """See `runtime.kafka.messages.Handler`. Corrections run in the event loop of a thread of its own."""

    def __init__(self, correcting: Correcting, wakeup: Wakeup, look: Callable[[], None] = lambda: None) -> None:
        """`look` is called again and again, in a thread: it may block, and raise Retry."""
        self._look = look
        self._correcting = correcting
        self._wakeup = wakeup
        self._ended: queue.SimpleQueue[tuple[Request, End]] = queue.SimpleQueue()
        self._tasks: dict[tuple[Partition, int], asyncio.Task[None]] = {}  # used in the event loop only
        self._in_flight: set[tuple[Partition, int]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="corrector", daemon=True)

    def room(self, topic: str) -> int:
        return max(0, IN_FLIGHT_MAX - len(self._in_flight))

    def handle(self, records: Sequence[Request]) -> Iterator[Step]:
        for record in records:
            self._in_flight.add(_place(record))
            self._call(self._begin, record)
        for _ in range(self._ended.qsize()):
            yield from self._end(*self._ended.get_nowait())

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread.start()

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        gone = {place for place in self._in_flight if place[0] in partitions}
        self._in_flight -= gone
        for place in gone:
            self._call(self._cancel, place)

    def close(self) -> None:
        self._in_flight.clear()
        if self._loop is not None and self._thread.is_alive():
            self._call(self._stopping.set)
            self._thread.join(CLOSE_S)

    def _end(self, record: Request, end: End) -> Iterator[Step]:
        if isinstance(end, Exception):
            raise end
        if _place(record) not in self._in_flight:
            return  # its partition was revoked
        self._in_flight.remove(_place(record))
        request, outputs = record.event, []
        if end is not None:
            report = WorkReported(work_id=request.work_id, run=request.run, event=end, trace=request.trace)
            outputs.append(Output(CHUNK_RESULTS, request.work_id, report))
        yield Step(outputs=outputs, settles=record)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        assert self._loop is not None
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()  # does not wait for threads

    async def _main(self) -> None:
        looking = asyncio.create_task(self._keep_looking())
        await self._stopping.wait()
        tasks = [looking, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._correcting.close()

    async def _keep_looking(self) -> None:
        while True:
            with contextlib.suppress(Retry):
                await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK_S)

    def _begin(self, record: Request) -> None:
        self._tasks[_place(record)] = asyncio.get_running_loop().create_task(self._correct(record))

    def _cancel(self, place: tuple[Partition, int]) -> None:
        if task := self._tasks.pop(place, None):
            task.cancel()

    async def _correct(self, record: Request) -> None:
        end: End
        try:
            end = await self._correcting.correct(record.event)
        except Exception as bug:
            end = bug
        self._tasks.pop(_place(record), None)
        self._ended.put((record, end))
        self._wakeup.set()


def _place(record: Request) -> tuple[Partition, int]:
    return record.partition, record.offset
