"""An offset that a dead coordinator sent when its transaction was over: undecided until a successor clears it.

A broker refuses such an offset, but one that restarts has been seen to have taken it. Here it is one that does not look.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.protocol.transaction import TxnOffsetCommitRequest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.kafka import client, topics, transactional
from runtime.kafka.loop import Loop, LoopOptions
from runtime.settings import Settings
from schemas.topics import CHUNKS_BULK, UPLOADS
from scripts.services import supervisor
from scripts.services.supervisor import Services
from tests.contract.brokers import running, whole, write
from tests.contract.test_transactions import Copying
from tests.waiting import wait_until

NAME = "coordinator-1"
BLIND = "transaction.partition.verification.enable=false\n"


@pytest.fixture
def kafka(services: Services, tmp_path: Path) -> Iterator[client.Kafka]:
    broker = supervisor.own_kafka(tmp_path / "kafka", BLIND)
    kafka = client.Kafka(broker.bootstrap, instance=NAME)
    topics.apply(kafka, Settings(kafka_bootstrap=kafka.bootstrap, topic_partitions=1))
    yield kafka
    broker.process.forget()


async def late_offset(kafka: client.Kafka) -> None:
    """What a dead stage of that name leaves behind: its transaction was aborted, and then its offset arrives."""
    name = f"{kafka.group('stage')}-{NAME}"
    dead = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=name)
    await dead.start()
    await dead.begin_transaction()
    await dead.send_and_wait(kafka.name(CHUNKS_BULK), b"never seen")
    await dead.abort_transaction()
    producer, offsets = dead._txn_manager, [(kafka.name(UPLOADS), [(0, 1, "")])]
    request = TxnOffsetCommitRequest(name, kafka.group("stage"), producer.producer_id, producer.producer_epoch, offsets)
    (broker,) = [node.nodeId for node in dead.client.cluster.brokers()]
    answer = await dead.client.send(broker, request)
    assert answer.errors == [(kafka.name(UPLOADS), [(0, 0)])]
    await dead.stop()


def is_uncommitted(reader: Consumer, place: TopicPartition) -> bool:
    """False while the broker looks for the coordinator of a group that is new."""
    try:
        return reader.committed([place], 10)[0].offset < 0
    except KafkaException as error:
        if error.args[0].code() not in (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE):
            raise
        return False


def test_a_successor_with_the_same_name_clears_it_and_reads_everything(
    kafka: client.Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactional, "COMMITTED_S", 3.0)
    write(kafka, UPLOADS, [(b"key", b"value")])
    reader = kafka.consumer("stage")
    place = TopicPartition(kafka.name(UPLOADS), 0)
    wait_until(lambda: is_uncommitted(reader, place), "the group's coordinator")
    asyncio.run(late_offset(kafka))
    with pytest.raises(KafkaException, match="Timed out"):
        reader.committed([TopicPartition(kafka.name(UPLOADS), 0)], 2)
    with running(Loop("stage", kafka, [UPLOADS], Copying(), LoopOptions(transactional=True, assignment="range"))):
        assert [message.value() for message in whole(kafka, CHUNKS_BULK, 1)] == [b"value"]
    assert [place.offset for place in reader.committed([TopicPartition(kafka.name(UPLOADS), 0)], 5)] == [1]
    reader.close()
