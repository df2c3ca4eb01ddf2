"""Deletions and retries of ended jobs, as the coordinator sees them."""

from dataclasses import replace
from uuid import uuid4

import pytest

from processors.coordinator.entries import Change
from runtime.kafka.messages import Output
from schemas.jobs import CancelRequested, JobChanged, JobRequested
from schemas.record import Failure, ObjectRef
from schemas.topics import JOBS
from schemas.work import DecodeRequested, WorkFailed
from tests.unit.processors.coordinator.test_decide import NOW, World, closed, requested


@pytest.fixture
def world() -> World:
    return World()


def test_only_a_job_that_has_ended_can_be_deleted_and_is_not_run_again(world: World) -> None:
    job = requested()
    deletion = CancelRequested(job_id=job.job.job_id, work_id=job.work.work_id, requested_at=NOW, delete=True)
    assert world.see(deletion)[1] == [], "before its request"
    assert any(isinstance(output, DecodeRequested) for output in world.see(job)[1])
    assert world.see(deletion)[1] == [], "the work goes on"
    world.report(closed(()), run="0-1")

    decision, values = world.see(deletion)

    assert decision.outputs == (Output(JOBS, str(job.job.job_id), None),)
    assert (decision.changes, values) == ((), [None])
    assert world.see(job)[1] == []


def test_a_deleted_job_has_no_record_any_more(world: World) -> None:
    job = requested()
    job_id = str(job.job.job_id)
    world.see(job)
    world.report(closed(()))
    world.tables.apply(Change("jobs", job_id, replace(world.tables.jobs[job_id], record_bytes=900)))
    deletion = CancelRequested(job_id=job.job.job_id, work_id=job.work.work_id, requested_at=NOW, delete=True)
    for _ in range(2):
        decision, _ = world.see(deletion)
        assert decision.outputs == (Output(JOBS, job_id, None),)
        assert world.tables.ended_bytes == 0
    assert decision.changes == ()


def test_the_retry_of_an_upload_fails_with_the_object_that_it_shares(world: World) -> None:
    first = uuid4()
    audio = ObjectRef(bucket="work", key=f"uploads/{first}")
    of = requested()
    work = of.work.model_copy(update={"audio": audio})
    job = of.job.model_copy(update={"source": "http", "dropped": None, "retry_of": first})
    world.see(JobRequested(job=job, work=work))

    outputs = world.report(WorkFailed(failure=Failure(reason="audio_gone", message="the audio is no longer in the store")))

    assert [output.state for output in outputs if isinstance(output, JobChanged)] == ["FAILURE"]
    assert not any(isinstance(output, DecodeRequested) for output in outputs)
