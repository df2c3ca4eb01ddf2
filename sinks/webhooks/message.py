"""The id and the body of a webhook. Pure.

The same event and transcript give the same bytes, whenever and by whomever they are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from runtime import links
from runtime.formats import answer
from runtime.settings import Settings
from runtime.webhook_events import OF_STATE
from schemas.jobs import TERMINAL, JobChanged
from schemas.record import Failure
from schemas.transcript import Transcript
from schemas.webhooks import JobProgress

CANCELLED = Failure(reason="cancelled", message="the job was cancelled")
INCLUDED = ("transcription", "processing_time", "audio_info")  # of the status response
Data = Mapping[str, str | int | float | bool | None]


def is_wanted(event: JobChanged) -> bool:
    """Whether the job has a webhook. A cancelled job has ended, too, so that its receiver does not wait indefinitely."""
    return event.state in TERMINAL and bool(event.job.webhook_url)


@dataclass(frozen=True, slots=True)
class Bodies:
    """`base_url`: what precedes the paths of the gateway. `max_bytes`: a longer body has a link instead of the text."""

    base_url: str
    max_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "Bodies":
        return cls(links.base(settings), settings.webhook_body_max_bytes)

    def job(self, event: JobChanged, transcript: Transcript | None) -> bytes:
        """Of a job that has ended. `transcript`: of a success; else None. Times in seconds; `total_time` is from submission to
        end."""
        document = _job(OF_STATE[event.state], event.changed_at, event) | {"success": transcript is not None}
        if transcript is not None:
            whole = answer(transcript)
            document |= {name: whole[name] for name in INCLUDED}
        else:
            error = CANCELLED if event.state == "REVOKED" else event.error
            document["error"] = error and {"reason": error.reason, "message": error.message}
        document["total_time"] = max(0.0, (event.changed_at - event.job.submitted_at).total_seconds())
        body = orjson.dumps(document)
        if transcript is None or len(body) <= self.max_bytes:
            return body
        return orjson.dumps(document | {"transcription": self._linked(event, transcript)})

    def unfinished(self, event_type: str, at: datetime, event: JobChanged, progress: JobProgress | None = None) -> bytes:
        """Of a job that has not ended."""
        known = {"progress": progress.model_dump(include=set(JobProgress.model_fields))} if progress is not None else {}
        return orjson.dumps(_job(event_type, at, event) | known)

    def other(self, event_type: str, at: datetime, data: Data) -> bytes:
        """Of an event that is about no job."""
        return orjson.dumps({"type": event_type, "timestamp": at, "data": dict(data)})

    def _linked(self, event: JobChanged, transcript: Transcript) -> dict[str, Any]:
        url = self.base_url + links.transcript_path(event.job.job_id, "json")
        return {"language": transcript.language, "duration": transcript.duration_s, "url": url}


def _job(event_type: str, at: datetime, event: JobChanged) -> dict[str, Any]:
    job = event.job
    return {
        "type": event_type,
        "timestamp": at,
        "task_id": str(job.job_id),
        "state": event.state,
        "filename": job.filename if job.dropped is None else job.dropped.key,
    }
