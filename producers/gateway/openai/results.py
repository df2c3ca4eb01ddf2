"""A transcript in the response formats of OpenAI's API. Pure; called in a thread, since a transcript may be hours long."""

from typing import Any

import orjson

from producers.gateway.openai.fields import AudioFields, TranscriptionFields
from runtime import verbose
from runtime.formats import FORMATS
from runtime.gc_pause import gc_paused
from runtime.subtitles import SubtitleRules
from schemas.transcript import Transcript


def write(transcript: Transcript, fields: AudioFields, rules: SubtitleRules) -> tuple[bytes, str]:
    """The body, and its media type, which is OpenAI's also for subtitles."""
    match fields.response_format:
        case "text":
            return f"{transcript.text}\n".encode(), "text/plain"
        case "srt" | "vtt":
            return FORMATS[fields.response_format].write(transcript, rules), "text/plain"
    with gc_paused():
        return orjson.dumps(_document(transcript, fields)), "application/json"


def usage(transcript: Transcript) -> dict[str, object]:
    return {"type": "duration", "seconds": transcript.duration_s}


def _document(transcript: Transcript, fields: AudioFields) -> dict[str, Any]:
    is_transcription = isinstance(fields, TranscriptionFields)
    of_use = {"usage": usage(transcript)} if is_transcription else {}  # as the API has it
    if fields.response_format == "json":
        return {"text": transcript.text, **of_use}
    if not isinstance(fields, TranscriptionFields):
        return verbose.document(transcript, words=False)
    return verbose.document(transcript, segments=fields.with_segments, words=fields.with_words) | of_use
