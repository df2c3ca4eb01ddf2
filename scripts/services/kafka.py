"""One Apache Kafka node (KRaft) on loopback: PLAINTEXT, and SASL_PLAINTEXT with one user for PLAIN and SCRAM.

Started first: the stores announce uploads on its topics. The properties are those of a node for tests: small, quick to
start, quick to notice that a member or the node itself has died.
"""

import base64
import shutil
import signal
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it re-exports them without saying so
    AdminClient,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from scripts.services import build, cache, ports
from scripts.services.cache import Artifact, ServiceError
from scripts.services.process import LIMIT_S, ServiceProcess

USER, PASSWORD = "murmur", "murmur-secret"  # a broker on loopback that runs as long as a test
ANSWER_S = 60.0  # a busy machine is no failure
JVM = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# the default of 10 s is added to the age at which a dead producer's transaction is aborted
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=200
group.consumer.session.timeout.ms=6000
group.consumer.heartbeat.interval.ms=500
# a node whose own heartbeat is late loses the leadership of all partitions: at a load of 15 it was late by more than 1.5 s
broker.session.timeout.ms=9000
broker.heartbeat.interval.ms=300
# the default of 128 MB is taken at the start
log.cleaner.dedupe.buffer.size=2097152
log.segment.bytes=16777216
# what a test deletes is gone a second later, not a minute
log.segment.delete.delay.ms=1000
num.network.threads=2
num.io.threads=2
"""

LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
"""

T = TypeVar("T")


