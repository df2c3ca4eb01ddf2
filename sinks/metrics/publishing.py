"""Writes figures to `stats`: when they have changed, and once a minute so that readers see that somebody counts.

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


class News:
    """What was said last under each name. Pure."""

    def __init__(self) -> None:
        self._said: dict[str, StatsPublished] = {}

    def of(self, figures: Iterable[Figures], now: datetime) -> Iterator[StatsPublished]:
        for one in figures:
            known = self._said.get(name_of(one))
            if known is None or known.figures != one or now - known.at >= AT_LEAST_EVERY:
                yield StatsPublished(name=name_of(one), at=now, figures=one)

    def said(self, published: StatsPublished) -> None:
        self._said[published.name] = published


class Publisher:
    def __init__(self, producer: AsyncProducer) -> None:
        self._producer = producer
        self._news = News()

    async def publish(self, figures: Iterable[Figures], now: datetime) -> None:
        """A broker that is away is no error: the next round says it again."""
        try:
            for published in self._news.of(figures, now):
                await self._producer.send(Output(STATS, published.name, published))
                self._news.said(published)
        except Retry as error:
            log.warning("stats.waiting", error=error)
