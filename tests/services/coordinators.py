"""Coordinators as processes on the real broker, with topics of their own: what its recovery tests and benchmark break.

A probe is one new request in every partition: it is answered when the `decodes` of all of them can be read.
"""

import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runtime.kafka import topics
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from schemas import codec
from schemas.jobs import Job, JobRequested, Work
from schemas.options import DecodingOptions, ModelRef
from schemas.record import ObjectRef
from schemas.topics import DECODES, REQUESTS
from schemas.work import DecodeRequested
from scripts.services import envfile
from scripts.services.supervisor import Services
from tests.processes import Process
from tests.waiting import DEADLINE_S, wait_until

PARTITIONS = 8
FAILED_EXIT = 70


def sha256_like() -> str:
    return uuid.uuid4().hex * 2


def request(work_id: str | None = None, job_id: uuid.UUID | None = None) -> JobRequested:
    work = Work(
        work_id=work_id or sha256_like(),
        audio_id=sha256_like(),
        slice_id=sha256_like(),
        audio=ObjectRef(bucket="work", key="talk.wav"),
        model=ModelRef(name="demo", revision="1"),
        decoding=DecodingOptions(),
    )
    job = Job(job_id=job_id or uuid.uuid4(), source="http", filename="talk.wav", submitted_at=datetime.now(UTC))
    return JobRequested(job=job, work=work)


class Coordinator:
    """One process, as `murmur run` starts it. `instance`: its stable name, or none."""

    def __init__(self, environment: dict[str, str], log: Path, instance: str | None = None) -> None:
        self._environment = environment | ({"MURMUR_INSTANCE": instance} if instance else {})
        self.log = log
        self.process = self._started()

    def _started(self) -> Process:
        return Process(["-m", "murmur.cli.child", "coordinator"], self._environment, self.log)

    def restart(self) -> None:
        """After a kill."""
        self.process.close()
        self.process = self._started()

    @property
    def partitions(self) -> int:
        """How many partitions of `requests` it lines it reads, last."""
        lines = [line for line in self.process.output().splitlines() if " partitions.assigned " in line]
        return lines[-1].count("requests/") if lines else 0


class Coordinators:
    """Topics of its own, coordinators, and what has been requested and answered."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.environment = {
            **services.minio.environment(),
            "MURMUR_TOPIC_PREFIX": f"coordinators-{uuid.uuid4().hex[:8]}.",
            "MURMUR_TOPIC_PARTITIONS": str(PARTITIONS),
        }
        self.settings = envfile.settings(self.environment)
        self.kafka = Kafka.from_settings(self.settings)
        topics.apply(self.kafka, self.settings)
        self.decodes: list[DecodeRequested] = []
        self.coordinators: list[Coordinator] = []
        self._folder = folder
        self._follower = Follower(self.kafka, [DECODES])
        self._producer = self.kafka.producer("tests")

    def coordinator(self, name: str, instance: str | None = None) -> Coordinator:
        """Started."""
        coordinator = Coordinator(self.environment, self._folder / f"{name}.log", instance)
        self.coordinators.append(coordinator)
        return coordinator

    def request_works(self) -> set[str]:
        """A new request in every partition; their works."""
        requested = set()
        for number in range(PARTITIONS):
            event = request()
            requested.add(event.work.work_id)
            self._producer.produce(self.kafka.name(REQUESTS), codec.encode(event), key=event.work.work_id, partition=number)
        assert self._producer.flush(DEADLINE_S) == 0
        return requested

    def answered(self, requested: set[str]) -> bool:
        for record in self._follower.poll(0.02):
            assert isinstance(record.event, DecodeRequested)
            self.decodes.append(record.event)
        return requested <= {decode.work.work_id for decode in self.decodes}

    def probe(self) -> float:
        """How long it takes until a new request in every partition is answered."""
        began_s = time.monotonic()
        requested = self.request_works()
        wait_until(lambda: self.answered(requested), "a decode for every request")
        return time.monotonic() - began_s

    def close(self) -> None:
        for coordinator in self.coordinators:
            coordinator.process.close()
        self._follower.close()


@contextmanager
def coordinators(services: Services, folder: Path) -> Iterator[Coordinators]:
    built = Coordinators(services, folder)
    try:
        yield built
    finally:
        built.close()
        services.kafka.drop(built.kafka.prefix)


def figures(own: Coordinators) -> Iterator[tuple[str, float]]:
    """Breaks coordinators in each way once; what it was, and the seconds until every partition was served again."""
    first = own.coordinator("first", "coordinator-0")
    own.probe()
    first.process.kill()
    first.restart()
    yield "restart under its own name after kill -9", own.probe()
    second = own.coordinator("second")
    wait_until(lambda: second.partitions == first.partitions == PARTITIONS // 2, "half of the partitions each")
    second.process.kill()
    yield "takeover after kill -9", own.probe()
    second.restart()
    wait_until(lambda: second.partitions == first.partitions == PARTITIONS // 2, "half of the partitions each")
    second.process.send(signal.SIGSTOP)
    yield "takeover after a freeze", own.probe()
    second.process.send(signal.SIGCONT)
    yield "a probe while the zombie wakes", own.probe()
