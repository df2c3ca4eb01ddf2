"""The bundled clips, their text, and how far a transcript may be from it."""

import io
import json
import wave
from dataclasses import dataclass
from pathlib import Path

from murmur.word_errors import score, words

__all__ = ["AUDIO", "BY_NAME", "CLIPS", "Clip", "without_samples", "word_errors", "words"]

AUDIO = Path(__file__).parents[1] / "examples" / "audio"


@dataclass(frozen=True)
class Clip:
    file: str
    text: str
    language: str | None
    duration_s: float
    wer_max: float

    @property
    def path(self) -> Path:
        return AUDIO / self.file


def without_samples(rate_hz: int = 16_000) -> bytes:
    """A WAV file that can be opened, but not transcribed: there is no audio after its header."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate_hz, 0, "NONE", "NONE"))
    return file.getvalue()


def _read() -> list[Clip]:
    entries = json.loads((AUDIO / "manifest.json").read_text())
    return [Clip(e["file"], e["text"], e["language"], e["duration_s"], e["wer_max"]) for e in entries]


CLIPS = _read()
BY_NAME = {clip.file: clip for clip in CLIPS}


def word_errors(reference: str, hypothesis: str) -> float:
    """Word error rate: the edit distance in words over the words of the reference; infinite for any word without a reference."""
    return score(reference, hypothesis).error_rate
