"""The line that is written of every job at its end: always the same fields, and the name of the file among them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.typing import EventDict

from processors.coordinator.job_log import log_ended
from runtime import metrics
from runtime.kafka.messages import Output
from schemas.jobs import Job, JobChanged, ResultSummary
from schemas.options import DecodingOptions, ModelRef
from schemas.record import Failure, ObjectRef
from schemas.topics import JOBS
from schemas.transcript import Transcript
from schemas.warning import TranscriptWarning
from schemas.work import AudioInfo
from tests.scraped import Scrape

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
JOB_ID = UUID("00000000-0000-5000-8000-000000000000")
RESULT = ResultSummary(transcript=ObjectRef(bucket="work", key="t"), language="en", duration_s=12.5, speech_s=9.0)
TRANSCRIPT = Transcript(
    work_id="a" * 64,
    audio_id="b" * 64,
    model=ModelRef(name="demo", revision="1"),
    decoding=DecodingOptions(),
    language="en",
    language_probability=1.0,
    duration_s=12.5,
    speech_s=9.0,
    text="",
    segments=(),
    warnings=(TranscriptWarning(code="demo_model", message="a demo"),),
    audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1),
    processing_s=1.0,
    created_at=NOW,
)


def changed(state: str, **more: Any) -> Output:
    job = {"job_id": JOB_ID, "source": "http", "filename": "call.mp4", "submitted_at": NOW, **more.pop("job", {})}
    record = {"work_id": "a" * 64, "audio_id": "b" * 64, "model": {"name": "demo", "revision": "1"}, "state": state, **more}
    record = {"changed_at": NOW + timedelta(seconds=5), **record, "job": Job.model_validate(job)}
    return Output(JOBS, str(JOB_ID), JobChanged.model_validate(record))


def test_a_success_is_one_line_with_its_file_its_times_and_its_ids(logged: list[EventDict]) -> None:
    log_ended([changed("SUCCESS", result=RESULT, duration_s=12.5, started_at=NOW + timedelta(seconds=2))], TRANSCRIPT)
    assert logged == [
        {
            "event": "job.ended",
            "log_level": "info",
            "file": "call.mp4",
            "state": "SUCCESS",
            "reason": None,
            "error": None,
            "audio_s": 12.5,
            "wait_s": 2.0,
            "processing_s": 3.0,
            "model": "demo",
            "cached": False,
            "warnings": 1,
            "job_id": str(JOB_ID),
            "work_id": "a" * 64,
            "trace_id": None,
        }
    ]


def test_a_drop_that_failed_is_named_by_its_key_with_reason_and_message(logged: list[EventDict]) -> None:
    dropped = ObjectRef(bucket="uploads", key="meetings/call.mp4")
    failure = Failure(reason="unsupported", message="this is no audio")
    log_ended([changed("FAILURE", job={"source": "drop", "dropped": dropped}, error=failure)], None)
    (line,) = logged
    assert (line["file"], line["state"]) == ("meetings/call.mp4", "FAILURE")
    assert (line["reason"], line["error"]) == ("unsupported", "this is no audio")
    assert (line["audio_s"], line["wait_s"], line["processing_s"]) == (None, 5.0, None)


def test_a_job_that_failed_on_its_way_has_the_length_that_is_known(logged: list[EventDict]) -> None:
    failure = Failure(reason="too_long", message="longer than the limit")
    log_ended([changed("FAILURE", error=failure, duration_s=40_000.0, started_at=NOW)], None)
    assert logged[0]["audio_s"] == 40_000.0


def test_ended_jobs_are_counted_by_state_reason_and_cache() -> None:
    failure = Failure(reason="test_failure", message="counted by this test only")
    at = NOW + timedelta(seconds=2)
    ends = {"result": RESULT, "duration_s": 12.5, "started_at": at}
    before = Scrape(metrics.exposition().decode())
    log_ended([changed("SUCCESS", **ends), changed("SUCCESS", cached=True, **ends)], TRANSCRIPT)
    log_ended([changed("FAILURE", error=failure), changed("REVOKED"), changed("STARTED", started_at=at)], None)
    after = Scrape(metrics.exposition().decode())

    def more(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    assert more("murmur_jobs_ended_total") == 4
    assert more("murmur_jobs_ended_total", state="SUCCESS", cached="true", reason="") == 1
    assert more("murmur_jobs_ended_total", state="FAILURE", cached="", reason="test_failure") == 1
    assert more("murmur_job_audio_seconds_total", cached="false") == 12.5
    assert more("murmur_job_queue_seconds_sum") == 4.0
    assert more("murmur_job_seconds_sum", state="REVOKED") == 5.0
    assert more("murmur_job_real_time_factor_count") == 1
    assert more("murmur_job_real_time_factor_sum") == pytest.approx(3 / 12.5)


def test_a_job_that_has_not_ended_is_not_logged(logged: list[EventDict]) -> None:
    log_ended([changed("STARTED", started_at=NOW)], None)
    assert logged == []


def test_every_end_has_the_same_fields(logged: list[EventDict]) -> None:
    failure = Failure(reason="empty", message="nothing in it")
    ends = [changed("SUCCESS", result=RESULT, cached=True), changed("FAILURE", error=failure), changed("REVOKED")]
    log_ended(ends, None)
    assert [line["state"] for line in logged] == ["SUCCESS", "FAILURE", "REVOKED"]
    assert len({tuple(line) for line in logged}) == 1


def test_clocks_that_differ_make_no_negative_times(logged: list[EventDict]) -> None:
    log_ended(
        [changed("SUCCESS", result=RESULT, started_at=NOW - timedelta(seconds=1), changed_at=NOW - timedelta(seconds=2))], None
    )
    assert [(line["wait_s"], line["processing_s"]) for line in logged] == [(0.0, 0.0)]
