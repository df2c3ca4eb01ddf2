"""What is true of real S3 stores beyond the contract: verified checksums, events, pinned reads, and what faults look like."""

import base64
import hashlib
import io
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from runtime.objects import s3
from runtime.objects.s3 import S3Store
from runtime.objects.s3_errors import translated
from runtime.objects.store import BadKey, NotFound, StoreUnavailable
from schemas.record import ObjectRef
from scripts.services import supervisor
from scripts.services.kafka import Kafka
from scripts.services.minio import MINIO
from scripts.services.store import Store
from scripts.services.supervisor import Services
from tests.services.conftest import StoreFactory
from tests.waiting import DEADLINE_S

MIB = 1024**2


@pytest.fixture
def objects(store: Store) -> S3Store:
    return S3Store(store.settings())


@pytest.fixture
def key(objects: S3Store) -> Iterator[str]:
    """A new name in the work bucket."""
    key = f"{uuid.uuid4().hex}/a.wav"
    yield key
    objects.delete("work", key)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def requests_of(objects: S3Store, operation: str) -> list[str]:
    """Fills with the ranges requests for from now on."""
    seen: list[str] = []
    objects.client.meta.events.register(
        f"before-call.s3.{operation}", lambda params, **_: seen.append(params["headers"].get("Range", ""))
    )
    return seen


def announced(kafka: Kafka, topic: str, keys: list[str]) -> set[str]:
    """Those of the keys that the topic speaks of."""
    consumer = Consumer(kafka.client_config(**{"group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest"}))
    consumer.subscribe([topic])
    found: set[str] = set()
    until = time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < until and found != set(keys):
            message = consumer.poll(0.2)
            value = (message.value() or b"") if message is not None else b""
            found |= {key for key in keys if key.encode() in value}
    finally:
        consumer.close()
    return found


def test_an_upload_is_announced_on_the_stores_topic(services: Services, store: Store, objects: S3Store) -> None:
    key = f"{uuid.uuid4().hex}.wav"
    objects.client.put_object(Bucket="uploads", Key=key, Body=b"speech")
    try:
        assert announced(services.kafka, f"{store.topic_prefix}uploads", [key]) == {key}
    finally:
        objects.delete("uploads", key)


def test_the_store_verifies_the_checksum_and_keeps_it(objects: S3Store, key: str) -> None:
    assert objects.put("work", key, b"speech").sha256 == sha256(b"speech")
    assert objects.head("work", key).sha256 == sha256(b"speech")
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    with pytest.raises(StoreUnavailable), translated("work", key):
        objects.client.put_object(Bucket="work", Key=key, Body=b"damaged on the way", ChecksumSHA256=wrong)
    assert objects.get("work", key) == b"speech"


def test_a_checksum_of_parts_is_not_taken_for_one_of_the_whole(objects: S3Store, key: str) -> None:
    upload = objects.upload("work", key, content_type="audio/wav")
    for _ in range(5):
        upload.write(bytes(2 * MIB))
    written = upload.complete()
    head = objects.client.head_object(Bucket="work", Key=key, ChecksumMode="ENABLED")
    assert head["ChecksumType"] == "COMPOSITE"
    assert head["ChecksumSHA256"].endswith("-2")
    assert (written.sha256, objects.head("work", key).sha256) == (None, None)
    assert (written.etag, written.size_bytes) == (objects.head("work", key).etag, 10 * MIB)
    assert objects.head("work", key).content_type == "audio/wav"


@pytest.mark.parametrize("size_bytes", [0, 1, s3.PART_BYTES])
def test_a_body_of_one_part_goes_in_one_request_and_is_verified_as_a_whole(objects: S3Store, key: str, size_bytes: int) -> None:
    upload = objects.upload("work", key)
    upload.write(bytes(size_bytes))
    assert upload.complete().sha256 == objects.head("work", key).sha256 == sha256(bytes(size_bytes))


def test_an_aborted_upload_leaves_no_parts(objects: S3Store, key: str) -> None:
    upload = objects.upload("work", key)
    upload.write(bytes(9 * MIB))
    assert len(objects.client.list_multipart_uploads(Bucket="work", Prefix=key)["Uploads"]) == 1
    upload.abort()
    assert "Uploads" not in objects.client.list_multipart_uploads(Bucket="work", Prefix=key)


