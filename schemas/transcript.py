"""The text itself: words, segments, the transcript as stored, and the record that announces it."""

from typing import ClassVar

from pydantic import Field

from schemas.correction import Correction
from schemas.jobs import Job, ResultSummary
from schemas.options import DecodingOptions, ModelRef, SlicingOptions
from schemas.record import Record, Sha256, Time, TraceContext
from schemas.segment import RemovedSegment, Segment
from schemas.timings import Timings
from schemas.warning import TranscriptWarning
from schemas.work import AudioInfo


class Transcript(Record):
    """`results/<work_id>.json` in the work bucket: the complete result of a work, independent of the submitter.

    A corrected one is stored beside it, in `corrected/<work_id>/`, and has `raw_text` and `correction`."""

    TYPE: ClassVar[str] = "transcript"

    work_id: Sha256
    audio_id: Sha256
    model: ModelRef
    decoding: DecodingOptions
    slicing: SlicingOptions | None = Field(None, description="None: written by an earlier version")
    language: str | None = Field(description="None: nobody speaks")
    language_probability: float
    duration_s: float
    speech_s: float
    text: str
    segments: tuple[Segment, ...]
    removed: tuple[RemovedSegment, ...] = Field((), description="text that the filters took out")
    warnings: tuple[TranscriptWarning, ...] = ()
    audio_info: AudioInfo
    processing_s: float = Field(description="from the start of the work to its last chunk")
    inference_s: float = 0.0
    timings: Timings | None = None
    created_at: Time
    raw_text: str | None = Field(
        None, description="as transcribed, where the text was corrected", exclude_if=lambda raw_text: raw_text is None
    )
    correction: Correction | None = Field(None, exclude_if=lambda correction: correction is None)

    def with_warning(self, warning: TranscriptWarning | None) -> "Transcript":
        return self if warning is None else self.model_copy(update={"warnings": (*self.warnings, warning)})

    @property
    def event_id(self) -> str:
        return f"{self.work_id}:transcript"

    @property
    def subject(self) -> str:
        return self.work_id


class TranscriptCompleted(Record):
    """`transcripts`: a job's transcript is complete.

    `transcript` is left out when it is too long for a record: then read the object that `result.transcript` names.
    """

    TYPE: ClassVar[str] = "transcript.completed"

    job: Job
    work_id: Sha256
    completed_at: Time
    cached: bool
    result: ResultSummary
    transcript: Transcript | None

    @property
    def event_id(self) -> str:
        return f"{self.job.job_id}:transcript"

    @property
    def subject(self) -> str:
        return str(self.job.job_id)

    @property
    def trace_context(self) -> TraceContext | None:
        return self.job.trace
