"""The bundled clips, what is said in them, and how far a transcript may be from it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

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


def _read() -> list[Clip]:
    entries = json.loads((AUDIO / "manifest.json").read_text())
    return [Clip(e["file"], e["text"], e["language"], e["duration_s"], e["wer_max"]) for e in entries]


CLIPS = _read()
BY_NAME = {clip.file: clip for clip in CLIPS}


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def word_errors(said: str, heard: str) -> float:
    """Word error rate: the edit distance in words over the words said; any word where nothing was said is infinitely wrong."""
    reference, hypothesis = words(said), words(heard)
    if not reference:
        return 0.0 if not hypothesis else float("inf")
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1] / len(reference)
