"""Publishes events for objects without one, in MinIO's format: from the watcher and the reconciler to `uploads`."""

import threading
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote_plus

import orjson

from runtime import metrics
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from runtime.objects import ObjectInfo
from schemas.topics import UPLOADS

ACK_POLL_S = 0.2  # how soon a stop is noticed while the broker is unavailable


class Announcer:
    """For use by one thread."""

    def __init__(self, kafka: Kafka, source: str) -> None:
        self._source = source
        self._writer = Writer(kafka, kafka.producer(source), source)

    def announce(self, objects: Sequence[ObjectInfo], now: datetime, stopping: threading.Event) -> bool:
        """Blocks until the broker has acknowledged all; False when it was stopped before. Raises KafkaFault."""
        for info in objects:
            self._writer.send(Output(UPLOADS, f"{info.bucket}/{info.key}", created(info, self._source, now)))
        while not self._writer.flush(ACK_POLL_S):
            if stopping.is_set():
                return False
        metrics.FILES_ANNOUNCED.labels(self._source).inc(len(objects))
        return True


def created(info: ObjectInfo, source: str, now: datetime) -> bytes:
    """The event as MinIO would have written it."""
    name = "s3:ObjectCreated:Put"
    record = {
        "eventVersion": "2.0",
        "eventSource": f"murmur:{source}",
        "eventTime": now.isoformat(timespec="milliseconds"),
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": info.bucket},
            "object": {"key": quote_plus(info.key), "size": info.size_bytes, "eTag": info.etag},
        },
    }
    return orjson.dumps({"EventName": name, "Key": f"{info.bucket}/{info.key}", "Records": [record]})
