"""A transcript in the outputs of whisper-asr-webservice. Pure; called in a thread, since a transcript may be hours long."""

from collections.abc import Iterator
from typing import Any

import orjson

from producers.gateway.asr.query import Output
from runtime import long_json
from runtime.formats import FORMATS
from runtime.gc_pause import gc_paused
from runtime.subtitles import SubtitleRules
from runtime.verbose import segment_documents
from schemas.transcript import Transcript


def write(transcript: Transcript, output: Output, rules: SubtitleRules) -> bytes:
    if output != "json":
        return FORMATS[output].write(transcript, rules)
    with gc_paused():
        return orjson.dumps(
            {
                "text": transcript.text,
                "segments": long_json.array(_segments(transcript)),
                "language": transcript.language or transcript.decoding.language,
            }
        )


def _segments(transcript: Transcript) -> Iterator[dict[str, Any]]:
    for segment, document in zip(transcript.segments, segment_documents(transcript), strict=True):
        if segment.words is not None:
            document["words"] = [word.model_dump() for word in segment.words]
        yield document
