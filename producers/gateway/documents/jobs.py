"""What is said about a job: its acceptance, its status, its row in the list."""

from typing import Literal

from pydantic import AwareDatetime, Field

from producers.gateway.documents.document import Document
from schemas.audio import AudioTrack
from schemas.jobs import Source, State
from schemas.options import ModelRef
from schemas.record import Failure
from schemas.segment import RemovedSegment, Word
from schemas.timings import Timings
from schemas.warning import TranscriptWarning


class Audio(Document):
    """What the file states about itself."""

    container: str
    codec: str
    duration: float | None = Field(description="seconds; null: not stated")
    tracks: tuple[AudioTrack, ...]


class EstimateRange(Document):
    """Seconds from now until the job ends, at least and at most."""

    min: float
    max: float


class Submitted(Document):
    """An accepted job."""

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    status_url: str
    message: str
    submission_time: AwareDatetime
    audio: Audio | None
    estimate: EstimateRange | None
    retry_of: str | None = Field(None, description="the job that this one retries")


class TranscriptSegment(Document):
    """A sentence or phrase, with its times in seconds of the file."""

    start: float
    end: float
    text: str
    language: str | None
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    words: tuple[Word, ...] | None = Field(None, description="missing unless they were requested")


class ProgressDocument(Document):
    """How far the transcription is, and the segments so far. What is not known is null."""

    share: float = Field(description="of the speech, from 0 to 1; 0 while it is not known")
    fraction: float | None = Field(description="as `share`; null while it is not known")
    processed_s: float | None = Field(description="this share of the length of the audio")
    total_s: float | None = Field(description="length of the audio")
    eta_s: float | None = Field(description="seconds until the job will probably end")
    segments: tuple[TranscriptSegment, ...]


class Transcription(Document):
    """The text."""

    text: str
    segments: tuple[TranscriptSegment, ...]
    language: str | None = Field(description="null: nobody speaks")
    duration: float


class DecodedAudio(Document):
    """What the container declares, and what was decoded."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    declared_duration_s: float | None = Field(description="null: not declared")
    duration_s: float = Field(description="on the player's clock")
    start_s: float = Field(description="where the sound begins on that clock")
    track: int = Field(description="the audio track that was read")
    tracks: tuple[AudioTrack, ...]


class Result(Document):
    """The transcript, and how it was made."""

    success: Literal[True]
    transcription: Transcription
    model: ModelRef
    processing_time: float
    timings: Timings | None
    removed: tuple[RemovedSegment, ...]
    warnings: tuple[TranscriptWarning, ...]
    audio_info: DecodedAudio
    cached: bool


class JobStatus(Document):
    """State, progress and result of a job."""

    success: bool = Field(description="false after FAILURE and REVOKED")
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    state: State
    message: str
    filename: str
    submitted_at: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    retry_of: str | None
    model: ModelRef
    warnings: tuple[TranscriptWarning, ...]
    audio: Audio | None
    estimate: EstimateRange | None
    timings: Timings | None
    progress: ProgressDocument
    result: Result | None = Field(None, description="after SUCCESS, while the transcript is in the store")
    error: Failure | None = Field(None, description="after FAILURE")


class JobRow(Document):
    """A job in the list."""

    task_id: str = Field(json_schema_extra={"format": "uuid"})
    filename: str
    source: Source
    state: State
    message: str
    share: float
    submitted_at: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    changed_at: AwareDatetime
    retry_of: str | None
    cached: bool
    model: str
    language: str | None
    duration: float | None
    warnings: tuple[TranscriptWarning, ...]


class JobList(Document):
    """The newest jobs, and how many there are in each state."""

    jobs: tuple[JobRow, ...]
    next_cursor: str | None = Field(description="null at the end of the list")
    counts: dict[State, int]


class Cancelled(Document):
    """A cancellation that was requested, or has been carried out already."""

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    state: State
    message: str


class Deleted(Document):
    """A job that is no longer there."""

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    message: str
