"""What ends the metrics sink, and what must not."""

from collections.abc import Mapping

import pytest

from sinks.metrics.watchdog import STUCK_S, FaustFault, Watchdog

ENDS = {"jobs-0": 10}


def check(watchdog: Watchdog, *positions: Mapping[str, int] | None) -> None:
    """One a minute, and a little more."""
    for minute, one in enumerate(positions):
        watchdog.check(one, ENDS, minute * (STUCK_S + 1))


def test_unread_records_without_progress_end_it_after_a_minute() -> None:
    watchdog = Watchdog()
    watchdog.check({"jobs-0": 7}, ENDS, 0.0)
    watchdog.check({"jobs-0": 7}, ENDS, STUCK_S)
    with pytest.raises(FaustFault, match="jobs-0"):
        watchdog.check({"jobs-0": 7}, ENDS, STUCK_S + 1)


def test_a_rebalance_that_does_not_end_ends_it_after_a_minute() -> None:
    with pytest.raises(FaustFault, match="rebalance"):
        check(Watchdog(), None, None)


def test_reading_on_is_progress_however_much_is_left() -> None:
    check(Watchdog(), *({"jobs-0": read} for read in range(5)))


def test_an_idle_topic_is_not_a_standstill() -> None:
    check(Watchdog(), *[{"jobs-0": 10}] * 5)


def test_a_sink_without_partitions_is_idle() -> None:
    check(Watchdog(), *[{}] * 5)


def test_short_rebalances_with_work_between_them_do_no_harm() -> None:
    check(Watchdog(), None, {"jobs-0": 9}, None, {"jobs-0": 10}, None)
