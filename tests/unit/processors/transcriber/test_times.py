"""Times inside a chunk become the file's, across the silence that was cut out."""

import pytest

from processors.transcriber.times import restore
from schemas.segment import Segment, Word
from schemas.work import SAMPLE_RATE_HZ, Span


def spans(*seconds: tuple[float, float]) -> tuple[Span, ...]:
    return tuple((int(start * SAMPLE_RATE_HZ), int(end * SAMPLE_RATE_HZ)) for start, end in seconds)


def segment(start: float, end: float, *words: tuple[float, float]) -> Segment:
    made = tuple(Word(start=a, end=b, word=" x", probability=1.0) for a, b in words)
    return Segment(start=start, end=end, text="x", words=made or None)


PIECES = spans((10, 12), (15, 18), (30, 31))  # in the chunk: 0-2, 2-5, 5-6


@pytest.mark.parametrize(
    ("inside", "in_file"),
    [
        ((0, 1), (10, 11)),
        ((0.5, 2), (10.5, 12)),  # an end where two regions meet is the earlier's
        ((2, 5), (15, 18)),  # and a start there is the later's
        ((1.5, 2.5), (11.5, 15.5)),  # over a removed pause
        ((1, 6), (11, 31)),
        ((5.5, 9), (30.5, 31)),  # beyond the chunk's end
    ],
)
def test_start_and_end_are_restored_each_for_itself(inside: tuple[float, float], in_file: tuple[float, float]) -> None:
    (restored,) = restore([segment(*inside)], PIECES)
    assert (restored.start, restored.end) == in_file


def test_a_word_lies_in_the_region_that_holds_its_middle() -> None:
    (restored,) = restore([segment(0, 4, (0.2, 0.6), (1.8, 2.1), (1.95, 2.4), (3, 4))], PIECES)
    assert restored.words is not None
    assert [(word.start, word.end) for word in restored.words] == [(10.2, 10.6), (11.8, 12), (15, 15.4), (16, 17)]
    assert (restored.start, restored.end) == (10, 17)


def test_a_word_without_length_where_two_regions_meet_stays_inside_its_segment() -> None:
    (restored,) = restore([segment(1, 2, (1, 2), (2, 2))], PIECES)
    assert restored.words is not None
    assert all(restored.start <= word.start <= word.end <= restored.end for word in restored.words)


def test_what_comes_later_in_the_chunk_comes_later_in_the_file() -> None:
    inside = [segment(at / 10, (at + 3) / 10) for at in range(57)]
    restored = restore(inside, PIECES)
    assert [piece.start for piece in restored] == sorted(piece.start for piece in restored)
    assert [piece.end for piece in restored] == sorted(piece.end for piece in restored)
    assert all(piece.start <= piece.end for piece in restored)


def test_without_segments_there_is_nothing_to_restore() -> None:
    assert restore([], PIECES) == ()
