"""The coordinator's tables: in memory, one set for each partition, rebuilt from their changelogs when a partition arrives.

Changed only through `apply()`, with what `decide()` returned, after which the same changes go to the changelogs. Works in hand
are few and held as they were read. Ended jobs and finished works are many: of those only what is asked for is held.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Literal, get_args

import orjson

from runtime.errors import MurmurError
from runtime.kafka.messages import Output
from schemas import topics
from schemas.jobs import Job, State, Work
from schemas.record import Lane, ObjectRef, Time, Value
from schemas.topics import Topic
from schemas.work import AudioInfo, ChunkTranscribed, SlicedChunk, Span

FORGOTTEN_MAX = 20  # entries of a table that one event may delete: each is a record of its transaction
STATES: Mapping[str, State] = {state: state for state in get_args(State)}


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


@dataclass(frozen=True, slots=True)
class JobState:
    """A job that waits (`job` is there) or has ended (`ended_at` is there).

    `unannounced`: it was cancelled before its request came; the request will announce that.
    """

    work_id: str
    state: State
    job: Job | None = None
    ended_at: datetime | None = None
    unannounced: bool = False

    @classmethod
    def read(cls, raw: bytes) -> "JobState":
        """Field by field, and only a job that waits is validated: ended ones come back by the hundred thousand."""
        data = orjson.loads(raw)
        job = None if data["job"] is None else Job.model_validate(data["job"])
        ended_at = None if data["ended_at"] is None else datetime.fromisoformat(data["ended_at"])
        return cls(data["work_id"], STATES[data["state"]], job, ended_at, data["unannounced"])


class ChunkState(Value):
    """The newest result of a chunk. `again`: it was asked for once more, in the file's language."""

    result: ChunkTranscribed
    again: bool = False


class CacheEntry(Value):
    """A finished work, for whoever reads the changelog. The table holds the key: where the transcript is follows from it."""

    transcript: ObjectRef
    finished_at: Time


TableName = Literal["works", "jobs", "chunks", "cache"]
CHANGELOGS: Mapping[TableName, Topic] = {
    "works": topics.WORKS_CHANGELOG,
    "jobs": topics.JOBS_CHANGELOG,
    "chunks": topics.CHUNKS_CHANGELOG,
    "cache": topics.CACHE_CHANGELOG,
}
TABLE_OF: Mapping[str, TableName] = {topic.name: name for name, topic in CHANGELOGS.items()}
READ: Mapping[TableName, Callable[[bytes], Any]] = {
    "works": WorkState.model_validate_json,
    "jobs": JobState.read,
    "chunks": ChunkState.model_validate_json,
    "cache": orjson.loads,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One entry set, or deleted (`value` None)."""

    table: TableName
    key: str
    value: Any

    def output(self, partition: int) -> Output:
        """Its changelog record, in the partition of the event that caused it."""
        raw = None if self.value is None else orjson.dumps(self.value, _plain, orjson.OPT_UTC_Z)
        return Output(CHANGELOGS[self.table], self.key, raw, partition)

    @classmethod
    def read(cls, topic: str, key: bytes, raw: bytes) -> "Change":
        """Raises MurmurError: to go on without an entry would be to forget a job."""
        table = TABLE_OF[topic]
        try:
            return cls(table, key.decode(), READ[table](raw))
        except (ValueError, KeyError, TypeError) as error:
            raise MurmurError(f"the entry {key!r} of {topic} cannot be read: {error!r}") from error


def _plain(part: Value) -> dict[str, Any]:
    return part.model_dump(mode="json")


def chunk_table_key(work_id: str, span: Span) -> str:
    return f"{work_id}|{span[0]}-{span[1]}"


def _span(text: str) -> Span:
    start, end = text.split("-")
    return int(start), int(end)


@dataclass(slots=True)
class Tables:
    """The entries of one partition, and two indexes made from `jobs`: those that wait, by work, and those that have ended.

    `cache` and `ended` begin with the oldest.
    """

    works: dict[str, WorkState] = field(default_factory=dict)
    jobs: dict[str, JobState] = field(default_factory=dict)
    chunks: dict[str, dict[Span, ChunkState]] = field(default_factory=dict)
    cache: OrderedDict[str, None] = field(default_factory=OrderedDict)
    waiting: dict[str, dict[str, Job]] = field(default_factory=dict)
    ended: OrderedDict[str, datetime] = field(default_factory=OrderedDict)

    def apply(self, change: Change) -> None:
        match change.table:
            case "works":
                _set(self.works, change.key, change.value)
            case "jobs":
                self._apply_job(change.key, change.value)
            case "chunks":
                work_id, _, span = change.key.partition("|")
                _set_of(self.chunks, work_id, _span(span), change.value)
            case "cache":
                self.cache.pop(change.key, None)
                if change.value is not None:
                    self.cache[change.key] = None

    def _apply_job(self, job_id: str, state: JobState | None) -> None:
        if (old := self.jobs.get(job_id)) is not None:
            _set_of(self.waiting, old.work_id, job_id, None)
            self.ended.pop(job_id, None)
        _set(self.jobs, job_id, state)
        if state is not None and state.job is not None:
            _set_of(self.waiting, state.work_id, job_id, state.job)
        elif state is not None and state.ended_at is not None:
            self.ended[job_id] = state.ended_at

    def jobs_waiting(self, work_id: str) -> Iterable[tuple[str, Job]]:
        return self.waiting.get(work_id, {}).items()

    def expired(self, now: datetime, job_memory_s: float, cache_entries: int) -> list[Change]:
        """What may be forgotten by now. A few at a time: called with every event."""
        oldest = islice(self.ended.items(), FORGOTTEN_MAX)
        jobs = [job_id for job_id, ended_at in oldest if (now - ended_at).total_seconds() > job_memory_s]
        surplus = max(0, len(self.cache) - cache_entries)
        works = islice(self.cache, min(surplus, FORGOTTEN_MAX))
        return [*(Change("jobs", job_id, None) for job_id in jobs), *(Change("cache", work_id, None) for work_id in works)]


def _set(table: dict[Any, Any], key: object, value: object) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _set_of(table: dict[str, dict[Any, Any]], work_id: str, key: object, value: object) -> None:
    """For tables by work; a work without any has no entry."""
    entries = table.setdefault(work_id, {})
    _set(entries, key, value)
    if not entries:
        del table[work_id]
