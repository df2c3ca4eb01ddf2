"""Words that are repeated where decoding continues, because the timestamp was before the last sound of the text. Pure.

Fed by `windows` with the text so far, the text of the window that goes on, and where speech was detected.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processors.transcriber.guard import words
from processors.transcriber.spoken import Stretch, clipped, total_s
from schemas.segment import Segment

LETTERS = 4  # one short word may really be spoken twice: no, and, the
SPOKEN_AGAIN = 0.5  # of the speech under the first time: the last sound of a word, which an echo has under it, is far shorter
ENDS = (".", "!", "?", "…", "。", "！", "？", "।")  # of sentences


def repeated(before: Sequence[Segment], after: Sequence[Segment]) -> int:
    """How many words at the beginning of `after` are those at the end of `before`."""
    before_words, again = (words(" ".join(segment.text for segment in segments)) for segments in (before, after))
    count = next((n for n in range(min(len(before_words), len(again)), 0, -1) if before_words[-n:] == again[:n]), 0)
    return 0 if count == 1 and len(again) > 1 and len(again[0]) < LETTERS else count


def is_spoken_again(before: Sequence[Segment], after: Sequence[Segment], count: int, speech: Sequence[Stretch]) -> bool:
    """Whether the `count` repeated words are whole sentences with speech of their own, about as much as the first time. Times
    of both texts and of `speech` are the chunk's."""
    first = [word for segment in before for word in _words(segment, speech)]
    if count == 0 or not (count == len(first) or first[-count].begins_segment or first[-count - 1].ends_sentence):
        return False
    first_s = sum(word.speech_s for word in first[-count:])
    again: list[_Word] = []
    for segment in after:
        again += _words(segment, speech) if len(again) < count else []
    others_s = first_s / count * (len(again) - count)  # in the segment that goes on after the repeated words
    return sum(word.speech_s for word in again) - others_s >= SPOKEN_AGAIN * first_s


@dataclass(frozen=True, slots=True)
class _Word:
    """`speech_s`: its share of the speech under its segment."""

    speech_s: float
    begins_segment: bool
    ends_sentence: bool


def _words(segment: Segment, speech: Sequence[Stretch]) -> list[_Word]:
    text = segment.text.split()
    share_s = total_s(clipped(speech, segment.start, segment.end)) / max(1, len(text))
    return [_Word(share_s, at == 0, word.rstrip("\"'”’)»").endswith(ENDS)) for at, word in enumerate(text)]


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
