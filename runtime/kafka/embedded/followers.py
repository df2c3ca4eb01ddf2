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
from runtime.kafka.embedded.watermarks import PartitionName, Watermarks
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
        self.positions: dict[PartitionName, int] = {}  # for the shared thread alone

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
        self._read: dict[PartitionName, int] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def share(self) -> FollowerConsumer:
        return FollowerConsumer(self)

    def add(self, follower: FollowerConsumer, partitions: Iterable[TopicPartition]) -> None:
        starts = {PartitionName(partition.topic, partition.partition): partition.offset for partition in partitions}
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
        partition, offset = PartitionName(message.topic() or "", message.partition() or 0), message.offset() or 0
        following = offset if message.error() else offset + 1
        self._read[partition] = following
        for follower in self._followers:
            if follower.positions.get(partition, NOWHERE) <= offset:
                follower.positions[partition] = following
                follower.hand(message)

    def _add(self, consumer: Consumer, follower: FollowerConsumer, starts: dict[PartitionName, int]) -> None:
        begin = {}
        for partition, start in starts.items():
            position = self._watermarks.of(partition) if start == OFFSET_END else max(0, start)
            follower.positions[partition] = position
            if partition not in self._read or position < self._read[partition]:
                begin[partition] = OFFSET_BEGINNING if start == OFFSET_BEGINNING else position
        self._followers.append(follower)
        if again := begin.keys() & self._read.keys():
            consumer.incremental_unassign([TopicPartition(*partition) for partition in again])
        self._read |= {partition: max(0, start) for partition, start in begin.items()}
        if begin:
            consumer.incremental_assign([TopicPartition(*partition, start) for partition, start in begin.items()])

    def _remove(self, consumer: Consumer, follower: FollowerConsumer) -> None:
        if follower not in self._followers:
            return
        self._followers.remove(follower)
        unread = self._read.keys() - {partition for other in self._followers for partition in other.positions}
        for partition in unread:
            del self._read[partition]
        if unread:
            consumer.incremental_unassign([TopicPartition(*partition) for partition in unread])