class Kafka:
    """A broker in a folder. `start()` returns when it answers; after a crash it goes on with the same data and ports."""

    def __init__(self, folder: Path, leashed: bool = False, classes: Sequence[str] = (), properties: str = "") -> None:
        """`classes`: how the JVM treats its class archive; for making one. `properties`: more lines for server.properties,
        which win over those above; `{plain}`, `{sasl}` and `{controller}` in them are ports."""
        self.process = ServiceProcess("kafka", folder, leashed)
        self._folder = folder
        self._classes = classes
        self._properties = properties
        self._ports = ports.kept(folder / "ports.json", "plain", "sasl", "controller")

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._ports['plain']}"

    @property
    def sasl_bootstrap(self) -> str:
        """The listener that wants `USER` and `PASSWORD`, by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""
        return f"127.0.0.1:{self._ports['sasl']}"

    def start(self) -> None:
        """Formats the folder the first time. Blocks until metadata is answered."""
        libs = cache.ensure(build.KAFKA)
        self.process.end()
        ports.claim(self._ports.values())
        properties = self._write_configuration()
        if not (self._folder / "formatted").exists():
            self._format(libs, properties)
        self.process.start([*self._java(libs, self._classes or loaded_classes()), "kafka.Kafka", properties])
        self.process.wait_until(self.answers, "metadata")

    def answers(self) -> bool:
        """One real request. Raises ServiceError while there is no answer."""
        return bool(_asked(lambda: self.admin().list_topics(timeout=2.0).brokers))

    def admin(self, **extra: Any) -> AdminClient:
        return AdminClient(self.client_config(**extra))

    def create(self, topic: str, partitions: int = 1) -> None:
        """Makes a topic unless it is there."""
        if topic not in _asked(lambda: self.admin().list_topics(timeout=ANSWER_S).topics):
            self._settle(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)]))

    def drop(self, prefix: str) -> None:
        """Deletes the topics that begin with the prefix.

        The broker may still list what the controller has just deleted: an unknown topic is a deleted one.
        """
        admin = self.admin()
        found = _asked(lambda: admin.list_topics(timeout=ANSWER_S).topics)
        deleted = [topic for topic in found if topic.startswith(prefix)]
        for future in admin.delete_topics(deleted).values() if deleted else ():
            error = future.exception(ANSWER_S)
            if error is not None and not _is_unknown_topic(error):
                raise ServiceError(f"kafka: {error}") from error

    def prove(self) -> None:
        """`prove_records()`; then logs in by every mechanism."""
        self.prove_records()
        self.add_scram_users()
        for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            self.process.wait_until(partial(self._logged_in, mechanism), f"login by {mechanism}")
        self.process.mark_proven()

    def prove_records(self) -> None:
        """Creates a topic, writes, reads back, commits, deletes.

        It also creates the internal topics, whose first use takes a second or two.
        """
        topic = f"probe-{uuid.uuid4()}"
        self.create(topic)
        try:
            self._round_trip(topic)
        finally:
            self._settle(lambda admin: admin.delete_topics([topic]))

    def _round_trip(self, topic: str) -> None:
        errors: list[object] = []
        producer = Producer(self.client_config(**{"enable.idempotence": True}))
        producer.produce(topic, b"probe", on_delivery=lambda error, _: errors.append(error) if error else None)
        if producer.flush(ANSWER_S * 2) or errors:
            raise self.process.failed(f"did not take a record: {errors}")
        consumer = Consumer(self.client_config(**{"group.id": topic, "enable.auto.commit": False}))
        try:
            consumer.assign([TopicPartition(topic, 0, 0)])
            message = consumer.poll(ANSWER_S)
            if message is None or message.error():
                raise self.process.failed(f"did not give a record back: {message and message.error()}")
            _asked(lambda: consumer.commit(message=message, asynchronous=False))
        finally:
            consumer.close()

    def add_scram_users(self) -> None:
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):  # both in one request are refused
            user = UserScramCredentialUpsertion(USER, ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
            self._settle(partial(AdminClient.alter_user_scram_credentials, alterations=[user]))

    def _settle(self, request: Callable[[AdminClient], Mapping[str, Any]]) -> None:
        """Waits for the results; the client must exist until then."""
        admin = self.admin()
        for future in request(admin).values():
            _asked(partial(future.result, ANSWER_S))

    def _logged_in(self, mechanism: str) -> bool:
        login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism}
        login |= {"sasl.username": USER, "sasl.password": PASSWORD, "bootstrap.servers": self.sasl_bootstrap}
        return bool(_asked(lambda: self.admin(**login).list_topics(timeout=3.0).brokers))

    def client_config(self, **extra: Any) -> dict[str, Any]:
        """Quiet: while the broker starts, every refused connection would be a line on the terminal."""
        return {"bootstrap.servers": self.bootstrap, "log_level": 0, "error_cb": lambda _: None, **extra}

    def _write_configuration(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.properties").write_text(LOG4J)
        properties = self._folder / "server.properties"
        text = (PROPERTIES + self._properties).format(**self._ports, data=self._folder / "data", user=USER, password=PASSWORD)
        properties.write_text(text)
        return properties

    def _format(self, libs: Path, properties: Path) -> None:
        shutil.rmtree(self._folder / "data", ignore_errors=True)  # of a format that was killed
        # Begins with a letter: StorageTool takes a leading `-` for an option.
        cluster_id = base64.urlsafe_b64encode(b"\x30" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        java = self._java(libs, () if self._classes else loaded_classes())
        argv = [*java, "kafka.tools.StorageTool", "format", "--standalone"]
        argv += ["--cluster-id", cluster_id, "--config", properties]
        cache.run(argv, "formatting kafka's folder", self._folder / "format.log")
        (self._folder / "formatted").write_text(cluster_id)

    def _java(self, libs: Path, classes: Sequence[str]) -> list[str | Path]:
        log4j = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return [cache.tool("java", "Apache Kafka"), *JVM, *classes, log4j, "-cp", f"{libs}/*"]


def loaded_classes() -> list[str]:
    """JVM options for an archive of loaded classes, made once: a start takes half the time."""
    return [f"-XX:SharedArchiveFile={cache.ensure(CLASSES)}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]


def _archive_classes(scratch: Path) -> Path:
    """Runs a node through a proof; it writes the archive when it ends, for about ten seconds."""
    cache.say("kafka: archiving its classes, only this once (about 20 s)")
    archive = scratch / "kafka.jsa"
    kafka = Kafka(scratch / "node", leashed=True, classes=[f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:cds=off"])
    kafka.start()
    kafka.prove()
    kafka.process.signal(signal.SIGTERM)
    if not kafka.process.gone_within(LIMIT_S) or not archive.exists():
        raise kafka.process.failed("did not archive its classes")
    return archive


CLASSES = Artifact("kafka-classes", build.KAFKA.version, _archive_classes)


def _is_unknown_topic(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def _asked(question: Callable[[], T]) -> T:
    """Kafka's own error becomes "not yet"."""
    try:
        return question()
    except KafkaException as error:
        raise ServiceError(f"kafka: {error}") from error
