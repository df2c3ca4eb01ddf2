"""Jobs as seen from outside: requested, cancelled, and their states.

Gateway and intake ask; the coordinator alone decides.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.audio import ProbedAudio
from schemas.options import DecodingOptions, ModelRef, SlicingOptions
from schemas.record import Failure, Lane, ObjectRef, Record, Sha256, Time, Trace, TraceContext, Value
from schemas.warning import TranscriptWarning

State = Literal["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]
TERMINAL: frozenset[State] = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
Source = Literal["http", "drop"]
FormatName = Literal["json", "verbose_json", "words", "txt", "srt", "vtt", "tsv"]


class Work(Value):
    """What has to be computed, independent of the submitter: content and all options that change the text. `work_id` is its
    digest."""

    work_id: Sha256
    audio_id: Sha256
    slice_id: Sha256
    audio: ObjectRef
    model: ModelRef
    decoding: DecodingOptions = DecodingOptions()
    slicing: SlicingOptions = SlicingOptions()


class Idempotency(Value):
    """The Idempotency-Key of a submission: what recognises a repeat of it."""

    key: Sha256 = Field(description="of the owner, the key and, in a batch, the position")
    payload: Sha256 = Field(description="of all that was submitted")


class Job(Value):
    """The submitter, and where the result goes. Several jobs may wait for one work."""

    job_id: UUID
    source: Source
    filename: str = Field(description="for people; never used as a path")
    dropped: ObjectRef | None = Field(None, description="the object that was dropped, which names the result files; HTTP: None")
    owner: str = "default"
    lane: Lane | None = Field(None, description="None: chosen by the length of the audio")
    submitted_at: Time
    webhook_url: str | None = None
    retry_of: UUID | None = None
    audio: ProbedAudio | None = Field(
        None, description="what the file states about itself; None: not looked at", exclude_if=lambda audio: audio is None
    )
    trace: Trace = None
    stored: ObjectRef | None = Field(
        None,
        description="HTTP: the object with the audio, where it is not the upload that has the job's id",
        exclude_if=lambda stored: stored is None,
    )
    formats: tuple[str, ...] | None = Field(
        None, description="the result files that were asked for; None: all", exclude_if=lambda formats: formats is None
    )
    files: tuple[str, ...] = Field(
        (),
        description="keys in the results bucket under which the result files are written; of a drop without any: the usual four",
        exclude_if=lambda files: not files,
    )
    batch_id: UUID | None = Field(None, description="of jobs submitted together", exclude_if=lambda batch_id: batch_id is None)
    idempotency: Idempotency | None = Field(None, exclude_if=lambda idempotency: idempotency is None)
    correct: bool = Field(
        True,
        description="false: the raw text is the result, even if correction is configured",
        exclude_if=lambda correct: correct,
    )


class JobRequested(Record):
    """`requests`: a job. It is accepted when the broker has acknowledged this record."""

    TYPE: ClassVar[str] = "job.requested"

    job: Job
    work: Work
    result: ObjectRef | None = Field(
        None, description="the transcript that the sender expects the cache to answer with; the coordinator decides by its table"
    )
    rewrite: bool = Field(False, description="the result files of this drop are missing: write them again")
    no_cache: bool = Field(
        False,
        description="transcribe again whatever is known of the work; the transcript replaces the earlier one",
        exclude_if=lambda no_cache: not no_cache,
    )
    cache_cleared_at: Time | None = Field(
        None,
        description="a transcript that was made until then is no answer; a coordinator may not have read of it yet",
        exclude_if=lambda cleared: cleared is None,
    )
    refused: Failure | None = Field(
        None, description="why the file cannot be transcribed: the job fails at once", exclude_if=lambda refused: refused is None
    )

    @property
    def event_id(self) -> str:
        return f"{self.job.job_id}:requested"

    @property
    def subject(self) -> str:
        return str(self.job.job_id)

    @property
    def trace_context(self) -> TraceContext | None:
        return self.job.trace


class CancelRequested(Record):
    """`cancellations`: a request to cancel this job."""

    TYPE: ClassVar[str] = "job.cancel-requested"

    job_id: UUID
    work_id: Sha256
    requested_at: Time
    trace: Trace = None
    delete: bool = Field(False, description="the job has ended: gateways no longer show it, and its transcript is deleted")

    @property
    def event_id(self) -> str:
        return f"{self.job_id}:{'delete' if self.delete else 'cancel'}-requested"

    @property
    def subject(self) -> str:
        return str(self.job_id)

    @property
    def trace_context(self) -> TraceContext | None:
        return self.trace


class ResultSummary(Value):
    """Facts about a finished transcript; `transcript` is its address in the work bucket."""

    transcript: ObjectRef
    language: str | None
    duration_s: float
    speech_s: float
    inference_s: float | None = Field(
        None,
        description="as in the transcript's timings; None: in records of an earlier version",
        exclude_if=lambda inference_s: inference_s is None,
    )
    files: tuple[str, ...] = Field((), description="keys in the results bucket; of most HTTP jobs none")
    warnings: tuple[TranscriptWarning, ...] = Field((), description="the first 20; all of them are in the transcript")
    transcribed_at: Time | None = Field(
        None,
        description="when the transcript was made; a job with `no_cache` may replace it. None: in records of an earlier version",
        exclude_if=lambda transcribed_at: transcribed_at is None,
    )
    corrected: ObjectRef | None = Field(
        None,
        description="the corrected transcript, which is the job's result; None: `transcript` is",
        exclude_if=lambda corrected: corrected is None,
    )
    uncorrected: TranscriptWarning | None = Field(
        None,
        description="why `transcript` is the result although its text was to be corrected; also one of the warnings",
        exclude_if=lambda uncorrected: uncorrected is None,
    )


class JobChanged(Record):
    """`jobs`: the newest state of a job. Written by the coordinator only; the last record of a key is valid."""

    TYPE: ClassVar[str] = "job"

    job: Job
    work_id: Sha256
    audio_id: Sha256
    model: ModelRef
    state: State
    changed_at: Time
    started_at: Time | None = None
    cached: bool = Field(False, description="answered from the cache or from work already in progress")
    lane: Lane | None = Field(
        None,
        description="the one that was chosen for the file's chunks; None: none was, or it is not known yet",
        exclude_if=lambda lane: lane is None,
    )
    duration_s: float | None = Field(None, description="length of the audio, as far as it is known")
    result: ResultSummary | None = None
    error: Failure | None = None

    @property
    def event_id(self) -> str:
        return f"{self.job.job_id}:{self.state.lower()}"

    @property
    def subject(self) -> str:
        return str(self.job.job_id)

    @property
    def trace_context(self) -> TraceContext | None:
        return self.job.trace
