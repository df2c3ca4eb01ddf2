"""Pauses between tries grow to a limit, begin again after a success, and are spread where many wait for the same thing."""

import pytest

from runtime.backoff import Backoff, store_backoff


def pauses_s(backoff: Backoff, count: int) -> list[float]:
    return [round(backoff.next_s(), 3) for _ in range(count)]


def test_pauses_grow_up_to_the_longest() -> None:
    assert pauses_s(Backoff(0.2, 5.0), 7) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert pauses_s(Backoff(0.05, 0.075, factor=1.2), 4) == [0.05, 0.06, 0.072, 0.075]


def test_a_reset_begins_with_the_first_pause_again() -> None:
    backoff = Backoff(0.2, 5.0)
    pauses_s(backoff, 3)
    backoff.reset()
    assert pauses_s(backoff, 2) == [0.2, 0.4]


def test_a_longer_requested_pause_is_kept_and_does_not_change_the_next() -> None:
    backoff = Backoff(0.5, 5.0)
    assert [backoff.next_s(at_least_s=3.0), backoff.next_s(at_least_s=0.1), backoff.next_s()] == [3.0, 1.0, 2.0]


@pytest.mark.parametrize(("drawn", "pause_s"), [(0.0, 1.0), (0.5, 1.125), (1.0, 1.25)])
def test_jitter_makes_a_pause_longer_and_never_shorter(drawn: float, pause_s: float) -> None:
    backoff = Backoff(1.0, 5.0, jitter=0.25, uniform=lambda low, high: low + drawn * (high - low))
    assert backoff.next_s() == pause_s
    assert backoff.next_s() == 2 * pause_s, "the growth itself is not random"


def test_those_who_wait_for_the_store_come_back_at_different_moments() -> None:
    assert len({store_backoff().next_s(at_least_s=1.0) for _ in range(20)}) > 1


def test_waiting_for_the_store_means_a_retry_at_least_every_seven_seconds() -> None:
    backoff = store_backoff()
    assert all(0.5 <= backoff.next_s() < 7.0 for _ in range(20))
