"""Starts and ends of texts and words: moved to the edges of speech nearby. Pure.

Fed by `windows` with a chunk's segments and where the slicer's detector found speech in it.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from processors.transcriber.spoken import Stretch
from processors.transcriber.words import inside
from schemas.segment import Segment, Word

# The detector's windows are 32 ms long, and a soft sound at either end of speech stays below its threshold.
ONSET_S = RELEASE_S = 0.05
REACH_S = 0.6  # a timestamp this far inside speech may mean its edge
LATE_S = 0.25  # and this far after a silence its beginning, without words: text may begin soon after it


def snapped(segments: Sequence[Segment], speech: Sequence[Stretch]) -> tuple[Segment, ...]:
    """With ends at the edges of speech that are near. The model gives the silence beside a text to the text, or closes it before
    its last sound; an alignment does the same with words. No end is moved past a neighbour."""
    rests = _rests(speech)
    wanted = [_edges(segment, speech, rests) for segment in segments]
    made: list[Segment] = []
    for at, (segment, (start, end)) in enumerate(zip(segments, wanted, strict=True)):
        lower = made[-1].end if made else 0.0
        upper = wanted[at + 1][0] if at + 1 < len(wanted) else inf
        bounds = max(start, min(lower, segment.start)), min(end, max(upper, segment.end))
        made.append(_between(segment, *bounds, speech) if _overlaps(segment, speech) else segment)
    return tuple(made)


def rest_at(at: float, speech: Sequence[Stretch]) -> float:
    """Where decoding goes on after a time stamp: in the silence that it means. It may stand before the last sound of a word,
    which would be read twice, or after the first sound of the next, which would be lost. What is left before the end is read."""
    for begin, end in _rests(speech)[:-1]:
        if begin - REACH_S <= at <= end + LATE_S:
            return min(max(at, begin), max(begin, end - ONSET_S))
    return at


def _rests(speech: Sequence[Stretch]) -> list[Stretch]:
    """The silence before, between and after."""
    if not speech:
        return []
    return [(0.0, speech[0][0]), *((a, b) for (_, a), (b, _) in pairwise(speech)), (speech[-1][1], inf)]


def _edges(segment: Segment, speech: Sequence[Stretch], rests: Sequence[Stretch]) -> Stretch:
    """Where it would begin and end. As it does where no speech overlaps: the detector missed what the model transcribed."""
    unchanged = segment.start, segment.end
    if not _overlaps(segment, speech):
        return unchanged
    before = _near(rests, segment.start, REACH_S)
    after = _near(rests, segment.end, REACH_S if segment.words else LATE_S)
    if segment.words:  # a silence with a word after it is not the one that was meant
        first, last = segment.words[0], segment.words[-1]
        before = before if before and (first.end > before[1] or first.start >= before[0]) else None
        after = after if after and (last.start < after[0] or last.end <= after[1]) else None
    start = round(before[1] - ONSET_S, 3) if before else segment.start
    end = round(after[0] + RELEASE_S, 3) if after else segment.end
    return (start, end) if start < min(end, segment.end) and segment.start < end else unchanged


def _overlaps(segment: Segment, speech: Sequence[Stretch]) -> bool:
    return any(a < segment.end and segment.start < b for a, b in speech)


def _near(rests: Sequence[Stretch], at: float, late_s: float) -> Stretch | None:
    """The silence that holds that time; else the nearest that it stands before by REACH_S, or after by so little."""
    near = [(max(a - at, at - b, 0.0), (a, b)) for a, b in rests if a - REACH_S <= at <= b + late_s]
    return min(near)[1] if near else None


def _between(segment: Segment, start: float, end: float, speech: Sequence[Stretch]) -> Segment:
    """The first and the last word reach to the segment's ends, where these are near."""
    if not segment.words:
        return segment.model_copy(update={"start": start, "end": end})
    words = [_snapped_word(word, speech) for word in segment.words]
    if 0 < words[0].start - start <= REACH_S:
        words[0] = words[0].model_copy(update={"start": start})
    if 0 < end - words[-1].end <= REACH_S:
        words[-1] = words[-1].model_copy(update={"end": end})
    return segment.model_copy(update={"start": start, "end": end, "words": inside(words, start, end)})


def _snapped_word(word: Word, speech: Sequence[Stretch]) -> Word:
    """Without the silence beside it: a word does not continue across a pause, but is placed where more of it is."""
    overlapping = [(min(b, word.end) - max(a, word.start), a, b) for a, b in speech if a < word.end and word.start < b]
    if not overlapping:
        return word
    _, first, last = max(overlapping)
    return word.model_copy(update={"start": max(word.start, first - ONSET_S), "end": min(word.end, last + RELEASE_S)})
