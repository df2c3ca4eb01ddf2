"""A submission becomes a job: the file into the work bucket, the request onto `requests`, and only then 202.

The work is named by the content of its file, so a file is read to its end before its job exists: also one at a URL. Until then
the client has no job that could be lost; it repeats the request, best with an Idempotency-Key.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID, uuid4

from aiohttp import web

from producers.gateway.access.caller import Caller
from producers.gateway.http.presence import while_connected
from producers.gateway.http.problems import Problem
from producers.gateway.parts import Parts
from producers.gateway.submission import idempotency
from producers.gateway.submission.audio import Audio
from producers.gateway.submission.expected import expected
from producers.gateway.submission.fetch import Fetcher
from producers.gateway.submission.form import Form, check_length, read_form
from producers.gateway.submission.form_files import FormFiles
from producers.gateway.submission.idempotency import IdempotencyKeys
from producers.gateway.submission.json_body import JsonSubmission, Source, is_json, parse_json, read_object
from producers.gateway.submission.named_objects import NamedObjects, object_changed
from producers.gateway.submission.options import SubmissionOptions, parse_submission
from producers.gateway.submission.shared_uploads import SharedUploads
from producers.gateway.submission.submitter import Submitter
from producers.gateway.submission.upload import Incoming, Memory
from producers.gateway.system.models import requested_model
from runtime import identity, metrics
from runtime.effective_options import EffectiveOptions, effective_options, for_file
from runtime.errors import Invalid, Retry
from runtime.kafka.async_producer import Unacknowledged
from runtime.logs import get_logger
from runtime.objects import NotFound, keys, names
from runtime.reachable import Reachable
from schemas.audio import ProbedAudio
from schemas.jobs import JobRequested, Work
from schemas.order import Order

log = get_logger(__name__)
OPTIONS_MAX = 32  # most clients submit with the same options again and again; an entry may have half a MiB of texts


class Door:
    """What the form of an endpoint looks like, and what its fields mean; here those of `/api/transcribe/async`."""

    file_field = "file"
    incoming: type[Incoming] = Incoming

    def fields(self, form: Form) -> Mapping[str, str]:
        """As those of a submission. Raises Problem."""
        return {**form.fields, **dict.fromkeys(form.lists, "")}  # no name of a list is known


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An accepted job. `is_repeat`: accepted by an earlier request with the same Idempotency-Key."""

    requested: JobRequested
    is_repeat: bool = False


