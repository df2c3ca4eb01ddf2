"""Feeds the view from `requests`, `jobs` and `progress` in a thread of its own, and says when the view is fresh.

Event-loop code waits on `Wakeups` for a job or work that changed, and on `Freshness` before it says that a job is unknown.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager

from producers.gateway.database import ViewDamaged, ViewUnavailable
from producers.gateway.view import View
from runtime.errors import Retry
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Partition, Received
from runtime.outage import Outage
from schemas.topics import JOBS, PROGRESS, REQUESTS

SPACE_S = 1.0  # how often writing is tried again while the disk is full
FRESH_WITHIN_S = 1.0  # an unknown id is looked for this long before the answer is "ask again"
MOVED = ""  # the key of Wakeups that stands for any change of the view


class Feed:
    """`moved` is called from the feed's thread with the jobs and works that changed. `embedded`: the broker of this process
    continues the one of the process before, whose jobs the view has."""

    def __init__(
        self, kafka: Kafka, producer: AsyncProducer, view: View, moved: Callable[[Set[str]], None], *, embedded: bool = False
    ) -> None:
        self._kafka = kafka
        self._producer = producer
        self._view = view
        self._moved = moved
        self._embedded = embedded
        self._thread = FollowerThread("gateway-view", kafka, (REQUESTS, JOBS, PROGRESS), self._take, self._begin)
        self._stopping = threading.Event()
        self._full = Outage("gateway-view-file")
        self._behind: str | None = "the view has not been read yet"
        self._positions: Mapping[Partition, int] = {}
        self._ends: Mapping[Partition, int] = {}

    @property
    def not_ready(self) -> str | None:
        return self._thread.away or self._full.reason or self._behind

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the thread: UsageError when a topic is missing."""
        self._thread.check()

    def stop(self, wait_s: float | None = None) -> bool:
        """Whether the thread has ended; it waits for that, or for `wait_s`."""
        self._stopping.set()
        return self._thread.stop(wait_s)

    def end_offsets(self) -> Mapping[Partition, int]:
        """Where `requests` ends now. Blocks; raises Retry when the broker does not say."""
        if self.not_ready is not None:
            raise Retry(f"jobs cannot be looked up yet: {self.not_ready}")
        return self._kafka.offsets.ends((REQUESTS,), FRESH_WITHIN_S)

    def _begin(self) -> Start:
        """Where the view was. It is ready when it has what is there now."""
        self._view.open()
        self._behind = "the view is catching up"
        self._ends = self._kafka.offsets.ends((REQUESTS, JOBS))
        cluster_id = self._producer.cluster_id()
        return self._view.adopt(cluster_id) if self._embedded else self._view.follow(cluster_id)

    def _take(self, follower: Follower, records: list[Received]) -> None:
        if not self._view.is_open:
            raise ViewDamaged(self._view.problem or "the view is damaged")  # it is opened and filled again
        before, self._positions = self._positions, follower.positions()
        touched = self._applied(records)
        if touched or self._positions != before:
            self._moved(touched | {MOVED})

    def _applied(self, records: list[Received]) -> set[str]:
        """What changed. Waits for space on the disk, so that no record is left out."""
        while not self._stopping.is_set():
            try:
                touched = self._view.apply(records, self._positions)
                if self._behind is not None and self._view.caught_up(self._ends):
                    self._view.settled()
                    self._behind = None
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
                self._asking.add_done_callback(_read_exception)  # whoever asked may have given up
            asking, asked_s = self._asking, self._asked_s
            await asyncio.wait({asking})  # goes on when whoever waits gives up
            if asked_s >= arrived_s:
                return asking.result()


def _read_exception(task: "asyncio.Task[Mapping[Partition, int]]") -> None:
    if not task.cancelled():
        task.exception()
