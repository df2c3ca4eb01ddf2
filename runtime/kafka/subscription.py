"""What a loop consumes: topics in a consumer group, of which those without room are paused. For the loop's thread.

Assignments and revocations happen during `poll()`, and the last one in `close()`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from confluent_kafka import Consumer, Message, TopicPartition

from runtime.kafka.client import Kafka, partition_of
from runtime.kafka.client_errors import as_failure
from runtime.kafka.messages import Partition
from runtime.kafka.per_topic import PerTopic
from runtime.logs import get_logger
from schemas.topics import Topic

log = get_logger(__name__)
OnAssign = Callable[[Consumer, list[TopicPartition]], None]
OnRevoke = Callable[[set[Partition], bool], None]  # the partitions; whether they are lost, in which case nothing can be committed


class Subscription:
    """`on_assign` is called before the first record of a partition; `on_revoke` after its last."""

    def __init__(self, kafka: Kafka, consumer: Consumer | PerTopic, on_assign: OnAssign, on_revoke: OnRevoke) -> None:
        self.assigned: set[Partition] = set()
        self._kafka = kafka
        self._consumer = consumer
        self._on_assign = on_assign
        self._on_revoke = on_revoke
        self._paused: set[Partition] = set()
        self._arrived: list[Message] = []  # received, not yet returned

    def open(self, topics: Iterable[Topic]) -> None:
        self._consumer.subscribe(
            [self._kafka.name(topic) for topic in topics],
            on_assign=self._assign,
            on_revoke=lambda _consumer, topic_partitions: self._revoke(topic_partitions, lost=False),
            on_lost=lambda _consumer, topic_partitions: self._revoke(topic_partitions, lost=True),
        )

    def poll(self, room: Mapping[str, int], most: int, wait_s: float, held: Collection[Partition] = ()) -> list[Message]:
        """Up to `most` available records; waits only for the first. `room`: how many of each topic can be taken; `held`: the
        partitions of which none is wanted. Raises UsageError and KafkaFault."""
        self._pause(room, held)
        most = min(most, min((count for count in room.values() if count > 0), default=1))
        if (first := self._consumer.poll(wait_s)) is None:
            return []
        self._arrived = [first]  # so that a revocation during `consume` removes it, too
        more = self._consumer.consume(most - 1, 0) if most > 1 else []
        arrived, self._arrived = [*self._arrived, *more], []
        return [message for message in arrived if not self._is_error(message)]

    def close(self) -> None:
        self._consumer.close()

    def _pause(self, room: Mapping[str, int], held: Collection[Partition]) -> None:
        full = {partition for partition in self.assigned if room[partition.topic] <= 0 or partition in held}
        # Revoked partitions are resumed, too: the client would keep them paused if they were assigned again.
        self._change(self._consumer.pause, full - self._paused)
        self._change(self._consumer.resume, self._paused - full)
        self._paused = full

    def _change(self, pause_or_resume: Callable[[list[TopicPartition]], None], partitions: set[Partition]) -> None:
        if partitions:
            pause_or_resume([TopicPartition(self._kafka.prefix + p.topic, p.number) for p in partitions])

    def _is_error(self, message: Message) -> bool:
        """Raises the errors that the client does not recover from by itself."""
        error = message.error()
        if error is None:
            return False
        if failure := as_failure(error):
            raise failure
        log.warning("client.failed", error=error.str())
        return True

    def _assign(self, consumer: Consumer, topic_partitions: list[TopicPartition]) -> None:
        self.assigned |= self._partitions(topic_partitions)
        self._on_assign(consumer, topic_partitions)

    def _revoke(self, topic_partitions: Sequence[TopicPartition], *, lost: bool) -> None:
        partitions = self._partitions(topic_partitions)
        self._on_revoke(partitions, lost)
        self.assigned -= partitions
        self._change(self._consumer.resume, self._paused & partitions)  # else they would be paused if assigned again
        self._arrived = [message for message in self._arrived if partition_of(message, self._kafka.prefix) not in partitions]

    def _partitions(self, topic_partitions: Iterable[TopicPartition]) -> set[Partition]:
        prefix = self._kafka.prefix
        return {Partition(each.topic.removeprefix(prefix), each.partition) for each in topic_partitions}
