"""The one consumer loop: poll, hand over, write what came of it, commit. Every Kafka stage is this loop with a handler.

The order that all delivery promises rest on is in `_turn`. What an error means is in `runtime/errors.py`.
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from runtime.errors import BrokerAway, KafkaFault, Retry, UsageError
from runtime.kafka import deadletters
from runtime.kafka.client import Kafka, partition_of, received
from runtime.kafka.client_errors import ClientErrors
from runtime.kafka.commits import AckedCommits, Commits, TransactionalCommits
from runtime.kafka.messages import Handler, Partition, Received, Step
from runtime.kafka.per_topic import PerTopic, group_of
from runtime.kafka.timeouts import ClientHung
from runtime.kafka.writer import Writer
from runtime.logs import get_logger
from schemas import codec
from schemas.topics import BY_NAME, Topic

log = get_logger(__name__)
IDLE_WAIT_S = 0.1  # nothing in hand: how long a poll may sleep, and so how soon stop() is noticed
BUSY_WAIT_S = 0.01  # something in hand: how soon its result is noticed
LOOK_S = 0.5  # how long a broker that is not there is looked for, and then waited for
COMMITTED_S = 30.0  # offsets that a dead owner's transaction holds are known after its timeout of 10 s and the broker's scan


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """`assignment`: "range" where inputs must stay co-partitioned. `group_per_topic`: see `per_topic.py`; not with transactions.
    `drain_s`: how long a stop waits for work in hand.
    `check`: what must hold before it joins; asked again for as long as it raises BrokerAway."""

    batch_max: int = 200
    commit_interval_s: float = 0.2
    assignment: str = "cooperative-sticky"
    group_per_topic: bool = False
    transactional: bool = False
    drain_s: float = 0.0
    check: Callable[[Kafka], None] | None = None


class Loop:
    """A stage (see `runtime.resources.Stage`): `run()` blocks until `stop()` and raises whatever else ended it."""

    def __init__(
        self, name: str, kafka: Kafka, topics: Sequence[Topic], handler: Handler, options: LoopOptions | None = None
    ) -> None:
        self.name = name
        self.options = options or LoopOptions()
        self._kafka = kafka
        self._topics = tuple(topics)
        self._handler = handler
        self._stopping = threading.Event()
        self._assigned: set[Partition] = set()
        self._joined = False
        self._waits: str | None = None
        self._client_errors = ClientErrors()
        self._paused: set[Partition] = set()
        self._arrived: list[Message] = []  # off the broker, not yet taken in hand
        self._again: list[Received] = []  # offered, and to be offered again
        self._again_s = 0.0

    def run(self) -> None:
        if self.options.check is not None:
            self._wait_for_broker(self.options.check)
        consumer = self._consumers()
        transactional = self.options.transactional and self._kafka.transactions
        producer = self._kafka.producer(self.name, **self._producer_config(transactional=transactional))
        stuck = False
        try:
            self._open(consumer, producer, transactional=transactional)
            while not self._stopping.is_set():
                self._turn(draining=False)
            self._drain()
            self._commits.close()
        except ClientHung:
            stuck = True
            raise
        finally:
            self._handler.close()
            consumer.close()
            if not stuck:
                producer.purge()  # what the broker has not taken by now was not promised to anybody
                producer.close()

    def stop(self) -> None:
        self._stopping.set()

    def not_ready(self) -> str | None:
        if not self._joined:
            return self._client_errors.refused or self._waits or f"{self.name} has not joined its consumer group"
        ask = getattr(self._handler, "not_ready", None)
        return ask() if ask else None

    def _wait_for_broker(self, check: Callable[[Kafka], None]) -> None:
        """Before a client is made: a consumer would wait by itself, but what begins a transaction has a time limit."""
        while not self._stopping.is_set():
            try:
                self._kafka.brokers(LOOK_S)
                check(self._kafka)
            except BrokerAway as away:
                if str(away) != self._waits:
                    log.warning("consumer.waiting", error=away, wait_s=LOOK_S)
                self._waits = str(away)
                self._stopping.wait(LOOK_S)
            else:
                self._waits = None
                break

    def _consumers(self) -> Consumer | PerTopic:
        config = self._consumer_config()
        if not self.options.group_per_topic:
            return self._kafka.consumer(self.name, **config)
        by_topic = {self._kafka.name(topic): self._kafka.consumer(group_of(self.name, topic), **config) for topic in self._topics}
        return PerTopic(by_topic)

    def _open(self, consumer: Consumer | PerTopic, producer: Producer, *, transactional: bool) -> None:
        self._consumer = consumer
        writer = Writer(self._kafka, producer, self.name)
        self._commits: Commits
        if transactional:
            assert isinstance(consumer, Consumer)
            self._commits = TransactionalCommits(self._kafka, consumer, writer)
            self._commits.open(self._stopping.is_set)
        else:
            self._commits = AckedCommits(self._kafka, consumer, writer, self.options.commit_interval_s)
        consumer.subscribe(
            [self._kafka.name(topic) for topic in self._topics],
            on_assign=self._on_assign,
            on_revoke=lambda _consumer, places: self._on_revoke(places, lost=False),
            on_lost=lambda _consumer, places: self._on_revoke(places, lost=True),
        )

    def _turn(self, *, draining: bool) -> None:
        """Receive, handle, write, and only then commit."""
        records = [] if draining else self._poll()
        if draining:
            time.sleep(BUSY_WAIT_S)
        if time.monotonic() >= self._again_s:
            self._offer(records)
        else:
            self._again += records
        self._commits.advance()

    def _offer(self, records: Sequence[Received]) -> None:
        offered, self._again = [*self._again, *records], []
        settled: set[tuple[Partition, int]] = set()
        try:
            for step in self._handler.handle(offered):
                self._commits.take(self._with_dead_letter(step))
                if step.settles is not None:
                    settled.add((step.settles.partition, step.settles.offset))
        except Retry as error:
            log.warning("consumer.waiting", error=error, wait_s=error.after_s)
            self._again = [record for record in offered if (record.partition, record.offset) not in settled]
            self._again_s = time.monotonic() + error.after_s

    def _with_dead_letter(self, step: Step) -> Step:
        if step.dead is None or step.settles is None:
            return step
        (topic, partition), offset = step.settles.partition, step.settles.offset
        log.error(
            "record.dead_lettered", topic=topic, partition=partition, offset=offset, reason=step.dead.reason, error=step.dead
        )
        letter = deadletters.letter(step.settles, self.name, step.dead, datetime.now(UTC))
        return Step(outputs=[*step.outputs, letter], settles=step.settles)

    def _drain(self) -> None:
        until = time.monotonic() + self.options.drain_s
        while self._commits.in_hand and time.monotonic() < until:
            self._turn(draining=True)

    def _poll(self) -> list[Received]:
        """Up to a batch of what is there; never waits to fill it."""
        room = self._pause_and_resume()
        wait_s = BUSY_WAIT_S if self._commits.in_hand else IDLE_WAIT_S
        first = self._consumer.poll(wait_s)
        if first is None:
            return []
        self._arrived = [first]  # where a revocation finds it, which may come while more is asked for
        more = self._consumer.consume(min(room, self.options.batch_max) - 1, 0) if room > 1 else []
        arrived, self._arrived = [*self._arrived, *more], []
        received = [self._receive(message) for message in arrived]
        return [record for record in received if record is not None]

    def _pause_and_resume(self) -> int:
        """RestartBackoff topics that the handler has no room for; returns the room of the smallest of the others."""
        waiting = bool(self._again)
        room = {topic.name: 0 if waiting else self._handler.room(topic.name) for topic in self._topics}
        full = {partition for partition in self._assigned if room[partition.topic] <= 0}
        # Those that have gone are resumed, too: the client would keep them paused if they came back.
        self._change(self._consumer.pause, full - self._paused)
        self._change(self._consumer.resume, self._paused - full)
        self._paused = full
        return min((places for places in room.values() if places > 0), default=0)

    def _change(self, pause_or_resume: Callable[[list[TopicPartition]], None], partitions: set[Partition]) -> None:
        if partitions:
            pause_or_resume([TopicPartition(self._kafka.prefix + p.topic, p.number) for p in partitions])

    def _receive(self, message: Message) -> Received | None:
        """None: an error that the client mends itself, or a dead letter."""
        if error := message.error():
            self._on_error(error)
            return None
        record = received(message, self._kafka.prefix)
        attempts, note = self._commits.receive(record.partition, record.offset)
        record = replace(record, attempts=attempts, note=note)
        return self._decode(record)

    def _decode(self, record: Received) -> Received | None:
        kind = BY_NAME[record.topic].value
        if kind is None:
            return record
        try:
            return replace(record, event=codec.decode(kind, record.value))
        except codec.Undecodable as undecodable:
            self._commits.take(self._with_dead_letter(Step(settles=record, dead=undecodable)))
            return None

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise UsageError(f"a topic is missing ({error.str()}): run `murmur topics apply`")
        if error.fatal() or error.code() == KafkaError._FATAL:  # the latter: another process has our group.instance.id
            raise KafkaFault(error.str())
        log.warning("client.failed", error=error.str())

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._joined = True
        partitions = [self._partition(place) for place in places]
        self._assigned.update(partitions)
        if places:
            self._commits.assigned(self._committed(consumer, places))  # before the handler looks at what the last owner wrote
            self._handler.assigned(partitions)
        log.info("partitions.assigned", partitions=[f"{p.topic}/{p.number}" for p in sorted(self._assigned)])

    def _on_revoke(self, places: list[TopicPartition], *, lost: bool) -> None:
        partitions = {self._partition(place) for place in places}
        self._commits.revoked(partitions, lost=lost)
        self._handler.revoked(sorted(partitions))
        self._assigned -= partitions
        self._change(self._consumer.resume, self._paused & partitions)  # the client would keep it paused if it came back
        self._again = [record for record in self._again if record.partition not in partitions]
        self._arrived = [message for message in self._arrived if partition_of(message, self._kafka.prefix) not in partitions]

    def _committed(self, consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
        """Blocks until no transaction of the last owner can still commit offsets of these partitions."""
        try:
            return consumer.committed(places, COMMITTED_S)
        except KafkaException as error:
            log.error("offsets.undecided", error=error.args[0].str())
        try:
            self._commits.clear(places)
            return consumer.committed(places, COMMITTED_S)
        except KafkaException as error:
            raise KafkaFault(f"the committed offsets are not known: {error.args[0].str()}") from error

    def _partition(self, place: TopicPartition) -> Partition:
        return Partition(place.topic.removeprefix(self._kafka.prefix), place.partition)

    def _consumer_config(self) -> dict[str, object]:
        config: dict[str, object] = {"partition.assignment.strategy": self.options.assignment, "error_cb": self._client_errors}
        if self._kafka.instance:
            config["group.instance.id"] = f"{self._kafka.instance}-{self.name}"
        return config

    def _producer_config(self, *, transactional: bool) -> dict[str, object]:
        """Figures: docs/decisions/0001. Without the short backoff a hop waits 100 ms for the last transaction's markers."""
        if not transactional:
            return {"error_cb": self._client_errors}
        return {
            "error_cb": self._client_errors,
            "transactional.id": f"{self._kafka.group(self.name)}-{self._kafka.instance or uuid.uuid4()}",
            "transaction.timeout.ms": 10_000,
            "message.timeout.ms": 10_000,
            "retry.backoff.ms": 5,
            "retry.backoff.max.ms": 5,
            # How long it believes to know the group's coordinator. librdkafka 2.16 waits for one that has restarted until then
            # (librdkafka 5511), which is 15 minutes unless set.
            "metadata.max.age.ms": 1000,
        }
