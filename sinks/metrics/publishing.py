"""Writes figures to `stats`: when they have changed, and once a minute, so that readers see that the sink is running.

Fed by the stage every few seconds.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from runtime.errors import Retry
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from schemas.stats import JobFigures, QueueFigures, StatsPublished
from schemas.topics import STATS

log = get_logger(__name__)
AT_LEAST_EVERY = timedelta(seconds=60)
Figures = JobFigures | QueueFigures


class Producer(Protocol):
    """Raises Retry."""

    async def send(self, output: Output) -> None: ...


def name_of(figures: Figures) -> str:
    return f"jobs/{figures.partition}" if isinstance(figures, JobFigures) else "queue"


class Publisher:
    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._published: dict[str, StatsPublished] = {}

    async def publish(self, figures: Iterable[Figures], now: datetime) -> None:
        """Does not fail while the broker is unavailable: the next call publishes again."""
        try:
            for one in figures:
                new = StatsPublished(name=name_of(one), at=now, figures=one)
                last = self._published.get(new.name)
                if last is None or last.figures != one or now - last.at >= AT_LEAST_EVERY:
                    await self._producer.send(Output(STATS, new.name, new))
                    self._published[new.name] = new
        except Retry as error:
            log.warning("stats.waiting", error=error)
