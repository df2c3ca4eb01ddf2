"""What ends the metrics sink, and what must not."""

from dataclasses import dataclass, field

import pytest

from sinks.metrics.watchdog import STUCK_S, FaustFault, Watchdog


@dataclass
class Faust:
    session_s: float = 10.0
    crash: BaseException | None = None
    silent_s: float = 0.5
    committing_s: float = 0.0
    recovering: bool = False
    stands: dict[str, int] = field(default_factory=dict)

    def unread(self) -> dict[str, int]:
        return dict(self.stands)


def test_a_crash_ends_it_with_its_reason() -> None:
    with pytest.raises(FaustFault, match="a codec is missing"):
        Watchdog(Faust(crash=RuntimeError("a codec is missing"))).check(0.0)


def test_three_sessions_without_a_heartbeat_end_it() -> None:
    Watchdog(Faust(silent_s=29.0)).check(0.0)
    with pytest.raises(FaustFault, match="heartbeat"):
        Watchdog(Faust(silent_s=31.0)).check(0.0)


def test_a_commit_that_does_not_come_back_ends_it_after_a_minute() -> None:
    Watchdog(Faust(committing_s=STUCK_S)).check(0.0)
    with pytest.raises(FaustFault, match="commit"):
        Watchdog(Faust(committing_s=STUCK_S + 1)).check(0.0)


def test_unread_records_without_progress_end_it_after_a_minute() -> None:
    watchdog = Watchdog(Faust(stands={"jobs-0": 7}))
    watchdog.check(0.0)
    watchdog.check(STUCK_S)
    with pytest.raises(FaustFault, match="jobs-0"):
        watchdog.check(STUCK_S + 1)


def test_reading_on_is_progress_however_much_is_left() -> None:
    faust = Faust(stands={"jobs-0": 7})
    watchdog = Watchdog(faust)
    for minute in range(5):
        faust.stands = {"jobs-0": 7 + minute}
        watchdog.check(minute * 60.0)


def test_an_idle_topic_is_not_a_standstill() -> None:
    watchdog = Watchdog(Faust())
    for minute in range(5):
        watchdog.check(minute * 60.0)


def test_the_recovery_of_tables_may_take_minutes() -> None:
    watchdog = Watchdog(Faust(stands={"jobs-0": 7}, recovering=True))
    for minute in range(5):
        watchdog.check(minute * 60.0)
