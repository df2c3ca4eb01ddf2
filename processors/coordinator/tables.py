"""The coordinator's tables: in memory, one set for each partition, rebuilt from their changelogs when a partition is assigned.

Changed only through `apply()`, with what `decide()` returned, after which the same changes go to the changelogs. Works in
progress are few and kept whole. Ended jobs and finished works are many: of those only the fields that are needed are kept.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, takewhile
from math import ceil
from typing import Any

from processors.coordinator.cache import CacheTable
from processors.coordinator.entries import UNREADABLE, Change, ChunkState, JobState, WorkState, unreadable
from processors.coordinator.tally import Tally
from runtime.settings import Settings
from schemas.jobs import Job
from schemas.topics import CACHE_CHANGELOG, JOBS_CHANGELOG
from schemas.work import Span

EXPIRED_MAX = 20  # entries of a table that one event may delete: each is a record in its transaction


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How long ended jobs stay in the table of one partition. Of more than `count`, or with more than `size_bytes` of records,
    the oldest go before `age_s`, but not before `least_s`. 0: no limit."""

    age_s: float
    least_s: float = 0.0
    count: int = 0
    size_bytes: int = 0

    @classmethod
    def of(cls, settings: Settings, partitions: int) -> "JobLimits":
        """Each of the partitions has its share."""
        shares = (ceil(limit / partitions) for limit in (settings.retention_jobs_count, settings.retention_jobs_bytes))
        return cls(settings.ended_jobs_s, settings.job_memory_s, *shares)


@dataclass(slots=True)
class Tables:
    """The entries of one partition, and two indexes of `jobs`: those that wait, by work, and those that have ended.

    `ended` begins with the oldest; `ended_bytes` is the size of their records on `jobs`. `tallies` are made when a work is
    first asked for. `correcting`: when the time of corrections is over, the first ones first; without those that `take_overdue`
    has returned.
    """

    works: dict[str, WorkState] = field(default_factory=dict)
    jobs: dict[str, JobState] = field(default_factory=dict)
    chunks: dict[str, dict[Span, ChunkState]] = field(default_factory=dict)
    cache: CacheTable = field(default_factory=CacheTable)
    waiting: dict[str, dict[str, Job]] = field(default_factory=dict)
    ended: OrderedDict[str, datetime] = field(default_factory=OrderedDict)
    ended_bytes: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict, compare=False, repr=False)
    correcting: OrderedDict[str, datetime] = field(default_factory=OrderedDict, compare=False, repr=False)

    def apply(self, change: Change) -> None:
        match change.table:
            case "works":
                self._apply_work(change.key, change.value)
            case "jobs":
                self._apply_job(change.key, change.value)
            case "chunks":
                work_id, _, span = change.key.partition("|")
                self._apply_chunk(work_id, _span(span), change.value)
            case "cache":
                self.cache.put(change.key, change.value) if change.value is not None else self.cache.remove(change.key)

    def restore(self, topic: str, key: bytes, raw: bytes) -> None:
        """Applies a record of a changelog, one of each key. Raises MurmurError: without the entry a job would be lost."""
        try:
            if topic == CACHE_CHANGELOG.name:
                self.cache.restore(key, raw)
            elif topic == JOBS_CHANGELOG.name:
                self._add_job(key.decode(), JobState.read(raw))
            else:
                self.apply(Change.read(topic, key, raw))
        except UNREADABLE as error:
            raise unreadable(topic, key, error) from error

    def _apply_work(self, work_id: str, state: WorkState | None) -> None:
        _set(self.works, work_id, state)
        until = state.correction.until if state is not None and state.correction is not None else None
        _set(self.correcting, work_id, until)
        tally = self.tallies.get(work_id)
        if tally is not None and (state is None or state.chunks is not tally.chunks):
            del self.tallies[work_id]

    def _apply_chunk(self, work_id: str, span: Span, chunk: ChunkState | None) -> None:
        if (tally := self.tallies.get(work_id)) is not None:
            self.tallies[work_id] = tally.replaced(span, self.chunks.get(work_id, {}).get(span), chunk)
        _set_of(self.chunks, work_id, span, chunk)

    def _apply_job(self, job_id: str, state: JobState | None) -> None:
        if (old := self.jobs.get(job_id)) is not None:
            _set_of(self.waiting, old.work_id, job_id, None)
            self.ended_bytes -= old.record_bytes
            if state is None or state.ended_at != old.ended_at:  # else it keeps its place
                self.ended.pop(job_id, None)
        if state is None:
            self.jobs.pop(job_id, None)
        else:
            self._add_job(job_id, state)

    def _add_job(self, job_id: str, state: JobState) -> None:
        self.jobs[job_id] = state
        if state.job is not None:
            _set_of(self.waiting, state.work_id, job_id, state.job)
        elif state.ended_at is not None:
            self.ended[job_id] = state.ended_at
            self.ended_bytes += state.record_bytes

    def take_overdue(self, now: datetime) -> list[str]:
        """Works whose correction should have ended, each once: until they change, or the tables are restored."""
        overdue = list(takewhile(lambda work_id: self.correcting[work_id] <= now, self.correcting))
        for work_id in overdue:
            del self.correcting[work_id]
        return overdue

    def tally(self, work_id: str) -> Tally:
        """Of a work in progress."""
        if (tally := self.tallies.get(work_id)) is None:
            tally = self.tallies[work_id] = Tally.of(self.works[work_id].chunks, self.chunks.get(work_id, {}))
        return tally

    def jobs_waiting(self, work_id: str) -> Iterable[tuple[str, Job]]:
        return self.waiting.get(work_id, {}).items()

    def forgotten(self, now: datetime, limits: JobLimits) -> list[Change]:
        """Deletions of jobs that are beyond the limits. A few at a time, since it is called for every event."""
        surplus = len(self.ended) - limits.count if limits.count else 0
        surplus_bytes = self.ended_bytes - limits.size_bytes if limits.size_bytes else 0
        found: list[Change] = []
        for place, (job_id, at) in enumerate(islice(self.ended.items(), EXPIRED_MAX)):
            is_surplus = place < surplus or surplus_bytes > 0
            if (now - at).total_seconds() > (limits.least_s if is_surplus else limits.age_s):
                found.append(Change("jobs", job_id, None))
                surplus_bytes -= self.jobs[job_id].record_bytes
        return found


def _span(text: str) -> Span:
    start, end = text.split("-")
    return int(start), int(end)


def _set(table: dict[Any, Any], key: object, value: object) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _set_of(table: dict[str, dict[Any, Any]], work_id: str, key: object, value: object) -> None:
    """For tables by work; a work without entries is removed."""
    entries = table.setdefault(work_id, {})
    _set(entries, key, value)
    if not entries:
        del table[work_id]
