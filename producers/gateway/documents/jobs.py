"""What is said about a job: its acceptance, its status, its row in the list."""

from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, RootModel

from producers.gateway.documents.document import Document
from producers.gateway.documents.openai import OpenAiSegment, OpenAiWord
from producers.gateway.documents.webhooks import DeliveryStateName
from schemas.audio import AudioTrack
from schemas.correction import Correction
from schemas.jobs import Source, State
from schemas.options import ModelRef, Task
from schemas.record import Failure
from schemas.segment import RemovedSegment, Word
from schemas.timings import Timings
from schemas.warning import TranscriptWarning
from schemas.work import AudioInfo

TASK_ID = "0b0c7d3e-5a53-4c8e-9d0a-1f1d2f0a7f11"
MODEL: JsonValue = {"name": "base", "revision": "ebe41f70d5b6"}
TRACK: JsonValue = {"index": 0, "channels": 1, "language": "en", "title": None, "default": True}
AUDIO: JsonValue = {"container": "flac", "codec": "flac", "duration": 118.6, "tracks": [TRACK]}
SEGMENT: JsonValue = {
    "start": 0.0,
    "end": 4.2,
    "text": "Good morning, everybody.",
    "language": "en",
    "avg_logprob": -0.21,
    "no_speech_prob": 0.01,
    "compression_ratio": 1.1,
}


def example(**fields: JsonValue) -> ConfigDict:
    """Configures a document that has an example."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


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

    model_config = example(
        success=True,
        task_id=TASK_ID,
        status_url=f"/api/transcribe/async/status/{TASK_ID}",
        message="accepted; the status_url shows its progress",
        submission_time=0.042,
        submitted_at="2026-01-02T12:00:00Z",
        audio=AUDIO,
        estimate={"min": 6.4, "max": 15.9},
    )

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    status_url: str
    message: str
    submission_time: float = Field(description="seconds that the submission took")
    submitted_at: AwareDatetime
    audio: Audio | None
    estimate: EstimateRange | None
    retry_of: str | None = Field(None, description="the job that this one retries")
    batch_id: str | None = Field(None, json_schema_extra={"format": "uuid"})


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
    raw_text: str | None = Field(None, description="as transcribed; missing unless it was corrected")


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
    raw_text: str | None = Field(None, description="as transcribed; missing unless the text was corrected")
    segments: tuple[TranscriptSegment, ...]
    language: str | None = Field(description="null: nobody speaks")
    duration: float


class Result(Document):
    """The transcript, and how it was made."""

    success: Literal[True]
    transcription: Transcription
    model: ModelRef
    processing_time: float
    timings: Timings | None
    removed: tuple[RemovedSegment, ...]
    warnings: tuple[TranscriptWarning, ...]
    audio_info: AudioInfo
    cached: bool
    correction: Correction | None = Field(None, description="what was corrected; missing unless the text was corrected")


class TranscriptJson(Document):
    """The transcript as a json file."""

    text: str
    language: str | None = Field(description="null: nobody speaks")
    language_probability: float
    duration: float
    speech_duration: float
    processing_time: float
    inference_time: float
    timings: Timings | None
    task: Task
    model: ModelRef
    segments: tuple[TranscriptSegment, ...]
    removed: tuple[RemovedSegment, ...]
    warnings: tuple[TranscriptWarning, ...]
    audio_info: AudioInfo
    raw_text: str | None = Field(None, description="as transcribed; missing unless the text was corrected")
    correction: Correction | None = Field(None, description="what was corrected; missing unless the text was corrected")


class VerboseJson(Document):
    """The transcript as OpenAI's API writes `verbose_json`."""

    task: Task
    language: str = Field(description="its English name in small letters; unknown: nobody speaks")
    duration: float
    text: str
    segments: tuple[OpenAiSegment, ...]
    words: tuple[OpenAiWord, ...] | None = Field(None, description="missing unless they were requested")


class WordList(Document):
    """The words of a transcript; none unless their times were requested."""

    language: str | None
    duration: float
    words: tuple[Word, ...]


class TranscriptFile(RootModel[TranscriptJson | VerboseJson | WordList]):
    """The transcript as json, verbose.json or words.json."""


class JobWebhook(Document):
    """What became of an event about the job, for one of its recipients."""

    webhook_id: str | None = Field(description="null: the job has not ended")
    type: str | None = Field(description="null: the job has not ended")
    endpoint_id: str | None = Field(description="null: the recipient is the job's webhook_url")
    host: str = Field(description="host and port of the URL")
    state: DeliveryStateName = Field(description="pending: there will be an attempt; failed: there will be none")
    attempts: int
    last_attempt_at: AwareDatetime | None
    outcome: str | None = Field(description="of the last attempt")
    status_code: int | None = Field(description="of the last attempt; null: no response")
    next_attempt_at: AwareDatetime | None


class JobStatus(Document):
    """State, progress and result of a job."""

    model_config = example(
        success=True,
        task_id=TASK_ID,
        work_id="5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
        state="STARTED",
        message="transcribing, 25% done",
        filename="talk.flac",
        submitted_at="2026-01-02T12:00:00Z",
        started_at="2026-01-02T12:00:01Z",
        ended_at=None,
        retry_of=None,
        model=MODEL,
        warnings=[],
        audio=AUDIO,
        estimate={"min": 4.1, "max": 11.3},
        timings=None,
        files=None,
        webhooks=[],
        progress={"share": 0.25, "fraction": 0.25, "processed_s": 29.7, "total_s": 118.6, "eta_s": 7.7, "segments": [SEGMENT]},
    )

    success: bool = Field(description="false after FAILURE and REVOKED")
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    work_id: str = Field(description="the same for all jobs with this audio, model and options, of one owner")
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
    files: dict[str, str] | None = Field(description="after SUCCESS: the path of each result file, by its format")
    webhooks: tuple[JobWebhook, ...] = Field(description="deliveries of the last 30 days")
    progress: ProgressDocument
    result: Result | None = Field(None, description="after SUCCESS, while the transcript is in the store")
    error: Failure | None = Field(None, description="after FAILURE")


class JobRow(Document):
    """A job in the list."""

    task_id: str = Field(json_schema_extra={"format": "uuid"})
    filename: str
    given_name: str | None = Field(description="of the file, by a reader")
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
    duration: float | None = Field(description="seconds, before the end as the file states; null: not known")
    warnings: tuple[TranscriptWarning, ...]


class JobList(Document):
    """The newest jobs, and how many there are in each state."""

    jobs: tuple[JobRow, ...]
    next_cursor: str | None = Field(description="null at the end of the list")
    counts: dict[State, int]
    transcripts_searched: bool | None = Field(
        description="false: this gateway has not read all transcripts yet, or has no room for them, so that jobs may be missing; "
        "null: no `text` was given"
    )


class Cancelled(Document):
    """A cancellation that was requested, or has been carried out already."""

    model_config = example(success=True, task_id=TASK_ID, state="STARTED", message="cancellation requested")

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    state: State
    message: str


class Deleted(Document):
    """A job that is no longer there."""

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    message: str
