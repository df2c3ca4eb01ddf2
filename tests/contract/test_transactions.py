"""The coordinator's way of committing, on the real broker: outputs and offsets of a turn together or not at all, whatever
crashes.

Nothing here runs on the embedded broker: it answers transactions and does nothing about them (`test_loop.py` shows it).
"""

import random
import signal
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from confluent_kafka import TopicPartition

from runtime.errors import KafkaFault, Retry
from runtime.kafka.client import Kafka
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.kafka.transactional import TransactionalCommits
from runtime.kafka.writer import Writer
from schemas import codec
from schemas.jobs import CancelRequested
from schemas.topics import CANCELLATIONS, CHUNKS_BULK, DEAD_LETTERS, UPLOADS
from tests.contract.brokers import LongTransactions, child, committed, running, whole, with_transactions, write
from tests.waiting import DEADLINE_S, wait_until

TRANSACTIONAL = LoopOptions(transactional=True, assignment="range", batch_max=50)
GOOD = codec.encode(CancelRequested(job_id=uuid.UUID(int=1), work_id="0" * 64, requested_at=datetime(2026, 1, 2, tzinfo=UTC)))


class Copying:
    """Copies every record to `chunks.bulk`; `fail(record)` may raise. Knows which partitions are its own."""

    def __init__(self, fail: object = None) -> None:
        self.seen: list[Received] = []
        self.own: set[Partition] = set()
        self.strangers: list[Received] = []
        self._fail = fail

    def room(self, topic: str) -> int:
        return 50

    def handle(self, records: Sequence[Received]) -> Iterable[Step]:
        for record in records:
            if record.partition not in self.own:
                self.strangers.append(record)
            if callable(self._fail):
                self._fail(record)
            self.seen.append(record)
            yield Step(outputs=[Output(CHUNKS_BULK, record.key or b"", record.value, record.partition.number)], settles=record)

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        self.own.update(partitions)

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        self.own.difference_update(partitions)

    def close(self) -> None: ...


def numbered(count: int) -> list[tuple[bytes | None, bytes | None]]:
    return [(b"key", str(number).encode()) for number in range(count)]


def spread(kafka: Kafka, count: int) -> set[bytes]:
    """`count` records in each partition, all different."""
    for number in range(4):
        write(kafka, UPLOADS, [(b"key", b"%d/%d" % (number, n)) for n in range(count)], partition=number)
    return {b"%d/%d" % (number, n) for number in range(4) for n in range(count)}


def all_committed(kafka: Kafka, count: int) -> bool:
    return all(committed(kafka, "stage", UPLOADS, number).offset == count for number in range(4))


def everything(kafka: Kafka, isolation: str = "read_committed") -> list[bytes]:
    """All copies up to the end as it is now. Blocks until no transaction before that end is open."""
    left = {p: end for p, end in kafka.offsets.ends([CHUNKS_BULK]).items() if end > 0}
    reader = kafka.consumer("reads-all", **{"isolation.level": isolation, "enable.partition.eof": True})
    values = []
    try:
        reader.assign([TopicPartition(kafka.prefix + p.topic, p.number, 0) for p in left])
        until_s = time.monotonic() + DEADLINE_S
        while left:
            assert time.monotonic() < until_s, f"not readable: {left}"
            for message in reader.consume(500, 0.1):
                partition = Partition(CHUNKS_BULK.name, message.partition() or 0)
                if message.error() is None:
                    values.append(message.value() or b"")
                elif (message.offset() or 0) >= left.get(partition, 0):
                    left.pop(partition, None)
    finally:
        reader.close()
    return values


@contextmanager
def transaction_held_open(kafka: Kafka, *, instance: str = "held", transactions: str = "quick") -> Iterator[str]:
    """A process of the stage that has written copies and sent offsets, and hangs before it commits. Its pid.

    The broker aborts a `quick` transaction after some seconds, a `long` one only long after the test."""
    options = {"group": "stage", "topic": UPLOADS.name, "instance": instance, "transactions": transactions}
    with child(kafka, "half_a_turn", options) as process:
        wait_until(lambda: process.printed("sent"), "it to print sent")
        yield str(process.pid)


def test_outputs_and_offsets_appear_together(real_kafka: Kafka) -> None:
    expected = spread(real_kafka, 60)
    with running(Loop("stage", real_kafka, [UPLOADS], Copying(), TRANSACTIONAL)):
        wait_until(lambda: all_committed(real_kafka, 60), "all offsets")
        assert sorted(everything(real_kafka)) == sorted(expected)


