"""What the loop and the follower promise, on every broker: written before committed, nothing lost, nothing skipped."""

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runtime.errors import KafkaFault, Retry
from runtime.kafka.client import Kafka
from runtime.kafka.each import EachRecord
from runtime.kafka.embedded.kafka import EmbeddedKafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from schemas import codec
from schemas.codec import Undecodable
from schemas.deadletter import DeadLetter
from schemas.jobs import CancelRequested
from schemas.topics import CANCELLATIONS, CHUNKS_BULK, DEAD_LETTERS, JOBS, REVOCATIONS, UPLOADS
from tests.contract.brokers import child, committed, running, whole, write
from tests.waiting import wait_until

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class ByHand:
    """Takes records; the test decides when each is settled, by offset."""

    def __init__(self, room: int = 100) -> None:
        self.places = room
        self.taken: list[Received] = []
        self.begin: set[int] = set()
        self.done: set[int] = set()
        self._begun: set[int] = set()
        self._settled: set[int] = set()

    def room(self, topic: str) -> int:
        return self.places

    def handle(self, records: Sequence[Received]) -> Iterable[Step]:
        self.taken += records
        for record in list(self.taken):
            if record.offset in self.begin - self._begun:
                yield Step(begins=[record], checkpoints=[(record, f"note {record.offset}")])
                self._begun.add(record.offset)
            if record.offset in self.done - self._settled:
                self._settled.add(record.offset)
                yield Step(settles=record)

    def on_assign(self, partitions: Sequence[Partition]) -> None: ...

    def on_revoke(self, partitions: Sequence[Partition]) -> None: ...

    def close(self) -> None: ...


def copying(seen: list[Received]) -> EachRecord:
    def copy(record: Received) -> Iterable[Output]:
        seen.append(record)
        yield Output(CHUNKS_BULK, record.key or b"", record.value)

    return EachRecord(copy)


def numbered(count: int) -> list[tuple[bytes | None, bytes | None]]:
    return [(b"key", str(number).encode()) for number in range(count)]


def offset(kafka: Kafka, group: str = "stage", partition: int = 0) -> int:
    return int(committed(kafka, group, UPLOADS, partition).offset)


def committed_is(kafka: Kafka, expected: int) -> Callable[[], bool]:
    return lambda: offset(kafka) == expected


def test_every_record_is_handled_and_its_output_written(kafka: Kafka) -> None:
    write(kafka, UPLOADS, [(str(number).encode(), b"%d" % number) for number in range(200)])
    seen: list[Received] = []

    with running(Loop("stage", kafka, [UPLOADS], copying(seen))):
        copies = whole(kafka, CHUNKS_BULK, 200)

    assert {message.value() for message in copies} == {b"%d" % number for number in range(200)}
    assert len(seen) == 200


def test_an_offset_is_committed_only_when_the_outputs_before_it_are_on_the_broker(kafka: Kafka) -> None:
    write(kafka, UPLOADS, numbered(3000), partition=0)
    follower = Follower(kafka, [CHUNKS_BULK])
    checks = 0

    def all_committed() -> bool:
        nonlocal checks
        done = max(offset(kafka), 0)
        written = sum(follower.end_offsets().values())
        assert written >= done
        checks += 1
        return done == 3000

    with running(Loop("stage", kafka, [UPLOADS], copying([]), LoopOptions(batch_max=20, commit_interval_s=0.0))):
        wait_until(all_committed, "3000 records committed")
    follower.close()
    assert checks > 1


def test_an_output_that_the_broker_does_not_get_ends_the_stage_and_commits_nothing(kafka: Kafka) -> None:
    write(kafka, UPLOADS, numbered(1), partition=0)
    handler = EachRecord(lambda record: [Output(CHUNKS_BULK, "key", b"x" * 8_000_000)])

    with running(Loop("stage", kafka, [UPLOADS], handler)) as ended:
        wait_until(lambda: bool(ended), "the end of the stage")
        assert ended.pop() is not None

    assert offset(kafka) < 1


def test_the_last_outputs_of_a_stopped_loop_are_written_after_all_others(kafka: Kafka) -> None:
    write(kafka, UPLOADS, [(b"key", b"0")], partition=0)
    options = LoopOptions(last=lambda: [Output(CHUNKS_BULK, b"key", None)])
    with running(Loop("stage", kafka, [UPLOADS], copying([]), options)):
        wait_until(committed_is(kafka, 1), "the commit")
    assert [message.value() for message in whole(kafka, CHUNKS_BULK, 2)] == [b"0", None]


def test_only_the_contiguous_prefix_of_settled_records_is_committed(kafka: Kafka) -> None:
    write(kafka, UPLOADS, numbered(4), partition=0)
    handler = ByHand()
    handler.done = {1, 2}
    with running(Loop("stage", kafka, [UPLOADS], handler)):
        wait_until(lambda: len(handler.taken) == 4, "4 records in flight")
        wait_until(committed_is(kafka, 0), "the first record is still in flight")
        handler.done = {0, 1, 2}
        wait_until(committed_is(kafka, 3), "the first three are settled")

    assert offset(kafka) == 3


