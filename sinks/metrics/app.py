"""The Faust app: counts every change of a job in two tables, which Faust keeps in changelog topics.

Fed by `jobs`; read by the stage, which publishes the contents of the tables. Imported when the stage runs, not before.

The windows are stored in the tables' values: Faust's own windowed tables write no tombstone when a window expires, and never
expire what they have recovered, so memory and changelog would grow without bound.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import faust
import orjson
from cachetools import FIFOCache

from runtime.kafka.client import HEARTBEAT_MS, SESSION_TIMEOUT_MS, Kafka
from runtime.logs import get_logger
from schemas import codec
from schemas.jobs import TERMINAL, JobChanged
from schemas.stats import JobFigures, JobSeries
from schemas.topics import JOBS
from sinks.metrics import transport
from sinks.metrics.folding import folded
from sinks.metrics.windows import Entry, Kind, added_up, kind_of, measured

log = get_logger(__name__)
RECENT_MAX = 50_000  # states of jobs that were counted recently
UNFINISHED_S = 7 * 86_400.0  # a job that has not ended after that long is removed


class App(faust.App):
    def _create_directories(self) -> None:
        """Creates none: the tables are in memory, and a killed process would not remove the directories."""


class Counter:
    """For one event loop: `start()`, `figures()` periodically, `stop()`."""

    def __init__(self, kafka: Kafka, interactive_max_s: float) -> None:
        self._jobs = kafka.name(JOBS)
        self._interactive_max_s = interactive_max_s
        self.session_s = int(kafka.consumer_extra.get("session.timeout.ms", SESSION_TIMEOUT_MS)) / 1000
        self.app = self._app(kafka)
        transport.install(self.app)
        self.windows: Any = self.app.Table("windows", key_type=bytes, value_type=bytes)
        self.unfinished: Any = self.app.Table("unfinished", key_type=bytes, value_type=bytes)
        self._recent: FIFOCache[tuple[bytes, str], None] = FIFOCache(RECENT_MAX)
        self.failure: BaseException | None = None
        jobs = self.app.topic(self._jobs, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self.app.agent(jobs, name="metrics")(self._read)

    def _app(self, kafka: Kafka) -> Any:
        heartbeat_ms = int(kafka.consumer_extra.get("heartbeat.interval.ms", HEARTBEAT_MS))
        return App(
            kafka.group("metrics"),
            broker=[f"kafka://{address.strip()}" for address in kafka.bootstrap.split(",")],
            broker_credentials=transport.credentials(kafka.common),
            store="memory://",
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            broker_client_id="murmur-metrics",
            broker_session_timeout=self.session_s,
            broker_rebalance_timeout=self.session_s,
            broker_heartbeat_interval=heartbeat_ms / 1000,
            broker_request_timeout=30,
            broker_commit_interval=0.5,
            consumer_group_instance_id=f"{kafka.instance}-metrics" if kafka.instance else None,
            stream_wait_empty=False,  # what is not acknowledged yet is delivered again
            stream_recovery_delay=0.0,
            stream_buffer_maxsize=256,
            producer_acks=-1,
            producer_linger=0,
            web_enabled=False,
        )

    async def start(self) -> None:
        """Returns when the app consumes. Raises what Faust raises when there is no broker."""
        await self.app.start()

    async def stop(self) -> None:
        """Commits what was counted. After a crash inside Faust this may block without end."""
        await self.app.stop()

    async def close(self) -> None:
        """After `stop()`, whether it has returned or not: leaves the group, and ends Faust's thread."""
        await transport.close(self.app)

    async def _read(self, stream: Any) -> None:
        """A record is acknowledged once it is counted. Faust would only log an error, acknowledge, and go on with the next."""
        async for event in stream.noack().events():
            if self.failure is None:
                try:
                    self._count(event.message)
                    event.ack()
                except Exception as error:
                    self.failure = error

    def _count(self, message: Any) -> None:
        """Without `await`, so that nothing runs between reading an entry and writing it."""
        if message.value is None:
            return  # the job is gone: what was counted remains
        try:
            job = codec.decode(JobChanged, message.value)
        except codec.Undecodable as bad:
            log.error(
                "record.skipped",
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                reason=bad.reason,
                error=bad,
            )
            return
        if self._is_repeat(message.key, job.state):
            return
        key = kind_of(job, message.partition, self._interactive_max_s).encode()
        entry = Entry.decode(self.windows.get(key))
        if entry.count(measured(job), job.changed_at.timestamp(), message.offset):
            self.windows[key] = entry.encode()
        self._track_unfinished(message.key, job, message.partition)

    def _is_repeat(self, key: bytes, state: str) -> bool:
        """Only for jobs counted recently, and not across a restart: an older repeat is counted twice."""
        if (key, state) in self._recent:
            return True
        self._recent[key, state] = None
        return False

    def _track_unfinished(self, key: bytes, job: JobChanged, partition: int) -> None:
        if job.state == "STARTED":
            self.unfinished[key] = orjson.dumps([partition, job.job.submitted_at.timestamp()])
        elif job.state in TERMINAL and key in self.unfinished:
            del self.unfinished[key]

    @property
    def recovering(self) -> bool:
        """The tables are being restored, and incomplete until then."""
        return bool(self.app.rebalancing or self.app.tables.recovery.in_recovery)

    @property
    def partitions(self) -> set[int]:
        """Of `jobs`, which this process counts. The tables may still hold entries of others, from before a rebalance."""
        return {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self._jobs}

    def figures(self, now: datetime) -> Iterator[JobFigures]:
        """The figures of each assigned partition."""
        now_s = now.timestamp()
        entries = {Kind.decode(key): Entry.decode(value) for key, value in self.windows.items()}
        waiting = [orjson.loads(value) for value in self.unfinished.values()]
        for number in sorted(self.partitions):
            entries_here = {kind: entry for kind, entry in entries.items() if kind.partition == number}
            since = [submitted_s for partition, submitted_s in waiting if partition == number]
            yield JobFigures(
                partition=number,
                series=tuple(
                    JobSeries(window=window.name, **kind.labels(), **totals.published().model_dump())
                    for window, kind, totals in folded(added_up(entries_here, now_s))
                ),
                started=len(since),
                oldest_submitted_at=datetime.fromtimestamp(min(since), UTC) if since else None,
            )

    def expire(self, now: datetime) -> None:
        """Removes what is in no window any more, and jobs whose end was never received."""
        now_s, assigned = now.timestamp(), self.partitions
        for key, value in list(self.windows.items()):
            kind = Kind.decode(key)
            if kind.partition in assigned and Entry.decode(value).is_expired(now_s):
                self._drop(self.windows, key, kind.partition)
        for key, value in list(self.unfinished.items()):
            partition, submitted_s = orjson.loads(value)
            if partition in assigned and now_s - submitted_s > UNFINISHED_S:
                self._drop(self.unfinished, key, partition)

    def _drop(self, table: Any, key: bytes, partition: int) -> None:
        """Faust refuses `del` outside of a record: the same in two steps, with an explicit partition."""
        table.data.pop(key, None)
        table.send_changelog(partition, key, None, value_serializer="raw")

    @property
    def crash(self) -> BaseException | None:
        """What ended Faust, or our agent in it. It is not raised anywhere, since `start()` has returned."""
        if self.failure is not None:
            return self.failure
        if self.app.crashed or self.app.should_stop:
            return self.app.crash_reason or RuntimeError("Faust has stopped unexpectedly")
        return None

    @property
    def silent_s(self) -> float:
        """How long ago the broker last confirmed our membership of the group."""
        return time.monotonic() - float(self.app.consumer._thread.heartbeat_s)

    @property
    def committing_s(self) -> float:
        """For how long the commit in flight has been running."""
        since_s = self.app.consumer.committing_since_s
        return 0.0 if since_s is None else time.monotonic() - float(since_s)

    def unread(self) -> dict[Any, int]:
        return dict(self.app.consumer._thread.unread())
