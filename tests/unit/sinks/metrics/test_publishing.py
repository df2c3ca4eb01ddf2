"""Figures are published when they change, and periodically, so that a missing record means that the sink is not running."""

from datetime import UTC, datetime, timedelta

from schemas.stats import JobFigures, QueueFigures
from sinks.metrics.publishing import AT_LEAST_EVERY, Changes

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def published(changes: Changes, figures: list[JobFigures | QueueFigures], now: datetime) -> list[str]:
    """The names that are published."""
    published = list(changes.among(figures, now))
    for one in published:
        changes.published(one)
    return [one.name for one in published]


def test_what_did_not_change_is_not_published_again() -> None:
    changes = Changes()
    figures: list[JobFigures | QueueFigures] = [JobFigures(partition=0), QueueFigures(queued_audio_s={"bulk": 0.0})]
    assert published(changes, figures, NOW) == ["jobs/0", "queue"]
    assert published(changes, figures, NOW + timedelta(seconds=2)) == []
    changed: list[JobFigures | QueueFigures] = [figures[0], QueueFigures(queued_audio_s={"bulk": 30.0})]
    assert published(changes, changed, NOW + timedelta(seconds=4)) == ["queue"]


def test_everything_is_published_at_least_once_a_minute() -> None:
    changes = Changes()
    assert published(changes, [JobFigures(partition=0)], NOW) == ["jobs/0"]
    assert published(changes, [JobFigures(partition=0)], NOW + AT_LEAST_EVERY) == ["jobs/0"]


def test_what_was_not_acknowledged_is_published_again() -> None:
    changes = Changes()
    assert [one.name for one in changes.among([JobFigures(partition=0)], NOW)] == ["jobs/0"]
    assert published(changes, [JobFigures(partition=0)], NOW) == ["jobs/0"]
