"""The cluster's brokers, and its topics and groups: partitions, end offsets, committed offsets.

Requested with one admin client for each `Kafka` object, so one per process and cluster: a client costs three to four threads,
and a request of a consumer would wait for its fetch. Used wherever everything written so far must have been read.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, OffsetSpec  # type: ignore[attr-defined]

from runtime.errors import BrokerUnavailable, UsageError
from runtime.kafka import group_offsets
from runtime.kafka.client_errors import KeptErrors
from runtime.kafka.messages import Partition
from schemas.topics import Topic

Answer = TypeVar("Answer")
ANSWER_S = 10.0
ATTEMPT_S = 1.0  # refused credentials are noticed between attempts
_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class _Connection:
    admin: AdminClient
    errors: KeptErrors


class Offsets:
    """From any thread. Calls block; the first one connects, later ones take about a millisecond. All raise BrokerUnavailable
    when there is no answer within `answer_s`, and those that name topics raise UsageError when one is missing.

    After a request without an answer the client is replaced: it may have cached a partition as having no leader."""

    def __init__(self, prefix: str, config: Mapping[str, Any]) -> None:
        self._prefix = prefix
        self._config = config
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self._numbers: dict[str, tuple[int, ...]] = {}
        self._earlier_outages = 0

    def brokers(self, answer_s: float = ANSWER_S) -> list[str]:
        """As host:port. Raises as `cluster()`."""
        return [f"{broker.host}:{broker.port}" for broker in self.cluster(answer_s).brokers.values()]

    def cluster(self, answer_s: float = ANSWER_S) -> ClusterMetadata:
        """The error states what is wrong with the credentials or TLS, if that is the cause."""
        connection, until_s = self._connected(), time.monotonic() + answer_s
        while True:
            try:
                return connection.admin.list_topics(timeout=ATTEMPT_S)
            except KafkaException as error:
                connection.admin.poll(0)
                if connection.errors.refused or time.monotonic() > until_s:
                    self._replace(connection)
                    raise BrokerUnavailable(connection.errors.refused or self._unreachable(connection.errors)) from error

    def partitions(self, topics: Iterable[Topic], answer_s: float = ANSWER_S) -> list[Partition]:
        """The number of partitions of a topic is requested once per connection: it does not change while murmur runs."""
        numbers = {topic.name: self._numbers_of(topic, answer_s) for topic in topics}
        if missing := [self._prefix + name for name, found in numbers.items() if not found]:
            raise UsageError(f"missing topics: {', '.join(missing)}. Run `murmur topics apply`.")
        return [Partition(name, number) for name, found in numbers.items() for number in found]

    def ends(self, topics: Iterable[Topic], answer_s: float = ANSWER_S) -> dict[Partition, int]:
        """The offset that the next record of each partition will have. Uncommitted records count."""
        return self._listed(self.partitions(topics, answer_s), _LATEST, answer_s)

    def since(self, topics: Iterable[Topic], at: datetime, answer_s: float = ANSWER_S) -> dict[Partition, int]:
        """The offset of the first record of each partition that was written at that time or later; if there is none, of the
        next one."""
        partitions = self.partitions(topics, answer_s)
        ends = self._listed(partitions, _LATEST, answer_s)
        found = self._listed(partitions, OffsetSpec.for_timestamp(int(at.timestamp() * 1000)), answer_s)
        return {partition: offset if offset >= 0 else ends[partition] for partition, offset in found.items()}

    def nonempty_ends(self, topics: Iterable[Topic], answer_s: float = ANSWER_S) -> dict[Partition, int]:
        """Of the partitions that have a record: others may also end above 0, after their records were deleted by age."""
        return {partition: end for partition, (start, end) in self._ranges(topics, answer_s).items() if start < end}

    def count(self, topic: Topic, answer_s: float = ANSWER_S) -> int:
        """How many records the topic has; of one that is compacted or written in transactions, at most."""
        return sum(end - start for start, end in self._ranges((topic,), answer_s).values())

    def committed(self, stage: str, topics: Iterable[Topic], answer_s: float = ANSWER_S) -> dict[Partition, int]:
        """What the stage's group has committed, without joining it. Partitions without a commit are left out."""
        return self.committed_by({stage: topics}, answer_s)[stage]

    def committed_by(self, groups: Mapping[str, Iterable[Topic]], answer_s: float = ANSWER_S) -> dict[str, dict[Partition, int]]:
        """The same of several groups, each with its topics. Connects to the broker for this one call."""
        return self._committed({stage: self.partitions(topics, answer_s) for stage, topics in groups.items()}, answer_s)

    def has_read(self, stage: str, ends: Mapping[Partition, int], answer_s: float = ANSWER_S) -> bool:
        """The stage's group has committed everything before `ends`."""
        committed = self._committed({stage: list(ends)}, answer_s)[stage]
        return all(committed.get(partition, 0) >= end for partition, end in ends.items())

    def outages(self) -> int:
        """Grows whenever the last connection to a broker is lost and whenever a request was not answered. Does not block; counts
        from the first request on."""
        with self._lock:
            connection = self._connection
            if connection is None:
                return self._earlier_outages
            connection.admin.poll(0)  # serves the error callback
            return self._earlier_outages + connection.errors.outages

    def close(self) -> None:
        """Idempotent. The next request connects again."""
        with self._lock:
            ended, self._connection = self._connection, None
        del ended  # outside of the lock, since it joins its threads

    def _ranges(self, topics: Iterable[Topic], answer_s: float) -> dict[Partition, tuple[int, int]]:
        """The first offset of each partition, and the one that its next record will have."""
        partitions = self.partitions(topics, answer_s)
        starts, ends = self._listed(partitions, _EARLIEST, answer_s), self._listed(partitions, _LATEST, answer_s)
        return {partition: (starts[partition], end) for partition, end in ends.items()}

    def _connected(self) -> _Connection:
        with self._lock:
            if self._connection is None:
                errors = KeptErrors()
                config: dict[str, Any] = {**self._config, "error_cb": errors}
                self._connection = _Connection(AdminClient(config), errors)
            return self._connection

    def _replace(self, failed: _Connection) -> None:
        """Other threads may still wait for answers of the failed client: it ends when the last of them releases it."""
        with self._lock:
            if self._connection is failed:
                self._connection = None
                self._numbers = {}
                self._earlier_outages += max(1, failed.errors.outages)

    def _unreachable(self, errors: KeptErrors) -> str:
        """A TLS listener just closes a plain connection, so librdkafka may have no error."""
        return (
            f"no broker at {self._config['bootstrap.servers']}; check MURMUR_KAFKA_BOOTSTRAP and MURMUR_KAFKA_SECURITY_PROTOCOL "
            f"({errors.last or 'no answer'})"
        )

    def _send(self, what: str, request: Callable[[AdminClient], Answer], answer_s: float) -> Answer:
        if self._connection is None:
            self.brokers(answer_s)  # its error has the cause, where other requests only time out
        connection = self._connected()
        connection.admin.poll(0)
        try:
            return request(connection.admin)
        except (KafkaException, FutureTimeout) as error:
            self._replace(connection)
            raise BrokerUnavailable(f"the broker did not answer a request for {what}: {error}") from error

    def _numbers_of(self, topic: Topic, answer_s: float) -> tuple[int, ...]:
        """Empty: there is no such topic."""
        if known := self._numbers.get(topic.name):
            return known
        name = self._prefix + topic.name

        def ask(admin: AdminClient) -> tuple[int, ...]:
            metadata = admin.list_topics(name, timeout=answer_s).topics[name]
            if metadata.error is not None and metadata.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise KafkaException(metadata.error)
            return tuple(sorted(metadata.partitions))

        found = self._send(f"the partitions of {name}", ask, answer_s)
        if found:
            self._numbers[topic.name] = found
        return found

    def _committed(self, groups: Mapping[str, Sequence[Partition]], answer_s: float) -> dict[str, dict[Partition, int]]:
        asked = {
            self._prefix + stage: [(self._prefix + partition.topic, partition.number) for partition in partitions]
            for stage, partitions in groups.items()
            if partitions
        }
        try:
            found = group_offsets.committed(self._config, asked, answer_s) if asked else {}
        except group_offsets.NotAnswered as error:
            with self._lock:
                self._earlier_outages += 1
            raise BrokerUnavailable(f"the broker did not answer a request for committed offsets: {error}") from error
        return {
            stage: {
                Partition(topic.removeprefix(self._prefix), number): offset
                for (topic, number), offset in found.get(self._prefix + stage, {}).items()
            }
            for stage in groups
        }

    def _listed(self, partitions: Iterable[Partition], which: OffsetSpec, answer_s: float) -> dict[Partition, int]:
        if not (topic_partitions := self._topic_partitions(partitions)):
            return {}

        def ask(admin: AdminClient) -> dict[TopicPartition, int]:
            answers = admin.list_offsets(dict.fromkeys(topic_partitions, which), request_timeout=answer_s)
            return {partition: int(answer.result(answer_s).offset) for partition, answer in answers.items()}

        found = self._send("the offsets of its topics", ask, answer_s)
        return {self._partition(partition): offset for partition, offset in found.items()}

    def _topic_partitions(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        return [TopicPartition(self._prefix + partition.topic, partition.number) for partition in partitions]

    def _partition(self, partition: TopicPartition) -> Partition:
        return Partition(partition.topic.removeprefix(self._prefix), partition.partition)
