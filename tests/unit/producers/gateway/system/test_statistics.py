"""The figures of `/api/stats` are as `/openapi.json` describes them, also where there are any."""

from datetime import UTC, datetime

from producers.gateway.documents.system import Statistics
from runtime.stats import summary
from schemas.stats import QueueFigures, StatsPublished

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_the_audio_that_waits_is_described_by_lane() -> None:
    queue = QueueFigures(queued_audio_s={"interactive": 0.0, "bulk": 12.0}, oldest_waiting_since=NOW)
    document = summary([StatsPublished(name="queue", at=NOW, figures=queue)], NOW)
    assert Statistics.model_validate(document).queued_audio_s == {"interactive": 0.0, "bulk": 12.0}
