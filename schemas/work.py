"""Records between stages while a work is in progress: decode, chunk ready, chunk transcribed, revoked."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from schemas.audio import AudioTrack
from schemas.jobs import Work
from schemas.options import DecodingOptions, ModelRef
from schemas.record import Failure, Lane, ObjectRef, Record, Sha256, Time, Trace, TraceContext, Value
from schemas.segment import RemovedSegment, Segment
from schemas.sound import SAMPLE_RATE_HZ
from schemas.warning import TranscriptWarning

Span = Annotated[tuple[int, int], Field(description="start and end in samples at 16 kHz, of the file's own time")]

ChunkIndex = Annotated[
    int | None,
    Field(
        ge=0,
        description="its number among the chunks of the file, in order of time, from 0; None: in records of an earlier version",
        exclude_if=lambda index: index is None,
    ),
]

ChosenLane = Annotated[
    Lane | None,
    Field(
        description="of the chunks to come, or of the last one; None: in records of an earlier version",
        exclude_if=lambda lane: lane is None,
    ),
]


def speech_s(pieces: tuple[Span, ...]) -> float:
    return sum(end - start for start, end in pieces) / SAMPLE_RATE_HZ


class RunRecord(Record):
    """A record about a run."""

    trace: Trace = None

    @property
    def trace_context(self) -> TraceContext | None:
        return self.trace


class DecodeRequested(RunRecord):
    """`decodes`: cut this audio into chunks. A repeated request has the same `run`."""

    TYPE: ClassVar[str] = "decode.requested"

    work: Work
    run: str = Field(description="partition-offset of the request that started the work")
    lane: Lane | None = None
    attempt: int = 0

    @property
    def event_id(self) -> str:
        return f"{self.work.work_id}:{self.run}:decode:{self.attempt}"

    @property
    def subject(self) -> str:
        return self.work.work_id


class ChunkReady(RunRecord):
    """`chunks.*`: a piece of speech to transcribe; `audio` is s16le mono 16 kHz PCM. Keyed by chunk id: chunks spread.

    `pieces` are the spoken regions that the PCM is made of, in order, in the file's own samples; the silence between
    them is not in it. Times inside the PCM are brought back to the file's time by them. `speech` are the parts of the pieces
    in which speech was detected, without the padding around it; a record of an earlier version has none. Audio that does not
    have the digest `audio_sha256` was written by a slicer that had read another content of the file, and is not transcribed.
    """

    TYPE: ClassVar[str] = "chunk.ready"

    work_id: Sha256
    run: str
    slice_id: Sha256
    span: Span
    pieces: tuple[Span, ...]
    speech: tuple[Span, ...] = ()
    vad: bool = Field(True, description="false: speech detection was off, and `speech` is every sound")
    audio: ObjectRef
    audio_sha256: Sha256 | None = Field(None, description="of the PCM; None: in records of an earlier version")
    model: ModelRef
    decoding: DecodingOptions
    lane: Lane
    attempt: int = 0
    index: ChunkIndex = None

    @property
    def chunk_id(self) -> str:
        return f"{self.slice_id}/{self.span[0]}-{self.span[1]}"

    @property
    def speech_s(self) -> float:
        return speech_s(self.pieces)

    @property
    def event_id(self) -> str:
        return f"{self.work_id}:{self.run}:{self.span[0]}-{self.span[1]}:{self.attempt}"

    @property
    def subject(self) -> str:
        return self.work_id


class AudioInfo(Value):
    """What the container declares, and what was actually decoded (0 until the end is reached).

    `duration_s` counts from 0 of the player's clock, `start_s` is where the sound begins on it.
    """

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    declared_duration_s: float | None = None
    duration_s: float = 0.0
    start_s: float = 0.0
    track: int = Field(0, description="the audio track that was read")
    tracks: tuple[AudioTrack, ...] = ()
    warnings: tuple[TranscriptWarning, ...] = ()

    @field_validator("warnings", mode="before")
    @classmethod
    def _read_earlier(cls, value: object) -> object:
        """In records of an earlier version a warning is one text: its code, a colon, the message."""
        if not isinstance(value, list | tuple):
            return value
        return tuple(_warning_of(one) if isinstance(one, str) else one for one in value)


def _warning_of(text: str) -> TranscriptWarning:
    code, _, message = text.partition(": ")
    return TranscriptWarning(code=code, message=message or text)


class SlicedChunk(Value):
    """A chunk in the closing record: its position, and the speech regions that its audio consists of."""

    span: Span
    pieces: tuple[Span, ...]

    @property
    def speech_s(self) -> float:
        return speech_s(self.pieces)


class SliceOpened(Value):
    """The file was opened and decoding has begun."""

    kind: Literal["slice.opened"] = "slice.opened"
    audio_info: AudioInfo
    lane: ChosenLane = None


class SliceClosed(Value):
    """The file is decoded to its end. Assembly uses exactly these chunks; none means that there is no speech."""

    kind: Literal["slice.closed"] = "slice.closed"
    audio_info: AudioInfo
    lane: ChosenLane = None
    chunks: tuple[SlicedChunk, ...]
    decode_s: float | None = Field(None, description="CPU time of decoding")
    vad_s: float | None = Field(None, description="CPU time of speech detection")
    decoder_peak_memory_bytes: int | None = None
    audio_run: str | None = Field(
        None,
        description="the earlier run that has written the chunks' audio, where the file was not decoded again",
        exclude_if=lambda audio_run: audio_run is None,
    )


class ChunkTranscribed(Value):
    """The text of one chunk, times already in the file's own time."""

    kind: Literal["chunk.transcribed"] = "chunk.transcribed"
    span: Span
    attempt: int
    speech_s: float
    language: str | None
    language_probability: float
    segments: tuple[Segment, ...]
    warnings: tuple[TranscriptWarning, ...] = ()
    removed: tuple[RemovedSegment, ...] = ()
    inference_s: float
    audio_sha256: Sha256 | None = Field(None, description="as in the request: for a second transcription of the same audio")
    index: ChunkIndex = None


