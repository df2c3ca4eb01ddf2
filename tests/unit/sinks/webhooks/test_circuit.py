"""When nothing is sent to a receiver that keeps failing, and when a probe is."""

import pytest

from sinks.webhooks.circuit import OPEN_MAX, OPEN_S, TRIPS_AFTER, Circuit


def failing(probes: int = 0) -> tuple[Circuit, float]:
    """After so many probes that failed, each as soon as it was allowed; and the time of the last failure."""
    circuit, now_s = Circuit(), 0.0
    for _ in range(TRIPS_AFTER + probes):
        now_s += circuit.open_s(now_s)
        circuit.failed(now_s)
    return circuit, now_s


def test_a_few_failures_in_a_row_open_it() -> None:
    circuit = Circuit()
    for _ in range(TRIPS_AFTER - 1):
        circuit.failed(0.0)
    assert not circuit.is_tripped
    circuit.failed(0.0)
    assert circuit.is_tripped
    assert circuit.open_s(0.0) == OPEN_S
    assert circuit.open_s(OPEN_S) == 0.0  # time for a probe


@pytest.mark.parametrize(("probes", "times"), [(1, 2), (2, 4), (100, OPEN_MAX)])
def test_each_failed_probe_keeps_it_open_for_twice_as_long_up_to_a_limit(probes: int, times: int) -> None:
    circuit, now_s = failing(probes)
    assert circuit.open_s(now_s) == pytest.approx(times * OPEN_S)


def test_attempts_that_had_begun_before_it_opened_do_not_keep_it_open() -> None:
    circuit, now_s = failing()
    for _ in range(10):
        circuit.failed(now_s + 1.0)
    assert circuit.open_s(now_s) == OPEN_S


def test_one_success_closes_it() -> None:
    circuit, now_s = failing(probes=100)
    circuit.close()
    assert not circuit.is_tripped
    assert circuit.open_s(now_s) == 0.0


def test_it_is_open_for_as_long_as_the_receiver_asks_within_its_limit() -> None:
    circuit, now_s = failing()
    now_s += circuit.open_s(now_s)
    circuit.failed(now_s, at_least_s=100.0)
    assert circuit.open_s(now_s) == 100.0
    circuit.failed(now_s + 100.0, at_least_s=1e9)
    assert circuit.open_s(now_s + 100.0) == OPEN_MAX * OPEN_S
