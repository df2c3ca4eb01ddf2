"""The page of the metrics, from those that the code declares."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from runtime import metrics
from schemas.stats import JobFigures, JobSeries, QueueFigures
from sinks.metrics.gauges import Gauges

INTRODUCTION = """# Metrics

Generated from the code by `make generate`. Every process exports Prometheus metrics of its stages: the gateway at `/metrics`,
every other stage of `murmur run` at `/metrics` of its `MURMUR_HEALTH_PORT`. In `murmur dev` all stages are one process, and the
gateway has the metrics of all.

Names and units follow Prometheus' conventions: seconds and bytes, `_total` for counters. Labels have few values; ids, file names
and owners are never labels. A histogram has `_bucket`, `_sum` and `_count`. Counters begin at 0 when a process starts.

A job's own times are in its transcript and in its status ([http.md](http.md#timings)).
"""
SECTIONS = {
    "RECORDS": "The loop of every Kafka stage",
    "FILES_ANNOUNCED": "Files on their way in",
    "FILES_SLICED": "Slicer",
    "CHUNKS": "Transcriber",
    "JOBS_ENDED": "Coordinator",
    "CORRECTIONS": "Corrector",
    "RESULT_FILES": "Results on their way out",
    "HTTP_REQUEST_SECONDS": "Gateway",
    "STORED_FILES": "Retention",
}
EXAMPLES = """
## Queries

```promql
# seconds of speech transcribed per second
sum(rate(murmur_transcribed_audio_seconds_total[5m]))

# how long chunks of short files wait: the 95th percentile
histogram_quantile(0.95, sum by (le) (rate(murmur_chunk_wait_seconds_bucket{lane="interactive"}[5m])))

# share of failed jobs
sum(rate(murmur_jobs_ended_total{state="FAILURE"}[1h])) / sum(rate(murmur_jobs_ended_total[1h]))

# share of the replicas that are busy
sum(murmur_replicas_busy) / sum(murmur_replicas)

# stages that hold records and commit nothing
murmur_records_in_flight > 0 unless on (stage, instance) rate(murmur_commit_seconds_count[5m]) > 0
```
"""


def page() -> str:
    lines = [INTRODUCTION.rstrip()]
    for name, metric in vars(metrics).items():
        if name in SECTIONS:
            lines += _heading(SECTIONS[name])
        if isinstance(metric, MetricWrapperBase):
            lines += [_row(described, metric._labelnames) for described in metric.describe()]
    lines += [*_heading("Metrics sink"), *_gauges()]
    return "\n".join(lines) + "\n" + EXAMPLES


def _heading(title: str) -> list[str]:
    return ["", f"## {title}", "", "| metric | type | labels | meaning |", "|---|---|---|---|"]


def gauges() -> Gauges:
    """Of the metrics sink, with a value each."""
    gauges = Gauges(lambda: datetime.now(UTC))
    row = JobSeries(window="minute", state="SUCCESS", lane=None, model="", owner="", jobs=1, waited=1, worked_audio_s=1)
    gauges.jobs = [JobFigures(partition=0, series=(row,))]
    gauges.queue = QueueFigures(queued_audio_s={"bulk": 0.0})
    gauges.lag = {("coordinator", "requests"): 0}
    return gauges


def _gauges() -> Iterator[str]:
    """A collector describes its metrics only by collecting them."""
    for metric in gauges().collect():
        yield _row(metric, metric.samples[0].labels)


def _row(metric: Metric, labels: Iterable[str]) -> str:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    return f"| `{name}` | {metric.type} | {', '.join(f'`{label}`' for label in labels)} | {metric.documentation} |"
