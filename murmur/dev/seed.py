"""The embedded broker starts empty: this module fills it from the data directory.

The gateway's view stores every job's last record and its request, the cache, and registered webhook endpoints. Before any stage
starts, ended jobs and the cache are written to the coordinator's changelogs, so that inbox files are not processed again, ended
jobs of the last day to `jobs` (`last_day.py`), and endpoints and dead letters to their topics. Once the stages run, requests and
cancellations of unfinished jobs are published again: the broker keeps only a few MiB, and blocks a producer while its consumers
lag. So are those of dropped files whose result files are missing, which are then written again, and the deliveries of webhooks
that are not settled (`webhooks.py`).
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from murmur.dev import last_day
from murmur.dev.webhooks import undelivered
from runtime.errors import MurmurError, UsageError
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore, StoreUnavailable
from runtime.objects.store import BadKey
from runtime.objects.transcripts import Transcripts
from runtime.retention import job_bytes
from runtime.settings import Settings
from runtime.work_folders import CHUNK_RESULTS, WorkFolders
from schemas.cache import CLEARED, CacheEntry
from schemas.codec import Undecodable
from schemas.jobs import TERMINAL, CancelRequested, JobChanged, JobRequested
from schemas.options import ModelRef
from schemas.record import Failure, ObjectRef
from schemas.topics import CANCELLATIONS, DEAD_LETTERS, REQUESTS, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS
from schemas.webhooks import WebhookEndpoint, WebhookEndpointState

if TYPE_CHECKING:
    from producers.gateway.view.view import View

log = get_logger(__name__)
FLUSH_S = 30.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """`requests`: of unfinished jobs, of missing result files and of webhooks that were not delivered, for `request_again`.
    `drops`: the objects of all jobs that came from the inbox."""

    requests: tuple[Output, ...] = ()
    drops: tuple[ObjectRef, ...] = ()


def remember(broker: EmbeddedBroker, settings: Settings, objects: ObjectStore, served: Sequence[ModelRef]) -> Remembered:
    """Called before the stages start. Blocks. Unfinished jobs for models that are not `served` any more will fail."""
    from producers.gateway.view.view import View, view_path
    from sinks.retention import stage as retention

    if not _has_content(view_path(settings)):
        _keep_results(settings, set())
        retention.fill(settings)
        return Remembered()
    kafka = broker.kafka()
    writer = Writer(kafka, kafka.producer("seed"), "dev")
    view = View(view_path(settings), embedded=True)
    try:
        _open(view)
        known, unfinished = _jobs(view)
        endpoints = list(view.webhooks.registered())
        letters = list(view.letters.unsettled())
        forgotten = _forget(view, known, settings, objects)
        rewrites = list(_rewrites(view, known, settings, objects))
        webhooks = list(undelivered(view.webhooks, known))
        noted = {note.job.job_id for note in view.jobs.notes()}
        cached = [*_cached(view, settings), *_finished(unfinished, Transcripts(objects, settings.work_bucket))]
        cleared_at = view.cache.all_cleared_at
    finally:
        view.close()
    listed = [job for job in known if job.job.job_id not in forgotten]
    _keep_results(settings, {*(job.work_id for job in listed), *(requested.work.work_id for requested, _ in unfinished)})
    retention.fill(
        settings, (job for job in listed if job.job.job_id not in noted), [requested for requested, _ in unfinished], cached
    )
    ended = _send(writer, _memories(broker, known, settings.ended_jobs_s))
    _send(writer, _cache(broker, cached, cleared_at))
    _send(writer, _endpoints(endpoints))
    _send(writer, last_day.outputs((job for job in known if job.job.job_id not in noted), settings.ended_jobs_s))
    last_day.skip(broker)
    _send(writer, (Output(DEAD_LETTERS, dead.subject, dead) for dead in letters))
    if ended or unfinished:
        log.info("jobs.restored", ended=ended, unfinished=len(unfinished), rewritten=len(rewrites))
    jobs = [*(last.job for last in known), *(request.job for request, _ in unfinished)]
    again = [*_refused(unfinished, served), *rewrites]
    requests = [output for requested, cancelled in again for output in _requests(requested, cancelled)]
    return Remembered((*requests, *webhooks), tuple(job.dropped for job in jobs if job.dropped is not None))


def _jobs(view: "View") -> tuple[list[JobChanged], list[tuple[JobRequested, CancelRequested | None]]]:
    """The last record of each, and the unfinished ones."""
    from producers.gateway.view.database import ViewDamaged

    try:
        return list(view.jobs.records()), list(view.jobs.unfinished())
    except ViewDamaged:
        view.open()  # the last copy of it
        return list(view.jobs.records()), list(view.jobs.unfinished())


def _forget(view: "View", jobs: Sequence[JobChanged], settings: Settings, objects: ObjectStore) -> set[UUID]:
    """What the coordinator would forget at once, which is returned, and the notes of drops whose files are no longer there."""
    before = datetime.now(UTC) - timedelta(seconds=settings.ended_jobs_s)
    old = {job.job.job_id for job in jobs if job.state in TERMINAL and job.changed_at < before}
    forgotten = old if settings.retention_jobs_s else set[UUID]()
    view.forget(map(str, forgotten))
    view.remove_notes(job.job.job_id for job in list(view.jobs.notes()) if not _is_there(objects, job.job.dropped))
    return forgotten


def _keep_results(settings: Settings, work_ids: Set[str]) -> None:
    """Of the chunks of other works: their jobs are forgotten here, so that the coordinator has no occasion to delete them."""
    with suppress(StoreUnavailable):  # the next start tries again
        WorkFolders(settings.data_dir / CHUNK_RESULTS).keep_only(work_ids)


def request_again(broker: EmbeddedBroker, outputs: Sequence[Output]) -> None:
    """Called while the stages run. Blocks until the broker has everything; a job that is requested twice is one job."""
    kafka = broker.kafka()
    _send(Writer(kafka, kafka.producer("seed"), "dev"), outputs)


def _has_content(file: Path) -> bool:
    """False also for a file that was created while the disk was full."""
    sides = [file, file.with_name(f"{file.name}-wal")]
    return any(side.exists() and side.stat().st_size for side in sides)


def _open(view: "View") -> None:
    """Raises UsageError when nothing can be read, without which files of the inbox would be processed again."""
    from producers.gateway.view.database import ViewUnavailable

    try:
        view.open()
    except ViewUnavailable as error:
        if not view.is_readable:
            raise UsageError(f"the jobs of the last run cannot be read: {error}. Free some space and start again") from error


def _requests(request: JobRequested, cancelled: CancelRequested | None) -> Iterator[Output]:
    yield Output(REQUESTS, request.work.work_id, request)
    if cancelled is not None:
        yield Output(CANCELLATIONS, request.work.work_id, cancelled)


def _refused(
    unfinished: Iterable[tuple[JobRequested, CancelRequested | None]], served: Sequence[ModelRef]
) -> Iterator[tuple[JobRequested, CancelRequested | None]]:
    """`murmur dev` may have been started with another model than before: nobody would transcribe their chunks."""
    for requested, cancelled in unfinished:
        model = requested.work.model
        if model in served:
            yield requested, cancelled
            continue
        message = f"the job needs the model {model.name} ({model.revision[:12]}), which is not served any more: retry it"
        failure = Failure(reason="model_not_served", message=message)
        yield requested.model_copy(update={"refused": failure}), cancelled


def _cached(view: "View", settings: Settings) -> list[tuple[str, CacheEntry]]:
    """The cache as it was, without what has expired or was cleared meanwhile."""
    from producers.gateway.view.database import ViewUnavailable

    since = view.cache.since(settings.cache_ttl_s, datetime.now(UTC))
    with suppress(ViewUnavailable):  # without space on the disk
        view.prune_cache(since)
    return list(view.cache.entries(since))


def _finished(
    unfinished: Iterable[tuple[JobRequested, CancelRequested | None]], transcripts: Transcripts
) -> Iterator[tuple[str, CacheEntry]]:
    """Works of jobs that have not ended, though their transcript was made since they were submitted: the process ended between
    the two, and the results of their chunks are deleted."""
    for requested, cancelled in unfinished:
        work_id = requested.work.work_id
        stored = transcripts.find(work_id, requested.job.submitted_at) if cancelled is None else None
        if stored is None:
            continue
        with suppress(NotFound, Undecodable):
            made = transcripts.read_stored(work_id)
            yield work_id, CacheEntry(made.created_at, stored.size_bytes or 0, made.duration_s, made.language)


def _rewrites(
    view: "View", jobs: Sequence[JobChanged], settings: Settings, objects: ObjectStore
) -> Iterator[tuple[JobRequested, None]]:
    """Of succeeded jobs whose file is still in the inbox, and whose results in the outbox are not all there."""
    there = {info.key for info in objects.list(settings.results_bucket)}
    transcripts = Transcripts(objects, settings.work_bucket)
    for job in jobs:
        files = job.result.files if job.state == "SUCCESS" and job.result is not None else ()
        if there.issuperset(files) or not _is_there(objects, job.job.dropped):
            continue
        requested, transcript = view.jobs.request(job.job.job_id), transcripts.find(job.work_id)
        if requested is not None and transcript is not None:
            corrected = job.result.corrected if job.result is not None else None
            yield requested.model_copy(update={"result": corrected or transcript, "rewrite": True}), None


def _is_there(objects: ObjectStore, dropped: ObjectRef | None) -> bool:
    """That version of the object."""
    try:
        return dropped is not None and objects.head(dropped.bucket, dropped.key).etag == dropped.etag
    except (NotFound, BadKey):
        return False


def _send(writer: Writer, outputs: Iterable[Output]) -> int:
    count = 0
    for output in outputs:
        writer.send(output)
        writer.poll()
        count += 1
    if not writer.flush(FLUSH_S):
        raise MurmurError("the embedded broker did not acknowledge the jobs of the last run")
    return count


def _memories(broker: EmbeddedBroker, jobs: Iterable[JobChanged], job_memory_s: float) -> Iterator[Output]:
    """Ended jobs as entries of the coordinator's table, in the partition of their requests."""
    from processors.coordinator.entries import Change, JobState

    now = datetime.now(UTC)
    for job in jobs:
        if job.state in TERMINAL and (now - job.changed_at).total_seconds() < job_memory_s:
            memory = JobState(job.work_id, job.state, ended_at=job.changed_at, record_bytes=job_bytes(job))
            yield Change("jobs", str(job.job.job_id), memory).output(broker.partition(job.work_id))


def _cache(broker: EmbeddedBroker, cached: Iterable[tuple[str, CacheEntry]], cleared_at: datetime | None) -> Iterator[Output]:
    """Entries of the coordinator's table, and in every partition when it was cleared last."""
    from processors.coordinator.entries import Change

    for work_id, entry in cached:
        yield Change("cache", work_id, entry).output(broker.partition(work_id))
    if cleared_at is not None:
        yield from (Change("cache", CLEARED, CacheEntry(cleared_at)).output(number) for number in range(broker.partitions))


def _endpoints(registered: Iterable[tuple[WebhookEndpoint, WebhookEndpointState | None]]) -> Iterator[Output]:
    for endpoint, state in registered:
        yield Output(WEBHOOK_ENDPOINTS, endpoint.endpoint_id, endpoint)
        if state is not None:
            yield Output(WEBHOOK_ENDPOINT_STATES, state.endpoint_id, state)
