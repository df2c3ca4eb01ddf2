"""Reads compacted changelog topics from beginning to end: how tables come back when partitions arrive.

Reads committed records, up to the end that was there at the start, counted with the uncommitted: so that what the last
owner left open has been decided by the broker before anybody goes on.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from runtime.errors import BrokerUnavailable, KafkaFault
from runtime.kafka.client import Kafka, partition_of
from runtime.kafka.messages import Partition
from schemas.topics import Topic

PATIENCE_S = 60.0  # without any record: an open transaction ends within its timeout of 10 s and the broker's scan
ANSWER_S = 10.0
BATCH_MAX = 2000
READING = {
    "enable.partition.eof": True,
    "queued.max.messages.kbytes": 4 * 1024,  # what waits in the client, of all partitions together
    "fetch.queue.backoff.ms": 10,  # how long a full queue stops the fetching; a second unless set
    "fetch.wait.max.ms": 50,  # how long the broker keeps an end to itself
}


class Entry(NamedTuple):
    """What a changelog says of a key. Less than Received, which costs more to make than to read: there are a million."""

    partition: Partition
    key: bytes
    value: bytes | None


def newest(kafka: Kafka, topics: Sequence[Topic], numbers: Sequence[int]) -> Iterator[tuple[Partition, bytes, bytes]]:
    """What is left after compaction, whether the broker has done it or not: the last value of each key, in the order that
    they were written in. Blocks and raises as `read()` does, before the first."""
    tables: dict[Partition, dict[bytes, bytes]] = defaultdict(dict)
    for partition, key, value in read(kafka, topics, numbers):
        table = tables[partition]
        table.pop(key, None)
        if value is not None:
            table[key] = value
    while tables:  # each is let go as soon as it is used
        partition, table = tables.popitem()
        for key, value in table.items():
            yield partition, key, value


def read(kafka: Kafka, topics: Sequence[Topic], numbers: Sequence[int]) -> Iterator[Entry]:
    """Every record of these partitions, each partition in order. Blocks until the end; raises KafkaFault."""
    consumer = kafka.consumer("changelog", **READING)
    try:
        left = {p: end for p, end in _ends(kafka, topics).items() if p.number in numbers and end > 0}
        _learn_leaders(kafka, consumer, topics)
        consumer.assign([TopicPartition(kafka.prefix + p.topic, p.number, OFFSET_BEGINNING) for p in left])
        progress_s = time.monotonic()
        while left:
            if entries := _batch(kafka, consumer, left):
                progress_s = time.monotonic()
                yield from entries
            elif time.monotonic() > progress_s + PATIENCE_S:
                raise KafkaFault(f"changelogs have stopped for {PATIENCE_S:.0f} s before their end: {sorted(left)}")
    finally:
        consumer.close()


def _ends(kafka: Kafka, topics: Sequence[Topic]) -> dict[Partition, int]:
    """The partitions are assigned already, so a broker that is away cannot be waited for here."""
    try:
        return kafka.offsets.ends(topics)
    except BrokerUnavailable as away:
        raise KafkaFault(f"changelogs cannot be read: {away}") from away


def _learn_leaders(kafka: Kafka, consumer: Consumer, topics: Sequence[Topic]) -> None:
    """A consumer that does not know them when it is assigned partitions waits half a second or more before it asks."""
    try:
        for topic in topics:
            consumer.list_topics(kafka.name(topic), timeout=ANSWER_S)
    except KafkaException as error:
        raise KafkaFault(f"the broker does not answer: {error}") from error


def _batch(kafka: Kafka, consumer: Consumer, left: dict[Partition, int]) -> list[Entry]:
    """Takes partitions that have reached their end out of `left`."""
    entries = []
    for message in consumer.consume(BATCH_MAX, 0.1):
        partition, next_offset = partition_of(message, kafka.prefix), message.offset() or 0
        if error := message.error():
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaFault(error.str())
        else:
            entries.append(Entry(partition, message.key() or b"", message.value()))
            next_offset += 1
        if next_offset >= left.get(partition, 0):
            left.pop(partition, None)
    return entries
