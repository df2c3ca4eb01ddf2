"""One installation as users run it: a store with topics and buckets of its own, stages as processes, plain clients beside it.

Nothing here looks into murmur: what went in and came out is read off the topics and the buckets.
"""

import base64
import hashlib
import itertools
import json
import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from runtime.kafka import client
from runtime.settings import Settings
from schemas.topics import JOBS, REQUESTS, TRANSCRIPTS, UPLOADS, Topic
from scripts.services import ports
from scripts.services.kafka import Kafka
from scripts.services.store import Store
from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.processes import Murmur, Process
from tests.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Json = dict[str, Any]
ENDED = {"SUCCESS", "FAILURE", "REVOKED"}
PART_BYTES = 5 * 1024**2  # the smallest that S3 takes
_numbers = itertools.count()


def spoken(clip: str = "en-command.wav", padding_bytes: int = 16) -> bytes:
    """The clip with a chunk in it that players skip: it sounds the same, and no other content is like it."""
    content = BY_NAME[clip].path.read_bytes()
    assert content[:4] == b"RIFF"
    padding = uuid.uuid4().bytes + bytes(padding_bytes + padding_bytes % 2 - 16)
    whole = content + b"JUNK" + struct.pack("<I", len(padding)) + padding
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


@dataclass(frozen=True, slots=True)
class Message:
    key: bytes | None
    value: Json


