"""Jobs with known times and lengths, for the tests of estimates and admission."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.audio import ProbedAudio
from schemas.jobs import Job, JobChanged, JobRequested, ResultSummary, Work
from schemas.options import ModelRef, SlicingOptions
from schemas.record import Lane, ObjectRef

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
AUDIO = ObjectRef(bucket="work", key="uploads/a")
MODEL = ModelRef(name="demo", revision="1")
CHUNK_S = 30.0


def job(number: int, audio_s: float | None = 60.0, lane: Lane | None = None, owner: str = "default") -> Job:
    audio = ProbedAudio(container="flac", codec="flac", duration_s=audio_s)
    return Job(job_id=UUID(int=number), source="http", filename="a.flac", owner=owner, submitted_at=BEGAN, audio=audio, lane=lane)


def requested(which: Job, work: int | None = None) -> JobRequested:
    """`work`: which one; otherwise the job's own."""
    work_id = f"{which.job_id.int if work is None else work:064x}"
    planned = Work(
        work_id=work_id,
        audio_id="b" * 64,
        slice_id="c" * 64,
        audio=AUDIO,
        model=MODEL,
        slicing=SlicingOptions(max_chunk_s=CHUNK_S),
    )
    return JobRequested(job=which, work=planned)


def ended(
    which: Job,
    at_s: float,
    took_s: float,
    audio_s: float = 60.0,
    state: str = "SUCCESS",
    *,
    cached: bool = False,
    inference_s: float | None = 1.0,
) -> JobChanged:
    transcript = ObjectRef(bucket="work", key="results/a.json")
    return JobChanged.model_validate(
        {
            "job": which,
            "work_id": "a" * 64,
            "audio_id": "b" * 64,
            "model": MODEL,
            "state": state,
            "changed_at": BEGAN + timedelta(seconds=at_s),
            "started_at": BEGAN + timedelta(seconds=at_s - took_s),
            "cached": cached,
            "result": ResultSummary(
                transcript=transcript, language="en", duration_s=audio_s, speech_s=audio_s, inference_s=inference_s
            ),
        }
    )
