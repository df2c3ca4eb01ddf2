"""Options of a transcription, and everything else that changes its text. All of it is part of the `work_id`."""

from typing import Literal

from pydantic import Field

from schemas.record import Value

Task = Literal["transcribe", "translate"]
EncoderWindow = Literal["full", "fit"]
RawFormat = Literal["gsm", "mulaw", "alaw", "g722"]


class ModelRef(Value):
    """A model by name and pinned revision. Two stages that disagree on the revision must not work on the same chunk."""

    name: str
    revision: str


class DecodingOptions(Value):
    """How a chunk's audio becomes text. `language=None`: detected, and determined for the whole file."""

    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    task: Task = "transcribe"
    words: bool = Field(False, description="also give the time of every word")
    multilingual: bool = Field(False, description="let every chunk keep the language it was heard in")
    prompt: str | None = Field(None, max_length=2000, description="names and terms to expect")
    beam_size: int = Field(5, ge=1, le=20)
    encoder_window: EncoderWindow = Field("full", description="'fit' encodes only the chunk's length, not 30 s")
    encoder_margin_s: float = Field(0.5, ge=0, le=30, description="'fit': silence that the encoder is given after the chunk")
    encoder_bucket_s: float = Field(2.5, gt=0, le=30, description="'fit': encoder lengths are multiples of this")


class SlicingOptions(Value):
    """How a file is cut into chunks."""

    max_chunk_s: float = Field(30.0, ge=1, le=30)
    vad_threshold: float = Field(0.3, gt=0, lt=1)
    min_silence_s: float = Field(2.0, ge=0)
    speech_pad_s: float = Field(0.4, ge=0)
    track: int | None = Field(None, ge=0, le=999, description="audio track from 0; unset: the default one that has speech")
    raw_format: RawFormat | None = Field(None, description="what a telephone file without a header is, by its name")
