"""Reading changelogs to their end, on every broker: all that was committed, nothing that was not, however the topic ends."""

import threading
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer

from runtime.errors import KafkaFault
from runtime.kafka import changelog
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition
from schemas.topics import JOBS_CHANGELOG, WORKS_CHANGELOG
from tests.contract.brokers import write
from tests.waiting import DEADLINE_S

BOTH = (WORKS_CHANGELOG, JOBS_CHANGELOG)


def read(kafka: Kafka, numbers: Sequence[int] = (0, 1, 2, 3)) -> list[tuple[str, int, bytes | None, bytes | None]]:
    return [(partition.topic, partition.number, key, value) for partition, key, value in changelog.read(kafka, BOTH, numbers)]


def transactional(kafka: Kafka, timeout_ms: int = 120_000) -> Producer:
    producer = kafka.producer("tests", **{"transactional.id": f"{kafka.prefix}tests", "transaction.timeout.ms": timeout_ms})
    producer.init_transactions(DEADLINE_S)
    return producer


def put(kafka: Kafka, producer: Producer, value: bytes) -> None:
    producer.begin_transaction()
    producer.produce(kafka.name(JOBS_CHANGELOG), value, b"key", 0)
    producer.flush(DEADLINE_S)


def test_every_record_of_the_given_partitions_comes_in_order_with_its_tombstones(kafka: Kafka) -> None:
    records: list[tuple[bytes | None, bytes | None]] = [
        (b"k%d" % (n % 50), None if n % 7 == 0 else b"%d" % n) for n in range(5000)
    ]
    write(kafka, JOBS_CHANGELOG, records, partition=1)
    write(kafka, WORKS_CHANGELOG, records[:10], partition=3)
    write(kafka, WORKS_CHANGELOG, records[:10], partition=2)

    found = read(kafka, (0, 1, 3))

    assert [entry[2:] for entry in found if entry[0] == JOBS_CHANGELOG.name] == records
    assert [entry[1:] for entry in found if entry[0] == WORKS_CHANGELOG.name] == [(3, *record) for record in records[:10]]


def test_the_newest_value_of_each_key_is_left_in_the_order_of_writing_and_what_was_deleted_is_not(kafka: Kafka) -> None:
    of_jobs = [(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"a", b"4"), (b"b", None), (b"d", None), (b"d", b"5"), (b"c", None)]
    write(kafka, JOBS_CHANGELOG, of_jobs, partition=1)
    write(kafka, WORKS_CHANGELOG, [(b"a", b"of the other table"), (b"b", b"6"), (b"b", b"7")], partition=1)

    found = list(changelog.newest(kafka, BOTH, [0, 1]))

    jobs, works = Partition(JOBS_CHANGELOG.name, 1), Partition(WORKS_CHANGELOG.name, 1)
    assert [entry for entry in found if entry[0] == jobs] == [(jobs, b"a", b"4"), (jobs, b"d", b"5")]
    assert [entry for entry in found if entry[0] == works] == [(works, b"a", b"of the other table"), (works, b"b", b"7")]
    assert len(found) == 4


def test_empty_changelogs_are_read_to_their_end(kafka: Kafka) -> None:
    assert read(kafka) == []


def test_a_changelog_that_ends_with_markers_or_with_aborted_records_is_read_to_its_end(real_kafka: Kafka) -> None:
    producer = transactional(real_kafka)
    put(real_kafka, producer, b"kept")
    producer.commit_transaction(DEADLINE_S)
    for _ in range(3):
        put(real_kafka, producer, b"aborted")
        producer.abort_transaction(DEADLINE_S)

    assert [entry[3] for entry in read(real_kafka)] == [b"kept"]


@pytest.mark.parametrize("kept", [True, False])
def test_what_the_last_owner_left_open_is_decided_before_the_tables_count_as_read(real_kafka: Kafka, kept: bool) -> None:
    producer = transactional(real_kafka)
    put(real_kafka, producer, b"before")
    producer.commit_transaction(DEADLINE_S)
    put(real_kafka, producer, b"open")
    found: list[bytes | None] = []
    over = threading.Event()

    def recover() -> None:
        for entry in read(real_kafka):
            found.append(entry[3])
        over.set()

    reading = threading.Thread(target=recover)
    reading.start()
    assert not over.wait(1.0)
    (producer.commit_transaction if kept else producer.abort_transaction)(DEADLINE_S)
    assert over.wait(DEADLINE_S)
    reading.join()
    assert found == ([b"before", b"open"] if kept else [b"before"])


def test_a_changelog_that_stalls_before_its_end_is_an_error(real_kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelog, "STALLED_S", 1.0)
    producer = transactional(real_kafka)
    put(real_kafka, producer, b"open")
    with pytest.raises(KafkaFault, match="no record of the changelogs"):
        read(real_kafka)
    producer.abort_transaction(DEADLINE_S)
