"""The metrics of one stage's loop: their children by label, looked up once. Updated once per turn, not per record."""

from collections import Counter
from collections.abc import Iterable

from runtime import metrics


class LoopMetrics:
    """For the loop's thread."""

    def __init__(self, stage: str, topics: Iterable[str]) -> None:
        self._stage = stage
        self._records = {topic: metrics.RECORDS.labels(stage, topic) for topic in topics}
        self._turn_records = metrics.TURN_RECORDS.labels(stage)
        self._in_flight = metrics.RECORDS_IN_FLIGHT.labels(stage)
        self._handle_s = metrics.HANDLE_SECONDS.labels(stage)
        self._retries = metrics.RETRIES.labels(stage)
        self._last_in_flight = -1

    def received(self, topics: list[str]) -> None:
        """`topics`: of each record of one poll."""
        if topics:
            self._turn_records.observe(len(topics))
            for topic, count in Counter(topics).items():
                self._records[topic].inc(count)

    def handled(self, seconds: float) -> None:
        """One turn in which something happened."""
        self._handle_s.observe(seconds)

    def in_flight(self, count: int) -> None:
        if count != self._last_in_flight:
            self._last_in_flight = count
            self._in_flight.set(count)

    def retried(self, count: int) -> None:
        self._retries.inc(count)

    def dead_lettered(self, reason: str) -> None:
        metrics.DEAD_LETTERS.labels(self._stage, reason).inc()
