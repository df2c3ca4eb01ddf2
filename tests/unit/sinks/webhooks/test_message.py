"""The id and the body of a webhook."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from runtime.settings import Settings
from runtime.webhook_events import webhook_id
from schemas.jobs import State
from schemas.record import ObjectRef
from schemas.webhooks import JobProgress
from sinks.webhooks.message import Bodies, is_wanted
from tests.ended import ended, transcript

AT = datetime(2026, 1, 2, 12, tzinfo=UTC)
URL = "https://example.com/hook"
COMMON = ["type", "timestamp", "task_id", "state", "filename"]
BODIES = Bodies.of(Settings())


def test_a_success_carries_the_transcript_as_the_status_answer_does() -> None:
    document = orjson.loads(BODIES.job(ended(URL, state="SUCCESS", at=AT), transcript(AT)))

    assert list(document) == [*COMMON, "success", "transcription", "processing_time", "audio_info", "total_time"]
    assert document["task_id"] == "00000000-0000-0000-0000-000000000001"
    assert document["success"] is True
    assert (document["type"], document["timestamp"]) == ("transcription.completed", "2026-01-02T12:00:00+00:00")
    assert (document["state"], document["filename"]) == ("SUCCESS", "a.wav")
    assert list(document["transcription"]) == ["text", "segments", "language", "duration"]
    assert document["transcription"]["text"] == "Olá, João."
    assert document["transcription"]["segments"][0]["end"] == 1.7
    assert document["audio_info"]["sample_rate_hz"] == 16000
    assert (document["processing_time"], document["total_time"]) == (0.5, 4.5)


def test_a_failure_has_its_reason() -> None:
    document = orjson.loads(BODIES.job(ended(URL, at=AT), None))
    assert document == {
        "type": "transcription.failed",
        "timestamp": "2026-01-02T12:00:00+00:00",
        "task_id": "00000000-0000-0000-0000-000000000001",
        "state": "FAILURE",
        "filename": "a.wav",
        "success": False,
        "error": {"reason": "no_audio", "message": "it contains no audio"},
        "total_time": 4.5,
    }


def test_a_cancelled_job_is_reported_as_an_error_with_its_own_reason() -> None:
    document = orjson.loads(BODIES.job(ended(URL, state="REVOKED", at=AT), None))
    assert (document["success"], document["error"]["reason"]) == (False, "cancelled")
    assert (document["type"], document["state"]) == ("transcription.revoked", "REVOKED")


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        (Settings(public_url="https://speech.example/murmur/"), "https://speech.example/murmur"),
        (Settings(base_path="/murmur"), "/murmur"),
    ],
)
def test_a_body_above_the_limit_has_a_link_instead_of_the_text(settings: Settings, base: str) -> None:
    event, whole = ended(URL, state="SUCCESS", at=AT), transcript(AT)
    size_bytes = len(BODIES.job(event, whole))
    fits, too_large = (
        orjson.loads(replace(Bodies.of(settings), max_bytes=limit).job(event, whole)) for limit in (size_bytes, size_bytes - 1)
    )
    assert fits["transcription"]["text"] == "Olá, João."
    assert too_large["transcription"] == {
        "language": "pt",
        "duration": 2.0,
        "url": f"{base}/api/transcribe/async/00000000-0000-0000-0000-000000000001/transcript.json",
    }
    assert too_large | {"transcription": None} == fits | {"transcription": None}


def test_a_dropped_file_is_named_with_its_folder() -> None:
    event = ended(URL, at=AT)
    job = event.job.model_copy(update={"dropped": ObjectRef(bucket="uploads", key="calls/a.wav")})
    assert orjson.loads(BODIES.job(event.model_copy(update={"job": job}), None))["filename"] == "calls/a.wav"


def test_the_start_of_a_job_says_nothing_of_its_success() -> None:
    document = orjson.loads(BODIES.unfinished("transcription.started", AT, ended(None, state="STARTED", at=AT)))
    assert list(document) == COMMON
    assert (document["type"], document["state"]) == ("transcription.started", "STARTED")


def test_an_event_about_no_job_has_its_data() -> None:
    document = orjson.loads(BODIES.other("webhook.test", AT, {"endpoint_id": "ep_1"}))
    assert document == {"type": "webhook.test", "timestamp": "2026-01-02T12:00:00+00:00", "data": {"endpoint_id": "ep_1"}}


def test_the_same_record_gives_the_same_bytes_and_id() -> None:
    first, second = ended(URL, state="SUCCESS", at=AT), ended(URL, state="SUCCESS", at=AT)
    assert BODIES.job(first, transcript(AT)) == BODIES.job(second, transcript(AT))
    assert webhook_id(first) == webhook_id(second) == "msg_00000000-0000-0000-0000-000000000001_success"


def test_ids_of_other_jobs_and_states_differ_and_have_no_dot() -> None:
    states: tuple[State, ...] = ("SUCCESS", "FAILURE", "REVOKED")
    ids = {webhook_id(ended(URL, number, state)) for number in (1, 2) for state in states}
    assert len(ids) == 6
    assert not any("." in found for found in ids)


@pytest.mark.parametrize(
    ("url", "state", "wanted"),
    [(URL, "SUCCESS", True), (URL, "REVOKED", True), (URL, "STARTED", False), (None, "SUCCESS", False), ("", "FAILURE", False)],
)
def test_only_the_end_of_a_job_with_a_url_is_delivered(url: str | None, state: State, wanted: bool) -> None:
    assert is_wanted(ended(url, state=state)) is wanted


def test_the_progress_of_a_job_has_the_figures_of_its_status() -> None:
    progress = JobProgress(fraction=0.42, processed_s=310.8, total_s=740.0, eta_s=51.3)
    document = orjson.loads(BODIES.unfinished("transcription.progress", AT, ended(None, state="STARTED"), progress))
    assert list(document) == [*COMMON, "progress"]
    assert (document["type"], document["state"]) == ("transcription.progress", "STARTED")
    assert document["progress"] == {"fraction": 0.42, "processed_s": 310.8, "total_s": 740.0, "eta_s": 51.3}
