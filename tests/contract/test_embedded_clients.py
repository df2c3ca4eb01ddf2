"""Clients in the embedded broker's own process: idle ones fetch nothing, and miss nothing."""

import threading
from collections.abc import Iterable, Iterator, Sequence

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from runtime.kafka import loop as loops
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.embedded import consumer as consumers
from runtime.kafka.embedded.consumer import EmbeddedConsumer
from runtime.kafka.embedded.kafka import EmbeddedKafka
from runtime.kafka.follower import Follower
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Partition, Received, Step
from runtime.kafka.per_topic import group_of
from runtime.kafka.wakeup import Wakeup
from schemas.topics import CHUNKS_BULK, REVOCATIONS, UPLOADS
from tests.contract.brokers import committed, running, take, write
from tests.waiting import DEADLINE_S, wait_until

NEVER_S = 3600.0


@pytest.fixture
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedBroker([UPLOADS, CHUNKS_BULK, REVOCATIONS]) as broker:
        yield broker.kafka()


@pytest.fixture
def consumer(kafka: EmbeddedKafka) -> Iterator[EmbeddedConsumer]:
    """Has read all of `uploads`, and fetches nothing."""
    consumer = kafka.consumer("tests")
    assert isinstance(consumer, EmbeddedConsumer)
    consumer.subscribe([kafka.name(UPLOADS)])
    wait_until(lambda: is_asleep(consumer), "a sleeping consumer")
    yield consumer
    consumer.close()


