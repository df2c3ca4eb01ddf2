"""Converts times inside a chunk's audio to the file's time. Pure.

The chunk's audio is made of spoken regions (`ChunkReady.pieces`), joined without the silence between them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from processors.transcriber.spoken import Stretch
from schemas.segment import Segment, Word
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span


def shifted(segment: Segment, by_s: float) -> Segment:
    """The segment, shifted."""
    if not by_s:
        return segment
    words = segment.words and tuple(
        word.model_copy(update={"start": round(word.start + by_s, 3), "end": round(word.end + by_s, 3)}) for word in segment.words
    )
    return segment.model_copy(
        update={"start": round(segment.start + by_s, 3), "end": round(segment.end + by_s, 3), "words": words}
    )


def restore(segments: Sequence[Segment], pieces: Sequence[Span]) -> tuple[Segment, ...]:
    """A segment's start and end are converted separately, so it may span a pause; a word by the region of its middle."""
    timeline = _Timeline(pieces)
    return tuple(_segment(segment, timeline) for segment in segments)


def restore_stretch(stretch: Stretch, pieces: Sequence[Span]) -> Stretch:
    return _Timeline(pieces).stretch(*stretch)


class _Timeline:
    def __init__(self, pieces: Sequence[Span]) -> None:
        self._pieces = [(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in pieces]
        lengths = (end - start for start, end in self._pieces)
        self._starts = list(accumulate(lengths, initial=0.0))  # of each region in the chunk, and the chunk's end

    def stretch(self, start: float, end: float) -> Stretch:
        """Where two regions meet, a start is the later's and an end the earlier's."""
        begin = self.in_file(start, self._within(bisect_right(self._starts, start) - 1))
        return begin, max(begin, self.in_file(end, self._within(bisect_left(self._starts, end) - 1)))

    def region_of(self, at: float) -> int:
        return self._within(bisect_right(self._starts, at) - 1)

    def in_file(self, at: float, region: int) -> float:
        start, end = self._pieces[region]
        return round(min(max(start + at - self._starts[region], start), end), 3)

    def _within(self, region: int) -> int:
        return min(max(region, 0), len(self._pieces) - 1)


def _segment(segment: Segment, timeline: _Timeline) -> Segment:
    start, end = timeline.stretch(segment.start, segment.end)
    if not segment.words:
        return segment.model_copy(update={"start": start, "end": end})
    words = tuple(_word(word, timeline) for word in segment.words)
    return segment.model_copy(update={"start": start, "end": max(end, words[-1].end), "words": words})


def _word(word: Word, timeline: _Timeline) -> Word:
    region = timeline.region_of((word.start + word.end) / 2)
    start, end = timeline.in_file(word.start, region), timeline.in_file(word.end, region)
    return word.model_copy(update={"start": start, "end": end})
