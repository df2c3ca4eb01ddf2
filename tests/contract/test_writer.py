"""Outputs that never reach a broker."""

import pytest

from runtime.errors import KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from schemas.topics import UPLOADS
from tests.waiting import wait_until

NOBODY = Kafka("127.0.0.1:1")


def test_only_what_must_not_be_lost_is_a_fault() -> None:
    writer = Writer(NOBODY, NOBODY.producer("test", **{"message.timeout.ms": 100}), "test")
    try:
        writer.send(Output(UPLOADS, "key", b"report", may_be_lost=True))
        wait_until(lambda: writer.flush(0.1), "the time limit")
        assert writer.acknowledged == writer.sent == 1
        writer.send(Output(UPLOADS, "key", b"result"))
        with pytest.raises(KafkaFault, match="not delivered"):
            wait_until(lambda: writer.flush(0.1), "the time limit")
    finally:
        writer.close()
