"""A broker that goes away, or is not there yet: who only reads waits for it; the loop that commits in transactions goes on with
it, or ends and is started again.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from processors.revocations import Revocations
from runtime.errors import BrokerUnavailable, KafkaFault
from runtime.kafka import client, topics, transactional
from runtime.kafka.follower import Follower
from runtime.kafka.loop import Loop
from runtime.settings import Settings
from schemas import codec
from schemas.topics import CHUNKS_BULK, REVOCATIONS, UPLOADS
from schemas.work import RunRevoked
from scripts.services import supervisor
from scripts.services.kafka import Kafka
from scripts.services.supervisor import Services
from tests.contract.brokers import running, whole, write
from tests.contract.test_transactions import TRANSACTIONAL, Copying
from tests.services.chaos.cluster import Member, on_directory
from tests.waiting import DEADLINE_S, wait_until

WAITS = re.compile(r" outage\.started +stage=coordinator component=coordinator error='no broker at ")


@pytest.fixture(scope="module")
def broker(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    broker = supervisor.own_kafka(tmp_path_factory.mktemp("broker") / "kafka")
    yield broker
    broker.process.forget()


@pytest.fixture
def own_kafka(broker: Kafka) -> Kafka:
    """A broker that these tests may kill, running: the same for all, as a new one takes seconds."""
    if broker.process.pid is None:
        broker.start()
    return broker


def with_topics(broker: Kafka) -> client.Kafka:
    """Those of this test alone."""
    kafka = client.Kafka(broker.bootstrap, f"{uuid4()}.")
    topics.apply(kafka, Settings(kafka_bootstrap=kafka.bootstrap, topic_prefix=kafka.prefix))
    return kafka


def test_the_first_transaction_after_a_restart_of_the_broker_succeeds(own_kafka: Kafka) -> None:
    kafka = with_topics(own_kafka)
    with running(Loop("stage", kafka, [UPLOADS], Copying(), TRANSACTIONAL)):
        for number in (1, 2):
            write(kafka, UPLOADS, [(b"key", b"%d" % number)])
            assert len(whole(kafka, CHUNKS_BULK, number)) == number  # `running` raises what ended the loop
            if number == 1:
                own_kafka.process.kill()
                own_kafka.start()


def test_who_follows_a_topic_since_before_there_was_a_broker_reads_what_comes(own_kafka: Kafka) -> None:
    kafka = with_topics(own_kafka)
    own_kafka.process.kill()
    follower, revocations = Follower(kafka, [REVOCATIONS]), Revocations(kafka, "slicer")
    revocations.start()
    with closing(follower):
        with pytest.raises(BrokerUnavailable):
            follower.poll(0.1)
        assert not revocations.is_revoked("a" * 64, "run")
        own_kafka.start()
        revoked = RunRevoked(work_id="a" * 64, run="run")
        write(kafka, REVOCATIONS, [(b"key", codec.encode(revoked))])
        wait_until(lambda: any(record.event == revoked for record in follower.poll(0.1)), "the record")
        wait_until(lambda: revocations.is_revoked("a" * 64, "run"), "the revocation")
    revocations.stop()


def test_a_coordinator_that_comes_before_the_broker_waits_alive(own_kafka: Kafka, tmp_path: Path) -> None:
    """The other stages' consumers wait by themselves; what begins a transaction has a time limit."""
    kafka = with_topics(own_kafka)
    own_kafka.process.kill()
    coordinator = Member("coordinator", "coordinator", on_directory(kafka.bootstrap, tmp_path, kafka.prefix), tmp_path)
    coordinator.start()
    try:
        wait_until(lambda: WAITS.search(coordinator.log()), "its reason in the log")
        assert (coordinator.answer("/livez"), coordinator.answer("/readyz")) == (200, 503)
        first = coordinator.pid
        own_kafka.start()
        wait_until(coordinator.ready, "it to be ready")
        assert coordinator.pid == first
    finally:
        coordinator.forget()


def test_a_transaction_that_can_be_neither_committed_nor_aborted_ends_the_stage(
    own_kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call_and_pull_the_plug(_limit_s: float, _what: str, call: Callable[[], object]) -> None:
        call()
        own_kafka.process.kill()

    monkeypatch.setattr(transactional, "call_with_timeout", call_and_pull_the_plug)
    monkeypatch.setattr(transactional, "FLUSH_S", 1.0)
    kafka = with_topics(own_kafka)
    write(kafka, UPLOADS, [(b"key", b"value")])
    ended: list[BaseException] = []

    def run() -> None:
        try:
            Loop("stage", kafka, [UPLOADS], Copying(), TRANSACTIONAL).run()
        except KafkaFault as fault:
            ended.append(fault)

    thread = threading.Thread(target=run, daemon=True)  # else a failure would hold pytest
    thread.start()
    thread.join(DEADLINE_S)
    assert not thread.is_alive(), "closing a producer waits for the abort of its transaction, which nothing answers"
    assert "the broker has to abort it" in str(ended[0])
