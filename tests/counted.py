"""Changes of jobs, for the tests of the metrics sink."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.jobs import Job, JobChanged, State
from schemas.record import Lane

AUDIO_S = 8.0


def changed(state: State = "SUCCESS", number: int | None = None, lane: Lane | None = None, **facts: Any) -> JobChanged:
    """Of a job of 8 s that was submitted 10 s ago and begun 4 s ago. `number` makes its id; `facts` are the job's own."""
    now = datetime.now(UTC)
    job_id = uuid.UUID(int=number) if number is not None else uuid.uuid4()
    job = Job(job_id=job_id, source="http", filename="a.wav", submitted_at=now - timedelta(seconds=10), **facts)
    result = {"transcript": {"bucket": "w", "key": "k"}, "language": "en", "duration_s": AUDIO_S, "speech_s": 7.0}
    return JobChanged.model_validate(
        {
            "job": job,
            "work_id": "0" * 64,
            "audio_id": "0" * 64,
            "model": {"name": "demo", "revision": "1"},
            "state": state,
            "changed_at": now,
            "started_at": now - timedelta(seconds=4),
            "result": result if state == "SUCCESS" else None,
            "lane": lane,
        }
    )
