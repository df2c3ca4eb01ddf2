"""Documents of `/asr` and `/detect-language`, with the fields of whisper-asr-webservice."""

from pydantic import Field

from producers.gateway.documents.document import Document
from producers.gateway.documents.openai import OpenAiSegment
from schemas.segment import Word


class AsrSegment(OpenAiSegment):
    """A sentence or phrase, in Whisper's own form."""

    words: tuple[Word, ...] | None = Field(None, description="missing unless they were requested")


class AsrResult(Document):
    """The output json."""

    text: str
    segments: tuple[AsrSegment, ...]
    language: str | None = Field(description="null: nobody speaks")


class DetectedLanguage(Document):
    """The language that is spoken."""

    detected_language: str = Field(description="its English name in small letters; undetermined: nobody speaks")
    language_code: str = Field(description="und: nobody speaks")
    confidence: float = Field(ge=0, le=1)
