"""Where topics end, asked over a connection of its own: behind the fetch of a reading consumer the question would wait.

Feeds whoever must know that it has read everything written so far: followers, changelogs, the gateway's view.
"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import TimeoutError as FutureTimeout

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from runtime.errors import UsageError
from runtime.kafka.client import Kafka, KafkaFault
from runtime.kafka.messages import Partition
from schemas.topics import Topic


class Ends:
    """From any thread. Uncommitted records count. All calls block and raise KafkaFault when the broker does not answer."""

    def __init__(self, kafka: Kafka, topics: Sequence[Topic], answer_s: float = 10.0) -> None:
        self._kafka = kafka
        self._topics = tuple(topics)
        self._answer_s = answer_s
        self._asking = threading.Lock()
        self._admin: AdminClient | None = None
        self._numbers: dict[str, tuple[int, ...]] = {}

    def partitions(self, topics: Iterable[Topic] | None = None) -> list[Partition]:
        """Of all topics, or of these. Raises UsageError when one is missing."""
        wanted = self._topics if topics is None else topics
        return [Partition(topic.name, number) for topic in wanted for number in self._of(topic)]

    def now(self, topics: Iterable[Topic] | None = None) -> dict[Partition, int]:
        """The offset that the next record of each partition will have. About a millisecond; the first call connects."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(self._kafka.prefix + p.topic, p.number): latest for p in self.partitions(topics)}
        if not asked:
            return {}
        try:
            answers = self._client().list_offsets(asked, request_timeout=self._answer_s)
            ends = {place: int(answer.result(self._answer_s).offset) for place, answer in answers.items()}
        except (KafkaException, FutureTimeout) as error:
            self.close()  # a client that has seen a partition without a leader goes on believing it
            raise KafkaFault(f"the broker does not say where its topics end: {error}") from error
        return {Partition(place.topic.removeprefix(self._kafka.prefix), place.partition): end for place, end in ends.items()}

    def close(self) -> None:
        """Idempotent. The next question connects again."""
        with self._asking:
            self._admin = None

    def _client(self) -> AdminClient:
        if self._admin is None:
            self._kafka.brokers(self._answer_s)  # knows why, where an AdminClient only waits
        with self._asking:
            if self._admin is None:
                self._admin = AdminClient(self._kafka.client_config("ends"))
            return self._admin

    def _of(self, topic: Topic) -> tuple[int, ...]:
        """Asked once: the number of partitions is not changed while anything runs."""
        if topic.name not in self._numbers:
            name = self._kafka.name(topic)
            try:
                known = self._client().list_topics(name, timeout=self._answer_s).topics[name]
            except KafkaException as error:
                self.close()
                raise KafkaFault(f"the broker does not answer: {error}") from error
            if known.error is not None or not known.partitions:
                raise UsageError(f"the topic {name} is missing: run `murmur topics apply`")
            self._numbers[topic.name] = tuple(sorted(known.partitions))
        return self._numbers[topic.name]
