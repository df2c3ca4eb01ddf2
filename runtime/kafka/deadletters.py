"""Dead letters: made by the loop from records that cannot be decoded, listed and replayed by `murmur dlq`."""

from collections.abc import Callable, Sequence
from datetime import datetime

from confluent_kafka import KafkaError

from runtime.errors import BrokerUnavailable, KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Output, Received
from schemas.codec import Undecodable
from schemas.deadletter import DeadLetter
from schemas.record import ObjectRef
from schemas.topics import DEAD_LETTERS

REPLAY_S = 60.0
INLINE_MAX_BYTES = 1024 * 1024  # of a value: in base64, with its provenance, it fits into the topic's 2 MiB
REPLAY_MAX_BYTES = 64 * 1024 * 1024  # of a record; the topic's own limit decides
KeepLarge = Callable[[str, bytes], ObjectRef]


def letter(record: Received, stage: str, why: Undecodable, now: datetime, keep_large: KeepLarge | None = None) -> Output:
    """The whole record with its provenance, as an output. A value that does not fit is given to `keep_large`, which may raise."""
    dead = DeadLetter(
        topic=record.topic,
        partition=record.partition.number,
        offset=record.offset,
        key=DeadLetter.wrap(record.key),
        value=DeadLetter.wrap(record.value),
        headers=tuple((name, DeadLetter.wrap(value)) for name, value in record.headers),
        stage=stage,
        reason=why.reason,
        message=str(why)[:500],
        died_at=now,
    )
    if keep_large is not None and record.value is not None and len(record.value) > INLINE_MAX_BYTES:
        dead = dead.model_copy(update={"value": None, "value_at": keep_large(dead.subject, record.value)})
    return Output(DEAD_LETTERS, dead.subject, dead)


def read_all(kafka: Kafka) -> list[DeadLetter]:
    """Every dead letter there is now, oldest first. Blocks; raises BrokerUnavailable or UsageError."""
    follower = Follower(kafka, [DEAD_LETTERS])
    try:
        ends, letters = follower.end_offsets(), []
        while not follower.reached(ends):
            letters += [record.event for record in follower.poll(0.2) if isinstance(record.event, DeadLetter)]
        return sorted(letters, key=lambda dead: dead.died_at)
    finally:
        follower.close()


def replay(kafka: Kafka, letters: Sequence[DeadLetter], value_of: Callable[[DeadLetter], bytes | None]) -> None:
    """Writes the original bytes to the original topics; returns when all are acknowledged. `value_of`: a letter's original value.
    Raises KafkaFault or BrokerUnavailable."""
    producer = kafka.producer("replay", **{"message.max.bytes": REPLAY_MAX_BYTES})
    failed: list[str] = []

    def delivered(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(error.str())

    for dead in letters:
        headers = [(name, DeadLetter.unwrap(content)) for name, content in dead.headers]
        producer.produce(
            kafka.prefix + dead.topic,
            key=DeadLetter.unwrap(dead.key),
            value=value_of(dead),
            headers=[*headers, ("murmur-replayed", dead.subject.encode())],
            on_delivery=delivered,
        )
        producer.poll(0)
    waiting = producer.flush(REPLAY_S)
    if failed:
        raise KafkaFault(f"not everything was replayed: {failed[0]}")
    if waiting:
        raise BrokerUnavailable(f"not everything was replayed: the broker has not acknowledged {waiting} records")
