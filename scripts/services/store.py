"""An S3 store on loopback that announces every upload on a Kafka topic. What differs between stores is a `Flavour`.

Started after Kafka and its topics; `flavours` are in `minio.py` and `versitygw.py`.
"""

import http.client
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from runtime.objects import StoreUnavailable, buckets
from runtime.objects.s3 import S3Store
from runtime.settings import Settings
from schemas.topics import UPLOADS
from scripts.services import cache, envfile, ports
from scripts.services.cache import Artifact, ServiceError
from scripts.services.kafka import Kafka
from scripts.services.process import LIMIT_S, ServiceProcess

PROBES = "probes"  # a bucket that no stage looks at
ACCESS_KEY, SECRET_KEY = "murmur", "murmur-secret"  # a store on loopback that runs as long as a test
EVENT_S = 2.0  # then the next probe object is written


@dataclass(frozen=True, slots=True)
class Place:
    """What a store needs to know to start. `folder` is its own."""

    port: int
    folder: Path
    kafka: str
    topic: str
    queued: bool


@dataclass(frozen=True, slots=True)
class Flavour:
    """`queue`: it can keep events on disk while Kafka is away."""

    name: str
    binary: Artifact
    arguments: Callable[[Place], list[str]]
    environment: Callable[[Place], dict[str, str]]
    health: str
    event_dialect: str
    queue: bool = False


class Store:
    """`start()` returns when it answers, `prove()` when an upload's event was seen. Data and port outlive a crash.

    `own`: it ends with this process, and has a topic prefix of its own. `queued`: events wait on disk while Kafka is unavailable.
    """

    def __init__(self, flavour: Flavour, folder: Path, kafka: Kafka, *, own: bool = False, queued: bool = False) -> None:
        if queued and not flavour.queue:
            raise ValueError(f"{flavour.name} keeps no events on disk")
        self.process = ServiceProcess(flavour.name, folder, own)
        self.flavour = flavour
        self._kafka = kafka
        port = ports.kept(folder / "ports.json", "s3")["s3"]
        self.topic_prefix = f"murmur.{flavour.name}-{port}." if own else f"murmur.{flavour.name}."
        self._place = Place(port, folder, kafka.bootstrap, self.topic_prefix + UPLOADS.name, queued)

    @property
    def port(self) -> int:
        return self._place.port

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """A complete `MURMUR_…` environment: the whole system on this store and its Kafka."""
        return {
            "MURMUR_KAFKA_BOOTSTRAP": self._kafka.bootstrap,
            "MURMUR_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "MURMUR_TOPIC_PREFIX": self.topic_prefix,
            "MURMUR_TOPIC_PARTITIONS": "4",
            "MURMUR_STORE": "s3",
            "MURMUR_S3_ENDPOINT": self.endpoint,
            "MURMUR_S3_ACCESS_KEY": ACCESS_KEY,
            "MURMUR_S3_SECRET_KEY": SECRET_KEY,
            "MURMUR_S3_REGION": "us-east-1",
            "MURMUR_S3_PATH_STYLE": "true",
            "MURMUR_UPLOADS_BUCKET": "uploads",
            "MURMUR_WORK_BUCKET": "work",
            "MURMUR_RESULTS_BUCKET": "results",
            "MURMUR_EVENT_DIALECT": self.flavour.event_dialect,
            "MURMUR_MODEL": "demo",
            "MURMUR_DATA_DIR": str(self._place.folder / "murmur"),
        }

    def settings(self) -> Settings:
        return envfile.settings(self.environment())

    def start(self) -> None:
        """Blocks until it answers over HTTP. versitygw wants Kafka and its topic to be there."""
        binary = cache.ensure(self.flavour.binary)
        self.process.end()
        ports.claim([self._place.port])
        (self._place.folder / "data").mkdir(parents=True, exist_ok=True)
        argv: list[str | Path] = [binary, *self.flavour.arguments(self._place)]
        self.process.start(argv, self.flavour.environment(self._place))
        self.process.wait_until(self.answers, self.flavour.health)

    def answers(self) -> bool:
        """One real request. Raises OSError while there is no listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2.0)
        try:
            connection.request("GET", self.flavour.health)
            return connection.getresponse().status == http.HTTPStatus.OK
        except http.client.HTTPException as error:
            raise ServiceError(f"{self.flavour.name}: {error!r}") from error
        finally:
            connection.close()

    def prove(self) -> None:
        """Makes the buckets, and writes probe objects until the event of one is on the topic.

        The first events after a start can be lost: a store may answer before it is connected to Kafka.
        """
        self.process.wait_until(self._has_buckets, "its buckets")
        store = S3Store(self.settings())
        listener = _Listener(self._kafka, self._place.topic)
        until = time.monotonic() + LIMIT_S
        try:
            while time.monotonic() < until:
                key = f"probe-{uuid.uuid4()}"
                store.put(PROBES, key, b"probe")
                received = listener.receives(key, EVENT_S)
                store.delete(PROBES, key)
                if received:
                    self.process.mark_proven()
                    return
        finally:
            listener.close()
        raise self.process.failed(f"announced none of its uploads on {self._place.topic} within {LIMIT_S:.0f} s")

    def _has_buckets(self) -> bool:
        """Makes them. Raises ServiceError while the store is not ready for that, though it answers already."""
        settings = self.settings()
        try:
            buckets.apply(settings)
            buckets.apply(settings.model_copy(update={"uploads_bucket": PROBES}))
        except StoreUnavailable as error:
            raise ServiceError(f"{self.flavour.name}: {error}") from error
        return True


class _Listener:
    """Reads the uploads topic from where it ended when this was made."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._consumer = Consumer(kafka.client_config(**{"group.id": "probes", "enable.auto.commit": False}))
        numbers = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {number: self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1] for number in numbers}
        self._consumer.assign([TopicPartition(topic, number, end) for number, end in ends.items()])

    def receives(self, key: str, within_s: float) -> bool:
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            message = self._consumer.poll(0.1)
            if message is not None and not message.error() and key.encode() in (message.value() or b""):
                return True
        return False

    def close(self) -> None:
        self._consumer.close()