def test_a_handler_that_fails_leaves_neither_outputs_nor_offsets_of_its_turn(real_kafka: Kafka) -> None:
    write(real_kafka, UPLOADS, numbered(20), partition=0)

    def fail(record: Received) -> None:
        if record.offset == 10:
            raise ZeroDivisionError

    with running(Loop("stage", real_kafka, [UPLOADS], Copying(fail), TRANSACTIONAL)) as ended:
        wait_until(lambda: bool(ended), "the end of the stage")
        assert isinstance(ended.pop(), ZeroDivisionError)
    done = max(committed(real_kafka, "stage", UPLOADS).offset, 0)
    assert len(everything(real_kafka)) == done <= 10

    with running(Loop("stage", real_kafka, [UPLOADS], Copying(), TRANSACTIONAL)):
        wait_until(lambda: committed(real_kafka, "stage", UPLOADS).offset == 20, "all offsets")
    assert everything(real_kafka) == [str(number).encode() for number in range(20)]


def test_an_output_that_is_refused_ends_the_stage_and_frees_the_readers_at_once(real_kafka: Kafka) -> None:
    write(real_kafka, UPLOADS, [(b"key", b"small"), (b"key", random.randbytes(900_000))], partition=0)

    class Swelling(Copying):
        def handle(self, records: Sequence[Received]) -> Iterable[Step]:
            for record in records:
                yield Step(outputs=[Output(CHUNKS_BULK, b"key", (record.value or b"") * 2, 0)], settles=record)

    lasting = with_transactions(real_kafka, LongTransactions)
    with running(Loop("stage", lasting, [UPLOADS], Swelling(), TRANSACTIONAL)) as ended:
        wait_until(lambda: bool(ended), "the end of the stage")
        assert isinstance(ended.pop(), KafkaFault)
        assert set(everything(real_kafka)) <= {b"smallsmall"}  # blocks while a transaction is open


def test_a_dead_letter_never_advances_the_offset_past_a_record_that_waits(real_kafka: Kafka) -> None:
    """The record before it waits for the store when the process is killed: it must be read again."""
    write(real_kafka, CANCELLATIONS, [(b"key", GOOD), (b"key", b"not JSON")], partition=0)
    tried = threading.Event()

    def away(_record: Received) -> None:
        tried.set()
        raise Retry("the store is away", after_s=0.05)

    with running(Loop("stage", real_kafka, [CANCELLATIONS], Copying(away), TRANSACTIONAL)):
        wait_until(tried.is_set, "the first try")
        tried.clear()
        wait_until(tried.is_set, "another, after the turn of the first has been committed")
    assert committed(real_kafka, "stage", CANCELLATIONS).offset <= 0

    second = Copying()
    with running(Loop("stage", real_kafka, [CANCELLATIONS], second, TRANSACTIONAL)):
        wait_until(lambda: committed(real_kafka, "stage", CANCELLATIONS).offset == 2, "both")
    assert [record.offset for record in second.seen] == [0]
    assert len(whole(real_kafka, DEAD_LETTERS, 1)) == 1
    assert sum(end > 0 for end in real_kafka.offsets.ends([DEAD_LETTERS]).values()) == 1


def test_what_was_produced_before_a_kill_is_never_seen_and_is_done_again(real_kafka: Kafka) -> None:
    """Takeover by another process: it waits until the broker has aborted the transaction."""
    expected = spread(real_kafka, 20)
    with transaction_held_open(real_kafka):
        assert everything(real_kafka, "read_uncommitted") != []
    with running(Loop("stage", real_kafka, [UPLOADS], Copying(), TRANSACTIONAL)):
        wait_until(lambda: all_committed(real_kafka, 20), "all offsets")
    assert sorted(everything(real_kafka)) == sorted(expected)


def test_a_restart_under_the_same_name_aborts_at_once_what_its_predecessor_left_open(real_kafka: Kafka) -> None:
    expected = spread(real_kafka, 20)
    with transaction_held_open(real_kafka, instance="stage-0", transactions="long"):
        pass
    with running(Loop("stage", replace(real_kafka, instance="stage-0"), [UPLOADS], Copying(), TRANSACTIONAL)):
        wait_until(lambda: all_committed(real_kafka, 20), "all offsets")
    assert sorted(everything(real_kafka)) == sorted(expected)


def test_a_zombie_that_wakes_up_is_refused_and_ends(real_kafka: Kafka) -> None:
    expected = spread(real_kafka, 10)
    with child(real_kafka, "copying", {"group": "stage", "topic": UPLOADS.name}) as zombie:
        wait_until(lambda: zombie.printed("ready"), "it to print ready")
        wait_until(lambda: all_committed(real_kafka, 10), "the first records")
        zombie.send(signal.SIGSTOP)
        for number in range(4):
            write(real_kafka, UPLOADS, [(b"key", b"%d/late" % number)], partition=number)
        with running(Loop("stage", real_kafka, [UPLOADS], Copying(), TRANSACTIONAL)):
            wait_until(lambda: all_committed(real_kafka, 11), "the takeover")
            zombie.send(signal.SIGCONT)
            for number in range(4):
                write(real_kafka, UPLOADS, [(b"key", b"%d/last" % number)], partition=number)
            wait_until(lambda: all_committed(real_kafka, 12), "what came after it woke")
    expected |= {b"%d/%s" % (number, what) for number in range(4) for what in (b"late", b"last")}
    assert sorted(everything(real_kafka)) == sorted(expected)


