"""How far a consumer group has read a topic, asked from outside the group. For the reconciler, which must not outrun intake."""

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.kafka.client import Kafka, KafkaFault
from schemas.topics import Topic

REQUEST_S = 5.0


class GroupProgress:
    """From one thread. All calls block, and raise KafkaFault when the broker does not answer."""

    def __init__(self, kafka: Kafka, group: str, topic: Topic) -> None:
        self._kafka = kafka
        self._group = group
        self._topic = kafka.name(topic)
        self._broker_was_away = False
        self._client: Consumer | None = None

    def ends(self) -> dict[int, int]:
        """Where the partitions end that have something to read."""
        found = {}
        try:
            for number in self._consumer().list_topics(self._topic, timeout=REQUEST_S).topics[self._topic].partitions:
                answer = self._consumer().get_watermark_offsets(TopicPartition(self._topic, number), timeout=REQUEST_S)
                if answer is None:
                    raise KafkaFault(f"the broker does not say where {self._topic} ends")
                if answer[0] < answer[1]:
                    found[number] = answer[1]
        except KafkaException as error:
            raise KafkaFault(f"the broker does not say where {self._topic} ends: {error}") from error
        return found

    def passed(self, ends: Mapping[int, int]) -> bool:
        """The group has committed everything before `ends`."""
        places = [TopicPartition(self._topic, number) for number in ends]
        try:
            committed = self._consumer().committed(places, timeout=REQUEST_S) if places else []
        except KafkaException as error:
            raise KafkaFault(f"the broker does not say how far {self._group} is: {error}") from error
        return all(place.offset >= ends[place.partition] for place in committed)

    def broker_was_away(self) -> bool:
        """Since this was asked last."""
        self._consumer().poll(0)  # serves `_on_error`
        was_away, self._broker_was_away = self._broker_was_away, False
        return was_away

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _consumer(self) -> Consumer:
        """Of the group, which it never joins: it subscribes to nothing."""
        if self._client is None:
            self._kafka.brokers(REQUEST_S)  # knows why, where a consumer only waits
            extra = {"client.id": f"murmur-{self._group}-progress", "error_cb": self._on_error}
            self._client = self._kafka.consumer(self._group, **extra)
        return self._client

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._broker_was_away = True