class Submissions:
    """For one event loop. Whatever is not accepted is deleted from the store again."""

    def __init__(self, parts: Parts, shared: SharedUploads) -> None:
        settings = parts.resources.settings
        self._resources = parts.resources
        self._producer = parts.producer
        self._view = parts.view
        self.unfinished = parts.unfinished
        self._memory = Memory()
        self._shared = shared
        self._acceptances = parts.acceptances
        self.keys = IdempotencyKeys(parts.view, parts.freshness)
        self._named = NamedObjects(parts.resources)
        self._options = lru_cache(OPTIONS_MAX)(self._parsed)
        self._fetcher = Fetcher(
            Reachable.for_fetching(settings),
            timeout_s=settings.fetch_timeout_s,
            max_bytes=settings.max_upload_bytes,
        )

    async def take(self, request: web.Request, door: Door | None = None) -> Acceptance:
        """One submission: JSON, or the form of a door. Returns once the broker has acknowledged the request, which accepts it."""
        submitter = Submitter.of(request)
        self.check_available(submitter)
        async with self.unfinished.reserved(submitter.caller), self.keys.held(submitter.owner, submitter.key):
            if door is None and is_json(request):
                return await self.take_json(request, parse_json(await read_object(request)), submitter)
            return await self._take_form(request, door or Door(), submitter)

    async def take_json(self, request: web.Request, submission: JsonSubmission, submitter: Submitter) -> Acceptance:
        """Audio that is in the store, or at a URL. Given up when the client goes before it has been read."""
        order = self.order(submission.fields, submitter, submission.body)
        if order.idempotency is not None and (earlier := await self.keys.earlier(order.idempotency)) is not None:
            return Acceptance(earlier, is_repeat=True)
        return await self.accept(await while_connected(request, self._open(submission.source, submitter.caller)), order)

    def files(self, door: Door, *, most: int = 1, is_tolerant: bool = False, max_bytes: int | None = None) -> FormFiles:
        """For the files of a form that is to be read. `max_bytes`: of each; None: as the settings say."""
        max_bytes = max_bytes or self._resources.settings.max_upload_bytes

        def create(upload_id: UUID) -> Incoming:
            return self._incoming(upload_id, max_bytes, door.incoming)

        return FormFiles(create, max_bytes, field=door.file_field, most=most, is_tolerant=is_tolerant)

    async def read_form(self, request: web.Request, files: FormFiles) -> Form:
        """Raises as `form.read_form()`, and then leaves nothing in the store."""
        check_length(request, files.max_bytes * files.most)
        async with _discarded_on_error(files):
            return await read_form(request, files)

    def order(self, fields: Mapping[str, str], submitter: Submitter, payload: object) -> Order:
        """What these fields ask for. `payload`: all that was submitted. Raises Problem 400."""
        submission, options = self._options(tuple(fields.items()))
        return Order(
            owner=submitter.owner,
            model=options.model,
            decoding=options.decoding,
            slicing=options.slicing,
            lane=submission.chosen_lane,
            webhook_url=submission.webhook_url,
            formats=submission.formats,
            no_cache=bool(submission.no_cache),
            correct=submission.correct is not False,
            batch_id=submitter.batch_id,
            idempotency=submitter.idempotency(payload),
            trace=submitter.trace,
        )

    def _parsed(self, fields: tuple[tuple[str, str], ...]) -> tuple[SubmissionOptions, EffectiveOptions]:
        """As given, and completed. Raises Problem 400."""
        settings, given = self._resources.settings, dict(fields)
        model = requested_model(given.get("model", "").strip(), self._resources.models)
        submission = parse_submission(given, model, Reachable.for_webhooks(settings))
        if submission.webhook_url is not None and settings.webhook_secret is None:
            raise Problem(
                400, "no_webhook_secret", "Webhooks cannot be signed here: the operator must set MURMUR_WEBHOOK_SECRET."
            )
        return submission, effective_options(settings, model, **submission.requested())

    async def take_audio(
        self, audio: Audio, fields: Callable[[], Mapping[str, str]], submitter: Submitter, payload: object
    ) -> Acceptance:
        """A file of a form."""
        async with _discarded_on_error(audio):
            order = self.order(fields(), submitter, payload)
        return await self.accept(audio, order)

    async def accept(self, audio: Audio, order: Order, job_id: UUID | None = None) -> Acceptance:
        """`job_id`: one that was promised. Returns once the broker has acknowledged the request; deletes the upload if that is
        not so, unless the broker may have the request all the same."""
        async with _discarded_on_error(audio):
            repeat = order.idempotency
            if repeat is not None and (earlier := await self.keys.earlier(repeat)) is not None:
                await audio.discard()
                return Acceptance(earlier, is_repeat=True)
            requested = await asyncio.to_thread(self._planned, audio, order, job_id)
            audio.release()
            await self._acceptances.accept(requested)
        audio.accepted()
        if not self._shared.is_alone:
            asyncio.get_running_loop().run_in_executor(None, audio.announce)  # nothing waits for it
        _count(audio, requested)
        return Acceptance(requested)

    def check_available(self, submitter: Submitter) -> None:
        """Before a body is read: raises Retry while no job can be accepted, and Problem 429 or 503 when too much is queued."""
        if (unavailable := self._producer.unavailable or self._view.problem) is not None:
            raise Retry(unavailable)
        self._acceptances.admission.check(submitter.owner)

    async def _take_form(self, request: web.Request, door: Door, submitter: Submitter) -> Acceptance:
        files = self.files(door)
        form = await self.read_form(request, files)
        audio = Audio.of(files.all[0])
        payload = [form.fields, form.lists, audio.filename, audio.content.audio_id]
        return await self.take_audio(audio, lambda: door.fields(form), submitter, payload)

    def _incoming(self, upload_id: UUID, max_bytes: int, kind: type[Incoming] = Incoming) -> Incoming:
        bucket, key = self._resources.settings.work_bucket, keys.upload_key(upload_id)
        return kind(self._resources.objects, bucket, key, max_bytes, self._memory)

    async def _open(self, source: Source, caller: Caller) -> Audio:
        """The file that a JSON submission names, read and hashed."""
        if source.object is not None:
            stored = await self._named.read(source.object, caller)
            is_drop = stored.ref.bucket == self._resources.settings.uploads_bucket
            return Audio(source.name, stored, result_key=stored.ref.key if is_drop else None)
        assert source.url is not None
        self._fetcher.check(source.url)
        upload_id = uuid4()
        incoming = self._incoming(upload_id, self._resources.settings.max_upload_bytes)
        async with _discarded_on_error(incoming):
            fetched = await self._fetcher.fetch(source.url, incoming, caller.owner)
        return Audio(source.named(fetched.filename), fetched.content, upload_id, incoming)

    def _planned(self, audio: Audio, order: Order, promised: UUID | None) -> JobRequested:
        """Stores the file, if it can be transcribed. Blocks. Raises Problem 422 for one that cannot, and StoreUnavailable."""
        now = datetime.now(UTC)
        options = for_file(EffectiveOptions(order.model, order.decoding, order.slicing), audio.filename)
        settings = self._resources.settings
        work = identity.plan(audio.content.audio_id, audio.place, options, order.owner, shared=settings.cache_shared)
        answer = expected(self._view, settings, work.work_id, no_cache=order.no_cache)
        derived = idempotency.job_id(order.idempotency, now) if order.idempotency is not None else None
        job_id = promised or derived or audio.upload_id or uuid4()
        probed = None if answer.result is not None else self._probed(audio, work)
        content_id = identity.content_id(audio.content.audio_id, None if settings.cache_shared else order.owner)
        ref = audio.share(self._shared, content_id)
        is_own = ref.key == keys.upload_key(job_id)
        job = order.job(job_id, audio.filename, now, audio=probed, stored=None if is_own else ref, files=_files(audio, order))
        work = work.model_copy(update={"audio": ref})
        known = {"result": answer.result, "cache_cleared_at": answer.cleared_at}
        return JobRequested.model_validate({"job": job, "work": work, "no_cache": order.no_cache, **known})

    def _probed(self, audio: Audio, work: Work) -> ProbedAudio | None:
        """Blocks, for less than a second."""
        probe = self._resources.probe
        if probe is None:
            return None
        content = audio.upload.content if audio.upload is not None else None
        try:
            with io.BytesIO(content) if content is not None else self._resources.objects.open(audio.store()) as file:
                return probe(file, work.slicing)
        except NotFound:  # of a named object: it was deleted or replaced since it was hashed
            raise object_changed() from None
        except Invalid as error:
            raise Problem(422, error.reason, f"The file cannot be transcribed: {error}.") from error


