"""The two ways of committing. Both keep one order: outputs on the broker first, offsets after.

`AckedCommits`: outputs acknowledged, then the contiguous prefix of settled records is committed. A crash in between repeats
records; outputs carry derived ids, so a repeat is recognised.
`TransactionalCommits`: outputs and offsets of a turn in one Kafka transaction: all or nothing. For the coordinator.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.errors import KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition, Received, Step
from runtime.kafka.per_topic import PerTopic
from runtime.kafka.timeouts import ClientHung, call_with_timeout
from runtime.kafka.window import Window
from runtime.kafka.writer import Writer

FLUSH_S = 10.0
OPEN_S = 30.0  # a broker that is starting; longer than it needs to decide what a predecessor left open
CALL_S = 12.0  # longer than a call with its own limit of FLUSH_S may take
ABORT_S = 2.0
_MOVED = {  # the group is moving: the partition's next owner reads the records again
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError._NO_OFFSET,
    KafkaError._STATE,
}


class Commits(Protocol):
    """Called by the loop, in its thread."""

    def clear(self, places: list[TopicPartition]) -> None:
        """Does away with offsets of ours that nobody will ever decide. Raises KafkaFault."""

    def assigned(self, committed: Iterable[TopicPartition]) -> None: ...

    def receive(self, partition: Partition, offset: int) -> tuple[int, str | None]:
        """Takes a record in hand; returns its earlier attempts and the note left for it."""

    def take(self, step: Step) -> None: ...

    def advance(self) -> None:
        """The end of a turn. Raises KafkaFault."""

    def revoked(self, partitions: Iterable[Partition], *, lost: bool) -> None: ...

    @property
    def in_hand(self) -> int: ...

    def close(self) -> None:
        """Commits what is settled. The loop has stopped handing over."""


class AckedCommits:
    """`interval_s`: the longest time that settled records may be repeated by a crash."""

    def __init__(self, kafka: Kafka, consumer: Consumer | PerTopic, writer: Writer, interval_s: float) -> None:
        self._kafka = kafka
        self._consumer = consumer
        self._writer = writer
        self._interval_s = interval_s
        self._windows: dict[Partition, Window] = {}
        self._committed: dict[Partition, tuple[int, str]] = {}
        self._waiting: deque[tuple[int, Received, str | None]] = deque()  # (after output number, record, note | settled)
        self._next_commit_s = 0.0

    def clear(self, places: list[TopicPartition]) -> None:
        """Offsets of ours are decided at once."""

    def assigned(self, committed: Iterable[TopicPartition]) -> None:
        for place in committed:
            self._windows[self._partition(place)] = Window(place.metadata)

    def receive(self, partition: Partition, offset: int) -> tuple[int, str | None]:
        return self._windows.setdefault(partition, Window()).add(offset)

    def take(self, step: Step) -> None:
        for output in step.outputs:
            self._writer.send(output)
        for record, note in step.notes:
            self._waiting.append((self._writer.sent, record, note))
        if step.begins:
            for record in step.begins:
                if window := self._windows.get(record.partition):
                    window.begin(record.offset)
            self._commit()
        if step.settles is not None:
            self._waiting.append((self._writer.sent, step.settles, None))

    def advance(self) -> None:
        self._writer.poll()
        self._apply()
        if time.monotonic() >= self._next_commit_s:
            self._commit()

    def revoked(self, partitions: Iterable[Partition], *, lost: bool) -> None:
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
    def in_hand(self) -> int:
        return sum(window.in_hand for window in self._windows.values())

    def close(self) -> None:
        self._writer.flush(FLUSH_S)
        self._apply()
        self._commit(leaving=True)

    def _apply(self) -> None:
        """What waits for acknowledgements that have come counts from now on."""
        acknowledged = self._writer.acknowledged
        while self._waiting and self._waiting[0][0] <= acknowledged:
            _, record, note = self._waiting.popleft()
            if window := self._windows.get(record.partition):
                if note is None:
                    window.settle(record.offset)
                else:
                    window.note(record.offset, note)

    def _commit(self, *, leaving: bool = False) -> None:
        """Synchronous: what is said to have begun must be on the broker before it begins."""
        self._next_commit_s = time.monotonic() + self._interval_s
        due: dict[Partition, tuple[int, str]] = {}
        for partition, window in self._windows.items():
            if (position := window.position) is not None:
                state = (position, window.metadata(leaving=leaving))
                if state != self._committed.get(partition):
                    due[partition] = state
        if not due:
            return
        places = [TopicPartition(self._kafka.prefix + p.topic, p.number, o, m) for p, (o, m) in due.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() not in _MOVED:
                raise KafkaFault(f"offsets were not committed: {error.args[0].str()}") from error
            return
        self._committed |= due

    def _partition(self, place: TopicPartition) -> Partition:
        return Partition(place.topic.removeprefix(self._kafka.prefix), place.partition)


class TransactionalCommits:
    """One transaction a turn. Any error ends the process: what was not committed is read again after the restart.

    The handler settles every record in the turn that it got it; begins and notes have no meaning here.
    """

    def __init__(self, kafka: Kafka, consumer: Consumer, writer: Writer) -> None:
        self._kafka = kafka
        self._consumer = consumer
        self._writer = writer
        self._steps: list[Step] = []
        self._in_hand: set[tuple[Partition, int]] = set()

    def open(self, stopping: Callable[[], bool]) -> None:
        """Aborts what a predecessor of the same name left open, and shuts it out. Blocks until that is done or `stopping()`;
        raises KafkaFault."""
        until_s = time.monotonic() + OPEN_S
        while not stopping():
            try:
                self._writer.producer.init_transactions(1.0)
                return
            except KafkaException as error:
                self._writer.poll()  # only here it is heard that the broker refuses the password, for one
                if not error.args[0].retriable() or time.monotonic() > until_s:
                    raise KafkaFault(f"transactions cannot begin: {error.args[0].str()}") from error

    def clear(self, places: list[TopicPartition]) -> None:
        """An offset that a predecessor of our name sent when its transaction was already over hangs: no end of a transaction
        is written after it. The end of one of ours is, since we have its producer id. This one takes no effect itself."""
        producer = self._writer.producer
        first = [TopicPartition(place.topic, place.partition, 0) for place in places]
        group = self._consumer.consumer_group_metadata()
        producer.begin_transaction()
        try:
            call_with_timeout(CALL_S, "a transaction", lambda: producer.send_offsets_to_transaction(first, group, FLUSH_S))
            producer.abort_transaction(FLUSH_S)
        except KafkaException as error:
            raise self._aborted(f"offsets cannot be cleared away: {error.args[0].str()}") from error

    def assigned(self, committed: Iterable[TopicPartition]) -> None:
        """Positions are the broker's business."""

    def receive(self, partition: Partition, offset: int) -> tuple[int, str | None]:
        self._in_hand.add((partition, offset))
        return 0, None

    def take(self, step: Step) -> None:
        self._steps.append(step)

    def advance(self) -> None:
        steps = self._due()
        if not steps:
            return
        try:
            self._commit(steps)
        except ClientHung:
            raise  # its producer answers to nobody any more
        except (KafkaException, KafkaFault) as error:
            said = str(error) if isinstance(error, KafkaFault) else error.args[0].str()
            raise self._aborted(f"a transaction failed: {said}") from error
        self._in_hand -= {(step.settles.partition, step.settles.offset) for step in steps if step.settles}

    def revoked(self, partitions: Iterable[Partition], *, lost: bool) -> None:
        gone = set(partitions)
        self._in_hand = {entry for entry in self._in_hand if entry[0] not in gone}
        self._steps = [step for step in self._steps if step.settles is None or step.settles.partition not in gone]

    @property
    def in_hand(self) -> int:
        return len(self._in_hand)

    def close(self) -> None:
        """Every turn ends with its commit: nothing is left."""

    def _due(self) -> list[Step]:
        """Takes out the steps whose record has none before it that is still in hand: an offset speaks for all before it.
        A dead letter behind a record that waits for the store has to wait, too."""
        settled = {(step.settles.partition, step.settles.offset) for step in self._steps if step.settles}
        first: dict[Partition, int] = {}
        for partition, offset in self._in_hand - settled:
            first[partition] = min(offset, first.get(partition, offset))
        due: list[Step] = []
        waiting: list[Step] = []
        for step in self._steps:
            record = step.settles
            held = record is not None and record.offset > first.get(record.partition, record.offset)
            (waiting if held else due).append(step)
        self._steps = waiting
        return due

    def _commit(self, steps: Iterable[Step]) -> None:
        producer = self._writer.producer
        producer.begin_transaction()
        offsets: dict[Partition, int] = {}
        for step in steps:
            for output in step.outputs:
                self._writer.send(output)
            if record := step.settles:
                offsets[record.partition] = max(offsets.get(record.partition, 0), record.offset + 1)
        places = [TopicPartition(self._kafka.prefix + p.topic, p.number, o) for p, o in offsets.items()]
        group = self._consumer.consumer_group_metadata()
        # librdkafka 2.16 heeds no time limit here: a broker that restarts meanwhile is waited for without end.
        call_with_timeout(CALL_S, "a transaction", lambda: producer.send_offsets_to_transaction(places, group, FLUSH_S))
        producer.commit_transaction(FLUSH_S)
        self._writer.poll()

    def _aborted(self, failure: str) -> KafkaFault:
        """Frees the readers at once, who would wait for the transaction's timeout otherwise. Nothing else rests on it, but a
        producer that could not abort cannot be closed: librdkafka 2.16 would wait for that even when the broker is back."""
        try:
            self._writer.producer.abort_transaction(ABORT_S)
        except KafkaException as error:
            return ClientHung(f"{failure}; the broker has to abort it: {error.args[0].str()}")
        return KafkaFault(failure)
