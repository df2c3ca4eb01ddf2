"""The runs that nobody waits for any more, as slicers and transcribers see them. Follows `revocations` whole."""

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Received
from schemas.topics import REVOCATIONS
from schemas.work import RunRevoked


class Revocations:
    """`revoked()` may be asked from any thread. It and `check()` raise what ended the following: UsageError when the topic is
    missing."""

    def __init__(self, kafka: Kafka, name: str) -> None:
        self._runs: dict[str, str] = {}  # work -> the run of it that was revoked last
        self._thread = FollowerThread(f"{name}-revocations", kafka, [REVOCATIONS], self._take)

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        self._thread.check()

    def stop(self) -> None:
        """Idempotent; returns when the follower is closed."""
        self._thread.stop()

    def revoked(self, work_id: str, run: str) -> bool:
        self.check()
        return self._runs.get(work_id) == run

    def _take(self, _follower: Follower, records: list[Received]) -> None:
        for record in records:
            if isinstance(record.event, RunRevoked):
                self._runs[record.event.work_id] = record.event.run
