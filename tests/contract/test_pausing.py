"""A partition that was paused for want of room, left and came back: it is read again, on every broker."""

from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer

from runtime.kafka.client import Kafka
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Partition, Received, Step
from schemas.topics import UPLOADS
from tests.contract.brokers import member, running, write
from tests.waiting import wait_until


class Full:
    """Has room for one record; forgets it with its partition, as a worker does whose session was lost. `seen`: since the last
    assignment."""

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

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        self.mine |= set(partitions)
        self.seen = []

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
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
        wait_until(lambda: _seen_when_there_is_room(handler) == {0, 1, 2, 3}, "a record of each partition that came back")


def _seen_when_there_is_room(handler: Full) -> set[int]:
    """The partitions. With repeated calls it makes room each time."""
    handler.held = []
    return {record.partition.number for record in handler.seen}


def _polled(consumer: Consumer) -> bool:
    consumer.poll(0.05)
    return True
