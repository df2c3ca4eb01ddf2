"""The id and body of the webhook for a job that has ended. Pure.

The same record and transcript give the same bytes, whenever and by whomever they are written.
"""

from typing import Any

import orjson

from runtime.formats import answer
from schemas.jobs import TERMINAL, JobChanged
from schemas.record import Failure
from schemas.transcript import Transcript

CANCELLED = Failure(reason="cancelled", message="the job was cancelled")
TOLD = ("transcription", "processing_time", "audio_info")


def is_wanted(event: JobChanged) -> bool:
    """Whether the job has a webhook. A cancelled job has ended, too, so that its receiver does not wait indefinitely."""
    return event.state in TERMINAL and bool(event.job.webhook_url)


def webhook_id(event: JobChanged) -> str:
    """Derived, so that a repeat has the same id. Without a dot, which separates the signed parts."""
    return f"msg_{event.job.job_id}_{event.state.lower()}"


def body(event: JobChanged, transcript: Transcript | None) -> bytes:
    """`transcript`: of a success; else None. Times in seconds; `total_time` is from submission to end."""
    body: dict[str, Any] = {"task_id": str(event.job.job_id), "success": transcript is not None}
    if transcript is not None:
        whole = answer(transcript)
        body |= {name: whole[name] for name in TOLD}
    else:
        error = CANCELLED if event.state == "REVOKED" else event.error
        body["error"] = error and {"reason": error.reason, "message": error.message}
    body["total_time"] = max(0.0, (event.changed_at - event.job.submitted_at).total_seconds())
    return orjson.dumps(body)
