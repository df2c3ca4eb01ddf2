"""Dead letters: made by the loop from records that cannot be decoded, and read. `settling.py` replays and drops them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Output, Received
from schemas.codec import Undecodable
from schemas.deadletter import DeadLetter
from schemas.record import ObjectRef
from schemas.topics import DEAD_LETTERS

POLL_S = 0.2
INLINE_MAX_BYTES = 1024 * 1024  # of a value: in base64, with its provenance, it fits into the topic's 2 MiB
# Headers of a record that was replayed: the id of its letter, and the stage whose letter it was, the only one that processes it.
REPLAYED, REPLAYED_FOR = "murmur-replayed", "murmur-replayed-for"
KeepLarge = Callable[[str, bytes], ObjectRef]


@dataclass(frozen=True, slots=True)
class Letters:
    """Makes the dead letters of one stage. `epoch`: of the cluster (see `Kafka`). `keep_large`: stores a value that does not fit
    into a letter."""

    stage: str
    epoch: str | None = None
    keep_large: KeepLarge | None = None

    def letter(self, record: Received, why: Undecodable, now: datetime) -> Output:
        """The whole record with its provenance, as an output. Raises what `keep_large` raises."""
        place = f"{record.topic}-{record.partition.number}@{record.offset}"
        dead = DeadLetter(
            id="~".join([place, self.stage, *([self.epoch] if self.epoch is not None else [])]),
            topic=record.topic,
            partition=record.partition.number,
            offset=record.offset,
            epoch=self.epoch,
            key=DeadLetter.wrap(record.key),
            value=DeadLetter.wrap(record.value),
            headers=tuple((name, DeadLetter.wrap(value)) for name, value in record.headers),
            stage=self.stage,
            reason=why.reason,
            message=str(why)[:500],
            died_at=now,
        )
        if self.keep_large is not None and record.value is not None and len(record.value) > INLINE_MAX_BYTES:
            dead = dead.model_copy(update={"value": None, "value_at": self.keep_large(dead.subject, record.value)})
        return Output(DEAD_LETTERS, dead.subject, dead)


def is_for_another(record: Received, stage: str) -> bool:
    """Whether it was replayed for another stage. Each stage that fails on a record has a letter of its own, and each letter that
    is replayed is one record more."""
    wanted = dict(record.headers).get(REPLAYED_FOR)
    return wanted is not None and wanted != stage.encode()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters: those that match everything that is given. `ids`: none means any."""

    ids: frozenset[str] = frozenset()
    stage: str | None = None
    topic: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, dead: DeadLetter) -> bool:
        wanted = ((self.stage, dead.stage), (self.topic, dead.topic), (self.reason, dead.reason))
        return (
            (not self.ids or dead.subject in self.ids)
            and all(value is None or value == found for value, found in wanted)
            and (self.since is None or dead.died_at >= self.since)
            and (self.until is None or dead.died_at < self.until)
        )


ALL = Selection()


def read(kafka: Kafka, which: Selection = ALL) -> list[DeadLetter]:
    """The last record of each dead letter there is now, oldest first: those that wait, and the marks of those that were settled.
    Blocks; raises BrokerUnavailable or UsageError."""
    follower = Follower(kafka, [DEAD_LETTERS])
    try:
        ends, letters = follower.end_offsets(), dict[str, DeadLetter]()
        while not follower.reached(ends):
            for record in follower.poll(POLL_S):
                if isinstance(record.event, DeadLetter) and which.matches(record.event):
                    letters[record.event.subject] = record.event
        return sorted(letters.values(), key=lambda dead: dead.died_at)
    finally:
        follower.close()
