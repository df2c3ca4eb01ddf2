"""Tokens become segments."""

import pytest

from processors.transcriber.segments import Span, Split, split

FIRST = 1000  # the token of 0.00 s; one every 0.02 s


def at(seconds: float) -> int:
    return FIRST + round(seconds * 50)


def of(*tokens: int) -> Split:
    """Of a window of 4 s."""
    return split(tokens, FIRST, duration_s=4.0)


@pytest.mark.parametrize(
    ("tokens", "spans"),
    [
        ([], []),
        ([at(0.3), 1, 2, at(1.5), at(1.5)], [Span((1, 2), 0.3, 1.5)]),
        ([at(0.3), 1, at(1.5), at(2), 2, at(3)], [Span((1,), 0.3, 1.5), Span((2,), 2, 3)]),
        ([at(0), 1, at(1), at(1), 2, 3], [Span((1,), 0, 1), Span((2, 3), 1, 4)]),  # no closing time: the tail is kept
        ([1, 2], [Span((1, 2), 0, 4)]),
        ([at(1), 1, at(9)], [Span((1,), 1, 4)]),  # no time is past the window's end
        ([at(1), 1, at(9), at(9), 2, at(9.5)], [Span((1,), 1, 4)]),  # what begins after it does not exist
        ([at(9), 1], []),
        ([at(4), 1], []),
        ([at(3), 1, at(1)], []),  # nor was what lasts no time
        ([at(3), 1, at(3)], []),
        ([at(3), 1, at(1), at(1), 2, at(2)], [Span((2,), 1, 2)]),  # that one spoils no other
    ],
)
def test_tokens_are_cut_at_their_times(tokens: list[int], spans: list[Span]) -> None:
    cut = of(*tokens)
    assert list(cut.all) == spans
    assert all(0 <= span.start < span.end <= 4 for span in cut.all)


def test_only_text_without_a_closing_time_is_the_tail() -> None:
    assert of(at(0), 1, at(1), at(1), 2) == Split((Span((1,), 0, 1),), Span((2,), 1, 4), 1, at_rest=False, overrun=False)
    assert of(at(0), 1, at(1), at(1), 2, at(4)).tail is None


@pytest.mark.parametrize(
    ("tokens", "read_to_s"),
    [
        ([], 0),
        ([at(1), 1], 0),  # nothing is closed
        ([at(1), 1, at(2)], 2),
        ([at(1), 1, at(2), at(3)], 2),  # where the next one would begin is not yet read
        ([at(1), 1, at(2), at(2), 2, at(3), at(3), 3], 3),
        ([at(1), 1, at(9)], 4),
    ],
)
def test_a_window_is_read_to_where_its_last_text_closes(tokens: list[int], read_to_s: float) -> None:
    assert of(*tokens).read_to_s == read_to_s


@pytest.mark.parametrize(
    ("tokens", "at_rest"),
    [
        ([at(0), 1, at(1)], True),
        ([at(0), 1, at(1), at(1)], False),  # two in a row: another one was to follow
        ([at(0), 1, at(1), at(1), 2], False),
        ([1], False),
        ([at(0)], False),
        ([], False),
    ],
)
def test_a_single_time_stamp_at_the_end_means_that_nothing_follows(tokens: list[int], at_rest: bool) -> None:
    assert of(*tokens).at_rest is at_rest


@pytest.mark.parametrize(
    ("tokens", "overrun"),
    [
        ([at(3), 1, at(9)], False),  # it may end there, as a whole window does
        ([at(9), 1], True),
        ([at(5), 1, at(6)], True),
        ([at(0), 1, at(4), at(4)], False),
        ([at(3), 1, at(1)], False),
    ],
)
def test_text_that_begins_behind_the_sound_is_reported(tokens: list[int], overrun: bool) -> None:
    assert of(*tokens).overrun is overrun
