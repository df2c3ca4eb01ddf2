"""Ended jobs are forgotten after a while, and their records on compacted topics with them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processors.coordinator.entries import JobState
from processors.coordinator.forgetting import tombstones
from processors.coordinator.tables import JobLimits, Tables
from runtime.kafka.messages import Output
from runtime.setting_types import DAY_S
from runtime.settings import Settings
from schemas import codec
from schemas.jobs import JobChanged
from schemas.topics import JOBS, JOBS_CHANGELOG, REVOCATIONS
from tests.unit.processors.coordinator.test_decide import SPANS, closed, only, requested, work
from tests.unit.processors.coordinator.test_no_cache import Stage, runs

MEMORY_S = 3600
JOB_ID = str(requested("one").job.job_id)


def forgotten(tables: Tables, now: datetime) -> list[Output]:
    return list(tombstones(tables, tables.forgotten(now, JobLimits(MEMORY_S))))


def ended(stage: Stage) -> Tables:
    """The tables after a job that has succeeded."""
    (run,) = runs(stage.see(requested("one")))
    stage.transcribe(run, "Hello.")
    return stage.coordinator._tables[0]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_job_that_is_forgotten_leaves_tombstones_on_jobs_and_revocations(stage: Stage) -> None:
    tables = ended(stage)
    assert forgotten(tables, datetime.now(UTC)) == []
    later = datetime.now(UTC) + timedelta(seconds=MEMORY_S + 1)
    assert forgotten(tables, later) == [Output(JOBS, JOB_ID, None), Output(REVOCATIONS, work().work_id, None)]


def test_a_revocation_is_kept_while_a_later_run_of_the_work_is_in_progress(stage: Stage) -> None:
    tables = ended(stage)
    stage.see(requested("two", no_cache=True))
    assert forgotten(tables, datetime.now(UTC) + timedelta(days=1)) == [Output(JOBS, JOB_ID, None)]


def idle(stage: Stage) -> list[tuple[str, str, object]]:
    stage.coordinator._idle_until_s = 0.0
    steps = list(stage.coordinator.handle([]))
    assert all(step.settles is None for step in steps)
    return [(output.topic.name, str(output.key), output.value) for step in steps for output in step.outputs]


def test_a_coordinator_without_events_forgets_too(stage: Stage) -> None:
    ended(stage)
    assert idle(stage) == []
    age(stage, 31)
    expected = [(JOBS.name, JOB_ID, None), (REVOCATIONS.name, work().work_id, None), (JOBS_CHANGELOG.name, JOB_ID, None)]
    assert idle(stage) == expected
    assert idle(stage) == []


def age(stage: Stage, days: int) -> None:
    """Makes the ended job this old."""
    tables = stage.coordinator._tables[0]
    for job_id in tables.ended:
        tables.ended[job_id] -= timedelta(days=days)


def test_of_too_many_jobs_the_oldest_are_forgotten_once_they_are_no_longer_remembered(stage: Stage) -> None:
    stage.coordinator._settings = Settings(work_bucket="work", job_memory_s=14 * DAY_S, retention_jobs_count=1)
    tables = ended(stage)
    stage.see(requested("two"))
    age(stage, 13)
    assert idle(stage) == []
    age(stage, 2)
    assert [key for topic, key, _ in idle(stage) if topic == JOBS.name] == [JOB_ID]
    assert list(tables.ended) == [str(requested("two").job.job_id)]
    assert idle(stage) == []


def test_a_job_that_ends_is_as_large_as_its_record(stage: Stage) -> None:
    (run,) = runs(stage.see(requested("one")))
    (ended,) = only(JobChanged, stage.transcribe(run, "Hello."))
    assert stage.coordinator._tables[0].ended_bytes == len(JOB_ID) + len(codec.encode(ended))


@pytest.mark.parametrize(("most_bytes", "gone"), [(1, [JOB_ID]), (10_000, []), (0, [])])
def test_of_too_many_bytes_of_records_the_oldest_are_forgotten(stage: Stage, most_bytes: int, gone: list[str]) -> None:
    stage.coordinator._settings = Settings(work_bucket="work", retention_jobs_bytes=most_bytes)
    ended(stage)
    age(stage, 15)
    assert [key for topic, key, _ in idle(stage) if topic == JOBS.name] == gone


def test_each_partition_has_its_share_of_the_jobs(stage: Stage) -> None:
    stage.coordinator._settings = Settings(work_bucket="work", retention_jobs_count=8)
    stage.coordinator._cache.partitions = 8
    ended(stage)
    stage.see(requested("two"))
    age(stage, 15)
    assert [key for topic, key, _ in idle(stage) if topic == JOBS.name] == [JOB_ID]


def test_results_of_chunks_that_wait_for_a_retry_go_with_their_job(stage: Stage) -> None:
    (run,) = runs(stage.see(requested("one")))
    stage.report(closed(SPANS[:1]), run)
    stage.coordinator._tables[0].jobs[JOB_ID] = JobState(work().work_id, "FAILURE", ended_at=datetime.now(UTC))
    stage.coordinator._tables[0].ended[JOB_ID] = datetime.now(UTC) - timedelta(days=31)
    stage.coordinator._tables[0].works.clear()
    stage.coordinator.chunk_results.make(work().work_id)
    assert stage.folder.is_dir()
    idle(stage)
    assert not stage.folder.exists()


def test_jobs_that_are_kept_for_ever_are_forgotten_without_tombstones(stage: Stage) -> None:
    stage.coordinator._settings = Settings(work_bucket="work", retention_jobs_s=0)
    ended(stage)
    age(stage, 15)
    assert idle(stage) == [(JOBS_CHANGELOG.name, JOB_ID, None)]


@pytest.mark.parametrize(("memory_s", "listed_s", "kept_s"), [(60, 30, 60), (60, 90, 90), (60, 0, 60)])
def test_no_job_is_forgotten_before_it_may_run_again(memory_s: int, listed_s: int, kept_s: int) -> None:
    assert Settings(job_memory_s=memory_s, retention_jobs_s=listed_s).ended_jobs_s == kept_s
