"""Holds producers back before the embedded broker drops unread records. Called before every record is produced.

Every record is counted when it is produced, so that the usual call costs no request. Only when a topic looks full, the
committed offsets of its readers are requested. A topic is full with 4 MiB in total, less than what one partition keeps.

Readers are the consumer groups that `Topic.readers` names, from their first commit on. A reader that never commits is a
follower, or is not running: followers poll all the time, so they are given one second to read what was there.

Records of delayed topics are not counted: their reader takes them into its memory long before it commits them.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence

from runtime.errors import BrokerUnavailable
from runtime.kafka.offsets import Offsets
from runtime.logs import get_logger
from schemas.topics import DECODES, REQUESTS, Topic

log = get_logger(__name__)
MIB = 1024 * 1024
FULL_BYTES = 4 * MIB
# What is asked for becomes decodes. With room for both, the coordinator never waits for the slicer, which may be waiting
# for the transcriber, which may be waiting for the coordinator.
ADMITTED_BYTES = 2 * MIB
RECORD_BYTES = 400  # headers and framing of one record
FOREIGN_BYTES = 2_000  # assumed for a record of another process
FOLLOWER_S = 1.0
ARRIVAL_S = 1.0  # a record that has not reached the broker by then was never sent
ASK_AGAIN_S = 0.02
WARN_AFTER_S = 10.0
REQUEST_S = 5.0


class Unread:
    """The sizes of one topic's unread records, oldest first. Pure; for one thread at a time."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._sizes: deque[int] = deque()
        self._count = 0  # of all records so far
        self._arrived = (-1, 0.0)  # what was on the broker, and since when
        self._mark = (0, 0.0)  # what followers have had since then
        self._followed = 0

    def add(self, size_bytes: int) -> None:
        self._count += 1
        self._sizes.append(size_bytes)
        self.size_bytes += size_bytes

    def settle(self, end: int, committed: Sequence[int | None], now_s: float) -> None:
        """`end`: how many records are on the broker; `committed`: how many each reader is done with, None: no commit ever."""
        for _ in range(end - self._count):
            self.add(FOREIGN_BYTES)
        self._forget_what_never_came(end, now_s)
        if now_s - self._mark[1] >= FOLLOWER_S:
            self._followed, self._mark = self._mark[0], (end, now_s)
        done = min(self._followed if count is None else count for count in committed)
        while len(self._sizes) > self._count - done:
            self.size_bytes -= self._sizes.popleft()

    def _forget_what_never_came(self, end: int, now_s: float) -> None:
        """A producer was admitted and did not produce: a timeout, a full queue."""
        if end != self._arrived[0]:
            self._arrived = (end, now_s)
        elif now_s - self._arrived[1] >= ARRIVAL_S:
            while self._count > end and self._sizes:
                self._count -= 1
                self.size_bytes -= self._sizes.pop()


class _Log:
    """One topic: its unread records, and the committed offsets of its readers."""

    def __init__(self, topic: Topic) -> None:
        self.name = topic.name
        self.turn = threading.Lock()  # one producer at a time: while it waits, the others queue
        self._mutex = threading.Lock()
        self._unread = Unread()
        self._topic = topic

    def add(self, size_bytes: int) -> None:
        with self._mutex:
            self._unread.add(size_bytes)

    def has_room(self, size_bytes: int, full_bytes: int, offsets: Offsets | None) -> bool:
        """Asks the broker by `offsets` only when it has to. A record larger than all the room is let through when all is read."""
        if self._fits(size_bytes, full_bytes):
            return True
        return offsets is not None and self._ask(offsets) and self._fits(size_bytes, full_bytes)

    def _fits(self, size_bytes: int, full_bytes: int) -> bool:
        with self._mutex:
            return self._unread.size_bytes == 0 or self._unread.size_bytes + size_bytes <= full_bytes

    def _ask(self, offsets: Offsets) -> bool:
        """False: no answer, so nothing is known."""
        try:
            end = sum(offsets.ends((self._topic,), REQUEST_S).values())
            committed = [self._committed(offsets, reader) for reader in self._topic.readers]
        except BrokerUnavailable as away:
            log.warning("backlog.unknown", topic=self.name, error=away)
            return False
        with self._mutex:
            self._unread.settle(end, committed, time.monotonic())
        return True

    def _committed(self, offsets: Offsets, reader: str) -> int | None:
        committed = offsets.committed(reader, (self._topic,), REQUEST_S)
        return sum(committed.values()) if committed else None


class Backlog:
    """For one embedded broker: `runtime.kafka.client.Backpressure`, from `open()` on."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._logs = {topic.name: _Log(topic) for topic in topics if topic.readers and not topic.delayed}
        self._released = threading.Event()
        self._offsets: Offsets | None = None

    def open(self, offsets: Offsets) -> None:
        """`offsets`: of the broker, which is asked by them."""
        self._offsets = offsets

    def admit(self, topic: str, size_bytes: int) -> bool:
        """As far as is known without a request to the broker."""
        entry = self._logs.get(topic)
        if entry is None or self._released.is_set():
            return True
        if not entry.turn.acquire(blocking=False):
            return False
        try:
            size_bytes += RECORD_BYTES
            if not self._has_room(entry, size_bytes, None):
                return False
            entry.add(size_bytes)
            return True
        finally:
            entry.turn.release()

    def hold(self, topic: str, size_bytes: int) -> None:
        """Blocks while the record would push out unread records. `size_bytes`: key and value."""
        entry = self._logs.get(topic)
        if entry is None or self._released.is_set():
            return
        size_bytes += RECORD_BYTES
        with entry.turn:
            self._wait(entry, size_bytes)
            entry.add(size_bytes)

    def release(self) -> None:
        """Holds no producer back from now on."""
        self._released.set()

    def _wait(self, entry: _Log, size_bytes: int) -> None:
        since_s = time.monotonic()
        warned = False
        while not self._has_room(entry, size_bytes, self._offsets):
            if self._released.wait(ASK_AGAIN_S):
                return
            if not warned and time.monotonic() - since_s > WARN_AFTER_S:
                warned = True
                log.warning("topic.full", topic=entry.name, size_bytes=FULL_BYTES)

    def _has_room(self, entry: _Log, size_bytes: int, offsets: Offsets | None) -> bool:
        decodes = self._logs.get(DECODES.name)
        if entry.name != REQUESTS.name or decodes is None:
            return entry.has_room(size_bytes, FULL_BYTES, offsets)
        return entry.has_room(size_bytes, ADMITTED_BYTES, offsets) and decodes.has_room(size_bytes, ADMITTED_BYTES, offsets)
