"""Bytes to record and back: what is kept, what is refused, and with which word."""

from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest

from schemas import codec
from schemas.codec import Undecodable
from schemas.jobs import CancelRequested, JobChanged
from schemas.topics import TOPICS
from schemas.warning import TranscriptWarning
from schemas.work import AudioInfo, ChunkTranscribed, RunRevoked, SliceOpened, WorkReported

WORK_ID = "ab" * 32
JOB_ID = UUID("00000000-0000-4000-8000-000000000001")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
CANCEL = CancelRequested(job_id=JOB_ID, work_id=WORK_ID, requested_at=NOON)


def test_a_record_comes_back_as_it_was() -> None:
    assert codec.decode(CancelRequested, codec.encode(CANCEL)) == CANCEL


def test_a_report_comes_back_with_the_right_kind_of_event() -> None:
    transcribed = ChunkTranscribed(
        span=(0, 16_000), attempt=0, speech_s=1.0, language="pt", language_probability=0.9, segments=(), inference_s=0.1
    )
    report = WorkReported(work_id=WORK_ID, run="0-7", event=transcribed)
    assert codec.decode(WorkReported, codec.encode(report)) == report


def opened(*warnings: object) -> bytes:
    """As an earlier or the present version wrote it."""
    info = {"container": "ogg", "codec": "opus", "sample_rate_hz": 48_000, "channels": 1, "warnings": warnings}
    event = {"kind": "slice.opened", "audio_info": info}
    return orjson.dumps({"version": 1, "work_id": WORK_ID, "run": "0-7", "event": event})


@pytest.mark.parametrize(
    ("written", "code", "message"),
    [
        ("lost: 5.0 s of sound from 0.2 s are missing", "lost", "5.0 s of sound from 0.2 s are missing"),
        ("clock: at 3.0 s: it jumps", "clock", "at 3.0 s: it jumps"),
        ("damaged", "damaged", "damaged"),
    ],
)
def test_a_decoders_warning_of_an_earlier_version_is_read(written: str, code: str, message: str) -> None:
    event = codec.decode(WorkReported, opened(written)).event
    assert isinstance(event, SliceOpened)
    assert event.audio_info.warnings == (TranscriptWarning(code=code, message=message),)


def test_a_decoders_warning_comes_back_as_it_was() -> None:
    warning = TranscriptWarning(code="lost", message="5.0 s of audio are missing", start=0.2, end=5.2)
    info = AudioInfo(container="ogg", codec="opus", sample_rate_hz=48_000, channels=1, warnings=(warning,))
    report = WorkReported(work_id=WORK_ID, run="0-7", event=SliceOpened(audio_info=info))
    assert codec.decode(WorkReported, codec.encode(report)) == report


@pytest.mark.parametrize("wrong", [7, {"code": "lost"}, None])
def test_a_decoders_warning_that_is_none_is_refused(wrong: object) -> None:
    with pytest.raises(Undecodable) as refused:
        codec.decode(WorkReported, opened(wrong))
    assert refused.value.reason == "wrong_schema"


def test_times_are_rfc_3339_with_a_zone() -> None:
    assert orjson.loads(codec.encode(CANCEL))["requested_at"] == "2026-01-02T12:00:00Z"


def test_a_field_of_a_newer_version_is_kept_and_written_again() -> None:
    raw = orjson.dumps({**orjson.loads(codec.encode(CANCEL)), "reason": {"words": ["changed", "my mind"]}})
    again = orjson.loads(codec.encode(codec.decode(CancelRequested, raw)))
    assert again["reason"] == {"words": ["changed", "my mind"]}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"job_id": ', "not_json"),
        (b"[1, 2]", "wrong_schema"),
        (b'"text"', "wrong_schema"),
        (b"{}", "wrong_schema"),
        (b'{"version": 2}', "unknown_version"),
        (b'{"version": "1"}', "unknown_version"),
        (b'{"version": null}', "unknown_version"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable) as refused:
        codec.decode(CancelRequested, value)
    assert refused.value.reason == reason


def test_a_wrong_field_is_named() -> None:
    raw = orjson.dumps({"job_id": "not a uuid", "work_id": WORK_ID, "requested_at": "2026-01-02T12:00:00Z"})
    with pytest.raises(Undecodable, match=r"^job_id: "):
        codec.decode(CancelRequested, raw)


def test_a_time_without_a_zone_is_refused() -> None:
    raw = orjson.dumps({"job_id": str(JOB_ID), "work_id": WORK_ID, "requested_at": "2026-01-02T12:00:00"})
    with pytest.raises(Undecodable, match="requested_at"):
        codec.decode(CancelRequested, raw)


def test_a_refusal_does_not_quote_the_input() -> None:
    raw = orjson.dumps({"work_id": "my secret", "run": "0-0"})
    with pytest.raises(Undecodable) as refused:
        codec.decode(RunRevoked, raw)
    assert "my secret" not in str(refused.value)


def test_headers_are_the_cloudevents_attributes_in_binary_mode() -> None:
    assert codec.headers(CANCEL, "murmur/gateway", NOON) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{JOB_ID}:cancel-requested".encode()),
        ("ce_source", b"murmur/gateway"),
        ("ce_type", b"murmur.job.cancel-requested.v1"),
        ("ce_subject", str(JOB_ID).encode()),
        ("ce_time", b"2026-01-02T12:00:00+00:00"),
        ("content-type", b"application/json"),
    ]


def test_every_kind_of_record_has_a_type_of_its_own() -> None:
    kinds = {topic.record for topic in TOPICS if topic.record}
    assert len({kind.cloud_event_type() for kind in kinds}) == len(kinds)


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CANCEL.work_id = "cd" * 32  # type: ignore[misc]


def test_the_id_of_a_state_does_not_depend_on_when_it_was_reached() -> None:
    job = {"job_id": str(JOB_ID), "source": "http", "filename": "a.wav", "submitted_at": NOON}
    fields = {"job": job, "work_id": WORK_ID, "audio_id": WORK_ID, "model": {"name": "demo", "revision": "1"}, "state": "SUCCESS"}
    first = JobChanged.model_validate({**fields, "changed_at": NOON})
    second = JobChanged.model_validate({**fields, "changed_at": NOON.replace(hour=13), "cached": True})
    assert first.event_id == second.event_id == f"{JOB_ID}:success"
