"""Words that are repeated where decoding continues, because the timestamp was before the last sound of the text. Pure.

Fed by `windows` with the text so far and the text of the window that goes on.
"""

from collections.abc import Sequence

from processors.transcriber.guard import words
from schemas.segment import Segment

LETTERS = 4  # one short word may really be spoken twice: no, and, the


def repeated(before: Sequence[Segment], after: Sequence[Segment]) -> int:
    """How many words at the beginning of `after` are those at the end of `before`."""
    before_words, again = (words(" ".join(segment.text for segment in segments)) for segments in (before, after))
    count = next((n for n in range(min(len(before_words), len(again)), 0, -1) if before_words[-n:] == again[:n]), 0)
    return 0 if count == 1 and len(again) > 1 and len(again[0]) < LETTERS else count


def without(count: int, segments: Sequence[Segment]) -> list[Segment]:
    """The segments without their first words."""
    left = list(segments)
    while left and count >= len(left[0].text.split()):
        count -= len(left.pop(0).text.split())
    if left and count:
        left[0] = _cut(left[0], count)
    return left


def _cut(segment: Segment, count: int) -> Segment:
    """It starts at its first remaining word: as aligned, otherwise as if all words were equally long."""
    text = segment.text.split()
    kept = None if segment.words is None else segment.words[count:]
    start = kept[0].start if kept else segment.start + (segment.end - segment.start) * count / len(text)
    return segment.model_copy(update={"start": round(start, 3), "text": " ".join(text[count:]), "words": kept})
