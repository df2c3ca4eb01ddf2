"""Concurrent deliveries: an event loop in a thread of its own. The stage submits jobs and collects their results.

This is the one place where the synchronous Kafka loop and asyncio meet.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from runtime.kafka.wakeup import Wakeup
from runtime.objects.transcripts import Transcripts
from schemas.jobs import JobChanged
from sinks.webhooks.attempt import Poster
from sinks.webhooks.delivery import PAUSES_S, Courier, End
from sinks.webhooks.message import Bodies

READERS = 8  # threads that read transcripts
RESOLVERS = 32  # threads for DNS; a lookup that hangs occupies one
CLOSE_S = 1.0
Finished = tuple[str, End | Exception]


class Sender:
    """All methods are called from one thread. Deliveries begin after `start()`."""

    def __init__(
        self,
        transcripts: Transcripts,
        bodies: Bodies,
        poster: Poster,
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        wakeup: Wakeup | None = None,
    ) -> None:
        """`wakeup` is set when something has ended."""
        self._transcripts = transcripts
        self._bodies = bodies
        self._poster = poster
        self._wakeup = wakeup or Wakeup()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="webhooks-reader")
        self._courier = Courier(self._read, poster.post, pauses_s)
        self._finished: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._tasks: dict[str, asyncio.Task[None]] = {}  # used in the event loop only
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="webhooks-sender", daemon=True)

    def start(self) -> None:
        """Idempotent."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_default_executor(ThreadPoolExecutor(RESOLVERS, thread_name_prefix="webhooks-resolver"))
            self._thread.start()

    def send(self, webhook_id: str, event: JobChanged) -> None:
        """Its result is returned by `finished()`, unless it is cancelled before."""
        self._call(lambda: self._begin(webhook_id, event))

    def cancel(self, webhook_id: str) -> None:
        """Aborts the delivery. One that has just ended may still be returned by `finished()`."""
        self._call(lambda: self._cancel(webhook_id))

    def finished(self) -> Iterator[Finished]:
        """Deliveries that ended since the last call; does not wait. Undecodable: no transcript; any other error is a bug."""
        for _ in range(self._finished.qsize()):
            yield self._finished.get_nowait()

    def close(self) -> None:
        """Aborts all deliveries. Idempotent, finished within about a second."""
        if self._loop is not None and self._thread.is_alive():
            self._call(self._stopping.set)
            self._thread.join(CLOSE_S)

    def _call(self, function: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def _run(self) -> None:
        assert self._loop is not None
        try:
            self._loop.run_until_complete(self._main())
        except Exception as bug:
            self._end("", bug)
        finally:
            self._loop.close()  # does not wait for lookups that hang

    async def _main(self) -> None:
        self._poster.open()
        try:
            await self._stopping.wait()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._poster.close()
            self._readers.shutdown(wait=False, cancel_futures=True)

    async def _read(self, event: JobChanged) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._body, event)

    def _body(self, event: JobChanged) -> bytes:
        transcript = None
        if event.state == "SUCCESS":
            made_at = event.result.transcribed_at if event.result is not None else None
            transcript = self._transcripts.read(event.work_id, made_at)
        return self._bodies.job(event, transcript)

    def _begin(self, webhook_id: str, event: JobChanged) -> None:
        self._tasks[webhook_id] = asyncio.get_running_loop().create_task(self._deliver(webhook_id, event))

    def _cancel(self, webhook_id: str) -> None:
        if task := self._tasks.pop(webhook_id, None):
            task.cancel()

    async def _deliver(self, webhook_id: str, event: JobChanged) -> None:
        end: End | Exception
        try:
            end = await self._courier.deliver(event)
        except Exception as error:
            end = error
        self._tasks.pop(webhook_id, None)
        self._end(webhook_id, end)

    def _end(self, webhook_id: str, end: End | Exception) -> None:
        self._finished.put((webhook_id, end))
        self._wakeup.set()
