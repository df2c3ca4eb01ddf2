"""Reads compacted changelog topics from beginning to end: how tables come back when partitions arrive.

Reads committed records, up to the end that was there at the start, counted with the uncommitted: so that what the last
owner left open has been decided by the broker before anybody goes on.
"""

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from murmur.kafka.client import Kafka, KafkaFault, partition_of, received
from murmur.kafka.ends import Ends
from murmur.kafka.messages import Partition, Received
from schemas.topics import Topic

PATIENCE_S = 60.0  # without any record: an open transaction ends within its timeout of 10 s and the broker's scan
BATCH_MAX = 2000


def read(kafka: Kafka, topics: Sequence[Topic], numbers: Sequence[int]) -> Iterator[Received]:
    """Every record of these partitions, each partition in order. Blocks until the end; raises KafkaFault."""
    consumer = kafka.consumer("changelog", **{"enable.partition.eof": True})
    try:
        left = {p: end for p, end in Ends(kafka, topics).now().items() if p.number in numbers and end > 0}
        consumer.assign([TopicPartition(kafka.prefix + p.topic, p.number, OFFSET_BEGINNING) for p in left])
        progress_s = time.monotonic()
        while left:
            for record in _batch(kafka, consumer, left):
                yield record
                progress_s = time.monotonic()
            if time.monotonic() > progress_s + PATIENCE_S:
                raise KafkaFault(f"changelogs have stopped for {PATIENCE_S:.0f} s before their end: {sorted(left)}")
    finally:
        consumer.close()


def _batch(kafka: Kafka, consumer: Consumer, left: dict[Partition, int]) -> Iterator[Received]:
    """Takes partitions that have reached their end out of `left`."""
    for message in consumer.consume(BATCH_MAX, 0.1):
        partition, offset = partition_of(message, kafka.prefix), message.offset() or 0
        if error := message.error():
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaFault(error.str())
            if offset >= left.get(partition, 0):
                left.pop(partition, None)
            continue
        yield received(message, kafka.prefix)
        if offset + 1 >= left.get(partition, 0):
            left.pop(partition, None)
