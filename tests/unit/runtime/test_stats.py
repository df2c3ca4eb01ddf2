"""The figures for `GET /api/stats`: partitions add up, means are of sums, missing figures are marked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from runtime.stats import STALE, summary
from schemas.stats import JobFigures, JobSeries, QueueFigures, StatsPublished

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def series(**facts: Any) -> JobSeries:
    given = {"window": "day", "state": "SUCCESS", "lane": None, "model": "demo", "owner": "a", "jobs": 1, **facts}
    return JobSeries.model_validate(given)


def of_partition(number: int, *rows: JobSeries, at: datetime = NOW, **facts: Any) -> StatsPublished:
    figures = JobFigures(partition=number, series=rows, **facts)
    return StatsPublished(name=f"jobs/{number}", at=at, figures=figures)


def test_partitions_add_up_and_means_are_of_the_sums() -> None:
    document = summary(
        [
            of_partition(0, series(jobs=3, audio_s=30.0, waited=3, wait_s=3.0, worked_audio_s=30.0, worked_s=3.0)),
            of_partition(1, series(jobs=1, audio_s=10.0, waited=1, wait_s=5.0, cache_hits=1)),
        ],
        NOW,
    )
    assert document["windows"]["day"]["totals"] == {
        "jobs": 4,
        "audio_s": 40.0,
        "queue_wait_s": 2.0,
        "real_time_factor": 0.1,
        "cache_hits": 1,
        "cache_hit_ratio": 0.25,
    }
    assert document["windows"]["hour"]["totals"]["jobs"] == 0


def test_a_started_job_counts_by_state_and_not_among_the_ended() -> None:
    document = summary([of_partition(0, series(state="STARTED"), series(state="FAILURE", owner="b"))], NOW)
    day = document["windows"]["day"]
    assert day["totals"]["jobs"] == 1
    assert {state: figures["jobs"] for state, figures in day["by"]["state"].items()} == {"FAILURE": 1, "STARTED": 1}
    assert list(day["by"]["owner"]) == ["b"]


def test_the_figures_of_one_owner_say_nothing_of_others() -> None:
    published = [of_partition(0, series(jobs=3, audio_s=30.0), series(jobs=2, audio_s=5.0, owner="b"), series(owner="(others)"))]
    day = summary(published, NOW, "b")["windows"]["day"]
    assert (day["totals"]["jobs"], day["totals"]["audio_s"]) == (2, 5.0)
    assert list(day["by"]["owner"]) == ["b"]
    assert summary(published, NOW, "c")["windows"]["day"]["totals"]["jobs"] == 0
    assert list(summary(published, NOW)["windows"]["day"]["by"]["owner"]) == ["(others)", "a", "b"]


def test_a_ratio_of_nothing_is_null() -> None:
    totals = summary([], NOW)["windows"]["minute"]["totals"]
    assert (totals["queue_wait_s"], totals["real_time_factor"], totals["cache_hit_ratio"]) == (None, None, None)


def test_the_oldest_job_is_looked_for_among_started_and_waiting() -> None:
    queue = QueueFigures(queued_audio_s={"bulk": 12.0}, oldest_waiting_since=NOW - timedelta(seconds=5))
    started = of_partition(0, started=2, oldest_submitted_at=NOW - timedelta(seconds=60))
    document = summary([started, StatsPublished(name="queue", at=NOW, figures=queue)], NOW)
    assert (document["oldest_job_age_s"], document["started_jobs"], document["queued_audio_s"]) == (60.0, 2, {"bulk": 12.0})


def test_figures_that_are_not_renewed_are_stale() -> None:
    assert summary([], NOW)["stale"]
    assert not summary([of_partition(0)], NOW)["stale"]
    assert summary([of_partition(0), of_partition(1, at=NOW - STALE - timedelta(seconds=1))], NOW)["stale"]


def test_it_is_json_as_it_is() -> None:
    assert orjson.loads(orjson.dumps(summary([of_partition(0, series())], NOW)))["at"] == NOW.isoformat()
