"""The thread that follows topics: hands over all that comes, waits for a broker that is away, ends when a topic is missing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from structlog.typing import EventDict

from processors.revocations import Revocations
from producers.gateway import build
from runtime.errors import BrokerUnavailable, UsageError
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Partition, Received
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings
from runtime.stats import Stats
from schemas import codec
from schemas.topics import JOBS, REVOCATIONS
from schemas.work import RunRevoked
from sinks.metrics.waiting import Waiting
from tests.contract.brokers import write
from tests.waiting import DEADLINE_S, wait_until


class Taken:
    """What a follower thread has handed over."""

    def __init__(self) -> None:
        self.records: list[Received] = []
        self.turns = 0
        self.fails: list[Exception] = []
        self.fails_from = 1  # the number of records that have to be there

    def __call__(self, _follower: Follower, records: list[Received]) -> None:
        self.records += records
        self.turns += 1
        if records and self.fails and len(self.records) >= self.fails_from:
            raise self.fails.pop()

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]


@contextmanager
def following(kafka: Kafka, taken: Taken, begin: Callable[[], Start] = lambda: "beginning") -> Iterator[FollowerThread]:
    thread = FollowerThread("test", kafka, [JOBS], taken, begin)
    thread.start()
    try:
        yield thread
    finally:
        assert thread.stop(DEADLINE_S)


class Checked(Protocol):
    def start(self) -> None: ...

    def check(self) -> None: ...

    def stop(self) -> object: ...


def ended(thread: Checked) -> bool:
    """Raises what has ended it."""
    thread.check()
    return False


def outages(lines: list[EventDict]) -> list[str]:
    return [line["event"] for line in lines if line["event"].startswith("outage.")]


def test_it_hands_over_what_was_there_and_what_comes(kafka: Kafka) -> None:
    write(kafka, JOBS, [(b"key", b"before")])
    taken = Taken()
    with following(kafka, taken) as thread:
        wait_until(lambda: taken.values == [b"before"], "what was there")
        write(kafka, JOBS, [(b"key", b"after")])
        wait_until(lambda: taken.values == [b"before", b"after"], "what came")
        turns = taken.turns
        wait_until(lambda: taken.turns > turns, "a turn with nothing to hand over")
        assert thread.unavailable is None
        thread.check()


def test_after_an_outage_it_calls_begin_again_and_logs_once(kafka: Kafka, logged: list[EventDict]) -> None:
    write(kafka, JOBS, [(b"key", b"%d" % number) for number in range(3)], partition=1)
    taken, begun = Taken(), list[int]()
    taken.fails, taken.fails_from = [BrokerUnavailable("away")], 3

    def begin() -> Start:
        begun.append(len(begun))
        if len(begun) in (2, 3):
            raise BrokerUnavailable("still away")
        return {Partition("jobs", 1): 2} if len(begun) > 3 else "beginning"

    with following(kafka, taken, begin) as thread:
        wait_until(lambda: taken.values == [b"0", b"1", b"2", b"2"], "the last record again")
        assert thread.unavailable is None
    assert len(begun) == 4
    assert outages(logged) == ["outage.started", "outage.ended"]


def test_it_waits_for_an_unavailable_broker_and_logs_that(logged: list[EventDict]) -> None:
    with following(Kafka("127.0.0.1:1"), Taken()) as thread:
        wait_until(lambda: "no broker at 127.0.0.1:1" in (thread.unavailable or ""), "the reason")
        thread.check()
    assert outages(logged) == ["outage.started"]


def test_an_unexpected_error_ends_it_and_is_raised_by_check(kafka: Kafka) -> None:
    write(kafka, JOBS, [(b"key", b"value")])
    taken = Taken()
    taken.fails = [ZeroDivisionError()]
    with following(kafka, taken) as thread, pytest.raises(ZeroDivisionError):
        wait_until(lambda: ended(thread), "its end")


def test_it_can_be_stopped_before_it_was_started_and_twice(kafka: Kafka) -> None:
    thread = FollowerThread("test", kafka, [JOBS], Taken())
    assert thread.stop()
    assert thread.stop()


def test_a_revocation_is_known_once_it_was_read(kafka: Kafka) -> None:
    revocations = Revocations(kafka, "slicer")
    revocations.start()
    assert not revocations.is_revoked("a" * 64, "1-0")
    write(kafka, REVOCATIONS, [(b"key", codec.encode(RunRevoked(work_id="a" * 64, run="1-0")))])
    wait_until(lambda: revocations.is_revoked("a" * 64, "1-0"), "the revocation")
    assert not revocations.is_revoked("a" * 64, "2-0")
    write(kafka, REVOCATIONS, [(b"a" * 64, None)])
    wait_until(lambda: not revocations.is_revoked("a" * 64, "1-0"), "the tombstone")
    revocations.stop()


@pytest.mark.parametrize("make", [lambda kafka: Revocations(kafka, "slicer"), Stats, Waiting])
def test_following_a_missing_topic_ends_with_advice(real_kafka: Kafka, make: Callable[[Kafka], Checked]) -> None:
    follower = make(replace(real_kafka, prefix=f"{real_kafka.prefix}absent."))
    follower.start()
    with pytest.raises(UsageError, match="Run `murmur topics apply`"):
        wait_until(lambda: ended(follower), "its end")
    follower.stop()


def test_a_gateway_without_its_topics_ends_with_what_to_do(real_kafka: Kafka, tmp_path: Path) -> None:
    settings = Settings(gateway_port=0, data_dir=tmp_path, model="demo")
    store = DirectoryStore({settings.work_bucket: tmp_path / "work"})
    store.create()
    absent = replace(real_kafka, prefix=f"{real_kafka.prefix}absent.")
    gateway = build(Resources(settings, absent, store, catalogue.resolve("demo")))
    ended: list[BaseException] = []

    def run() -> None:
        try:
            gateway.run()
        except UsageError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: not thread.is_alive(), "its end")
    finally:
        gateway.stop()
        thread.join(DEADLINE_S)
    assert "Run `murmur topics apply`" in str(ended[0])
