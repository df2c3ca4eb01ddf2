"""What the loop counts: every record once, what is in flight, what was offered again or could not be decoded."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from runtime import metrics
from runtime.errors import Retry
from runtime.kafka.client import Kafka
from runtime.kafka.each import EachRecord
from runtime.kafka.loop import Loop
from runtime.kafka.messages import Output, Received
from schemas.codec import Undecodable
from schemas.topics import DEAD_LETTERS, UPLOADS
from tests.contract.brokers import running, whole, write
from tests.scraped import Scrape
from tests.waiting import wait_until


def scrape() -> Scrape:
    return Scrape(metrics.exposition().decode())


@contextmanager
def stage(name: str, kafka: Kafka, handler: EachRecord) -> Iterator[None]:
    """Each test has a stage name of its own: the metrics are those of the process."""
    with running(Loop(name, kafka, [UPLOADS], handler)):
        yield


def test_every_record_is_counted_and_none_is_in_flight_in_the_end(kafka: Kafka, request: pytest.FixtureRequest) -> None:
    name = f"counted-{request.node.callspec.id}"
    write(kafka, UPLOADS, [(b"key", b"%d" % number) for number in range(30)])
    with stage(name, kafka, EachRecord(lambda record: ())):
        wait_until(lambda: scrape().total("murmur_records_total", stage=name, topic="uploads") == 30, "30 records")
        wait_until(lambda: scrape().total("murmur_records_in_flight", stage=name) == 0, "an empty loop")
        wait_until(lambda: scrape().total("murmur_commit_seconds_count", stage=name) > 0, "a commit")
    seen = scrape()
    assert seen.total("murmur_turn_records_sum", stage=name) == 30
    assert seen.total("murmur_handle_seconds_count", stage=name) == seen.total("murmur_turn_records_count", stage=name)


def test_what_waits_for_the_store_is_counted_each_time_and_stays_in_flight(kafka: Kafka, request: pytest.FixtureRequest) -> None:
    name = f"waiting-{request.node.callspec.id}"
    in_flight: list[float] = []

    def wait_twice(record: Received) -> Iterable[Output]:
        in_flight.append(scrape().total("murmur_records_in_flight", stage=name))
        if len(in_flight) <= 2:
            raise Retry("the store is away", after_s=0.01)
        return ()

    write(kafka, UPLOADS, [(b"key", b"value")])
    with stage(name, kafka, EachRecord(wait_twice)):
        wait_until(lambda: len(in_flight) == 3, "the third attempt")
        wait_until(lambda: scrape().total("murmur_records_in_flight", stage=name) == 0, "an empty loop")
    assert in_flight[1:] == [1, 1]
    assert scrape().total("murmur_retries_total", stage=name) == 2


def test_dead_letters_are_counted_by_reason(kafka: Kafka, request: pytest.FixtureRequest) -> None:
    name = f"dead-{request.node.callspec.id}"

    def refuse(record: Received) -> Iterable[Output]:
        raise Undecodable("not_json", "no")

    write(kafka, UPLOADS, [(b"key", b"value")] * 2)
    with stage(name, kafka, EachRecord(refuse)):
        whole(kafka, DEAD_LETTERS, 2)
    assert scrape().total("murmur_dead_letters_total", stage=name, reason="not_json") == 2
