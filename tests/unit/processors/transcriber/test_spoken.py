"""Where in a chunk there is speech, and which of it has no text."""

import pytest

from processors.transcriber.spoken import Stretch, clipped, in_chunk, pauses, total_s, unread
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import Span


def spans(*seconds: tuple[float, float]) -> tuple[Span, ...]:
    return tuple((round(start * SAMPLE_RATE_HZ), round(end * SAMPLE_RATE_HZ)) for start, end in seconds)


PIECES = spans((10, 12), (15, 18), (30, 31))  # in the chunk: 0-2, 2-5, 5-6


@pytest.mark.parametrize(
    ("speech", "found"),
    [
        ([(10.5, 11.5), (15.25, 17), (30.5, 31)], [(0.5, 1.5), (2.25, 4), (5.5, 6)]),
        ([(10, 10.5), (11, 12)], [(0, 0.5), (1, 2)]),  # two stretches of one piece, none of the others
        ([(11, 16)], [(1, 2), (2, 3)]),  # over a removed pause
        ([(0, 40)], [(0, 2), (2, 5), (5, 6)]),
        ([(12, 15)], []),  # what is not in the audio
    ],
)
def test_speech_is_brought_to_the_time_of_the_chunk(speech: list[Stretch], found: list[Stretch]) -> None:
    assert in_chunk(PIECES, spans(*speech)) == found


def test_without_speech_in_the_record_pieces_lose_their_usual_padding() -> None:
    times = [at for stretch in in_chunk(PIECES, ()) for at in stretch]
    assert times == pytest.approx([0.4, 1.6, 2.4, 4.6, 5.25, 5.75])


def test_a_short_piece_without_known_speech_keeps_half_of_it() -> None:
    ((start, end),) = in_chunk(spans((1, 1.2)), ())
    assert (start, end) == pytest.approx((0.05, 0.15))


def test_a_pause_is_in_the_middle_of_a_silence() -> None:
    assert pauses([(0.5, 1.5), (2.5, 4), (5, 6)]) == [2.0, 4.5]
    assert pauses([(0, 6)]) == pauses([]) == []


def test_stretches_are_clipped_and_those_outside_are_dropped() -> None:
    assert clipped([(0, 1), (2, 4), (4, 5), (7, 8)], 0.5, 4) == [(0.5, 1), (2, 4)]
    assert total_s(clipped([(0, 1), (2, 4), (4, 5), (7, 8)], 0.5, 4)) == 2.5


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([(0, 20)], []),
        ([], [(1, 19)]),
        ([(4, 20)], [(1, 4)]),  # before the first text
        ([(0, 9)], [(10, 19)]),  # after the last
        ([(0, 5), (12, 20)], [(5, 12)]),  # between two: 4 s and 2 s of speech around a silence
        ([(0, 9), (11.5, 20)], []),  # 1.5 s of speech is little
        ([(0, 9), (12, 20)], []),  # and so is what is just as long as the bound
        ([(12, 20), (0, 5)], [(5, 12)]),  # in whatever order
        ([(0, 18), (2, 4)], []),  # one inside another
    ],
)
def test_long_speech_without_text_is_found_from_where_it_begins_to_where_it_ends(
    texts: list[Stretch], found: list[Stretch]
) -> None:
    assert unread([(1, 9), (10, 19)], texts, longest_s=2.0) == found


def test_silence_without_text_is_not_unread() -> None:
    assert unread([(0, 1), (15, 16)], [(0, 1), (15, 16)], longest_s=2.0) == []
    assert unread([], [], longest_s=2.0) == []
