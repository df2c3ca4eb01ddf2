"""Documents about a job: its status, its result, its row in the list. Pure except for reading transcripts."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from producers.gateway.estimates import Estimate
from producers.gateway.progress import Progress
from producers.gateway.view import JobView, View
from runtime import long_json
from runtime.formats import answer, segment_document
from runtime.gc_pause import gc_paused
from runtime.objects import NotFound
from runtime.objects.transcripts import Transcripts
from schemas.audio import ProbedAudio
from schemas.codec import Undecodable
from schemas.segment import Segment
from schemas.transcript import Transcript
from schemas.work import Span

PREFIX = "/api/transcribe/async"


def status_url(job_id: UUID) -> str:
    return f"{PREFIX}/status/{job_id}"


class Documents:
    def __init__(self, view: View, transcripts: Transcripts) -> None:
        self._view = view
        self._transcripts = transcripts

    async def status(self, job: JobView) -> bytes:
        """As JSON. Raises StoreUnavailable. If the transcript is no longer in the store, the message says so."""
        if job.state in ("STARTED", "SUCCESS"):  # hours of segments: not in the event loop
            return await asyncio.to_thread(self._long_status, job)
        return orjson.dumps(self._status(job))

    async def progress(self, job: JobView, seen: set[Span], before: float) -> tuple[float, bytes | None]:
        """The share, and what there is to say since `before`, as JSON: the segments of chunks that are not in `seen`, which then
        has them."""
        return await asyncio.to_thread(self._new_progress, job.work_id, seen, before)

    def _long_status(self, job: JobView) -> bytes:
        with gc_paused():
            return orjson.dumps(self._status(job))

    def _new_progress(self, work_id: str, seen: set[Span], before: float) -> tuple[float, bytes | None]:
        segments = self._view.progress.new(work_id, seen)
        share = self._view.progress.share(work_id)
        if not segments and share == before:
            return share, None
        with gc_paused():
            return share, orjson.dumps(progress_document(share, segments))

    def _status(self, job: JobView) -> dict[str, Any]:
        progress = self._progress(job)
        document: dict[str, Any] = {
            "task_id": str(job.job_id),
            "state": job.state,
            "message": message(job, progress.share),
            "filename": job.filename,
            **_times(job),
            "retry_of": _retry_of(job),
            "model": _model(job),
            "warnings": _warnings(job),
            "audio": audio_document(job.job.audio),
            "estimate": None if job.ended else estimate_document(self._view.estimates.of(job.job_id, progress.share)),
            "timings": None,
            "progress": progress_document(progress.share, progress.segments),
        }
        if job.state == "SUCCESS":
            try:
                document["result"] = self._result(job)
                document["warnings"] = document["result"]["warnings"]
                document["timings"] = None if job.cached else document["result"]["timings"]
            except NotFound:
                document["message"] = "finished, but the transcript is no longer in the store"
            except Undecodable:
                document["message"] = "finished, but the transcript in the store is damaged: retry the job"
        if job.error is not None:
            document["error"] = {"reason": job.error.reason, "message": job.error.message}
        return document

    async def transcript(self, job: JobView) -> Transcript:
        """Raises NotFound when it is no longer in the store, Undecodable when it is damaged there, and StoreUnavailable."""
        return await asyncio.to_thread(self._transcripts.read, job.work_id)

    def row(self, job: JobView) -> dict[str, Any]:
        """One line of the list of jobs."""
        share = 1.0 if job.state == "SUCCESS" else self._view.progress.share(job.work_id)
        return {
            "task_id": str(job.job_id),
            "filename": job.filename,
            "source": job.job.source,
            "state": job.state,
            "message": message(job, share),
            "share": share,
            **_times(job),
            "changed_at": job.changed_at,
            "retry_of": _retry_of(job),
            "cached": job.cached,
            "model": job.model.name,
            "language": job.result.language if job.result else None,
            "duration": job.result.duration_s if job.result else None,
            "warnings": _warnings(job),
        }

    def _progress(self, job: JobView) -> Progress:
        if job.state == "SUCCESS":
            return Progress(1.0)  # the segments are in the result
        return self._view.progress.of(job.work_id)

    def _result(self, job: JobView) -> dict[str, Any]:
        result = answer(self._transcripts.read(job.work_id))
        result["transcription"]["segments"] = long_json.array(result["transcription"]["segments"])
        return {"success": True, **result, "cached": job.cached}


def audio_document(audio: ProbedAudio | None) -> dict[str, Any] | None:
    """What the file states about itself."""
    if audio is None:
        return None
    tracks = [track.model_dump(mode="json") for track in audio.tracks]
    return {"container": audio.container, "codec": audio.codec, "duration": audio.duration_s, "tracks": tracks}


def estimate_document(estimate: Estimate | None) -> dict[str, float] | None:
    """Seconds from now until the end of the job."""
    return None if estimate is None else {"min": estimate.min_s, "max": estimate.max_s}


def _times(job: JobView) -> dict[str, datetime | None]:
    return {"submitted_at": job.job.submitted_at, "started_at": job.started_at, "ended_at": job.ended_at}


def _retry_of(job: JobView) -> str | None:
    return str(job.job.retry_of) if job.job.retry_of else None


def _warnings(job: JobView) -> list[dict[str, Any]]:
    return [warning.model_dump() for warning in job.result.warnings] if job.result else []


def _model(job: JobView) -> dict[str, str]:
    return {"name": job.model.name, "revision": job.model.revision}


def progress_document(share: float, segments: tuple[Segment, ...]) -> dict[str, Any]:
    return {"share": share, "segments": long_json.array(map(segment_document, segments))}


def message(job: JobView, share: float) -> str:
    match job.state:
        case "PENDING":
            return "waiting to be transcribed"
        case "STARTED":
            return f"transcribing, {share:.0%} done"
        case "SUCCESS":
            return "answered from the cache" if job.cached else "transcribed"
        case "FAILURE":
            return job.error.message if job.error else "failed"
        case "REVOKED":
            return "cancelled"
