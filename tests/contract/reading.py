"""The clips as a transcriber meets them: cut into chunks of speech, and read by a real model."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from processors.transcriber import spoken, times, windows
from processors.transcriber.engine import Engine
from processors.transcriber.windows import ChunkText, ChunkWindows
from schemas.options import DecodingOptions
from schemas.segment import Segment
from schemas.work import Span
from tests.clips import AUDIO

RATE = 16_000
NO_GPU = "NO GPU, NOTHING THAT ONLY A GPU SHOWS IS TESTED"
Waveform = NDArray[np.float32]


def waveform(file: str) -> Waveform:
    from faster_whisper.audio import decode_audio

    return np.asarray(decode_audio(str(AUDIO / file)), dtype=np.float32)


def chunks(audio: Waveform, longest_s: float = 10.0) -> Iterator[tuple[Waveform, tuple[Span, ...]]]:
    """Speech regions joined without the silence between them, as a slicer makes them."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(max_speech_duration_s=longest_s, min_silence_duration_ms=160)
    pieces: list[Span] = []
    for region in get_speech_timestamps(audio, options):
        span = (region["start"], region["end"])
        if pieces and sum(end - start for start, end in [*pieces, span]) > longest_s * RATE:
            yield _joined(audio, pieces)
            pieces = []
        pieces.append(span)
    if pieces:
        yield _joined(audio, pieces)


def _joined(audio: Waveform, pieces: Sequence[Span]) -> tuple[Waveform, tuple[Span, ...]]:
    return np.concatenate([audio[start:end] for start, end in pieces]), tuple(pieces)


def read(engine: Engine, file: str, options: DecodingOptions) -> tuple[list[ChunkText], list[Segment]]:
    texts: list[ChunkText] = []
    found: list[Segment] = []
    for samples, pieces in chunks(waveform(file)):
        text = windows.read(engine, ChunkWindows(samples, options, spoken.in_chunk(pieces, ())))
        texts.append(text)
        found += times.restore(text.segments, pieces)
    return texts, found
