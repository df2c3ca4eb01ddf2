"""Settles dead letters: writes their records to their topics again (replay) or gives them up (drop), and marks them on
`dead-letters`.

A letter is settled once. On a real broker record and mark are one transaction, and there is one transactional id for all: whoever
begins later reads the marks of those before, and ends what they have not committed. So nothing is replayed twice, however often
it is asked for. On the embedded broker, which has no transactions, the mark follows the record: a crash between the two leaves
the letter unsettled.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from runtime.errors import BrokerUnavailable, KafkaFault
from runtime.kafka import deadletters
from runtime.kafka.client import Kafka
from runtime.kafka.deadletters import REPLAYED, REPLAYED_FOR, Selection
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from runtime.logs import get_logger
from schemas.deadletter import DeadLetter, Outcome
from schemas.topics import DEAD_LETTERS

log = get_logger(__name__)
ANSWER_S = 60.0
BATCH = 200  # letters in one transaction
REPLAY_MAX_BYTES = 64 * 1024 * 1024  # of a record; the topic's own limit decides
OVERTAKEN = "another replay of dead letters has begun, or the broker was away"
T = TypeVar("T")
ValueOf = Callable[[DeadLetter], bytes | None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Settled:
    """`now`: by this call. `before`: had been settled earlier, and were left alone."""

    now: tuple[DeadLetter, ...]
    before: tuple[DeadLetter, ...]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(dead.subject for dead in (*self.now, *self.before))


def preview(kafka: Kafka, which: Selection) -> Settled:
    """What `settle()` would do. Raises BrokerUnavailable or UsageError."""
    found = deadletters.read(kafka, which)
    waiting = tuple(dead for dead in found if dead.settled is None)
    return Settled(waiting, tuple(dead for dead in found if dead.settled is not None))


def settle(
    kafka: Kafka, which: Selection, outcome: Outcome, value_of: ValueOf, progress: Progress = lambda done, of: None
) -> Settled:
    """Returns when all is acknowledged. `value_of`: a letter's original value, which may raise. `progress`: how many are settled,
    and how many will be. Raises KafkaFault or BrokerUnavailable; the batches before that are settled."""
    settling = _Settling(kafka, outcome, value_of)
    try:
        settling.open()
        found = preview(kafka, which)
        done = 0
        for batch in _batches(found.now):
            settling.settle(batch)
            done += len(batch)
            progress(done, len(found.now))
    finally:
        settling.close()
    log.info("dead_letters.settled", outcome=outcome, entries=done)
    return found


class _Settling:
    """One producer, for as many batches as there are."""

    def __init__(self, kafka: Kafka, outcome: Outcome, value_of: ValueOf) -> None:
        self._kafka = kafka
        self._outcome: Outcome = outcome
        self._value_of = value_of
        config: dict[str, Any] = {"message.max.bytes": REPLAY_MAX_BYTES}
        if kafka.transactions:
            config |= {"transactional.id": kafka.group("dead-letters"), "transaction.timeout.ms": round(ANSWER_S * 1000)}
        self._producer = kafka.producer("settling", **config)
        self._writer = Writer(kafka, self._producer, "settling")
        self._failed: list[str] = []

    def open(self) -> None:
        """Ends the transaction of a predecessor, which cannot commit it any more."""
        if self._kafka.transactions:
            _call(lambda: self._producer.init_transactions(ANSWER_S))

    def settle(self, letters: Sequence[DeadLetter]) -> None:
        replayed = [(dead, self._value_of(dead)) for dead in letters] if self._outcome == "replayed" else []
        if self._kafka.transactions:
            _call(self._producer.begin_transaction)
        for dead, value in replayed:
            self._replay(dead, value)
        if not self._kafka.transactions:
            self._flush()
        for dead in letters:
            self._writer.send(Output(DEAD_LETTERS, dead.subject, dead.settle(self._outcome, datetime.now(UTC))))
        self._flush()
        if self._kafka.transactions:
            _call(lambda: self._producer.commit_transaction(ANSWER_S))

    def close(self) -> None:
        with suppress(SystemError):  # confluent-kafka 2.16 raises it where another one has taken over
            self._writer.close()

    def _replay(self, dead: DeadLetter, value: bytes | None) -> None:
        """Byte for byte; headers say which letter it was, and of which stage, unless it is of an earlier release."""
        headers: list[tuple[str, str | bytes | None]]
        headers = [(name, DeadLetter.unwrap(content)) for name, content in dead.headers if name not in (REPLAYED, REPLAYED_FOR)]
        headers.append((REPLAYED, dead.subject.encode()))
        if dead.id is not None:
            headers.append((REPLAYED_FOR, dead.stage.encode()))
        topic, key = self._kafka.prefix + dead.topic, DeadLetter.unwrap(dead.key)
        _call(lambda: self._producer.produce(topic, key=key, value=value, headers=headers, on_delivery=self._delivered))
        _call(lambda: self._producer.poll(0))

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failed.append(error.str())

    def _flush(self) -> None:
        is_acknowledged = _call(lambda: self._writer.flush(ANSWER_S))
        if self._failed:
            raise KafkaFault(f"not everything was replayed: {self._failed[0]}")
        if not is_acknowledged or len(self._producer):
            raise BrokerUnavailable(f"the broker has not acknowledged everything within {ANSWER_S:.0f} s")


def _call(request: Callable[[], T]) -> T:
    """Raises BrokerUnavailable where another one has begun to settle letters, or the broker is away."""
    try:
        return request()
    except SystemError as error:  # what confluent-kafka 2.16 raises while it serves the delivery reports of a fenced producer
        raise BrokerUnavailable(OVERTAKEN) from error
    except KafkaException as error:
        why = error.args[0]
        if why.fatal() or why.txn_requires_abort():
            raise BrokerUnavailable(f"{OVERTAKEN}: {why.str()}") from error
        if why.retriable():
            raise BrokerUnavailable(f"the broker does not answer: {why.str()}") from error
        raise KafkaFault(f"the dead letters cannot be settled: {why.str()}") from error


def _batches(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    rest = iter(letters)
    while batch := list(islice(rest, BATCH)):
        yield batch
