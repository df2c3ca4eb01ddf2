"""Brings times inside a chunk's audio back to the file's time. Pure.

The chunk's audio is made of spoken regions (`ChunkReady.pieces`), joined without the silence between them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from schemas.segment import Segment, Word
from schemas.work import SAMPLE_RATE_HZ, Span


def restore(segments: Sequence[Segment], pieces: Sequence[Span]) -> tuple[Segment, ...]:
    """A segment's start and end each for itself, so it may span a pause; a word lies in the region that holds its middle."""
    timeline = _Timeline(pieces)
    return tuple(_segment(segment, timeline) for segment in segments)


class _Timeline:
    def __init__(self, pieces: Sequence[Span]) -> None:
        self._pieces = [(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in pieces]
        lengths = (end - start for start, end in self._pieces)
        self._starts = list(accumulate(lengths, initial=0.0))  # of each region in the chunk, and the chunk's end

    def region_from(self, at: float) -> int:
        """The region that begins at or before `at`: where two meet, the later."""
        return self._within(bisect_right(self._starts, at) - 1)

    def region_to(self, at: float) -> int:
        """The region that ends at or after `at`: where two meet, the earlier."""
        return self._within(bisect_left(self._starts, at) - 1)

    def in_file(self, at: float, region: int) -> float:
        start, end = self._pieces[region]
        return round(min(max(start + at - self._starts[region], start), end), 3)

    def _within(self, region: int) -> int:
        return min(max(region, 0), len(self._pieces) - 1)


def _segment(segment: Segment, timeline: _Timeline) -> Segment:
    start = timeline.in_file(segment.start, timeline.region_from(segment.start))
    end = max(start, timeline.in_file(segment.end, timeline.region_to(segment.end)))
    if not segment.words:
        return segment.model_copy(update={"start": start, "end": end})
    words = tuple(_word(word, timeline) for word in segment.words)
    return segment.model_copy(update={"start": start, "end": max(end, words[-1].end), "words": words})


def _word(word: Word, timeline: _Timeline) -> Word:
    region = timeline.region_from((word.start + word.end) / 2)
    start, end = timeline.in_file(word.start, region), timeline.in_file(word.end, region)
    return word.model_copy(update={"start": start, "end": end})
