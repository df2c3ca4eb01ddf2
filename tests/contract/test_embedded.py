"""What is peculiar to the embedded broker: it would drop unread records, so it holds its producers back."""

import ctypes.util
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from runtime.errors import UsageError
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.embedded import broker as embedded
from runtime.kafka.embedded.backlog import ADMITTED_BYTES, FULL_BYTES
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from schemas.topics import CHUNKS_BULK, DEAD_LETTERS, DECODES, REQUESTS, Topic
from tests.contract.brokers import member, take
from tests.waiting import DEADLINE_S, wait_until

SIZE_BYTES = 10_240
STILL_S = 0.5  # a producer that is not held writes thousands of records in this time


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


class Producing:
    """A thread that writes `count` records of one key as fast as it may."""

    def __init__(self, kafka: Kafka, topic: Topic, count: int) -> None:
        self.written = 0
        self._topic, self._count = topic, count
        self._writer = Writer(kafka, kafka.producer("tests", **{"compression.type": "none"}), "tests")
        self._thread = threading.Thread(target=self._run)
        self._still = (0, time.monotonic())

    def _run(self) -> None:
        for number in range(self._count):
            self._writer.send(Output(self._topic, "key", number.to_bytes(4, "big") * (SIZE_BYTES // 4)))
            self._writer.poll()
            self.written = number + 1
        self._writer.flush(DEADLINE_S)

    def is_held(self) -> bool:
        if self.written != self._still[0]:
            self._still = (self.written, time.monotonic())
        return time.monotonic() - self._still[1] > STILL_S and self.written < self._count

    def join(self) -> None:
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()


@contextmanager
def reading(kafka: Kafka, group: str, topic: Topic) -> Iterator[Consumer]:
    """A group that has read one record and committed it: from now on it counts."""
    first = Producing(kafka, topic, 1)
    first.start()
    with member(kafka, group, topic) as reader:
        reader.commit(message=take(reader, 1)[0], asynchronous=False)
        first.join()
        yield reader


def test_forty_mebibytes_past_a_slow_reader_lose_nothing(broker: EmbeddedBroker) -> None:
    kafka, count = broker.kafka(), 40 * 1024 * 1024 // SIZE_BYTES
    with reading(kafka, "transcriber", CHUNKS_BULK) as reader:
        producing = Producing(kafka, CHUNKS_BULK, count)
        producing.start()
        wait_until(producing.is_held, "the producer is held")
        assert producing.written * SIZE_BYTES <= FULL_BYTES

        read: list[int] = []
        while len(read) < count:
            messages = take(reader, min(128, count - len(read)))
            reader.commit(message=messages[-1], asynchronous=False)
            read += [int.from_bytes((message.value() or b"")[:4], "big") for message in messages]
        producing.join()

    assert read == list(range(count))


def test_requests_wait_while_decodes_are_behind(broker: EmbeddedBroker) -> None:
    """Else the coordinator, which reads the one and writes the other, would be held, and with it all that waits for it."""
    kafka = broker.kafka()
    with reading(kafka, "slicer", DECODES) as slicer, reading(kafka, "coordinator", REQUESTS):
        decodes = Producing(kafka, DECODES, ADMITTED_BYTES // SIZE_BYTES + 10)
        decodes.start()
        decodes.join()
        requests = Producing(kafka, REQUESTS, 1)
        requests.start()
        wait_until(requests.is_held, "the request is held")

        slicer.commit(message=take(slicer, 50)[-1], asynchronous=False)
        requests.join()


def test_a_topic_without_readers_holds_no_producer_back(broker: EmbeddedBroker) -> None:
    producing = Producing(broker.kafka(), DEAD_LETTERS, 2 * FULL_BYTES // SIZE_BYTES)
    producing.start()
    producing.join()


def test_release_lets_everybody_go(broker: EmbeddedBroker) -> None:
    kafka = broker.kafka()
    with reading(kafka, "transcriber", CHUNKS_BULK):
        producing = Producing(kafka, CHUNKS_BULK, 2 * FULL_BYTES // SIZE_BYTES)
        producing.start()
        wait_until(producing.is_held, "the producer is held")

        broker.release()
        producing.join()


def test_two_brokers_are_independent_and_close_twice() -> None:
    with EmbeddedBroker([CHUNKS_BULK]) as one, EmbeddedBroker([CHUNKS_BULK]) as other:
        assert one.bootstrap != other.bootstrap
        one.close()
        one.close()
        assert len(other.kafka().producer("tests").list_topics(timeout=DEADLINE_S).topics["murmur.chunks.bulk"].partitions) == 4


def test_a_port_of_choice_serves_clients_of_other_processes_and_is_the_same_after_a_restart() -> None:
    with EmbeddedBroker([CHUNKS_BULK]) as any_port:
        port = int(any_port.bootstrap.rpartition(":")[2])
    for _ in range(2):
        with EmbeddedBroker([CHUNKS_BULK], port=port) as broker:
            assert broker.bootstrap == f"127.0.0.1:{port}"
            metadata = Producer({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=DEADLINE_S)
            assert [(one.host, one.port) for one in metadata.brokers.values()] == [("127.0.0.1", port)]
            writer = Writer(broker.kafka(), broker.kafka().producer("tests"), "tests")
            writer.send(Output(CHUNKS_BULK, "key", b"value"))
            assert writer.flush(DEADLINE_S)
            with pytest.raises(OSError):
                EmbeddedBroker(port=port)


def test_without_the_library_the_error_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)

    with pytest.raises(UsageError, match="pip install confluent-kafka"):
        embedded._find(tmp_path / "confluent_kafka")
