"""A group of its own for each topic of a loop: the topics are shared out evenly, each by itself, on every broker."""

from collections import Counter
from collections.abc import Iterable, Sequence

from runtime.kafka.client import Kafka
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Partition, Received, Step
from runtime.kafka.per_topic import group_of
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE, UPLOADS
from tests.contract.brokers import committed, running, write
from tests.waiting import wait_until

TOPICS = [UPLOADS, CHUNKS_BULK]
OPTIONS = LoopOptions(group_per_topic=True)


class Reading:
    """Settles what it gets. `full`: topics that it has no room for."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.mine: set[Partition] = set()
        self.full: set[str] = set()

    def room(self, topic: str) -> int:
        return 0 if topic in self.full else 10

    def handle(self, records: Sequence[Received]) -> Iterable[Step]:
        for record in records:
            self.seen[record.topic] += 1
            yield Step(settles=record)

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        self.mine |= set(partitions)

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        self.mine -= set(partitions)

    def close(self) -> None: ...

    def shares(self) -> Counter[str]:
        return Counter(partition.topic for partition in self.mine)


def test_two_loops_that_come_one_after_the_other_get_half_of_each_topic(kafka: Kafka) -> None:
    first, second = Reading(), Reading()
    half = Counter({topic.name: 2 for topic in TOPICS})
    with running(Loop("stage", kafka, TOPICS, first, OPTIONS)):
        wait_until(lambda: len(first.mine) == 8, "all partitions")
        with running(Loop("stage", kafka, TOPICS, second, OPTIONS)):
            wait_until(lambda: first.shares() == second.shares() == half, "half of each topic for both")
            assert not first.mine & second.mine


def test_every_topic_is_read_and_committed_in_its_own_group(kafka: Kafka) -> None:
    reading = Reading()
    with running(Loop("stage", kafka, [UPLOADS, CHUNKS_INTERACTIVE], reading, OPTIONS)):
        write(kafka, UPLOADS, [(b"key", b"value")] * 20, partition=0)
        wait_until(lambda: reading.seen[UPLOADS.name] == 20, "the records")
        wait_until(lambda: committed(kafka, group_of("stage", UPLOADS), UPLOADS).offset == 20, "their offset")
    assert committed(kafka, "stage", UPLOADS).offset < 0


def test_a_topic_without_room_waits_and_the_other_continues(kafka: Kafka) -> None:
    reading = Reading()
    reading.full = {UPLOADS.name}
    with running(Loop("stage", kafka, [UPLOADS, CHUNKS_BULK], reading, OPTIONS)):
        wait_until(lambda: len(reading.mine) == 8, "all partitions")
        write(kafka, UPLOADS, [(b"key", b"value")])
        write(kafka, CHUNKS_BULK, [(b"key", b"not a chunk")], partition=0)  # a dead letter, so the handler never sees it
        wait_until(lambda: committed(kafka, group_of("stage", CHUNKS_BULK), CHUNKS_BULK).offset == 1, "the other topic's offset")
        assert not reading.seen
        reading.full = set()
        wait_until(lambda: reading.seen == {UPLOADS.name: 1}, "the record that waited")
