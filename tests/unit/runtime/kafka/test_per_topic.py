"""The wait for several consumers, on a clock that only they move."""

import pytest

from runtime.kafka import per_topic
from runtime.kafka.per_topic import PerTopic
from runtime.kafka.wakeup import Wakeup

CALL_S = 0.000_01


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class EmptyConsumer:
    """Waits as librdkafka does: whole milliseconds, what is less is cut off."""

    def __init__(self, clock: Clock) -> None:
        self.polls = 0
        self._clock = clock

    def poll(self, timeout_s: float) -> None:
        self.polls += 1
        self._clock.now_s += CALL_S + int(timeout_s * 1000) / 1000


@pytest.mark.parametrize("timeout_s", [0.0, 0.0101, 0.1])
def test_a_wait_without_records_polls_each_topic_a_few_times(monkeypatch: pytest.MonkeyPatch, timeout_s: float) -> None:
    clock = Clock()
    monkeypatch.setattr(per_topic, "time", clock)
    consumers = {topic: EmptyConsumer(clock) for topic in ("fast", "slow")}

    assert PerTopic(consumers, Wakeup()).poll(timeout_s) is None  # type: ignore[arg-type]

    assert clock.now_s >= timeout_s - per_topic.SHORTEST_S
    waits = 1 + timeout_s / per_topic.SLICE_S
    assert all(consumer.polls <= 2 * waits + 2 for consumer in consumers.values())
