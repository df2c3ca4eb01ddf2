"""`murmur topics apply`: creates and configures the topics of `schemas/topics.py` on a real cluster; `check` at a stage's start.

`plan()` is pure: it compares existing and wanted topics, and returns actions and remarks. No topic is shrunk or deleted and no
retention is shortened; larger values set by the operator are kept.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from runtime.errors import KafkaFault, UsageError
from runtime.kafka.client import Kafka
from runtime.settings import Settings
from schemas.topics import DEAD_LETTERS, TOPICS, Topic

ANSWER_S = 10.0  # refused credentials are reported much sooner
REQUEST_S = 30.0
LEADERS_S = 120.0  # with four busy processes on two cores a broker took over 30 s
ASK_AGAIN_S = 0.05
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]
DEAD_LETTER_BYTES = 2 * 1024 * 1024  # the largest record of another topic, 1 MiB, in base64, with its provenance


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as it is on the cluster."""

    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """By names without the prefix. `drift`: sentences about differences that are not changed."""

    create: tuple[tuple[Topic, int], ...] = ()  # with the number of partitions
    grow: Mapping[str, int] = field(default_factory=dict)
    configure: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    drift: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What `apply` has done, and what is left to the operator; full topic names."""

    created: tuple[str, ...]
    grown: tuple[str, ...]
    configured: tuple[str, ...]
    drift: tuple[str, ...]

    def lines(self) -> list[str]:
        done = [
            *(f"created {name}" for name in self.created),
            *(f"more partitions: {name}" for name in self.grown),
            *(f"configured {name}" for name in self.configured),
        ]
        return [*(done or ["nothing to do"]), *(f"left as it is: {sentence}" for sentence in self.drift)]


def wanted_config(topic: Topic, settings: Settings) -> dict[str, str]:
    config: dict[str, str] = {"cleanup.policy": topic.cleanup}
    if "delete" in topic.cleanup:
        config["retention.ms"] = str(topic.retention_ms)
    if "compact" in topic.cleanup:  # compacted early, so that a table is restored fast
        config |= {"segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
    if topic.name == DEAD_LETTERS.name:
        config["max.message.bytes"] = str(DEAD_LETTER_BYTES)
    if settings.topic_replication >= 3:  # an acknowledged record survives the loss of any one broker
        config["min.insync.replicas"] = "2"
    return config


def plan(topics: Sequence[Topic], existing: Mapping[str, Existing], settings: Settings) -> Plan:
    """`existing`: by name without the prefix. Pure."""
    grow: dict[str, int] = {}
    configure: dict[str, Mapping[str, str]] = {}
    drift: list[str] = []
    for topic in topics:
        if (there := existing.get(topic.name)) is None:
            continue
        if there.partitions < settings.topic_partitions and _may_grow(topic):
            grow[topic.name] = settings.topic_partitions
        changes, remarks = _compare(topic, there, settings)
        if changes:
            configure[topic.name] = changes
        drift += remarks
    drift += _unequal(topics, existing, settings)
    create = tuple(
        (topic, _partitions_of_new(topic, topics, existing, settings)) for topic in topics if topic.name not in existing
    )
    return Plan(create, grow, configure, tuple(drift))


def apply(kafka: Kafka, settings: Settings, topics: Sequence[Topic] = TOPICS) -> Report:
    """Blocks until the cluster has applied it. Safe to repeat. Raises BrokerUnavailable when no broker can be reached, KafkaFault
    when the cluster refuses."""
    kafka.brokers(ANSWER_S)
    admin = AdminClient(kafka.client_config("topics"))
    try:
        todo = plan(topics, _read(admin, kafka, topics), settings)
        _change(admin, kafka, todo, settings)
    except KafkaException as error:
        raise KafkaFault(f"the topics could not be applied: {error.args[0].str()}") from error
    return Report(
        tuple(kafka.name(topic) for topic, _ in todo.create),
        tuple(kafka.prefix + name for name in todo.grow),
        tuple(
            f"{kafka.prefix}{name}: {', '.join(f'{k}={v}' for k, v in changes.items())}"
            for name, changes in todo.configure.items()
        ),
        tuple(kafka.prefix + sentence for sentence in todo.drift),
    )


def check(kafka: Kafka, topics: Sequence[Topic] = TOPICS) -> None:
    """At the coordinator's start. Raises UsageError when a topic is missing, or when co-partitioned topics do not have the
    same number of partitions; BrokerUnavailable when the broker does not answer."""
    counts = Counter(partition.topic for partition in kafka.offsets.partitions(topics))
    together = {kafka.name(topic): counts[topic.name] for topic in topics if topic.co_partitioned}
    if len(set(together.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(together.items()))
        raise UsageError(
            f"these topics need the same number of partitions: {listed}. Stop murmur, then either delete those that differ "
            "and run `murmur topics apply`, or use another MURMUR_TOPIC_PREFIX."
        )


def _may_grow(topic: Topic) -> bool:
    """With more partitions, keys move to others. That breaks what depends on the partition of a key: co-partitioned inputs,
    and the older record of a key in a compacted topic."""
    return topic.cleanup == "delete" and not topic.co_partitioned


def _partitions_of_new(topic: Topic, topics: Sequence[Topic], existing: Mapping[str, Existing], settings: Settings) -> int:
    """A co-partitioned topic gets as many as the existing ones have."""
    together = [existing[t.name].partitions for t in topics if t.co_partitioned and t.name in existing]
    return max(together) if topic.co_partitioned and together else settings.topic_partitions


def _compare(topic: Topic, there: Existing, settings: Settings) -> tuple[dict[str, str], list[str]]:
    """Configuration to change, and remarks about the rest."""
    changes, remarks = {}, []
    for name, value in wanted_config(topic, settings).items():
        has = there.config.get(name)
        if has == value or (name == "min.insync.replicas" and there.replication < int(value)):
            continue  # two in sync of a topic with one copy: brokers before 4.0 would refuse every record
        if _is_safe(name, has, value):
            changes[name] = value
        else:
            remarks.append(f"{topic.name}: {name} is {has}, not {value}")
    if there.replication != settings.topic_replication:
        remarks.append(f"{topic.name}: {there.replication} copies, not {settings.topic_replication}; reassign its partitions")
    if there.partitions > settings.topic_partitions:
        remarks.append(f"{topic.name}: {there.partitions} partitions, not {settings.topic_partitions}; a topic cannot shrink")
    return changes, remarks


def _is_safe(name: str, has: str | None, wanted: str) -> bool:
    """Whether the change cannot lose data: it keeps more, or for longer."""
    if has is None:
        return True
    if name == "cleanup.policy":
        return wanted == "compact"
    if name in ("retention.ms", "max.message.bytes"):
        return int(has) != -1 and int(wanted) > int(has)
    return True


def _unequal(topics: Sequence[Topic], existing: Mapping[str, Existing], settings: Settings) -> list[str]:
    """Topics that must not grow and have fewer partitions than wanted."""
    return [
        f"{topic.name}: {existing[topic.name].partitions} partitions, not {settings.topic_partitions}; "
        "more would move keys to other partitions"
        for topic in topics
        if topic.name in existing and not _may_grow(topic) and existing[topic.name].partitions < settings.topic_partitions
    ]


def _read(admin: AdminClient, kafka: Kafka, topics: Sequence[Topic]) -> dict[str, Existing]:
    metadata = admin.list_topics(timeout=REQUEST_S).topics
    there = {topic.name: metadata[kafka.name(topic)] for topic in topics if kafka.name(topic) in metadata}
    if not there:
        return {}
    resources = {name: ConfigResource(ResourceType.TOPIC, kafka.prefix + name) for name in there}
    answers = admin.describe_configs([*resources.values()], request_timeout=REQUEST_S)
    existing = {}
    for name, topic in there.items():
        config = {key: entry.value for key, entry in answers[resources[name]].result().items() if entry.value is not None}
        copies = min((len(partition.replicas) for partition in topic.partitions.values()), default=0)
        existing[name] = Existing(len(topic.partitions), copies, config)
    return existing


def _change(admin: AdminClient, kafka: Kafka, todo: Plan, settings: Settings) -> None:
    new = [
        NewTopic(
            kafka.name(topic),
            num_partitions=partitions,
            replication_factor=settings.topic_replication,
            config=wanted_config(topic, settings),
        )
        for topic, partitions in todo.create
    ]
    _ask(admin.create_topics, new)
    _wait_until_served(kafka, {kafka.name(topic): partitions for topic, partitions in todo.create})
    _ask(admin.create_partitions, [NewPartitions(kafka.prefix + name, count) for name, count in todo.grow.items()])
    _ask(admin.incremental_alter_configs, [_altered(kafka.prefix + name, c) for name, c in todo.configure.items()])


def _wait_until_served(kafka: Kafka, created: Mapping[str, int]) -> None:
    """A topic is in the metadata before its partitions have leaders; until then requests are refused. A client may cache that
    a partition has none, so each attempt uses a new client."""
    waiting = {TopicPartition(name, number): _END for name, partitions in created.items() for number in range(partitions)}
    until = time.monotonic() + LEADERS_S
    while waiting:
        admin = AdminClient(kafka.client_config("topics"))
        answers = admin.list_offsets(waiting, request_timeout=REQUEST_S)
        waiting = {partition: _END for partition, future in answers.items() if future.exception(timeout=REQUEST_S) is not None}
        if waiting:
            if time.monotonic() > until:
                raise KafkaFault(f"no leader after {LEADERS_S:.0f} s: {', '.join(sorted({p.topic for p in waiting}))}")
            time.sleep(ASK_AGAIN_S)


def _altered(name: str, changes: Mapping[str, str]) -> ConfigResource:
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in changes.items()]
    return ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)


def _ask(request: Callable[..., Mapping[Any, Any]], items: Sequence[object]) -> None:
    """The client refuses an empty request. That another process has just created a topic is not an error."""
    if not items:
        return
    for future in request(items, request_timeout=REQUEST_S).values():
        try:
            future.result(timeout=REQUEST_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
