"""Reads compacted changelog topics from beginning to end, to restore tables when partitions are assigned.

Reads committed records up to the end offset at the start, which includes uncommitted records: so a transaction that the last
owner left open is committed or aborted before the new owner continues.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from runtime.errors import BrokerUnavailable, KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition
from schemas.topics import Topic

STALLED_S = 60.0  # without any record: an open transaction ends within its timeout of 10 s and the broker's scan
ANSWER_S = 10.0
BATCH_MAX = 2000
READING = {
    "enable.partition.eof": True,
    "queued.max.messages.kbytes": 4 * 1024,  # the client's queue, of all partitions together
    "fetch.queue.backoff.ms": 10,  # how long a full queue stops the fetching; a second unless set
    "fetch.wait.max.ms": 50,  # how late the end of a partition is reported
}


class Entry(NamedTuple):
    """One record of a changelog. Smaller than Received, whose creation would cost more than reading: there may be a million."""

    partition: Partition
    key: bytes
    value: bytes | None


def newest(kafka: Kafka, topics: Sequence[Topic], numbers: Sequence[int]) -> Iterator[tuple[Partition, bytes, bytes]]:
    """The compacted contents, whether or not the broker has compacted the topic: the last value of each key, in the order in
    which they were written. Blocks and raises as `read()` does, before the first."""
    tables: dict[Partition, dict[bytes, bytes]] = defaultdict(dict)
    for partition, key, value in read(kafka, topics, numbers):
        table = tables[partition]
        table.pop(key, None)
        if value is not None:
            table[key] = value
    while tables:  # each is freed as soon as it has been used
        partition, table = tables.popitem()
        for key, value in table.items():
            yield partition, key, value


def read(kafka: Kafka, topics: Sequence[Topic], numbers: Sequence[int]) -> Iterator[Entry]:
    """Every record of these partitions, each partition in order. Blocks until the end; raises KafkaFault."""
    consumer = kafka.consumer("changelog", **READING)
    try:
        left = {p: end for p, end in _ends(kafka, topics).items() if p.number in numbers and end > 0}
        _fetch_leaders(kafka, consumer, topics)
        consumer.assign([TopicPartition(kafka.prefix + p.topic, p.number, OFFSET_BEGINNING) for p in left])
        progress_s = time.monotonic()
        names = {(kafka.prefix + p.topic, p.number): p for p in left}  # partition_of() takes as long as reading the record
        while left:
            if entries := _batch(consumer, names, left):
                progress_s = time.monotonic()
                yield from entries
            elif time.monotonic() > progress_s + STALLED_S:
                raise KafkaFault(f"no record of the changelogs for {STALLED_S:.0f} s before their end: {sorted(left)}")
    finally:
        consumer.close()


def _ends(kafka: Kafka, topics: Sequence[Topic]) -> dict[Partition, int]:
    """Does not wait for an unavailable broker, since the partitions are assigned already."""
    try:
        return kafka.offsets.ends(topics)
    except BrokerUnavailable as error:
        raise KafkaFault(f"changelogs cannot be read: {error}") from error


def _fetch_leaders(kafka: Kafka, consumer: Consumer, topics: Sequence[Topic]) -> None:
    """Without them, a consumer that is assigned partitions waits half a second or more before it requests metadata."""
    try:
        for topic in topics:
            consumer.list_topics(kafka.name(topic), timeout=ANSWER_S)
    except KafkaException as error:
        raise KafkaFault(f"the broker does not answer: {error}") from error


def _batch(consumer: Consumer, names: Mapping[tuple[str, int], Partition], left: dict[Partition, int]) -> list[Entry]:
    """Removes partitions that have been read to their end from `left`. `names`: as the broker has them."""
    entries = []
    for message in consumer.consume(BATCH_MAX, 0.1):
        partition, next_offset = names[message.topic() or "", message.partition() or 0], message.offset() or 0
        if error := message.error():
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaFault(error.str())
        else:
            entries.append(Entry(partition, message.key() or b"", message.value()))
            next_offset += 1
        if next_offset >= left.get(partition, 0):
            left.pop(partition, None)
    return entries
