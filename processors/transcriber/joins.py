"""Splits segments that span a removed pause: otherwise a subtitle would show a text long before it is spoken. Pure.

Fed by `whisper` with a window's segments and their words, and where in the window the slicer has taken silence out.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from schemas.segment import Segment, Word


def spanned(segment_start: float, segment_end: float, joins_s: Sequence[float]) -> bool:
    """Whether a text between these times may have words on both sides of a join."""
    return any(segment_start < join < segment_end for join in joins_s)


def parted(segment: Segment, joins_s: Sequence[float]) -> Iterator[Segment]:
    """One segment for each side of a join that has words; without words as it is. A word is where its middle is."""
    inside = [join for join in joins_s if segment.start < join < segment.end]
    if not segment.words or not inside:
        yield segment
        return
    sides = [tuple(words) for _, words in groupby(segment.words, lambda word: _side(word, inside))]
    for at, words in enumerate(sides):
        start = segment.start if at == 0 else words[0].start
        end = segment.end if at == len(sides) - 1 else words[-1].end
        text = "".join(word.word for word in words).strip()
        yield segment.model_copy(update={"start": start, "end": end, "text": text, "words": words})


def _side(word: Word, joins_s: Sequence[float]) -> int:
    return sum((word.start + word.end) / 2 >= join for join in joins_s)
