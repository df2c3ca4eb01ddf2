"""Feeds the view from its topics in its own thread, and determines whether the view is up to date.

Event-loop code waits on `Wakeups` for a change of a job or work, and on `Freshness` before it answers that a job is unknown.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import UTC, datetime

from producers.gateway.view import webhook_book
from producers.gateway.view.database import ViewDamaged, ViewUnavailable
from producers.gateway.view.view import View
from runtime.errors import Retry
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Partition, Received
from runtime.outage import Outage
from schemas.topics import CACHE_CHANGELOG, CACHE_CLEARS, CANCELLATIONS, DEAD_LETTERS, JOBS, PROGRESS, REQUESTS, WORKERS, Topic

OF_JOBS = (REQUESTS, JOBS, PROGRESS, CANCELLATIONS)
TOPICS = (*OF_JOBS, CACHE_CLEARS, CACHE_CHANGELOG, WORKERS, *webhook_book.TOPICS, DEAD_LETTERS)
BACKUP_S = 30.0  # of jobs at most that a damaged view of the embedded mode loses
PURGE_S = 3600.0  # how often notes are removed
SPACE_S = 1.0  # how often writing is tried again while the disk is full
FRESH_WITHIN_S = 1.0  # an unknown id is looked for this long before the answer is 503 with Retry-After
ANY_CHANGE = ""  # the key of Wakeups for any change of the view


class Feed:
    """`on_change` is called in the feed's thread with the jobs and works that changed. `embedded`: the broker of this
    process continues that of the previous process, whose jobs the view has."""

    def __init__(
        self, kafka: Kafka, producer: AsyncProducer, view: View, on_change: Callable[[Set[str]], None], *, embedded: bool = False
    ) -> None:
        self._kafka = kafka
        self._producer = producer
        self._view = view
        self._on_change = on_change
        self._embedded = embedded
        self._purge_at_s = 0.0
        self._purging = self._releasing = False
        self._backed_up_s = 0.0
        self._thread = FollowerThread("gateway-view", kafka, TOPICS, self._take, self._begin)
        self._stopping = threading.Event()
        self._full = Outage("gateway-view-file")
        self._lag: str | None = "the view has not been read yet"
        self._positions: Mapping[Partition, int] = {}
        self._ends: Mapping[Partition, int] = {}

    @property
    def not_ready(self) -> str | None:
        return self._thread.unavailable or self._full.reason or self._lag

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the thread: UsageError when a topic is missing."""
        self._thread.check()

    def stop(self, wait_s: float | None = None) -> bool:
        """Whether the thread has ended; it waits for that, or for `wait_s`."""
        self._stopping.set()
        return self._thread.stop(wait_s)

    def end_offsets(self, topic: Topic = REQUESTS) -> Mapping[Partition, int]:
        """Of one of the topics, now. Blocks; raises Retry when the broker does not answer."""
        if self.not_ready is not None:
            raise Retry(f"nothing can be looked up yet: {self.not_ready}")
        return self._kafka.offsets.ends((topic,), FRESH_WITHIN_S)

    def _begin(self) -> Start:
        """Starts at the offsets that the view has. It is ready once it has reached the present end offsets."""
        self._view.open()
        self._lag = "the view is catching up"
        self._ends = self._kafka.offsets.ends((REQUESTS, JOBS, CACHE_CHANGELOG))
        cluster_id = self._producer.cluster_id()
        if not self._embedded:
            return self._view.follow(cluster_id)
        positions = self._view.adopt(cluster_id)
        self.back_up()
        return positions

    def back_up(self) -> None:
        """In the embedded mode: the topics end with the process, and the view is all that is kept of its jobs."""
        if self._embedded:
            self._view.back_up()
            self._backed_up_s = time.monotonic()

    def _take(self, follower: Follower, records: list[Received]) -> None:
        if not self._view.is_open:
            raise ViewDamaged(self._view.problem or "the view is damaged")  # it is opened and filled again
        before, self._positions = self._positions, follower.positions()
        touched = self._applied(records)
        if touched or self._positions != before:
            self._on_change(touched | {ANY_CHANGE})
            if time.monotonic() - self._backed_up_s > BACKUP_S:
                self.back_up()
        if self._lag is None:
            with contextlib.suppress(ViewUnavailable):
                self._tidy()

    def _tidy(self) -> None:
        """Now and then, a step in each turn. What was removed makes the file smaller in the turns that follow."""
        if time.monotonic() >= self._purge_at_s:
            self._purge_at_s = time.monotonic() + PURGE_S
            self._purging = self._releasing = True
        if self._purging:
            self._purging = self._view.purge(datetime.now(UTC))
        elif self._releasing:
            self._releasing = self._view.release()

    def _applied(self, records: list[Received]) -> set[str]:
        """The jobs and works that changed. Waits for space on the disk, so that no record is left out."""
        while not self._stopping.is_set():
            try:
                touched = self._view.apply(records, self._positions)
                if self._lag is not None and self._view.caught_up(self._ends):
                    self._view.settled()
                    self._lag = None
            except ViewDamaged:
                raise
            except ViewUnavailable as unavailable:
                self._full.started(unavailable)
                self._stopping.wait(SPACE_S)
            else:
                self._full.ended()
                return touched
        return set()


