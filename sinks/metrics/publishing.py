"""Writes figures to `stats`: when they have changed, and once a minute, so that readers see that the sink is running.

Fed by the stage every few seconds.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from runtime.errors import Retry
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from schemas.stats import JobFigures, QueueFigures, StatsPublished
from schemas.topics import STATS

log = get_logger(__name__)
AT_LEAST_EVERY = timedelta(seconds=60)
Figures = JobFigures | QueueFigures


def name_of(figures: Figures) -> str:
    return f"jobs/{figures.partition}" if isinstance(figures, JobFigures) else "queue"


class Changes:
    """Selects the figures that have to be published, by what was published last under each name. Pure."""

    def __init__(self) -> None:
        self._published: dict[str, StatsPublished] = {}

    def among(self, figures: Iterable[Figures], now: datetime) -> Iterator[StatsPublished]:
        for one in figures:
            last = self._published.get(name_of(one))
            if last is None or last.figures != one or now - last.at >= AT_LEAST_EVERY:
                yield StatsPublished(name=name_of(one), at=now, figures=one)

    def published(self, published: StatsPublished) -> None:
        self._published[published.name] = published


class Publisher:
    def __init__(self, producer: AsyncProducer) -> None:
        self._producer = producer
        self._changes = Changes()

    async def publish(self, figures: Iterable[Figures], now: datetime) -> None:
        """Does not fail while the broker is unavailable: the next call publishes again."""
        try:
            for published in self._changes.among(figures, now):
                await self._producer.send(Output(STATS, published.name, published))
                self._changes.published(published)
        except Retry as error:
            log.warning("stats.waiting", error=error)
