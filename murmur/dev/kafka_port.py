"""The port of the embedded broker: the same after a restart, so that configured addresses stay valid."""

from pathlib import Path

from runtime.errors import UsageError
from runtime.kafka.embedded import EmbeddedBroker
from runtime.logs import get_logger
from runtime.settings import Settings

log = get_logger(__name__)
FILE = "kafka-port"


def start_broker(settings: Settings) -> EmbeddedBroker:
    """On the port of the settings, else on the last one used in this data folder if it is free, else on any. Raises UsageError
    when the port of the settings cannot be used."""
    remembered = settings.data_dir / FILE
    broker = _chosen(settings) or _last(settings, remembered) or EmbeddedBroker(prefix=settings.topic_prefix)
    try:
        remembered.write_text(broker.bootstrap.rpartition(":")[2])
    except OSError as error:  # a full disk: the next start uses another port
        log.warning("broker.forgotten", error=error)
    return broker


def _chosen(settings: Settings) -> EmbeddedBroker | None:
    port = settings.dev_kafka_port
    if port is None:
        return None
    try:
        return EmbeddedBroker(prefix=settings.topic_prefix, port=port)
    except OSError as error:
        raise UsageError(
            f"Kafka's port {port} cannot be used ({error.strerror}): set --kafka-port or MURMUR_DEV_KAFKA_PORT"
        ) from error


def _last(settings: Settings, remembered: Path) -> EmbeddedBroker | None:
    try:
        port = int(remembered.read_text())
        return EmbeddedBroker(prefix=settings.topic_prefix, port=port)
    except (FileNotFoundError, ValueError, OverflowError):  # none, or damaged
        return None
    except OSError as error:
        log.warning("broker.moved", error=f"port {port} is in use or cannot be used: {error.strerror}")
        return None
