"""The Faust app: one agent that reads `jobs`, and counts every record in the windows of its partition.

Fed by `jobs`; read by the stage, which publishes the figures. There are no tables, and nothing is committed: `jobs` itself is
the state. After a start, the last day of each assigned partition is read again. Imported when the stage runs, not before.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime, timedelta
from typing import Any

import faust
from aiokafka.errors import IllegalStateError
from faust.types import TP

from runtime.errors import BrokerUnavailable, KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Partition
from runtime.kafka.per_topic import group_of
from runtime.logs import get_logger
from schemas import codec
from schemas.stats import JobFigures, JobSeries
from schemas.topics import JOBS
from sinks.metrics.folding import folded
from sinks.metrics.transport import STOP_S, Transport, consumer_settings
from sinks.metrics.watchdog import Watchdog
from sinks.metrics.windows import DAY_S, PartitionJobs

log = get_logger(__name__)
GROUP = group_of("metrics", JOBS)
ANSWER_S = 5.0


class App(faust.App):
    """A consumer alone: it writes nothing."""

    class BootStrategy(faust.app.BootStrategy):
        enable_kafka_producer = False

    async def on_first_start(self) -> None:
        """Creates no directories: there is nothing to store in them, and a killed process would not remove them."""


class Counter:
    """For one event loop: `start()`, `figures()` and `check()` periodically, `close()`."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._jobs: dict[int, PartitionJobs] = {}
        self._behind: dict[Partition, int] = {}  # the end of each partition, until it has been read to there for the first time
        self._watchdog = Watchdog()
        self._failure: BaseException | None = None
        self.app: Any = App(
            kafka.group(GROUP),
            broker=[f"kafka://{address.strip()}" for address in kafka.bootstrap.split(",")],
            store="memory://",
            topic_allow_declare=False,
            topic_disable_leader=True,
            broker_request_timeout=30,
            stream_wait_empty=False,  # what is not counted yet is read again
            stream_recovery_delay=0.0,
            stream_buffer_maxsize=256,
            web_enabled=False,
        )
        self.app.transport = Transport(self.app, consumer_settings(kafka, GROUP), self._begin)
        raw: dict[str, Any] = dict(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self.app.agent(self.app.topic(kafka.name(JOBS), acks=False, **raw), name="metrics")(self._read)

    async def start(self) -> None:
        """Returns when the app consumes. Raises KafkaFault when it cannot, usually since the broker is unavailable."""
        try:
            await self.app.start()
        except Exception as error:
            raise KafkaFault(f"Faust does not start: {error!r}") from error

    async def close(self) -> None:
        """Takes no longer than twice `STOP_S`: after a crash inside Faust, its own stop may not return."""
        stopping = asyncio.ensure_future(self.app.stop())
        stopped, _ = await asyncio.wait({stopping}, timeout=STOP_S)
        if not stopped:
            log.warning("faust.left", wait_s=STOP_S)
        elif error := stopping.exception():
            log.warning("faust.failed", error=repr(error))
        await self.app.consumer.leave()

    async def _begin(self, assigned: Set[TP]) -> Mapping[TP, int]:
        """At the next record, in a partition that was assigned before; in a new one a day ago."""
        starts, ends = await asyncio.to_thread(self._last_day)
        places = {_place(tp): tp for tp in assigned}
        self._jobs = {place.number: self._jobs.get(place.number) or PartitionJobs(starts[place]) for place in places}
        self._behind = {place: ends[place] for place in places}
        return {tp: self._jobs[place.number].next_offset for place, tp in places.items()}

    def _last_day(self) -> tuple[Mapping[Partition, int], Mapping[Partition, int]]:
        """Where it begins and ends. Blocks; raises BrokerUnavailable."""
        offsets = self._kafka.offsets
        ends = offsets.ends((JOBS,))
        return offsets.since((JOBS,), datetime.now(UTC) - timedelta(seconds=DAY_S)), ends

    async def _read(self, stream: Any) -> None:
        """Faust would only log an error, and go on with the next record."""
        async for event in stream.events():
            try:
                self._count(event.message)
            except Exception as error:
                self._failure = self._failure or error

    def _count(self, message: Any) -> None:
        jobs = self._jobs.get(message.partition)
        if jobs is None:  # of a partition that was assigned until a moment ago
            return
        try:
            job = JOBS.decode(message.value)
        except codec.Undecodable as bad:
            place = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
            log.error("record.skipped", **place, reason=bad.reason, error=bad)
            return
        jobs.count(message.key, job, message.offset, time.time())

    async def positions(self) -> Mapping[Partition, int] | None:
        """The next record that Faust's thread reads of each assigned partition, in which markers of transactions count. None
        during a rebalance."""
        assigned = tuple(self.app.consumer.assignment())
        try:
            positions = await asyncio.gather(*map(self.app.consumer.position, assigned))
        except IllegalStateError:  # no longer assigned
            return None
        return None if self.app.rebalancing else dict(zip(map(_place, assigned), positions, strict=True))

    async def check(self) -> None:
        """Every few seconds. Raises FaustFault when Faust no longer reads."""
        positions = await self.positions()
        try:
            ends = await asyncio.to_thread(self._kafka.offsets.ends, (JOBS,), ANSWER_S)
        except BrokerUnavailable:  # Faust waits for it as well
            return
        self._watchdog.check(positions, ends, time.monotonic())

    async def has_caught_up(self) -> bool:
        """All that was there at the start has been counted. Until then the figures are incomplete."""
        if self._behind or self.app.rebalancing:
            if (positions := await self.positions()) is not None:
                self._behind = {place: end for place, end in self._behind.items() if positions.get(place, end) < end}
            return False  # what was read last may still be in Faust's queue
        return True

    def figures(self, now: datetime) -> Iterator[JobFigures]:
        """The figures of each assigned partition."""
        assigned = {tp.partition for tp in self.app.consumer.assignment()}
        for number in sorted(assigned & self._jobs.keys()):
            jobs = self._jobs[number]
            jobs.slide(now.timestamp())
            series = tuple(
                JobSeries(window=window, **kind._asdict(), **totals.published().model_dump())
                for window, kind, totals in folded(jobs.totals())
            )
            yield JobFigures(partition=number, series=series, started=jobs.started, oldest_submitted_at=jobs.oldest_submitted_at)

    @property
    def crash(self) -> BaseException | None:
        """What ended Faust, or our agent in it. It is not raised anywhere, since `start()` has returned."""
        if self._failure is not None:
            return self._failure
        if self.app.crashed or self.app.should_stop:
            return self.app.crash_reason or RuntimeError("Faust has stopped unexpectedly")
        return None


def _place(tp: TP) -> Partition:
    return Partition(JOBS.name, tp.partition)
