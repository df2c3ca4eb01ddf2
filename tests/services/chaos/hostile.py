"""What a hostile or clumsy neighbour writes to the topics: every record again and again, late, and records that are none."""

import random
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import orjson
from confluent_kafka import KafkaException, Producer

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Received
from schemas import codec
from schemas.jobs import CancelRequested, JobRequested
from schemas.topics import CANCELLATIONS, CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE, DECODES, REQUESTS, Topic
from tests.waiting import wait_until

REPEATED = (REQUESTS, CHUNK_RESULTS, DECODES, CHUNKS_INTERACTIVE, CHUNKS_BULK)
TIMES = 4  # four more, five in all
LATE_S = 3.0
MARK = "again"  # a header, so that a repeat is not repeated
FLUSH_S = 30.0


class Stutter:
    """Writes each record of the pipeline's topics four more times, at random moments of the next three seconds: after its
    successors, before them, after the end of its job. What is not keyed for its place goes to any partition."""

    def __init__(self, kafka: Kafka, seed: int) -> None:
        self._kafka = kafka
        self._follower = Follower(kafka, REPEATED, "end")
        self._producer = kafka.producer("stutter")
        self._chance = random.Random(seed)
        self._partitions = {topic.name: len(kafka.offsets.partitions([topic])) for topic in REPEATED}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stutter", daemon=True)
        self._due: list[tuple[float, Received]] = []
        self.repeated = 0

    def __enter__(self) -> Self:
        self._follower.open()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._follower.close()
        self._producer.flush(FLUSH_S)

    def _run(self) -> None:
        clock_s = 0.0
        while not self._stopping.is_set() or self._due:
            for record in self._follower.poll(0.05):
                if MARK not in dict(record.headers) and not self._stopping.is_set():
                    self._due += [(clock_s + self._chance.uniform(0, LATE_S), record) for _ in range(TIMES)]
            clock_s += 0.05
            due = [record for at_s, record in self._due if at_s <= clock_s]
            self._due = [(at_s, record) for at_s, record in self._due if at_s > clock_s]
            for record in due:
                self._write(record)

    def _write(self, record: Received) -> None:
        keyed = record.topic in (REQUESTS.name, CHUNK_RESULTS.name)
        number = record.partition.number if keyed else self._chance.randrange(self._partitions[record.topic])
        headers: list[tuple[str, str | bytes | None]] = [*record.headers, (MARK, b"1")]
        self._producer.produce(self._kafka.prefix + record.topic, record.value, record.key, number, headers=headers)
        self._producer.poll(0)
        self.repeated += 1


def cancels_before_requests(kafka: Kafka, pattern: JobRequested, count: int) -> list[str]:
    """Jobs like `pattern`, cancelled before their request: the coordinator has read the cancel by then. Their file names."""
    producer, work_id = kafka.producer("early-cancel"), pattern.work.work_id
    names = [f"{pattern.job.filename}+cancelled-{number}" for number in range(count)]
    jobs = [pattern.job.model_copy(update={"job_id": uuid.uuid4(), "filename": name}) for name in names]
    cancels = [CancelRequested(job_id=job.job_id, work_id=work_id, requested_at=datetime.now(UTC)) for job in jobs]
    write(kafka, producer, CANCELLATIONS, [(work_id.encode(), codec.encode(cancel)) for cancel in cancels])
    ends = kafka.offsets.ends([CANCELLATIONS])
    wait_until(lambda: kafka.offsets.has_read("coordinator", ends), "the coordinator to have read the cancels")
    requests = [pattern.model_copy(update={"job": job}) for job in jobs]
    write(kafka, producer, REQUESTS, [(work_id.encode(), codec.encode(request)) for request in requests])
    return names


def poison(kafka: Kafka, topics: Sequence[Topic]) -> int:
    """Five records that are none on every partition of the topics; how many they are."""
    producer = kafka.producer("poison", **{"compression.type": "none"})
    for topic in topics:
        future = orjson.dumps({"version": 99, "what": "from later"})
        bad: list[tuple[bytes | None, bytes | None]] = [
            (b"k", b"\xff\x00 this is no JSON"),
            (b"k", orjson.dumps({"version": 1, "a wrong": "schema"})),
            (b"k" * 1_000_000, b"{}"),
            (b"k", None),
            (b"k", future),
        ]
        for place in kafka.offsets.partitions([topic]):
            write(kafka, producer, topic, bad, place.number)
    return 5 * sum(len(kafka.offsets.partitions([topic])) for topic in topics)


def write(
    kafka: Kafka, producer: Producer, topic: Topic, records: Sequence[tuple[bytes | None, bytes | None]], partition: int = -1
) -> None:
    """Acknowledged when it returns."""
    for key, value in records:
        producer.produce(kafka.name(topic), value, key, partition)
    if producer.flush(FLUSH_S):
        raise KafkaException("not everything was taken")
