"""Reads `jobs` and `progress` while an endpoint asks for `transcription.progress`, in a thread of its own.

Every sink reads all of both; a job's events come from the one that has its partition of `jobs`. Nothing is committed: the share
is that of the newest record, and what was written while no sink ran is of no use any more.
"""

import queue
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Partition, Received
from runtime.kafka.wakeup import Wakeup
from schemas.jobs import JobChanged
from schemas.topics import JOBS, PROGRESS
from schemas.webhooks import WebhookDelivery
from schemas.work import WorkProgressed
from sinks.webhooks.progress import Progressed, RunningJobs

LOOK_BACK = timedelta(days=1)  # a job that has been running for longer when the feed begins has no events


class ProgressFeed:
    """Called from the thread of the stage. `wakeup` is set when there is something new."""

    def __init__(self, kafka: Kafka, wakeup: Wakeup) -> None:
        self._kafka = kafka
        self._wakeup = wakeup
        self._own: frozenset[int] = frozenset()
        self._new: queue.SimpleQueue[Progressed] = queue.SimpleQueue()
        self._jobs = RunningJobs()
        self._thread: FollowerThread | None = None

    def follow(self, *, wanted: bool) -> None:
        """Begins or ends to read. Idempotent; does not wait. Raises what ended the thread."""
        if self._thread is not None:
            self._thread.check()
        if wanted and self._thread is None:
            self._thread = self._reading()
            self._thread.start()
        elif not wanted and self._thread is not None:
            self._thread.stop(0)
            self._thread = None

    def assigned(self, partitions: Iterable[Partition]) -> None:
        self._own |= {partition.number for partition in partitions if partition.topic == JOBS.name}

    def revoked(self, partitions: Iterable[Partition]) -> None:
        self._own -= {partition.number for partition in partitions if partition.topic == JOBS.name}

    def new(self) -> Iterator[Progressed]:
        """Since the last call; does not wait."""
        for _ in range(self._new.qsize()):
            yield self._new.get_nowait()

    def is_superseded(self, delivery: WebhookDelivery) -> bool:
        """See `RunningJobs`. False where that is not known."""
        return self._jobs.is_superseded(delivery)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.stop()

    def _reading(self) -> FollowerThread:
        """With jobs of its own: a predecessor may still take its last records."""
        jobs = self._jobs = RunningJobs()

        def take(_follower: Follower, records: list[Received]) -> None:
            self._take(jobs, records)

        return FollowerThread("webhooks-progress", self._kafka, (JOBS, PROGRESS), take, self._begin)

    def _begin(self) -> Start:
        offsets = self._kafka.offsets
        return {**offsets.since((JOBS,), datetime.now(UTC) - LOOK_BACK), **offsets.ends((PROGRESS,))}

    def _take(self, jobs: RunningJobs, records: Iterable[Received]) -> None:
        for record in records:
            if isinstance(record.event, WorkProgressed):
                for progressed in jobs.progressed(record.event, record.timestamp_ms / 1000):
                    if progressed.partition in self._own:
                        self._new.put(progressed)
                        self._wakeup.set()
            elif isinstance(record.event, JobChanged):
                jobs.changed(record.event, record.partition.number)
            elif record.topic == JOBS.name and record.value is None and record.key is not None:
                jobs.deleted(record.key.decode(errors="replace"))
