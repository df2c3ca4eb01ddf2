"""The figures as Prometheus gauges. Fed by the stage with what it publishes; collected by the server of the
registry.

A collector, so that a process without this stage exports none of them instead of zeros. The figures of jobs are of the
partitions assigned to this process: with several processes, add up their counts and seconds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.stats import UNKNOWN_LANE, oldest_unfinished, totals
from schemas.stats import JobFigures, JobSeries, QueueFigures
from sinks.metrics.lag import Lag

LABELS = ("window", "state", "lane", "model")
WINDOW_GAUGES = {
    "jobs": ("murmur_window_jobs", "jobs by their newest state, of those that changed within the last minute, hour, day"),
    "audio_s": ("murmur_window_audio_seconds", "length of the audio of jobs that succeeded"),
    "queue_wait_s": ("murmur_window_queue_wait_seconds", "mean time from submitted to started"),
    "real_time_factor": ("murmur_window_real_time_factor", "time from started to ended per second of audio, without cache hits"),
    "cache_hit_ratio": ("murmur_window_cache_hit_ratio", "share of the successful jobs that needed no transcription"),
}


class Gauges(Collector):
    """`jobs`, `queue` and `lag` are replaced as a whole, in the stage's thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.jobs: Sequence[JobFigures] = ()
        self.queue: QueueFigures | None = None
        self.lag: Lag = {}

    def describe(self) -> Iterable[Metric]:
        """Nothing: without this method the registry would collect once to find the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        jobs, queue = self.jobs, self.queue
        yield from _windows([row for figures in jobs for row in figures.series])
        yield GaugeMetricFamily(
            "murmur_started_jobs", "jobs that have started and not ended", sum(figures.started for figures in jobs)
        )
        yield _lag(self.lag)
        if queue is None:
            return
        oldest = oldest_unfinished(jobs, [queue])
        age_s = max(0.0, (self._clock() - oldest).total_seconds()) if oldest else 0.0
        yield GaugeMetricFamily(
            "murmur_oldest_job_age_seconds", "age of the oldest job that has not ended; 0 if there is none", age_s
        )
        queued = GaugeMetricFamily(
            "murmur_queued_audio_seconds", "speech cut into chunks and not yet transcribed", labels=["lane"]
        )
        for lane, seconds in queue.queued_audio_s.items():
            queued.add_metric([lane], seconds)
        yield queued


def _lag(lag: Lag) -> Metric:
    gauge = GaugeMetricFamily(
        "murmur_consumer_lag_records",
        "records that a consumer group has not committed; in a topic written in transactions their markers count",
        labels=["group", "topic"],
    )
    for labels, records in lag.items():
        gauge.add_metric(labels, records)
    return gauge


def _windows(rows: list[JobSeries]) -> Iterator[Metric]:
    gauges = {name: GaugeMetricFamily(*about, labels=LABELS) for name, about in WINDOW_GAUGES.items()}
    rows.sort(key=_labels)
    for labels, group in groupby(rows, _labels):
        for name, value in totals(group).items():
            if name in gauges and value is not None:
                gauges[name].add_metric(labels, value)
    yield from gauges.values()


def _labels(row: JobSeries) -> tuple[str, str, str, str]:
    return row.window, row.state, row.lane or UNKNOWN_LANE, row.model
