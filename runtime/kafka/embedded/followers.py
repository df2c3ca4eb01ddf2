"""One consumer for all followers of the embedded broker's process, and what each of them has of it.

A thread reads each partition once and hands its records to the followers that have not had them. A follower that begins
further back than the others makes it read from there again.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, Message, TopicPartition

from runtime.kafka.embedded.consumer import EmbeddedConsumer
from runtime.kafka.embedded.watermarks import Place, Watermarks
from runtime.kafka.wakeup import Wakeup

POLL_S = 1.0
NOWHERE = 2**63  # the position of a follower in a partition that it does not follow


class FollowerConsumer(Consumer):
    """A `Consumer` without a client of its own, for one follower: `assign()` once, then `poll()` and `consume()`."""

    def __init__(self, shared: "SharedConsumer") -> None:
        """Not `super().__init__`, which makes the client."""
        self._shared = shared
        self._messages: deque[Message] = deque()
        self._arrived = threading.Condition()
        self.positions: dict[Place, int] = {}  # for the shared thread alone

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._shared.add(self, partitions)

    def poll(self, timeout: float = -1) -> Message | None:
        with self._arrived:
            self._arrived.wait_for(lambda: self._messages, None if timeout < 0 else timeout)
            return self._messages.popleft() if self._messages else None

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """What is there, at least one within `timeout`; does not wait to fill it."""
        first = self.poll(timeout) if num_messages > 0 else None
        if first is None:
            return []
        with self._arrived:
            more = [self._messages.popleft() for _ in range(min(num_messages - 1, len(self._messages)))]
        return [first, *more]

    def close(self) -> None:
        self._shared.remove(self)

    def hand(self, message: Message) -> None:
        with self._arrived:
            self._messages.append(message)
            self._arrived.notify_all()


class SharedConsumer:
    """Connects with the first follower. `close()` after the last follower."""

    def __init__(self, config: dict[str, Any], watermarks: Watermarks) -> None:
        self._config = config
        self._watermarks = watermarks
        self._wakeup = Wakeup()
        self._changes: deque[Callable[[Consumer], None]] = deque()  # for the thread, which alone uses the consumer
        self._followers: list[FollowerConsumer] = []
        self._read: dict[Place, int] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def share(self) -> FollowerConsumer:
        return FollowerConsumer(self)

    def add(self, follower: FollowerConsumer, partitions: Iterable[TopicPartition]) -> None:
        starts = {Place(partition.topic, partition.partition): partition.offset for partition in partitions}
        self._change(lambda consumer: self._add(consumer, follower, starts))

    def remove(self, follower: FollowerConsumer) -> None:
        self._change(lambda consumer: self._remove(consumer, follower))

    def close(self) -> None:
        """Idempotent, finished on return."""
        self._closed = True
        self._wakeup.set()
        if self._thread is not None:
            self._thread.join()

    def _change(self, change: Callable[[Consumer], None]) -> None:
        with self._lock:
            self._changes.append(change)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="followers", daemon=True)
                self._thread.start()
        self._wakeup.set()

    def _run(self) -> None:
        consumer = EmbeddedConsumer(self._config, self._watermarks, self._wakeup)
        try:
            while not self._closed:
                self._wakeup.clear()
                while self._changes:
                    self._changes.popleft()(consumer)
                if (message := consumer.poll(POLL_S)) is not None:
                    self._hand(message)
        finally:
            consumer.close()

    def _hand(self, message: Message) -> None:
        place, offset = Place(message.topic() or "", message.partition() or 0), message.offset() or 0
        following = offset if message.error() else offset + 1
        self._read[place] = following
        for follower in self._followers:
            if follower.positions.get(place, NOWHERE) <= offset:
                follower.positions[place] = following
                follower.hand(message)

    def _add(self, consumer: Consumer, follower: FollowerConsumer, starts: dict[Place, int]) -> None:
        begin = {}
        for place, start in starts.items():
            position = self._watermarks.of(place) if start == OFFSET_END else max(0, start)
            follower.positions[place] = position
            if place not in self._read or position < self._read[place]:
                begin[place] = OFFSET_BEGINNING if start == OFFSET_BEGINNING else position
        self._followers.append(follower)
        if again := begin.keys() & self._read.keys():
            consumer.incremental_unassign([TopicPartition(*place) for place in again])
        self._read |= {place: max(0, start) for place, start in begin.items()}
        if begin:
            consumer.incremental_assign([TopicPartition(*place, start) for place, start in begin.items()])

    def _remove(self, consumer: Consumer, follower: FollowerConsumer) -> None:
        if follower not in self._followers:
            return
        self._followers.remove(follower)
        unread = self._read.keys() - {place for other in self._followers for place in other.positions}
        for place in unread:
            del self._read[place]
        if unread:
            consumer.incremental_unassign([TopicPartition(*place) for place in unread])
