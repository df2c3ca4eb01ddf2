"""Token buckets, by a clock that the test turns."""

import pytest

from producers.gateway.access.rates import Allowance, Rates
from runtime.api_keys import ApiKey, Limits


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def key(requests: int = 0, submissions: int = 0, name: str = "a") -> ApiKey:
    return ApiKey("alice", name.encode() * 32, Limits(requests, submissions, 0))


def wait_s(allowance: Allowance | None) -> float:
    return allowance.wait_s if allowance is not None else 0.0


def test_a_minutes_requests_may_come_at_once_and_the_next_one_waits_for_its_share(clock: Clock) -> None:
    rates = Rates(clock)
    remaining = [taken.remaining for _ in range(3) if (taken := rates.take(key(3), is_submission=False))]
    assert remaining == [2, 1, 0]
    assert rates.take(key(3), is_submission=False) == Allowance("requests", 3, 0, 60.0, 20.0)
    clock.now_s += 19.9
    assert wait_s(rates.take(key(3), is_submission=False)) == pytest.approx(0.1)
    clock.now_s += 0.2
    assert wait_s(rates.take(key(3), is_submission=False)) == 0


def test_a_refused_request_costs_nothing(clock: Clock) -> None:
    rates = Rates(clock)
    for _ in range(50):
        rates.take(key(1), is_submission=False)
    clock.now_s += 60.0
    assert wait_s(rates.take(key(1), is_submission=False)) == 0


def test_a_bucket_holds_no_more_than_a_minute(clock: Clock) -> None:
    rates = Rates(clock)
    rates.take(key(2), is_submission=False)
    clock.now_s += 1e6
    allowed = [wait_s(rates.take(key(2), is_submission=False)) == 0 for _ in range(3)]
    assert allowed == [True, True, False]


def test_a_submission_counts_against_both_limits_and_reports_the_scarcer(clock: Clock) -> None:
    rates = Rates(clock)
    first = rates.take(key(10, 2), is_submission=True)
    assert first is not None
    assert (first.kind, first.remaining) == ("submissions", 1)
    other = rates.take(key(10, 2), is_submission=False)
    assert other is not None
    assert (other.kind, other.remaining) == ("requests", 8)
    rates.take(key(10, 2), is_submission=True)
    refused = rates.take(key(10, 2), is_submission=True)
    assert refused is not None
    assert (refused.kind, refused.wait_s) == ("submissions", 30.0)
    assert wait_s(rates.take(key(10, 2), is_submission=False)) == 0, "reading goes on"


def test_without_a_limit_nothing_is_counted(clock: Clock) -> None:
    assert Rates(clock).take(key(), is_submission=True) is None


def test_every_key_has_its_own_bucket(clock: Clock) -> None:
    rates = Rates(clock)
    assert wait_s(rates.take(key(1), is_submission=False)) == 0
    assert wait_s(rates.take(key(1), is_submission=False)) > 0
    assert wait_s(rates.take(key(1, name="b"), is_submission=False)) == 0


def test_the_other_files_of_a_batch_count_and_later_submissions_wait(clock: Clock) -> None:
    rates = Rates(clock)
    rates.take(key(0, 10), is_submission=True)
    rates.add_submissions(key(0, 10), 99)
    assert wait_s(rates.take(key(0, 10), is_submission=True)) == pytest.approx(6.0), "of a debt no more is kept than a minute"
    rates.add_submissions(None, 99)
    rates.add_submissions(key(0, 0, "b"), 99)
    assert rates.take(key(0, 0, "b"), is_submission=True) is None


def test_a_lower_limit_applies_at_once(clock: Clock) -> None:
    rates = Rates(clock)
    for _ in range(50):
        rates.take(key(100), is_submission=False)
    assert wait_s(rates.take(key(2), is_submission=False)) == pytest.approx(30.0)
