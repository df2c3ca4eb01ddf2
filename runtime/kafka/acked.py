"""Commits of stages that are at least once: outputs acknowledged, then the contiguous prefix of settled records.

A crash in between repeats records; outputs carry derived ids, so a repeat is recognised.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime import metrics
from runtime.errors import KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition, Received, Step
from runtime.kafka.per_topic import PerTopic
from runtime.kafka.window import Window
from runtime.kafka.writer import Writer

FLUSH_S = 10.0
COMMITTED_S = 60.0  # how long a broker may take to answer with the committed offsets
_REBALANCED = {  # the group is being rebalanced: the partition's next owner reads the records again
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError._NO_OFFSET,
    KafkaError._STATE,
}


class AckedCommits:
    """`interval_s`: the time between commits, so a crash repeats what was settled within it."""

    def __init__(self, kafka: Kafka, consumer: Consumer | PerTopic, writer: Writer, interval_s: float) -> None:
        self._kafka = kafka
        self._consumer = consumer
        self._writer = writer
        self._interval_s = interval_s
        self._windows: dict[Partition, Window] = {}
        self._committed: dict[Partition, tuple[int, str]] = {}
        self._waiting: deque[tuple[int, Received, str | None]] = deque()  # (after output number, record, checkpoint | settled)
        self._next_commit_s = 0.0
        self._changed = False  # since the last commit
        self._commit_seconds = metrics.COMMIT_SECONDS.labels(writer.stage)

    def open(self, stopping: Callable[[], bool]) -> None:
        """Nothing to wait for."""

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            committed = consumer.committed(partitions, COMMITTED_S)
        except KafkaException as error:
            raise KafkaFault(f"the committed offsets are not known: {error.args[0].str()}") from error
        for partition in committed:
            self._windows[self._partition(partition)] = Window(partition.metadata)

    def receive(self, partition: Partition, offset: int) -> tuple[int, str | None]:
        return self._windows.setdefault(partition, Window()).add(offset)

    def write(self, step: Step) -> None:
        for output in step.outputs:
            self._writer.send(output)
        for record, checkpoint in step.checkpoints:
            self._waiting.append((self._writer.sent, record, checkpoint))
        if step.begins:
            for record in step.begins:
                if window := self._windows.get(record.partition):
                    window.begin(record.offset)
            self._commit()
        if step.settles is not None:
            self._waiting.append((self._writer.sent, step.settles, None))

    def commit(self) -> None:
        self._writer.poll()
        self._apply()
        if time.monotonic() >= self._next_commit_s:
            self._commit()

    def on_revoke(self, partitions: Iterable[Partition], *, lost: bool) -> None:
        partitions = set(partitions)
        if not lost:
            self._writer.flush(FLUSH_S)
            self._apply()
            self._commit(leaving=True)
        self._waiting = deque(entry for entry in self._waiting if entry[1].partition not in partitions)
        for partition in partitions:
            self._windows.pop(partition, None)
            self._committed.pop(partition, None)

    @property
    def in_flight(self) -> int:
        return sum(window.in_flight for window in self._windows.values())

    @property
    def is_complete(self) -> bool:
        return not (self._waiting or self._changed)

    def finish(self) -> None:
        self._writer.flush(FLUSH_S)
        self._apply()
        self._commit(leaving=True)

    def close(self) -> None:
        self._writer.close()

    def _apply(self) -> None:
        """Applies what waited for acknowledgements that have arrived."""
        acknowledged = self._writer.acknowledged
        while self._waiting and self._waiting[0][0] <= acknowledged:
            _, record, checkpoint = self._waiting.popleft()
            self._changed = True
            if window := self._windows.get(record.partition):
                if checkpoint is None:
                    window.settle(record.offset)
                else:
                    window.set_checkpoint(record.offset, checkpoint)

    def _commit(self, *, leaving: bool = False) -> None:
        """Synchronous: that work has begun must be on the broker before it begins."""
        self._next_commit_s = time.monotonic() + self._interval_s
        due: dict[Partition, tuple[int, str]] = {}
        for partition, window in self._windows.items():
            if (position := window.position) is not None:
                state = (position, window.metadata(leaving=leaving))
                if state != self._committed.get(partition):
                    due[partition] = state
        if not due:
            self._changed = False
            return
        offsets = [TopicPartition(self._kafka.prefix + p.topic, p.number, o, m) for p, (o, m) in due.items()]
        try:
            with self._commit_seconds.time():
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() not in _REBALANCED:
                raise KafkaFault(f"offsets were not committed: {error.args[0].str()}") from error
            return
        self._committed |= due
        self._changed = False

    def _partition(self, partition: TopicPartition) -> Partition:
        return Partition(partition.topic.removeprefix(self._kafka.prefix), partition.partition)
