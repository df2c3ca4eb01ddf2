"""What tests of brokers and loops need: records off a topic, a loop in a thread, a process to kill."""

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from runtime.kafka.client import Kafka
from runtime.kafka.wakeup import Wakeup
from runtime.resources import Stage
from schemas.topics import Topic
from tests.processes import Process
from tests.waiting import DEADLINE_S, wait_until


def take(consumer: Consumer, count: int) -> list[Message]:
    """The next `count` records."""
    taken: list[Message] = []

    def enough() -> bool:
        for message in consumer.consume(count - len(taken), 0.1):
            assert message.error() is None, message.error()
            taken.append(message)
        return len(taken) == count

    wait_until(enough, f"{count} records")
    return taken


@contextmanager
def member(kafka: Kafka, group: str, *topics: Topic, assignment: str = "cooperative-sticky") -> Iterator[Consumer]:
    consumer = kafka.consumer(group, **{"partition.assignment.strategy": assignment})
    consumer.subscribe([kafka.name(topic) for topic in topics])
    try:
        yield consumer
    finally:
        consumer.close()


def whole(kafka: Kafka, topic: Topic, count: int, *, isolation: str = "read_committed") -> list[Message]:
    """The first `count` records of a topic, by a reader without a group."""
    consumer = kafka.consumer(f"reads-{topic.name}", **{"isolation.level": isolation})
    try:
        partitions = consumer.list_topics(kafka.name(topic), timeout=DEADLINE_S).topics[kafka.name(topic)].partitions
        consumer.assign([TopicPartition(kafka.name(topic), number, 0) for number in partitions])
        return take(consumer, count)
    finally:
        consumer.close()


def write(
    kafka: Kafka,
    topic: Topic,
    records: Sequence[tuple[bytes | None, bytes | None]],
    headers: Sequence[tuple[str, bytes | None]] = (),
    partition: int = -1,
) -> None:
    """Keys and values; returns when all are acknowledged."""
    answers: list[object] = []
    producer = kafka.producer("tests")
    for key, value in records:
        producer.produce(
            kafka.name(topic),
            key=key,
            value=value,
            headers=[*headers],
            partition=partition,
            on_delivery=lambda error, _message: answers.append(error),
        )
        producer.poll(0)
    assert producer.flush(DEADLINE_S) == 0
    assert answers == [None] * len(records)


def committed(kafka: Kafka, group: str, topic: Topic, partition: int = 0) -> TopicPartition:
    """What a group has committed of one partition; the offset is negative when that is nothing."""
    consumer = kafka.consumer(group)
    try:
        return consumer.committed([TopicPartition(kafka.name(topic), partition)], timeout=DEADLINE_S)[0]
    finally:
        consumer.close()


QUICK_MS = 6_000
LONG_MS = 600_000  # while a test runs, nothing but a commit, an abort or a successor of its name ends such a transaction


class Transactions(Kafka):
    """The broker aborts transactions of this age; in production it is ten seconds."""

    timeout_ms = QUICK_MS

    def producer(self, client: str, wakeup: Wakeup | None = None, /, **extra: Any) -> Producer:
        own = {"transaction.timeout.ms": self.timeout_ms, "message.timeout.ms": min(self.timeout_ms, 10_000)}
        return super().producer(client, wakeup, **{**extra, **own})


class LongTransactions(Transactions):
    timeout_ms = LONG_MS


def with_transactions(kafka: Kafka, kind: type[Transactions], instance: str | None = None) -> Transactions:
    return kind(kafka.bootstrap, kafka.prefix, consumer_extra=kafka.consumer_extra, instance=instance)


@contextmanager
def running(stage: Stage) -> Iterator[list[BaseException]]:
    """The stage in a thread, joined at the end. Yields what ended it; an error that the test did not take out is raised."""
    ended: list[BaseException] = []

    def run() -> None:
        try:
            stage.run()
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run, name=f"loop-{stage.name}")
    thread.start()
    try:
        yield ended
    finally:
        stage.stop()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    if ended:
        raise ended[0]


@contextmanager
def child(kafka: Kafka, what: str, options: Mapping[str, str]) -> Iterator[Process]:
    """`child.py` as a process of its own, killed with SIGKILL at the end."""
    given = {"bootstrap": kafka.bootstrap, "prefix": kafka.prefix, "consumer_extra": dict(kafka.consumer_extra), **options}
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-m", "tests.contract.child", what, orjson.dumps(given).decode()]
        with Process(arguments, {}, Path(folder) / "log") as process:
            yield process
