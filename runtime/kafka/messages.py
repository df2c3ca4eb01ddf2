"""The input and output of handlers: records received, outputs, and steps. Handlers use nothing else of Kafka."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NamedTuple, Protocol

from typing_extensions import TypeVar

from schemas import codec
from schemas.codec import Undecodable
from schemas.record import Record, TraceContext
from schemas.topics import Topic

E = TypeVar("E", bound=Record | None)
E_co = TypeVar("E_co", bound=Record | None, covariant=True, default=Record | None)
E_contra = TypeVar("E_contra", bound=Record | None, contravariant=True)


class Partition(NamedTuple):
    """`topic` is without the prefix."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Received(Generic[E_co]):
    """One record as stored in its partition. `event` is its decoded value, of the type of the topic (`Topic.decode`).

    `attempts`: how often work on it has begun and never finished (its worker died). `checkpoint`: how far
    the last worker came, in its own words. `trace`: of the span of its handling, while tracing is on.
    """

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    event: E_co
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp_ms: int = 0
    attempts: int = 0
    checkpoint: str | None = None
    trace: TraceContext | None = None

    @property
    def topic(self) -> str:
        return self.partition.topic

    def carrying(self, event: E, attempts: int = 0, checkpoint: str | None = None) -> "Received[E]":
        """The same record, decoded."""
        fields = (self.partition, self.offset, self.key, self.value, event, self.headers, self.timestamp_ms)
        return Received(*fields, attempts, checkpoint, self.trace)


@dataclass(frozen=True, slots=True)
class Output:
    """One record to write. `value`: a record, raw bytes, or None (a tombstone). `partition` where the key does not say it.
    `may_be_lost`: the next one replaces it, so a broker that is unavailable for long is no KafkaFault. Not in transactions.
    `trace`: for its headers instead of the record's own."""

    topic: Topic
    key: str | bytes
    value: Record | bytes | None
    partition: int | None = None
    may_be_lost: bool = False
    trace: TraceContext | None = None

    def encoded(self, source: str) -> tuple[bytes | None, codec.Headers]:
        """Value and headers as they are written, by `source`, now. Only records have headers."""
        if isinstance(self.value, Record):
            return codec.encode(self.value), codec.headers(self.value, source, datetime.now(UTC), self.trace)
        return self.value, []


@dataclass(frozen=True, slots=True)
class Step:
    """What happened in a handler, in this order: outputs are written; work begins; a record is settled.

    `begins`: work on these starts when the step has been accepted, i.e. when the generator is resumed: by then the attempt
    is committed, so that a crash of the worker is counted. `settles`: no more steps follow for this record; its offset is
    committed once every output so far is acknowledged. `checkpoints`: for the next owner of the partition, per record still
    in flight. `dead`: the settled record could not be decoded; the loop writes its dead letter. `of`: the record that the
    outputs are made from, where no other field says it.
    """

    outputs: Sequence[Output] = ()
    begins: Sequence[Received] = ()
    settles: Received | None = None
    checkpoints: Sequence[tuple[Received, str]] = ()
    dead: Undecodable | None = None
    of: Received | None = None

    @property
    def record(self) -> Received | None:
        """The one that it is about, if it is about one."""
        return self.settles or self.of or (self.checkpoints[0][0] if self.checkpoints else None)


class Handler(Protocol[E_contra]):
    """The work of a stage on events of type `E_contra`. All calls come from the loop's thread."""

    def room(self, topic: str) -> int:
        """How many more records of that topic it can take now. 0: the loop pauses the topic. One more may be delivered
        nevertheless, with the assignment of its partition."""

    def handle(self, records: Sequence[Received[E_contra]]) -> Iterable[Step]:
        """Called at every turn, also with no records; yields what has happened since. May raise Retry: those of `records` that
        were not settled are passed again later. Any other error ends the stage."""

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """These partitions have been assigned. Called before their first record."""

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        """These partitions have been revoked or lost: drop their records in flight."""

    def close(self) -> None:
        """Stop work in progress. Idempotent, finished on return."""