class ChunkLost(Value):
    """The chunk's audio is no longer in the store (`audio_gone`), or is another audio: the coordinator requests one more
    decode."""

    kind: Literal["chunk.lost"] = "chunk.lost"
    span: Span


class WorkFailed(Value):
    """The work failed for good: a typed, terminal failure of every job that waits for it."""

    kind: Literal["work.failed"] = "work.failed"
    failure: Failure


class WorkCorrected(Value):
    """The end of a correction: from the corrector, or, when its time is over, from the coordinator itself."""

    kind: Literal["work.corrected"] = "work.corrected"
    owner: str | None = Field(None, description="whose jobs have this result; None: those of all owners")
    corrected: ObjectRef | None = Field(None, description="the corrected transcript; None: the raw one is the result")
    warning: TranscriptWarning | None = Field(None, description="why the raw transcript is the result")


WorkEvent = Annotated[
    SliceOpened | SliceClosed | ChunkTranscribed | ChunkLost | WorkFailed | WorkCorrected, Field(discriminator="kind")
]


class WorkReported(RunRecord):
    """`chunk-results`: what slicer and transcriber report to the coordinator, in the order of the work."""

    TYPE: ClassVar[str] = "work.reported"

    work_id: Sha256
    run: str
    event: WorkEvent

    @property
    def event_id(self) -> str:
        span = getattr(self.event, "span", None)
        which = f":{span[0]}-{span[1]}:{getattr(self.event, 'attempt', 0)}" if span else ""
        if isinstance(self.event, WorkCorrected):
            which = f":{self.event.owner or ''}"
        return f"{self.work_id}:{self.run}:{self.event.kind}{which}"

    @property
    def subject(self) -> str:
        return self.work_id


class CorrectionRequested(RunRecord):
    """`corrections`: correct the text of this transcript, for jobs of this owner. A repeated request has the same result."""

    TYPE: ClassVar[str] = "correction.requested"

    work_id: Sha256
    run: str
    owner: str
    transcribed_at: Time = Field(description="when the transcript was made: an earlier one in the store is another")
    until: Time = Field(description="then the raw text is the result")

    @property
    def event_id(self) -> str:
        return f"{self.work_id}:{self.run}:correction:{self.owner}"

    @property
    def subject(self) -> str:
        return self.work_id


class WorkProgressed(RunRecord):
    """`progress`: one record for every finished chunk: the share of speech done, and the chunk's segments."""

    TYPE: ClassVar[str] = "work.progressed"

    work_id: Sha256
    run: str
    span: Span
    share: float = Field(ge=0, le=1, description="speech done / speech known; exact once decoding is done")
    segments: tuple[Segment, ...]
    index: ChunkIndex = None
    language: str | None = Field(None, description="None: nobody speaks", exclude_if=lambda language: language is None)
    language_probability: float | None = Field(None, exclude_if=lambda probability: probability is None)
    may_change: bool = Field(
        False,
        description="its language is in doubt: it is transcribed again if that of the file is another",
        exclude_if=lambda may_change: not may_change,
    )

    @property
    def event_id(self) -> str:
        return f"{self.work_id}:{self.run}:progress:{self.span[0]}-{self.span[1]}"

    @property
    def subject(self) -> str:
        return self.work_id


class RunRevoked(RunRecord):
    """`revocations`: no job waits for this run any more. Names the run, so that a later one is not affected."""

    TYPE: ClassVar[str] = "run.revoked"

    work_id: Sha256
    run: str

    @property
    def event_id(self) -> str:
        return f"{self.work_id}:{self.run}:revoked"

    @property
    def subject(self) -> str:
        return self.work_id
