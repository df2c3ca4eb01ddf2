"""Documents of the paths below `/v1`, with the fields of OpenAI's API."""

from typing import Literal

from pydantic import Field, RootModel

from producers.gateway.documents.document import Document


class DurationUsage(Document):
    """What a transcription is counted by."""

    type: Literal["duration"]
    seconds: float = Field(description="length of the audio")


class TranscriptionText(Document):
    """The text of a transcription."""

    text: str
    usage: DurationUsage


class TranslationText(Document):
    """The text of a translation."""

    text: str


class OpenAiSegment(Document):
    """A sentence or phrase. `text` begins with a blank, as the model writes it."""

    id: int
    seek: int = Field(description="where the segment begins, in hundredths of a second")
    start: float
    end: float
    text: str
    tokens: tuple[int, ...] = Field(description="always empty")
    temperature: float = Field(description="the first that was requested")
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class OpenAiWord(Document):
    """A word with its times, in seconds."""

    word: str
    start: float
    end: float


class VerboseTranslation(Document):
    """A translation with its segments."""

    task: Literal["translate"]
    language: str = Field(description="always english")
    duration: float
    text: str
    segments: tuple[OpenAiSegment, ...]


class VerboseTranscription(Document):
    """A transcription with segments, words, or both."""

    task: Literal["transcribe"]
    language: str = Field(description="its English name in small letters; unknown: nobody speaks")
    duration: float
    text: str
    segments: tuple[OpenAiSegment, ...] | None = Field(None, description="missing if words alone were requested")
    words: tuple[OpenAiWord, ...] | None = Field(None, description="missing unless they were requested")
    usage: DurationUsage


class Transcribed(RootModel[VerboseTranscription | TranscriptionText]):
    """A transcription, by `response_format`."""


class Translated(RootModel[VerboseTranslation | TranslationText]):
    """A translation, by `response_format`."""


class OpenAiModel(Document):
    """A model that a request may name."""

    id: str
    object: Literal["model"]
    created: int = Field(description="always 0: not known")
    owned_by: str


class OpenAiModels(Document):
    """The models, `whisper-1` first."""

    object: Literal["list"]
    data: tuple[OpenAiModel, ...]


class OpenAiErrorDetails(Document):
    """`message` is for people, `code` for programs; `param`: the field that is wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAiError(Document):
    """An error."""

    error: OpenAiErrorDetails
