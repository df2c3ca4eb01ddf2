"""What can be done with a job that has ended: delete it with its transcript, or retry it as a new job."""

import asyncio
import contextlib
from datetime import UTC, datetime
from uuid import uuid4

from producers.gateway.http.problems import Problem
from producers.gateway.jobs.names import GivenNames
from producers.gateway.parts import Parts
from producers.gateway.submission.expected import expected
from producers.gateway.submission.shared_uploads import SharedUploads
from producers.gateway.system.clearing import Clearing
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.job_view import JobView
from runtime import identity
from runtime.effective_options import again, for_file
from runtime.errors import Retry
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from runtime.models import catalogue
from runtime.objects import NotFound, keys
from runtime.objects.transcripts import Transcripts
from schemas.codec import Undecodable
from schemas.jobs import CancelRequested, JobRequested
from schemas.record import ObjectRef, TraceContext
from schemas.topics import CANCELLATIONS

log = get_logger(__name__)


class EndedJobs:
    def __init__(self, parts: Parts, transcripts: Transcripts, clearing: Clearing, uploads: SharedUploads) -> None:
        self._resources = parts.resources
        self._producer = parts.producer
        self._view = parts.view
        self._acceptances = parts.acceptances
        self._transcripts = transcripts
        self._names = GivenNames(parts.resources.objects, parts.resources.settings.work_bucket)
        self._clearing = clearing
        self._uploads = uploads
        self._freshness = parts.freshness

    async def delete(self, job: JobView) -> None:
        """Returns once the broker has acknowledged it, and transcript and upload are deleted, unless another job needs them.
        Safe to repeat. Raises Problem 409 for a job that has not ended, and Retry."""
        if not job.ended:
            raise Problem(409, "not_ended", "The job has not ended: cancel it first.", state=job.state)
        deletion = CancelRequested(
            job_id=job.job_id, work_id=job.work_id, requested_at=datetime.now(UTC), trace=job.job.trace, delete=True
        )
        request = await asyncio.to_thread(self._view.jobs.request, job.job_id)  # the view has it until it reads of the deletion
        await self._producer.send(Output(CANCELLATIONS, job.work_id, deletion))
        with contextlib.suppress(ViewUnavailable):  # the feed waits for space, and brings the deletion then
            await asyncio.to_thread(self._view.delete, job.job_id, job.work_id)
        # Only now: of two deletions at once neither finds the other's job, and what is named later finds none.
        await asyncio.to_thread(self._names.delete, job)
        if not await asyncio.to_thread(self._view.jobs.is_shared, job):
            await self._clearing.work(job.work_id)
            await asyncio.to_thread(self._delete_objects, job)
        if job.job.source == "http":
            await self._delete_upload(job, request)
        log.info("job.deleted", job_id=str(job.job_id), work_id=job.work_id)

    async def retry(self, job: JobView, trace: TraceContext | None = None) -> JobRequested:
        """The new job, once the broker has acknowledged it. Raises Problem 409 for a job that did not fail, 410 when its audio is
        no longer in the store, and Retry."""
        if not job.ended or (job.state == "SUCCESS" and await asyncio.to_thread(self._has_transcript, job)):
            raise Problem(409, "not_failed", "Only a job that failed or was cancelled can be retried.", state=job.state)
        earlier = await asyncio.to_thread(self._view.jobs.request, job.job_id)
        if earlier is None or not await asyncio.to_thread(self._has_audio, earlier):
            raise Problem(410, "audio_gone", "The audio of the job is no longer in the store: submit the file again.")
        requested = await asyncio.to_thread(self._again, earlier, trace)
        await self._acceptances.accept(requested)
        return requested

    def _again(self, earlier: JobRequested, trace: TraceContext | None) -> JobRequested:
        """The same options and model, as it is served today; the default one if it is not served any more. Raises Invalid when
        that does not support the language."""
        job, work = earlier.job, earlier.work
        model = catalogue.named(work.model.name, self._resources.models) or self._resources.model
        settings = self._resources.settings
        options = again(settings, model, work)
        planned = identity.plan(
            work.audio_id, work.audio, for_file(options, job.filename), job.owner, shared=settings.cache_shared
        )
        changes = {"job_id": uuid4(), "submitted_at": datetime.now(UTC), "retry_of": job.job_id, "trace": trace}
        stored = work.audio if job.dropped is None else None
        new = job.model_copy(update={**changes, "stored": stored, "idempotency": None, "batch_id": None})
        answer = expected(self._view, settings, planned.work_id, no_cache=earlier.no_cache)
        known = {"result": answer.result, "cache_cleared_at": answer.cleared_at}
        return JobRequested.model_validate({"job": new, "work": planned, "no_cache": earlier.no_cache, **known})

    def _has_transcript(self, job: JobView) -> bool:
        try:
            self._transcripts.read_stored(job.work_id)
        except (NotFound, Undecodable):
            return False
        return True

    def _has_audio(self, request: JobRequested) -> bool:
        audio = request.work.audio
        try:
            return audio.etag in (None, self._resources.objects.head(audio.bucket, audio.key).etag)
        except NotFound:
            return False

    def _delete_objects(self, job: JobView) -> None:
        bucket = self._resources.settings.work_bucket
        self._resources.objects.delete(bucket, keys.transcript_key(job.work_id))
        self._transcripts.forget(job.work_id)
        self._transcripts.delete_corrected(job.work_id)
        self._resources.chunk_results.delete(job.work_id)

    async def _delete_upload(self, job: JobView, request: JobRequested | None) -> None:
        """Unless another job has the same content, whatever work it needs. An object that was in the store before, and was only
        named, stays. What cannot be deleted now is left to retention."""
        settings, objects = self._resources.settings, self._resources.objects
        first = ObjectRef(bucket=settings.work_bucket, key=keys.own_upload_key(job.job))
        stored = request.work.audio if request is not None else job.job.stored or first
        if stored.bucket == settings.uploads_bucket and keys.is_direct_upload(stored.key):
            await asyncio.to_thread(objects.delete, settings.work_bucket, keys.promise_key(job.job_id))
        elif stored.bucket != settings.work_bucket or not keys.is_upload(stored.key):
            return
        if await self._is_unused(stored, job, request):
            await asyncio.to_thread(objects.delete, stored.bucket, stored.key)

    async def _is_unused(self, stored: ObjectRef, job: JobView, request: JobRequested | None) -> bool:
        """No job has it, and no submission gets it from now on. It is withdrawn only where no job is known to have it: an upload
        in use stays the one of its content. Other gateways may accept a job until it is withdrawn, so the view is read again."""

        def is_used() -> bool:
            return self._view.jobs.has_audio(stored.key, job.job_id)

        if not await self._is_up_to_date():
            return False
        if request is None:
            return not await asyncio.to_thread(is_used)
        owner = None if self._resources.settings.cache_shared else request.job.owner
        content_id = identity.content_id(request.work.audio_id, owner)
        if not await asyncio.to_thread(self._uploads.withdraw, content_id, stored.key, is_used):
            return False
        return self._uploads.is_alone or (await self._is_up_to_date() and not await asyncio.to_thread(is_used))

    async def _is_up_to_date(self) -> bool:
        """Whether the view has all that other gateways have accepted and deleted."""
        if not self._uploads.is_alone:
            try:
                await self._freshness.reached()
            except Retry:
                return False
        return True
