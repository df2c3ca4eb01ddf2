"""MinIO: announces per bucket, by a notification that `murmur buckets apply` attaches.

Without a queue folder an event follows its upload within milliseconds, and is lost while Kafka is away; with one it waits
on disk, which is how it should run in production.
"""

from scripts.services import build
from scripts.services.store import ACCESS_KEY, SECRET_KEY, Flavour, Place

TARGET = "MURMUR"  # its ARN is arn:minio:sqs::MURMUR:kafka


def _arguments(place: Place) -> list[str]:
    return ["server", "--address", f"127.0.0.1:{place.port}", "--quiet", str(place.folder / "data")]


def _environment(place: Place) -> dict[str, str]:
    environment = {
        "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": SECRET_KEY,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        f"MINIO_NOTIFY_KAFKA_ENABLE_{TARGET}": "on",
        f"MINIO_NOTIFY_KAFKA_BROKERS_{TARGET}": place.kafka,
        f"MINIO_NOTIFY_KAFKA_TOPIC_{TARGET}": place.topic,
    }
    if place.queued:
        environment[f"MINIO_NOTIFY_KAFKA_QUEUE_DIR_{TARGET}"] = str(place.folder / "queue")
        environment["MINIO_API_SYNC_EVENTS"] = "on"
    return environment


MINIO = Flavour(
    name="minio",
    binary=build.MINIO,
    arguments=_arguments,
    environment=_environment,
    health="/minio/health/ready",
    event_dialect="auto",
    queue=True,
)
