"""When the next attempt is due, and on which topic it waits."""

import heapq
import itertools
import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from runtime.setting_types import WEBHOOK_DELAYS_S
from schemas.topics import WEBHOOK_RETRIES
from sinks.webhooks.schedule import QUICK_POSTPONEMENTS, Due, Schedule
from tests.unit.sinks.webhooks.scene import NOW, after

DAY_S = 86_400.0
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
    assert EXACT.after(1, NOW, at_least_s=20.0) == Due(after(20), WEBHOOK_RETRIES[0], requeue_at=after(5))
    assert EXACT.after(1, NOW, at_least_s=280.0) == Due(after(280), WEBHOOK_RETRIES[1])
    assert EXACT.after(1, NOW, at_least_s=3600.0) == Due(after(3600), WEBHOOK_RETRIES[2], requeue_at=after(1800))


def test_a_pause_is_never_longer_than_the_longest_delay() -> None:
    assert EXACT.after(1, NOW, at_least_s=1e9) == Due(NOW + timedelta(hours=24), WEBHOOK_RETRIES[8])


def test_no_attempt_is_later_than_a_fifth_of_its_topics_delay_or_the_shortest_one_however_many_wait_before_it() -> None:
    """On topics of one partition each, of which only the first record is read before it is due, as on a real broker."""
    chance = random.Random(1)
    retries = Retries(Schedule(WEBHOOK_DELAYS_S, chance.uniform))
    for _ in range(2000):
        attempt, wait_s = chance.randrange(1, 10), chance.choice([0.0, 5.0 * 20_000 ** chance.random()])
        retries.write(after(chance.uniform(0.0, DAY_S)), attempt, wait_s)
    late = retries.run()
    assert len(late) == 2000
    assert [each for each in late if each.late_s > max(0.2 * each.delay_s, 1.1 * 5.0)] == []
    assert max(each.late_s for each in late) > 60.0  # they do get into each other's way


class Late(NamedTuple):
    late_s: float
    delay_s: float


class Retries:
    """Simulates the retry topics."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._queues: dict[str, deque[Due]] = defaultdict(deque)
        self._order = itertools.count()
        self._events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._late: list[Late] = []

    def write(self, at: datetime, attempt: int, at_least_s: float) -> None:
        def first(now: datetime) -> None:
            due = self._schedule.after(attempt, now, at_least_s)
            assert due is not None
            self._append(due, now)

        self._at(at, first)

    def run(self) -> list[Late]:
        while self._events:
            now, _, event = heapq.heappop(self._events)
            event(now)
        return self._late

    def _at(self, time: datetime, event: Callable[[datetime], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _append(self, due: Due, now: datetime) -> None:
        queue = self._queues[due.topic.name]
        queue.append(due)
        if len(queue) == 1:
            self._wait(queue, now)

    def _wait(self, queue: deque[Due], now: datetime) -> None:
        """For the first one, before which no other is read."""
        self._at(max(now, queue[0].requeue_at or queue[0].at), lambda at: self._leave(queue, at))

    def _leave(self, queue: deque[Due], now: datetime) -> None:
        due = queue.popleft()
        if queue:
            self._wait(queue, now)
        if due.at <= now:
            step = WEBHOOK_RETRIES.index(due.topic) + 1
            self._late.append(Late((now - due.at).total_seconds(), WEBHOOK_DELAYS_S[step]))
        else:
            again = self._schedule.requeued(due.at, now)
            self._append(replace(again, at=due.at), now)


@pytest.mark.parametrize(("wait_s", "times"), [(20.0, 3), (60.0, 11), (3600.0, 1), (4 * 3600.0, 1), (86_400.0, 0)])
def test_what_waits_longer_than_its_topics_delay_is_written_again_a_few_times(wait_s: float, times: int) -> None:
    due, written = EXACT.after(1, NOW, wait_s), 0
    while due is not None and due.requeue_at is not None:
        due, written = EXACT.requeued(after(wait_s), due.requeue_at), written + 1
    assert (due and due.at, written) == (after(wait_s), times)


def test_what_is_postponed_comes_again_soon_and_after_many_times_later() -> None:
    assert EXACT.postponed(1.0, 0, NOW) == Due(after(5), WEBHOOK_RETRIES[0])
    assert EXACT.postponed(60.0, 0, NOW) == Due(after(60), WEBHOOK_RETRIES[0], requeue_at=after(5))
    assert EXACT.postponed(1.0, QUICK_POSTPONEMENTS, NOW) == Due(after(300), WEBHOOK_RETRIES[1])


def test_what_is_postponed_together_comes_again_a_little_apart_and_not_too_early() -> None:
    assert (EARLY.postponed(60.0, 0, NOW).at, LATE.postponed(60.0, 0, NOW).at) == (after(60), after(66))


def test_a_circuit_is_open_briefly_beside_the_delays() -> None:
    assert EXACT.pauses.first_s == 5.0
    assert Schedule([0.0, 1.0, 5.0]).pauses.first_s == 0.05


def test_a_receiver_can_ask_for_the_longest_delay_at_most() -> None:
    assert EXACT.pauses.asked_max_s == 24 * 3600
    assert Schedule([0.0]).pauses.asked_max_s > 0


def test_with_a_single_attempt_there_is_no_second_one_and_a_pause_all_the_same() -> None:
    only = Schedule([0.0])
    assert only.after(1, NOW) is None
    assert only.postponed(0.1, 0, NOW).at > NOW
    assert only.postponed(9.0, 0, NOW).requeue_at is None


def test_a_delay_of_zero_makes_nothing_go_round_in_circles() -> None:
    assert Schedule([0.0, 0.0, 0.0]).requeued(after(9), NOW).requeue_at is None
