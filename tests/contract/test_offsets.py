"""Requests about topics and groups, on every broker: end offsets, committed offsets, and outages."""

import ctypes
import threading
from dataclasses import replace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.errors import BrokerUnavailable, UsageError
from runtime.kafka import offsets
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.messages import Partition
from schemas.topics import JOBS, REQUESTS, REVOCATIONS
from tests.contract.brokers import write
from tests.waiting import DEADLINE_S, wait_until

OFFSET_FETCH = 9  # of the Kafka protocol


def commit(kafka: Kafka, group: str, *places: tuple[int, int]) -> None:
    consumer = kafka.consumer(group)
    try:
        consumer.commit(
            offsets=[TopicPartition(kafka.name(REQUESTS), number, offset) for number, offset in places], asynchronous=False
        )
    finally:
        consumer.close()


def test_the_end_of_a_partition_is_the_offset_of_its_next_record(kafka: Kafka) -> None:
    write(kafka, REQUESTS, [(b"key", b"value")] * 3, partition=1)

    assert kafka.offsets.ends([REQUESTS]) == {Partition("requests", number): 3 * (number == 1) for number in range(4)}
    assert kafka.offsets.nonempty_ends([REQUESTS, JOBS]) == {Partition("requests", 1): 3}
    assert (kafka.offsets.count(REQUESTS), kafka.offsets.count(JOBS)) == (3, 0)


def test_a_partition_whose_records_were_all_deleted_is_empty(real_kafka: Kafka) -> None:
    write(real_kafka, REQUESTS, [(b"key", b"value")] * 3, partition=1)
    admin = AdminClient(real_kafka.client_config("test"))
    for deleted in admin.delete_records([TopicPartition(real_kafka.name(REQUESTS), 1, 3)]).values():
        deleted.result(DEADLINE_S)

    assert real_kafka.offsets.ends([REQUESTS])[Partition("requests", 1)] == 3
    assert real_kafka.offsets.nonempty_ends([REQUESTS]) == {}
    assert real_kafka.offsets.count(REQUESTS) == 0


def test_a_group_has_committed_what_its_members_committed_and_nothing_elsewhere(kafka: Kafka) -> None:
    assert kafka.offsets.committed("stage", [REQUESTS]) == {}
    commit(kafka, "stage", (0, 5), (2, 7))

    assert kafka.offsets.committed("stage", [REQUESTS, JOBS]) == {Partition("requests", 0): 5, Partition("requests", 2): 7}
    assert kafka.offsets.committed("another", [REQUESTS]) == {}


@pytest.mark.parametrize(("end", "read"), [({}, True), ({0: 5, 2: 7}, True), ({0: 6}, False), ({1: 1}, False)])
def test_a_group_has_read_what_it_has_committed(kafka: Kafka, end: dict[int, int], read: bool) -> None:
    commit(kafka, "stage", (0, 5), (2, 7))

    assert kafka.offsets.has_read("stage", {Partition("requests", number): offset for number, offset in end.items()}) is read


def test_a_broker_that_does_not_coordinate_the_group_is_asked_again() -> None:
    """librdkafka's client would crash the process here."""
    with EmbeddedBroker(topics=(REQUESTS,)) as broker:
        commit(broker.kafka(), "stage", (0, 5))
        refuse_offsets(broker, times=3)
        assert Kafka(broker.bootstrap).offsets.committed("stage", [REQUESTS]) == {Partition("requests", 0): 5}


def test_a_group_whose_coordinator_does_not_appear_is_an_outage() -> None:
    with EmbeddedBroker(topics=(REQUESTS,)) as broker:
        kafka = Kafka(broker.bootstrap)
        before = kafka.offsets.outages()
        refuse_offsets(broker, times=1000)
        with pytest.raises(BrokerUnavailable, match="committed offsets"):
            kafka.offsets.committed("stage", [REQUESTS], 0.5)
        assert kafka.offsets.outages() > before


def refuse_offsets(broker: EmbeddedBroker, times: int) -> None:
    errors = (ctypes.c_int * times)(*[KafkaError.NOT_COORDINATOR] * times)
    push = broker._library.rd_kafka_mock_push_request_errors_array
    push.restype, push.argtypes = None, [ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.c_void_p]
    push(broker._cluster, OFFSET_FETCH, times, errors)


def test_missing_topics_are_named_with_what_to_do(real_kafka: Kafka) -> None:
    absent = Kafka(real_kafka.bootstrap, f"{real_kafka.prefix}absent.")
    with pytest.raises(UsageError, match=r"missing topics: .*absent\.jobs, .*absent\.requests. Run `murmur topics apply`"):
        absent.offsets.ends([JOBS, REQUESTS])


def test_simultaneous_requests_of_threads_share_one_client(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[AdminClient] = []

    def making(config: dict[str, object]) -> AdminClient:
        client = AdminClient(config)  # type: ignore[arg-type]
        if config.items() >= own.items():
            made.append(client)
        return client

    monkeypatch.setattr(offsets, "AdminClient", making)
    own = {"metadata.max.age.ms": 123_456}  # a broker of another test in this process may have its clients, too
    fresh, start, answers = replace(kafka, common={**kafka.common, **own}), threading.Barrier(8), []

    def ask() -> None:
        start.wait(DEADLINE_S)
        answers.append(fresh.offsets.ends([JOBS, REVOCATIONS]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)

    assert len(answers) == 8
    assert len(made) == 1


def test_a_lost_broker_is_an_outage_even_without_requests_for_offsets() -> None:
    with EmbeddedBroker() as broker:
        known = Kafka(broker.bootstrap).offsets  # not the broker's own, which ends with it
        known.ends([JOBS])
        assert known.outages() == 0
    wait_until(lambda: known.outages() > 0, "the end of the connection to be noticed")
    before = known.outages()

    def noticed_again() -> bool:
        with pytest.raises(BrokerUnavailable):
            known.ends([JOBS], 0.5)
        return known.outages() > before

    wait_until(noticed_again, "another outage, of the client that replaced the first")


def test_after_a_request_without_an_answer_a_new_client_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker() as broker:
        known = Kafka(broker.bootstrap).offsets
        known.ends([JOBS])
        failed = known._connection
        with monkeypatch.context() as patch:
            patch.setattr(AdminClient, "list_offsets", refused)
            with pytest.raises(BrokerUnavailable, match="no leader"):
                known.ends([JOBS])
        assert known.outages() == 1
        assert sum(known.ends([JOBS]).values()) == 0
        assert known._connection is not failed


def refused(*_: object, **__: object) -> None:
    raise KafkaException("no leader")
