"""A gateway on a loopback port, over the embedded broker and a directory store, and a plain HTTP client for it."""

import http.client
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from murmur.kafka.client import Kafka
from murmur.kafka.embedded import EmbeddedBroker
from murmur.models import catalogue
from murmur.objects.directory import DirectoryStore
from murmur.resources import Resources
from murmur.settings import Settings
from producers.gateway import Gateway, build
from schemas import codec
from schemas.record import Record
from schemas.topics import Topic
from tests.waiting import wait_until

BOUNDARY = "----of-the-tests"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True)
class House:
    """A running gateway and what it works with."""

    gateway: Gateway
    kafka: Kafka
    store: DirectoryStore
    settings: Settings
    uploads: Path
    producer: Producer

    @property
    def place(self) -> str:
        assert self.gateway.address is not None
        return self.gateway.address.removeprefix("http://")

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.place, timeout=10)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def submit(self, data: bytes = b"some audio", filename: str = "a.wav", **fields: str) -> Answer:
        body = multipart([*fields.items()], data, filename)
        return self.ask("POST", "/api/transcribe/async", body, MULTIPART)

    def publish(self, topic: Topic, key: str, record: Record) -> None:
        """As the coordinator would."""
        self.producer.produce(self.kafka.name(topic), key=key, value=codec.encode(record))
        assert self.producer.flush(5) == 0

    def files(self) -> list[Path]:
        return [path for path in self.uploads.rglob("*") if path.is_file()]


MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def multipart(fields: list[tuple[str, str]], data: bytes, filename: str = "a.wav", *, file_first: bool = False) -> bytes:
    texts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode()
    file = head + data + b"\r\n"
    parts = [file, *texts] if file_first else [*texts, file]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests of a module; each makes jobs of its own."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = Settings(gateway_port=0, data_dir=folder, model="demo", max_upload_bytes=12 * 1024 * 1024)
    store = DirectoryStore({settings.work_bucket: folder / "work"})
    store.create()
    with EmbeddedBroker(prefix=settings.topic_prefix) as broker:
        kafka = broker.kafka()
        gateway = build(Resources(settings, kafka, store, catalogue.resolve("demo")))
        running = threading.Thread(target=gateway.run)
        running.start()
        try:
            wait_until(lambda: gateway.not_ready() is None, "the gateway", 20)
            yield House(gateway, kafka, store, settings, folder / "work" / "uploads", kafka.producer("test"))
        finally:
            gateway.stop()
            running.join(5)
        assert not running.is_alive()
