"""The one consumer loop: poll, handle, write, commit. Every Kafka stage is this loop with a handler.

What it reads is in `subscription.py`, how it commits in `commits.py`; what an error means is in `runtime/errors.py`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic

from confluent_kafka import Consumer, Message, TopicPartition

from runtime.errors import Retry
from runtime.kafka import spans, transactional
from runtime.kafka.acked import AckedCommits
from runtime.kafka.client import Kafka, received
from runtime.kafka.client_errors import ClientErrors
from runtime.kafka.commits import Commits
from runtime.kafka.deadletters import KeepLarge, Letters, is_for_another
from runtime.kafka.delayed import Delayed
from runtime.kafka.loop_metrics import LoopMetrics
from runtime.kafka.messages import E, Handler, Output, Partition, Received, Step
from runtime.kafka.per_topic import PerTopic, group_of
from runtime.kafka.start import wait_for_broker
from runtime.kafka.subscription import Subscription
from runtime.kafka.transactional import TransactionalCommits
from runtime.kafka.wakeup import Wakeup
from runtime.kafka.writer import Writer
from runtime.logs import get_logger
from runtime.outage import Outage
from schemas.codec import Undecodable
from schemas.topics import Topic

log = get_logger(__name__)
IDLE_WAIT_S = 0.1  # nothing in flight: how long a poll may sleep, and so how soon stop() is noticed
BUSY_WAIT_S = 0.01  # something in flight: how soon its result is noticed
WOKEN_WAIT_S = 1.0  # of consumers that are woken by a stop, by results and by acknowledgements: for what no wakeup announces


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """`assignment`: "range" where inputs must stay co-partitioned. `group_per_topic`: see `per_topic.py`; not with transactions.
    `drain_s`: how long a stop waits for work in progress.
    `check`: called before the consumer joins its group, and again while it raises BrokerUnavailable.
    `wakeup`: set by threads of the handler when it has something to yield.
    `delayed`: what the handler keeps until it is due; the loop pauses those partitions, and a stop does not wait for them.
    `keep_large`: stores the value of a dead letter that is too large for its topic.
    `last`: called when the loop has been stopped, for outputs to write before it ends."""

    batch_max: int = 200
    commit_interval_s: float = 0.2
    assignment: str = "cooperative-sticky"
    group_per_topic: bool = False
    transactional: bool = False
    drain_s: float = 0.0
    check: Callable[[Kafka], None] | None = None
    delayed: Delayed[Any] = field(default_factory=Delayed)
    keep_large: KeepLarge | None = None
    wakeup: Wakeup = field(default_factory=Wakeup)
    last: Callable[[], Sequence[Output]] = tuple


class Loop(Generic[E]):
    """A stage (see `runtime.resources.Stage`): `run()` blocks until `stop()` and raises whatever else ended it.

    `E` is the record type of the topics and of the handler; mypy checks that they match."""

    def __init__(
        self,
        name: str,
        kafka: Kafka,
        topics: Sequence[Topic[E]],
        handler: Handler[E],
        options: LoopOptions | None = None,
    ) -> None:
        self.name = name
        self.options = options or LoopOptions()
        self._kafka = kafka
        self._topics = {topic.name: topic for topic in topics}
        self._handler = handler
        self._wakeup = self.options.wakeup
        self._metrics = LoopMetrics(name, self._topics)
        self._spans = spans.of_loop(name, kafka, self._group_of)
        self._letters = Letters(name, kafka.epoch, self.options.keep_large)
        self._stopping = threading.Event()
        self._joined = False
        self._failed = False
        self._outage = Outage(name)  # before the consumer joins its group
        self._retries = Outage(name)  # of what the handler needs
        self._client_errors = ClientErrors()
        self._unsettled: list[Received[E]] = []  # because of a Retry: passed to the handler again
        self._retry_at_s = 0.0

    def run(self) -> None:
        if self.options.check is not None:  # what begins a transaction has a time limit; other consumers wait by themselves
            wait_for_broker(self._kafka, self._outage, self.options.check, self._stopping)
        self._open()
        try:
            self._commits.open(self._stopping.is_set)
            self._subscription.open(self._topics.values())
            while not self._stopping.is_set():
                self._turn(self._poll())
            self._drain()
            if outputs := self.options.last():
                self._commits.write(Step(outputs=outputs))
            self._commits.finish()
        except BaseException:
            self._failed = True
            raise
        finally:
            self._handler.close()
            self._subscription.close()
            self._commits.close()
            self._spans.closed(failed=self._failed)
            self._metrics.in_flight(0)

    def _turn(self, polled: Sequence[Received[E]]) -> None:
        """The delivery guarantees depend on this order: a record's offset is committed after the outputs produced from it."""
        began_s, is_idle = time.perf_counter(), not polled
        for step in self._handle(polled):
            is_idle = False
            self._commits.write(step)
        if not is_idle:
            self._metrics.handled(time.perf_counter() - began_s)
        self._commits.commit()
        self._metrics.in_flight(self._commits.in_flight)

    def _poll(self) -> list[Received[E]]:
        """A batch of what is there, decoded."""
        room = {topic: 0 if self._unsettled else self._handler.room(topic) for topic in self._topics}
        messages = self._subscription.poll(room, self.options.batch_max, self._wait_s(), self.options.delayed.paused)
        self._wakeup.clear()  # before the turn looks for what it was set for
        self._metrics.received([(message.topic() or "").removeprefix(self._kafka.prefix) for message in messages])
        records = [self._receive(message) for message in messages]
        return [record for record in records if record is not None]

    def _wait_s(self) -> float:
        if self._kafka.wakes:
            wait_s = WOKEN_WAIT_S if self._commits.is_complete and not self._busy else IDLE_WAIT_S
        else:
            wait_s = BUSY_WAIT_S if self._busy else IDLE_WAIT_S
        due_s = self.options.delayed.wait_s(datetime.now(UTC))
        return wait_s if due_s is None else min(wait_s, due_s)

    @property
    def _busy(self) -> bool:
        """Something is in flight that is not kept until later."""
        return self._commits.in_flight > len(self.options.delayed)

    def _receive(self, message: Message) -> Received[E] | None:
        """None: it was replayed for another stage, or cannot be decoded, and its dead letter is written."""
        record = self._spans.began(received(message, self._kafka.prefix))
        attempts, checkpoint = self._commits.receive(record.partition, record.offset)
        if is_for_another(record, self.name):
            self._commits.write(self._completed(Step(settles=record)))
            return None
        try:
            event = self._topics[record.topic].decode(record.value)
        except Undecodable as undecodable:
            self._commits.write(self._completed(Step(settles=record, dead=undecodable)))
            return None
        return record.carrying(event, attempts, checkpoint)

    def _handle(self, polled: Sequence[Received[E]]) -> Iterator[Step]:
        """The handler's steps for these records and for those to be retried. After a Retry the unsettled ones come
        again later."""
        self._unsettled += polled
        if time.monotonic() < self._retry_at_s:
            return
        records, self._unsettled = self._unsettled, []
        settled: set[tuple[Partition, int]] = set()
        try:
            for step in self._handler.handle(records):
                yield self._completed(step)
                if step.settles is not None:
                    settled.add((step.settles.partition, step.settles.offset))
        except Retry as error:
            self._retries.started(error)
            self._unsettled = [record for record in records if (record.partition, record.offset) not in settled]
            self._retry_at_s = time.monotonic() + error.after_s
            self._metrics.retried(len(self._unsettled))
        else:
            self._retries.ended()

    def _completed(self, step: Step) -> Step:
        """With its dead letter and its trace."""
        return self._spans.written(self._with_dead_letter(step))

    def _with_dead_letter(self, step: Step) -> Step:
        if step.dead is None or step.settles is None:
            return step
        (topic, partition), offset = step.settles.partition, step.settles.offset
        log.error(
            "record.dead_lettered", topic=topic, partition=partition, offset=offset, reason=step.dead.reason, error=step.dead
        )
        self._metrics.dead_lettered(step.dead.reason)
        letter = self._letters.letter(step.settles, step.dead, datetime.now(UTC))
        return replace(step, outputs=[*step.outputs, letter])

    def _drain(self) -> None:
        until_s = time.monotonic() + self.options.drain_s
        while self._busy and time.monotonic() < until_s:
            time.sleep(BUSY_WAIT_S)
            self._turn([])

    def stop(self) -> None:
        self._stopping.set()
        self._wakeup.set()

    def not_ready(self) -> str | None:
        if not self._joined:
            return self._client_errors.refused or self._outage.reason or f"{self.name} has not joined its consumer group"
        ask = getattr(self._handler, "not_ready", None)
        return ask() if ask else None

    def _open(self) -> None:
        """Makes the clients, none of which talks to the broker yet."""
        consumer: Consumer | PerTopic
        self._commits: Commits
        if self.options.transactional and self._kafka.transactions:
            consumer = self._consumer(self.name)
            writer = self._writer(transactional.producer_config(self._kafka, self.name))
            self._commits = TransactionalCommits(self._kafka, consumer, writer)
        else:
            consumer = self._per_topic() if self.options.group_per_topic else self._consumer(self.name)
            self._commits = AckedCommits(self._kafka, consumer, self._writer({}), self.options.commit_interval_s)
        self._subscription = Subscription(self._kafka, consumer, self._on_assign, self._on_revoke)

    def _consumer(self, group: str) -> Consumer:
        config: dict[str, Any] = {"partition.assignment.strategy": self.options.assignment, "error_cb": self._client_errors}
        if self._kafka.instance:
            config["group.instance.id"] = f"{self._kafka.instance}-{self.name}"
        return self._kafka.consumer(group, self._wakeup, **config)

    def _group_of(self, topic: str) -> str:
        return group_of(self.name, self._topics[topic]) if self.options.group_per_topic else self.name

    def _per_topic(self) -> PerTopic:
        topics = self._topics.values()
        return PerTopic({self._kafka.name(topic): self._consumer(group_of(self.name, topic)) for topic in topics}, self._wakeup)

    def _writer(self, config: dict[str, Any]) -> Writer:
        producer = self._kafka.producer(self.name, self._wakeup, error_cb=self._client_errors, **config)
        return Writer(self._kafka, producer, self.name)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._joined = True
        self._wakeup.set()  # so that the next poll pauses what there is no room for
        if partitions:
            self._commits.on_assign(consumer, partitions)  # before the handler looks at what the last owner wrote
            self._handler.on_assign(
                [Partition(partition.topic.removeprefix(self._kafka.prefix), partition.partition) for partition in partitions]
            )
        log.info("partitions.assigned", partitions=[f"{p.topic}/{p.number}" for p in sorted(self._subscription.assigned)])

    def _on_revoke(self, partitions: set[Partition], lost: bool) -> None:
        # A stage that failed commits nothing more: what it had begun stays counted as an attempt.
        self._commits.on_revoke(partitions, lost=lost or self._failed)
        self._handler.on_revoke(sorted(partitions))
        self._spans.revoked(partitions)
        self._unsettled = [record for record in self._unsettled if record.partition not in partitions]
