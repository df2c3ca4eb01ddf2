"""The brokers that the contract suite runs on, each test with topics and groups of its own.

`embedded` always; `kafka` is the real one of the `services` fixture, which skips or fails where it cannot be had.
"""

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from runtime.kafka import topics
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from runtime.settings import Settings
from scripts.services.supervisor import Services

PARTITIONS = 4
AHEAD = 3  # new topics need 0.5 to 4 s until all their partitions are served; most tests need less
QUICK = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 300}  # a dead member is missed sooner than in production


@pytest.fixture(params=["embedded", "kafka"])
def kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """A broker with every topic of the system, all empty, of 4 partitions each."""
    if request.param == "embedded":
        with EmbeddedBroker(partitions=PARTITIONS) as broker:
            yield broker.kafka()
    else:
        yield request.getfixturevalue("real_kafka")


@pytest.fixture
def real_kafka(services: Services, fresh_topics: Callable[[], Kafka]) -> Iterator[Kafka]:
    """The real broker alone, with the same topics: for what the embedded one cannot do by its nature."""
    kafka = fresh_topics()
    yield kafka
    services.kafka.drop(kafka.prefix)


@pytest.fixture(scope="session")
def fresh_topics(services: Services) -> Iterator[Callable[[], Kafka]]:
    """Gives the real broker with new topics under a prefix of their own; the next ones are made while tests run."""
    run = f"test-{uuid.uuid4().hex[:8]}."
    made = 0
    waiting: deque[Future[Kafka]] = deque()

    def make(prefix: str) -> Kafka:
        kafka = Kafka(services.kafka.bootstrap, prefix, consumer_extra=QUICK)
        topics.apply(kafka, Settings(kafka_bootstrap=kafka.bootstrap, topic_prefix=prefix, topic_partitions=PARTITIONS))
        return kafka

    with ThreadPoolExecutor(AHEAD, "topics") as pool:

        def take() -> Kafka:
            nonlocal made
            while len(waiting) <= AHEAD:
                made += 1
                waiting.append(pool.submit(make, f"{run}{made}."))
            return waiting.popleft().result()

        yield take
        for future in waiting:
            future.cancel()
    services.kafka.drop(run)