def test_sequential_reads_request_a_block_at_a_time_and_seeks_within_it_nothing(objects: S3Store, key: str) -> None:
    data = bytes(range(256)) * 4096 * 3
    ref = objects.put("work", key, data).ref
    requests = requests_of(objects, "GetObject")
    with objects.open(ref) as reader:
        assert b"".join(iter(lambda: reader.read(32_000), b"")) == data
        assert len(requests) == 3
        reader.seek(-1000, io.SEEK_END)
        assert reader.read() == data[-1000:]
        reader.seek(MIB + 5)
        assert reader.read(10) == data[MIB + 5 : MIB + 15]
        assert len(requests) <= 5


def test_an_object_that_is_replaced_while_it_is_read_is_not_found_any_more(objects: S3Store, key: str) -> None:
    objects.put("work", key, bytes(3 * MIB))
    with objects.open(ObjectRef(bucket="work", key=key)) as reader:
        assert reader.read(MIB) == bytes(MIB)
        objects.put("work", key, b"\1" * 3 * MIB)
        with pytest.raises(NotFound):
            reader.read()


def test_an_empty_object_can_be_opened(objects: S3Store, key: str) -> None:
    with objects.open(objects.put("work", key, b"").ref) as reader:
        assert reader.read() == b""
        assert reader.seek(0, io.SEEK_END) == 0


def test_metadata_of_plain_clients_is_returned(objects: S3Store, key: str) -> None:
    objects.client.put_object(Bucket="work", Key=key, Body=b"x", Metadata={"language": "de"}, ContentType="audio/wav")
    head = objects.head("work", key)
    assert (head.metadata, head.content_type, head.sha256) == ({"language": "de"}, "audio/wav", None)


def test_a_listing_of_many_pages_is_complete(objects: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = f"{uuid.uuid4().hex}/"
    names = {f"{prefix}{number}" for number in range(25)}
    for name in names:
        objects.put("work", name, b"x")
    monkeypatch.setattr(s3, "PAGE_KEYS", 10)
    pages = requests_of(objects, "ListObjectsV2")
    assert {info.key for info in objects.list("work", prefix)} == names
    assert len(pages) == 3
    for name in names:
        objects.delete("work", name)


@pytest.mark.parametrize("key", ["s" * 256, "a" * 1024, "../results/a.wav", "a\0b"])
def test_a_key_that_the_store_refuses_is_a_bad_key_for_every_question(objects: S3Store, key: str) -> None:
    for ask in (objects.head, objects.get, lambda bucket, key: objects.put(bucket, key, b"x")):
        with pytest.raises(BadKey):
            ask("work", key)


def test_wrong_credentials_are_reported(store: Store) -> None:
    settings = store.settings()
    wrong_secret = S3Store(settings.model_copy(update={"s3_secret_key": type(settings.s3_secret_key)("wrong")}))  # type: ignore[misc]
    unknown_user = S3Store(settings.model_copy(update={"s3_access_key": "nobody"}))
    for objects in (wrong_secret, unknown_user):
        with pytest.raises(StoreUnavailable, match="rejects the credentials"):
            objects.check("work")


def test_a_queue_on_disk_keeps_events_while_kafka_is_unavailable(own_kafka: Kafka, tmp_path: Path) -> None:
    store = supervisor.own_store(MINIO, tmp_path / "minio", own_kafka, queued=True)
    try:
        objects = S3Store(store.settings())
        own_kafka.process.kill()
        names = [f"{uuid.uuid4().hex}.wav" for _ in range(5)]
        for name in names:
            objects.put("uploads", name, b"speech")
        own_kafka.start()
        assert announced(own_kafka, f"{store.topic_prefix}uploads", names) == set(names)
    finally:
        store.process.forget()


def test_a_killed_store_is_unavailable_and_has_everything_when_it_is_back(own_store: StoreFactory) -> None:
    store = own_store(MINIO)
    objects = S3Store(store.settings())
    objects.put("work", "a.wav", b"speech")
    store.process.kill()
    for ask in (objects.get, objects.head, objects.delete):
        with pytest.raises(StoreUnavailable):
            ask("work", "a.wav")
    with pytest.raises(StoreUnavailable):
        objects.open(ObjectRef(bucket="work", key="a.wav"))
    with pytest.raises(StoreUnavailable):
        objects.check("work")
    store.start()
    assert objects.get("work", "a.wav") == b"speech"


def test_a_frozen_store_is_unavailable_until_it_thaws(own_store: StoreFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "READ_TIMEOUT_S", 0.5)
    store = own_store(MINIO)
    objects = S3Store(store.settings())
    objects.put("work", "a.wav", b"speech")
    store.process.signal(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable):
        objects.get("work", "a.wav")
    store.process.signal(signal.SIGCONT)
    assert objects.get("work", "a.wav") == b"speech"
