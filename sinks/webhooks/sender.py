"""Concurrent attempts: an event loop in a thread of its own. The stage submits deliveries and collects their results.

This is the one place where the synchronous Kafka loop and asyncio meet.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor

import aiohttp

from runtime.kafka.wakeup import Wakeup
from runtime.objects.transcripts import Transcripts
from schemas.jobs import TERMINAL
from schemas.transcript import Transcript
from schemas.webhooks import WebhookDelivery
from sinks.webhooks.attempt import Order, Poster
from sinks.webhooks.circuit import USUAL, Pauses
from sinks.webhooks.courier import Courier, Result
from sinks.webhooks.message import Bodies
from sinks.webhooks.recipients import CONNECTIONS_MAX, Recipients

READERS = 8  # threads that read transcripts
RESOLVERS = 32  # threads for DNS; a lookup that hangs occupies one
CLOSE_S = 1.0
Finished = tuple[Hashable, Result | Exception]


class Sender:
    """All methods are called from one thread. Attempts begin after `start()`."""

    def __init__(
        self,
        transcripts: Transcripts,
        bodies: Bodies,
        poster: Poster,
        pauses: Pauses = USUAL,
        wakeup: Wakeup | None = None,
    ) -> None:
        """`wakeup` is set when something has ended."""
        self._transcripts = transcripts
        self._bodies = bodies
        self._poster = poster
        self._wakeup = wakeup or Wakeup()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="webhooks-reader")
        self._recipients = Recipients(self._new_session, pauses=pauses)
        self._courier = Courier(self._read, poster.post, self._recipients, poster.now)
        self._finished: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}  # used in the event loop only
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="webhooks-sender", daemon=True)

    def start(self) -> None:
        """Idempotent."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_default_executor(ThreadPoolExecutor(RESOLVERS, thread_name_prefix="webhooks-resolver"))
            self._thread.start()

    def send(self, which: Hashable, order: Order) -> None:
        """Its result is returned by `finished()` under `which`, unless it is cancelled before."""
        self._call(lambda: self._begin(which, order))

    def cancel(self, which: Hashable) -> None:
        """Aborts the attempt. One that has just ended may still be returned by `finished()`."""
        self._call(lambda: self._cancel(which))

    def finished(self) -> Iterator[Finished]:
        """Attempts that ended since the last call; does not wait. Undecodable: no transcript; any other error is a bug."""
        for _ in range(self._finished.qsize()):
            yield self._finished.get_nowait()

    def close(self) -> None:
        """Aborts all attempts. Idempotent, finished within about a second."""
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
        try:
            await self._stopping.wait()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._recipients.close()
            self._readers.shutdown(wait=False, cancel_futures=True)

    def _new_session(self, tls: bool) -> aiohttp.ClientSession:
        return self._poster.session(CONNECTIONS_MAX, tls=tls)

    async def _read(self, delivery: WebhookDelivery) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._body, delivery)

    def _body(self, delivery: WebhookDelivery) -> bytes:
        job, at = delivery.job, delivery.created_at
        if job is None:
            return self._bodies.other(delivery.type, at, delivery.data or {})
        if job.state not in TERMINAL:
            return self._bodies.unfinished(delivery.type, at, job, delivery.progress)
        transcript: Transcript | None = None
        if job.state == "SUCCESS":
            transcript = self._transcripts.read_result(job.work_id, job.result)
        return self._bodies.job(job, transcript)

    def _begin(self, which: Hashable, order: Order) -> None:
        self._tasks[which] = asyncio.get_running_loop().create_task(self._attempt(which, order))

    def _cancel(self, which: Hashable) -> None:
        if task := self._tasks.pop(which, None):
            task.cancel()

    async def _attempt(self, which: Hashable, order: Order) -> None:
        result: Result | Exception
        try:
            result = await self._courier.attempt(order)
        except Exception as error:
            result = error
        self._tasks.pop(which, None)
        self._end(which, result)

    def _end(self, which: Hashable, result: Result | Exception) -> None:
        self._finished.put((which, result))
        self._wakeup.set()
