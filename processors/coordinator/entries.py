"""An entry of each of the coordinator's tables, and a change of one as a record of its changelog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import orjson

from runtime.errors import MurmurError
from runtime.kafka.messages import Output
from schemas import topics
from schemas.jobs import Job, State, Work
from schemas.record import Lane, ObjectRef, Time, Value
from schemas.topics import Topic
from schemas.work import AudioInfo, ChunkTranscribed, SlicedChunk, Span

STATES: Mapping[str, State] = {state: state for state in get_args(State)}


class WorkState(Value):
    """A work in progress. `chunks` is None until the slicer's closing record; `starter` is the job that began the run."""

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

    @property
    def is_awaited(self) -> bool:
        """It was asked for again, and that answer is not here yet."""
        return self.again and self.result.attempt == 0


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
