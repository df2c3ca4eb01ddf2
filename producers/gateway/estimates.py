"""How long a job will probably take: from the speed of jobs that ended recently, and from the audio that is queued before it.

Fed by the view with the records of `requests` and `jobs`. In memory; a restarted gateway takes both from the view's file.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from schemas.jobs import Job, JobChanged

RECENT = 50  # jobs from which the speed is computed
SLOW, FAST = 0.9, 0.1  # quantiles of seconds of work per second of audio
SIMILAR = 4.0  # files are of similar length up to this ratio
# A second of a short file costs up to this many times as much as one of a long file: that is spread over all workers, and what
# every file costs once matters less.
SHORT_TO_LONG = 6.0
HOPS_S = 1.0  # between the stages, on a busy machine
MARGIN = 1.5  # of both limits: later jobs may overtake, and the machine may have other work


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds until the job ends."""

    min_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class _Queued:
    """`before_s`: the audio of all jobs that were accepted before this one, since the gateway started."""

    audio_s: float
    before_s: float


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
    """Safe to call from several threads. A job whose file does not state its length counts as nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queued: dict[UUID, _Queued] = {}
        self._accepted_s = 0.0
        self._gone_s = 0.0  # audio of accepted jobs that are no longer queued
        self._recent: deque[_Done] = deque(maxlen=RECENT)

    def accepted(self, job: Job) -> None:
        """Safe to repeat."""
        with self._lock:
            if job.job_id not in self._queued and job.audio is not None and job.audio.duration_s is not None:
                self._queued[job.job_id] = _Queued(job.audio.duration_s, self._accepted_s)
                self._accepted_s += job.audio.duration_s

    def ended(self, last: JobChanged) -> None:
        """Its terminal state, once."""
        with self._lock:
            self._remove(last.job.job_id)
            result, began = last.result, last.started_at
            if last.state == "SUCCESS" and not last.cached and result is not None and result.duration_s > 0 and began is not None:
                self._recent.append(_Done(began.timestamp(), last.changed_at.timestamp(), result.duration_s))

    def deleted(self, job_id: UUID) -> None:
        with self._lock:
            self._remove(job_id)

    def of(self, job_id: UUID, share: float = 0.0) -> Estimate | None:
        """`share`: how much of it is done. None: its length or the speed is not known."""
        with self._lock:
            queued, recent = self._queued.get(job_id), list(self._recent)
            if queued is None or not recent:
                return None
            ahead_s = max(0.0, queued.before_s - self._gone_s)
        own_s = queued.audio_s * (1 - share)
        ahead = _paces(recent)
        own = _own_paces(recent, queued.audio_s)
        min_s = ahead_s * min(_pace_together(recent), ahead.fast) + own_s * own.fast
        max_s = ahead_s * ahead.slow + own_s * own.slow + HOPS_S
        return Estimate(round(min_s / MARGIN, 1), round(max_s * MARGIN, 1))

    def _remove(self, job_id: UUID) -> None:
        queued = self._queued.pop(job_id, None)
        if queued is not None:
            self._gone_s += queued.audio_s


class _Paces(NamedTuple):
    fast: float
    slow: float


def _paces(jobs: Iterable[_Done]) -> _Paces:
    paces = sorted(done.pace for done in jobs)
    fast, slow = (paces[round(quantile * (len(paces) - 1))] for quantile in (FAST, SLOW))
    return _Paces(fast, slow)


def _own_paces(recent: Sequence[_Done], audio_s: float) -> _Paces:
    """Of jobs of similar length; without one, of all, with a wider spread."""
    if similar := [done for done in recent if audio_s / SIMILAR <= done.audio_s <= audio_s * SIMILAR]:
        return _paces(similar)
    fast, slow = _paces(recent)
    is_longer = audio_s > max(done.audio_s for done in recent)
    is_shorter = audio_s < min(done.audio_s for done in recent)
    return _Paces(fast if is_shorter else fast / SHORT_TO_LONG, slow if is_longer else slow * SHORT_TO_LONG)


def _pace_together(recent: Iterable[_Done]) -> float:
    """Seconds per second of audio of all workers together: time during which at least one of these jobs was worked on."""
    busy_s, audio_s, until_s = 0.0, 0.0, 0.0
    for done in sorted(recent, key=lambda done: done.began_s):
        busy_s += max(0.0, done.ended_s - max(done.began_s, until_s))
        until_s = max(until_s, done.ended_s)
        audio_s += done.audio_s
    return busy_s / audio_s
