"""The bounds of the player's clock, one frame after the other."""

import pytest

from processors.slicer.clock import MAX_JUMP_S, MAX_UNDECLARED_S, Clock, Origin

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
    return [warning.partition(":")[0] for warning in clock.warnings()]


def test_less_than_40_ms_is_nothing() -> None:
    clock = Clock(Origin())
    assert shown(clock, 0, 0.059, 0.04) == [0, 0.02, 0.04]
    assert clock.warnings() == []


def test_a_gap_is_silence_and_a_warning() -> None:
    clock = Clock(Origin())
    assert shown(clock, *(index * FRAME_S for index in range(10)), 5.2)[-1] == 5.2
    assert clock.warnings() == ["lost: 5.0 s of sound from 0.2 s are missing"]


def test_the_shortest_gap_is_not_called_nothing() -> None:
    clock = Clock(Origin())
    shown(clock, *(index * FRAME_S for index in range(10)), 0.252)
    assert clock.warnings() == ["lost: 0.05 s of sound from 0.2 s are missing"]


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
    assert clock.disbelieved_s > 300


def test_many_gaps_make_few_warnings() -> None:
    clock = Clock(Origin())
    shown(clock, *map(float, range(1, 1000)))
    assert len(clock.warnings()) == 6
    assert clock.warnings()[-1].startswith("lost: 992 more stretches, ")
