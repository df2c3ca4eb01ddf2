"""Dead letters are replayed or dropped once, on both brokers."""

from contextlib import closing
from datetime import timedelta

import pytest
from confluent_kafka import TopicPartition

from runtime.errors import BrokerUnavailable
from runtime.kafka import deadletters, settling
from runtime.kafka.client import Kafka
from runtime.kafka.deadletters import ALL, Letters, Selection
from runtime.kafka.each import EachRecord
from runtime.kafka.follower import Follower
from runtime.kafka.loop import Loop
from runtime.kafka.messages import Output, Partition, Received
from schemas.codec import Undecodable
from schemas.deadletter import DeadLetter
from schemas.topics import DEAD_LETTERS, UPLOADS
from tests.contract.brokers import committed, running, take, whole, write
from tests.letters import DIED_AT, dead_letter, written
from tests.waiting import DEADLINE_S, wait_until


def value_of(dead: DeadLetter) -> bytes | None:
    return dead.unwrap(dead.value)


def died(kafka: Kafka, *letters: DeadLetter) -> None:
    write(kafka, DEAD_LETTERS, written(*letters))


def uploads(kafka: Kafka) -> list[bytes]:
    """Values; aborted records are not there."""
    with closing(Follower(kafka, [UPLOADS])) as follower:
        ends, values = follower.end_offsets(), list[bytes]()
        while not follower.reached(ends):
            values += [record.value or b"" for record in follower.poll(0.1)]
    return sorted(values)


def test_a_replayed_letter_is_written_to_its_topic_byte_for_byte_and_marked(kafka: Kafka) -> None:
    died(kafka, dead_letter(1), dead_letter(2))
    done = settling.settle(kafka, Selection(frozenset({"uploads-0@1"})), "replayed", value_of)
    assert ([dead.subject for dead in done.now], done.before) == (["uploads-0@1"], ())
    (record,) = whole(kafka, UPLOADS, 1)
    assert (record.key(), record.value()) == (b"key", b"value 1")
    assert dict(record.headers() or []) == {"from": b"\xff", "murmur-replayed": b"uploads-0@1"}
    states = {dead.subject: dead.settled and dead.settled.outcome for dead in deadletters.read(kafka)}
    assert states == {"uploads-0@1": "replayed", "uploads-0@2": None}


def test_replaying_again_writes_nothing(kafka: Kafka) -> None:
    died(kafka, dead_letter(1), dead_letter(2))
    assert len(settling.settle(kafka, ALL, "replayed", value_of).now) == 2
    again = settling.settle(kafka, ALL, "replayed", value_of)
    assert (again.now, len(again.before)) == ((), 2)
    died(kafka, dead_letter(3))
    assert [dead.subject for dead in settling.settle(kafka, ALL, "replayed", value_of).now] == ["uploads-0@3"]
    assert uploads(kafka) == [b"value 1", b"value 2", b"value 3"]


def test_what_a_command_of_another_process_writes_can_be_read_by_clients_that_verify_checksums(kafka: Kafka) -> None:
    """aiokafka does, and with it the metrics sink: a transaction's marker on the embedded broker would end it."""
    outside = Kafka(kafka.bootstrap, kafka.prefix, kafka.common).reached(DEADLINE_S)
    died(kafka, dead_letter(1))
    settling.settle(outside, ALL, "replayed", value_of)
    write(kafka, UPLOADS, [(b"key", b"later")])
    with closing(outside.consumer("verifies", **{"check.crcs": True})) as consumer:
        partitions = consumer.list_topics(kafka.name(UPLOADS), timeout=DEADLINE_S).topics[kafka.name(UPLOADS)].partitions
        consumer.assign([TopicPartition(kafka.name(UPLOADS), number, 0) for number in partitions])
        assert [record.value() for record in take(consumer, 2)] == [b"value 1", b"later"]


def test_a_dropped_letter_is_not_replayed_later(kafka: Kafka) -> None:
    died(kafka, dead_letter(1), dead_letter(2, reason="tombstone", value=None))
    settling.settle(kafka, Selection(reason="tombstone"), "dropped", value_of)
    assert [dead.subject for dead in settling.settle(kafka, ALL, "replayed", value_of).now] == ["uploads-0@1"]
    assert uploads(kafka) == [b"value 1"]


def test_a_mark_has_no_content(kafka: Kafka) -> None:
    died(kafka, dead_letter(1))
    settling.settle(kafka, ALL, "dropped", value_of)
    (mark,) = deadletters.read(kafka)
    assert (mark.key, mark.value, mark.headers, mark.reason) == (None, None, (), "not_json")


def test_a_record_that_dies_again_at_its_new_place_is_a_letter_of_its_own(kafka: Kafka) -> None:
    died(kafka, dead_letter(1))
    settling.settle(kafka, ALL, "replayed", value_of)
    died(kafka, dead_letter(7))
    assert [dead.subject for dead in settling.preview(kafka, ALL).now] == ["uploads-0@7"]


