"""A loop's topics and its handler agree on the type of events. mypy is the one that checks: an `ignore` that it does not need
is an error of its own."""

from runtime.kafka.client import Kafka
from runtime.kafka.each import EachRecord
from runtime.kafka.loop import Loop
from runtime.kafka.messages import Output, Received
from schemas.record import Record
from schemas.topics import CHUNKS_BULK, DECODES, UPLOADS
from schemas.work import ChunkReady, DecodeRequested

KAFKA = Kafka("127.0.0.1:1")


def decoding(record: Received[DecodeRequested]) -> list[Output]:
    return [Output(DECODES, record.event.work.work_id, None)]


def anything(record: Received[Record | None]) -> list[Output]:
    return []


def decoding_or_chunk(record: Received[DecodeRequested | ChunkReady]) -> list[Output]:
    return []


def test_a_handler_may_take_what_its_topics_carry_or_more() -> None:
    Loop("stage", KAFKA, [DECODES], EachRecord(decoding))
    Loop("stage", KAFKA, [DECODES], EachRecord(decoding_or_chunk))
    Loop("stage", KAFKA, [UPLOADS, DECODES], EachRecord(anything))


def test_a_handler_of_other_events_is_refused_by_mypy() -> None:
    Loop("stage", KAFKA, [CHUNKS_BULK], EachRecord(decoding))  # type: ignore[misc]
    Loop("stage", KAFKA, [DECODES, CHUNKS_BULK], EachRecord(decoding))  # type: ignore[misc]
    Loop("stage", KAFKA, [UPLOADS], EachRecord(decoding))  # type: ignore[misc]
