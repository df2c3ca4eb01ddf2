"""Documents about a job: its status, its result, its row in the list. Pure except for reading transcripts."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from producers.gateway.http.problems import Problem
from producers.gateway.jobs.encoded_statuses import EncodedStatuses
from producers.gateway.jobs.listed_names import ListedNames
from producers.gateway.jobs.ordered_segments import Following, OrderedSegments, Position
from producers.gateway.view.estimates import Estimate
from producers.gateway.view.job_view import JobView
from producers.gateway.view.progress import Progress
from producers.gateway.view.view import View
from producers.gateway.webhooks import attempts
from runtime import links, long_json
from runtime.formats import FORMATS, USUAL, answer, segment_document
from runtime.gc_pause import gc_paused
from runtime.objects import NotFound
from runtime.objects.transcripts import Transcripts
from runtime.progress import figures
from runtime.subtitles import SubtitleRules
from schemas.audio import ProbedAudio
from schemas.codec import Undecodable
from schemas.segment import Segment
from schemas.transcript import Transcript

PREFIX = links.ASYNC_JOBS


def status_url(job_id: UUID) -> str:
    return f"{PREFIX}/status/{job_id}"


@dataclass(frozen=True, slots=True)
class NewProgress:
    """`document`: as JSON, None if there is nothing new. `again`: its segments replace all that the client has."""

    document: bytes | None
    position: Position
    share: float
    again: bool


class Documents:
    def __init__(self, view: View, transcripts: Transcripts, names: ListedNames, rules: SubtitleRules = USUAL) -> None:
        """`rules`: of the subtitles that this server serves."""
        self.rules = rules
        self.names = names
        self._view = view
        self._transcripts = transcripts
        self._encoded = EncodedStatuses[JobView]()

    async def status(self, job: JobView, prefix: str, *, segments: bool = True) -> bytes:
        """As JSON. Raises StoreUnavailable. If the transcript is no longer in the store, the message says so. `prefix`: what
        precedes this server's paths as the client sees them. `segments`: with those so far of a job that has not ended."""
        key, version = (job.job_id, prefix, segments), self._view.progress.of(job.work_id).version
        if (kept := self._encoded.get(key, job, version)) is not None:
            return kept
        if job.state in ("STARTED", "SUCCESS"):  # hours of segments: not in the event loop
            body, is_final = await asyncio.to_thread(self._long_status, job, prefix, segments=segments)
        else:
            body, is_final = self._encode(job, prefix, segments=segments)
        self._encoded.keep(key, job, version, body, is_final=is_final)
        return body

    async def progress(self, job: JobView, position: Position, share: float) -> NewProgress:
        """What is new to a client that has the segments up to `position`, and has seen `share`. Raises StoreUnavailable."""
        return await asyncio.to_thread(self._new_progress, job, position, share)

    def _long_status(self, job: JobView, prefix: str, *, segments: bool) -> tuple[bytes, bool]:
        with gc_paused():
            return self._encode(job, prefix, segments=segments)

    def _encode(self, job: JobView, prefix: str, *, segments: bool) -> tuple[bytes, bool]:
        """And whether it stays as it is: a transcript that is missing may be written again, an endpoint disabled."""
        document = self._status(job, prefix, segments=segments)
        is_complete = job.ended and (job.state != "SUCCESS" or "result" in document)
        return orjson.dumps(document), is_complete and not attempts.has_expected_endpoints(document["webhooks"])

    def _new_progress(self, job: JobView, position: Position, share_before: float) -> NewProgress:
        following, share = self._following(job, position), self._progress(job).share or 0.0
        document = None
        if following.segments or (share != share_before and not job.ended):
            with gc_paused():
                document = orjson.dumps(self._progress_document(job, self._estimate(job), following.segments))
        return NewProgress(document, following.position, share, following.again)

    def _following(self, job: JobView, position: Position) -> Following:
        """After the end all that follow, whatever this gateway has seen of the progress."""
        if job.state != "SUCCESS":
            return self._view.progress.following(job.work_id, position)
        try:
            transcript = self._transcript(job)
        except (NotFound, Undecodable):  # which the status says
            return Following((), position)
        return OrderedSegments(transcript.segments).following(position, complete=True)

    def _webhooks(self, job: JobView) -> list[dict[str, Any]]:
        book = self._view.webhooks
        endpoints = book.endpoints(job.job.owner) if job.ended else []
        return attempts.of_job(job, book.of_job(str(job.job_id)), endpoints, datetime.now(UTC))

    def _status(self, job: JobView, prefix: str, *, segments: bool) -> dict[str, Any]:
        shown = self._view.progress.segments(job.work_id) if segments and job.state != "SUCCESS" else ()
        estimate = self._estimate(job)
        progress = self._progress_document(job, estimate, shown)
        document: dict[str, Any] = {
            "success": job.state not in ("FAILURE", "REVOKED"),
            "task_id": str(job.job_id),
            "work_id": job.work_id,
            "state": job.state,
            "message": message(job, progress["share"]),
            "filename": job.filename,
            **_times(job),
            "retry_of": _retry_of(job),
            "model": _model(job),
            "warnings": _warnings(job),
            "audio": audio_document(job.job.audio),
            "estimate": estimate_document(estimate),
            "timings": None,
            "files": None,
            "webhooks": self._webhooks(job),
            "progress": progress,
        }
        if job.state == "SUCCESS":
            try:
                document["result"] = self._result(job)
                document["warnings"] = document["result"]["warnings"]
                document["timings"] = None if job.cached else document["result"]["timings"]
                document["files"] = _files(job, prefix)
            except NotFound:
                document["message"] = "finished, but the transcript is no longer in the store"
            except Undecodable:
                document["message"] = "finished, but the transcript in the store is damaged: retry the job"
        if job.error is not None:
            document["error"] = {"reason": job.error.reason, "message": job.error.message}
        return document

    async def transcript(self, job: JobView) -> Transcript:
        """Of a job that has ended in SUCCESS. Raises Problem 410 when it is no longer in the store, or damaged there, and
        StoreUnavailable."""
        try:
            return await asyncio.to_thread(self._transcript, job)
        except NotFound:
            raise Problem(410, "gone", "The transcript is no longer in the store: retry the job.") from None
        except Undecodable:
            raise Problem(410, "damaged", "The transcript in the store is damaged: retry the job.") from None

    def _transcript(self, job: JobView) -> Transcript:
        return self._transcripts.read_result(job.work_id, job.result)

    def row(self, job: JobView) -> dict[str, Any]:
        """One line of the list of jobs."""
        share = self._progress(job).share or 0.0
        return {
            "task_id": str(job.job_id),
            "filename": job.filename,
            "given_name": self.names.of(job),
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
            "duration": job.duration_s,
            "warnings": _warnings(job),
        }

    def _progress(self, job: JobView) -> Progress:
        return Progress(1.0, 0.0) if job.state == "SUCCESS" else self._view.progress.of(job.work_id)

    def _estimate(self, job: JobView) -> Estimate | None:
        return None if job.ended else self._view.estimates.of(job.job_id, self._progress(job).share or 0.0)

    def _progress_document(self, job: JobView, estimate: Estimate | None, segments: tuple[Segment, ...]) -> dict[str, Any]:
        """What is not known is None, except `share`, which is 0 then."""
        return {
            "share": self._progress(job).share or 0.0,
            **self._figures(job, estimate),
            "segments": long_json.array(map(segment_document, segments)),
        }

    def progress_figures(self, job: JobView) -> dict[str, float | None]:
        """How far it is, without the segments."""
        return self._figures(job, self._estimate(job))

    def _figures(self, job: JobView, estimate: Estimate | None) -> dict[str, float | None]:
        """`eta_s` is by the speed of the work itself once that can be measured, before that by the speed of earlier ones."""
        progress = self._progress(job)
        is_known = job.state == "SUCCESS" or not job.ended or progress.version[1] > 0
        left_s = estimate.likely_s if progress.left_s is None and estimate is not None else progress.left_s
        has_failed = job.state in ("FAILURE", "REVOKED")
        return figures(progress.share if is_known else None, job.duration_s, None if has_failed else left_s)

    def _result(self, job: JobView) -> dict[str, Any]:
        result = answer(self._transcript(job))
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


def _files(job: JobView, prefix: str) -> dict[str, str]:
    """Paths of the result files, of those formats that were asked for."""
    formats = [name for name in job.job.formats or FORMATS if name in FORMATS]  # a newer gateway may have others
    return {name: prefix + links.transcript_path(job.job_id, name) for name in formats}


def _times(job: JobView) -> dict[str, datetime | None]:
    return {"submitted_at": job.job.submitted_at, "started_at": job.started_at, "ended_at": job.ended_at}


def _retry_of(job: JobView) -> str | None:
    return str(job.job.retry_of) if job.job.retry_of else None


def _warnings(job: JobView) -> list[dict[str, Any]]:
    return [warning.model_dump() for warning in job.result.warnings] if job.result else []


def _model(job: JobView) -> dict[str, str]:
    return {"name": job.model.name, "revision": job.model.revision}


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
