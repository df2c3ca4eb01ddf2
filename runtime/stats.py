"""The figures of the system: follows `stats` and adds up what the metrics sink publishes for each partition.

Fed by `sinks/metrics`; read by the gateway (`GET /api/stats`) and by the metrics sink's own gauges.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Received
from schemas.jobs import TERMINAL
from schemas.stats import JobFigures, JobSeries, QueueFigures, StatsPublished
from schemas.topics import STATS, Topic

STALE = timedelta(seconds=150)  # the sink writes every figure at least once a minute
UNKNOWN_LANE = "unknown"  # of a file that does not state its length, before it is decoded
BY: dict[str, Callable[[JobSeries], str]] = {
    "state": lambda row: row.state,
    "lane": lambda row: row.lane or UNKNOWN_LANE,
    "model": lambda row: row.model,
    "owner": lambda row: row.owner,
}


class Stats:
    """`start()` and `stop()` its thread; `latest()` from any thread. A broker that is away is waited for. `others`: called in the
    thread with the records of further topics."""

    def __init__(self, kafka: Kafka, others: Mapping[Topic, Callable[[Received], None]] = MappingProxyType({})) -> None:
        self._others = {topic.name: take for topic, take in others.items()}
        self._thread = FollowerThread("stats", kafka, (STATS, *others), self._take)
        self._known: dict[str, StatsPublished] = {}

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the thread: UsageError when the topic is missing."""
        self._thread.check()

    def stop(self, wait_s: float | None = None) -> None:
        """Idempotent; finished on return, or after `wait_s`: a thread that waits for an answer is left behind."""
        self._thread.stop(wait_s)

    def latest(self, now: datetime | None = None, owner: str | None = None) -> dict[str, Any]:
        """JSON-ready; see `summary`. Never blocks."""
        return summary(dict(self._known).values(), now or datetime.now(UTC), owner)

    def _take(self, _follower: Follower, records: list[Received]) -> None:
        for record in records:
            if isinstance(record.event, StatsPublished):
                self._known[record.event.name] = record.event
            elif record.topic in self._others:
                self._others[record.topic](record)


def summary(published: Iterable[StatsPublished], now: datetime, owner: str | None = None) -> dict[str, Any]:
    """`stale`: no metrics sink has written lately, or none ever. `windows`: for minute, hour and day the totals of ended
    jobs, and the same by state, lane, model and owner; a mean or ratio of nothing is null. `owner`: windows of this one alone."""
    published = list(published)
    jobs = [known.figures for known in published if isinstance(known.figures, JobFigures)]
    queues = [known.figures for known in published if isinstance(known.figures, QueueFigures)]
    rows = [row for figures in jobs for row in figures.series if owner in (None, row.owner)]
    oldest = oldest_unfinished(jobs, queues)
    return {
        "at": max((known.at for known in published), default=now).isoformat(),
        "stale": not published or any(now - known.at > STALE for known in published),
        "windows": {name: _window([row for row in rows if row.window == name]) for name in ("minute", "hour", "day")},
        "started_jobs": sum(figures.started for figures in jobs),
        "oldest_job_age_s": None if oldest is None else round(max(0.0, (now - oldest).total_seconds()), 3),
        "queued_audio_s": queues[0].queued_audio_s if queues else None,
    }


def oldest_unfinished(jobs: Iterable[JobFigures], queues: Iterable[QueueFigures]) -> datetime | None:
    """When the oldest job that has not ended was submitted, as far as the topics show: the oldest of the started jobs,
    of the requests that wait for the coordinator, of the decodes for the slicer, and of the chunks for a transcriber."""
    times = [figures.oldest_submitted_at for figures in jobs] + [queue.oldest_waiting_since for queue in queues]
    return min((time for time in times if time is not None), default=None)


def _window(rows: list[JobSeries]) -> dict[str, Any]:
    ended = [row for row in rows if row.state in TERMINAL]
    by = {}
    for name, label in BY.items():
        counted = rows if name == "state" else ended
        by[name] = {value: totals([row for row in counted if label(row) == value]) for value in sorted({*map(label, counted)})}
    return {"totals": totals(ended), "by": by}


def totals(rows: Iterable[JobSeries]) -> dict[str, float | None]:
    rows = list(rows)
    succeeded = sum(row.jobs for row in rows if row.state == "SUCCESS")
    return {
        "jobs": sum(row.jobs for row in rows),
        "audio_s": round(sum(row.audio_s for row in rows), 3),
        "queue_wait_s": _ratio(sum(row.wait_s for row in rows), sum(row.waited for row in rows)),
        "real_time_factor": _ratio(sum(row.worked_s for row in rows), sum(row.worked_audio_s for row in rows)),
        "cache_hits": sum(row.cache_hits for row in rows),
        "cache_hit_ratio": _ratio(sum(row.cache_hits for row in rows), succeeded),
    }


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