class Wakeups:
    """Events that are set when a job or work changes. For the event loop; only `notify` may be called from other threads.
    `closed`: the gateway stops, and whoever waits answers with what there is. `also` is called with all that changes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, also: Callable[[Set[str]], None] = lambda _: None) -> None:
        self._loop = loop
        self._also = also
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    def notify(self, keys: Set[str]) -> None:
        self._loop.call_soon_threadsafe(self._wake, keys)

    def close(self) -> None:
        """Sets all events, also those of later listeners."""
        self.closed = True
        for event in {event for events in self._waiting.values() for event in events}:
            event.set()

    @contextmanager
    def listen(self, *keys: str) -> Iterator[asyncio.Event]:
        """The event is set whenever one of the keys changes; the caller clears it."""
        event = asyncio.Event()
        if self.closed:
            event.set()
        for key in keys:
            self._waiting.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            for key in keys:
                self._waiting[key].discard(event)
                if not self._waiting[key]:
                    del self._waiting[key]

    def _wake(self, keys: Set[str]) -> None:
        self._also(keys)
        for key in keys & self._waiting.keys():
            for event in self._waiting[key]:
                event.set()


class Freshness:
    """Waits until the view has everything that any gateway accepted before the call."""

    def __init__(self, view: View, wakeups: Wakeups, end_offsets: Callable[[], Mapping[Partition, int]]) -> None:
        self._view = view
        self._wakeups = wakeups
        self._end_offsets = end_offsets
        self._request: asyncio.Task[Mapping[Partition, int]] | None = None
        self._requested_s = 0.0

    async def reached(self, within_s: float = FRESH_WITHIN_S) -> None:
        """Returns when the view has all that the broker had at the time of the call. Raises Retry after `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                ends = await self._ends()
                with self._wakeups.listen(ANY_CHANGE) as changed:
                    while not self._view.caught_up(ends):
                        await changed.wait()
                        changed.clear()
        except TimeoutError:
            raise Retry("this gateway is still reading what was submitted; ask again") from None

    async def _ends(self) -> Mapping[Partition, int]:
        """One request to the broker at a time; all callers that came before it began share its result."""
        called_s = asyncio.get_running_loop().time()
        while True:
            if self._request is None or self._request.done():
                self._requested_s = asyncio.get_running_loop().time()
                self._request = asyncio.create_task(asyncio.to_thread(self._end_offsets))
                self._request.add_done_callback(_read_exception)  # the caller may have been cancelled
            request, requested_s = self._request, self._requested_s
            await asyncio.wait({request})  # the request continues when a caller is cancelled
            if requested_s >= called_s:
                return request.result()


def _read_exception(task: "asyncio.Task[Mapping[Partition, int]]") -> None:
    if not task.cancelled():
        task.exception()
