"""Jobs on their way and at their end, as HTTP clients see them."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from producers.gateway.submission.shared_uploads import SharedUploads
from runtime.kafka.follower import Follower
from runtime.objects import NotFound
from runtime.objects.keys import transcript_key
from schemas.jobs import CancelRequested, ResultSummary, State
from schemas.record import Failure, ObjectRef
from schemas.segment import Segment
from schemas.topics import CANCELLATIONS, REQUESTS
from schemas.warning import TranscriptWarning
from tests.contract.gateway.running_gateway import (
    API,
    RunningGateway,
    finish,
    is_problem,
    progressed,
    publish_state,
    requested,
    running,
    status,
    submitted,
)
from tests.waiting import wait_until


def test_the_status_of_a_finished_job_has_its_result(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    finish(gateway, submission, Segment(start=0, end=1, text="Olá."))
    document = status(gateway, submission)

    assert document["success"] is True
    progress = {"share": 1.0, "fraction": 1.0, "processed_s": 2.0, "total_s": 2.0, "eta_s": 0.0, "segments": []}
    assert document["progress"] == progress
    result = document["result"]
    assert set(result) == {
        "success",
        "transcription",
        "model",
        "processing_time",
        "timings",
        "removed",
        "warnings",
        "audio_info",
        "cached",
    }
    assert result["model"] == document["model"] == submission.work.model.model_dump()
    assert result["warnings"] == []
    assert set(document["result"]["transcription"]) == {"text", "segments", "language", "duration"}
    assert document["result"]["transcription"]["text"] == "Olá."
    assert document["result"]["cached"] is False


def test_the_status_of_a_failed_job_has_the_reason(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    publish_state(gateway, submission, "FAILURE", error=Failure(reason="no_audio", message="it contains no audio"))
    document = status(gateway, submission)

    assert document["success"] is False
    assert document["error"] == {"reason": "no_audio", "message": "it contains no audio"}
    assert document["progress"]["fraction"] is None
    assert "result" not in document


def test_progress_has_the_share_and_the_segments_so_far(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    publish_state(gateway, submission, "STARTED")
    progressed(gateway, submission, 0.25, "Olá.")

    document = wait_until(lambda: (s := status(gateway, submission))["progress"]["share"] and s, "progress")

    assert (document["progress"]["share"], document["progress"]["fraction"]) == (0.25, 0.25)
    assert (document["progress"]["processed_s"], document["progress"]["total_s"]) == (None, None)  # its length is not known
    assert [segment["text"] for segment in document["progress"]["segments"]] == ["Olá."]
    assert document["message"] == "transcribing, 25% done"

    without = gateway.get(f"{API}/status/{submission.job.job_id}?segments=false").json
    assert without == {**document, "progress": {**document["progress"], "segments": []}}


@pytest.mark.parametrize(
    ("name", "content_type", "begins"),
    [
        ("json", "application/json", b"{"),
        ("txt", "text/plain", "Olá.".encode()),
        ("srt", "application/x-subrip", b"1\n00:00:00,000"),
        ("vtt", "text/vtt", b"WEBVTT"),
        ("tsv", "text/tab-separated-values", b"start"),
    ],
)
def test_a_transcript_comes_in_every_format(gateway: RunningGateway, name: str, content_type: str, begins: bytes) -> None:
    submission = submitted(gateway)
    finish(gateway, submission, Segment(start=0, end=1, text="Olá."))
    answer = gateway.get(f"{API}/{submission.job.job_id}/transcript.{name}")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.body.startswith(begins)


def test_there_is_no_transcript_before_the_end_nor_in_another_format_nor_when_it_is_missing(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    where = f"{API}/{submission.job.job_id}/transcript"
    assert is_problem(gateway.get(f"{where}.txt"), 409)["state"] == "PENDING"
    is_problem(gateway.get(f"{where}.docx"), 404)

    publish_state(
        gateway,
        submission,
        "SUCCESS",
        result=ResultSummary(transcript=submission.work.audio, language=None, duration_s=0, speech_s=0),
    )

    is_problem(gateway.get(f"{where}.txt"), 410)
    assert "result" not in status(gateway, submission)


def test_a_damaged_transcript_is_reported_and_not_an_internal_error(gateway: RunningGateway) -> None:
    request = submitted(gateway)
    gateway.store.put(gateway.settings.work_bucket, transcript_key(request.work.work_id), b"{damaged")
    publish_state(
        gateway, request, "SUCCESS", result=ResultSummary(transcript=request.work.audio, language=None, duration_s=0, speech_s=0)
    )

    assert "damaged" in status(gateway, request)["message"]
    assert is_problem(gateway.get(f"{API}/{request.job.job_id}/transcript.txt"), 410)["reason"] == "damaged"


def test_cancelling_is_requested_once_and_reported_when_it_is_done(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    first = gateway.request("DELETE", f"{API}/{submission.job.job_id}")
    assert (first.status, first.json["state"]) == (202, "PENDING")
    assert set(first.json) == {"success", "task_id", "state", "message"}
    follower = Follower(gateway.kafka, (CANCELLATIONS,))
    events = wait_until(lambda: [record.event for record in follower.poll(0.1)], "the cancellation")
    follower.close()
    assert [event.job_id for event in events if isinstance(event, CancelRequested)] == [submission.job.job_id]

    publish_state(gateway, submission, "REVOKED")

    again = gateway.request("DELETE", f"{API}/{submission.job.job_id}")
    assert (again.status, again.json["state"]) == (202, "REVOKED")


@pytest.mark.parametrize("end", ["SUCCESS", "FAILURE"])
def test_what_has_ended_cannot_be_cancelled(gateway: RunningGateway, end: State) -> None:
    submission = submitted(gateway)
    publish_state(gateway, submission, end)

    assert is_problem(gateway.request("DELETE", f"{API}/{submission.job.job_id}"), 409)["state"] == end


@pytest.mark.parametrize("task_id", ["0b5c6a52-90fd-4c8e-9d0a-1f1d2f0a7f11", "abc", "0", "%00", "..", "a" * 2000])
def test_an_unknown_task_is_not_found(gateway: RunningGateway, task_id: str) -> None:
    for method, path in (("GET", f"{API}/status/{task_id}"), ("DELETE", f"{API}/{task_id}"), ("GET", f"{API}/{task_id}/events")):
        is_problem(gateway.request(method, path), 404)


def test_the_list_has_the_newest_jobs_and_the_counts(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    publish_state(gateway, submission, "FAILURE", error=Failure(reason="no_audio", message="nothing in it"))
    document = gateway.get("/api/jobs?limit=1").json

    assert [job["task_id"] for job in document["jobs"]] == [str(submission.job.job_id)]
    assert document["counts"]["FAILURE"] >= 1
    assert {job["state"] for job in gateway.get("/api/jobs?state=failure").json["jobs"]} == {"FAILURE"}


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=²", "limit=99999999999", "state=DONE", "state="])
def test_invalid_parameters_of_the_list_are_a_bad_request(gateway: RunningGateway, query: str) -> None:
    is_problem(gateway.get(f"/api/jobs?{query.replace('²', '%C2%B2')}"), 400)


def test_status_and_list_have_name_times_model_and_warnings(gateway: RunningGateway) -> None:
    request = submitted(gateway)
    began = datetime.now(UTC)
    warnings = (TranscriptWarning(code="lost", message="audio is missing", start=1.0, end=2.0),)
    result = ResultSummary(transcript=request.work.audio, language="pt", duration_s=2, speech_s=1, warnings=warnings)
    publish_state(gateway, request, "SUCCESS", result=result, started_at=began)

    row = next(job for job in gateway.get("/api/jobs").json["jobs"] if job["task_id"] == str(request.job.job_id))
    one = status(gateway, request)

    for document in (row, one):
        assert document["filename"] == "a.wav"
        assert datetime.fromisoformat(document["submitted_at"]) == request.job.submitted_at
        assert datetime.fromisoformat(document["started_at"]) == began
        assert datetime.fromisoformat(document["ended_at"]) >= began
        assert document["warnings"] == [{"code": "lost", "message": "audio is missing", "start": 1.0, "end": 2.0}]
        assert document["retry_of"] is None
    assert (row["model"], one["model"]["name"]) == ("demo", "demo")


def test_a_job_that_waits_has_neither_started_nor_ended(gateway: RunningGateway) -> None:
    one = status(gateway, submitted(gateway))
    assert (one["started_at"], one["ended_at"], one["warnings"]) == (None, None, [])


def test_the_name_of_a_dropped_file_has_its_folder(gateway: RunningGateway) -> None:
    job = submitted(gateway).job
    dropped = ObjectRef(bucket="uploads", key="calls/monday/a.wav")
    request = submitted(gateway)
    drop = request.model_copy(update={"job": job.model_copy(update={"job_id": uuid4(), "source": "drop", "dropped": dropped})})
    gateway.publish(REQUESTS, drop.work.work_id, drop)
    wait_until(lambda: gateway.get(f"{API}/status/{drop.job.job_id}").status == 200, "the drop")
    assert status(gateway, drop)["filename"] == "calls/monday/a.wav"


def test_a_cursor_leads_through_the_whole_list(gateway: RunningGateway) -> None:
    tasks = [str(submitted(gateway).job.job_id) for _ in range(5)]
    seen: list[str] = []
    where = "/api/jobs?limit=2&state=pending"
    while True:
        page = gateway.get(where).json
        seen += [job["task_id"] for job in page["jobs"]]
        if page["next_cursor"] is None:
            break
        where = f"/api/jobs?limit=2&state=pending&cursor={page['next_cursor']}"

    assert seen[:5] == tasks[::-1]
    assert len(seen) == len(set(seen)) == gateway.get("/api/jobs").json["counts"]["PENDING"]


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA==", "WzEsMiwzXQ==", "WyJhIiwiYiJd"])
def test_a_cursor_of_no_response_is_a_bad_request(gateway: RunningGateway, cursor: str) -> None:
    is_problem(gateway.get(f"/api/jobs?cursor={cursor}"), 400)


def test_an_ended_job_is_deleted_with_its_transcript_and_its_audio(gateway: RunningGateway) -> None:
    request = submitted(gateway)
    task_id = request.job.job_id
    assert is_problem(gateway.request("DELETE", f"/api/jobs/{task_id}"), 409)["reason"] == "not_ended"
    finish(gateway, request, Segment(start=0, end=1, text="Olá."))

    answer = gateway.request("DELETE", f"/api/jobs/{task_id}")

    assert answer.status == 200
    for path in (f"{API}/status/{task_id}", f"{API}/{task_id}/transcript.txt", f"{API}/{task_id}/events"):
        is_problem(gateway.get(path), 404)
    is_problem(gateway.request("DELETE", f"/api/jobs/{task_id}"), 404)
    assert str(task_id) not in {job["task_id"] for job in gateway.get("/api/jobs?limit=500").json["jobs"]}
    with pytest.raises(NotFound):
        gateway.store.head(gateway.settings.work_bucket, transcript_key(request.work.work_id))
    assert not (gateway.uploads / str(task_id)).exists()


def test_a_file_that_is_submitted_again_after_the_deletion_of_its_last_job_is_stored_again(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    first = submitted(gateway, data)
    finish(gateway, first)
    gateway.request("DELETE", f"/api/jobs/{first.job.job_id}")
    again = submitted(gateway, data)
    assert again.work.audio.key != first.work.audio.key
    assert gateway.store.head(again.work.audio.bucket, again.work.audio.key)


def test_an_upload_that_a_submission_has_just_got_is_not_deleted_with_its_last_job(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = submitted(gateway)
    finish(gateway, request)
    monkeypatch.setattr(SharedUploads, "withdraw", lambda *_: False)
    assert gateway.request("DELETE", f"/api/jobs/{request.job.job_id}").status == 200
    assert (gateway.uploads / str(request.job.job_id)).exists()


def test_a_transcript_that_another_job_has_too_is_not_deleted_with_the_first(gateway: RunningGateway) -> None:
    data = uuid4().bytes
    one, other = submitted(gateway, data), submitted(gateway, data)
    finish(gateway, one, Segment(start=0, end=1, text="Olá."))
    finish(gateway, other, Segment(start=0, end=1, text="Olá."))

    gateway.request("DELETE", f"/api/jobs/{one.job.job_id}")

    assert status(gateway, other)["result"]["transcription"]["text"] == "Olá."


def test_another_gateway_no_longer_shows_a_deleted_job(gateway: RunningGateway, tmp_path: Path) -> None:
    request = submitted(gateway)
    finish(gateway, request)
    gateway.request("DELETE", f"/api/jobs/{request.job.job_id}")
    with running(gateway.kafka, tmp_path) as other:
        wait_until(lambda: other.stage.not_ready() is None, "the other gateway")
        wait_until(lambda: other.get(f"{API}/status/{request.job.job_id}").status == 404, "the deletion")


@pytest.mark.parametrize("end", ["FAILURE", "REVOKED"])
def test_a_failed_job_is_retried_as_a_new_one_that_names_it(gateway: RunningGateway, end: State) -> None:
    first = submitted(gateway, language="en", prompt="Ana", lane="bulk")
    is_problem(gateway.request("POST", f"/api/jobs/{first.job.job_id}/retry"), 409)
    publish_state(gateway, first, end, error=Failure(reason="no_audio", message="nothing in it") if end == "FAILURE" else None)

    answer = gateway.request("POST", f"/api/jobs/{first.job.job_id}/retry/")

    assert answer.status == 202
    assert answer.json["retry_of"] == str(first.job.job_id)
    assert answer.json["task_id"] != str(first.job.job_id)
    assert answer.headers["Location"] == answer.json["status_url"]
    again = requested(gateway, answer.json["task_id"])
    assert (again.work, again.job.retry_of, again.job.lane) == (first.work, first.job.job_id, "bulk")
    assert status(gateway, again)["retry_of"] == str(first.job.job_id)
    assert status(gateway, again)["state"] == "PENDING"


def test_a_finished_job_is_retried_only_when_its_transcript_is_lost(gateway: RunningGateway) -> None:
    request = submitted(gateway)
    finish(gateway, request, Segment(start=0, end=1, text="Olá."))
    where = f"/api/jobs/{request.job.job_id}/retry"
    assert is_problem(gateway.request("POST", where), 409)["reason"] == "not_failed"

    gateway.store.put(gateway.settings.work_bucket, transcript_key(request.work.work_id), b"{damaged")
    assert gateway.request("POST", where).status == 202


def test_what_has_no_audio_any_more_cannot_be_retried(gateway: RunningGateway) -> None:
    request = submitted(gateway)
    publish_state(gateway, request, "FAILURE", error=Failure(reason="audio_gone", message="it is gone"))
    gateway.store.delete(gateway.settings.work_bucket, request.work.audio.key)
    assert is_problem(gateway.request("POST", f"/api/jobs/{request.job.job_id}/retry"), 410)["reason"] == "audio_gone"
