"""Dead letters: made by the loop from what cannot be understood, listed and replayed by `murmur dlq`."""

from collections.abc import Sequence
from datetime import datetime

from confluent_kafka import KafkaError

from runtime.errors import BrokerUnavailable, KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Output, Received
from schemas.codec import Undecodable
from schemas.deadletter import DeadLetter
from schemas.topics import DEAD_LETTERS

REPLAY_S = 60.0


def letter(record: Received, stage: str, why: Undecodable, now: datetime) -> Output:
    """The whole record with its provenance, as an output."""
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


def replay(kafka: Kafka, letters: Sequence[DeadLetter]) -> None:
    """Writes the original bytes to the original topics; returns when all are acknowledged. Raises KafkaFault or
    BrokerUnavailable."""
    producer = kafka.producer("replay")
    failed: list[str] = []

    def delivered(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(error.str())

    for dead in letters:
        headers = [(name, DeadLetter.unwrap(content)) for name, content in dead.headers]
        producer.produce(
            kafka.prefix + dead.topic,
            key=DeadLetter.unwrap(dead.key),
            value=DeadLetter.unwrap(dead.value),
            headers=[*headers, ("murmur-replayed", dead.subject.encode())],
            on_delivery=delivered,
        )
        producer.poll(0)
    waiting = producer.flush(REPLAY_S)
    if failed:
        raise KafkaFault(f"not everything was replayed: {failed[0]}")
    if waiting:
        raise BrokerUnavailable(f"not everything was replayed: the broker has not acknowledged {waiting} records")
