"""One Kafka cluster: where it is, how to log in, what every client of murmur's has in common.

Made from the settings (`from_settings`) or by the embedded broker; loops, followers and the gateway get their clients here.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer

from murmur.errors import MurmurError
from murmur.kafka.messages import Partition, Received
from murmur.settings import Settings
from schemas.topics import Topic

log = logging.getLogger(__name__)
Config = dict[str, Any]
SESSION_TIMEOUT_MS = 10_000
HEARTBEAT_MS = 500


class KafkaFault(MurmurError):
    """The broker refused something for good, or a delivery failed. The stage ends; what was not committed is read again."""


def nothing_to_hold(topic: str, size_bytes: int) -> None:
    """A real broker holds no producer back."""


@dataclass(frozen=True)
class Kafka:
    """`common`: librdkafka settings of every client. `hold(topic, size_bytes)`, called before every record is produced, may
    block (embedded broker)."""

    bootstrap: str
    prefix: str = "murmur."
    common: Mapping[str, Any] = field(default_factory=dict)
    consumer_extra: Mapping[str, Any] = field(default_factory=dict)
    instance: str | None = None
    transactions: bool = True
    hold: Callable[[str, int], None] = nothing_to_hold

    @classmethod
    def from_settings(cls, settings: Settings) -> "Kafka":
        common: Config = {"security.protocol": settings.kafka_security_protocol}
        if settings.kafka_security_protocol.startswith("SASL"):
            common["sasl.mechanism"] = settings.kafka_sasl_mechanism
            common["sasl.username"] = settings.kafka_sasl_username or ""
            password = settings.kafka_sasl_password
            common["sasl.password"] = password.get_secret_value() if password else ""
        if settings.kafka_ssl_ca_file:
            common["ssl.ca.location"] = str(settings.kafka_ssl_ca_file)
        return cls(settings.kafka_bootstrap, settings.topic_prefix, common, instance=settings.instance)

    def name(self, topic: Topic) -> str:
        """The topic's name on the broker."""
        return self.prefix + topic.name

    def group(self, stage: str) -> str:
        """The consumer group of a stage."""
        return self.prefix + stage

    def client_config(self, client: str) -> Config:
        return {
            **self.common,
            "bootstrap.servers": self.bootstrap,
            "client.id": f"murmur-{client}",
            "error_cb": _report,
            "log_level": 3,
        }

    def producer(self, client: str, **extra: Any) -> Producer:
        """Idempotent, acks from all replicas, no lingering; Java's partitioner, so that all agree on a key's place."""
        return Producer(
            {
                **self.client_config(client),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "queue.buffering.max.messages": 100_000,
                **extra,
            }
        )

    def consumer(self, group: str, **extra: Any) -> Consumer:
        """Reads committed records only, and commits only when told."""
        return Consumer(
            {
                **self.client_config(group),
                "group.id": self.group(group),
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": HEARTBEAT_MS,
                "max.poll.interval.ms": 900_000,
                "fetch.message.max.bytes": 4 * 1024 * 1024,
                **self.consumer_extra,
                **extra,
            }
        )


def received(message: Message, prefix: str) -> Received:
    """The message as the rest of murmur knows it. Not for messages that are errors."""
    return Received(
        partition_of(message, prefix),
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple((name, value.encode() if isinstance(value, str) else value) for name, value in _pairs(message)),
        message.timestamp()[1],
    )


def partition_of(message: Message, prefix: str) -> Partition:
    return Partition((message.topic() or "").removeprefix(prefix), message.partition() or 0)


def _pairs(message: Message) -> list[tuple[str, str | bytes | None]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


def _report(error: KafkaError) -> None:
    """librdkafka says some things only here: a wrong password, for one. It goes on trying, so this is a log line."""
    if error.code() == KafkaError._AUTHENTICATION:
        log.error("the broker refuses the credentials: check MURMUR_KAFKA_SASL_USERNAME and _PASSWORD (%s)", error.str())
    else:
        log.warning("kafka: %s", error.str())
