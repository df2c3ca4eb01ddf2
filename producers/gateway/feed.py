"""Feeds the view from `requests`, `jobs` and `progress` in a thread of its own, and says when the view is fresh.

Event-loop code waits on `Wakeups` for a job or work that changed, and on `Freshness` before it says that a job is unknown.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager

from producers.gateway.view import View
from runtime.errors import Retry, UsageError
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Partition
from runtime.logs import get_logger
from schemas.topics import JOBS, PROGRESS, REQUESTS

log = get_logger(__name__)
POLL_S = 0.2
AGAIN_S = 1.0  # between attempts to reach the broker
FRESH_WITHIN_S = 1.0  # an unknown id is looked for this long before the answer is "ask again"
MOVED = ""  # the key of Wakeups that stands for any change of the view


class Feed:
    """`moved` is called from the feed's thread with the jobs and works that changed."""

    def __init__(self, kafka: Kafka, producer: AsyncProducer, view: View, moved: Callable[[Set[str]], None]) -> None:
        self._kafka = kafka
        self._producer = producer
        self._view = view
        self._moved = moved
        self._stopping = threading.Event()
        self.not_ready: str | None = "the view has not been read yet"

    def run(self) -> None:
        """Until `stop()`. A broker that is away, or topics that are missing, are waited for."""
        while not self._stopping.is_set():
            try:
                self._follow()
            except (Retry, UsageError) as error:
                log.warning("view.waiting", error=error, wait_s=AGAIN_S)
                self.not_ready = str(error)
                self._stopping.wait(AGAIN_S)

    def stop(self) -> None:
        self._stopping.set()

    def end_offsets(self) -> Mapping[Partition, int]:
        """Where `requests` ends now. Blocks; raises Retry when the broker does not say."""
        if self.not_ready is not None:
            raise Retry(f"jobs cannot be looked up yet: {self.not_ready}")
        return self._kafka.offsets.ends((REQUESTS,), FRESH_WITHIN_S)

    def _follow(self) -> None:
        start = self._view.follow(self._producer.cluster_id())
        follower = Follower(self._kafka, (REQUESTS, JOBS, PROGRESS), start)
        try:
            ends = follower.end_offsets((REQUESTS, JOBS))
            self.not_ready = self.not_ready and "the view is catching up"
            while not self._stopping.is_set():
                self._turn(follower, ends)
        finally:
            follower.close()

    def _turn(self, follower: Follower, ends: Mapping[Partition, int]) -> None:
        before = follower.positions()
        records = follower.poll(POLL_S)
        positions = follower.positions()
        touched = self._view.apply(records, positions)
        if self.not_ready is not None and self._view.caught_up(ends):
            self._view.settled()
            self.not_ready = None
        if touched or positions != before:
            self._moved(touched | {MOVED})


class Wakeups:
    """Events that go off when a job or work changes. Lives on the event loop; only `tell` may be called from elsewhere."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def tell(self, keys: Set[str]) -> None:
        self._loop.call_soon_threadsafe(self._wake, keys)

    @contextmanager
    def listen(self, *keys: str) -> Iterator[asyncio.Event]:
        """The event is set whenever one of the keys changes; whoever waits clears it."""
        event = asyncio.Event()
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
        for key in keys & self._waiting.keys():
            for event in self._waiting[key]:
                event.set()


class Freshness:
    """Makes sure that the view holds everything that was accepted anywhere before the question was asked."""

    def __init__(self, view: View, wakeups: Wakeups, end_offsets: Callable[[], Mapping[Partition, int]]) -> None:
        self._view = view
        self._wakeups = wakeups
        self._end_offsets = end_offsets
        self._asking: asyncio.Task[Mapping[Partition, int]] | None = None
        self._asked_s = 0.0

    async def reached(self, within_s: float = FRESH_WITHIN_S) -> None:
        """Returns when the view has all that the broker had at the time of the call. Raises Retry when that takes longer."""
        try:
            async with asyncio.timeout(within_s):
                ends = await self._ends()
                with self._wakeups.listen(MOVED) as moved:
                    while not self._view.caught_up(ends):
                        await moved.wait()
                        moved.clear()
        except TimeoutError:
            raise Retry("this gateway is still reading what was submitted; ask again") from None

    async def _ends(self) -> Mapping[Partition, int]:
        """One question to the broker at a time; all who came before it began share its answer."""
        arrived_s = asyncio.get_running_loop().time()
        while True:
            if self._asking is None or self._asking.done():
                self._asked_s = asyncio.get_running_loop().time()
                self._asking = asyncio.create_task(asyncio.to_thread(self._end_offsets))
            asking, asked_s = self._asking, self._asked_s
            await asyncio.wait({asking})  # goes on when whoever waits gives up
            if asked_s >= arrived_s:
                return asking.result()
