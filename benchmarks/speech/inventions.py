"""Words that nobody spoke: how many the model wrote, how many the filters removed, and of what else. Pure, but for the reading.

Rows of a Markdown table for `benchmarks.filters`; counts for tests/speech.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.speech.recordings import Part, SpeechFile
from murmur.word_errors import align, words
from schemas.segment import RemovedSegment
from schemas.transcript import Transcript

HEADER = (
    "model",
    "speech detection",
    "file",
    "invented",
    "removed",
    "left",
    "by filter",
    "spoken",
    "of these removed",
    "faster-whisper",
)
NEAR_S = 1.0  # a removed text may be one of those that are spoken so near


@dataclass(frozen=True, slots=True)
class Inventions:
    """Counts of words. `removed`: invented ones; `lost`: spoken ones that were removed. `reasons`: removed segments."""

    spoken: int = 0
    left: int = 0
    removed: int = 0
    lost: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Inventions") -> "Inventions":
        return Inventions(
            self.spoken + other.spoken,
            self.left + other.left,
            self.removed + other.removed,
            self.lost + other.lost,
            self.reasons + other.reasons,
        )

    @property
    def invented(self) -> int:
        """By the model, before the filters."""
        return self.removed + self.left

    @property
    def precision(self) -> float:
        """Of the removed words, the share that nobody spoke."""
        return self.removed / (self.removed + self.lost) if self.removed + self.lost else 1.0

    @property
    def recall(self) -> float:
        """Of the invented words, the share that was removed."""
        return self.removed / self.invented if self.invented else 1.0


def count(file: SpeechFile, transcript: Transcript) -> Inventions:
    """An invented word is one that is written and aligns with no spoken one; substituted words are errors of another kind."""
    steps = align(words(file.text), words(transcript.text))
    unwritten = Counter(step.spoken for step in steps if step.kind in ("missing", "substituted"))
    found = [(segment, words(segment.text)) for segment in transcript.removed]
    lost = sum((_spoken(segment, file.parts) for segment, _ in found), Counter[str]()) & unwritten
    return Inventions(
        spoken=len(words(file.text)),
        left=sum(step.kind == "invented" for step in steps),
        removed=sum(len(written) for _, written in found) - lost.total(),
        lost=lost.total(),
        reasons=Counter(segment.reason for segment, _ in found),
    )


def _spoken(segment: RemovedSegment, parts: Iterable[Part]) -> Counter[str]:
    """Its words that are spoken near it."""
    near = [part.text for part in parts if part.start - NEAR_S < segment.end and segment.start < part.end + NEAR_S]
    return Counter(step.spoken for step in align(words(" ".join(near)), words(segment.text)) if step.kind == "same")


def cells(model: str, detection: str, name: str, found: Inventions, other: int | None) -> tuple[str, ...]:
    """`other`: words that faster-whisper invented."""
    reasons = ", ".join(f"{reason} {number}" for reason, number in found.reasons.most_common())
    return (
        *(model, detection, name, str(found.invented), str(found.removed), str(found.left), reasons),
        *(str(found.spoken or ""), str(found.lost), "" if other is None else str(other)),
    )


def line(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


def heading() -> str:
    return f"{line(HEADER)}\n|{'---|' * len(HEADER)}"
