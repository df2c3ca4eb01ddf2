"""Times inside a chunk keep to the speech that was detected, and become the file's, across the silence that was cut out."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from processors.transcriber.edges import ONSET_S, REACH_S, RELEASE_S, snapped
from processors.transcriber.spoken import Stretch, clipped
from processors.transcriber.times import restore, restore_stretch, shifted
from schemas.segment import Segment, Word
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span


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


def test_a_word_is_in_the_region_that_contains_its_middle() -> None:
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


def test_a_stretch_is_restored_as_a_segment_is() -> None:
    assert restore_stretch((1.5, 2.5), PIECES) == (11.5, 15.5)
    assert restore_stretch((0.5, 2), PIECES) == (10.5, 12)


def test_shifted_words_move_with_their_segment() -> None:
    moved = shifted(segment(0.5, 2, (0.5, 1), (1.2, 2)), 4.02)
    assert moved == segment(4.52, 6.02, (4.52, 5.02), (5.22, 6.02))
    assert shifted(moved, 0) == moved


def ends(segments: Sequence[Segment]) -> list[Stretch]:
    return [(each.start, each.end) for each in segments]


def word_ends(each: Segment) -> list[Stretch]:
    return [(word.start, word.end) for word in each.words or ()]


@pytest.mark.parametrize(
    ("found", "speech", "ends_now"),
    [
        ((0, 5), [(1, 4)], (0.95, 4.05)),  # silence at both ends, however long
        ((1.2, 3.7), [(1, 4)], (0.95, 4.05)),  # it ended before the last sound
        ((1.7, 3.3), [(1, 4)], (1.7, 3.3)),  # that is too far to be the same text
        ((0, 5), [(0.5, 1), (2, 3), (4, 4.5)], (0.45, 4.55)),  # silence inside it stays
        ((0, 2), [(3, 4)], (0, 2)),  # the detector missed what the model recognised
        ((0, 2), [], (0, 2)),
        ((0, 2), [(0, 2)], (0, 2.05)),  # nothing begins before the chunk
    ],
)
def test_a_segment_begins_and_ends_where_speech_does(found: Stretch, speech: list[Stretch], ends_now: Stretch) -> None:
    assert ends(snapped([segment(*found)], speech)) == [ends_now]


def test_an_end_is_not_moved_over_a_pause_before_one_of_its_words() -> None:
    """The model closes a text 0.35 s after a pause: with words in that time the end is right."""
    speech = [(0.0, 6.9), (7.8, 9.0)]
    beyond = segment(0, 8.16, (6.5, 6.8), (8.08, 8.16))
    (made,) = snapped([beyond], speech)
    assert made.end == 8.16
    assert word_ends(made)[-1] == (8.08, 8.16)
    before = segment(0, 8.16, (6.0, 6.5), (6.5, 6.8))
    assert snapped([before], speech)[0].end == 6.95
    assert snapped([segment(0, 8.16)], speech)[0].end == 8.16  # without words it may be either
    assert snapped([segment(0, 8.0)], speech)[0].end == 6.95


def test_without_segments_there_is_nothing_to_snap() -> None:
    assert snapped([], [(0, 1)]) == ()


def test_a_segment_is_not_extended_into_its_neighbour() -> None:
    assert ends(snapped([segment(0, 2), segment(2, 4)], [(0, 4.2)])) == [(0, 2), (2, 4.25)]


def test_speech_between_two_segments_is_not_given_to_both() -> None:
    first, second = snapped([segment(0, 1), segment(1.3, 2.5)], [(0.1, 0.6), (0.85, 1.45), (1.6, 2.4)])
    assert first.end <= second.start


def test_words_leave_the_silence_beside_them() -> None:
    (made,) = snapped([segment(0, 5, (0, 1.5), (1.5, 2.4), (3, 5))], [(1, 2), (3.2, 4)])
    assert (made.start, made.end) == (0.95, 4.05)
    assert word_ends(made) == [(0.95, 1.5), (1.5, 2.05), (3.15, 4.05)]


def test_a_word_across_a_pause_is_placed_where_more_of_it_is() -> None:
    (made,) = snapped([segment(0, 4, (0, 1), (1.8, 3.4), (3.5, 4))], [(0, 2), (3, 4)])
    assert word_ends(made)[1] == (2.95, 3.4)


def test_the_last_word_reaches_the_end_of_speech_where_that_is_near() -> None:
    (made,) = snapped([segment(0, 1.8, (0.3, 1), (1, 1.8))], [(0.2, 2)])
    assert word_ends(made) == [(0.15, 1), (1, 2.05)]


def rising(chance: random.Random, count: int, length_s: float) -> list[float]:
    """Different times, of two decimals like the model's."""
    return sorted(each / 50 for each in chance.sample(range(1, int(length_s * 50)), count))


def apart(times: Sequence[float]) -> list[Stretch]:
    return list(zip(times[::2], times[1::2], strict=True))


def wild_words(chance: random.Random, start: float, end: float) -> list[Stretch]:
    """Of an alignment that may be wrong in any way."""
    count = chance.randrange(0, 8)
    return [(chance.uniform(start - 3, end + 3), chance.uniform(start - 3, end + 3)) for _ in range(count)]


def some_segments(chance: random.Random) -> list[Segment]:
    """Of a chunk of 30 s: in order, without overlap; half of them end where the next begins."""
    times = rising(chance, 2 * chance.randrange(1, 10), 30)
    spans = apart(times) if chance.random() < 0.5 else list(pairwise(times))
    return [segment(start, end, *wild_words(chance, start, end)) for start, end in spans]


def test_for_any_input_segments_have_a_length_and_contain_their_words_in_order() -> None:
    for seed in range(1000):
        chance = random.Random(seed)
        found, speech = some_segments(chance), apart(rising(chance, 2 * chance.randrange(0, 12), 30))
        made = snapped(found, speech)
        assert len(made) == len(found)
        for before, after in zip(found, made, strict=True):
            if not clipped(speech, before.start, before.end):
                assert after == before, seed
                continue
            assert 0 <= after.start < after.end, seed
            assert after.start >= before.start - REACH_S - ONSET_S - 0.001, seed
            assert after.end <= before.end + REACH_S + RELEASE_S + 0.001, seed
            assert [word.word for word in after.words or ()] == [word.word for word in before.words or ()]
            assert all(start < end for start, end in word_ends(after)), seed
            bounds = [after.start, *(at for word in word_ends(after) for at in word), after.end]
            assert bounds == sorted(bounds), seed


def test_segments_that_did_not_overlap_do_not_overlap_afterwards() -> None:
    for seed in range(1000):
        chance = random.Random(seed)
        made = snapped(some_segments(chance), apart(rising(chance, 2 * chance.randrange(0, 12), 30)))
        assert all(earlier.end <= later.start for earlier, later in pairwise(made)), seed
