"""A transcript in the response formats of OpenAI's API. Pure; called in a thread, since a transcript may be hours long."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from producers.gateway.openai.fields import AudioFields, TranscriptionFields
from runtime import formats, languages, long_json
from runtime.gc_pause import gc_paused
from schemas.segment import Segment
from schemas.transcript import Transcript

NOBODY_SPEAKS = "unknown"  # as the language, which must be a text
HUNDREDTHS = 100  # a model's frames in a second


def write(transcript: Transcript, fields: AudioFields) -> tuple[bytes, str]:
    """The body, and its media type, which is OpenAI's also for subtitles."""
    if fields.response_format in _TEXTS:
        return _TEXTS[fields.response_format](transcript), "text/plain"
    with gc_paused():
        return orjson.dumps(_document(transcript, fields)), "application/json"


def usage(transcript: Transcript) -> dict[str, object]:
    return {"type": "duration", "seconds": transcript.duration_s}


def language_name(transcript: Transcript) -> str:
    """In small letters, as Whisper's own code writes it."""
    code = transcript.language or transcript.decoding.language
    return languages.NAMES.get(code, code).lower() if code is not None else NOBODY_SPEAKS


def segment_documents(transcript: Transcript) -> Iterator[dict[str, Any]]:
    """As Whisper writes them: the texts, put together, are the text of the whole with a blank before it."""
    temperature = transcript.decoding.temperature[0]
    for number, segment in enumerate(transcript.segments):
        yield {
            "id": number,
            "seek": round(segment.start * HUNDREDTHS),
            "start": segment.start,
            "end": segment.end,
            "text": f" {segment.text}" if segment.text else "",
            "tokens": [],
            "temperature": temperature,
            "avg_logprob": segment.avg_logprob,
            "compression_ratio": segment.compression_ratio,
            "no_speech_prob": segment.no_speech_prob,
        }


def _document(transcript: Transcript, fields: AudioFields) -> dict[str, Any]:
    is_transcription = isinstance(fields, TranscriptionFields)
    of_use = {"usage": usage(transcript)} if is_transcription else {}  # as the API has it
    if fields.response_format == "json":
        return {"text": transcript.text, **of_use}
    document: dict[str, Any] = {
        "task": fields.TASK,
        "language": language_name(transcript) if is_transcription else "english",
        "duration": transcript.duration_s,
        "text": transcript.text,
    }
    if not isinstance(fields, TranscriptionFields) or fields.with_segments:
        document["segments"] = long_json.array(segment_documents(transcript))
    if isinstance(fields, TranscriptionFields) and fields.with_words:
        document["words"] = long_json.array(_words(transcript.segments))
    return document | of_use


def _words(segments: tuple[Segment, ...]) -> Iterator[dict[str, Any]]:
    for segment in segments:
        for word in segment.words or ():
            yield {"word": word.word.strip(), "start": word.start, "end": word.end}


def _text(transcript: Transcript) -> bytes:
    return f"{transcript.text}\n".encode()


_TEXTS: dict[str, Callable[[Transcript], bytes]] = {"text": _text, "srt": formats.srt, "vtt": formats.vtt}
