"""How far consumer groups are behind, on every broker."""

from confluent_kafka import TopicPartition

from runtime.kafka.client import Kafka
from runtime.kafka.per_topic import group_of
from schemas.topics import CHUNKS_BULK, DECODES, REQUESTS, TOPICS, Topic
from sinks.metrics.lag import consumer_lag, groups
from tests.contract.brokers import write
from tests.waiting import DEADLINE_S


def commit(kafka: Kafka, group: str, topic: Topic, number: int, offset: int) -> None:
    consumer = kafka.consumer(group)
    try:
        consumer.commit(offsets=[TopicPartition(kafka.name(topic), number, offset)], asynchronous=False)
    finally:
        consumer.close()


def test_the_lag_of_a_group_is_what_it_has_not_committed_of_its_topics(kafka: Kafka) -> None:
    write(kafka, REQUESTS, [(b"key", b"value")] * 5, partition=1)
    write(kafka, REQUESTS, [(b"key", b"value")] * 3, partition=2)
    write(kafka, CHUNKS_BULK, [(b"key", b"value")] * 4, partition=0)
    write(kafka, DECODES, [(b"key", b"value")])
    assert consumer_lag(kafka.offsets, DEADLINE_S) == {}, "nothing has been committed"

    commit(kafka, "coordinator", REQUESTS, 1, 3)
    commit(kafka, "coordinator", REQUESTS, 2, 3)
    commit(kafka, group_of("transcriber", CHUNKS_BULK), CHUNKS_BULK, 0, 1)
    commit(kafka, "of-another-application", DECODES, 0, 0)

    transcriber = group_of("transcriber", CHUNKS_BULK)
    assert consumer_lag(kafka.offsets, DEADLINE_S) == {("coordinator", "requests"): 2, (transcriber, "chunks.bulk"): 3}


def test_every_reader_of_a_topic_may_have_a_group() -> None:
    found = groups(TOPICS)
    assert {topic.name for topic in found["coordinator"]} >= {"requests", "cancellations", "chunk-results"}
    assert [topic.name for topic in found["transcriber.chunks.bulk"]] == ["chunks.bulk"]
    assert {"intake", "slicer", "store", "webhooks", "metrics"} <= found.keys()
