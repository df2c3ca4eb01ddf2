"""A broker that goes away in the middle of a transaction: the coordinator's loop ends, and its supervisor starts it again."""

import threading
import time
from collections.abc import Callable

import pytest

from murmur.kafka import client, commits, topics
from murmur.kafka.client import KafkaFault
from murmur.kafka.loop import Loop, LoopOptions
from murmur.settings import Settings
from schemas.topics import UPLOADS
from scripts.services.kafka import Kafka
from tests.contract.brokers import write
from tests.contract.test_transactions import Copying

ENDS_S = 20.0  # it took for ever: closing a producer waits for the abort of its transaction, which nothing answered


def test_a_transaction_that_can_be_neither_committed_nor_aborted_ends_the_stage(
    own_kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call_and_pull_the_plug(_limit_s: float, _what: str, call: Callable[[], object]) -> None:
        call()
        own_kafka.process.kill()

    monkeypatch.setattr(commits, "within", call_and_pull_the_plug)
    monkeypatch.setattr(commits, "FLUSH_S", 1.0)
    kafka = client.Kafka(own_kafka.bootstrap)
    topics.apply(kafka, Settings(kafka_bootstrap=own_kafka.bootstrap))
    write(kafka, UPLOADS, [(b"key", b"value")])
    ended: list[BaseException] = []

    def run() -> None:
        try:
            Loop("stage", kafka, [UPLOADS], Copying(), LoopOptions(transactional=True, assignment="range")).run()
        except KafkaFault as fault:
            ended.append(fault)

    thread = threading.Thread(target=run, daemon=True)  # else a failure would hold pytest
    thread.start()
    began_s = time.monotonic()
    thread.join(ENDS_S)
    assert not thread.is_alive(), f"the loop has not ended after {time.monotonic() - began_s:.0f} s"
    assert "the broker has to abort it" in str(ended[0])
