"""Pieces of text with their times, in seconds from the start of the file."""

from pydantic import Field

from schemas.options import Filter
from schemas.record import Value


class Word(Value):
    start: float
    end: float
    word: str
    probability: float


class Segment(Value):
    """A sentence or phrase as the model cut it. `text` has no blanks around it."""

    start: float
    end: float
    text: str
    language: str | None = None
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0
    words: tuple[Word, ...] | None = None
    raw_text: str | None = Field(
        None, description="as transcribed, where `text` was corrected", exclude_if=lambda raw_text: raw_text is None
    )


class RemovedSegment(Value):
    """Text of the model that is not part of the transcript: probably nobody spoke it. `reason`: the filter that removed it."""

    start: float
    end: float
    text: str
    reason: Filter
