"""From an alignment of text and audio to words with times inside their segments. Pure.

Fed by the library's alignment; the times are seconds of the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from processors.transcriber.segments import Span
from schemas.segment import Word

# An alignment gives the silence after a pause to the next word: one that is far longer than its neighbours is shortened.
LONGEST_USUAL_S = 0.7
TIMES_USUAL = 2.0
SHORTEST_S = 0.08  # no spoken word is shorter; alignments are, at the end of speech


@dataclass(frozen=True, slots=True)
class Aligned:
    """A word as aligned. `tokens`: how many text tokens it is made of; 0 for one that was merged into its neighbour."""

    word: str
    tokens: int
    start: float
    end: float
    probability: float


def place(aligned: Sequence[Aligned], spans: Sequence[Span]) -> list[tuple[Word, ...]]:
    """The words of each span, one after the other, each of some length and inside the span.

    The model's own times are closer than an alignment's, so spans do not move: with words a file has the same segments.
    """
    longest_s = _longest(aligned)
    queue = list(aligned)
    placed: list[tuple[Word, ...]] = []
    for span in spans:
        mine, wanted = [], len(span.tokens)
        while queue and wanted > 0:
            wanted -= queue[0].tokens
            mine.append(queue.pop(0))
        placed.append(inside([_word(word, longest_s) for word in mine if word.word.strip()], span.start, span.end))
    return placed


def inside(words: Sequence[Word], start: float, end: float) -> tuple[Word, ...]:
    """Pushed between two times from both sides: each begins after the one before it, and leaves room for those that follow."""
    # In whole ticks, so that rounding makes no overlap: of a millisecond, or smaller where so many words are squeezed so far.
    ticks_per_s = 1000 if (end - start) * 1000 > len(words) else 1_000_000
    first, last = round(start * ticks_per_s), round(end * ticks_per_s)
    shortest = max(1, min(round(SHORTEST_S * ticks_per_s), (last - first) // max(1, len(words))))
    made: list[Word] = []
    at = first
    for left, word in zip(range(len(words) - 1, -1, -1), words, strict=True):
        latest = last - left * shortest
        begin = min(max(round(word.start * ticks_per_s), at), latest - shortest)
        at = min(max(round(word.end * ticks_per_s), begin + shortest), latest)
        made.append(word.model_copy(update={"start": begin / ticks_per_s, "end": at / ticks_per_s}))
    return tuple(made)


def _longest(aligned: Sequence[Aligned]) -> float:
    lengths = [word.end - word.start for word in aligned if word.end > word.start]
    return TIMES_USUAL * min(LONGEST_USUAL_S, median(lengths)) if lengths else 0.0


def _word(aligned: Aligned, longest_s: float) -> Word:
    """Long words keep their end, where the sound is."""
    start = max(aligned.start, aligned.end - longest_s)
    return Word(start=start, end=aligned.end, word=aligned.word, probability=min(1.0, max(0.0, aligned.probability)))
