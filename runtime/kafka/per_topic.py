"""Several consumers as one, each in its own consumer group for one topic. The loop uses it like one consumer.

A cooperative-sticky group with many topics balances only the sum of the partitions: of two transcribers that join one after
the other, one is assigned the interactive lane and the other one the bulk lane, and half of them have nothing to do. A group
with a single topic is balanced.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from runtime.kafka.wakeup import Wakeup
from schemas.topics import Topic

SLICE_S = 0.02  # how long it waits for the first topic while another may have a record
SHORTEST_S = 0.001  # librdkafka waits whole milliseconds: with less than one, polling again would be a busy loop


def group_of(stage: str, topic: Topic) -> str:
    """The group that reads this topic, without the prefix."""
    return f"{stage}.{topic.name}"


class PerTopic:
    """What the loop and `AckedCommits` use of a `Consumer`, for one thread. Callbacks get the consumer that they concern."""

    def __init__(self, consumers: Mapping[str, Consumer], wakeup: Wakeup) -> None:
        """By full topic name; the first is the one whose records are urgent. `wakeup` ends a `poll()` early."""
        self._consumers = dict(consumers)
        self._wakeup = wakeup
        self._turns = list(consumers.values())
        self._first = self._turns[0]

    def subscribe(self, topics: Sequence[str], **callbacks: Callable[..., Any]) -> None:
        for topic in topics:
            self._consumers[topic].subscribe([topic], **callbacks)

    def poll(self, timeout_s: float) -> Message | None:
        """The topics take turns, so that none can starve another. A record of the first topic ends the wait at once,
        one of another a little later. Consumers of the embedded broker sleep, and are woken together."""
        until_s = time.monotonic() + timeout_s
        while True:
            for _ in range(len(self._turns)):
                self._turns.append(consumer := self._turns.pop(0))
                if (message := consumer.poll(0)) is not None:
                    return message
            if (left_s := until_s - time.monotonic()) < SHORTEST_S or self._wakeup.is_set():
                return None
            awake = [consumer for consumer in self._turns if not getattr(consumer, "asleep", False)]
            if not awake:
                return self._first.poll(left_s)
            waited_for = self._first if self._first in awake else awake[0]
            if (message := waited_for.poll(min(left_s, SLICE_S))) is not None:
                return message

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        messages: list[Message] = []
        for consumer in self._turns:
            if len(messages) < num_messages:
                messages += consumer.consume(num_messages - len(messages), timeout)
        return messages

    def pause(self, partitions: list[TopicPartition]) -> None:
        for consumer, own in self._by_consumer(partitions):
            consumer.pause(own)

    def resume(self, partitions: list[TopicPartition]) -> None:
        for consumer, own in self._by_consumer(partitions):
            consumer.resume(own)

    def commit(self, offsets: list[TopicPartition], *, asynchronous: Literal[False]) -> None:
        """Tries every topic; raises the first KafkaException afterwards."""
        refused: list[KafkaException] = []
        for consumer, own in self._by_consumer(offsets):
            try:
                consumer.commit(offsets=own, asynchronous=asynchronous)
            except KafkaException as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def close(self) -> None:
        with ExitStack() as stack:
            for consumer in self._turns:
                stack.callback(consumer.close)

    def _by_consumer(self, partitions: list[TopicPartition]) -> list[tuple[Consumer, list[TopicPartition]]]:
        found = (
            (consumer, [partition for partition in partitions if partition.topic == topic])
            for topic, consumer in self._consumers.items()
        )
        return [(consumer, own) for consumer, own in found if own]
