"""What the embedded broker is asked in another way than a real one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.kafka.messages import Partition
from runtime.kafka.offsets import ANSWER_S, Offsets
from schemas.topics import Topic


class EmbeddedOffsets(Offsets):
    def since(self, topics: Iterable[Topic], at: datetime, answer_s: float = ANSWER_S) -> dict[Partition, int]:
        """The beginning: nothing looks up offsets by time, and no partition has more than a few MiB."""
        return dict.fromkeys(self.partitions(topics, answer_s), 0)

    def _committed(self, groups: Mapping[str, Sequence[Partition]], answer_s: float) -> dict[str, dict[Partition, int]]:
        """With the client that is there: the only broker coordinates every group, which a full topic is asked of many times a
        second."""
        return {stage: self._of_group(stage, partitions, answer_s) for stage, partitions in groups.items()}

    def _of_group(self, stage: str, partitions: Sequence[Partition], answer_s: float) -> dict[Partition, int]:
        if not (topic_partitions := self._topic_partitions(partitions)):
            return {}
        group = self._prefix + stage
        request = ConsumerGroupTopicPartitions(group, topic_partitions)

        def ask(admin: AdminClient) -> list[TopicPartition]:
            answer = admin.list_consumer_group_offsets([request], request_timeout=answer_s)[group].result(answer_s)
            if refused := next((partition.error for partition in answer.topic_partitions if partition.error is not None), None):
                raise KafkaException(refused)
            return list(answer.topic_partitions)

        offsets = self._send(f"the committed offsets of the group {group}", ask, answer_s)
        return {self._partition(partition): partition.offset for partition in offsets if partition.offset >= 0}
