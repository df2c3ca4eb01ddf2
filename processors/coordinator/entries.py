"""The entries of the coordinator's tables, and a change of one as a record of its changelog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import orjson

from runtime.errors import MurmurError
from runtime.kafka.messages import Output
from runtime.objects import keys
from schemas import topics
from schemas.cache import CLEARED, CacheEntry
from schemas.jobs import Job, State, Work
from schemas.record import Lane, Time, Trace, Value
from schemas.topics import Topic
from schemas.work import AudioInfo, ChunkTranscribed, SlicedChunk, Span

STATES: Mapping[str, State] = {state: state for state in get_args(State)}


class Correcting(Value):
    """A transcript is finished, and its text is being corrected for these owners."""

    transcribed_at: Time
    until: Time
    owners: tuple[str, ...] = ()


class WorkState(Value):
    """A work in progress. `chunks` is None until the slicer's closing record; `starter` is the job that began the run, empty if
    its transcript was there before. `no_cache`: that job demanded a new transcription. `lane`: as it was requested;
    `chosen_lane`: as the slicer has reported."""

    work: Work
    run: str
    starter: str
    lane: Lane | None
    chosen_lane: Lane | None = None
    started_at: Time | None = None
    no_cache: bool = False
    decodes: int = 1
    audio_info: AudioInfo | None = None
    chunks: tuple[SlicedChunk, ...] | None = None
    decode_s: float | None = None
    vad_s: float | None = None
    decoder_peak_memory_bytes: int | None = None
    audio_run: str | None = None
    trace: Trace = None
    correction: Correcting | None = None

    @property
    def duration_s(self) -> float | None:
        """Of the audio: as decoded, or before that as declared."""
        info = self.audio_info
        return (info.duration_s or info.declared_duration_s) if info is not None else None


@dataclass(frozen=True, slots=True)
class JobState:
    """A job that waits (`job` is set) or has ended (`ended_at` is set).

    `unannounced`: it was cancelled before its request arrived; the request will announce that. `record_bytes`: size of its record
    on `jobs`; 0 if there is none, and of entries of earlier versions.
    """

    work_id: str
    state: State
    job: Job | None = None
    ended_at: datetime | None = None
    unannounced: bool = False
    record_bytes: int = 0

    @classmethod
    def read(cls, raw: bytes) -> "JobState":
        """Field by field, and validates only a job that waits: there may be hundreds of thousands of ended ones."""
        data = orjson.loads(raw)
        job = None if data["job"] is None else Job.model_validate(data["job"])
        ended_at = None if data["ended_at"] is None else datetime.fromisoformat(data["ended_at"])
        return cls(data["work_id"], STATES[data["state"]], job, ended_at, data["unannounced"], data.get("record_bytes", 0))


class ChunkState(Value):
    """The newest result of a chunk. `again`: a second transcription was requested, in the file's language."""

    result: ChunkTranscribed
    again: bool = False

    @property
    def is_awaited(self) -> bool:
        """The second result was requested and has not arrived."""
        return self.again and self.result.attempt == 0


TableName = Literal["works", "jobs", "chunks", "cache"]
CHANGELOGS: Mapping[TableName, Topic] = {
    "works": topics.WORKS_CHANGELOG,
    "jobs": topics.JOBS_CHANGELOG,
    "chunks": topics.CHUNKS_CHANGELOG,
    "cache": topics.CACHE_CHANGELOG,
}
TABLE_OF: Mapping[str, TableName] = {topic.name: name for name, topic in CHANGELOGS.items()}
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)
READ: Mapping[TableName, Callable[[bytes], Any]] = {
    "works": WorkState.model_validate_json,
    "jobs": JobState.read,
    "chunks": ChunkState.model_validate_json,
    "cache": CacheEntry.read,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One entry set, or deleted (`value` None)."""

    table: TableName
    key: str
    value: Any

    def output(self, partition: int) -> Output:
        """Its changelog record, in the partition of the event that caused it."""
        return Output(CHANGELOGS[self.table], self.key, self._raw(), partition)

    def _raw(self) -> bytes | None:
        if isinstance(self.value, CacheEntry):
            has_transcript = self.value.failure is None and self.key != CLEARED
            return self.value.written(keys.transcript_key(self.key) if has_transcript else None)
        return None if self.value is None else orjson.dumps(self.value, _plain, orjson.OPT_UTC_Z)

    @classmethod
    def read(cls, topic: str, key: bytes, raw: bytes) -> "Change":
        """Raises MurmurError: without the entry a job would be lost."""
        table = TABLE_OF[topic]
        try:
            return cls(table, key.decode(), READ[table](raw))
        except UNREADABLE as error:
            raise unreadable(topic, key, error) from error


def unreadable(topic: str, key: bytes, error: Exception) -> MurmurError:
    return MurmurError(f"the entry {key!r} of {topic} cannot be read: {error!r}")


def _plain(part: Value) -> dict[str, Any]:
    return part.model_dump(mode="json")


def chunk_table_key(work_id: str, span: Span) -> str:
    return f"{work_id}|{span[0]}-{span[1]}"
