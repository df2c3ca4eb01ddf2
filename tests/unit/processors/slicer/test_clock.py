"""The bounds of the player's clock, one frame after the other."""

import pytest

from processors.slicer.clock import MAX_JUMP_S, MAX_UNDECLARED_S, Clock, Origin
from processors.slicer.faults import NAMED_MAX
from processors.slicer.media_info import MediaWarning

FRAME_S = 0.02


def shown(clock: Clock, *times_s: float) -> list[float]:
    """Where each frame begins."""
    positions = []
    for time_s in times_s:
        clock.arrive(time_s)
        positions.append(clock.position_s)
        clock.advance(FRAME_S)
    return [round(position_s, 3) for position_s in positions]


def codes(clock: Clock) -> list[str]:
    return [warning.code for warning in clock.warnings()]


def test_less_than_40_ms_is_nothing() -> None:
    clock = Clock(Origin())
    assert shown(clock, 0, 0.059, 0.04) == [0, 0.02, 0.04]
    assert clock.warnings() == []


def test_a_gap_is_silence_and_a_warning() -> None:
    clock = Clock(Origin())
    assert shown(clock, *(index * FRAME_S for index in range(10)), 5.2)[-1] == 5.2
    assert clock.warnings() == [MediaWarning(code="lost", message="5.0 s of audio are missing", start=0.2, end=5.2)]


def test_the_shortest_gap_is_not_called_nothing() -> None:
    clock = Clock(Origin())
    shown(clock, *(index * FRAME_S for index in range(10)), 0.252)
    assert clock.warnings() == [MediaWarning(code="lost", message="0.05 s of audio are missing", start=0.2, end=0.252)]


def test_what_comes_late_lost_nothing() -> None:
    clock = Clock(Origin(zero_s=1.4))
    assert shown(clock, 5.4) == [4]
    assert (clock.start_s, clock.warnings()) == (4, [])


def test_an_encoders_priming_before_a_gap_is_not_the_beginning() -> None:
    clock = Clock(Origin())
    assert shown(clock, 0, 4) == [0, 4]
    assert (clock.start_s, clock.warnings()) == (4, [])


def test_a_clock_that_begins_again_counts_on() -> None:
    clock = Clock(Origin())
    assert shown(clock, *(10 + index * FRAME_S for index in range(10)))[0] == 10
    assert shown(clock, 0, 0.02, 1.02) == [10.2, 10.22, 11.22]
    assert codes(clock) == ["lost", "clock"]
    assert clock.warnings()[1].message == "the file's clock runs back by 10.2 s; the audio continues without a gap"
    assert (clock.warnings()[1].start, clock.warnings()[1].end) == (10.2, None)


def test_a_small_step_back_is_caught_up_with() -> None:
    """Times jitter in some containers; silence for each step ahead would add up."""
    clock = Clock(Origin())
    shown(clock, 10)
    assert shown(clock, *(10 + index * FRAME_S + 0.2 * (index % 2) for index in range(1, 500)))[-1] < 20.3


@pytest.mark.parametrize("length_s", [None, 20_000.0])
def test_no_jump_is_longer_than_the_longest(length_s: float | None) -> None:
    assert shown(Clock(Origin(length_s=length_s)), 0, MAX_JUMP_S) == [0, MAX_JUMP_S]
    clock = Clock(Origin(length_s=length_s))
    assert shown(clock, 0, MAX_JUMP_S + 1, MAX_JUMP_S + 2) == [0, FRAME_S, pytest.approx(FRAME_S + 1)]
    assert codes(clock)[0] == "clock"


def test_no_jump_leads_far_beyond_the_declared_end() -> None:
    clock = Clock(Origin(length_s=20))
    assert shown(clock, 0, 300) == [0, FRAME_S]
    assert shown(clock, 300 + MAX_UNDECLARED_S / 2)[-1] == pytest.approx(MAX_UNDECLARED_S / 2 + FRAME_S, abs=0.05)
    assert shown(clock, 300 + 2 * MAX_UNDECLARED_S)[-1] < MAX_UNDECLARED_S
    assert clock.ignored_s > 300


def gaps(count: int) -> Clock:
    """Each is 0.98 s long; the first begins at 2.02 s."""
    clock = Clock(Origin())
    shown(clock, *map(float, range(1, count + 3)))
    return clock


def test_as_many_gaps_as_are_named_have_a_warning_each() -> None:
    named = gaps(NAMED_MAX).warnings()
    assert [(warning.start, warning.end) for warning in named] == [(n + 0.02, n + 1) for n in range(2, NAMED_MAX + 2)]
    assert {warning.message for warning in named} == {"1.0 s of audio are missing"}


def test_further_gaps_are_one_warning_with_their_number_and_length() -> None:
    *named, others = gaps(1000).warnings()
    assert named == gaps(NAMED_MAX).warnings()
    count = 1000 - NAMED_MAX
    assert others.code == "lost"
    assert others.message == f"further gaps in the audio: {count}, {count * 0.98:.1f} s in total"
    assert (others.start, others.end) == (NAMED_MAX + 2.02, 1002)


def test_further_breaks_are_one_warning_too() -> None:
    clock = Clock(Origin())
    shown(clock, *(n * 2 * MAX_JUMP_S for n in range(1000)))
    *named, others = clock.warnings()
    assert len(named) == NAMED_MAX
    assert (others.code, others.message) == ("clock", f"further jumps of the file's timestamps: {999 - NAMED_MAX}")


def test_a_position_is_returned_without_moving_the_clock() -> None:
    clock = Clock(Origin(zero_s=1.0, length_s=20))
    shown(clock, 1.0)
    assert clock.position_of(6.0) == 5.0
    assert clock.position_s == FRAME_S
    assert clock.warnings() == []


@pytest.mark.parametrize("time_s", [None, 0.0, 200.0, 2 * MAX_JUMP_S])
def test_a_position_that_cannot_be_is_where_the_sound_ends(time_s: float | None) -> None:
    clock = Clock(Origin(zero_s=1.0, length_s=20))
    shown(clock, 1.0)
    assert clock.position_of(time_s) == FRAME_S
