"""The revoked runs, for slicers and transcribers. Follows all of `revocations`."""

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower, Start
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Received
from schemas.topics import REVOCATIONS
from schemas.work import RunRevoked


class Revocations:
    """`is_revoked()` may be asked from any thread. It and `check()` raise what ended the following: UsageError when the topic is
    missing."""

    def __init__(self, kafka: Kafka, name: str) -> None:
        self._runs: dict[str, str] = {}  # work -> the run of it that was revoked last
        self._kafka = kafka
        self._opened = False
        self._thread = FollowerThread(f"{name}-revocations", kafka, [REVOCATIONS], self._take, self._begin)

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        self._thread.check()

    def stop(self) -> None:
        """Idempotent; returns when the follower is closed."""
        self._thread.stop()

    def is_revoked(self, work_id: str, run: str) -> bool:
        self.check()
        return self._runs.get(work_id) == run

    def _begin(self) -> Start:
        self._opened = False
        return "beginning"

    def _take(self, _follower: Follower, records: list[Received]) -> None:
        if not self._opened:
            self._opened = True
            self._kafka.offsets.close()  # slicer and transcriber ask nothing else: its client's threads need not stay
        for record in records:
            if isinstance(record.event, RunRevoked):
                self._runs[record.event.work_id] = record.event.run
            elif record.key is not None and record.value is None:
                self._runs.pop(record.key.decode(errors="replace"), None)
