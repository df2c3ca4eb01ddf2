"""The runs that nobody waits for any more, as slicers and transcribers see them. Follows `revocations` whole."""

import threading

from runtime.errors import BrokerAway
from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.logs import get_logger
from schemas.topics import REVOCATIONS
from schemas.work import RunRevoked

log = get_logger(__name__)
POLL_S = 0.2


class Revocations:
    """`revoked()` may be asked from any thread. A follower that fails is reported by the next question."""

    def __init__(self, kafka: Kafka, name: str) -> None:
        self._follower = Follower(kafka, [REVOCATIONS])
        self._runs: dict[str, str] = {}  # work -> the run of it that was revoked last
        self._stopping = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, name=f"{name}-revocations", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Idempotent; returns when the follower is closed."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def revoked(self, work_id: str, run: str) -> bool:
        if self._failed is not None:
            raise RuntimeError("revocations can no longer be followed") from self._failed
        return self._runs.get(work_id) == run

    def _follow(self) -> None:
        try:
            self._open()
            while not self._stopping.is_set():
                for record in self._follower.poll(POLL_S):
                    if isinstance(record.event, RunRevoked):
                        self._runs[record.event.work_id] = record.event.run
        except Exception as error:
            log.exception("revocations.lost")
            self._failed = error
        finally:
            self._follower.close()

    def _open(self) -> None:
        """Waits for a broker; the stage's loop says why it is not there."""
        while not self._stopping.is_set():
            try:
                self._follower.open()
            except BrokerAway as away:
                log.debug("revocations.waiting", error=away, wait_s=POLL_S)
                self._stopping.wait(POLL_S)
            else:
                return
