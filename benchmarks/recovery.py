"""How long the coordinator's tables need to come back, and how soon its partitions are served again, on the real broker.

`python -m benchmarks.recovery [ENTRIES...]`; 100,000 and 1,000,000 unless given. Starts the services of `make services` for
itself when they are not running. The figures are kept in docs/decisions/0001. Their node looks for old transactions each second,
where a broker as it comes does so each ten: a takeover that has to wait for one is sooner here by up to nine seconds.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import conditions, spread
from processors.coordinator.entries import CHANGELOGS, Change, JobState
from processors.coordinator.stage import Coordinator
from runtime.kafka import topics
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from schemas.cache import CacheEntry
from schemas.topics import REQUESTS
from scripts.services import supervisor
from tests.services.coordinators import coordinators, figures

PARTITIONS = 8
RUNS = 3


def main() -> None:
    print(conditions())
    with supervisor.borrowed() as services:
        for entries in [int(word) for word in sys.argv[1:]] or [100_000, 1_000_000]:
            prefix = f"recovery-{uuid.uuid4().hex[:8]}."
            kafka = Kafka(services.kafka.bootstrap, prefix)
            topics.apply(kafka, settings(kafka))
            try:
                fill(kafka, entries)
                _in_a_fresh_process(kafka, entries)
            finally:
                services.kafka.drop(prefix)
        seconds: dict[str, list[float]] = {}
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder, coordinators(services, Path(folder)) as built:
                for what, took_s in figures(built):
                    seconds.setdefault(what, []).append(took_s)
        for what, values in seconds.items():
            print(f"{what}: {spread(values, 1)} s")


def settings(kafka: Kafka) -> Settings:
    return Settings(kafka_bootstrap=kafka.bootstrap, topic_prefix=kafka.prefix, topic_partitions=PARTITIONS)


def fill(kafka: Kafka, entries: int) -> None:
    """Half of them jobs that have ended, half finished works: what a coordinator has after a long time."""
    now = datetime.now(UTC)
    producer = kafka.producer("benchmark", **{"linger.ms": 20})
    size_bytes = 0
    for number in range(entries // 2):
        work_id = uuid.uuid4().hex * 2
        for change in (
            Change("cache", work_id, CacheEntry(now, 5000, 12.34, "en", now, hits=3)),
            Change("jobs", str(uuid.uuid4()), JobState(work_id=work_id, state="SUCCESS", ended_at=now)),
        ):
            output = change.output(number % PARTITIONS)
            assert isinstance(output.value, bytes)
            size_bytes += len(output.value) + len(output.key)
            producer.produce(kafka.name(CHANGELOGS[change.table]), output.value, output.key, number % PARTITIONS)
        if number % 20_000 == 0:
            producer.flush()
    producer.flush()
    print(f"{entries:,} entries of {size_bytes / entries:.0f} bytes, {PARTITIONS} partitions")


def _in_a_fresh_process(kafka: Kafka, entries: int) -> None:
    for _ in range(RUNS):
        process = multiprocessing.get_context("spawn").Process(target=recover, args=(kafka.bootstrap, kafka.prefix, entries))
        process.start()
        process.join()


def recover(bootstrap: str, prefix: str, entries: int) -> None:
    """As the coordinator does it when all partitions arrive at once."""
    kafka = Kafka(bootstrap, prefix)
    with tempfile.TemporaryDirectory() as folder:
        transcripts = Transcripts(DirectoryStore({"work": Path(folder)}), "work")
        coordinator = Coordinator(kafka, transcripts, settings(kafka))
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        coordinator.on_assign([Partition(REQUESTS.name, number) for number in range(PARTITIONS)])
        took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
        more_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
        print(f"  recovered in {took_s:.1f} s ({cpu_s:.1f} s of CPU, {entries / took_s:,.0f}/s), {more_mib:.0f} MiB more")


if __name__ == "__main__":
    main()
