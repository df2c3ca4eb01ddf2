"""Speech whose text and times are known: samples in memory, and the recordings of tests/data/speech.

Feeds `compose`.
"""

import io
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

FOLDER = Path(__file__).parents[2] / "tests" / "data" / "speech"
RATE_HZ = 16_000
Samples = NDArray[np.float32]  # mono, 16 kHz, from -1 to 1


@dataclass(frozen=True, slots=True)
class Part:
    """The words from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str

    def moved(self, by_s: float, tempo: float = 1.0) -> "Part":
        return Part(self.start / tempo + by_s, self.end / tempo + by_s, self.text)


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    name: str
    language: str
    samples: Samples
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.parts)

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE_HZ

    def with_samples(self, samples: Samples) -> "Recording":
        """Other sound with the same speech in the same places."""
        return replace(self, samples=samples.astype(np.float32))


@dataclass(frozen=True, slots=True)
class SpeechFile:
    """An audio file, and its text."""

    name: str
    language: str
    data: bytes
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.parts)


@cache
def _manifest() -> dict[str, tuple[str, tuple[Part, ...]]]:
    entries = json.loads((FOLDER / "manifest.json").read_text())
    return {entry["file"]: (entry["language"], tuple(Part(**part) for part in entry["spoken"])) for entry in entries}


def names() -> list[str]:
    """The files of the folder, in the manifest's order."""
    return list(_manifest())


def file(name: str) -> SpeechFile:
    """A recording as it is stored."""
    language, parts = _manifest()[name]
    return SpeechFile(Path(name).stem, language, (FOLDER / name).read_bytes(), parts)


@cache
def recording(name: str) -> Recording:
    stored = file(name)
    return Recording(stored.name, stored.language, decode(stored.data), stored.parts)


def decode(data: bytes) -> Samples:
    """All samples of a file. Not for untrusted files."""
    resampler = AudioResampler("s16", "mono", RATE_HZ)
    with av.open(io.BytesIO(data), "r") as container:
        frames: list[AudioFrame | None] = [*container.decode(audio=0), None]
        found = [part.to_ndarray().reshape(-1) for frame in frames for part in resampler.resample(frame)]
    return np.concatenate(found).astype(np.float32) / np.float32(32768)
