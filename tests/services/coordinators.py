"""Coordinators as processes on the real broker, with topics of their own: what its recovery tests and benchmark break.

A probe is one new request in every partition: it is answered when the `decodes` of all of them can be read.
"""

import os
import signal
import subprocess
import sys
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
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
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
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MURMUR_")}
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "murmur.cli.child", "coordinator"],
                cwd=self.log.parent,  # no .env of the checkout
                env={**inherited, **self._environment, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,  # its end is what ends a child
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self._popen is not None
        self._popen.send_signal(number)

    def kill(self) -> None:
        """kill -9, and gone."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait(10)
            assert self._popen.stdin is not None
            self._popen.stdin.close()
            self._popen = None

    def exit_code(self, timeout_s: float) -> int:
        """Waits for its end."""
        assert self._popen is not None
        return self._popen.wait(timeout_s)

    @property
    def partitions(self) -> int:
        """How many partitions of `requests` it said it reads, last."""
        said = [line for line in self.log.read_text().splitlines() if " partitions.assigned " in line]
        return said[-1].count("requests/") if said else 0


class House:
    """Topics of its own, coordinators, and what has been asked and answered."""

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
        coordinator.start()
        return coordinator

    def ask(self) -> set[str]:
        """A new request in every partition; their works."""
        asked = set()
        for number in range(PARTITIONS):
            event = request()
            asked.add(event.work.work_id)
            self._producer.produce(self.kafka.name(REQUESTS), codec.encode(event), key=event.work.work_id, partition=number)
        assert self._producer.flush(30) == 0
        return asked

    def answered(self, asked: set[str]) -> bool:
        for record in self._follower.poll(0.02):
            assert isinstance(record.event, DecodeRequested)
            self.decodes.append(record.event)
        return asked <= {decode.work.work_id for decode in self.decodes}

    def probe(self, timeout_s: float = 60.0) -> float:
        """How long it takes until a new request in every partition is answered."""
        began_s = time.monotonic()
        asked = self.ask()
        wait_until(lambda: self.answered(asked), "a decode for every request", timeout_s)
        return time.monotonic() - began_s

    def close(self) -> None:
        for coordinator in self.coordinators:
            coordinator.kill()
        self._follower.close()


@contextmanager
def house(services: Services, folder: Path) -> Iterator[House]:
    built = House(services, folder)
    try:
        yield built
    finally:
        built.close()
        services.kafka.drop(built.kafka.prefix)


def figures(house: House) -> Iterator[tuple[str, float]]:
    """Breaks coordinators in each way once; what it was, and the seconds until every partition was served again."""
    first = house.coordinator("first", "coordinator-0")
    house.probe()
    first.kill()
    first.start()
    yield "restart under its own name after kill -9", house.probe()
    second = house.coordinator("second")
    wait_until(lambda: second.partitions == first.partitions == PARTITIONS // 2, "half of the partitions each")
    second.kill()
    yield "takeover after kill -9", house.probe()
    second.start()
    wait_until(lambda: second.partitions == first.partitions == PARTITIONS // 2, "half of the partitions each")
    second.signal(signal.SIGSTOP)
    yield "takeover after a freeze", house.probe()
    second.signal(signal.SIGCONT)
    yield "a probe while the zombie wakes", house.probe()
