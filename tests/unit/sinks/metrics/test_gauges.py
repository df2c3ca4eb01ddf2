"""What Prometheus sees, and the loggers that are kept quiet."""

from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest

from schemas.stats import JobFigures, JobSeries, QueueFigures
from sinks.metrics.gauges import Gauges

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def series(owner: str, state: str = "SUCCESS", **totals: float) -> JobSeries:
    return JobSeries.model_validate(
        {"window": "hour", "state": state, "lane": None, "model": "demo", "owner": owner, "jobs": 1, **totals}
    )


def test_partitions_and_owners_add_up_and_ratios_are_of_the_sums() -> None:
    gauges = Gauges(lambda: NOW)
    gauges.jobs = (
        JobFigures(partition=0, series=(series("a", worked_audio_s=10.0, worked_s=1.0, waited=1, wait_s=2.0),)),
        JobFigures(partition=1, series=(series("b", worked_audio_s=30.0, worked_s=9.0, waited=1, wait_s=4.0, cache_hits=1),)),
    )
    registry = CollectorRegistry()
    registry.register(gauges)
    labels = {"window": "hour", "state": "SUCCESS", "lane": "unknown", "model": "demo"}
    assert registry.get_sample_value("murmur_window_jobs", labels) == 2
    assert registry.get_sample_value("murmur_window_real_time_factor", labels) == 0.25
    assert registry.get_sample_value("murmur_window_queue_wait_seconds", labels) == 3.0
    assert registry.get_sample_value("murmur_window_cache_hit_ratio", labels) == 0.5


def test_the_oldest_job_is_the_older_of_the_started_and_the_waiting() -> None:
    gauges = Gauges(lambda: NOW)
    gauges.jobs = (JobFigures(partition=0, started=1, oldest_submitted_at=NOW - timedelta(seconds=30)),)
    gauges.queue = QueueFigures(queued_audio_s={"bulk": 75.0}, oldest_waiting_since=NOW - timedelta(seconds=90))
    registry = CollectorRegistry()
    registry.register(gauges)
    assert registry.get_sample_value("murmur_oldest_job_age_seconds") == 90
    assert registry.get_sample_value("murmur_started_jobs") == 1
    assert registry.get_sample_value("murmur_queued_audio_seconds", {"lane": "bulk"}) == 75


def test_the_lag_is_of_each_group_and_topic() -> None:
    gauges = Gauges(lambda: NOW)
    gauges.lag = {("coordinator", "requests"): 7, ("coordinator", "chunk-results"): 0}
    registry = CollectorRegistry()
    registry.register(gauges)
    assert registry.get_sample_value("murmur_consumer_lag_records", {"group": "coordinator", "topic": "requests"}) == 7
    assert registry.get_sample_value("murmur_consumer_lag_records", {"group": "coordinator", "topic": "chunk-results"}) == 0


def test_what_is_not_known_is_not_shown_as_zero() -> None:
    registry = CollectorRegistry()
    registry.register(Gauges(lambda: NOW))
    shown = generate_latest(registry).decode()
    assert "murmur_queued_audio_seconds" not in shown
    assert "murmur_oldest_job_age_seconds" not in shown


def test_owners_are_not_among_the_labels() -> None:
    gauges = Gauges(lambda: NOW)
    gauges.jobs = (JobFigures(partition=0, series=(series("somebody"),)),)
    registry = CollectorRegistry()
    registry.register(gauges)
    assert "somebody" not in generate_latest(registry).decode()
