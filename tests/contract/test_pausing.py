"""A partition that was paused for want of room, left and came back: it is read again, on every broker."""

from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer

from murmur.kafka.client import Kafka
from murmur.kafka.loop import Loop, LoopOptions
from murmur.kafka.messages import Partition, Received, Step
from schemas.topics import UPLOADS
from tests.contract.brokers import member, running, wait_until, write


class Full:
    """Has room for one record; forgets it with its partition, as a worker does whose session was lost."""

    def __init__(self) -> None:
        self.seen: list[Received] = []
        self.held: list[Received] = []
        self.mine: set[Partition] = set()

    def room(self, topic: str) -> int:
        return 1 - len(self.held)

    def handle(self, records: Sequence[Received]) -> Iterable[Step]:
        self.seen += records
        self.held += records
        return ()

    def assigned(self, partitions: Sequence[Partition]) -> None:
        self.mine |= set(partitions)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        self.mine -= set(partitions)
        self.held = [record for record in self.held if record.partition not in partitions]

    def close(self) -> None: ...


def test_a_paused_partition_that_went_and_came_back_is_read_again(kafka: Kafka) -> None:
    for number in range(4):
        write(kafka, UPLOADS, [(b"key", b"value")], partition=number)
    handler = Full()
    with running(Loop("stage", kafka, [UPLOADS], handler, LoopOptions(assignment="range"))):
        wait_until(lambda: len(handler.held) == 1, "the first record, which leaves no room")
        with member(kafka, "stage", UPLOADS, assignment="range") as other:
            wait_until(lambda: _polled(other) and len(handler.mine) == 2, "half of the partitions to leave")
        wait_until(lambda: len(handler.mine) == 4, "all partitions to be back")
        for _ in range(4):
            wait_until(lambda: len(handler.held) == 1, f"a record of what came back, beside {handler.seen}")
            handler.revoked([handler.held[0].partition])
            handler.mine.add(handler.seen[-1].partition)
    assert {record.partition.number for record in handler.seen} == {0, 1, 2, 3}


def _polled(consumer: Consumer) -> bool:
    consumer.poll(0.05)
    return True
