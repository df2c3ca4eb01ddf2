"""Where a topic ends, asked over a connection of its own: behind the fetch of a reading consumer the question would wait.

Feeds whoever must know that it has read everything written so far, such as the gateway's view.
"""

import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition

from murmur.errors import Retry
from murmur.kafka.client import Kafka
from murmur.kafka.messages import Partition
from schemas.topics import Topic

ANSWER_S = 1.0


class Ends:
    """From any thread; one question at a time."""

    def __init__(self, kafka: Kafka, topic: Topic) -> None:
        self._kafka = kafka
        self._topic = topic
        self._asking = threading.Lock()
        self._consumer: Consumer | None = None
        self._partitions: tuple[int, ...] = ()

    def now(self) -> dict[Partition, int]:
        """Blocks for about a millisecond; the first call connects. Raises Retry when the broker does not answer."""
        with self._asking:
            if self._consumer is None:
                self._consumer = self._kafka.consumer("ends")
            try:
                return {Partition(self._topic.name, number): self._end(number) for number in self._numbers()}
            except KafkaException as error:
                raise Retry(f"the broker does not say where {self._topic.name} ends: {error.args[0].str()}") from error

    def close(self) -> None:
        """Idempotent; waits for the question in hand."""
        with self._asking:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _numbers(self) -> tuple[int, ...]:
        """Asked once: the number of partitions is not changed while anything runs."""
        if not self._partitions:
            assert self._consumer is not None
            name = self._kafka.name(self._topic)
            self._partitions = tuple(self._consumer.list_topics(name, timeout=ANSWER_S).topics[name].partitions)
        return self._partitions

    def _end(self, number: int) -> int:
        assert self._consumer is not None
        answer = self._consumer.get_watermark_offsets(TopicPartition(self._kafka.name(self._topic), number), timeout=ANSWER_S)
        if answer is None:
            raise Retry(f"the broker does not say where {self._topic.name} ends")
        return int(answer[1])