def test_a_zombie_in_the_middle_of_a_turn_is_refused(real_kafka: Kafka) -> None:
    """Frozen between `produce` and `send_offsets`: what it commits when it wakes is refused, and it ends with an error."""
    expected = spread(real_kafka, 10)
    with child(real_kafka, "frozen_turn", {"group": "stage", "topic": UPLOADS.name}) as zombie:
        wait_until(lambda: zombie.printed("produced"), "it to print produced")
        zombie.send(signal.SIGSTOP)
        with running(Loop("stage", real_kafka, [UPLOADS], Copying(), TRANSACTIONAL)):
            wait_until(lambda: all_committed(real_kafka, 10), "the takeover")
            zombie.send(signal.SIGCONT)
            wait_until(lambda: zombie.printed("refused"), "the refusal")
    assert sorted(everything(real_kafka)) == sorted(expected)


def test_members_that_come_and_go_under_load_repeat_and_lose_nothing(real_kafka: Kafka) -> None:
    """Every arrival and departure is a rebalance in the middle of turns."""
    stop = threading.Event()
    written: list[bytes] = []

    def load() -> None:
        for round_ in range(10_000):
            if stop.is_set():
                return
            for number in range(4):
                values = [b"%d/%d/%d" % (number, round_, n) for n in range(10)]
                write(real_kafka, UPLOADS, [(b"key", value) for value in values], partition=number)
                written.extend(values)

    writing = threading.Thread(target=load)
    handlers = [Copying() for _ in range(4)]
    with running(Loop("stage", real_kafka, [UPLOADS], handlers[0], TRANSACTIONAL)):
        writing.start()
        try:
            for other in handlers[1:]:
                with running(Loop("stage", real_kafka, [UPLOADS], other, TRANSACTIONAL)):
                    wait_until(lambda other=other: len(other.seen) > 20, "the second member works")  # type: ignore[misc]
                seen = len(handlers[0].seen)
                wait_until(lambda seen=seen: len(handlers[0].seen) > seen + 40, "the first has all again")  # type: ignore[misc]
        finally:
            stop.set()
            writing.join()
        wait_until(lambda: all_committed(real_kafka, len(written) // 4), "all offsets")
    assert [handler.strangers for handler in handlers] == [[], [], [], []]
    assert sorted(everything(real_kafka)) == sorted(written)


def test_a_partition_that_was_paused_when_it_was_revoked_is_read_when_it_comes_back(kafka: Kafka) -> None:
    class Full(Copying):
        places = 50

        def room(self, topic: str) -> int:
            return self.places

    options = replace(TRANSACTIONAL, transactional=False)
    first, second = Full(), Copying()
    with running(Loop("stage", kafka, [UPLOADS], first, options)):
        wait_until(lambda: len(first.own) == 4, "all partitions")
        first.places = 0
        with running(Loop("stage", kafka, [UPLOADS], second, options)):
            wait_until(lambda: len(second.own) == 2, "half of them moved")
        wait_until(lambda: len(first.own) == 4, "they are back")
        first.places = 50
        expected = spread(kafka, 3)
        wait_until(lambda: {record.value for record in first.seen} == expected, "records of every partition")


def test_steps_of_revoked_partitions_are_not_written(real_kafka: Kafka) -> None:
    spread(real_kafka, 1)
    consumer = real_kafka.consumer("stage")
    producer = real_kafka.producer("stage", **{"transactional.id": f"{real_kafka.prefix}{uuid.uuid4()}"})
    try:
        consumer.subscribe([real_kafka.name(UPLOADS)])
        wait_until(lambda: consumer.poll(0.1) is None and len(consumer.assignment()) == 4, "all partitions")
        commits = TransactionalCommits(real_kafka, consumer, Writer(real_kafka, producer, "stage"))
        commits.open(lambda: False)
        records = [Received(Partition(UPLOADS.name, number), 0, b"key", b"%d" % number, None) for number in (0, 1)]
        for record in records:
            commits.receive(record.partition, record.offset)
            commits.write(Step(outputs=[Output(CHUNKS_BULK, b"key", record.value)], settles=record))
        commits.on_revoke([records[0].partition], lost=True)
        commits.commit()
        assert commits.in_flight == 0
        assert everything(real_kafka) == [b"1"]
        assert committed(real_kafka, "stage", UPLOADS, 0).offset < 0
        assert committed(real_kafka, "stage", UPLOADS, 1).offset == 1
    finally:
        consumer.close()
