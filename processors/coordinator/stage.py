"""The coordinator's handler: for each event it decides, stores the transcript if there is one, and applies the changes.

Fed by `requests`, `cancellations`, `cache-clears` and `chunk-results`, which are co-partitioned; feeds every topic about jobs.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from processors.coordinator import correction, forgetting, job_log
from processors.coordinator.cache_policy import CachePolicy
from processors.coordinator.cache_upkeep import CacheUpkeep
from processors.coordinator.context import Context
from processors.coordinator.decide import Decision, Event, decide
from processors.coordinator.entries import CHANGELOGS, Change, WorkState
from processors.coordinator.tables import JobLimits, Tables
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
from schemas.cache import CacheCleared, CacheEntry
from schemas.codec import Undecodable
from schemas.jobs import JobChanged, JobRequested
from schemas.topics import CACHE_CHANGELOG, CACHE_CLEARS, CANCELLATIONS, CHUNK_RESULTS, REQUESTS, REVOCATIONS, Topic
from schemas.transcript import Transcript
from schemas.work import DecodeRequested, WorkCorrected, WorkReported

log = get_logger(__name__)
IDLE_S = 10.0  # how often entries expire while there are no events
INPUTS: tuple[Topic[Event], ...] = (REQUESTS, CANCELLATIONS, CACHE_CLEARS, CHUNK_RESULTS)


def build(resources: Resources) -> Stage:
    """Its `run()` raises UsageError when co-partitioned topics do not have the same number of partitions."""
    settings = resources.settings
    options = LoopOptions(assignment="range", transactional=True, check=topics.check, keep_large=resources.keep_large)
    coordinator = Coordinator(resources.kafka, resources.transcripts, settings)
    coordinator.chunk_results = resources.chunk_results
    coordinator.has_process = resources.local_state is None
    return Loop("coordinator", resources.kafka, INPUTS, coordinator, options)


class Coordinator:
    """A Handler. Every record is settled in the turn in which it is polled."""

    def __init__(self, kafka: Kafka, transcripts: Transcripts, settings: Settings) -> None:
        self._kafka = kafka
        self._transcripts = transcripts
        self._settings = settings
        self._tables: dict[int, Tables] = {}
        self._idle_until_s = 0.0
        self._cache = CacheUpkeep(CachePolicy.of(settings))
        self.chunk_results = WorkFolders(None)
        self.has_process = False  # of its own

    def room(self, topic: str) -> int:
        return 200

    def handle(self, records: Sequence[Received[Event]]) -> Iterable[Step]:
        for record in records:
            yield Step(outputs=self._outputs(record, datetime.now(UTC)), settles=record)
        if overdue := self._overdue(datetime.now(UTC)):
            yield Step(outputs=overdue)
        if records or time.monotonic() >= self._idle_until_s:
            yield from self._upkeep(len(records), datetime.now(UTC))

    def _outputs(self, record: Received[Event], now: datetime) -> list[Output]:
        """Decides, stores, and only then changes the tables: a Retry from the store leaves them as they were."""
        number, event = record.partition.number, record.event
        tables = self._tables[number]
        context = self._context(tables, record, now)
        decision = decide(tables, event, context)
        changes = forgetting.sized(decision.changes, decision.outputs)
        if decision.transcript is not None:
            size_bytes = self._transcripts.write(decision.transcript).size_bytes or 0
            changes = [_sized(change, size_bytes) for change in changes]
        self._keep_folders(decision)
        if isinstance(event, CacheCleared) and event.work_id is None:
            self.chunk_results.keep_only({work_id for each in self._tables.values() for work_id in each.works})
        for change in changes:
            tables.apply(change)
        if isinstance(event, JobRequested) and context.finished is not None and not event.rewrite:
            self._cache.used(number, tables, event.work.work_id, now)
        job_log.log_ended(decision.outputs, decision.transcript)
        return [*decision.outputs, *(change.output(number) for change in changes), *self._forget(number, now)]

    def _upkeep(self, events: int, now: datetime) -> Iterator[Step]:
        """At the end of a turn, and now and then without events: entries of the tables that have to go, a few at a time. What it
        writes is safe to repeat."""
        changes = list(self._cache.due(self._tables, events, now))
        for work_id in (change.key for _, change in changes if change.value is None):
            self._transcripts.forget(work_id)  # no request will be answered with it
        outputs = [change.output(number) for number, change in changes]
        if not events:
            outputs += [output for number in self._tables for output in self._forget(number, now)]
            self._idle_until_s = 0.0 if outputs else time.monotonic() + IDLE_S  # there may be more
        if outputs:
            yield Step(outputs=outputs)

    def _forget(self, partition: int, now: datetime) -> list[Output]:
        """Deletes a few jobs that ended long ago from the tables of a partition."""
        tables, settings = self._tables[partition], self._settings
        changes = tables.forgotten(now, JobLimits.of(settings, self._cache.partitions or len(self._tables)))
        outputs = list(forgetting.tombstones(tables, changes)) if settings.retention_jobs_s else []
        for output in outputs:
            if output.topic == REVOCATIONS:
                self.chunk_results.delete(str(output.key))
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
        new_run, event = f"{record.partition.number}-{record.offset}", record.event
        correction_s = self._settings.correction_timeout_s if self._settings.corrects else None
        context = Context(new_run, now, self._settings.work_bucket, correction_s=correction_s, policy=self._cache.policy)
        if isinstance(event, JobRequested):
            return self._answered(context, tables, event)
        if isinstance(event, WorkReported) and isinstance(event.event, WorkCorrected):
            return replace(context, finished=self._corrected(tables.works.get(event.work_id), event.event))
        return context

    def _answered(self, context: Context, tables: Tables, request: JobRequested) -> Context:
        """With what the cache has for this request, or the transcript that is being corrected."""
        if str(request.job.job_id) in tables.jobs:  # a repeat: the job has its answer, and perhaps needs its result files
            return replace(context, finished=self._transcript(request)) if request.rewrite else context
        policy, state = self._cache.policy, tables.works.get(request.work.work_id)
        entry = policy.answer(tables.cache, request, context.now)
        if entry is not None:
            return replace(context, failure=entry.failure, finished=self._transcript(request) if not entry.failure else None)
        if (
            state is None
            or state.correction is None
            or not policy.accepts(tables.cache, request, state.correction.transcribed_at)
        ):
            return context
        return replace(context, finished=self._transcript(request))

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

    def _transcript(self, request: JobRequested) -> Transcript | None:
        """As it is stored; None: it was deleted or damaged since."""
        work_id, ref = request.work.work_id, request.result
        try:
            if request.rewrite and ref is not None and keys.is_corrected(ref.key):
                return self._transcripts.read_at(ref, work_id)
            return self._transcripts.read_stored(work_id)
        except (NotFound, Undecodable) as error:
            log.warning("transcript.lost", work_id=work_id, error=error)
            return None

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """Blocks until the tables of the new partitions are restored from their changelogs. In a process of its own they are
        kept from the garbage collector: looking through a million entries would stop everything for a quarter of a second."""
        added = sorted({partition.number for partition in partitions} - self._tables.keys())
        if not added:
            return
        tables = {number: Tables() for number in added}
        entries = 0
        with gc_paused(keep_out=self.has_process):
            for partition, key, value in changelog.newest(self._kafka, list(CHANGELOGS.values()), added):
                tables[partition.number].restore(partition.topic, key, value)
                entries += 1
        self._cache.partitions = len(self._kafka.offsets.partitions((CACHE_CHANGELOG,)))  # known since the changelogs were read
        self._tables |= tables
        log.info("tables.restored", partitions=added, entries=entries)

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._tables.pop(partition.number, None)

    def close(self) -> None:
        self._tables.clear()


def _sized(change: Change, size_bytes: int) -> Change:
    """The entry of a work that has just been finished, with the size of its stored transcript."""
    is_entry = isinstance(change.value, CacheEntry) and change.value.size_bytes == 0
    return Change(change.table, change.key, replace(change.value, size_bytes=size_bytes)) if is_entry else change
