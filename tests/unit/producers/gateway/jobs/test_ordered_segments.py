"""Positions in the segments of a work: what follows, what still has to come, and what is no longer the same."""

import pytest

from producers.gateway.jobs.ordered_segments import OrderedSegments, Position
from schemas.segment import Segment


def segments(*texts: str) -> list[Segment]:
    return [Segment(start=index, end=index + 1, text=text) for index, text in enumerate(texts)]


def at(*texts: str) -> Position:
    return OrderedSegments(segments(*texts)).following(Position(), complete=True).position


def test_what_follows_begins_after_what_a_client_has() -> None:
    following = OrderedSegments(segments("a", "b", "c")).following(at("a"), complete=False)
    assert [segment.text for segment in following.segments] == ["b", "c"]
    assert following.position == at("a", "b", "c")
    assert not following.again


@pytest.mark.parametrize("text", ["0", "1.00ff", "12.x"])
def test_a_position_comes_back_as_it_was_written(text: str) -> None:
    assert str(Position.parse(text)) == text


@pytest.mark.parametrize("text", ["", "x", "-1", "²", "1" * 10, ".1"])
def test_what_was_never_written_is_no_position(text: str) -> None:
    assert Position.parse(text) is None


def test_other_segments_replace_all_that_a_client_has() -> None:
    following = OrderedSegments(segments("a", "B")).following(at("a", "b"), complete=False)
    assert (len(following.segments), following.again) == (2, True)


def test_other_times_are_other_segments() -> None:
    moved = [Segment(start=0.5, end=1, text="a")]
    assert OrderedSegments(moved).following(at("a"), complete=False).again


def test_a_client_that_has_more_waits_unless_no_more_will_come() -> None:
    behind = OrderedSegments(segments("a"))
    waiting = behind.following(at("a", "b"), complete=False)
    assert (waiting.segments, waiting.position, waiting.again) == ((), at("a", "b"), False)
    assert behind.following(at("a", "b"), complete=True).again


def test_a_position_does_not_depend_on_how_the_segments_came() -> None:
    growing = OrderedSegments()
    for segment in segments("a", "b"):
        growing.extend([segment])
    assert growing.following(Position(), complete=False).position == at("a", "b")
