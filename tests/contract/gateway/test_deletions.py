"""What the deletion of jobs leaves in the store: one upload for each content that a job still has."""

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from runtime.objects import NotFound
from runtime.objects.keys import UPLOADS, transcript_key
from schemas.jobs import JobRequested
from schemas.record import Failure
from tests.contract.gateway.running_gateway import RunningGateway, finish, publish_state, requested, submitted


def uploads_of(gateway: RunningGateway, data: bytes) -> list[str]:
    bucket = gateway.settings.work_bucket
    return [info.key for info in gateway.store.list(bucket, UPLOADS) if gateway.store.get(bucket, info.key) == data]


def deleted(gateway: RunningGateway, request: JobRequested) -> None:
    assert gateway.request("DELETE", f"/api/jobs/{request.job.job_id}").status == 200


def test_the_upload_of_a_content_stays_the_only_one_until_the_last_of_its_jobs_is_deleted(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    plain, words = submitted(gateway, data), submitted(gateway, data, words="true")
    assert plain.work.work_id != words.work.work_id
    for request in (plain, words):
        finish(gateway, request)
    deleted(gateway, words)
    again = submitted(gateway, data)
    assert uploads_of(gateway, data) == [plain.work.audio.key] == [again.work.audio.key]
    finish(gateway, again)
    deleted(gateway, plain)
    assert uploads_of(gateway, data) == [plain.work.audio.key]
    deleted(gateway, again)
    assert uploads_of(gateway, data) == []


def test_a_content_is_stored_once_however_old_its_upload_is(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    first = submitted(gateway, data)
    finish(gateway, first)
    upload = gateway.uploads / first.work.audio.key.removeprefix(UPLOADS)
    os.utime(upload, (1.0, 1.0))
    again = submitted(gateway, data, words="true")
    assert uploads_of(gateway, data) == [first.work.audio.key] == [again.work.audio.key]


def test_jobs_that_are_deleted_at_once_leave_no_upload_and_no_transcript(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    requests = [submitted(gateway, data, words=words) for words in ("true", "false") * 4]
    for request in requests:
        finish(gateway, request)
    with ThreadPoolExecutor(len(requests)) as threads:
        list(threads.map(lambda request: deleted(gateway, request), requests))
    assert uploads_of(gateway, data) == []
    for request in requests[:2]:
        with pytest.raises(NotFound):
            gateway.store.head(gateway.settings.work_bucket, transcript_key(request.work.work_id))


def test_the_audio_of_a_job_that_was_retried_is_deleted_with_the_last_of_the_two(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    first = submitted(gateway, data)
    publish_state(gateway, first, "FAILURE", error=Failure(reason="no_audio", message="nothing in it"))
    again = requested(gateway, gateway.request("POST", f"/api/jobs/{first.job.job_id}/retry").json["task_id"])
    deleted(gateway, first)
    assert uploads_of(gateway, data) == [again.work.audio.key]
    assert again.job.stored == again.work.audio == first.work.audio, "its records name it, too, without the request"
    publish_state(gateway, again, "REVOKED")
    deleted(gateway, again)
    assert uploads_of(gateway, data) == []
