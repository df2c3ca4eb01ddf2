"""The coordinator's tables: in memory, one set for each partition, rebuilt from their changelogs when a partition arrives.

Changed only through `apply()`, with what `decide()` returned, after which the same changes go to the changelogs.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from murmur.kafka.messages import Output
from schemas import topics
from schemas.jobs import Job, State, Work
from schemas.record import Lane, ObjectRef, Time, Value
from schemas.topics import Topic
from schemas.work import AudioInfo, ChunkTranscribed, SlicedChunk, Span


class WorkState(Value):
    """A work in hand. `chunks` is None until the slicer's closing record; `starter` is the job that began the run."""

    work: Work
    run: str
    starter: str
    lane: Lane | None
    started_at: Time | None = None
    decodes: int = 1
    audio_info: AudioInfo | None = None
    chunks: tuple[SlicedChunk, ...] | None = None


class JobState(Value):
    """A job that waits (`job` is there) or has ended (`ended_at` is there).

    `unannounced`: it was cancelled before its request came; the request will announce that.
    """

    work_id: str
    state: State
    job: Job | None = None
    ended_at: Time | None = None
    unannounced: bool = False


class ChunkState(Value):
    """The newest result of a chunk. `again`: it was asked for once more, in the file's language."""

    result: ChunkTranscribed
    again: bool = False


class CacheEntry(Value):
    """A finished work."""

    transcript: ObjectRef
    finished_at: Time


TableName = Literal["works", "jobs", "chunks", "cache"]
KINDS: Mapping[TableName, type[Value]] = {"works": WorkState, "jobs": JobState, "chunks": ChunkState, "cache": CacheEntry}
CHANGELOGS: Mapping[TableName, Topic] = {
    "works": topics.WORKS_CHANGELOG,
    "jobs": topics.JOBS_CHANGELOG,
    "chunks": topics.CHUNKS_CHANGELOG,
    "cache": topics.CACHE_CHANGELOG,
}
TABLE_OF: Mapping[str, TableName] = {topic.name: name for name, topic in CHANGELOGS.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """One entry set, or deleted (`value` None)."""

    table: TableName
    key: str
    value: Any

    def output(self, partition: int) -> Output:
        """Its changelog record, in the partition of the event that caused it."""
        raw = None if self.value is None else orjson.dumps(self.value.model_dump(mode="json"))
        return Output(CHANGELOGS[self.table], self.key, raw, partition)

    @classmethod
    def read(cls, topic: str, key: bytes, raw: bytes | None) -> "Change":
        table = TABLE_OF[topic]
        return cls(table, key.decode(), None if raw is None else KINDS[table].model_validate_json(raw))


def chunk_table_key(work_id: str, span: Span) -> str:
    return f"{work_id}|{span[0]}-{span[1]}"


def _span(text: str) -> Span:
    start, end = text.split("-")
    return int(start), int(end)


@dataclass(slots=True)
class Tables:
    """The entries of one partition, and two indexes made from them: who waits for a work, and which jobs ended first."""

    works: dict[str, WorkState] = field(default_factory=dict)
    jobs: dict[str, JobState] = field(default_factory=dict)
    chunks: dict[str, dict[Span, ChunkState]] = field(default_factory=dict)
    cache: dict[str, CacheEntry] = field(default_factory=dict)
    waiting: dict[str, dict[str, None]] = field(default_factory=dict)
    ended: deque[tuple[datetime, str]] = field(default_factory=deque)

    def apply(self, change: Change) -> None:
        match change.table:
            case "works":
                _set(self.works, change.key, change.value)
            case "cache":
                self.cache.pop(change.key, None)  # the newest entry stands last
                _set(self.cache, change.key, change.value)
            case "chunks":
                work_id, _, span = change.key.partition("|")
                chunks = self.chunks.setdefault(work_id, {})
                _set(chunks, _span(span), change.value)
                if not chunks:
                    del self.chunks[work_id]
            case "jobs":
                self._apply_job(change.key, change.value)

    def _apply_job(self, job_id: str, state: JobState | None) -> None:
        old = self.jobs.get(job_id)
        if old is not None and old.job is not None:
            waiting = self.waiting.get(old.work_id, {})
            waiting.pop(job_id, None)
            if not waiting:
                self.waiting.pop(old.work_id, None)
        _set(self.jobs, job_id, state)
        if state is not None and state.job is not None:
            self.waiting.setdefault(state.work_id, {})[job_id] = None
        elif state is not None and state.ended_at is not None:
            self.ended.append((state.ended_at, job_id))

    def jobs_waiting(self, work_id: str) -> Iterator[tuple[str, Job]]:
        for job_id in self.waiting.get(work_id, {}):
            job = self.jobs[job_id].job
            assert job is not None  # the index holds waiting jobs only
            yield job_id, job

    def expired(self, now: datetime, job_memory_s: float, cache_entries: int) -> list[Change]:
        """What may be forgotten by now. A few at a time: called with every event."""
        changes: list[Change] = []
        while self.ended and len(changes) < 20 and (now - self.ended[0][0]).total_seconds() > job_memory_s:
            changes.append(Change("jobs", self.ended.popleft()[1], None))
        surplus = len(self.cache) - cache_entries
        changes += [Change("cache", key, None) for key, _ in zip(self.cache, range(min(surplus, 20)), strict=False)]
        return changes


def _set(table: dict[Any, Any], key: object, value: object) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
