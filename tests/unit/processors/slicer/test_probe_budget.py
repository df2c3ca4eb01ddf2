"""Probing takes a twentieth of the time at most, whatever the files are like."""

from processors.slicer.sandbox.probe_budget import PAUSE_FACTOR, QUICK_S, SLOW_MAX_S, ProbeBudget


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def probed_s(took_s: float, during_s: float, every_s: float = 0.01) -> float:
    """How long was spent on probes, if one file comes after the other and each would take that long."""
    clock, spent_s = Clock(), 0.0
    budget, end_s = ProbeBudget(clock), clock.now_s + during_s
    while clock.now_s < end_s:
        if not budget.is_paused:
            clock.now_s += took_s
            budget.spend(took_s)
            spent_s += took_s
        clock.now_s += every_s
    return spent_s


def test_after_a_probe_that_ran_into_its_limit_the_pause_is_twenty_times_as_long() -> None:
    clock = Clock()
    budget = ProbeBudget(clock)
    assert not budget.is_paused
    budget.spend(SLOW_MAX_S)
    clock.now_s += 20 * SLOW_MAX_S - 0.001
    assert budget.is_paused
    clock.now_s += 0.002
    assert not budget.is_paused
    budget.spend(3.0)
    clock.now_s += 59.9
    assert budget.is_paused


def test_quick_probes_never_cause_a_pause() -> None:
    assert probed_s(QUICK_S, 600, every_s=0.0) >= 600


def test_one_slow_probe_now_and_then_causes_none() -> None:
    clock = Clock()
    budget = ProbeBudget(clock)
    for _ in range(1000):
        budget.spend(0.4)
        assert not budget.is_paused
        clock.now_s += PAUSE_FACTOR * 0.4


def test_a_flood_of_slow_files_takes_a_twentieth_of_the_time_and_less_than_a_second_at_once() -> None:
    for took_s in (0.021, 0.1, 0.3, 0.45, 0.49, 0.5):
        assert probed_s(took_s, 9.0) < 1.0
        assert probed_s(took_s, 3600) < 3600 / PAUSE_FACTOR + 1.0
