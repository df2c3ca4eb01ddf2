"""A transcript as a file for users: json, txt, srt, vtt, tsv. Pure functions, one for each format.

Fed by the store sink, the gateway and the command line.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from runtime import long_json
from schemas.segment import Segment, Word
from schemas.transcript import Transcript

ARROW = re.compile(r"-{2,}>")  # between the times of a cue; a parser may take one inside the text for another cue
INVISIBLE = dict.fromkeys([*range(32), *range(127, 160)], " ")


@dataclass(frozen=True, slots=True)
class Format:
    """`write` gives the whole file, UTF-8; an empty transcript gives a valid file too. `about`: what it is, for people."""

    content_type: str
    write: Callable[[Transcript], bytes]
    about: str


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of text on the screen. `start_ms` < `end_ms`, and `text` is one line, not empty."""

    start_ms: int
    end_ms: int
    text: str


def cues(transcript: Transcript) -> Iterator[Cue]:
    """The segments that have a text. A cue that rounding would make empty lasts one millisecond."""
    for segment in transcript.segments:
        text = _one_line(segment.text)
        if text:
            start_ms = _milliseconds(segment.start)
            yield Cue(start_ms, max(_milliseconds(segment.end), start_ms + 1), text)


def document(transcript: Transcript) -> dict[str, Any]:
    """What the json file says: times in seconds; `words` if they were requested."""
    return {
        "text": transcript.text,
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "duration": transcript.duration_s,
        "speech_duration": transcript.speech_s,
        "processing_time": transcript.processing_s,
        "inference_time": transcript.inference_s,
        "timings": transcript.timings.model_dump(mode="json") if transcript.timings is not None else None,
        "task": transcript.decoding.task,
        "model": {"name": transcript.model.name, "revision": transcript.model.revision},
        "segments": [segment_document(segment) for segment in transcript.segments],
        "removed": [removed.model_dump(mode="json") for removed in transcript.removed],
        "warnings": [warning.model_dump(mode="json") for warning in transcript.warnings],
        "audio_info": transcript.audio_info.model_dump(mode="json"),
    }


def answer(transcript: Transcript) -> dict[str, Any]:
    """What a program is answered, by the gateway and by a webhook: the text, and how it came about."""
    whole = document(transcript)
    return {
        "transcription": {name: whole[name] for name in ("text", "segments", "language", "duration")},
        **{name: whole[name] for name in ("model", "processing_time", "timings", "removed", "warnings", "audio_info")},
    }


def segment_document(segment: Segment) -> dict[str, Any]:
    written: dict[str, Any] = {
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "language": segment.language,
        "avg_logprob": segment.avg_logprob,
        "no_speech_prob": segment.no_speech_prob,
        "compression_ratio": segment.compression_ratio,
    }
    if segment.words is not None:
        written["words"] = [_word(word) for word in segment.words]
    return written


def json(transcript: Transcript) -> bytes:
    whole = document(transcript)
    whole["segments"] = long_json.indented_array(whole["segments"])
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def txt(transcript: Transcript) -> bytes:
    return "".join(f"{cue.text}\n" for cue in cues(transcript)).encode()


def srt(transcript: Transcript) -> bytes:
    blocks = (
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{ARROW.sub('->', cue.text)}\n"
        for number, cue in enumerate(cues(transcript), start=1)
    )
    return "\n".join(blocks).encode()


def vtt(transcript: Transcript) -> bytes:
    blocks = (f"\n{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{_escaped(cue.text)}\n" for cue in cues(transcript))
    return ("WEBVTT\n" + "".join(blocks)).encode()


def tsv(transcript: Transcript) -> bytes:
    """Times in whole milliseconds, as Whisper's own command writes them."""
    return ("start\tend\ttext\n" + "".join(f"{cue.start_ms}\t{cue.end_ms}\t{cue.text}\n" for cue in cues(transcript))).encode()


FORMATS: dict[str, Format] = {
    "json": Format("application/json", json, "Everything: text, segments, words if they were requested, warnings, timings"),
    "txt": Format("text/plain", txt, "Text, one line for each segment"),
    "srt": Format("application/x-subrip", srt, "SubRip subtitles"),
    "vtt": Format("text/vtt", vtt, "WebVTT subtitles, for browsers"),
    "tsv": Format("text/tab-separated-values", tsv, "Table of start, end (in milliseconds) and text, as Whisper writes it"),
}


def _word(word: Word) -> dict[str, Any]:
    return {"start": word.start, "end": word.end, "word": word.word, "probability": word.probability}


def _one_line(text: str) -> str:
    """Line breaks, tabs and control characters become blanks: an empty line would end a cue."""
    return " ".join(text.translate(INVISIBLE).split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000)) if math.isfinite(seconds) else 0


def _clock(milliseconds: int, point: str) -> str:
    """Hours take as many digits as they need, two at least."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"
