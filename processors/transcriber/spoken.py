"""The speech in a chunk, in seconds of the chunk, and the parts of it without text. Pure.

Fed by the slicer's regions (`ChunkReady.pieces` and `.speech`, in samples of the file).
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span

Stretch = tuple[float, float]  # start and end in seconds
USUAL_PAD_S = 0.4  # at both ends of a piece, if a record has no `speech`


def in_chunk(pieces: Sequence[Span], speech: Sequence[Span]) -> list[Stretch]:
    """`speech` in the time of the chunk, in which the pieces follow each other without the silence between them."""
    found: list[Stretch] = []
    at = 0.0
    for start, end in _in_seconds(pieces):
        inside = clipped(_in_seconds(speech), start, end) if speech else [_without_padding(start, end)]
        found += [(a - start + at, b - start + at) for a, b in inside]
        at += end - start
    return found


def joins(pieces: Sequence[Span]) -> list[float]:
    """The times in the chunk at which one piece ends and the next begins."""
    lengths = [end - start for start, end in _in_seconds(pieces)]
    return list(accumulate(lengths[:-1]))


def pauses(speech: Sequence[Stretch]) -> list[float]:
    """The middle of every silence between two stretches."""
    return [(before + after) / 2 for (_, before), (after, _) in pairwise(speech)]


def clipped(speech: Iterable[Stretch], start: float, end: float) -> list[Stretch]:
    """The parts of it between two times."""
    cut = ((max(a, start), min(b, end)) for a, b in speech)
    return [(a, b) for a, b in cut if a < b]


def total_s(speech: Iterable[Stretch]) -> float:
    return sum(end - start for start, end in speech)


def unread(speech: Sequence[Stretch], texts: Iterable[Stretch], longest_s: float) -> list[Stretch]:
    """The gaps between two texts, before the first and after the last, when more than `longest_s` of it is speech: from where
    speech begins there to where it ends."""
    gaps: list[Stretch] = []
    at = 0.0
    for start, end in sorted(texts):
        gaps.append((at, start))
        at = max(at, end)
    gaps.append((at, float("inf")))
    found = [clipped(speech, *gap) for gap in gaps]
    return [(parts[0][0], parts[-1][1]) for parts in found if total_s(parts) > longest_s]


def _in_seconds(spans: Iterable[Span]) -> list[Stretch]:
    return [(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in spans]


def _without_padding(start: float, end: float) -> Stretch:
    pad_s = min(USUAL_PAD_S, (end - start) / 4)
    return start + pad_s, end - pad_s