def _files(audio: Audio, order: Order) -> tuple[str, ...]:
    """The result files to write into the results bucket: of a named object, if formats were asked for."""
    if audio.result_key is None:
        return ()
    return names.result_keys(audio.result_key, order.formats or ())


def _count(audio: Audio, requested: JobRequested) -> None:
    if audio.upload is not None:
        metrics.UPLOAD_BYTES.inc(audio.content.size_bytes)
    log.info(
        "job.requested",
        file=audio.filename,
        size_bytes=audio.content.size_bytes,
        source="http",
        job_id=str(requested.job.job_id),
        work_id=requested.work.work_id,
        trace_id=requested.trace_id,
    )


@asynccontextmanager
async def _discarded_on_error(upload: FormFiles | Audio | Incoming) -> AsyncIterator[None]:
    """Leaves nothing of it in the store unless a job was, or may have been, made of it."""
    try:
        yield
    except Unacknowledged:
        metrics.UPLOADS_ABORTED.labels("unacknowledged").inc()
        raise  # the broker may have the request all the same, and other jobs may wait for the same work: keep the audio
    except BaseException as error:
        metrics.UPLOADS_ABORTED.labels(_label(error)).inc()
        await upload.discard()
        raise


def _label(error: BaseException) -> str:
    """The value of a metric's label; one of a few."""
    if isinstance(error, Problem):
        return str(error.document["reason"])
    return "unavailable" if isinstance(error, Retry) else "disconnected"
