"""From an alignment of text and audio to words with times inside their segments. Pure.

Fed by the library's alignment; the times are seconds of the chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from processors.transcriber.segments import Span
from schemas.segment import Word

# An alignment gives the silence after a pause to the next word: one that is far longer than its neighbours is shortened.
LONGEST_USUAL_S = 0.7
TIMES_USUAL = 2.0


@dataclass(frozen=True, slots=True)
class Aligned:
    """A word as aligned. `tokens`: how many text tokens it is made of; 0 for one that was merged into its neighbour."""

    word: str
    tokens: int
    start: float
    end: float
    probability: float


def place(aligned: Sequence[Aligned], spans: Sequence[Span]) -> list[tuple[Word, ...]]:
    """The words of each span, in order, none before the last and all inside the span.

    The model's own times are closer than an alignment's, so spans do not move: with words a file has the same segments.
    """
    longest_s = _longest(aligned)
    queue = list(aligned)
    placed: list[tuple[Word, ...]] = []
    not_before = 0.0
    for span in spans:
        mine, wanted = [], len(span.tokens)
        while queue and wanted > 0:
            wanted -= queue[0].tokens
            mine.append(queue.pop(0))
        words = []
        for word in mine:
            if word.word.strip():
                words.append(_within(_shortened(word, longest_s), span, not_before))
                not_before = words[-1].end
        placed.append(tuple(words))
    return placed


def _longest(aligned: Sequence[Aligned]) -> float:
    lengths = [word.end - word.start for word in aligned if word.end > word.start]
    return TIMES_USUAL * min(LONGEST_USUAL_S, median(lengths)) if lengths else 0.0


def _shortened(word: Aligned, longest_s: float) -> Aligned:
    """Long words keep their end, where the sound is."""
    return replace(word, start=max(word.start, word.end - longest_s))


def _within(word: Aligned, span: Span, not_before: float) -> Word:
    earliest = min(max(not_before, span.start), span.end)
    start = min(max(word.start, earliest), span.end)
    end = min(max(word.end, start), span.end)
    return Word(start=round(start, 2), end=round(end, 2), word=word.word, probability=min(1.0, max(0.0, word.probability)))
