"""Short clips of different content, cut from the bundled recordings: none is answered from the cache."""

import io
import wave
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from processors.slicer.audio import DecodeOptions, Samples
from processors.slicer.decode import open_audio
from schemas.work import SAMPLE_RATE_HZ

AUDIO = Path(__file__).parents[2] / "examples/audio"
NO_SPEECH = ("silence.flac", "noise.flac", "tones.flac", "manifest.json")
LENGTHS_S = (6.0, 7.0, 8.0, 9.0, 9.9)


def short_clips(count: int) -> list[bytes]:
    """WAV files of six to ten seconds, at even distances over all speech in the recordings."""
    speech = np.concatenate([_samples(path) for path in sorted(AUDIO.iterdir()) if path.name not in NO_SPEECH])
    lengths = [round(length_s * SAMPLE_RATE_HZ) for length_s in islice(cycle(LENGTHS_S), count)]
    starts = np.linspace(0, len(speech) - max(lengths), count).astype(int)
    return [_wav(speech[start : start + length]) for start, length in zip(starts, lengths, strict=True)]


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
