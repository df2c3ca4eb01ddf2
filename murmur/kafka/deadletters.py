"""Dead letters: made by the loop from what cannot be understood, listed and replayed by `murmur dlq`."""

from datetime import datetime

from murmur.kafka.messages import Output, Received
from schemas.codec import Undecodable
from schemas.deadletter import DeadLetter
from schemas.topics import DEAD_LETTERS


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
