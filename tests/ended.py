"""Jobs that have ended, for the tests of the webhook sink."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from schemas.jobs import Job, JobChanged, ResultSummary, State
from schemas.options import DecodingOptions, ModelRef
from schemas.record import Failure, ObjectRef
from schemas.segment import Segment
from schemas.transcript import Transcript
from schemas.work import AudioInfo

WORK_ID = "ab" * 32
AUDIO_ID = "cd" * 32
MODEL = ModelRef(name="demo", revision="1")
SECRET = "whsec_" + "bXVybXVy" * 4  # 24 bytes


def transcript(ended_at: datetime) -> Transcript:
    return Transcript(
        work_id=WORK_ID,
        audio_id=AUDIO_ID,
        model=MODEL,
        decoding=DecodingOptions(),
        language="pt",
        language_probability=0.9,
        duration_s=2.0,
        speech_s=1.5,
        text="Olá, João.",
        segments=(Segment(start=0.2, end=1.7, text="Olá, João."),),
        audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1),
        processing_s=0.5,
        created_at=ended_at,
    )


def ended(url: str | None, number: int = 1, state: State = "FAILURE", at: datetime | None = None, **more: Any) -> JobChanged:
    """A job that ended at `at` (now, unless given), 4.5 s after it was submitted."""
    at = at or datetime.now(UTC)
    submitted_at = at - timedelta(seconds=4.5)
    if state == "FAILURE":
        more = {"error": Failure(reason="no_audio", message="it contains no audio")} | more
    if state == "SUCCESS":
        reference = ObjectRef(bucket="work", key=f"results/{WORK_ID}.json")
        more = {"result": ResultSummary(transcript=reference, language="pt", duration_s=2.0, speech_s=1.5)} | more
    return JobChanged(
        job=Job(job_id=UUID(int=number), source="http", filename="a.wav", submitted_at=submitted_at, webhook_url=url),
        **{"work_id": WORK_ID, "audio_id": AUDIO_ID, "model": MODEL, "state": state, "changed_at": at} | more,
    )
