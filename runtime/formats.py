"""A transcript as a file for users: json, verbose_json, words, txt, srt, vtt, tsv. Pure functions, one for each format.

Fed by the store sink, the gateway and the command line.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from runtime import long_json, verbose
from runtime.subtitles import SubtitleFormat, SubtitleRules, SubtitleText
from runtime.subtitles.units import milliseconds, one_line
from schemas.segment import Segment, Word
from schemas.transcript import Transcript

TRANSCRIPTION = ("text", "raw_text", "segments", "language", "duration")  # of an answer; `raw_text` of a corrected text
USUAL = SubtitleRules()
Writer = Callable[[Transcript, SubtitleRules], bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """`ending`: of the file's name, after the dot. `about`: what it is, for people."""

    content_type: str
    writer: Writer
    about: str
    ending: str

    def write(self, transcript: Transcript, rules: SubtitleRules = USUAL) -> bytes:
        """The whole file, UTF-8; an empty transcript gives a valid file too. `rules` are for subtitles."""
        return self.writer(transcript, rules)


@dataclass(frozen=True, slots=True)
class TimedText:
    """A segment as one line, not empty. `start_ms` < `end_ms`."""

    start_ms: int
    end_ms: int
    text: str


def timed_texts(transcript: Transcript) -> Iterator[TimedText]:
    """The segments that have a text. One that rounding would make empty lasts one millisecond."""
    for segment in transcript.segments:
        text = one_line(segment.text)
        if text:
            start_ms = milliseconds(segment.start)
            yield TimedText(start_ms, max(milliseconds(segment.end), start_ms + 1), text)


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
        **_correction(transcript),
    }


def _correction(transcript: Transcript) -> dict[str, Any]:
    """Of a transcript whose text was corrected: what was transcribed, and what was done to it."""
    if transcript.correction is None:
        return {}
    return {"raw_text": transcript.raw_text, "correction": transcript.correction.model_dump(mode="json")}


def answer(transcript: Transcript) -> dict[str, Any]:
    """What a program is answered, by the gateway and by a webhook: the text, and how it came about."""
    whole = document(transcript)
    return {
        "transcription": {name: whole[name] for name in TRANSCRIPTION if name in whole},
        **{name: whole[name] for name in ("model", "processing_time", "timings", "removed", "warnings", "audio_info")},
        **({"correction": whole["correction"]} if "correction" in whole else {}),
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
    if segment.raw_text is not None:
        written["raw_text"] = segment.raw_text
    if segment.words is not None:
        written["words"] = [_word(word) for word in segment.words]
    return written


def json(transcript: Transcript) -> bytes:
    whole = document(transcript)
    whole["segments"] = long_json.indented_array(whole["segments"])
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def verbose_json(transcript: Transcript) -> bytes:
    return orjson.dumps(verbose.document(transcript), option=orjson.OPT_APPEND_NEWLINE)


def words(transcript: Transcript) -> bytes:
    """The words alone, in the order of the file; none where their times were not requested."""
    timed = long_json.array(_word(word) for segment in transcript.segments for word in segment.words or ())
    document = {"language": transcript.language, "duration": transcript.duration_s, "words": timed}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def txt(transcript: Transcript) -> bytes:
    return "".join(f"{each.text}\n" for each in timed_texts(transcript)).encode()


def srt(transcript: Transcript, rules: SubtitleRules = USUAL) -> bytes:
    return _subtitles("srt", transcript, rules)


def vtt(transcript: Transcript, rules: SubtitleRules = USUAL) -> bytes:
    return _subtitles("vtt", transcript, rules)


def _subtitles(form: SubtitleFormat, transcript: Transcript, rules: SubtitleRules) -> bytes:
    text = SubtitleText(form, rules)
    return (text.add(transcript.segments) + text.end(transcript.duration_s)).encode()


def tsv(transcript: Transcript) -> bytes:
    """Times in whole milliseconds, as Whisper's own command writes them."""
    rows = (f"{each.start_ms}\t{each.end_ms}\t{each.text}\n" for each in timed_texts(transcript))
    return ("start\tend\ttext\n" + "".join(rows)).encode()


def _without_rules(write: Callable[[Transcript], bytes]) -> Writer:
    return lambda transcript, _: write(transcript)


FORMATS: dict[str, Format] = {
    "json": Format(
        "application/json",
        _without_rules(json),
        "Everything: text, segments, words if they were requested, warnings, timings",
        "json",
    ),
    "verbose_json": Format(
        "application/json",
        _without_rules(verbose_json),
        "As OpenAI's API writes it: text, segments, words if they were requested",
        "verbose.json",
    ),
    "words": Format("application/json", _without_rules(words), "The time of every word, if they were requested", "words.json"),
    "txt": Format("text/plain", _without_rules(txt), "Text, one line for each segment", "txt"),
    "srt": Format("application/x-subrip", srt, "SubRip subtitles", "srt"),
    "vtt": Format("text/vtt", vtt, "WebVTT subtitles, for browsers", "vtt"),
    "tsv": Format(
        "text/tab-separated-values",
        _without_rules(tsv),
        "Table of start, end (in milliseconds) and text, as Whisper writes it",
        "tsv",
    ),
}
BY_ENDING = {each.ending: each for each in FORMATS.values()}


def _word(word: Word) -> dict[str, Any]:
    return {"start": word.start, "end": word.end, "word": word.word, "probability": word.probability}