def test_stages_that_fail_on_the_same_record_have_a_letter_each_which_are_settled_apart(kafka: Kafka) -> None:
    record = Received(Partition(UPLOADS.name, 0), 1, b"key", b"value 1", None)
    letters = [letter_of(record, stage) for stage in ("store", "webhooks")]
    assert [dead.subject for dead in letters] == ["uploads-0@1~store", "uploads-0@1~webhooks"]
    died(kafka, *letters)
    done = settling.settle(kafka, Selection(frozenset({"uploads-0@1~store"})), "dropped", value_of)
    assert [dead.stage for dead in done.now] == ["store"]
    assert [dead.stage for dead in settling.settle(kafka, ALL, "replayed", value_of).now] == ["webhooks"]
    assert uploads(kafka) == [b"value 1"]


def test_a_replayed_record_is_processed_only_by_the_stage_whose_letter_it_was(kafka: Kafka) -> None:
    """Otherwise each replay of all letters would double them, as long as the stages fail."""
    record = Received(Partition(UPLOADS.name, 0), 1, b"key", b"value 1", None)
    stages = ("store", "webhooks")
    for stage in stages:
        write(kafka, DEAD_LETTERS, written(letter_of(record, stage)))
    assert len(settling.settle(kafka, ALL, "replayed", value_of).now) == 2
    assert uploads(kafka) == [b"value 1", b"value 1"]
    for stage in stages:
        assert [dict(each.headers)["murmur-replayed"] for each in read_by(kafka, stage)] == [f"uploads-0@1~{stage}".encode()]


def read_by(kafka: Kafka, stage: str) -> list[Received]:
    """What the stage processes of the two records of `uploads`."""
    seen: list[Received] = []

    def process(record: Received) -> tuple[Output, ...]:
        seen.append(record)
        return ()

    last = max(whole(kafka, UPLOADS, 2), key=lambda message: message.offset() or 0)
    with running(Loop(stage, kafka, [UPLOADS], EachRecord(process))):
        done = (last.offset() or 0) + 1  # a mark of the transaction follows, which is not counted
        wait_until(lambda: committed(kafka, stage, UPLOADS, last.partition() or 0).offset == done, "the whole topic")
    return seen


def letter_of(record: Received, stage: str) -> DeadLetter:
    letter = Letters(stage).letter(record, Undecodable("not_json", "no JSON"), DIED_AT).value
    assert isinstance(letter, DeadLetter)
    return letter


def test_many_letters_are_settled_in_batches_with_their_progress(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "BATCH", 2)
    died(kafka, *(dead_letter(offset) for offset in range(5)))
    seen: list[tuple[int, int]] = []
    settling.settle(kafka, ALL, "replayed", value_of, lambda done, of: seen.append((done, of)))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert len(uploads(kafka)) == 5


def test_letters_are_selected_by_stage_topic_reason_and_time() -> None:
    later = DIED_AT + timedelta(hours=1)
    letters = [
        dead_letter(1),
        dead_letter(2, stage="slicer", topic="decodes"),
        dead_letter(3, reason="tombstone"),
        dead_letter(4, died_at=later),
    ]
    for which, expected in [
        (ALL, [1, 2, 3, 4]),
        (Selection(frozenset({"uploads-0@1", "decodes-0@2"})), [1, 2]),
        (Selection(stage="slicer"), [2]),
        (Selection(topic="uploads", reason="not_json"), [1, 4]),
        (Selection(since=later), [4]),
        (Selection(until=later), [1, 2, 3]),
    ]:
        assert [dead.offset for dead in letters if which.matches(dead)] == expected


def test_a_value_that_is_missing_settles_nothing(kafka: Kafka) -> None:
    died(kafka, dead_letter(1), dead_letter(2))

    def missing(dead: DeadLetter) -> bytes | None:
        raise LookupError(dead.subject)

    with pytest.raises(LookupError):
        settling.settle(kafka, ALL, "replayed", missing)
    assert len(settling.preview(kafka, ALL).now) == 2
    assert uploads(kafka) == []


def test_of_two_at_the_same_time_only_one_replays(real_kafka: Kafka) -> None:
    """The second begins while the first has read the letters and not yet committed."""
    died(real_kafka, dead_letter(1), dead_letter(2))
    others: list[settling.Settled] = []

    def overtaken(dead: DeadLetter) -> bytes | None:
        if not others:
            others.append(settling.settle(real_kafka, ALL, "replayed", value_of))
        return value_of(dead)

    with pytest.raises(BrokerUnavailable, match="another replay"):
        settling.settle(real_kafka, ALL, "replayed", overtaken)
    assert len(others[0].now) == 2
    assert uploads(real_kafka) == [b"value 1", b"value 2"]


def test_what_a_crashed_one_had_begun_is_not_read_and_is_replayed_by_the_next(real_kafka: Kafka) -> None:
    died(real_kafka, dead_letter(1))
    crashed = settling._Settling(real_kafka, "replayed", value_of)
    crashed.open()
    crashed._producer.begin_transaction()
    crashed._replay(dead_letter(1), b"value 1")
    assert crashed._producer.flush(DEADLINE_S) == 0
    assert len(settling.settle(real_kafka, ALL, "replayed", value_of).now) == 1
    assert uploads(real_kafka) == [b"value 1"]
