"""Reads whole topics, every partition, outside any consumer group: for views, revocations and the recovery of tables.

Offsets are stored by the caller, if at all. Committed records only; positions include control records.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, Message, TopicPartition

from runtime.kafka.client import Kafka, partition_of, received
from runtime.kafka.client_errors import as_failure
from runtime.kafka.messages import Partition, Received
from runtime.logs import get_logger
from schemas import codec
from schemas.record import Record
from schemas.topics import BY_NAME, Topic

log = get_logger(__name__)
Start = Mapping[Partition, int] | Literal["beginning", "end"]
BATCH_MAX = 1000


class Follower:
    """`start`: where to begin; a partition that is not in the mapping is read from its beginning. For one thread at a time,
    except `end_offsets()` and `positions()`, which any thread may call."""

    def __init__(self, kafka: Kafka, topics: Sequence[Topic], start: Start = "beginning") -> None:
        self._kafka = kafka
        self._topics = tuple(topics)
        self._start = start
        self._consumer: Consumer | None = None
        self._positions: dict[Partition, int] = {}

    def open(self) -> None:
        """Assigns the partitions. Raises UsageError when a topic is missing, BrokerUnavailable without an answer."""
        if self._consumer is not None:
            return
        ends = self._kafka.offsets.ends(self._topics) if self._start == "end" else {}
        assignment = []
        for partition in self._kafka.offsets.partitions(self._topics):
            offset = ends.get(partition, self._offset(partition))
            assignment.append(TopicPartition(self._kafka.prefix + partition.topic, partition.number, offset))
            self._positions[partition] = max(offset, 0)
        self._consumer = self._kafka.follower_consumer()
        self._consumer.assign(assignment)

    def poll(self, timeout_s: float) -> list[Received]:
        """New records; waits up to `timeout_s` for the first. `event` is None for a record that cannot be decoded."""
        self.open()
        assert self._consumer is not None
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        received = [self._receive(message) for message in (first, *self._consumer.consume(BATCH_MAX, 0))]
        return [record for record in received if record is not None]

    def positions(self) -> dict[Partition, int]:
        """The next offset to read of each partition."""
        return dict(self._positions)

    def end_offsets(self, topics: Sequence[Topic] | None = None) -> dict[Partition, int]:
        """The topics' end offsets now, from the broker. Blocks; raises BrokerUnavailable when it does not answer."""
        return self._kafka.offsets.ends(self._topics if topics is None else topics)

    def reached(self, ends: Mapping[Partition, int]) -> bool:
        """Everything before `ends` was read."""
        return all(self._positions.get(partition, 0) >= end for partition, end in ends.items())

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _offset(self, partition: Partition) -> int:
        if isinstance(self._start, str):
            return OFFSET_BEGINNING if self._start == "beginning" else OFFSET_END
        return self._start.get(partition, OFFSET_BEGINNING)

    def _receive(self, message: Message) -> Received | None:
        partition, offset = partition_of(message, self._kafka.prefix), message.offset() or 0
        if error := message.error():
            if error.code() == KafkaError._PARTITION_EOF:
                self._positions[partition] = max(offset, self._positions.get(partition, 0))
            elif failure := as_failure(error):
                raise failure
            else:
                log.warning("client.failed", topic=partition.topic, error=error.str())
            return None
        self._positions[partition] = offset + 1
        record = received(message, self._kafka.prefix)
        return record.carrying(_decoded(record))


def _decoded(record: Received) -> Record | None:
    topic, partition = record.partition
    if record.value is None:
        return None
    try:
        return BY_NAME[topic].decode(record.value)
    except codec.Undecodable as bad:
        log.error("record.skipped", topic=topic, partition=partition, offset=record.offset, reason=bad.reason, error=bad)
        return None
