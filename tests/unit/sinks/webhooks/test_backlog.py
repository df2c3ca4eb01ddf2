"""How much waits in memory for one receiver."""

from sinks.webhooks.backlog import Backlog, Limits

LIMITS = Limits(places=2, count_max=10, wait_max_s=5.0, again_max_s=60.0)


def test_many_deliveries_are_too_many_only_where_they_take_long() -> None:
    assert Backlog(11, average_s=0.02).wait_s(LIMITS, 0.0) == 0.0
    assert Backlog(11, average_s=2.0).wait_s(LIMITS, 0.0) == 11 * 2.0 / 2
    assert Backlog(10, average_s=2.0).wait_s(LIMITS, 0.0) == 0.0


def test_what_is_too_much_is_looked_at_again_before_long() -> None:
    assert Backlog(1000, average_s=15.0).wait_s(LIMITS, 0.0) == 60.0


def test_attempts_that_hang_count_before_their_time_is_over() -> None:
    hanging = Backlog(11, began_s=[0.0, 3.0])
    assert hanging.wait_s(LIMITS, 0.1) == 0.0
    assert hanging.wait_s(LIMITS, 4.0) == 11 * 4.0 / 2


def test_one_that_hangs_leaves_the_other_places() -> None:
    assert Backlog(11, average_s=0.1, began_s=[0.0]).wait_s(LIMITS, 60.0) == 0.0


def test_the_average_follows_slowly_and_begins_anew_when_a_receiver_is_back() -> None:
    backlog = Backlog()
    backlog.ended(15.0, anew=False)
    backlog.ended(5.0, anew=False)
    assert backlog.average_s == 13.0
    backlog.ended(0.1, anew=True)
    assert backlog.average_s == 0.1
