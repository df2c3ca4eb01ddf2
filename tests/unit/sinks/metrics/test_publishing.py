"""Figures are published when they change, and periodically, so that a missing record means that the sink is not running."""

import asyncio
from datetime import UTC, datetime, timedelta

from runtime.errors import Retry
from runtime.kafka.messages import Output
from schemas.stats import JobFigures, QueueFigures
from sinks.metrics.publishing import AT_LEAST_EVERY, Figures, Publisher

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Broker:
    """Acknowledges what is sent, unless it is `away`."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.away = False

    async def send(self, output: Output) -> None:
        if self.away:
            raise Retry("no broker")
        self.sent.append(output.key)

    def takes(self, publisher: Publisher, figures: list[Figures], now: datetime) -> list[str | bytes]:
        """The names that are published."""
        self.sent = []
        asyncio.run(publisher.publish(figures, now))
        return self.sent


def test_what_did_not_change_is_not_published_again() -> None:
    broker = Broker()
    publisher = Publisher(broker)
    figures: list[Figures] = [JobFigures(partition=0), QueueFigures(queued_audio_s={"bulk": 0.0})]
    assert broker.takes(publisher, figures, NOW) == ["jobs/0", "queue"]
    assert broker.takes(publisher, figures, NOW + timedelta(seconds=2)) == []
    changed: list[Figures] = [figures[0], QueueFigures(queued_audio_s={"bulk": 30.0})]
    assert broker.takes(publisher, changed, NOW + timedelta(seconds=4)) == ["queue"]


def test_everything_is_published_at_least_once_a_minute() -> None:
    broker = Broker()
    publisher = Publisher(broker)
    assert broker.takes(publisher, [JobFigures(partition=0)], NOW) == ["jobs/0"]
    assert broker.takes(publisher, [JobFigures(partition=0)], NOW + AT_LEAST_EVERY) == ["jobs/0"]


def test_what_was_not_acknowledged_is_published_again() -> None:
    broker = Broker()
    publisher = Publisher(broker)
    broker.away = True
    assert broker.takes(publisher, [JobFigures(partition=0)], NOW) == []
    broker.away = False
    assert broker.takes(publisher, [JobFigures(partition=0)], NOW) == ["jobs/0"]
