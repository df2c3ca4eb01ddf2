"""How long a job will probably take: from the speed of jobs that ended recently, and from the audio that is queued before it.

Fed by the view with the records of `requests` and `jobs`. In memory; a restarted gateway takes both from the view's file. The
queue is one of works: what several jobs wait for is done once.
"""

import math
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from producers.gateway.view.queue_order import QueueOrder
from runtime.lanes import BULK_SHARE, lane_for
from schemas.jobs import JobChanged, JobRequested

RECENT = 50  # jobs from which the speed is computed
SLOW, MEDIAN, FAST = 0.9, 0.5, 0.1  # quantiles of seconds of work per second of audio
SIMILAR = 4.0  # files are of similar length up to this ratio
# A second of a short file costs up to this many times as much as one of a long file: that is spread over all workers, and what
# every file costs once matters less.
SHORT_TO_LONG = 6.0
ASSUMED_BYTES_S = 16_000  # of a file that does not state its length: 128 kbit/s, usual for compressed audio
HOPS_S = 1.0  # between the stages, on a busy machine
MARGIN = 1.5  # of both limits: later jobs may overtake, and the machine may have other work


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds until the job ends. `likely_s`: without the margins."""

    min_s: float
    max_s: float
    likely_s: float


@dataclass(frozen=True, slots=True)
class Queue:
    """Works that have not ended, and seconds of audio in them: as their files state, or by their size."""

    works: int
    audio_s: float


@dataclass(frozen=True, slots=True)
class _Queued:
    """A work that has not ended. `is_stated`: the file states its length. `jobs`: those that wait for it."""

    owner: str
    audio_s: float
    is_stated: bool
    jobs: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Done:
    began_s: float
    ended_s: float
    audio_s: float

    @property
    def pace(self) -> float:
        """Seconds of work per second of audio."""
        return (self.ended_s - self.began_s) / self.audio_s


class Estimates:
    """Safe to call from several threads. To an estimate a job whose file does not state its length counts as nothing. Files up to
    `interactive_max_s` overtake longer ones; unless it is given, none does."""

    def __init__(self, interactive_max_s: float = math.inf) -> None:
        self._interactive_max_s = interactive_max_s
        self._lock = threading.Lock()
        self._works: dict[str, _Queued] = {}
        self._order = QueueOrder()
        self._work_of: dict[UUID, str] = {}
        self._queues: dict[str, Queue] = {}  # by owner
        self._all = Queue(0, 0.0)
        self._recent: deque[_Done] = deque(maxlen=RECENT)

    def clear(self) -> None:
        with self._lock:
            self._works.clear()
            self._order = QueueOrder()
            self._work_of.clear()
            self._queues.clear()
            self._all = Queue(0, 0.0)
            self._recent.clear()

    def accepted(self, requested: JobRequested) -> None:
        """Safe to repeat. A job that is answered without any work is not queued."""
        job, work = requested.job, requested.work
        if requested.result is not None or requested.refused is not None:
            return
        stated_s = job.audio.duration_s if job.audio is not None else None
        audio_s = stated_s if stated_s is not None else (work.audio.size_bytes or 0) / ASSUMED_BYTES_S
        lane = job.lane or lane_for(audio_s, self._interactive_max_s)
        chunk_s = min(audio_s, work.slicing.max_chunk_s) if stated_s is not None else 0.0
        with self._lock:
            if job.job_id in self._work_of:
                return
            self._work_of[job.job_id] = work.work_id
            if work.work_id not in self._works:
                self._works[work.work_id] = _Queued(job.owner, audio_s, stated_s is not None)
                self._order.add(work.work_id, lane, stated_s or 0.0, chunk_s)
                self._count(job.owner, 1, audio_s)
            self._works[work.work_id].jobs.add(job.job_id)

    def ended(self, last: JobChanged) -> None:
        """Its terminal state, once."""
        with self._lock:
            self._remove(last.job.job_id)
            if done := _done(last):
                self._recent.append(done)

    def deleted(self, job_id: UUID) -> None:
        with self._lock:
            self._remove(job_id)

    def queue(self, owner: str | None = None) -> Queue:
        """Of all owners, unless one is given."""
        with self._lock:
            return self._all if owner is None else self._queues.get(owner, Queue(0, 0.0))

    def has(self, work_id: str) -> bool:
        """Whether the work is queued."""
        with self._lock:
            return work_id in self._works

    def pace(self) -> float | None:
        """Seconds per second of audio of all workers together, as the last jobs were transcribed; None: not known."""
        with self._lock:
            recent = list(self._recent)
        return _pace_together(recent) if recent else None

    def of(self, job_id: UUID, share: float = 0.0) -> Estimate | None:
        """`share`: how much of it is done. None: its length or the speed is not known."""
        with self._lock:
            work_id, recent = self._work_of.get(job_id), list(self._recent)
            if work_id is None or not recent:
                return None
            queued = self._works[work_id]
            ahead_s, in_hand_s = self._order.ahead_s(work_id), self._order.in_hand_s(work_id)
        if not queued.is_stated:
            return None
        own_s = queued.audio_s * (1 - share)
        ahead = _paces(recent)
        own = _own_paces(recent, queued.audio_s)
        min_s = ahead_s * min(_pace_together(recent), ahead.fast) + own_s * own.fast
        max_s = ahead_s * ahead.slow + own_s * own.slow
        likely_s = ahead_s * min(_pace_together(recent), ahead.middle) + own_s * own.middle
        if in_hand_s:
            max_s = max_s / (1 - BULK_SHARE) + in_hand_s * _own_paces(recent, in_hand_s).slow
        return Estimate(round(min_s / MARGIN, 1), round((max_s + HOPS_S) * MARGIN, 1), round(likely_s, 1))

    def _remove(self, job_id: UUID) -> None:
        work_id = self._work_of.pop(job_id, None)
        if work_id is None:
            return
        queued = self._works[work_id]
        queued.jobs.remove(job_id)
        if not queued.jobs:
            del self._works[work_id]
            self._order.remove(work_id)
            self._count(queued.owner, -1, -queued.audio_s)

    def _count(self, owner: str, works: int, audio_s: float) -> None:
        """To the queues. Without works there is no audio, whatever the sums have lost in rounding."""
        own = self._queues.pop(owner, Queue(0, 0.0))
        own, self._all = (_sum(queue, works, audio_s) for queue in (own, self._all))
        if own.works:
            self._queues[owner] = own


def _sum(queue: Queue, works: int, audio_s: float) -> Queue:
    return Queue(queue.works + works, queue.audio_s + audio_s) if queue.works + works else Queue(0, 0.0)


def _done(last: JobChanged) -> _Done | None:
    """None: it says nothing of the speed. It failed, or did no work of its own, or needed no inference, or two clocks differ."""
    result, began = last.result, last.started_at
    if last.state != "SUCCESS" or last.cached or result is None or began is None:
        return None
    if result.inference_s == 0 or result.duration_s <= 0 or last.changed_at <= began:
        return None
    return _Done(began.timestamp(), last.changed_at.timestamp(), result.duration_s)


class _Paces(NamedTuple):
    fast: float
    middle: float
    slow: float


def _paces(jobs: Iterable[_Done]) -> _Paces:
    paces = sorted(done.pace for done in jobs)
    return _Paces(*(paces[round(quantile * (len(paces) - 1))] for quantile in (FAST, MEDIAN, SLOW)))


def _own_paces(recent: Sequence[_Done], audio_s: float) -> _Paces:
    """Of jobs of similar length; without one, of all, with a wider spread."""
    if similar := [done for done in recent if audio_s / SIMILAR <= done.audio_s <= audio_s * SIMILAR]:
        return _paces(similar)
    fast, middle, slow = _paces(recent)
    is_longer = audio_s > max(done.audio_s for done in recent)
    is_shorter = audio_s < min(done.audio_s for done in recent)
    return _Paces(fast if is_shorter else fast / SHORT_TO_LONG, middle, slow if is_longer else slow * SHORT_TO_LONG)


def _pace_together(recent: Iterable[_Done]) -> float:
    """Seconds per second of audio of all workers together: time during which at least one of these jobs was worked on."""
    busy_s, audio_s, until_s = 0.0, 0.0, 0.0
    for done in sorted(recent, key=lambda done: done.began_s):
        busy_s += max(0.0, done.ended_s - max(done.began_s, until_s))
        until_s = max(until_s, done.ended_s)
        audio_s += done.audio_s
    return busy_s / audio_s
