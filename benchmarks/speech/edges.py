"""How far the times of words are from the voice: the first word of every spoken part, and the last. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from math import inf

from benchmarks.speech.recordings import Part
from murmur.word_errors import align, words
from schemas.segment import Word


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a part begins or ends, and where it does in the transcript. `pause_s`: the silence on the edge's other side."""

    part: Part
    true_s: float
    written_s: float
    pause_s: float

    @property
    def off_s(self) -> float:
        return self.written_s - self.true_s


def edges(parts: Sequence[Part], written: Iterable[Word]) -> list[Edge]:
    """Two for each part, fewer where its first or last word is not in the transcript."""
    return list(_edges(parts, written))


def _edges(parts: Sequence[Part], written: Iterable[Word]) -> Iterator[Edge]:
    spoken = [word for part in parts for word in words(part.text)]
    timed = [(text, word) for word in written for text in words(word.word)]
    found = _matches(spoken, timed)
    pauses_s = [inf, *(after.start - before.end for before, after in pairwise(parts)), inf]
    at = 0
    for part, before_s, after_s in zip(parts, pauses_s[:-1], pauses_s[1:], strict=True):
        length = len(words(part.text))
        if (first := found.get(at)) is not None:
            yield Edge(part, part.start, first.start, before_s)
        if (last := found.get(at + length - 1)) is not None:
            yield Edge(part, part.end, last.end, after_s)
        at += length


def _matches(spoken: Sequence[str], timed: Sequence[tuple[str, Word]]) -> dict[int, Word]:
    """The word that was written for a spoken one, by the spoken one's place."""
    spoken_at, written_at = count(), count()
    found: dict[int, Word] = {}
    for step in align(spoken, [text for text, _ in timed]):
        place = next(spoken_at) if step.kind != "invented" else None
        word = timed[next(written_at)][1] if step.kind != "missing" else None
        if place is not None and word is not None:
            found[place] = word
    return found
