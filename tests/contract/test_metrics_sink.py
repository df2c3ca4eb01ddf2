"""The metrics sink on a broker: counts `jobs` with Faust, again after a restart, and ends when Faust has crashed."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from runtime.errors import UsageError
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.follower import Follower
from runtime.kafka.per_topic import group_of
from runtime.stats import Stats
from schemas import codec
from schemas.jobs import JobChanged, State
from schemas.stats import JobFigures, StatsPublished
from schemas.topics import CHUNKS_BULK, JOBS, STATS
from schemas.work import ChunkReady
from sinks.metrics.stage import MetricsSink
from sinks.metrics.transport import FETCH_WAIT_MS
from sinks.metrics.watchdog import FaustFault
from tests.contract.brokers import write
from tests.counted import changed
from tests.waiting import DEADLINE_S, wait_until


def publish(kafka: Kafka, *records: JobChanged) -> None:
    write(kafka, JOBS, [(str(record.job.job_id).encode(), codec.encode(record)) for record in records])


@dataclass
class Running:
    sink: MetricsSink
    registry: CollectorRegistry
    ended: list[BaseException] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def day(self, state: State = "SUCCESS") -> float | None:
        return self.gauge("murmur_window_jobs", window="day", state=state, lane="unknown", model="demo")


@contextmanager
def running(kafka: Kafka) -> Iterator[Running]:
    """The sink in a thread, ready; stopped and joined at the end."""
    registry = CollectorRegistry()
    metrics = Running(MetricsSink(kafka, registry), registry)

    def run() -> None:
        try:
            metrics.sink.run()
        except BaseException as error:
            metrics.ended.append(error)
        finally:
            metrics.over.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: metrics.over.is_set() or metrics.sink.not_ready() is None, "the metrics sink is ready")
        yield metrics
    finally:
        metrics.sink.stop()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


@contextmanager
def reading(kafka: Kafka) -> Iterator[Stats]:
    stats = Stats(kafka)
    stats.start()
    try:
        yield stats
    finally:
        stats.stop()


def day(stats: Stats) -> dict[str, Any]:
    totals: dict[str, Any] = stats.latest()["windows"]["day"]["totals"]
    return totals


def test_jobs_of_all_partitions_reach_stats_and_gauges(kafka: Kafka) -> None:
    with running(kafka) as metrics, reading(kafka) as stats:
        publish(kafka, *(changed() for _ in range(20)), *(changed("STARTED") for _ in range(3)), changed("FAILURE", owner="b"))
        wait_until(lambda: day(stats)["jobs"] == 21 and stats.latest()["started_jobs"] == 3, "all figures of all partitions")
        assert day(stats)["audio_s"] == 160.0
        assert day(stats)["real_time_factor"] == 0.5
        assert stats.latest()["windows"]["minute"]["by"]["owner"]["b"]["jobs"] == 1
        assert stats.latest()["oldest_job_age_s"] >= 10.0
        assert not stats.latest()["stale"]
        assert metrics.day() == 20
        assert metrics.gauge("murmur_started_jobs") == 3
    assert metrics.ended == []
    assert metrics.day() is None, "an ended sink shows nothing"


def test_each_partition_has_a_name_of_its_own_in_stats(kafka: Kafka) -> None:
    with running(kafka):
        publish(kafka, *(changed() for _ in range(40)))
        known: dict[str, JobFigures] = {}
        follower = Follower(kafka, (STATS,))

        def all_counted() -> bool:
            for record in follower.poll(0.1):
                assert isinstance(record.event, StatsPublished)
                assert record.key == record.event.name.encode()
                if isinstance(record.event.figures, JobFigures):
                    known[record.event.name] = record.event.figures
            return sum(row.jobs for figures in known.values() for row in figures.series if row.window == "hour") == 40

        wait_until(all_counted, "40 jobs in the figures of the partitions")
        follower.close()
        assert set(known) == {"jobs/0", "jobs/1", "jobs/2", "jobs/3"}
        assert all(figures.series for figures in known.values())


def test_after_a_restart_the_last_day_is_counted_again(kafka: Kafka) -> None:
    with running(kafka) as first:
        publish(kafka, *(changed() for _ in range(10)), *(changed("STARTED", number) for number in range(4)))
        wait_until(lambda: first.day() == 10 and first.gauge("murmur_started_jobs") == 4, "the first run has counted")
    with running(kafka) as second:
        wait_until(lambda: second.day() == 10 and second.gauge("murmur_started_jobs") == 4, "the second run has the same")
        publish(kafka, *(changed("SUCCESS", number) for number in range(4)))
        wait_until(lambda: second.day() == 14 and second.gauge("murmur_started_jobs") == 0, "and goes on counting")
    assert second.ended == []


def test_a_repeated_state_counts_once(kafka: Kafka) -> None:
    with running(kafka) as metrics:
        publish(kafka, changed(number=1), changed(number=1), changed(number=2))
        wait_until(lambda: metrics.day() is not None, "the first job is counted")
        publish(kafka, changed(number=1), changed("FAILURE", 3), changed(number=1))
        wait_until(lambda: metrics.day("FAILURE") == 1, "the marker is counted")
        assert metrics.day() == 2


def test_a_record_that_cannot_be_decoded_is_skipped(kafka: Kafka) -> None:
    with running(kafka) as metrics:
        write(kafka, JOBS, [(b"a", b"not json"), (b"a", None), (b"b", b'{"version": 9}')])
        publish(kafka, *(changed() for _ in range(20)))
        wait_until(lambda: metrics.day() == 20, "the records after them are counted")
    assert metrics.ended == []


def test_speech_that_no_transcriber_has_settled_is_queued(kafka: Kafka) -> None:
    seconds = 16_000
    chunk = ChunkReady.model_validate(
        {
            "work_id": "0" * 64,
            "run": "0-0",
            "slice_id": "1" * 64,
            "span": (0, 12 * seconds),
            "pieces": [(0, 5 * seconds), (7 * seconds, 12 * seconds)],
            "audio": {"bucket": "w", "key": "k"},
            "model": {"name": "demo", "revision": "1"},
            "decoding": {},
            "lane": "bulk",
        }
    )
    write(kafka, CHUNKS_BULK, [(b"a", codec.encode(chunk))] * 3, partition=0)
    with running(kafka) as metrics:
        wait_until(lambda: metrics.gauge("murmur_queued_audio_seconds", lane="bulk") == 30.0, "three chunks wait")
        with _transcriber(kafka, 2):
            wait_until(lambda: metrics.gauge("murmur_queued_audio_seconds", lane="bulk") == 10.0, "two are done")


@contextmanager
def _transcriber(kafka: Kafka, settled: int) -> Iterator[None]:
    """A member of the group that has settled so many chunks of partition 0."""
    from confluent_kafka import TopicPartition

    consumer = kafka.consumer(group_of("transcriber", CHUNKS_BULK))
    try:
        consumer.commit(offsets=[TopicPartition(kafka.name(CHUNKS_BULK), 0, settled)], asynchronous=False)
        yield
    finally:
        consumer.close()


def test_a_crash_inside_faust_ends_the_sink(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiokafka.consumer.fetcher import Fetcher

    with running(kafka) as metrics:

        async def broken(*_arguments: object, **_options: object) -> None:
            raise RuntimeError("a codec is missing")

        monkeypatch.setattr(Fetcher, "fetched_records", broken)
        assert metrics.over.wait(DEADLINE_S), "it continues without an error"
    assert isinstance(metrics.ended[0], FaustFault)
    assert metrics.sink.not_ready() is not None


def test_a_fault_in_counting_ends_the_sink_and_is_its_reason(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_job: JobChanged) -> None:
        raise ZeroDivisionError("a bug")

    with running(kafka) as metrics:
        monkeypatch.setattr("sinks.metrics.windows.counted", broken)
        publish(kafka, changed())
        assert metrics.over.wait(DEADLINE_S)
    assert isinstance(metrics.ended[0].__cause__, ZeroDivisionError)


def test_after_a_crash_a_restarted_stage_keeps_counting_in_the_same_process(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(kafka) as first:
        publish(kafka, *(changed() for _ in range(5)))
        wait_until(lambda: first.day() == 5, "the first run has counted")
        with monkeypatch.context() as patch:
            patch.setattr("sinks.metrics.windows.counted", lambda _job: 1 / 0)
            publish(kafka, changed())
            assert first.over.wait(DEADLINE_S)
    with running(kafka) as second:
        wait_until(lambda: second.day() == 6, "the record that the first one died of is counted too")
    assert second.ended == []


def test_a_faust_that_does_not_stop_is_left_behind_and_out_of_the_group(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_app: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch, running(kafka) as first:
        patch.setattr("sinks.metrics.app.App.stop", never)
        first.sink.stop()
        assert first.over.wait(DEADLINE_S)
    with running(kafka) as second:
        publish(kafka, *(changed() for _ in range(20)))
        wait_until(lambda: second.day() == 20, "the second run has every partition")
    assert first.ended == second.ended == []


def test_only_committed_records_are_read(kafka: Kafka) -> None:
    """On a broker with transactions by what is counted; on the embedded one by what the consumer was configured with."""
    if not kafka.transactions:
        _asserts_isolation(kafka)
        return
    with running(kafka) as metrics:
        producer: Producer = kafka.producer("tests", **{"transactional.id": f"{kafka.prefix}tests"})
        producer.init_transactions(DEADLINE_S)
        for commit in (False, True):
            producer.begin_transaction()
            record = changed()
            producer.produce(kafka.name(JOBS), key=str(record.job.job_id).encode(), value=codec.encode(record))
            producer.flush(DEADLINE_S)
            (producer.commit_transaction if commit else producer.abort_transaction)(DEADLINE_S)
        wait_until(lambda: metrics.day() == 1, "the committed job is counted")
        publish(kafka, changed("FAILURE"))
        wait_until(lambda: metrics.day("FAILURE") == 1, "the marker is counted")
        assert metrics.day() == 1


def _asserts_isolation(kafka: Kafka) -> None:
    from aiokafka import AIOKafkaConsumer

    settings: list[tuple[int, int]] = []
    start = AIOKafkaConsumer.start

    async def spy(consumer: Any) -> None:
        await start(consumer)
        fetcher = consumer._fetcher
        settings.append((fetcher._isolation_level, fetcher._fetch_max_wait_ms))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AIOKafkaConsumer, "start", spy)
        with running(kafka):
            pass
    assert settings == [(1, FETCH_WAIT_MS)]  # 1: READ_COMMITTED


def test_a_broker_that_is_not_there_is_waited_for() -> None:
    sink = MetricsSink(Kafka("127.0.0.1:1", "murmur."), CollectorRegistry())
    thread = threading.Thread(target=sink.run)
    thread.start()
    try:
        wait_until(lambda: "no broker at 127.0.0.1:1" in (sink.not_ready() or ""), "the reason why it is not ready")
        assert thread.is_alive()
    finally:
        sink.stop()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_a_stop_while_faust_starts_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    starting = threading.Event()

    async def never(_counter: object) -> None:
        starting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("sinks.metrics.app.Counter.start", never)
    failures: list[BaseException] = []

    def run(sink: MetricsSink) -> None:
        try:
            sink.run()
        except BaseException as error:
            failures.append(error)

    with EmbeddedBroker(topics=(JOBS, STATS)) as broker:
        sink = MetricsSink(broker.kafka(), CollectorRegistry())
        thread = threading.Thread(target=run, args=(sink,))
        thread.start()
        assert starting.wait(DEADLINE_S)
        sink.stop()
        thread.join(DEADLINE_S)
    assert failures == []


def test_topics_that_are_missing_are_named(kafka: Kafka) -> None:
    if not kafka.transactions:
        pytest.skip("the embedded broker creates every topic that is requested")
    with running(replace(kafka, prefix=f"{kafka.prefix}absent.")) as metrics:
        assert metrics.over.wait(DEADLINE_S)
    assert isinstance(metrics.ended[0], UsageError)
    assert "absent.jobs" in str(metrics.ended[0])
