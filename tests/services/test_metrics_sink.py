"""The metrics sink as a process on a broker of its own: killed, frozen, its broker killed, Faust crashed inside it.

Jobs are published in transactions, as by the coordinator, while all of that happens. `pytest -rP` shows how long each recovery
took.
"""

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from confluent_kafka import KafkaException, Producer

from runtime.kafka.client import Kafka
from runtime.stats import Stats
from schemas import codec
from schemas.jobs import JobChanged
from schemas.topics import JOBS
from scripts.services.kafka import Kafka as Broker
from tests.counted import AUDIO_S, changed
from tests.services.chaos.cluster import Cluster, Member, on_directory
from tests.waiting import DEADLINE_S, wait_until

BATCH = 5
FROZEN_S = 12.0  # longer than a session: its partitions are taken away


class JobWriter:
    """Tells jobs that start and end, and of each batch one that only starts; what was committed is counted here."""

    def __init__(self, kafka: Kafka) -> None:
        self._topic = kafka.name(JOBS)
        own = {"transactional.id": f"{kafka.prefix}writer", "compression.type": "none"}
        self._producer: Producer = kafka.producer("writer", **own)
        self._producer.init_transactions(DEADLINE_S)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.ended = self.unfinished = 0

    def write(self, before_commit: Callable[[int], None] = lambda _number: None) -> None:
        """One transaction, again until it is committed. `before_commit` is given the last job's number."""
        numbers = [next(self._numbers) for _ in range(BATCH)]
        records = [changed("STARTED", number) for number in numbers] + [changed("SUCCESS", number) for number in numbers[1:]]
        while not self._committed(records, lambda: before_commit(numbers[-1])):
            pass
        with self._lock:
            self.ended += len(numbers) - 1
            self.unfinished += 1

    def _committed(self, records: list[JobChanged], before_commit: Callable[[], None]) -> bool:
        """False: it was aborted."""
        self._producer.begin_transaction()
        for record in records:
            key = str(record.job.job_id).encode()
            self._producer.produce(self._topic, codec.encode(record), key)
        self._producer.flush(DEADLINE_S)
        before_commit()
        while True:
            try:
                self._producer.commit_transaction(10)
                return True
            except KafkaException as refused:
                error = refused.args[0]
                if error.txn_requires_abort():
                    self._producer.abort_transaction(DEADLINE_S)
                    return False
                if not error.retriable():
                    raise


@contextmanager
def writing(writer: JobWriter) -> Iterator[None]:
    """A stream of jobs: at most five transactions a second, of nine records each."""
    stopping = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            while not stopping.wait(0.2):
                writer.write()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="writer")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(DEADLINE_S)
    assert failures == []
    assert not thread.is_alive()


class System:
    """The sink under `murmur run`, a writer, and what is read from outside."""

    def __init__(self, cluster: Cluster, stats: Stats) -> None:
        self.cluster = cluster
        self.kafka = cluster.kafka
        self.writer = JobWriter(cluster.kafka)
        self._stats = stats

    @property
    def sink(self) -> Member:
        return self.cluster.of("metrics")[0]

    def back_s(self) -> float:
        """How long it takes until something published from now on is counted, which a killed process cannot have read."""
        began_s, again = time.monotonic(), self.writer.ended + 2 * (BATCH - 1)  # the first of two may have begun before
        wait_until(lambda: self.published()[0] >= again, f"{again} jobs in stats")
        return time.monotonic() - began_s

    def published(self) -> tuple[int, int, float]:
        """Jobs that ended, jobs that did not, and seconds of audio, as `stats` has them."""
        latest = self._stats.latest()
        day = latest["windows"]["day"]["totals"]
        return day["jobs"], latest["started_jobs"], day["audio_s"]

    def written(self) -> tuple[int, int, float]:
        return self.writer.ended, self.writer.unfinished, self.writer.ended * AUDIO_S

    def counts_are_right(self) -> None:
        wait_until(lambda: self.published() == self.written(), f"the counts {self.written()} in stats, not {self.published()}")


@pytest.fixture
def own(own_kafka: Broker, tmp_path: Path) -> Iterator[System]:
    with Cluster(tmp_path, on_directory(own_kafka.bootstrap, tmp_path, "figures."), {"metrics": 1}) as cluster:
        stats = Stats(cluster.kafka)
        stats.start()
        try:
            yield System(cluster, stats)
        finally:
            stats.stop(DEADLINE_S)


def test_after_each_fault_counting_goes_on_and_the_counts_are_right(own: System, own_kafka: Broker) -> None:
    after_s: dict[str, float] = {}
    with writing(own.writer):
        wait_until(lambda: own.published()[0] > 100, "a hundred jobs in stats")
        killed = own.sink.pid
        assert own.sink.signal(signal.SIGKILL)
        after_s["kill -9 of the sink"] = own.back_s()
        assert own.sink.pid not in (None, killed)

        own_kafka.process.kill()
        own_kafka.start()
        after_s["kill -9 and start of the broker"] = own.back_s()

        assert own.sink.signal(signal.SIGSTOP)
        until_s = time.monotonic() + FROZEN_S
        wait_until(lambda: time.monotonic() >= until_s, "the end of the freeze", FROZEN_S * 2)
        assert own.sink.signal(signal.SIGCONT)
        after_s["a freeze"] = own.back_s()
    own.counts_are_right()
    for fault, seconds in after_s.items():
        print(f"counting again after {fault}: {seconds:.1f} s")


def test_a_crash_inside_faust_ends_the_process_with_the_code_of_a_failure_and_its_parent_starts_another(
    own: System, tmp_path: Path
) -> None:
    """A disk that has lost a bit: Faust's reader meets a batch whose checksum is wrong. Then the bit is put right."""
    disk = tmp_path / "kafka" / "data"
    own.writer.write()
    own.counts_are_right()
    flips: list[Callable[[], None]] = []

    def damage(number: int) -> None:  # while it cannot be read yet: the transaction is open
        flips.append(_flipper(disk, str(UUID(int=number)).encode()))
        flips[0]()

    own.writer.write(damage)
    began_s = time.monotonic()
    wait_until(own.cluster.crashes, "the end of the process")
    after_s = time.monotonic() - began_s
    flips[0]()
    own.counts_are_right()
    print(f"end of the process after a crash inside Faust: {after_s:.1f} s")
    assert set(own.cluster.crashes()) == {"metrics-1 ended with 70"}
    assert "Faust has crashed: " in own.sink.log()


def _flipper(disk: Path, content: bytes) -> Callable[[], None]:
    """Changes one bit of the last place of `content` in a partition of `jobs`; called again, it changes it back."""
    (segment,) = [file for file in disk.glob(f"*{JOBS.name}-*/*.log") if content in file.read_bytes()]
    place = segment.read_bytes().rindex(content)

    def flip() -> None:
        with segment.open("r+b") as file:
            file.seek(place)
            (byte,) = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ 1]))

    return flip