def test_a_handler_that_raises_ends_the_stage_and_the_record_comes_again(kafka: Kafka) -> None:
    write(kafka, UPLOADS, numbered(3), partition=0)

    def fail_at_one(record: Received) -> Iterable[Output]:
        if record.offset == 1:
            raise ZeroDivisionError
        return []

    with running(Loop("stage", kafka, [UPLOADS], EachRecord(fail_at_one))) as ended:
        wait_until(lambda: bool(ended), "the end of the stage")
        assert isinstance(ended.pop(), ZeroDivisionError)
    assert offset(kafka) <= 1

    seen: list[Received] = []
    with running(Loop("stage", kafka, [UPLOADS], copying(seen))):
        wait_until(committed_is(kafka, 3), "all three")
    assert [record.offset for record in seen][-2:] == [1, 2]


def test_retry_offers_the_same_record_again_and_loses_none_behind_it(kafka: Kafka) -> None:
    write(kafka, UPLOADS, numbered(5), partition=0)
    seen: list[int] = []

    def away_twice(record: Received) -> Iterable[Output]:
        seen.append(record.offset)
        if seen.count(2) in (1, 2) and record.offset == 2:
            raise Retry("the store is away", after_s=0.05)
        return []

    with running(Loop("stage", kafka, [UPLOADS], EachRecord(away_twice))):
        wait_until(committed_is(kafka, 5), "all five")

    assert seen == [0, 1, 2, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"\xff\xfe not JSON", "not_json"), (b'{"version": 9}', "unknown_version"), (b"{}", "wrong_schema"), (None, "tombstone")],
)
def test_a_record_that_cannot_be_decoded_becomes_a_dead_letter_with_its_bytes(
    kafka: Kafka, value: bytes | None, reason: str
) -> None:
    good = CancelRequested(job_id=uuid.UUID(int=1), work_id="0" * 64, requested_at=NOW)
    write(kafka, CANCELLATIONS, [(b"\x00key", value)], [("trace", b"\xff")], partition=2)
    write(kafka, CANCELLATIONS, [(b"key", codec.encode(good))], partition=2)
    seen: list[Received] = []

    with running(Loop("stage", kafka, [CANCELLATIONS], copying(seen))):
        dead = codec.decode(DeadLetter, whole(kafka, DEAD_LETTERS, 1)[0].value())
        wait_until(lambda: [record.event for record in seen] == [good], "the record behind it")
        wait_until(lambda: committed(kafka, "stage", CANCELLATIONS, 2).offset == 2, "both committed")

    assert (dead.topic, dead.partition, dead.offset, dead.stage, dead.reason) == ("cancellations", 2, 0, "stage", reason)
    assert (DeadLetter.unwrap(dead.key), DeadLetter.unwrap(dead.value)) == (b"\x00key", value)
    assert [(name, DeadLetter.unwrap(raw)) for name, raw in dead.headers] == [("trace", b"\xff")]


def test_a_handler_may_make_a_record_a_dead_letter(kafka: Kafka) -> None:
    write(kafka, UPLOADS, [(b"key", b"value")], partition=0)

    def refuse(record: Received) -> Iterable[Output]:
        raise Undecodable("no_dialect", "no store writes this")

    with running(Loop("stage", kafka, [UPLOADS], EachRecord(refuse))):
        dead = codec.decode(DeadLetter, whole(kafka, DEAD_LETTERS, 1)[0].value())
        wait_until(committed_is(kafka, 1), "its offset")

    assert (dead.reason, DeadLetter.unwrap(dead.value)) == ("no_dialect", b"value")


def test_the_largest_record_that_cannot_be_decoded_fits_into_a_dead_letter(kafka: Kafka) -> None:
    value = b"\xff" * 990_000
    write(kafka, CANCELLATIONS, [(b"key", value)], partition=0)

    with running(Loop("stage", kafka, [CANCELLATIONS], copying([]))):
        dead = codec.decode(DeadLetter, whole(kafka, DEAD_LETTERS, 1)[0].value())

    assert DeadLetter.unwrap(dead.value) == value


def test_a_dead_letter_that_cannot_be_written_stops_the_stage_and_the_record_is_read_again(kafka: Kafka) -> None:
    write(kafka, CANCELLATIONS, [(b"key", b"not JSON" * 1000)], partition=0)
    small = Kafka.producer_config

    with pytest.MonkeyPatch.context() as patch:  # the letter is larger than the producer may write
        patch.setattr(Kafka, "producer_config", lambda *args, **more: {**small(*args, **more), "message.max.bytes": 1000})
        patch.setattr(EmbeddedKafka, "producer", Kafka.producer)  # not the one that all share, which exists already
        with pytest.raises(KafkaFault, match="dead-letters"):
            Loop("stage", kafka, [CANCELLATIONS], copying([])).run()
    assert committed(kafka, "stage", CANCELLATIONS).offset < 0

    with running(Loop("stage", kafka, [CANCELLATIONS], copying([]))):
        dead = codec.decode(DeadLetter, whole(kafka, DEAD_LETTERS, 1)[0].value())
    assert DeadLetter.unwrap(dead.value) == b"not JSON" * 1000


