"""Store events in, job requests out: the event only names the object, HEAD returns its facts.

Safe to run twice over the same event: all ids are derived from the object.
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from uuid import UUID

from cachetools import LRUCache

from processors.intake.drop_options import DropOptions, drop_options
from processors.intake.events import Dropped, Event, ListBucket, normalise
from runtime import identity, metrics
from runtime.effective_options import EffectiveOptions, for_file
from runtime.errors import Invalid
from runtime.kafka.each import EachRecord
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Received
from runtime.logs import get_logger
from runtime.models.catalogue import Model
from runtime.objects import NotFound, ObjectInfo, ObjectStore, keys
from runtime.objects.names import result_keys
from runtime.objects.store import BadKey, Replaced
from runtime.objects.transcripts import Transcripts
from runtime.probe import Probe
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from schemas import codec
from schemas.audio import ProbedAudio
from schemas.jobs import CancelRequested, Job, JobRequested
from schemas.options import SlicingOptions
from schemas.order import UploadPromised
from schemas.record import Failure, TraceContext
from schemas.topics import CANCELLATIONS, REQUESTS, UPLOADS

log = get_logger(__name__)
BLOCK_BYTES = 1024 * 1024
IN_MEMORY_BYTES = 8 << 20  # up to this size a file is probed in memory
CONTENTS_REMEMBERED = 1000  # repeated events and listings do not read the objects again
JOBS_REMEMBERED = 10_000  # by key, to cancel them should a later version arrive
READS_MAX = 5  # of a file that is changed while it is read; whatever changes it is followed by another event
CLOCK_TICK_S = 0.05  # of a file system: a second write within it may leave the ctime as it was
CLOCK_SKEW = timedelta(minutes=5)  # between store and broker, when a listing stands for an event


def build(resources: Resources) -> Stage:
    intake = Intake(resources.objects, resources.settings, resources.models, probe=resources.probe)
    return Loop("intake", resources.kafka, [UPLOADS], EachRecord(intake), LoopOptions(keep_large=resources.keep_large))


@dataclass(frozen=True, slots=True)
class Content:
    """`audio`: what the file states about itself; `refused`: why it cannot be transcribed."""

    audio_id: str
    audio: ProbedAudio | None = None
    refused: Failure | None = None


class Intake:
    """A function of one record, for `EachRecord`. Raises Undecodable, and Retry while the store is unavailable."""

    def __init__(
        self,
        objects: ObjectStore,
        settings: Settings,
        models: Sequence[Model],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        probe: Probe | None = None,
    ) -> None:
        self._objects = objects
        self._settings = settings
        self._models = models
        self._transcripts = Transcripts(objects, settings.work_bucket)
        self._now = now
        self._probe = probe
        self._contents: LRUCache[tuple[str, str, str, str | None], Content] = LRUCache(CONTENTS_REMEMBERED)
        self._newest: LRUCache[str, tuple[UUID, str]] = LRUCache(JOBS_REMEMBERED)  # the last job and work of a key

    def __call__(self, record: Received[None]) -> Iterator[Output]:
        at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        for event in normalise(record.value, self._settings.event_dialect):
            for info in self._found(event, at):
                yield from self._request(info, record.trace)

    def _found(self, event: Event, at: datetime) -> Iterable[ObjectInfo]:
        """The objects of the event, as they are now. Events of other buckets are ignored: results and chunks are not input."""
        uploads = self._settings.uploads_bucket
        if isinstance(event, Dropped) and event.bucket == uploads:
            return self._first_found(event)
        if isinstance(event, ListBucket) and event.bucket == uploads:
            return self._listed_since(at - CLOCK_SKEW)
        log.debug("event.ignored", notification=str(event))
        return ()

    def _first_found(self, event: Dropped) -> list[ObjectInfo]:
        for key in event.keys:
            try:
                return [self._objects.head(event.bucket, key)]
            except (NotFound, BadKey):
                continue
        log.info("file.skipped", file=event.keys[0], bucket=event.bucket, reason="gone")
        metrics.DROPS.labels("gone").inc()
        return []

    def _listed_since(self, since: datetime) -> Iterator[ObjectInfo]:
        """Objects as new as the event; older ones had their own. HEAD, because a listing has neither version nor checksum."""
        for info in self._objects.list(self._settings.uploads_bucket):
            if info.modified_at >= since:
                yield from self._first_found(Dropped(info.bucket, (info.key,)))

    def _request(self, info: ObjectInfo, trace: TraceContext | None) -> Iterator[Output]:
        if info.key.endswith("/") and not info.size_bytes:
            log.debug("file.skipped", file=info.key, reason="empty_folder")
            return
        promise = None
        if keys.is_direct_upload(info.key) and (promise := self._promise(info.key)) is None:
            log.info("file.skipped", file=info.key, reason="not_promised")
            metrics.DROPS.labels("not_promised").inc()
            return
        options = self._options(info, promise)
        try:
            info, content = self._named(info, options.effective.slicing)
        except NotFound as error:
            reason = "changed" if isinstance(error, Replaced) else "unreadable"
            log.info("file.skipped", file=info.key, reason=reason, error=error)  # another event follows, or the reconciler's
            metrics.DROPS.labels("changed").inc()
            return
        request = self._promised(info, content, options, promise) if promise else self._requested(info, content, options)
        request = _within(trace, request)
        metrics.DROPS.labels("requested").inc()
        metrics.DROP_BYTES.inc(info.size_bytes)
        log.info(
            "job.requested",
            file=info.key,
            size_bytes=info.size_bytes,
            source=request.job.source,
            job_id=str(request.job.job_id),
            work_id=request.work.work_id,
            trace_id=request.trace_id,
        )
        yield Output(REQUESTS, request.work.work_id, request)
        yield from self._superseded(request)

    def _superseded(self, request: JobRequested) -> Iterator[Output]:
        """Cancels the job of the version that this one has overwritten, if it has not ended: its text would be replaced at once.
        A version that the store keeps beside the new one is not affected, nor is work that goes on for the new job."""
        job_id, work = request.job.job_id, request.work
        before = self._newest.get(work.audio.key)
        self._newest[work.audio.key] = job_id, work.work_id
        if before is None or work.audio.version_id is not None or job_id == before[0] or work.work_id == before[1]:
            return
        yield Output(CANCELLATIONS, before[1], CancelRequested(job_id=before[0], work_id=before[1], requested_at=self._now()))

    def _promise(self, key: str) -> UploadPromised | None:
        """What the gateway has promised for the object with this key. Nobody else writes into the work bucket."""
        job_id = keys.promised_job(key)
        try:
            raw = None if job_id is None else self._objects.get(self._settings.work_bucket, keys.promise_key(job_id))
        except NotFound:
            return None
        return None if raw is None else codec.decode(UploadPromised, raw)

    def _options(self, info: ObjectInfo, promise: UploadPromised | None) -> DropOptions:
        if promise is None:
            return drop_options(info.metadata, _filename(info), self._settings, self._models)
        order = promise.order
        return DropOptions(for_file(EffectiveOptions(order.model, order.decoding, order.slicing), promise.filename))

    def _promised(self, info: ObjectInfo, content: Content, options: DropOptions, promise: UploadPromised) -> JobRequested:
        order = promise.order
        shared = self._settings.cache_shared
        work = identity.plan(content.audio_id, info.ref, options.effective, order.owner, shared=shared)
        job = order.job(promise.job_id, promise.filename, self._now(), stored=info.ref, audio=content.audio)
        return JobRequested(job=job, work=work, no_cache=order.no_cache, refused=content.refused)

    def _requested(self, info: ObjectInfo, content: Content, options: DropOptions) -> JobRequested:
        audio_id, filename = content.audio_id, _filename(info)
        owner, shared = self._settings.drop_owner, self._settings.cache_shared
        work = identity.plan(audio_id, info.ref, options.effective, owner, shared=shared)
        refused = options.refused or content.refused
        job = Job(
            job_id=identity.drop_job_id(info.bucket, info.key, info.version, audio_id, *options.given),
            source="drop",
            dropped=info.ref,
            filename=filename,
            owner=owner,
            lane=options.lane,
            submitted_at=self._now(),
            audio=content.audio,
            formats=options.formats,
            files=result_keys(info.key, options.formats or self._settings.result_formats),
        )
        is_stored = refused is None and self._transcripts.find(work.work_id) is not None
        rewrite = is_stored and self._files_missing(job.files)
        return JobRequested(job=job, work=work, rewrite=rewrite, refused=refused)

    def _files_missing(self, files: Iterable[str]) -> bool:
        for name in files:
            try:
                self._objects.head(self._settings.results_bucket, name)
            except NotFound:
                return True
        return False

    def _named(self, info: ObjectInfo, slicing: SlicingOptions) -> tuple[ObjectInfo, Content]:
        """The object as it is now, and its content: of one and the same version. What is too large to be transcribed is not read:
        its id stands for its address. Raises NotFound: gone, or changed again and again."""
        for _ in range(READS_MAX):
            if info.sha256 is not None and self._probe is None:
                return info, Content(info.sha256)
            address = (info.bucket, info.key, info.version)
            if info.sha256 is None and info.size_bytes > self._settings.max_upload_bytes:
                return info, Content(identity.digest(["too large to read", *address]))
            version = (*address, info.change_tag)
            if version in self._contents:
                return info, self._contents[version]
            content = self._read(info, slicing)
            now = self._objects.head(info.bucket, info.key)
            if content is not None and (now.version, now.change_tag) == (info.version, info.change_tag):
                self._contents[version] = content
                return info, content
            info = now
        raise Replaced(f"{info.bucket}/{info.key} was changed in each of {READS_MAX} attempts to read it")

    def _read(self, info: ObjectInfo, slicing: SlicingOptions) -> Content | None:
        """None: it was changed meanwhile. All of it is read once, unless the store has the hash; of a large file the probe reads
        parts again."""
        content = hashlib.sha256()
        if info.changed_s is not None:  # a write after the first byte is read must be told from one before
            time.sleep(min(max(info.changed_s + CLOCK_TICK_S - time.time(), 0.0), CLOCK_TICK_S))
        try:
            with self._objects.open(info.ref) as file:
                blocks = []
                while info.sha256 is None and (block := file.read(BLOCK_BYTES)):
                    content.update(block)
                    if info.size_bytes <= IN_MEMORY_BYTES:
                        blocks.append(block)
                found = self._probed(info, slicing, io.BytesIO(b"".join(blocks)) if blocks else file)
                is_known = not info.etag or self._objects.is_unchanged(info.ref, file)  # without an eTag HEAD has to do
        except Replaced:
            return None
        return replace(found, audio_id=info.sha256 or content.hexdigest()) if is_known else None

    def _probed(self, info: ObjectInfo, slicing: SlicingOptions, file: BinaryIO) -> Content:
        """Without its id."""
        if self._probe is None or info.size_bytes > self._settings.max_upload_bytes:
            return Content("")
        try:
            return Content("", self._probe(file, slicing))
        except Invalid as error:
            return Content("", refused=error.failure)


def _within(trace: TraceContext | None, request: JobRequested) -> JobRequested:
    """In the trace of the event, unless its upload was promised within another one."""
    if trace is None or request.job.trace is not None:
        return request
    return request.model_copy(update={"job": request.job.model_copy(update={"trace": trace})})


def _filename(info: ObjectInfo) -> str:
    return info.key.rstrip("/").rpartition("/")[2] or info.key
