"""A submission becomes a job: the file into the work bucket, the request onto `requests`, and only then 202."""

import asyncio
import contextlib
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

from aiohttp import web

from producers.gateway.accepted import Accepted
from producers.gateway.access.caller import Caller, caller_of
from producers.gateway.admission import Admission
from producers.gateway.database import ViewUnavailable
from producers.gateway.documents.jobs import Submitted
from producers.gateway.form import Form, check_length, read_form
from producers.gateway.models import requested_model
from producers.gateway.parts import Parts
from producers.gateway.problems import Problem
from producers.gateway.routes import Body, Response, Route
from producers.gateway.status import PREFIX
from producers.gateway.submission import SubmissionOptions, parse_submission
from producers.gateway.trace import trace_context
from producers.gateway.upload import Incoming, Memory, Stored
from runtime import identity, metrics
from runtime.effective_options import effective_options, for_file
from runtime.errors import Invalid, Retry
from runtime.kafka.async_producer import Unacknowledged
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from runtime.objects import keys
from runtime.objects.transcripts import Transcripts
from schemas.audio import ProbedAudio
from schemas.jobs import Job, JobRequested, Work
from schemas.record import TraceContext
from schemas.topics import REQUESTS

log = get_logger(__name__)
PROBLEMS = (  # of a submission
    *("bad_request", "bad_option", "unknown_field", "unknown_language", "unsupported_language", "unknown_model", "empty"),
    *("no_webhook_secret", "disconnected", "too_slow", "too_large", "not_multipart", "unsupported_encoding"),
    *("unsupported", "no_audio", "corrupt", "unknown_track", "too_long", "store_full"),
)


class Door:
    """What the form of an endpoint looks like, and what its fields mean; here those of `/api/transcribe/async`."""

    file_field = "file"
    incoming: type[Incoming] = Incoming

    def fields(self, form: Form) -> Mapping[str, str]:
        """As those of a submission. Raises Problem."""
        return {**form.fields, **dict.fromkeys(form.lists, "")}  # no name of a list is known


class Submissions:
    def __init__(self, parts: Parts, transcripts: Transcripts, accepted: Accepted) -> None:
        self._resources = parts.resources
        self._producer = parts.producer
        self._view = parts.view
        self._unfinished = parts.unfinished
        self._transcripts = transcripts
        self._accepted = accepted
        self._memory = Memory()
        self._admission = Admission(self._resources.settings, self._view.estimates)

    def routes(self) -> list[Route]:
        form = Body(SubmissionOptions, "multipart/form-data", files=("file",), required=("file",))
        return [
            Route(
                "POST",
                PREFIX,
                self.submit,
                "Submit a file",
                "submission",
                body=form,
                responses={202: Response("Accepted", Submitted, headers=("Location",))},
                problems=PROBLEMS,
                submits=True,
            )
        ]

    async def submit(self, request: web.Request) -> web.Response:
        return self._accepted.response(request, await self.take(request))

    async def take(self, request: web.Request, door: Door | None = None) -> JobRequested:
        """Returns once the broker has acknowledged the request, which accepts the job. Cleans up after earlier failures. `door`:
        another form than that of this endpoint."""
        caller = caller_of(request)
        async with self._unfinished.reserved(caller):
            return await self._take(request, caller, door or Door())

    async def _take(self, request: web.Request, caller: Caller, door: Door) -> JobRequested:
        settings = self._resources.settings
        if (unavailable := self._producer.unavailable or self._view.problem) is not None:
            raise Retry(unavailable)
        check_length(request, settings.max_upload_bytes)
        self._admission.check(caller.owner)
        job_id = uuid4()
        key = keys.upload_key(job_id)
        incoming = door.incoming(self._resources.objects, settings.work_bucket, key, settings.max_upload_bytes, self._memory)
        try:
            form = await read_form(request, incoming, door.file_field)
            requested = await self._planned(job_id, form, door.fields(form), caller.owner, trace_context(request.headers))
            self._admission.check_work(requested)
            await self._producer.send(Output(REQUESTS, requested.work.work_id, requested))
        except Unacknowledged:
            metrics.UPLOADS_ABORTED.labels("unacknowledged").inc()
            raise  # the broker may have the request all the same, and other jobs may wait for the same work: keep the audio
        except BaseException as error:
            metrics.UPLOADS_ABORTED.labels(_label(error)).inc()
            await incoming.discard()
            raise
        with contextlib.suppress(ViewUnavailable):  # the feed waits for space, and brings the request then
            await asyncio.to_thread(self._view.accept, requested)
        metrics.UPLOAD_BYTES.inc(form.stored.size_bytes)
        log.info(
            "job.requested",
            file=form.filename,
            size_bytes=form.stored.size_bytes,
            source="http",
            job_id=str(job_id),
            work_id=requested.work.work_id,
            trace_id=requested.trace_id,
        )
        return requested

    async def _planned(
        self, job_id: UUID, form: Form, fields: Mapping[str, str], owner: str, trace: TraceContext | None
    ) -> JobRequested:
        settings = self._resources.settings
        model = requested_model(fields.get("model", "").strip(), self._resources.models)
        submission = parse_submission(fields, model, allow_private=settings.webhook_allow_private)
        if submission.webhook_url is not None and settings.webhook_secret is None:
            raise Problem(
                400, "no_webhook_secret", "Webhooks cannot be signed here: the operator must set MURMUR_WEBHOOK_SECRET."
            )
        options = effective_options(settings, model, **submission.requested())
        work = identity.plan(form.stored.audio_id, form.stored.ref, for_file(options, form.filename), owner)
        result = await asyncio.to_thread(self._transcripts.find, work.work_id)
        job = Job(
            job_id=job_id,
            source="http",
            filename=form.filename,
            owner=owner,
            lane=submission.lane,
            submitted_at=datetime.now(UTC),
            webhook_url=submission.webhook_url,
            audio=None if result is not None else await asyncio.to_thread(self._probed, form.stored, work),
            trace=trace,
        )
        return JobRequested(job=job, work=work, result=result)

    def _probed(self, stored: Stored, work: Work) -> ProbedAudio | None:
        """Blocks, for less than a second. Raises Problem 422 for a file that cannot be transcribed."""
        probe = self._resources.probe
        if probe is None:
            return None
        try:
            with io.BytesIO(stored.content) if stored.content is not None else self._resources.objects.open(stored.ref) as file:
                return probe(file, work.slicing)
        except Invalid as error:
            raise Problem(422, error.reason, f"The file cannot be transcribed: {error}.") from error


def _label(error: BaseException) -> str:
    """The value of a metric's label; one of a few."""
    if isinstance(error, Problem):
        return str(error.document["reason"])
    return "unavailable" if isinstance(error, Retry) else "disconnected"
