"""What jobs can be found by, besides their ids: the batch that they were submitted in, their Idempotency-Key, their owner."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from producers.gateway.view.job_view import KeyUse
from producers.gateway.view.view import View
from schemas.jobs import Idempotency, Job, JobRequested
from tests.unit.producers.gateway.view.test_view import NOON, WORK_ID, apply, changed, requested


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path / "view.sqlite3")
    view.open()
    view.follow("cluster-1")
    yield view
    view.close()


def test_jobs_submitted_together_are_found_by_their_batch(view: View) -> None:
    first, second, other, batch_id = uuid4(), uuid4(), uuid4(), uuid4()
    apply(view, in_batch(second, batch_id, 1), in_batch(first, batch_id), requested(other))
    assert [job.job_id for job in view.jobs.batch(batch_id)] == [first, second]
    view.delete(first, WORK_ID)
    assert [job.job_id for job in view.jobs.batch(batch_id)] == [second]
    assert view.jobs.batch(uuid4()) == []


def in_batch(job_id: UUID, batch_id: UUID, minute: int = 0) -> JobRequested:
    request = requested(job_id, minute)
    return request.model_copy(update={"job": request.job.model_copy(update={"batch_id": batch_id})})


def test_a_submission_is_found_by_the_digest_of_its_key_for_as_long_as_asked(view: View) -> None:
    job_id, request = uuid4(), requested(uuid4())
    job = job_of(request, job_id, Idempotency(key="1" * 64, payload="2" * 64))
    apply(view, request.model_copy(update={"job": job}))
    found = view.jobs.by_key("1" * 64, NOON - timedelta(seconds=1))
    assert found is not None
    assert found.requested is not None
    assert (found.job_id, found.requested.job.idempotency) == (job_id, job.idempotency)
    assert view.jobs.by_key("1" * 64, NOON + timedelta(seconds=1)) is None
    assert view.jobs.by_key("2" * 64, NOON - timedelta(seconds=1)) is None
    view.delete(job_id, WORK_ID)
    assert view.jobs.by_key("1" * 64, NOON - timedelta(seconds=1)) == KeyUse(job_id, None)


def job_of(request: JobRequested, job_id: UUID, key: Idempotency) -> Job:
    return request.job.model_copy(update={"job_id": job_id, "idempotency": key})


def test_the_unfinished_jobs_of_an_owner_are_counted_and_the_oldest_is_known(view: View) -> None:
    mine = [uuid4() for _ in range(4)]
    apply(view, *(requested(job_id, 9 - minute, "ana") for minute, job_id in enumerate(mine)), requested(uuid4(), 0, "rui"))
    assert view.jobs.unfinished_of("ana") == (4, mine[3])
    apply(view, changed(mine[0], "STARTED", 9), changed(mine[3], "FAILURE", 6), offset=5)
    view.delete(mine[1], WORK_ID)
    assert view.jobs.unfinished_of("ana") == (2, mine[2])
    assert view.jobs.unfinished_of("eva") == (0, None)
