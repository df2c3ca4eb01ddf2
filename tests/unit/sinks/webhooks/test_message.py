"""The id and the body of a webhook."""

from datetime import UTC, datetime

import orjson
import pytest

from schemas.jobs import State
from sinks.webhooks.message import body, is_wanted, webhook_id
from tests.ended import ended, transcript

AT = datetime(2026, 1, 2, 12, tzinfo=UTC)
URL = "https://example.com/hook"


def test_a_success_carries_the_transcript_as_the_status_answer_does() -> None:
    document = orjson.loads(body(ended(URL, state="SUCCESS", at=AT), transcript(AT)))

    assert list(document) == ["task_id", "success", "transcription", "processing_time", "audio_info", "total_time"]
    assert document["task_id"] == "00000000-0000-0000-0000-000000000001"
    assert document["success"] is True
    assert list(document["transcription"]) == ["text", "segments", "language", "duration"]
    assert document["transcription"]["text"] == "Olá, João."
    assert document["transcription"]["segments"][0]["end"] == 1.7
    assert document["audio_info"]["sample_rate_hz"] == 16000
    assert (document["processing_time"], document["total_time"]) == (0.5, 4.5)


def test_a_failure_has_its_reason() -> None:
    document = orjson.loads(body(ended(URL, at=AT), None))
    assert document == {
        "task_id": "00000000-0000-0000-0000-000000000001",
        "success": False,
        "error": {"reason": "no_audio", "message": "it contains no audio"},
        "total_time": 4.5,
    }


def test_a_cancelled_job_is_reported_as_an_error_with_its_own_reason() -> None:
    document = orjson.loads(body(ended(URL, state="REVOKED", at=AT), None))
    assert (document["success"], document["error"]["reason"]) == (False, "cancelled")


def test_the_same_record_gives_the_same_bytes_and_id() -> None:
    first, second = ended(URL, state="SUCCESS", at=AT), ended(URL, state="SUCCESS", at=AT)
    assert body(first, transcript(AT)) == body(second, transcript(AT))
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
