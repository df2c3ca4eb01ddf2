"""What any broker must do for murmur, by plain clients. The loop's own contract is in `test_loop.py`."""

import pytest
from confluent_kafka import TopicPartition

from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from schemas.topics import CHUNKS_BULK, REQUESTS, UPLOADS
from tests.contract.brokers import child, committed, member, take, whole, write
from tests.waiting import DEADLINE_S, wait_until

PARTITIONS = 4
MURMUR2 = {  # Java's own test vectors
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.fixture
def no_transactions_in_embedded(request: pytest.FixtureRequest, kafka: Kafka) -> None:
    if not kafka.transactions:
        reason = "librdkafka's in-process broker answers transactions and does nothing about them"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def test_records_of_one_key_are_read_in_the_order_they_were_written(kafka: Kafka) -> None:
    write(kafka, UPLOADS, [(b"one key", value) for value in numbered(500)])

    with member(kafka, "reader", UPLOADS) as reader:
        messages = take(reader, 500)

    assert [message.value() for message in messages] == numbered(500)
    assert [message.offset() for message in messages] == list(range(500))


def test_two_members_of_a_group_share_the_partitions(kafka: Kafka) -> None:
    with member(kafka, "shared", UPLOADS) as one, member(kafka, "shared", UPLOADS) as two:
        members = (one, two)
        wait_until(lambda: sorted(len(m.assignment()) for m in members if m.poll(0.02) is None) == [2, 2], "2 + 2 partitions")
        for partition in range(PARTITIONS):
            write(kafka, UPLOADS, [(None, value) for value in numbered(40)], partition=partition)
        seen = [(m.partition(), m.value()) for reader in members for m in take(reader, 80)]

    assert sorted(seen) == sorted((partition, value) for partition in range(PARTITIONS) for value in numbered(40))


def test_every_group_reads_everything(kafka: Kafka) -> None:
    write(kafka, UPLOADS, [(value, value) for value in numbered(20)])

    for group in ("one", "other"):
        with member(kafka, group, UPLOADS) as reader:
            assert {message.value() for message in take(reader, 20)} == set(numbered(20))


def test_reading_continues_at_the_committed_offset_and_repeats_the_rest(kafka: Kafka) -> None:
    write(kafka, UPLOADS, [(b"key", value) for value in numbered(10)], partition=0)
    with member(kafka, "reader", UPLOADS) as reader:
        take(reader, 10)
        reader.commit(offsets=[TopicPartition(kafka.name(UPLOADS), 0, 4)], asynchronous=False)

    with member(kafka, "reader", UPLOADS) as reader:
        again = take(reader, 6)

    assert [message.offset() for message in again] == [4, 5, 6, 7, 8, 9]


def test_what_a_killed_process_did_not_commit_is_read_by_the_next(kafka: Kafka) -> None:
    write(kafka, UPLOADS, [(b"key", value) for value in numbered(10)], partition=0)
    with child(kafka, "consumer", {"group": "killed", "topic": UPLOADS.name, "count": "10", "commit": "3"}) as process:
        wait_until(lambda: process.printed("read"), "it to print read")
        process.kill()

        with member(kafka, "killed", UPLOADS) as reader:
            again = take(reader, 7)

    assert [message.offset() for message in again] == [3, 4, 5, 6, 7, 8, 9]


def test_commit_metadata_survives(kafka: Kafka) -> None:
    text = '{"attempts":{"7":2},"notes":{"7":"straße 🎧"}}'
    write(kafka, UPLOADS, [(b"key", b"value")], partition=0)
    with member(kafka, "reader", UPLOADS) as reader:
        take(reader, 1)
        reader.commit(offsets=[TopicPartition(kafka.name(UPLOADS), 0, 1, text)], asynchronous=False)

    place = committed(kafka, "reader", UPLOADS)

    assert (place.offset, place.metadata) == (1, text)


def test_a_paused_topic_waits_while_another_is_read(kafka: Kafka) -> None:
    with member(kafka, "reader", UPLOADS, CHUNKS_BULK) as reader:
        wait_until(lambda: reader.poll(0.02) is None and len(reader.assignment()) == 2 * PARTITIONS, "all partitions")
        paused = [place for place in reader.assignment() if place.topic == kafka.name(UPLOADS)]
        reader.pause(paused)
        write(kafka, UPLOADS, [(b"key", b"paused")])
        write(kafka, CHUNKS_BULK, [(b"key", value) for value in numbered(50)])

        assert [message.value() for message in take(reader, 50)] == numbered(50)
        reader.resume(paused)
        assert [message.value() for message in take(reader, 1)] == [b"paused"]


def test_keys_values_and_headers_arrive_byte_for_byte(kafka: Kafka) -> None:
    headers: list[tuple[str, bytes | None]] = [
        ("ce_id", b"a"),
        ("ce_id", b"b"),
        ("empty", b""),
        ("none", None),
        ("raw", b"\x00\xff"),
    ]
    records: list[tuple[bytes | None, bytes | None]] = [
        (b"\x00\xff", b"\xff\x00" * 300_000),
        (b"k", b""),
        (b"k", None),
        (None, b"v"),
    ]
    write(kafka, UPLOADS, records, headers, partition=1)

    messages = whole(kafka, UPLOADS, 4)

    assert [(message.key(), message.value()) for message in messages] == records
    assert all(message.headers() == headers for message in messages)


@pytest.mark.parametrize(("key", "hashed"), MURMUR2.items())
def test_a_key_has_the_partition_that_java_clients_choose(kafka: Kafka, key: bytes, hashed: int) -> None:
    write(kafka, REQUESTS, [(key, b"value")])

    assert whole(kafka, REQUESTS, 1)[0].partition() == (hashed & 0x7FFFFFFF) % PARTITIONS


def test_the_embedded_broker_returns_the_partition_of_a_key() -> None:
    with EmbeddedBroker([], PARTITIONS) as broker:
        places = {key: broker.partition(key.decode()) for key in MURMUR2}

    assert places == {key: (hashed & 0x7FFFFFFF) % PARTITIONS for key, hashed in MURMUR2.items()}


@pytest.mark.usefixtures("no_transactions_in_embedded")
def test_an_aborted_record_is_not_read(kafka: Kafka) -> None:
    producer = kafka.producer("tests", **{"transactional.id": f"{kafka.prefix}aborts"})
    producer.init_transactions(DEADLINE_S)
    for value, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(kafka.name(UPLOADS), key=b"key", value=value)
        producer.flush(DEADLINE_S)
        end(30)

    assert [message.value() for message in whole(kafka, UPLOADS, 1)] == [b"committed"]
