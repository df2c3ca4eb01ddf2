"""A transcript as Whisper and OpenAI's API write it in detail (`verbose_json`). Pure.

Fed by the formats and by the gateway's compatible interfaces.
"""

from collections.abc import Iterator
from typing import Any

from runtime import languages, long_json
from schemas.segment import Segment
from schemas.transcript import Transcript

NOBODY_SPEAKS = "unknown"  # as the language, which must be a text
HUNDREDTHS = 100  # a model's frames in a second


def document(transcript: Transcript, *, segments: bool = True, words: bool | None = None) -> dict[str, Any]:
    """`segments`, `words`: whether they are in it; words, unless that is said, where their times were requested."""
    task = transcript.decoding.task
    written: dict[str, Any] = {
        "task": task,
        "language": language_name(transcript) if task == "transcribe" else "english",
        "duration": transcript.duration_s,
        "text": transcript.text,
    }
    if segments:
        written["segments"] = long_json.array(segment_documents(transcript))
    if transcript.decoding.words if words is None else words:
        written["words"] = long_json.array(_words(transcript.segments))
    return written


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


def _words(segments: tuple[Segment, ...]) -> Iterator[dict[str, Any]]:
    for segment in segments:
        for word in segment.words or ():
            yield {"word": word.word.strip(), "start": word.start, "end": word.end}
