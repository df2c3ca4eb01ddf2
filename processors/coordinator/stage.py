"""The coordinator's handler: for each event it decides, stores the transcript if there is one, and applies the changes.

Fed by `requests`, `cancellations`, `cache-clears` and `chunk-results`, which are co-partitioned; feeds every topic about jobs.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from processors.coordinator import correction, forgetting, job_log
from processors.coordinator.decide import Context, Decision, Event, decide
from processors.coordinator.entries import CHANGELOGS, Change, WorkState
from processors.coordinator.tables import Tables
from runtime.gc_pause import gc_paused
from runtime.kafka import changelog, topics
from runtime.kafka.client import Kafka
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.logs import get_logger
from runtime.objects import NotFound, keys
from runtime.objects.transcripts import Transcripts
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from runtime.work_folders import WorkFolders
from schemas.cache import CacheCleared
from schemas.codec import Undecodable
from schemas.jobs import JobChanged, JobRequested
from schemas.topics import CACHE_CLEARS, CANCELLATIONS, CHUNK_RESULTS, REQUESTS, REVOCATIONS, Topic
from schemas.transcript import Transcript
from schemas.work import DecodeRequested, WorkCorrected, WorkReported

log = get_logger(__name__)
IDLE_S = 10.0  # how often entries expire while there are no events
INPUTS: tuple[Topic[Event], ...] = (REQUESTS, CANCELLATIONS, CACHE_CLEARS, CHUNK_RESULTS)


def build(resources: Resources) -> Stage:
    """Its `run()` raises UsageError when co-partitioned topics do not have the same number of partitions."""
    settings = resources.settings
    transcripts = Transcripts(resources.objects, settings.work_bucket)
    options = LoopOptions(assignment="range", transactional=True, check=topics.check, keep_large=resources.keep_large)
    coordinator = Coordinator(resources.kafka, transcripts, settings)
    coordinator.chunk_results = resources.chunk_results
    return Loop("coordinator", resources.kafka, INPUTS, coordinator, options)


class Coordinator:
    """A Handler. Every record is settled in the turn in which it is polled."""

    def __init__(self, kafka: Kafka, transcripts: Transcripts, settings: Settings) -> None:
        self._kafka = kafka
        self._transcripts = transcripts
        self._settings = settings
        self._tables: dict[int, Tables] = {}
        self._idle_until_s = 0.0
        self.chunk_results = WorkFolders(None)

    def room(self, topic: str) -> int:
        return 200

    def handle(self, records: Sequence[Received[Event]]) -> Iterable[Step]:
        for record in records:
            yield Step(outputs=self._outputs(record, datetime.now(UTC)), settles=record)
        if overdue := self._overdue(datetime.now(UTC)):
            yield Step(outputs=overdue)
        if not records and time.monotonic() >= self._idle_until_s:
            self._idle_until_s = time.monotonic() + IDLE_S
            for partition in self._tables:
                if outputs := self._expire(partition, datetime.now(UTC)):
                    yield Step(outputs=outputs)
                    self._idle_until_s = 0.0  # there may be more

    def _outputs(self, record: Received[Event], now: datetime) -> list[Output]:
        """Decides, stores, and only then changes the tables: a Retry from the store leaves them as they were."""
        tables = self._tables[record.partition.number]
        decision = decide(tables, record.event, self._context(tables, record, now))
        if decision.transcript is not None:
            self._transcripts.write(decision.transcript)
        self._keep_folders(decision)
        if isinstance(record.event, CacheCleared):
            self.chunk_results.keep_only({work_id for each in self._tables.values() for work_id in each.works})
        for change in decision.changes:
            tables.apply(change)
        job_log.log_ended(decision.outputs, decision.transcript)
        changes = [change.output(record.partition.number) for change in decision.changes]
        return [*decision.outputs, *changes, *self._expire(record.partition.number, now)]

    def _expire(self, partition: int, now: datetime) -> list[Output]:
        """Deletes a few entries that have expired from the tables of a partition. What it writes is safe to repeat."""
        tables, settings = self._tables[partition], self._settings
        forgotten = tables.forgotten(now, settings.ended_jobs_s)
        outputs = list(forgetting.tombstones(tables, forgotten)) if settings.retention_jobs_s else []
        for output in outputs:
            if output.topic == REVOCATIONS:
                self.chunk_results.delete(str(output.key))
        changes = [*forgotten, *tables.expired(settings.cache_entries)]
        for change in changes:
            tables.apply(change)
        return [*outputs, *(change.output(partition) for change in changes)]

    def _overdue(self, now: datetime) -> list[Output]:
        """Corrections whose time is over end by a report of our own. Not by a decision of this turn: only an event ensures that
        this process still owns the partition."""
        found: list[Output] = []
        for number, tables in self._tables.items():
            for work_id in tables.take_overdue(now):
                found.append(correction.overdue(tables.works[work_id], number))
        return found

    def _keep_folders(self, decision: Decision) -> None:
        """Opens the folder of a work that begins, and deletes that of one whose transcript is stored. A run that must not use
        earlier results has none."""
        again = {change.key for change in decision.changes if isinstance(change.value, WorkState) and change.value.no_cache}
        for value in (output.value for output in decision.outputs):
            if isinstance(value, DecodeRequested) and value.work.work_id not in again:
                self.chunk_results.open(value.work.work_id)
            elif isinstance(value, DecodeRequested):
                self.chunk_results.delete(value.work.work_id)
            elif isinstance(value, JobChanged) and value.state == "SUCCESS":
                self.chunk_results.delete(value.work_id)

    def _context(self, tables: Tables, record: Received[Event], now: datetime) -> Context:
        new_run = f"{record.partition.number}-{record.offset}"
        event, finished = record.event, None
        if isinstance(event, JobRequested):
            finished = self._finished(tables, event)
        elif isinstance(event, WorkReported) and isinstance(event.event, WorkCorrected):
            finished = self._corrected(tables.works.get(event.work_id), event.event)
        correction_s = self._settings.correction_timeout_s if self._settings.corrects else None
        return Context(new_run, now, self._settings.work_bucket, finished, correction_s)

    def _corrected(self, state: WorkState | None, report: WorkCorrected) -> Transcript | None:
        """The transcript that the report names, or the raw one if that cannot be read. None: neither can, or no job waits."""
        if state is None or state.correction is None:
            return None
        work_id, made_at = state.work.work_id, state.correction.transcribed_at
        for ref in (report.corrected, None):
            try:
                return self._transcripts.read_at(ref, work_id, made_at) if ref else self._transcripts.read(work_id, made_at)
            except (NotFound, Undecodable) as error:
                log.warning("transcript.lost", work_id=work_id, error=error)
        return None

    def _finished(self, tables: Tables, request: JobRequested) -> Transcript | None:
        """The transcript, if one exists according to the cache table or to the request, and may be the answer."""
        work_id = request.work.work_id
        state = tables.works.get(work_id)
        is_known = work_id in tables.cache or request.result is not None or (state is not None and state.correction is not None)
        if request.no_cache or not is_known:
            return None
        if request.rewrite and request.result is not None and keys.is_corrected(request.result.key):
            return self._transcripts.read_at(request.result, work_id)  # seed has found it there
        times = [cleared for cleared in (tables.cleared_at, request.cache_cleared_at) if cleared is not None]
        try:
            transcript = self._transcripts.read_stored(work_id)
            is_cleared = any(transcript.created_at <= cleared for cleared in times)
            return None if is_cleared and not request.rewrite else transcript
        except (NotFound, Undecodable) as error:
            log.warning("transcript.lost", work_id=work_id, error=error)
            return None

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """Blocks until the tables of the new partitions are restored from their changelogs."""
        added = sorted({partition.number for partition in partitions} - self._tables.keys())
        if not added:
            return
        tables = {number: Tables() for number in added}
        entries = 0
        with gc_paused():
            for partition, key, value in changelog.newest(self._kafka, list(CHANGELOGS.values()), added):
                tables[partition.number].apply(Change.read(partition.topic, key, value))
                entries += 1
        self._tables |= tables
        log.info("tables.restored", partitions=added, entries=entries)

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._tables.pop(partition.number, None)

    def close(self) -> None:
        self._tables.clear()
