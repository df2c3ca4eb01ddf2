"""Direct uploads: a client gets a signed form and sends its file to the store; the store's event makes the job.

The promise of the job, with its options, is an object in the work bucket, which only murmur writes: intake reads it there, and
any gateway answers for it. A directory store takes nothing from clients: there the form leads to the gateway.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import Field

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.jobs import Submitted
from producers.gateway.documents.uploads import Upload, UploadStatus
from producers.gateway.http.filenames import display_name
from producers.gateway.http.problems import Problem, check_names
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Body, Response, Route
from producers.gateway.jobs.status import status_url
from producers.gateway.parts import Parts
from producers.gateway.submission import idempotency
from producers.gateway.submission.accepted import REPLAYED, Accepted
from producers.gateway.submission.audio import Audio
from producers.gateway.submission.json_body import as_field, read_object
from producers.gateway.submission.options import SubmissionOptions
from producers.gateway.submission.submit import Door, Submissions
from producers.gateway.submission.submitter import Submitter
from producers.gateway.submission.upload import too_large
from producers.gateway.view.job_view import JobView
from runtime.objects import NotFound, keys
from runtime.objects.store import FormUpload
from runtime.retention import promises_s
from schemas import codec
from schemas.order import UploadPromised

UPLOADS = "/api/uploads"
FILENAME_MAX = 255
SWEEP_S = 3600.0  # how often a gateway removes old promises
OWN = ("filename", "size_bytes")


class UploadDocument(SubmissionOptions):
    """A file that is going to be uploaded, and the options of its job."""

    filename: str = Field(min_length=1, max_length=FILENAME_MAX)
    size_bytes: int | None = Field(None, ge=1, description="its size, if it is known: nothing larger can be uploaded")


class DirectUploads:
    def __init__(self, parts: Parts, submissions: Submissions, accepted: Accepted) -> None:
        self._settings = parts.resources.settings
        self._objects = parts.resources.objects
        self._view = parts.view
        self._freshness = parts.freshness
        self._submissions = submissions
        self._accepted = accepted
        self._swept_s = 0.0
        self._sweeps: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        one = f"{UPLOADS}/{{task_id}}"
        form = Body(None, "multipart/form-data", files=("file",), required=("file",))
        options = ("bad_request", "bad_option", "unknown_field", "unknown_language", "unsupported_language", "unknown_model")
        repeats = ("in_progress", "key_used", "other_payload")
        bodies = ("too_slow", "too_large", "not_multipart", "unsupported_encoding", "disconnected", "store_full", "empty")
        files = ("unsupported", "no_audio", "corrupt", "unknown_track", "too_long")
        return [
            Route(
                "POST",
                UPLOADS,
                self.promise,
                "Get a form for a direct upload to the store, whose file becomes a job",
                "submission",
                body=UploadDocument,
                responses={201: Response("A form", Upload, headers=("Location", REPLAYED))},
                problems=(*options, *repeats, *bodies, "no_webhook_secret"),
                submits=True,
            ),
            Route(
                "GET",
                one,
                self.status,
                "Whether the file of a direct upload has arrived",
                "submission",
                responses={200: UploadStatus},
                problems=("unknown_upload",),
            ),
            Route(
                "POST",
                one,
                self.receive,
                "Upload the file of a promised job to the gateway, where the store takes none from clients",
                "submission",
                body=form,
                responses={202: Response("Accepted", Submitted, headers=("Location", "Retry-After"))},
                problems=(
                    "unknown_upload",
                    "uploaded",
                    "upload_expired",
                    "in_progress",
                    "bad_request",
                    "unknown_field",
                    *bodies,
                    *files,
                ),
                submits=True,
            ),
        ]

    async def promise(self, request: web.Request) -> web.Response:
        submitter = Submitter.of(request)
        self._submissions.check_available(submitter)
        await self._submissions.unfinished.check(submitter.caller)
        body = await read_object(request)
        filename, max_bytes = self._file(body)
        fields = {name: as_field(name, value) for name, value in body.items() if name not in OWN and value is not None}
        order = self._submissions.order(fields, submitter, body)
        now = datetime.now(UTC)
        expires_at = now + timedelta(seconds=self._settings.direct_upload_expiry_s)
        async with self._submissions.keys.held(submitter.owner, submitter.key):
            repeat = order.idempotency
            earlier = await self._earlier(repeat.key, repeat.payload) if repeat is not None else None
            if earlier is None:
                job_id = idempotency.job_id(repeat, now) if repeat is not None else uuid4()
                promise = UploadPromised(
                    job_id=job_id, filename=filename, order=order, max_bytes=max_bytes, expires_at=expires_at
                )
                await asyncio.to_thread(self._keep, promise)
        self._sweep_sometimes()
        return await self._promised(request, earlier or promise, is_repeat=earlier is not None)

    async def status(self, request: web.Request) -> web.Response:
        job_id, promise = await self._find(request)
        where = self._accepted.prefix(request) + status_url(job_id)
        if promise is None:
            state, expires_at = "RECEIVED", None
        else:
            expires_at = promise.expires_at
            state = "WAITING" if datetime.now(UTC) < expires_at else "EXPIRED"
        body = {"success": True, "task_id": str(job_id), "state": state, "status_url": where, "expires_at": expires_at}
        return json_response(body)

    async def receive(self, request: web.Request) -> web.Response:
        """The file of a promised job, which begins with it."""
        began_s = time.perf_counter()
        submitter = Submitter.of(request)
        job_id, promise = await self._find(request)
        if promise is None:
            raise Problem(409, "uploaded", "The file of this upload has arrived already.")
        if datetime.now(UTC) >= promise.expires_at:
            raise Problem(410, "upload_expired", "The upload has expired: ask for another one.")
        self._submissions.check_available(submitter)
        held = self._submissions.keys.held(submitter.owner, f"upload {job_id}")  # a second file would be one job with the first
        async with self._submissions.unfinished.reserved(submitter.caller), held:
            files = self._submissions.files(Door(), max_bytes=promise.max_bytes)
            form = await self._submissions.read_form(request, files)
            audio = Audio.of(files.all[0])
            try:
                check_names("field", (*form.fields, *form.lists), ("file",))
            except Problem:
                await audio.discard()
                raise
            audio = audio.named(promise.filename)
            order = promise.order.model_copy(update={"idempotency": None})  # the promise has been compared already
            taken = await self._submissions.accept(audio, order, job_id)
        return self._accepted.response(request, taken.requested, time.perf_counter() - began_s)

    def _file(self, body: dict[str, object]) -> tuple[str, int]:
        """The name of the file, and how large it may be. Raises Problem."""
        check_names("field", body, tuple(UploadDocument.model_fields))
        filename, size_bytes, max_bytes = body.get("filename"), body.get("size_bytes"), self._settings.max_upload_bytes
        if not isinstance(filename, str) or not 1 <= len(filename) <= FILENAME_MAX:
            raise _bad_option("filename", f"a text of 1 to {FILENAME_MAX} characters")
        if size_bytes is None:
            return display_name(filename), max_bytes
        if not isinstance(size_bytes, int) or isinstance(size_bytes, bool) or size_bytes < 1:
            raise _bad_option("size_bytes", "a whole number of at least 1")
        if size_bytes > max_bytes:
            raise too_large(max_bytes)
        return display_name(filename), size_bytes

    async def _find(self, request: web.Request) -> tuple[UUID, UploadPromised | None]:
        """The job, and its promise while it has no file. Raises Problem 404, also for what the caller may not see, and for a job
        that was submitted in another way."""
        try:
            job_id = UUID(request.match_info["task_id"])
        except ValueError:
            raise Problem(404, "unknown_upload", "A task_id is a UUID.") from None
        caller = caller_of(request)
        promise = await asyncio.to_thread(self._read, job_id)
        job = self._view.get(job_id)
        if job is None:
            await self._freshness.reached()
            job = self._view.get(job_id)
        if job is not None and caller.may_see(job.job.owner) and (promise is not None or _is_direct(job)):
            return job_id, None
        if job is not None or promise is None or not caller.may_see(promise.order.owner):
            raise Problem(404, "unknown_upload", f"There is no upload {job_id}.")
        return job_id, promise

    async def _earlier(self, key: str, payload: str) -> UploadPromised | None:
        """What was promised under the same Idempotency-Key. Raises Problem 422 if that was something else."""
        promise = await asyncio.to_thread(self._read, key)
        if promise is None or promise.order.idempotency is None:
            return None
        began_at = promise.expires_at - timedelta(seconds=self._settings.direct_upload_expiry_s)
        if began_at + idempotency.VALID < datetime.now(UTC):
            return None
        if promise.order.idempotency.payload != payload:
            raise idempotency.other_payload()
        return promise

    def _read(self, name: UUID | str) -> UploadPromised | None:
        try:
            return codec.decode(UploadPromised, self._objects.get(self._settings.work_bucket, keys.promise_key(name)))
        except NotFound:
            return None

    def _keep(self, promise: UploadPromised) -> None:
        """Under the job's id, and under the key if there is one."""
        raw, repeat = codec.encode(promise), promise.order.idempotency
        for name in (promise.job_id, repeat.key) if repeat is not None else (promise.job_id,):
            self._objects.put(self._settings.work_bucket, keys.promise_key(name), raw, content_type="application/json")

    async def _promised(self, request: web.Request, promise: UploadPromised, *, is_repeat: bool) -> web.Response:
        prefix = self._accepted.prefix(request)
        where = f"{prefix}{UPLOADS}/{promise.job_id}"
        left_s = max(1, round((promise.expires_at - datetime.now(UTC)).total_seconds()))
        key = keys.direct_upload_key(promise.job_id)
        place = (self._settings.uploads_bucket, key, promise.max_bytes, left_s)
        form = await asyncio.to_thread(self._objects.form_upload, *place) or FormUpload(where, {})
        body = {
            "success": True,
            "task_id": str(promise.job_id),
            "status_url": prefix + status_url(promise.job_id),
            "upload_url": where,
            "upload": {"method": "POST", "url": form.url, "fields": dict(form.fields)},
            "max_bytes": promise.max_bytes,
            "expires_at": promise.expires_at,
        }
        return json_response(body, 201, {"Location": where, **({REPLAYED: "true"} if is_repeat else {})})

    def _sweep_sometimes(self) -> None:
        now_s = time.monotonic()
        if now_s - self._swept_s > SWEEP_S:
            self._swept_s = now_s
            sweep = asyncio.create_task(asyncio.to_thread(self._sweep))
            self._sweeps.add(sweep)
            sweep.add_done_callback(self._sweeps.discard)

    def _sweep(self) -> None:
        """Removes promises whose files can neither be uploaded any more nor be found by the reconciler."""
        oldest = datetime.now(UTC) - timedelta(seconds=promises_s(self._settings))
        bucket = self._settings.work_bucket
        for info in self._objects.list(bucket, keys.PROMISES):
            if info.modified_at < oldest:
                self._objects.delete(bucket, info.key)


def _is_direct(job: JobView) -> bool:
    """Known of a file that a store has received, also when its promise has been removed."""
    return job.job.stored is not None and keys.is_direct_upload(job.job.stored.key)


def _bad_option(field: str, expected: str) -> Problem:
    return Problem(400, "bad_option", f"The field {field!r} must be {expected}.", field=field, expected=expected)
