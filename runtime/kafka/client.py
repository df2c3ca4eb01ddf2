"""One Kafka cluster: its address, the credentials, and the settings common to all of murmur's clients.

Made from the settings (`from_settings`) or by the embedded broker; loops, followers and the gateway get their clients here.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from confluent_kafka import Consumer, Message, Producer

from runtime.errors import UsageError
from runtime.kafka.client_errors import ClientErrors
from runtime.kafka.messages import Partition, Received
from runtime.kafka.offsets import Offsets
from runtime.kafka.wakeup import Wakeup
from runtime.settings import Settings
from schemas.topics import Topic

Config = dict[str, Any]
SESSION_TIMEOUT_MS = 10_000
HEARTBEAT_MS = 500
EMBEDDED = "mockCluster"  # how the id of a cluster begins that is the embedded broker, of another process


class Backpressure(Protocol):
    """Holds producers back before a record is produced. From any thread."""

    def admit(self, topic: str, size_bytes: int) -> bool:
        """Whether the record may be produced at once; then it must be. Does not block."""

    def hold(self, topic: str, size_bytes: int) -> None:
        """Blocks until the record may be produced; then it must be."""


class NoBackpressure:
    """Of real brokers."""

    def admit(self, topic: str, size_bytes: int) -> bool:
        return True

    def hold(self, topic: str, size_bytes: int) -> None:
        return


@dataclass(frozen=True)
class Kafka:
    """`common`: librdkafka settings of every client. `backpressure`: of the embedded broker. One object for each process and
    cluster, shared by all stages.
    `epoch`: where offsets begin at 0 with every start of the broker, a name of this start; else None.
    `wakes`: a consumer's `poll()` returns when its wakeup is set, and a producer sets it when a delivery report waits."""

    bootstrap: str
    prefix: str = "murmur."
    common: Mapping[str, Any] = field(default_factory=dict)
    consumer_extra: Mapping[str, Any] = field(default_factory=dict)
    instance: str | None = None
    transactions: bool = True
    wakes: bool = False
    epoch: str | None = None
    backpressure: Backpressure = field(default_factory=NoBackpressure)
    offsets: Offsets = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", Offsets(self.prefix, self.client_config("offsets")))

    @classmethod
    def from_settings(cls, settings: Settings) -> "Kafka":
        """Raises UsageError for incomplete credentials or an unreadable CA file."""
        return cls(settings.kafka_bootstrap, settings.topic_prefix, _security(settings), instance=settings.instance)

    def name(self, topic: Topic) -> str:
        """The topic's name on the broker."""
        return self.prefix + topic.name

    def group(self, stage: str) -> str:
        """The consumer group of a stage."""
        return self.prefix + stage

    def brokers(self, timeout_s: float) -> list[str]:
        """The cluster's brokers, as host:port. Raises BrokerUnavailable, which names wrong credentials and TLS settings."""
        return self.offsets.brokers(timeout_s)

    def reached(self, timeout_s: float) -> Self:
        """For a short command, which may be given the broker of a `murmur dev`: without transactions there, whose markers its
        other readers cannot read. Raises BrokerUnavailable."""
        is_embedded = (self.offsets.cluster(timeout_s).cluster_id or "").startswith(EMBEDDED)
        return replace(self, transactions=False) if is_embedded else self

    def client_config(self, client: str) -> Config:
        return {
            **self.common,
            "bootstrap.servers": self.bootstrap,
            "client.id": f"murmur-{client}",
            "error_cb": ClientErrors(),
            "log_level": 0,  # librdkafka would write a line to stderr for every attempt to connect; error_cb has the same
            "reconnect.backoff.ms": 100,
            "reconnect.backoff.max.ms": 2000,
        }

    def producer_config(self, client: str, **extra: Any) -> Config:
        return {
            **self.client_config(client),
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "message.max.bytes": 2 * 1024 * 1024,  # a dead letter contains a record of up to 1 MiB in base64
            "queue.buffering.max.messages": 100_000,
            **extra,
        }

    def consumer_config(self, group: str, **extra: Any) -> Config:
        return {
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

    def producer(self, client: str, wakeup: Wakeup | None = None, /, **extra: Any) -> Producer:
        """Idempotent, acks from all replicas, no lingering; Java's partitioner, so that all clients choose the same partition for
        a key. `wakeup`: see `wakes`."""
        return Producer(self.producer_config(client, **extra))

    def follower_consumer(self) -> Consumer:
        """For assigned partitions, outside of any group; it reports the end of a partition."""
        return self.consumer("follower", **{"enable.partition.eof": True})

    def consumer(self, group: str, wakeup: Wakeup | None = None, /, **extra: Any) -> Consumer:
        """Reads committed records only, without automatic commits. `wakeup`: see `wakes`."""
        return Consumer(self.consumer_config(group, **extra))


def _security(settings: Settings) -> Config:
    """Raises UsageError, with the names of the settings, for what librdkafka would refuse when a client is created."""
    protocol = settings.kafka_security_protocol
    common: Config = {"security.protocol": protocol}
    if protocol.startswith("SASL"):
        user, password = settings.kafka_sasl_username, settings.kafka_sasl_password
        if not user or not password:
            raise UsageError(f"{protocol} needs MURMUR_KAFKA_SASL_USERNAME and MURMUR_KAFKA_SASL_PASSWORD")
        common["sasl.mechanism"] = settings.kafka_sasl_mechanism
        common["sasl.username"] = user
        common["sasl.password"] = password.get_secret_value()
    if protocol.endswith("SSL") and settings.kafka_ssl_ca_file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.kafka_ssl_ca_file)
        except OSError as error:
            raise UsageError(f"MURMUR_KAFKA_SSL_CA_FILE={settings.kafka_ssl_ca_file} is not a certificate: {error}") from error
        common["ssl.ca.location"] = str(settings.kafka_ssl_ca_file)
    return common


def received(message: Message, prefix: str) -> Received[None]:
    """The message as murmur's own type, not decoded. Not for messages that are errors."""
    return Received(
        partition_of(message, prefix),
        message.offset() or 0,
        message.key(),
        message.value(),
        None,
        tuple((name, value.encode() if isinstance(value, str) else value) for name, value in _pairs(message)),
        message.timestamp()[1],
    )


def partition_of(message: Message, prefix: str) -> Partition:
    return Partition((message.topic() or "").removeprefix(prefix), message.partition() or 0)


def _pairs(message: Message) -> list[tuple[str, str | bytes | None]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else list(headers)
