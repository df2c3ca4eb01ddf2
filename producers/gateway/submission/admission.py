"""Whether another job is admitted: not while more audio waits than can be transcribed before its records expire.

Counted in the view, so that all gateways agree. What comes from folders and buckets counts, too, but is never refused: it has no
client that could submit it again. What was accepted stays accepted.
"""

from producers.gateway.http.problems import Problem
from producers.gateway.view.estimates import Estimates
from runtime import api_keys
from runtime.settings import Settings
from schemas.jobs import JobRequested
from schemas.topics import DECODES

# A record that nobody has read when its retention ends is lost. Half of it is left for outages, and for a queue that takes longer
# than the jobs before it.
RETENTION_SHARE = 0.5
REAL_TIME = 1.0  # seconds of time per second of audio, before there is a job to measure
RETRY_MIN_S, RETRY_MAX_S = 1.0, 3600.0


class Admission:
    """`check()` before a submission is read, and `check_work()` before its request is written."""

    def __init__(self, settings: Settings, estimates: Estimates) -> None:
        self._most_s = settings.max_queued_audio_s
        self._share = settings.max_queued_audio_share
        self._is_shared = api_keys.are_configured(settings)  # else all jobs over HTTP are of one owner
        self._estimates = estimates

    def check(self, owner: str) -> None:
        """Raises Problem 503 when the queue is full, 429 when this owner's share of it is."""
        pace = self._estimates.pace() or REAL_TIME
        most_s = self._most_s if self._most_s is not None else _within_retention_s() / pace
        if (queued_s := self._estimates.queue().audio_s) >= most_s:
            detail = f"{queued_s:.0f} s of audio wait to be transcribed, of at most {most_s:.0f}: submit again later."
            raise Problem(503, "queue_full", detail, after_s=_retry_s(queued_s - most_s, pace))
        own_s, own_most_s = self._estimates.queue(owner).audio_s, most_s * self._share
        if self._is_shared and own_s >= own_most_s:
            detail = f"{own_s:.0f} s of audio of {owner} wait to be transcribed, of at most {own_most_s:.0f}: submit again later."
            raise Problem(429, "queue_share_full", detail, after_s=_retry_s(own_s - own_most_s, pace))

    def check_work(self, requested: JobRequested) -> None:
        """As `check()`, unless the job adds nothing to the queue: it is answered at once, or by a work that is queued already."""
        if requested.result is None and not self._estimates.has(requested.work.work_id):
            self.check(requested.job.owner)


def _within_retention_s() -> float:
    return RETENTION_SHARE * DECODES.retention_ms / 1000


def _retry_s(excess_s: float, pace: float) -> float:
    """When so much audio will have been transcribed."""
    return min(max(excess_s * pace, RETRY_MIN_S), RETRY_MAX_S)
