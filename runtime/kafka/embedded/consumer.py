"""A consumer that fetches nothing while there is nothing: for stages in the embedded broker's own process.

It pauses the partitions that it has read to their end, so that librdkafka sends no fetch; when a watermark has risen it resumes
that partition. A record arrives a third of a millisecond after its delivery, where a fetch that waits is answered after its full
time. While many records come it fetches on: librdkafka's calls to pause and resume wait for its thread, and the interpreter with
them.
"""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from runtime.kafka.embedded.watermarks import PartitionName, Watermarks
from runtime.kafka.wakeup import Wakeup

FETCH_WAIT_MS = 2  # of the last fetch before a pause: a record that comes meanwhile waits for it
LINGER_MAX_S = 0.02  # how long it fetches without a record: as long as records have come before, and not at all after a lone one
AWAKE_S = 0.01  # while something is being fetched: how soon `wakeup` is noticed
SERVE_S = 0.5  # while nothing is: how soon librdkafka's callbacks are served
Callback = Callable[[Consumer, list[TopicPartition]], None]


class EmbeddedConsumer(Consumer):
    """For one thread, like `Consumer`, and does all that murmur uses of it. `poll()` returns None early while `wakeup` is set.
    Ends of partitions are reported only with `enable.partition.eof`."""

    def __init__(self, config: dict[str, Any], watermarks: Watermarks, wakeup: Wakeup) -> None:
        self._reports_ends = bool(config.get("enable.partition.eof"))
        self._watermarks = watermarks
        self._wakeup = wakeup
        self._assigned: set[PartitionName] = set()
        self._reached: dict[PartitionName, int] = {}  # read to here, and fetched still
        self._ends: dict[PartitionName, int] = {}  # read to here, and paused until there is more
        self._woken_s = self._received_s = 0.0
        self._held: set[PartitionName] = set()  # paused by the caller
        super().__init__({**config, "enable.partition.eof": True})

    @property
    def asleep(self) -> bool:
        """No partition is being fetched, so nothing can come before the wakeup is set."""
        return bool(self._assigned) and self._assigned <= self._held | self._ends.keys()

    def poll(self, timeout: float = -1) -> Message | None:
        until_s = math.inf if timeout < 0 else time.monotonic() + timeout
        while True:
            self._resume_risen()
            self._pause_reached()
            left_s = max(0.0, until_s - time.monotonic())
            message = super().poll(0 if self.asleep else min(left_s, AWAKE_S))
            if message is not None:
                if self._is_wanted(message):
                    return message
                continue
            if (left_s := until_s - time.monotonic()) <= 0 or (self._is_woken(left_s) and not self._risen()):
                return None

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """What is there, at least one within `timeout`; does not wait to fill it."""
        first = self.poll(timeout) if num_messages > 0 else None
        if first is None:
            return []
        more = super().consume(num_messages - 1, 0) if num_messages > 1 else []
        return [first, *(message for message in more if self._is_wanted(message))]

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._held.update(map(_name, partitions))
        super().pause(partitions)

    def resume(self, partitions: list[TopicPartition]) -> None:
        names = {_name(partition) for partition in partitions}
        self._held -= names
        self._resume(names - self._ends.keys())

    def subscribe(
        self,
        topics: list[str],
        on_assign: Callback | None = None,
        on_revoke: Callback | None = None,
        on_lost: Callback | None = None,
    ) -> None:
        def assigned(_consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self._add(partitions)
            if on_assign is not None:
                on_assign(self, partitions)

        def removed(callback: Callback | None, partitions: list[TopicPartition]) -> None:
            if callback is not None:
                callback(self, partitions)
            self._remove(partitions)

        super().subscribe(
            topics,
            on_assign=assigned,
            on_revoke=lambda _consumer, partitions: removed(on_revoke, partitions),
            on_lost=lambda _consumer, partitions: removed(on_lost or on_revoke, partitions),
        )

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._remove([TopicPartition(*partition) for partition in self._assigned])
        self._add(partitions)
        super().assign(partitions)

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self._add(partitions)
        super().incremental_assign(partitions)

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self._remove(partitions)
        super().incremental_unassign(partitions)

    def close(self) -> None:
        super().close()
        self._watermarks.forget(self)

    def _add(self, partitions: Iterable[TopicPartition]) -> None:
        self._assigned.update(map(_name, partitions))
        self._listen()

    def _remove(self, partitions: Iterable[TopicPartition]) -> None:
        """The client would keep a partition paused if it came back."""
        names = {_name(partition) for partition in partitions}
        paused = names & (self._held | self._ends.keys())
        if paused:
            super().resume([TopicPartition(*partition) for partition in paused])
        self._held -= names
        self._assigned -= names
        for name in names:
            self._reached.pop(name, None)
            self._ends.pop(name, None)
        self._listen()

    def _listen(self) -> None:
        self._watermarks.listen(self, self._wakeup, {partition.topic for partition in self._assigned})

    def _is_wanted(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            self._received_s = time.monotonic()
        if error is None or error.code() != KafkaError._PARTITION_EOF:
            return True
        partition = PartitionName(message.topic() or "", message.partition() or 0)
        if partition in self._assigned:
            self._reached[partition] = message.offset() or 0
        return self._reports_ends

    def _pause_reached(self) -> None:
        """Once no record has come for a while: but for partitions of which a record was delivered since."""
        linger_s = min(self._received_s - self._woken_s, LINGER_MAX_S)
        if not self._reached or time.monotonic() - self._received_s < linger_s:
            return
        reached, self._reached = self._reached, {}
        ends = {partition: end for partition, end in reached.items() if self._watermarks.of(partition) <= end}
        self._ends |= ends
        if ends:
            super().pause([TopicPartition(*partition) for partition in ends])

    def _is_woken(self, left_s: float) -> bool:
        """Waits only while asleep."""
        return self._wakeup.wait(min(left_s, SERVE_S)) if self.asleep else self._wakeup.is_set()

    def _risen(self) -> list[PartitionName]:
        return [partition for partition, end in self._ends.items() if self._watermarks.of(partition) > end]

    def _resume_risen(self) -> None:
        risen = self._risen()
        if risen and self.asleep:
            self._woken_s = time.monotonic()
        for partition in risen:
            del self._ends[partition]
        self._resume(risen)

    def _resume(self, names: Iterable[PartitionName]) -> None:
        partitions = [TopicPartition(*name) for name in names if name not in self._held]
        if partitions:
            super().resume(partitions)
            # A resume alone is noticed when the thread that fetches looks next, up to a second later. This wakes the
            # client's threads; nothing logs in to the embedded broker.
            self.set_sasl_credentials("unused", "unused")


def _name(partition: TopicPartition) -> PartitionName:
    return PartitionName(partition.topic, partition.partition)
