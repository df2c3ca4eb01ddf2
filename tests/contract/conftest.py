"""The brokers that the contract suite runs on, each test with topics and groups of its own.

`embedded` always. `kafka` where TEST_KAFKA_BOOTSTRAP names a real one; without it those tests are skipped and say so, or
fail where the services are expected (CI=true and TEST_SERVICES=true).
"""

import os
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from murmur.kafka import topics
from murmur.kafka.client import Kafka
from murmur.kafka.embedded import EmbeddedBroker
from murmur.settings import Settings
from schemas.topics import TOPICS

PARTITIONS = 4
BOOTSTRAP = os.environ.get("TEST_KAFKA_BOOTSTRAP")
EXPECTED = os.environ.get("CI") == "true" and os.environ.get("TEST_SERVICES") == "true"


@pytest.fixture(params=["embedded", "kafka"])
def kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """A broker with every topic of the system, all empty, of 4 partitions each."""
    yield from _embedded() if request.param == "embedded" else _real()


def _embedded() -> Iterator[Kafka]:
    with EmbeddedBroker(partitions=PARTITIONS) as broker:
        yield broker.kafka()


def _real() -> Iterator[Kafka]:
    if BOOTSTRAP is None:
        say = pytest.fail if EXPECTED else pytest.skip
        say("no real Kafka: TEST_KAFKA_BOOTSTRAP is not set")
    prefix = f"test-{uuid.uuid4().hex[:8]}."
    kafka = Kafka(BOOTSTRAP, prefix, consumer_extra={"session.timeout.ms": 6_000, "heartbeat.interval.ms": 300})
    topics.apply(kafka, Settings(kafka_bootstrap=BOOTSTRAP, topic_prefix=prefix, topic_partitions=PARTITIONS))
    try:
        yield kafka
    finally:
        admin = AdminClient(kafka.client_config("tests"))
        for gone in admin.delete_topics([kafka.name(topic) for topic in TOPICS]).values():
            gone.result(timeout=30)