@pytest.fixture
def no_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not woken waits without end."""
    monkeypatch.setattr(loops, "WOKEN_WAIT_S", NEVER_S)
    monkeypatch.setattr(loops, "IDLE_WAIT_S", NEVER_S)
    monkeypatch.setattr(consumers, "SERVE_S", NEVER_S)


def is_asleep(consumer: EmbeddedConsumer) -> bool:
    assert consumer.poll(0) is None
    return consumer.asleep


def values(messages: Iterable[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


@pytest.mark.usefixtures("no_timers")
def test_a_delivery_wakes_a_consumer_that_fetches_nothing(kafka: EmbeddedKafka, consumer: EmbeddedConsumer) -> None:
    for number in range(5):
        write(kafka, UPLOADS, [(b"key", b"%d" % number)])
        message = consumer.poll(NEVER_S)
        while message is None:  # woken, and the record is on its way
            message = consumer.poll(NEVER_S)
        assert message.value() == b"%d" % number
        wait_until(lambda: is_asleep(consumer), "it sleeps again")


def test_records_of_other_processes_arrive_without_a_delivery_report_here(
    kafka: EmbeddedKafka, consumer: EmbeddedConsumer
) -> None:
    foreign = Producer({"bootstrap.servers": kafka.bootstrap})
    foreign.produce(kafka.name(UPLOADS), b"foreign", partition=2)
    foreign.flush(DEADLINE_S)

    assert values(take(consumer, 1)) == [b"foreign"]


def test_a_partition_that_the_caller_has_paused_stays_paused_when_it_is_woken(
    kafka: EmbeddedKafka, consumer: EmbeddedConsumer
) -> None:
    paused, other = (TopicPartition(kafka.name(UPLOADS), number) for number in (0, 1))
    consumer.pause([paused])
    write(kafka, UPLOADS, [(None, b"later")], partition=0)
    write(kafka, UPLOADS, [(None, b"now")], partition=1)
    assert values(take(consumer, 1)) == [b"now"]
    wait_until(lambda: is_asleep(consumer), "a sleeping consumer")

    consumer.pause([other])
    consumer.resume([paused, other])
    assert values(take(consumer, 1)) == [b"later"]


def test_thousands_of_records_come_in_order_and_once(kafka: EmbeddedKafka, consumer: EmbeddedConsumer) -> None:
    records = [(b"key", b"%d" % number) for number in range(3000)]
    writing = threading.Thread(target=write, args=(kafka, UPLOADS, records))
    writing.start()
    assert values(take(consumer, len(records))) == [value for _, value in records]
    writing.join()


class InAThread:
    """Settles a record when its thread has looked at it."""

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup = wakeup
        self._seen: list[Received] = []

    def room(self, topic: str) -> int:
        return 100

    def handle(self, records: Sequence[Received]) -> Iterable[Step]:
        for record in records:
            threading.Timer(0.002, self._see, [record]).start()
        while self._seen:
            yield Step(settles=self._seen.pop())

    def _see(self, record: Received) -> None:
        self._seen.append(record)
        self._wakeup.set()

    def on_assign(self, partitions: Sequence[Partition]) -> None: ...

    def on_revoke(self, partitions: Sequence[Partition]) -> None: ...

    def close(self) -> None: ...


@pytest.mark.usefixtures("no_timers")
@pytest.mark.parametrize("group_per_topic", [False, True])
def test_a_loop_is_woken_by_records_results_and_stop(kafka: EmbeddedKafka, group_per_topic: bool) -> None:
    wakeup = Wakeup()
    options = LoopOptions(wakeup=wakeup, commit_interval_s=0.0, group_per_topic=group_per_topic)
    group = group_of("tests", UPLOADS) if group_per_topic else "tests"
    with running(Loop("tests", kafka, [UPLOADS, CHUNKS_BULK], InAThread(wakeup), options)) as ended:
        for number in range(20):
            write(kafka, UPLOADS, [(b"key", b"%d" % number)], partition=0)
            wait_until(lambda: committed(kafka, group, UPLOADS).offset == number + 1, "the commit")  # noqa: B023
    assert ended == []


def test_a_follower_that_comes_later_begins_where_it_wants_and_the_others_read_nothing_twice(kafka: EmbeddedKafka) -> None:
    first, second, third = (Follower(kafka, [UPLOADS], start) for start in ("beginning", "beginning", "end"))
    write(kafka, UPLOADS, [(b"key", b"0"), (b"key", b"1")])
    read: dict[Follower, list[bytes | None]] = {first: [], second: [], third: []}

    def has_read(follower: Follower, expected: list[bytes]) -> bool:
        read[follower] += [record.value for record in follower.poll(0.05)]
        return read[follower] == expected

    wait_until(lambda: has_read(first, [b"0", b"1"]), "the first has read")
    wait_until(lambda: has_read(second, [b"0", b"1"]), "the second has read all again")
    third.open()
    write(kafka, UPLOADS, [(b"key", b"2")])
    wait_until(lambda: has_read(first, [b"0", b"1", b"2"]), "the first goes on")
    second.close()
    wait_until(lambda: has_read(third, [b"2"]), "the third begins at the end")
    first.close()
    write(kafka, UPLOADS, [(b"key", b"3")])
    wait_until(lambda: has_read(third, [b"2", b"3"]), "the last one still reads")
    third.close()


def test_delivery_reports_come_to_the_stage_that_polls_and_not_after_its_purge(kafka: EmbeddedKafka) -> None:
    one, other = kafka.producer("one"), kafka.producer("other")
    seen: list[tuple[KafkaError | None, str]] = []
    threads: set[threading.Thread] = set()

    def delivered(error: KafkaError | None, message: Message) -> None:
        seen.append((error, message.topic() or ""))
        threads.add(threading.current_thread())

    one.produce(kafka.name(UPLOADS), b"1", on_delivery=delivered)
    other.produce(kafka.name(CHUNKS_BULK), b"2", on_delivery=delivered)
    assert one.flush(DEADLINE_S) == 0
    assert seen == [(None, kafka.name(UPLOADS))]
    assert threads == {threading.current_thread()}

    other.purge()
    assert len(other) == other.poll(0) == 0


def test_a_producer_with_settings_of_its_own_is_a_client_of_its_own(kafka: EmbeddedKafka) -> None:
    assert type(kafka.producer("tests")) is type(kafka.producer("tests", error_cb=lambda error: None))
    assert type(kafka.producer("tests", **{"linger.ms": 5})) is not type(kafka.producer("tests"))
    assert isinstance(kafka.consumer("tests"), Consumer)
