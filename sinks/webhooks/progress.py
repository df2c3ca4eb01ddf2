"""Which jobs run and how far they are, for `transcription.progress`. Pure; fed by `progress_feed` from `jobs` and `progress`.

An event for every 5 percent at most, and not more often than every 5 s: for a bar that moves, whatever the length of the audio.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cachetools import FIFOCache

from runtime.progress import Pace, figures
from schemas.jobs import TERMINAL, JobChanged
from schemas.webhooks import JobProgress, WebhookDelivery
from schemas.work import WorkProgressed

STEPS = 20  # of a job: 5 percent each. A step is part of the message's id, which is the same whoever sends it
PAUSE_S = 5.0
ENDED_MAX = 10_000  # jobs whose end is remembered, for what waits to be sent
ROUNDING = 1e-9  # 0.15 is three steps


@dataclass(frozen=True, slots=True)
class Progressed:
    """So many percent of a job are done, and a webhook may say so. `partition`: of `jobs`, in which the job is."""

    job: JobChanged
    partition: int
    percent: int
    at: datetime
    progress: JobProgress


@dataclass(slots=True)
class _Running:
    job: JobChanged
    partition: int
    percent: int = 0  # of the last event
    at_s: float = -PAUSE_S


@dataclass(slots=True)
class _Work:
    """`jobs`: those that wait for it."""

    jobs: dict[str, _Running] = field(default_factory=dict)
    pace: Pace | None = None


class RunningJobs:
    """From any thread."""

    def __init__(self) -> None:
        self._works: dict[str, _Work] = {}
        self._work_of: dict[str, str] = {}
        self._ended: FIFOCache[str, None] = FIFOCache(ENDED_MAX)
        self._lock = threading.Lock()

    def changed(self, job: JobChanged, partition: int) -> None:
        """The newest state of a job."""
        with self._lock:
            if job.state in TERMINAL:
                self._remove(job.subject)
            elif job.state == "STARTED":
                self._add(job, partition)

    def deleted(self, job_id: str) -> None:
        with self._lock:
            self._remove(job_id)

    def progressed(self, event: WorkProgressed, at_s: float) -> list[Progressed]:
        """The jobs of which there is something new to say. `at_s`: when the event was written."""
        with self._lock:
            work = self._works.get(event.work_id)
            if work is None:
                return []
            if work.pace is None or work.pace.run != event.run:
                work.pace = Pace.since(event, at_s)
            work.pace.note(event, at_s)
            return list(_due(work, work.pace, at_s))

    def is_superseded(self, delivery: WebhookDelivery) -> bool:
        """The job has ended, or a later event says more."""
        if delivery.job is None or delivery.progress is None:
            return False
        job_id = delivery.job.subject
        with self._lock:
            work = self._works.get(self._work_of.get(job_id, ""))
            if work is None:
                return job_id in self._ended
            return work.jobs[job_id].percent > _percent(delivery.progress.fraction)

    def _add(self, job: JobChanged, partition: int) -> None:
        """Or what is new about it."""
        self._work_of[job.subject] = job.work_id
        jobs = self._works.setdefault(job.work_id, _Work()).jobs
        jobs.setdefault(job.subject, _Running(job, partition)).job = job

    def _remove(self, job_id: str) -> None:
        self._ended[job_id] = None
        if (work_id := self._work_of.pop(job_id, None)) is not None:
            work = self._works[work_id]
            del work.jobs[job_id]
            if not work.jobs:
                del self._works[work_id]


def _due(work: _Work, pace: Pace, at_s: float) -> Iterator[Progressed]:
    """Nothing where all is done: the end of the job follows."""
    percent = _percent(pace.share)
    for running in work.jobs.values():
        if running.percent < percent < 100 and at_s - running.at_s >= PAUSE_S:
            running.percent, running.at_s = percent, at_s
            total_s = running.job.duration_s or (audio.duration_s if (audio := running.job.job.audio) is not None else None)
            progress = JobProgress.model_validate(figures(pace.share, total_s, pace.left_s))
            yield Progressed(running.job, running.partition, percent, datetime.fromtimestamp(at_s, UTC), progress)


def _percent(share: float) -> int:
    """Whole steps."""
    return int(share * STEPS + ROUNDING) * 100 // STEPS
