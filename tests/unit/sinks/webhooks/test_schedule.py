"""When the next attempt is due, and on which topic it waits."""

from datetime import timedelta

import pytest

from runtime.setting_types import WEBHOOK_DELAYS_S
from schemas.topics import WEBHOOK_RETRIES
from sinks.webhooks.schedule import QUICK_POSTPONEMENTS, Due, Schedule
from tests.unit.sinks.webhooks.scene import NOW, after

EXACT = Schedule(WEBHOOK_DELAYS_S, lambda low, high: 1.0)
EARLY = Schedule(WEBHOOK_DELAYS_S, lambda low, high: low)
LATE = Schedule(WEBHOOK_DELAYS_S, lambda low, high: high)


def walk(schedule: Schedule) -> list[Due]:
    due = [schedule.after(attempt, NOW) for attempt in range(1, 11)]
    return [each for each in due if each is not None]


def test_ten_attempts_in_75_hours_each_delay_on_a_topic_of_its_own() -> None:
    steps = walk(EXACT)

    assert EXACT.first(NOW) == NOW
    assert [(step.at - NOW).total_seconds() for step in steps] == list(WEBHOOK_DELAYS_S[1:])
    assert [step.topic for step in steps] == list(WEBHOOK_RETRIES)
    assert sum(WEBHOOK_DELAYS_S) == 75 * 3600 + 35 * 60 + 5
    assert EXACT.after(10, NOW) is None


def test_delays_differ_by_a_tenth_at_most() -> None:
    for early, exact, late in zip(walk(EARLY), walk(EXACT), walk(LATE), strict=True):
        assert (early.at - NOW) / (exact.at - NOW) == pytest.approx(0.9)
        assert (late.at - NOW) / (exact.at - NOW) == pytest.approx(1.1)


def test_a_receiver_may_ask_for_a_longer_pause_but_not_for_a_shorter_one() -> None:
    assert EXACT.after(1, NOW, at_least_s=2.0) == Due(after(5), WEBHOOK_RETRIES[0])
    assert EXACT.after(1, NOW, at_least_s=100.0) == Due(after(100), WEBHOOK_RETRIES[1])
    assert EXACT.after(1, NOW, at_least_s=3600.0) == Due(after(3600), WEBHOOK_RETRIES[3])


def test_a_pause_is_never_longer_than_the_longest_delay() -> None:
    assert EXACT.after(1, NOW, at_least_s=1e9) == Due(NOW + timedelta(hours=24), WEBHOOK_RETRIES[8])


def test_nothing_waits_behind_what_is_due_later_than_a_tenth_after_it() -> None:
    """A topic's longest wait is that of its own delay, so its first record holds up no other for longer."""
    for at_least_s in (0.0, 3.0, 6.0, 299.0, 301.0, 5000.0, 90_000.0):
        for attempt in range(1, 10):
            due = LATE.after(attempt, NOW, at_least_s)
            assert due is not None
            step = WEBHOOK_RETRIES.index(due.topic) + 1
            assert (due.at - NOW).total_seconds() <= 1.1 * WEBHOOK_DELAYS_S[step]


def test_what_is_postponed_comes_again_soon_and_after_many_times_later() -> None:
    assert EXACT.postponed(1.0, 0, NOW) == Due(after(5), WEBHOOK_RETRIES[0])
    assert EXACT.postponed(60.0, 0, NOW) == Due(after(60), WEBHOOK_RETRIES[1])
    assert EXACT.postponed(1.0, QUICK_POSTPONEMENTS, NOW) == Due(after(300), WEBHOOK_RETRIES[1])


def test_a_circuit_is_open_briefly_beside_the_delays() -> None:
    assert EXACT.pauses.trips_s == 30.0
    assert Schedule([0.0, 1.0, 5.0]).pauses.trips_s == 0.05


def test_a_receiver_can_ask_for_the_longest_delay_at_most() -> None:
    assert EXACT.pauses.asked_max_s == 24 * 3600
    assert Schedule([0.0]).pauses.asked_max_s > 0


def test_with_a_single_attempt_there_is_no_second_one_and_a_pause_all_the_same() -> None:
    only = Schedule([0.0])
    assert only.after(1, NOW) is None
    assert only.postponed(0.1, 0, NOW).at > NOW