class Reader:
    """Everything on a topic as any subscriber sees it: a plain consumer that reads committed records, and skips tombstones: a
    test that deletes a job leaves one on `jobs`. `seen` grows."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        own = {"group.id": str(uuid.uuid4()), "isolation.level": "read_committed", "enable.partition.eof": True}
        self._consumer = Consumer(kafka.client_config(**own, **{"enable.auto.commit": False, "fetch.wait.max.ms": 50}))
        numbers = self._consumer.list_topics(topic, timeout=DEADLINE_S).topics[topic].partitions
        self._places = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers]
        self._consumer.assign(self._places)
        self._ends: dict[int, int] = {}
        self.seen: list[Message] = []

    def poll(self) -> list[Message]:
        """All that was seen until now."""
        for message in self._consumer.consume(500, 0.02):
            if (error := message.error()) is None:
                if (value := message.value()) is not None:
                    self.seen.append(Message(message.key(), json.loads(value)))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ends[message.partition() or 0] = message.offset() or 0
        return self.seen

    def all(self) -> list[Message]:
        """Everything up to the end that the topic has now."""
        ends = {place.partition: self._consumer.get_watermark_offsets(place, timeout=DEADLINE_S)[1] for place in self._places}
        wait_until(
            lambda: self.poll() is not None and all(self._ends.get(number, 0) >= end for number, end in ends.items()),
            "the end of a topic",
        )
        return self.seen

    def first(self, where: Callable[[Json], bool], what: str) -> Json:
        """The first value that is so, also one that was seen before."""
        return wait_until(lambda: next((m.value for m in self.poll() if where(m.value)), None), what) or {}

    def close(self) -> None:
        self._consumer.close()


class Installation:
    """`run()` starts stages. The store is proven; so are its topics and buckets, which no other test uses."""

    def __init__(self, store: Store, kafka: Kafka, folder: Path) -> None:
        self.store = store
        self.kafka = kafka
        self.folder = folder
        port = ports.kept(folder / "gateway.json", "gateway")["gateway"]
        self.environment = {
            **store.environment(),
            "MURMUR_GATEWAY_PORT": str(port),
            "MURMUR_RECONCILE_INTERVAL_S": "3600",
            "MURMUR_LOG_LEVEL": "INFO",
        }
        self.http = Client(f"http://127.0.0.1:{port}")
        self._readers: dict[str, Reader] = {}
        self.s3: S3Client = plain_s3(store.settings())

    @property
    def name(self) -> str:
        return self.store.flavour.name

    @contextmanager
    def run(self, *stages: str, **settings: object) -> Iterator[Process]:
        """`murmur run STAGE...`, until the context ends. `settings` by their names, such as `reconcile_interval_s`.

        Ended as by Ctrl-C: stages leave their groups, so that the next ones need not wait for the end of their sessions.
        """
        given = {f"MURMUR_{name.upper()}": str(value) for name, value in settings.items()}
        log = f"{'-'.join(stages)}-{next(_numbers)}.log"
        with Murmur(self.folder, {**self.environment, **given}).start("run", *stages, log=log) as process:
            yield process
            assert process.interrupt() == 0, process.output()

    def reader(self, topic: Topic) -> Reader:
        """One for each topic, kept."""
        if topic.name not in self._readers:
            self._readers[topic.name] = Reader(self.kafka, f"{self.store.topic_prefix}{topic.name}")
        return self._readers[topic.name]

    def put(self, key: str, content: bytes, **more: Any) -> str:
        """A plain PUT into the uploads bucket; the key."""
        self.s3.put_object(Bucket="uploads", Key=key, Body=content, **more)
        return key

    def put_in_parts(self, key: str, content: bytes, *, checksums: bool = False) -> str:
        """A multipart upload of two parts, the first of 5 MiB; with `checksums` the store verifies each part's SHA-256."""
        client: Any = self.s3
        at = {"Bucket": "uploads", "Key": key}
        upload = client.create_multipart_upload(**at, **({"ChecksumAlgorithm": "SHA256"} if checksums else {}))
        sent = []
        for number, part in enumerate((content[:PART_BYTES], content[PART_BYTES:]), 1):
            digest = {"ChecksumSHA256": in_base64(part)} if checksums else {}
            answer = client.upload_part(**at, UploadId=upload["UploadId"], PartNumber=number, Body=part, **digest)
            sent.append({"PartNumber": number, "ETag": answer["ETag"], **digest})
        client.complete_multipart_upload(**at, UploadId=upload["UploadId"], MultipartUpload={"Parts": sent})
        return key

    def transcript(self, key: str) -> Json:
        """The record on `transcripts` of the object with this key."""
        return self.reader(TRANSCRIPTS).first(lambda t: dropped_key(t) == key, f"the transcript of {key!r}")

    def ended(self, key: str) -> Json:
        """The last word of the object's job on `jobs`."""
        return self.reader(JOBS).first(lambda j: dropped_key(j) == key and j["state"] in ENDED, f"the end of {key!r}")

    def file(self, key: str, bucket: str = "results") -> bytes:
        """An object that comes within a minute."""

        def look() -> bytes | None:
            try:
                return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                return None

        found = wait_until(lambda: look() is not None, f"{bucket}/{key}")
        assert found
        return look() or b""

    def objects(self, bucket: str) -> list[str]:
        """Their keys; for buckets of less than a thousand."""
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def intake_has_read_all(self) -> None:
        """Every event that is on `uploads` now was taken, whatever became of it."""
        self._has_read_all("intake", UPLOADS)

    def coordinator_has_read_all(self) -> None:
        """Every request that is there now was decided on."""
        self._has_read_all("coordinator", REQUESTS)

    def _has_read_all(self, stage: str, topic: Topic) -> None:
        offsets = client.Kafka.from_settings(self.store.settings()).offsets
        ends = offsets.nonempty_ends([topic])
        wait_until(lambda: offsets.has_read(stage, ends), f"{stage} to come to the end of {topic.name}")

    def requests(self, key: str) -> list[Json]:
        """All requests for jobs of the object with this key, once intake has read everything."""
        self.intake_has_read_all()
        return [m.value for m in self.reader(REQUESTS).all() if dropped_key(m.value) == key]

    def events(self, key: str) -> list[Message]:
        """The store's events about the object with this key in the uploads bucket, until now."""
        return [message for message in self.reader(UPLOADS).all() if _speaks_of(message.value, key)]

    def announce_again(self, key: bytes | None, value: Json, times: int) -> None:
        """Writes a record to `uploads` as the store would."""
        producer = Producer(self.kafka.client_config())
        for _ in range(times):
            producer.produce(f"{self.store.topic_prefix}{UPLOADS.name}", json.dumps(value).encode(), key)
        assert producer.flush(DEADLINE_S) == 0

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self.s3.close()


def in_base64(content: bytes) -> str:
    """The SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def dropped_key(value: Json) -> str | None:
    """The key of the object that a request, a job or a transcript is about."""
    dropped = value["job"].get("dropped") or {}
    key: str | None = dropped.get("key")
    return key


def _speaks_of(event: Json, key: str) -> bool:
    """MinIO writes the key as it is at the top, versitygw in the record."""
    if "Records" not in event:
        return False  # versitygw's message of its start
    s3 = event["Records"][0]["s3"]
    return event.get("Key") == f"uploads/{key}" or (s3["bucket"]["name"], s3["object"]["key"]) == ("uploads", key)


def plain_s3(settings: Settings) -> "S3Client":
    """boto3 as anybody would set it up."""
    assert settings.s3_secret_key is not None
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
        region_name=settings.s3_region,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, signature_version="s3v4"),
    )
