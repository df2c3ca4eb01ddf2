"""The interface between a loop and its way of committing. Both ways keep one order: first outputs are on the broker, then
offsets.

`acked.py`: outputs acknowledged, then the contiguous prefix of settled records. For every stage but one.
`transactional.py`: outputs and offsets of a turn in one Kafka transaction. For the coordinator.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from confluent_kafka import Consumer, TopicPartition

from runtime.kafka.messages import Partition, Step


class Commits(Protocol):
    """Called by the loop, in its thread. Failures are KafkaFaults."""

    def open(self, stopping: Callable[[], bool]) -> None:
        """Before anything is read. Blocks until it is ready or `stopping()`."""

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Blocks until the offsets committed by the last owner of these partitions are known."""

    def receive(self, partition: Partition, offset: int) -> tuple[int, str | None]:
        """Adds a record to those in flight; returns its earlier attempts and its last checkpoint."""

    def write(self, step: Step) -> None:
        """Accepts what a handler yields; its outputs are on the broker before its offset is, or both at once."""

    def commit(self) -> None:
        """At the end of a turn: commits what can be committed now."""

    def on_revoke(self, partitions: Iterable[Partition], *, lost: bool) -> None: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def is_complete(self) -> bool:
        """Nothing that was settled waits for its commit."""

    def finish(self) -> None:
        """Commits what is settled. Nothing is read or handled any more."""

    def close(self) -> None:
        """Closes the producer. Idempotent."""