def test_work_that_killed_its_worker_is_counted(kafka: Kafka) -> None:
    write(kafka, UPLOADS, numbered(1), partition=0)
    with child(kafka, "loop", {"group": "stage", "topic": UPLOADS.name}) as process:
        wait_until(lambda: process.printed("begun 0 0"), "it to print begun 0 0")

    handler = ByHand()
    with running(Loop("stage", kafka, [UPLOADS], handler)):
        wait_until(lambda: bool(handler.taken), "the record")

    assert [(record.offset, record.attempts) for record in handler.taken] == [(0, 1)]


def test_a_worker_that_shuts_down_cleanly_counts_nothing_and_leaves_its_checkpoints(kafka: Kafka) -> None:
    write(kafka, UPLOADS, numbered(3), partition=0)
    first = ByHand()
    first.begin = {0, 1}
    with running(Loop("stage", kafka, [UPLOADS], first)):
        wait_until(
            lambda: len(first.taken) == 3 and "note 1" in (committed(kafka, "stage", UPLOADS).metadata or ""), "both begun"
        )
        metadata = json.loads(committed(kafka, "stage", UPLOADS).metadata or "")
    assert metadata["attempts"] == {"0": 1, "1": 1}

    second = ByHand()
    with running(Loop("stage", kafka, [UPLOADS], second)):
        wait_until(lambda: len(second.taken) == 3, "the records again")

    assert [(record.attempts, record.checkpoint) for record in second.taken] == [(0, "note 0"), (0, "note 1"), (0, None)]


def test_a_handler_without_room_gets_nothing_until_it_has_some(kafka: Kafka) -> None:
    handler = ByHand(room=1)
    with running(Loop("stage", kafka, [UPLOADS], handler)):
        write(kafka, UPLOADS, numbered(1), partition=0)
        wait_until(lambda: len(handler.taken) == 1, "the first record")
        handler.places = 0
        write(kafka, UPLOADS, numbered(3), partition=0)
        write(kafka, CHUNKS_BULK, numbered(1))
        whole(kafka, CHUNKS_BULK, 1)  # a record written later has been read elsewhere
        assert len(handler.taken) <= 2  # one may have been on its way
        handler.places = 2
        wait_until(lambda: len(handler.taken) == 4, "all four")

    assert [record.offset for record in handler.taken] == [0, 1, 2, 3]


def test_a_loop_is_ready_when_it_has_joined_and_ends_soon_after_stop(kafka: Kafka) -> None:
    loop = Loop("stage", kafka, [UPLOADS], ByHand())
    assert loop.not_ready() == "stage has not joined its consumer group"

    with running(loop):
        wait_until(lambda: loop.not_ready() is None, "joined")
        loop.stop()
        wait_until(lambda: all(thread.name != "loop-stage" for thread in threading.enumerate()), "the end")


def test_outputs_and_offsets_of_a_transaction_appear_together(kafka: Kafka, request: pytest.FixtureRequest) -> None:
    if not kafka.transactions:
        reason = "librdkafka's in-process broker does not keep the offsets that a transaction sends"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    write(kafka, UPLOADS, numbered(20), partition=0)
    options = LoopOptions(transactional=True, assignment="range")

    with running(Loop("stage", replace(kafka, transactions=True), [UPLOADS], copying([]), options)):
        assert len(whole(kafka, CHUNKS_BULK, 20)) == 20

    assert offset(kafka) == 20


def test_a_follower_reads_whole_topics_and_reports_when_it_has(kafka: Kafka) -> None:
    write(kafka, JOBS, [(str(number).encode(), None) for number in range(40)])
    write(kafka, REVOCATIONS, [(str(number).encode(), b"not a record") for number in range(10)])
    follower = Follower(kafka, [JOBS, REVOCATIONS])
    seen: list[Received] = []

    def read_all() -> bool:
        seen.extend(follower.poll(0.1))
        return follower.reached(follower.end_offsets())

    wait_until(read_all, "the ends of both topics")
    assert sum(follower.positions().values()) == len(seen) == 50
    assert {(record.topic, record.value) for record in seen} == {("jobs", None), ("revocations", b"not a record")}

    write(kafka, JOBS, [(b"later", None)])
    assert not follower.reached(follower.end_offsets())
    wait_until(read_all, "the new end")
    assert seen[-1].key == b"later"
    follower.close()


@pytest.mark.parametrize(
    ("start", "expected"), [({Partition("jobs", 1): 4}, [4, 5]), ("end", []), ("beginning", [0, 1, 2, 3, 4, 5])]
)
def test_a_follower_begins_at_the_given_offsets(kafka: Kafka, start: Start, expected: list[int]) -> None:
    write(kafka, JOBS, numbered(6), partition=1)
    follower = Follower(kafka, [JOBS], start)
    seen: list[Received] = []

    def read_all() -> bool:
        seen.extend(follower.poll(0.1))
        return follower.reached(follower.end_offsets())

    wait_until(read_all, "the end")
    follower.close()

    assert [record.offset for record in seen] == expected
