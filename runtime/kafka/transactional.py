"""Commits of the coordinator: outputs and offsets of a turn in one Kafka transaction, all or nothing.

What librdkafka and the broker do when an owner dies, and the values of the settings: docs/decisions/0001.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from runtime import metrics
from runtime.errors import KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition, Step
from runtime.kafka.timeouts import ClientHung, call_with_timeout
from runtime.kafka.writer import Writer
from runtime.logs import get_logger

log = get_logger(__name__)
TRANSACTION_S = 10.0
FLUSH_S = 10.0
OPEN_S = 30.0  # for a broker that is starting; longer than it needs to end a transaction that a predecessor left open
COMMITTED_S = 30.0  # offsets in the transaction of a dead owner are known after TRANSACTION_S and the broker's scan
CALL_S = 12.0  # longer than a call with its own limit of FLUSH_S may take
ABORT_S = 2.0


def producer_config(kafka: Kafka, stage: str) -> dict[str, Any]:
    """Settings of a transactional producer. With the default backoff, a transaction waits 100 ms for the markers of the last."""
    return {
        "transactional.id": f"{kafka.group(stage)}-{kafka.instance or uuid.uuid4()}",
        "transaction.timeout.ms": round(TRANSACTION_S * 1000),
        "message.timeout.ms": round(TRANSACTION_S * 1000),
        "retry.backoff.ms": 5,
        "retry.backoff.max.ms": 5,
        # How long it caches which broker is the group's coordinator. If that one has restarted, librdkafka 2.16 waits until
        # then (librdkafka 5511), by default for 15 minutes.
        "metadata.max.age.ms": 1000,
    }


class TransactionalCommits:
    """One transaction per turn. Any error ends the process: what was not committed is read again after the restart.

    The handler settles every record in the turn in which it receives it; begins and checkpoints are not used here.
    """

    def __init__(self, kafka: Kafka, consumer: Consumer, writer: Writer) -> None:
        self._kafka = kafka
        self._consumer = consumer
        self._writer = writer
        self._steps: list[Step] = []
        self._in_flight: set[tuple[Partition, int]] = set()
        self._hung = False
        self._commit_seconds = metrics.COMMIT_SECONDS.labels(writer.stage)

    def open(self, stopping: Callable[[], bool]) -> None:
        """Aborts what a predecessor with the same transactional.id left open, and fences it. Blocks until that is done or
        `stopping()`; raises KafkaFault."""
        until_s = time.monotonic() + OPEN_S
        while not stopping():
            try:
                self._writer.producer.init_transactions(1.0)
                return
            except KafkaException as error:
                self._writer.poll()  # reports, for example, that the broker refuses the credentials
                if not error.args[0].retriable() or time.monotonic() > until_s:
                    raise KafkaFault(f"transactions cannot begin: {error.args[0].str()}") from error

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Blocks until no transaction of the last owner can still commit offsets of these partitions. The consumer itself
        continues from the committed offsets."""
        try:
            consumer.committed(partitions, COMMITTED_S)
            return
        except KafkaException as error:
            log.error("offsets.undecided", error=error.args[0].str())
        self._clear(partitions)
        try:
            consumer.committed(partitions, COMMITTED_S)
        except KafkaException as error:
            raise KafkaFault(f"the committed offsets are not known: {error.args[0].str()}") from error

    def receive(self, partition: Partition, offset: int) -> tuple[int, str | None]:
        self._in_flight.add((partition, offset))
        return 0, None

    def write(self, step: Step) -> None:
        self._steps.append(step)

    def commit(self) -> None:
        if steps := self._due():
            self._commit(steps)
            self._in_flight -= {(step.settles.partition, step.settles.offset) for step in steps if step.settles}

    def on_revoke(self, partitions: Iterable[Partition], *, lost: bool) -> None:
        revoked = set(partitions)
        self._in_flight = {entry for entry in self._in_flight if entry[0] not in revoked}
        self._steps = [step for step in self._steps if step.settles is None or step.settles.partition not in revoked]

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def is_complete(self) -> bool:
        return not self._steps

    def finish(self) -> None:
        """Every turn ends with its commit: nothing is left."""

    def close(self) -> None:
        if not self._hung:
            self._writer.close()

    def _due(self) -> list[Step]:
        """Removes and returns the steps whose record has none before it that is still in flight: a committed offset covers all
        records before it. A dead letter after a record that waits for the store has to wait, too."""
        settled = {(step.settles.partition, step.settles.offset) for step in self._steps if step.settles}
        first: dict[Partition, int] = {}
        for partition, offset in self._in_flight - settled:
            first[partition] = min(offset, first.get(partition, offset))
        due: list[Step] = []
        waiting: list[Step] = []
        for step in self._steps:
            record = step.settles
            held = record is not None and record.offset > first.get(record.partition, record.offset)
            (waiting if held else due).append(step)
        self._steps = waiting
        return due

    def _commit(self, steps: Iterable[Step]) -> None:
        offsets: dict[Partition, int] = {}
        with self._commit_seconds.time(), self._transaction("a transaction failed") as producer:
            for step in steps:
                for output in step.outputs:
                    self._writer.send(output)
                if record := step.settles:
                    offsets[record.partition] = max(offsets.get(record.partition, 0), record.offset + 1)
            if offsets:  # not of steps that no record caused
                self._send_offsets([TopicPartition(self._kafka.prefix + p.topic, p.number, o) for p, o in offsets.items()])
            producer.commit_transaction(FLUSH_S)
            self._writer.poll()

    def _clear(self, partitions: list[TopicPartition]) -> None:
        """An offset that a predecessor with our transactional.id sent after its transaction had ended stays pending: no
        transaction marker follows it. The marker of one of our transactions does, since we have its producer id; so this
        sends offsets in a transaction and aborts it."""
        with self._transaction("pending offsets cannot be cleared") as producer:
            self._send_offsets([TopicPartition(partition.topic, partition.partition, 0) for partition in partitions])
            producer.abort_transaction(FLUSH_S)

    def _send_offsets(self, partitions: list[TopicPartition]) -> None:
        """librdkafka 2.16 ignores the time limit here: it waits without end for a broker that restarts meanwhile."""
        producer, group = self._writer.producer, self._consumer.consumer_group_metadata()
        call_with_timeout(CALL_S, "a transaction", lambda: producer.send_offsets_to_transaction(partitions, group, FLUSH_S))

    @contextmanager
    def _transaction(self, failure: str) -> Iterator[Producer]:
        """Begins a transaction, which the caller ends. Raises KafkaFault with `failure` when anything in it fails."""
        producer = self._writer.producer
        try:
            producer.begin_transaction()
            yield producer
        except ClientHung:
            self._hung = True  # the call has not returned: closing the producer would block, too
            raise
        except (KafkaException, KafkaFault) as error:
            reason = str(error) if isinstance(error, KafkaFault) else error.args[0].str()
            self._abort(f"{failure}: {reason}", error)

    def _abort(self, failure: str, cause: Exception) -> NoReturn:
        """Releases the consumers at once, which would otherwise wait for the transaction's timeout. Correctness does not depend
        on it, but a producer that could not abort cannot be closed: librdkafka 2.16 would block even when the broker is back."""
        try:
            self._writer.producer.abort_transaction(ABORT_S)
        except KafkaException as error:
            self._hung = True
            raise ClientHung(f"{failure}; the broker has to abort it: {error.args[0].str()}") from cause
        raise KafkaFault(failure) from cause
