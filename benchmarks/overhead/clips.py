"""Short clips of different content: none is answered from the cache."""

import io
import wave
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.speech import files
from benchmarks.speech.recordings import recording
from processors.slicer.audio import DecodeOptions, Samples
from processors.slicer.decode import open_audio
from runtime.models.catalogue import DEMO
from schemas.sound import SAMPLE_RATE_HZ

AUDIO = Path(__file__).parents[2] / "examples/audio"
NO_SPEECH = ("silence.flac", "noise.flac", "tones.flac", "manifest.json")
LENGTHS_S = (6.0, 7.0, 8.0, 9.0, 9.9)
VARIED_LENGTHS_S = (3.0, 6.0, 9.0, 12.0, 15.0)
MARGIN_S = 0.3  # of silence around a sentence


def short_clips(count: int, lengths_s: Sequence[float] = LENGTHS_S) -> list[bytes]:
    """WAV files of these lengths, at even distances over all speech in the bundled recordings."""
    speech = np.concatenate([_samples(path) for path in sorted(AUDIO.iterdir()) if path.name not in NO_SPEECH])
    lengths = [round(length_s * SAMPLE_RATE_HZ) for length_s in islice(cycle(lengths_s), count)]
    starts = np.linspace(0, len(speech) - max(lengths), count).astype(int)
    return [_wav(speech[start : start + length]) for start, length in zip(starts, lengths, strict=True)]


def natural_clips(count: int) -> list[bytes]:
    """WAV files of recorded English, 3 to 15 s: as many whole sentences as fit, at least one."""
    sentences = deque(_sentences())
    clips = []
    for number, length_s in zip(range(count), cycle(VARIED_LENGTHS_S), strict=False):
        chosen: list[Samples] = []
        while not chosen or sum(map(len, chosen)) + len(sentences[0]) <= length_s * SAMPLE_RATE_HZ:
            chosen.append(sentences[0])
            sentences.rotate(-1)
        clips.append(_wav(np.concatenate([*chosen, np.zeros(number, np.int16)])))  # a sentence that comes again is another file
    return clips


def clips_for(model: str, count: int) -> list[bytes]:
    """Speech that the model was trained for, 3 to 15 s."""
    return short_clips(count, VARIED_LENGTHS_S) if model == DEMO else natural_clips(count)


def _sentences() -> Iterator[Samples]:
    for spoken in (*files.clips(), recording("talk.opus")):
        for part in spoken.parts:
            bounds = max(0.0, part.start - MARGIN_S), min(part.end + MARGIN_S, VARIED_LENGTHS_S[-1] + part.start - MARGIN_S)
            yield (spoken.samples[slice(*(round(at * SAMPLE_RATE_HZ) for at in bounds))] * 32767).astype(np.int16)


def _samples(path: Path) -> Samples:
    with path.open("rb") as file, open_audio(file, DecodeOptions(36_000)) as audio:
        return np.concatenate(list(audio.blocks()))


def _wav(samples: Samples) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()
